//! Tests rule files, read from disk.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::rule_source::RuleSource;
use super::super::rules::{RuleChanges, Rules};
use super::{Filter, reported, tree, with_rules};
use crate::sys::read_regular::{Read, read_regular};

#[test]
fn inner_rules_beat_outer_ones_and_ignore_beats_gitignore() {
    let tree = tree(&[
        (".gitignore", "*.log\n/build\n"),
        ("sub/.gitignore", "!keep.log\n/only\n"),
        ("sub/.ignore", "!shown.log\nhidden.txt\n"),
        ("sub/deep/.gitignore", "!hidden.txt\n*\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = [
        ".git/",
        "a.log",
        "build/",
        "sub/build/",
        "sub/keep.log",
        "sub/shown.log",
        "sub/only",
        "sub/deep/",
        "sub/deep/only",
        "sub/deep/shown.log",
        "sub/deep/hidden.txt",
        "hidden.txt",
    ];
    let left = [
        "sub/build/",
        "sub/keep.log",
        "sub/shown.log",
        "sub/deep/",
        "sub/deep/shown.log",
        "hidden.txt",
    ];
    assert_eq!(reported(&filter, tree.path(), &names), left);
    // The command line overrides rule files.
    let filter = with_rules(&["!/a.log", "!.git", "hidden.txt"], &[".git", "*.log"]);
    assert_eq!(
        reported(
            &filter,
            tree.path(),
            &[
                ".git/",
                "a.log",
                "b.log",
                "sub/",
                "sub/keep.log",
                "hidden.txt",
                "c"
            ]
        ),
        [".git/", "a.log", "sub/", "sub/keep.log"]
    );
}

#[test]
fn rules_above_a_path_count_up_to_the_root_of_its_repository() {
    let tree = tree(&[
        (".gitignore", "far\n"),
        ("repo/.git/info/exclude", "/one/two/excluded\n"),
        ("repo/.gitignore", "/one/two/near\n*.log\n/one\n"),
        ("repo/one/.gitignore", "!a.log\ntwo/[n]earer\n"),
        ("repo/one/two/inner/.gitignore", "three\n"),
    ]);
    let names = [
        "far",
        "near",
        "nearer",
        "excluded",
        "a.log",
        "b.log",
        "inner/near",
        "inner/three",
    ];
    let filter = with_rules(&[], &[]);
    let root = tree.path().join("repo/one/two");
    assert_eq!(
        reported(&filter, &root, &names),
        ["far", "a.log", "inner/near"]
    );
    // Without a repository, rules above the PATH do not count.
    fs::remove_dir_all(tree.path().join("repo/.git")).unwrap();
    assert_eq!(filter.find_changes(), RuleChanges::All);
    filter.forget_all();
    let left = [
        "far",
        "near",
        "nearer",
        "excluded",
        "a.log",
        "b.log",
        "inner/near",
    ];
    assert_eq!(reported(&filter, &root, &names), left);
}

#[test]
fn a_repository_has_rules_of_its_own() {
    let tree = tree(&[
        (".git/info/exclude", "x\n"),
        (".gitignore", "a\n"),
        (".ignore", "i\n"),
        ("inner/.git/info/exclude", "y\n"),
        ("inner/.gitignore", "b\n"),
        ("tree/.git", "gitdir: ../inner/.git/worktrees/tree\n"),
        ("inner/.git/worktrees/tree/commondir", "../..\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = [
        "a", "x", "y", "inner/a", "inner/x", "inner/b", "inner/y", "inner/i", "tree/x", "tree/y",
    ];
    assert_eq!(
        reported(&filter, tree.path(), &names),
        ["y", "inner/a", "inner/x", "tree/x"]
    );
    let users = tempfile::NamedTempFile::new().unwrap();
    fs::write(users.path(), "u\n!a\n").unwrap();
    let rules = Rules::new(Some(users.path().to_owned()), RuleSource::new());
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    assert_eq!(
        reported(&filter, tree.path(), &["a", "u", "inner/u", "z"]),
        ["z"]
    );
}

#[test]
fn rules_are_kept_until_they_are_forgotten() {
    let tree = tree(&[
        ("sub/.gitignore", "a\n"),
        ("sub-way/.gitignore", "a\n"),
        (".git/info/exclude", "e\n"),
    ]);
    let (filter, root) = (with_rules(&[], &[]), tree.path());
    let names = ["sub/a", "sub/deep/a", "sub-way/a", "e"];
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    for dir in ["sub", "sub-way"] {
        fs::write(root.join(dir).join(".gitignore"), "").unwrap();
    }
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    filter.forget(root.as_os_str().as_bytes(), b"sub");
    assert_eq!(reported(&filter, root, &names), ["sub/a", "sub/deep/a"]);
    filter.forget(root.as_os_str().as_bytes(), b"");
    assert_eq!(
        reported(&filter, root, &names),
        ["sub/a", "sub/deep/a", "sub-way/a"]
    );
    assert_eq!(filter.find_changes(), RuleChanges::In(Vec::new()));
    fs::write(root.join(".git/info/exclude"), "").unwrap();
    assert_eq!(filter.find_changes(), RuleChanges::All);
    filter.forget_all();
    assert_eq!(reported(&filter, root, &names), names);
}

#[test]
fn what_is_no_regular_file_holds_no_rules() {
    let tree = tree(&[("rules", "a\n"), ("d/.gitignore/x", "")]);
    std::os::unix::fs::symlink("rules", tree.path().join(".gitignore")).unwrap();
    assert_eq!(
        reported(&with_rules(&[], &[]), tree.path(), &["a", "d/a"]),
        ["a", "d/a"]
    );
    fs::write(tree.path().join(".ignore"), b"\xff\n[\nb\n").unwrap();
    assert_eq!(
        reported(&with_rules(&[], &[]), tree.path(), &["a", "b", "["]),
        ["a", "["]
    );
}

/// The errors that reading a file whose name ends in `.failing` gives, while there is one.
fn read_or_fail(path: &Path, limit: u64) -> io::Result<Option<Read>> {
    let mut failing = path.as_os_str().to_owned();
    failing.push(".failing");
    match fs::read_to_string(failing) {
        Ok(number) => Err(io::Error::from_raw_os_error(number.trim().parse().unwrap())),
        Err(_) => read_regular(path, limit),
    }
}

#[test]
fn what_cannot_be_read_for_a_while_counts_as_before() {
    let tree = tree(&[
        (".git/info/exclude", "excluded\n"),
        ("sub/.gitignore", "a\n"),
        ("sub/.ignore", "b\n"),
    ]);
    let root = tree.path().as_os_str().as_bytes();
    let users = tree.path().join("users");
    fs::write(&users, "user\n").unwrap();
    let rules = Rules::new(Some(users), RuleSource::reading_by(read_or_fail));
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    let names = ["excluded", "user", "sub/a", "sub/b", "sub/c"];
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"]);
    let files = [
        "sub/.gitignore",
        "sub/.ignore",
        ".git/info/exclude",
        "users",
        ".git",
    ];
    // EIO, EACCES, ENOMEM, EMFILE, ENFILE.
    for (file, number) in files.into_iter().zip([5, 13, 12, 24, 23]) {
        let failing = tree.path().join(format!("{file}.failing"));
        fs::write(&failing, number.to_string()).unwrap();
        for _ in 0..2 {
            filter.forget(root, b"");
            assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"], "{file}");
        }
        filter.forget_all();
        assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"], "{file}");
        assert_eq!(filter.take_warnings().len(), 3, "{file}");
        assert_eq!(filter.find_changes(), RuleChanges::In(Vec::new()));
        fs::remove_file(failing).unwrap();
        filter.hasten_retries();
        let dir = file
            .strip_suffix("/.gitignore")
            .or(file.strip_suffix("/.ignore"));
        let dir = dir.unwrap_or("").as_bytes().to_vec();
        let found = RuleChanges::In(vec![(root.to_vec(), dir)]);
        assert_eq!(filter.find_changes(), found, "{file}");
    }
    // The other files are read, and what was read then counts.
    fs::write(tree.path().join("sub/.ignore.failing"), "24").unwrap();
    fs::write(tree.path().join("sub/.gitignore"), "c\n").unwrap();
    filter.forget(root, b"sub");
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/a"]);
    // What is gone has no rules to come back to.
    filter.remove(root, b"sub");
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/a", "sub/b"]);
}

/// The text of a rule file of so many globs, of which one hides `name`.
fn globs(count: usize, name: &str) -> String {
    let others: String = (1..count).map(|n| format!("/{name}?*/{n}\n")).collect();
    format!("{others}/{name}\n")
}

/// A tree of directories, and the filter by the rule files that are put there.
struct Directories {
    tree: tempfile::TempDir,
    filter: Filter,
}

impl Directories {
    fn root(&self) -> &[u8] {
        self.tree.path().as_os_str().as_bytes()
    }

    /// Writes the rule file of a directory, and reads it.
    fn write(&self, dir: &str, text: &str) {
        let path = self.tree.path().join(dir);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(".gitignore"), text).unwrap();
        self.filter.forget(self.root(), dir.as_bytes());
        self.hides(dir, "x");
    }

    fn hides(&self, dir: &str, name: &str) -> bool {
        let path = format!("{dir}/{name}");
        self.filter.hides(self.root(), path.as_bytes(), false)
    }

    /// Makes checks, and reads what they find, until all rules count; the directories found.
    fn catch_up(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for _ in 0..20_000 {
            if !self.filter.are_rules_late() {
                return found;
            }
            let RuleChanges::In(changed) = self.filter.find_changes() else {
                panic!("not all rules have changed");
            };
            for (_, dir) in changed {
                self.filter.forget(self.root(), &dir);
                self.hides(std::str::from_utf8(&dir).unwrap(), "x");
                found.push(dir);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("they are never compiled");
    }
}

#[test]
fn of_many_rule_files_that_change_some_count_as_before_until_a_thread_has_compiled_them() {
    let (tree, filter) = (tree(&[]), with_rules(&[], &[]));
    let all = Directories { tree, filter };
    let dirs = ["d0", "d1", "d2"];
    for dir in dirs {
        all.write(dir, &globs(700, "old"));
    }
    // Before the loop begins, all are compiled.
    assert!(dirs.iter().all(|dir| all.hides(dir, "old")));
    assert_eq!(all.filter.find_changes(), RuleChanges::In(Vec::new()));
    // The same bytes need no compiling, and few globs little time.
    all.write("d0", &globs(700, "old"));
    all.write("d1", &globs(50, "new"));
    assert!(all.hides("d0", "old") && all.hides("d1", "new"));
    assert!(!all.filter.are_rules_late());
    // A file that nothing is known of is compiled at once; the next one is not, nor any change.
    all.write("e0", &globs(700, "new"));
    all.write("e1", &globs(700, "new"));
    all.write("d2", &globs(700, "new"));
    assert!(all.hides("e0", "new") && !all.hides("e1", "new"));
    assert!(all.hides("d2", "old") && !all.hides("d2", "new"));
    assert!(all.filter.are_rules_late());
    let mut found = all.catch_up();
    found.sort_unstable();
    assert!(found.contains(&b"d2".to_vec()) && !found.contains(&b"d0".to_vec()));
    assert!(all.hides("e1", "new") && all.hides("d2", "new") && !all.hides("d2", "old"));
}

#[test]
fn rules_that_change_while_they_are_compiled_count_in_the_end() {
    let (tree, filter) = (tree(&[]), with_rules(&[], &[]));
    let all = Directories { tree, filter };
    all.filter.find_changes();
    for round in 0..20 {
        for dir in ["d", "e"] {
            all.write(dir, &globs(700, &format!("name{round}")));
        }
        if round % 4 == 0 {
            all.filter.find_changes();
        }
    }
    all.catch_up();
    assert!(all.hides("d", "name19") && all.hides("e", "name19"));
    assert!(!all.hides("d", "name18") && !all.hides("e", "name18"));
    // No more rules are compiled than all files may have; the others wait for their turn.
    for number in 0..20 {
        all.write(&format!("many{number}"), &globs(1_900, "name"));
    }
    all.catch_up();
    let hidden = (0..20).filter(|number| all.hides(&format!("many{number}"), "name"));
    let hidden = hidden.count();
    assert!((8..=10).contains(&hidden), "{hidden} files are used whole");
}
