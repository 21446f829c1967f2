//! Rules that are read from the disk, kept for each directory.
//!
//! A *level* is a directory that has rules. Its matchers see a path as it goes from
//! there, and what they say nothing of is asked of the next level outwards: first all
//! `.ignore` files, then, up to the root of the repository, `.gitignore` files, then
//! what the repository and the user leave out. What is read is kept until it is
//! forgotten; whoever sees a rule file change has to say so.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::git;
use super::line::{Braces, lines, translate};

/// What has a say in what is hidden beside and below it: rules, and that a repository
/// begins.
pub(super) const NAMES: [&[u8]; 3] = [b".gitignore", b".ignore", b".git"];

pub(super) struct Rules {
    users: Option<PathBuf>,
    places: Vec<Place>,
    /// Rule files of which no event will tell, as they were before they were read.
    unseen: HashMap<PathBuf, Option<Print>>,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Print {
    inode: (u64, u64),
    /// Bytes.
    size: u64,
    /// Last changes of its bytes and of itself: seconds and nanoseconds.
    times: [i64; 4],
}

struct Place {
    path: Vec<u8>,
    /// The way to it from the root of its repository, with a `/` at the end, if it is
    /// below that.
    way: Vec<u8>,
    above: Option<Arc<Level>>,
    /// By the way from the PATH: the level of a directory, or else of the next one
    /// above it that has rules.
    levels: HashMap<Box<[u8]>, Option<Arc<Level>>>,
}

struct Level {
    outer: Option<Arc<Level>>,
    /// Bytes of a path before what its matchers see.
    skip: usize,
    /// `.ignore`.
    ignore: Gitignore,
    /// `.gitignore`.
    git: Gitignore,
    /// Where a repository begins: its own list and the user's.
    repository: Option<[Gitignore; 2]>,
}

impl Rules {
    pub(super) fn new(users: Option<PathBuf>) -> Self {
        Self {
            users,
            places: Vec::new(),
            unseen: HashMap::new(),
        }
    }

    /// Whether rules hide a name, by its way from the PATH at `place`.
    pub(super) fn hide(&mut self, place: &[u8], route: &[u8], is_dir: bool) -> bool {
        let (dir, name) = match route.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&route[..slash], &route[slash + 1..]),
            None => (&b""[..], route),
        };
        if name == b".git" {
            return true; // To git, that is the repository and no part of its tree.
        }
        let number = self.place(place);
        let Some(level) = self.level(number, dir) else {
            return false;
        };
        let way = &self.places[number].way;
        if way.is_empty() {
            level.hides(route, is_dir)
        } else {
            level.hides(&[way, route].concat(), is_dir)
        }
    }

    /// Rules of a directory and of all below it are to be read again.
    pub(super) fn forget(&mut self, place: &[u8], route: &[u8]) {
        let Some(place) = self.places.iter_mut().find(|known| known.path == place) else {
            return;
        };
        place.levels.retain(|dir, _| {
            let below = dir.strip_prefix(route);
            !(route.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/'))
        });
    }

    /// All rules are to be read again.
    pub(super) fn forget_all(&mut self) {
        self.places.clear();
        self.unseen.clear();
    }

    /// Whether a file changed of which no event tells.
    pub(super) fn changed_unseen(&self) -> bool {
        self.unseen
            .iter()
            .any(|(file, print)| Print::of(file) != *print)
    }

    /// The number of a PATH; the rules above it are read when it is new.
    fn place(&mut self, path: &[u8]) -> usize {
        if let Some(number) = self.places.iter().position(|known| known.path == path) {
            return number;
        }
        let (mut way, mut above) = (Vec::new(), None);
        let here = Path::new(OsStr::from_bytes(path));
        let outer: Vec<&Path> = here.ancestors().collect();
        // Without a repository, what lies above is none of its rules.
        if let Some(root) = outer
            .iter()
            .position(|dir| git::is_repository(dir))
            .filter(|&root| root > 0)
        {
            let bytes = |dir: &Path| dir.as_os_str().as_bytes().len();
            let start = bytes(outer[root]) + usize::from(outer[root] != Path::new("/"));
            for dir in outer[1..=root].iter().rev() {
                let skip = if *dir == outer[root] {
                    0
                } else {
                    bytes(dir) + 1 - start
                };
                for name in [".ignore", ".gitignore"] {
                    self.note_unseen(dir.join(name));
                }
                above = self.read_level(dir, skip, above);
            }
            way = [&path[start..], b"/"].concat();
        }
        self.places.push(Place {
            path: path.to_vec(),
            way,
            above,
            levels: HashMap::new(),
        });
        self.places.len() - 1
    }

    /// The innermost level of a directory, by its way from a PATH.
    fn level(&mut self, number: usize, dir: &[u8]) -> Option<Arc<Level>> {
        let mut missing = Vec::new();
        let mut at = Some(dir);
        let mut outer = loop {
            let Some(dir) = at else {
                break self.places[number].above.clone();
            };
            if let Some(known) = self.places[number].levels.get(dir) {
                break known.clone();
            }
            missing.push(dir);
            at = match dir.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => Some(&dir[..slash]),
                None => (!dir.is_empty()).then_some(&b""[..]),
            };
        };
        for dir in missing.into_iter().rev() {
            let place = &self.places[number];
            let path = Path::new(OsStr::from_bytes(&place.path)).join(OsStr::from_bytes(dir));
            let skip = place.way.len() + dir.len() + usize::from(!dir.is_empty());
            outer = self.read_level(&path, skip, outer);
            self.places[number].levels.insert(dir.into(), outer.clone());
        }
        outer
    }

    /// Reads the rules of a directory; without any, those of the next level count.
    fn read_level(
        &mut self,
        dir: &Path,
        skip: usize,
        outer: Option<Arc<Level>>,
    ) -> Option<Arc<Level>> {
        let repository = git::is_repository(dir).then(|| {
            let lists = [Some(git::excludes(dir)), self.users.clone()];
            lists.map(|list| list.map_or_else(Gitignore::empty, |file| self.read_unseen(file)))
        });
        let (ignore, git) = (
            matcher(&dir.join(".ignore")),
            matcher(&dir.join(".gitignore")),
        );
        if ignore.is_empty() && git.is_empty() && repository.is_none() {
            return outer;
        }
        Some(Arc::new(Level {
            outer,
            skip,
            ignore,
            git,
            repository,
        }))
    }

    /// Reads a file of which no event will tell.
    fn read_unseen(&mut self, file: PathBuf) -> Gitignore {
        self.note_unseen(file.clone());
        matcher(&file)
    }

    /// Notes how a file is of which no event will tell. What was noted at an older
    /// reading stays: in doubt it has changed.
    fn note_unseen(&mut self, file: PathBuf) {
        let print = Print::of(&file);
        self.unseen.entry(file).or_insert(print);
    }
}

impl Level {
    /// Whether a path, from the outermost level on, is hidden.
    fn hides(&self, path: &[u8], is_dir: bool) -> bool {
        let mut by_git = None;
        let mut is_outside = false;
        let mut at = Some(self);
        while let Some(level) = at {
            let path = Path::new(OsStr::from_bytes(&path[level.skip..]));
            if let Some(hidden) = verdict(&level.ignore, path, is_dir) {
                return hidden;
            }
            if by_git.is_none() && !is_outside {
                let lists = level.repository.iter().flatten();
                by_git = [&level.git]
                    .into_iter()
                    .chain(lists)
                    .find_map(|list| verdict(list, path, is_dir));
                is_outside = level.repository.is_some();
            }
            at = level.outer.as_deref();
        }
        by_git.unwrap_or(false)
    }
}

impl Print {
    fn of(file: &Path) -> Option<Self> {
        let print = |meta: Metadata| Self {
            inode: (meta.dev(), meta.ino()),
            size: meta.size(),
            times: [
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime(),
                meta.ctime_nsec(),
            ],
        };
        file.symlink_metadata().ok().map(print)
    }
}

/// What a list says of a path; `None`: nothing.
fn verdict(list: &Gitignore, path: &Path, is_dir: bool) -> Option<bool> {
    match list.matched(path, is_dir) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// The matcher of a rule file. A line that is no glob matches nothing, as with git.
fn matcher(file: &Path) -> Gitignore {
    let Some(bytes) = git::read(file) else {
        return Gitignore::empty();
    };
    let mut builder = GitignoreBuilder::new("");
    for line in lines(&bytes).filter_map(|line| std::str::from_utf8(line).ok()) {
        if let Ok(Some(glob)) = translate(line, Braces::Literal) {
            let _refused = builder
                .allow_unclosed_class(false)
                .add_line(None, &glob)
                .is_err();
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
