//! Reads the rule files that count for a directory (`.ignore`, `.gitignore`, `info/exclude` and
//! the user's), in it and above it up to the root of its repository, and keeps them for the next
//! name in that directory.
//!
//! Watches nothing. Invariant: what was read is kept until it is forgotten; whoever sees a rule
//! file change calls [`Rules::forget`].

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bounded_io::BoundedIo;
use super::git_config;
use super::level::Level;
use super::rule_file::{Budget, MAX_BYTES, RuleFile};
use crate::sys::read_regular::read_regular;

/// Names that decide what is hidden in their directory and below: rule files, and the marker of
/// a repository.
pub(super) const NAMES: [&[u8]; 3] = [b".gitignore", b".ignore", b".git"];

pub(super) struct Rules {
    io: BoundedIo,
    /// `core.excludesFile`.
    user_excludes: Option<PathBuf>,
    roots: Vec<RootRules>,
    /// Rule files in directories that are not watched, each as it was before it was read.
    unwatched: HashMap<PathBuf, FileState>,
    budget: Budget,
    /// Rule files with more bytes or globs than are used, of which no warning was taken yet.
    cut: Vec<PathBuf>,
    /// All such files, so that each is in `cut` once.
    reported: Vec<PathBuf>,
}

/// What identifies a state of a rule file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FileState {
    Missing,
    /// A repository: its times change with every use.
    Marker {
        inode: (u64, u64),
    },
    Rules {
        inode: (u64, u64),
        size: u64,
        /// mtime and ctime, in seconds and nanoseconds.
        times: [i64; 4],
    },
}

/// The rules of one PATH.
struct RootRules {
    path: Vec<u8>,
    /// The path from the root of its repository to it, with a `/` at the end; empty for that root
    /// itself, and without a repository.
    prefix: Vec<u8>,
    /// The innermost level above the PATH.
    above: Option<Arc<Level>>,
    /// By relative path of a directory: the level of the innermost directory, it or one above it,
    /// that has rules.
    levels: HashMap<Box<[u8]>, Option<Arc<Level>>>,
}

impl Rules {
    pub(super) fn new(user_excludes: Option<PathBuf>) -> Self {
        Self {
            io: BoundedIo::new(),
            user_excludes,
            roots: Vec::new(),
            unwatched: HashMap::new(),
            budget: Budget::default(),
            cut: Vec::new(),
            reported: Vec::new(),
        }
    }

    /// Whether rules hide a name, by its path relative to the PATH at `root`.
    pub(super) fn hide(&mut self, root: &[u8], relative_path: &[u8], is_dir: bool) -> bool {
        let (dir, name) = match relative_path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&relative_path[..slash], &relative_path[slash + 1..]),
            None => (&b""[..], relative_path),
        };
        if name == b".git" {
            return true; // As with git: it is not part of the work tree.
        }
        let index = self.root(root);
        let Some(level) = self.level(index, dir) else {
            return false;
        };
        let prefix = &self.roots[index].prefix;
        if prefix.is_empty() {
            level.hides(relative_path, is_dir)
        } else {
            level.hides(&[prefix, relative_path].concat(), is_dir)
        }
    }

    /// Forgets the rules of a directory and of all below it, so that they are read again.
    pub(super) fn forget(&mut self, root: &[u8], relative_path: &[u8]) {
        let Some(root) = self.roots.iter_mut().find(|known| known.path == root) else {
            return;
        };
        let mut dropped = Vec::new();
        root.levels.retain(|dir, level| {
            let below = dir.strip_prefix(relative_path);
            let is_kept = !(relative_path.is_empty()
                || below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/'));
            if !is_kept {
                dropped.extend(level.take());
            }
            is_kept
        });
        for level in dropped {
            Level::release(level, &mut self.budget);
        }
    }

    /// Forgets all rules, so that they are read again.
    pub(super) fn forget_all(&mut self) {
        self.roots.clear();
        self.unwatched.clear();
        self.budget = Budget::default();
    }

    /// Whether a rule file in a directory that is not watched changed, or a file system answers
    /// again that did not.
    pub(super) fn has_unwatched_change(&mut self) -> bool {
        if self.io.take_recovered() {
            return true;
        }
        let io = &mut self.io;
        let mut unwatched = self.unwatched.iter();
        unwatched.any(|(file, state)| {
            let now = io.run(file, {
                let file = file.clone();
                move || FileState::of(&file)
            });
            now.is_some_and(|now| now != *state)
        })
    }

    /// Takes the rule files with more bytes or globs than are used, or for which the limit for
    /// all files together left no room; each is given once.
    pub(super) fn take_cut(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.cut)
    }

    /// The index of a PATH; the rules above it are read when it is new.
    fn root(&mut self, path: &[u8]) -> usize {
        if let Some(index) = self.roots.iter().position(|known| known.path == path) {
            return index;
        }
        let (mut prefix, mut above) = (Vec::new(), None);
        let ancestors: Vec<&Path> = Path::new(OsStr::from_bytes(path)).ancestors().collect();
        // A repository may begin, or end, at any directory above.
        for dir in &ancestors[1..] {
            self.note_unwatched(git_config::marker(dir));
        }
        // Rules above count up to the root of the repository; without one, none do.
        let repository = ancestors.iter().position(|dir| self.is_repository(dir));
        if let Some(top) = repository.filter(|&top| top > 0) {
            let length = |dir: &Path| dir.as_os_str().as_bytes().len();
            let start = length(ancestors[top]) + usize::from(ancestors[top] != Path::new("/"));
            for dir in ancestors[1..=top].iter().rev() {
                let skip = if *dir == ancestors[top] {
                    0
                } else {
                    length(dir) + 1 - start
                };
                for name in [".ignore", ".gitignore"] {
                    self.note_unwatched(dir.join(name));
                }
                above = self.read_level(dir, skip, above);
            }
            prefix = [&path[start..], b"/"].concat();
        }
        self.roots.push(RootRules {
            path: path.to_vec(),
            prefix,
            above,
            levels: HashMap::new(),
        });
        self.roots.len() - 1
    }

    /// The innermost level for a directory, by its path relative to the PATH at `index`.
    fn level(&mut self, index: usize, dir: &[u8]) -> Option<Arc<Level>> {
        let mut missing = Vec::new();
        let mut next = Some(dir);
        let mut outer = loop {
            let Some(dir) = next else {
                break self.roots[index].above.clone();
            };
            if let Some(known) = self.roots[index].levels.get(dir) {
                break known.clone();
            }
            missing.push(dir);
            next = match dir.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => Some(&dir[..slash]),
                None => (!dir.is_empty()).then_some(&b""[..]),
            };
        };
        for dir in missing.into_iter().rev() {
            let root = &self.roots[index];
            let path = Path::new(OsStr::from_bytes(&root.path)).join(OsStr::from_bytes(dir));
            let skip = root.prefix.len() + dir.len() + usize::from(!dir.is_empty());
            outer = self.read_level(&path, skip, outer);
            self.roots[index].levels.insert(dir.into(), outer.clone());
        }
        outer
    }

    /// Reads the rules of a directory. If it has none, its level is `outer`.
    fn read_level(
        &mut self,
        dir: &Path,
        skip: usize,
        outer: Option<Arc<Level>>,
    ) -> Option<Arc<Level>> {
        let repository = self.is_repository(dir).then(|| {
            let lists = [self.excludes_file(dir), self.user_excludes.clone()];
            lists.map(|list| list.map_or_else(RuleFile::empty, |file| self.read_unwatched(file)))
        });
        let ignore = self.read(&dir.join(".ignore"));
        let git = self.read(&dir.join(".gitignore"));
        if ignore.matcher.is_empty() && git.matcher.is_empty() && repository.is_none() {
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

    /// Whether a directory is the root of a repository; `false` as long as its file system does
    /// not answer.
    fn is_repository(&mut self, dir: &Path) -> bool {
        let copy = dir.to_owned();
        let asked = self.io.run(dir, move || git_config::is_repository(&copy));
        asked.unwrap_or(false)
    }

    fn excludes_file(&mut self, dir: &Path) -> Option<PathBuf> {
        let copy = dir.to_owned();
        self.io.run(dir, move || git_config::excludes_file(&copy))
    }

    /// Reads and compiles a file. One that is not regular has no rules; nor has one whose file
    /// system does not answer, as long as it does not.
    fn read(&mut self, path: &Path) -> RuleFile {
        let copy = path.to_owned();
        let read = self.io.run(path, move || read_regular(&copy, MAX_BYTES));
        let Some(read) = read.flatten() else {
            return RuleFile::empty();
        };
        let rules = RuleFile::compile(&read.bytes, read.is_cut, &mut self.budget);
        if rules.is_cut && !self.reported.iter().any(|known| known == path) {
            self.reported.push(path.to_owned());
            self.cut.push(path.to_owned());
        }
        rules
    }

    /// Reads a file in a directory that is not watched.
    fn read_unwatched(&mut self, path: PathBuf) -> RuleFile {
        self.note_unwatched(path.clone());
        self.read(&path)
    }

    /// Notes the state of a file in a directory that is not watched. If there is an older one, it
    /// stays, so that a change between two readings is not missed.
    fn note_unwatched(&mut self, path: PathBuf) {
        let copy = path.clone();
        if let Some(state) = self.io.run(&path, move || FileState::of(&copy)) {
            self.unwatched.entry(path).or_insert(state);
        }
    }
}

impl FileState {
    fn of(path: &Path) -> Self {
        let is_marker = path.file_name() == Some(OsStr::new(".git"));
        let state = |found: Metadata| {
            let inode = (found.dev(), found.ino());
            if is_marker {
                return Self::Marker { inode };
            }
            Self::Rules {
                inode,
                size: found.size(),
                times: [
                    found.mtime(),
                    found.mtime_nsec(),
                    found.ctime(),
                    found.ctime_nsec(),
                ],
            }
        };
        path.symlink_metadata().map_or(Self::Missing, state)
    }
}
