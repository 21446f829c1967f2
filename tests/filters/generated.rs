//! Makes a random tree of files and rules from a seed, asks git what it ignores there, and folds
//! records to names.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::common::git::git;
use super::common::{Record, Watch};

const NAMES: [&str; 14] = [
    "a", "b", "ab", "build", "x.log", "y.log", "a b", "{a}", "[b]", "a]", "-a", "!a", "#b", "c\\d",
];

/// Parts of rules besides names, which git and ripgrep read alike.
const PARTS: [&str; 14] = [
    "*", "?", "**", "*.log", "a*", "*b", "[ab]", "[a-c]?", "\\[b\\]", "\\!a", "\\#b", "a\\ b",
    "x**g", "c\\\\d",
];

/// Pseudo-random numbers, the same ones for a seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub(crate) fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn rule(&mut self) -> String {
        let mut rule = String::from(if self.below(4) == 0 { "!" } else { "" });
        rule.push_str(if self.below(4) == 0 { "/" } else { "" });
        for part in 0..1 + self.below(5) / 2 {
            rule.push_str(if part > 0 { "/" } else { "" });
            let plain = self.below(2) == 0;
            rule.push_str(if plain {
                self.of(&NAMES[..5])
            } else {
                self.of(&PARTS)
            });
        }
        rule.push_str(["", "", "", "/", "  ", "/**"][self.below(6)]);
        rule
    }

    pub(crate) fn rules(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.below(4) {
            text.push_str(&self.rule());
            text.push_str(["\n", "\n", "\r\n", "\n\n# comment\n"][self.below(4)]);
        }
        text
    }

    /// A tree of names, with rules in about every third directory.
    pub(crate) fn grow(&mut self, dir: &Path, depth: usize) {
        for name in NAMES {
            match self.below(4) {
                0 if depth > 0 => {
                    fs::create_dir(dir.join(name)).unwrap();
                    self.grow(&dir.join(name), depth - 1);
                }
                1 | 2 => fs::write(dir.join(name), name).unwrap(),
                _ => {}
            }
        }
        if self.below(3) == 0 {
            fs::write(dir.join(".gitignore"), self.rules()).unwrap();
        }
    }

    /// A directory of the tree, by walking down; never into `.git`.
    pub(crate) fn directory(&mut self, root: &Path) -> PathBuf {
        let mut at = root.to_owned();
        while self.below(3) > 0 {
            let listing = fs::read_dir(&at).unwrap().flatten();
            let below = listing
                .filter(|entry| entry.file_type().unwrap().is_dir() && entry.file_name() != ".git");
            let below: BTreeSet<PathBuf> = below.map(|entry| entry.path()).collect();
            if below.is_empty() {
                break;
            }
            let below: Vec<&Path> = below.iter().map(PathBuf::as_path).collect();
            at = self.of(&below).to_owned();
        }
        at
    }

    /// Changes something in the tree: rules in one of the ways that editors have, or
    /// names that rules are about.
    pub(crate) fn change(&mut self, root: &Path) {
        let (dir, other) = (self.directory(root), self.directory(root));
        let name = self.of(&NAMES);
        let rules = dir.join(".gitignore");
        // An operation that fails is as good as any other.
        let _ = match self.below(9) {
            0 => fs::write(&rules, self.rules()),
            1 => {
                fs::write(dir.join(".new"), self.rules()).unwrap();
                fs::rename(dir.join(".new"), &rules)
            }
            2 => fs::remove_file(&rules),
            3 => fs::rename(&rules, other.join(".gitignore")),
            4 => fs::create_dir(dir.join(name)),
            5 => fs::write(dir.join(name), "new"),
            6 | 7 if dir != root => fs::rename(&dir, other.join(name)),
            8 => fs::write(root.join(".git/info/exclude"), self.rules()),
            _ => fs::remove_file(dir.join(name)),
        };
    }
}

/// What `git check-ignore` leaves of the tree below a directory, with `.` before it, and
/// how many directories that are.
pub(crate) fn visible(dir: &Path) -> (BTreeSet<String>, usize) {
    let mut all = Vec::new();
    list(dir, ".", &mut all);
    let mut child = git(dir);
    child.args(["check-ignore", "--no-index", "--stdin", "-z"]);
    let mut child = child
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let paths: Vec<u8> = all
        .iter()
        .flat_map(|(path, _)| [path.as_bytes(), b"\0"].concat())
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&paths).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    let ignored = String::from_utf8(output.stdout).unwrap();
    let ignored: BTreeSet<&str> = ignored.split('\0').collect();
    all.retain(|(path, _)| !ignored.contains(path.as_str()));
    let directories = all.iter().filter(|(_, is_dir)| *is_dir).count();
    (
        all.into_iter().map(|(path, _)| path).collect(),
        directories + 1,
    )
}

/// All names below a directory, but for `.git`, and whether each is a directory.
fn list(dir: &Path, shown: &str, into: &mut Vec<(String, bool)>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name == ".git" {
            continue;
        }
        let path = format!("{shown}/{name}");
        let is_dir = entry.file_type().unwrap().is_dir();
        if is_dir {
            list(&entry.path(), &path, into);
        }
        into.push((path, is_dir));
    }
}

/// The names that a watcher's records leave, none reported twice.
pub(crate) struct Names {
    pub(crate) names: BTreeSet<String>,
    fed: usize,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            names: BTreeSet::new(),
            fed: 0,
        }
    }

    /// Applies the records that came since.
    pub(crate) fn feed(&mut self, watch: &Watch) {
        let lines = watch.out.lines_from(self.fed);
        self.fed += lines.len();
        for line in lines {
            let record = Record::parse(&line.bytes).unwrap();
            let path = record.text("path").unwrap_or_default().to_owned();
            match record.event() {
                _ if path == "." => {}
                "existing" | "created" => {
                    assert!(self.names.insert(path.clone()), "reported twice: {path}")
                }
                "deleted" => assert!(self.names.remove(&path), "was not there: {path}"),
                "renamed" => self.rename(record.text("from").unwrap(), &path),
                _ => {}
            }
        }
    }

    /// Moves a name and all below it.
    fn rename(&mut self, from: &str, to: &str) {
        assert!(self.names.contains(from), "was not there: {from}");
        self.names.remove(to);
        let moved = |name: &String| {
            name.strip_prefix(from)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let old: Vec<String> = self
            .names
            .iter()
            .filter(|name| moved(name))
            .cloned()
            .collect();
        for name in old {
            self.names.remove(&name);
            self.names.insert(format!("{to}{}", &name[from.len()..]));
        }
    }
}
