//! Rule files of the tree to an answer for one name, kept for each directory.
//!
//! A *level* is a directory that has rules. Its matchers see a path relative to it, and
//! what they do not match is asked of the next level outwards: first all `.ignore` files,
//! then, up to the root of the repository, `.gitignore` files, then the lists of the
//! repository and the user. What was read is kept until it is forgotten: who sees a rule
//! file change has to call for it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::Gitignore;

use super::bounded_io::BoundedIo;
use super::git_config;
use super::rule_file::{Budget, MAX_BYTES, RuleFile};
use crate::sys::file;

/// Names that decide what is hidden beside and below them: rules, and the beginning of a
/// repository.
pub(super) const NAMES: [&[u8]; 3] = [b".gitignore", b".ignore", b".git"];

pub(super) struct Rules {
    disk: BoundedIo,
    /// `core.excludesFile`.
    user_excludes: Option<PathBuf>,
    roots: Vec<RootRules>,
    /// Files that no watch covers, as they were before they were read.
    unwatched: HashMap<PathBuf, FileState>,
    budget: Budget,
    /// Rule files of which a part was left out, to be reported once each.
    cut: Vec<PathBuf>,
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
    /// From the root of its repository to it, with a `/` at the end, if it is below that.
    prefix: Vec<u8>,
    above: Option<Arc<Level>>,
    /// By relative path of a directory: its level, or else that of the next directory
    /// above it that has rules.
    levels: HashMap<Box<[u8]>, Option<Arc<Level>>>,
}

struct Level {
    outer: Option<Arc<Level>>,
    /// Bytes of a path before what its matchers see.
    skip: usize,
    /// `.ignore`.
    ignore: RuleFile,
    /// `.gitignore`.
    git: RuleFile,
    /// Where a repository begins: its own list and the user's.
    repository: Option<[RuleFile; 2]>,
}

impl Rules {
    pub(super) fn new(user_excludes: Option<PathBuf>) -> Self {
        Self {
            disk: BoundedIo::new(),
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
            return true; // To git, that is the repository and no part of its tree.
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

    /// Rules of a directory and of all below it are to be read again.
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
        // Inner levels hold outer ones: the last holder gives the globs back.
        for level in dropped {
            self.budget.release(level);
        }
    }

    /// All rules are to be read again.
    pub(super) fn forget_all(&mut self) {
        self.roots.clear();
        self.unwatched.clear();
        self.budget = Budget::default();
    }

    /// Whether a file changed that no watch covers, or one can be read that could not.
    pub(super) fn has_unwatched_change(&mut self) -> bool {
        if self.disk.take_recovered() {
            return true;
        }
        let disk = &mut self.disk;
        let mut unwatched = self.unwatched.iter();
        unwatched.any(|(file, state)| {
            let now = disk.ask(file, {
                let file = file.clone();
                move || FileState::of(&file)
            });
            now.is_some_and(|now| now != *state)
        })
    }

    /// Rule files that were too large, once each.
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
        // Without a repository, nothing above has rules for it.
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

    /// The innermost level of a directory, by its path relative to a PATH.
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

    /// Reads the rules of a directory; without any, those of the next level count.
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

    /// Whether a repository begins in a directory; where its file system does not answer, none
    /// does yet.
    fn is_repository(&mut self, dir: &Path) -> bool {
        let copy = dir.to_owned();
        let asked = self.disk.ask(dir, move || git_config::is_repository(&copy));
        asked.unwrap_or(false)
    }

    fn excludes_file(&mut self, dir: &Path) -> Option<PathBuf> {
        let copy = dir.to_owned();
        self.disk.ask(dir, move || git_config::excludes_file(&copy))
    }

    /// Reads and compiles a file; what is no regular file has no rules, nor has, for now, what
    /// is on a file system that does not answer.
    fn read(&mut self, path: &Path) -> RuleFile {
        let copy = path.to_owned();
        let read = self
            .disk
            .ask(path, move || file::read_regular(&copy, MAX_BYTES));
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

    /// Reads a file that no watch covers.
    fn read_unwatched(&mut self, path: PathBuf) -> RuleFile {
        self.note_unwatched(path.clone());
        self.read(&path)
    }

    /// Notes the state of a file that no watch covers. What was noted at an earlier reading
    /// stays: in doubt it has changed.
    fn note_unwatched(&mut self, path: PathBuf) {
        let copy = path.clone();
        if let Some(state) = self.disk.ask(&path, move || FileState::of(&copy)) {
            self.unwatched.entry(path).or_insert(state);
        }
    }
}

impl Budget {
    /// Gives back the globs of a level, and of the outer ones that only it holds.
    fn release(&mut self, level: Arc<Level>) {
        let mut next = Some(level);
        while let Some(level) = next.and_then(Arc::into_inner) {
            let lists = level.repository.iter().flatten();
            for rules in [&level.ignore, &level.git].into_iter().chain(lists) {
                self.give_back(rules);
            }
            next = level.outer;
        }
    }
}

impl Level {
    /// Whether a path, relative to the outermost level, is hidden.
    fn hides(&self, path: &[u8], is_dir: bool) -> bool {
        let mut by_git = None;
        let mut is_outside_repository = false;
        let mut next = Some(self);
        while let Some(level) = next {
            let path = Path::new(OsStr::from_bytes(&path[level.skip..]));
            if let Some(hidden) = matched(&level.ignore.matcher, path, is_dir) {
                return hidden;
            }
            if by_git.is_none() && !is_outside_repository {
                let lists = level.repository.iter().flatten();
                by_git = [&level.git]
                    .into_iter()
                    .chain(lists)
                    .find_map(|rules| matched(&rules.matcher, path, is_dir));
                is_outside_repository = level.repository.is_some();
            }
            next = level.outer.as_deref();
        }
        by_git.unwrap_or(false)
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

/// Whether a matcher hides a path (`true`), brings it back, or does not match it (`None`).
fn matched(matcher: &Gitignore, path: &Path, is_dir: bool) -> Option<bool> {
    match matcher.matched(path, is_dir) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}
