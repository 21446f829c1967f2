//! Reads the rule files that count for a directory (`.ignore`, `.gitignore`, `info/exclude` and
//! the user's), in it and above it up to the root of its repository, and keeps them for the next
//! name in that directory.
//!
//! Watches nothing. Invariants: what was read is kept until it is forgotten; whoever sees a rule
//! file change calls [`Rules::forget`]. A file that cannot be read counts as before, and is tried
//! again.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::git_config;
use super::level::{DirectoryRules, Level};
use super::previous_rules::PreviousRules;
use super::retries::{Retries, RuleDirectory, is_below};
use super::rule_file::{Budget, MAX_BYTES, RuleFile};
use super::rule_source::{FileState, RuleSource, Unknown};
use crate::file_status::message;

/// Names that decide what is hidden in their directory and below: rule files, and the marker of
/// a repository.
pub(super) const NAMES: [&[u8]; 3] = [b".gitignore", b".ignore", b".git"];

pub(super) struct Rules {
    source: RuleSource,
    /// `core.excludesFile`.
    user_excludes: Option<PathBuf>,
    roots: Vec<RootRules>,
    /// Rule files in directories that are not watched, each as it was before it was read.
    unwatched: HashMap<PathBuf, FileState>,
    budget: Budget,
    previous: PreviousRules,
    /// The directories with a file that could not be read.
    retries: Retries,
    /// Rule files of which a part is not used, or that cannot be read, of which no warning was
    /// taken yet.
    flawed: Vec<Flawed>,
    /// All files with more bytes or globs than are used, so that each is in `flawed` once.
    reported: Vec<PathBuf>,
}

/// A rule file that does not count as it is.
#[derive(Debug)]
pub(super) enum Flawed {
    /// It has more bytes or globs than are used, or the limit for all files together left no room.
    Cut(PathBuf),
    /// It cannot be read, for this reason.
    Unread(PathBuf, String),
}

/// Which rules may have changed without an event.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum RuleChanges {
    All,
    /// Those of some directories, each by its PATH and its path from there.
    In(Vec<(Vec<u8>, Vec<u8>)>),
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
    pub(super) fn new(user_excludes: Option<PathBuf>, source: RuleSource) -> Self {
        Self {
            source,
            user_excludes,
            roots: Vec::new(),
            unwatched: HashMap::new(),
            budget: Budget::default(),
            previous: PreviousRules::default(),
            retries: Retries::default(),
            flawed: Vec::new(),
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
        for level in self.drop_below(root, relative_path) {
            let keep = |directory, rules| self.previous.insert(directory, rules);
            Level::release(level, &mut self.budget, keep);
        }
    }

    /// Forgets the rules of a directory and of all below it, since they are gone.
    pub(super) fn remove(&mut self, root: &[u8], relative_path: &[u8]) {
        for level in self.drop_below(root, relative_path) {
            Level::release(level, &mut self.budget, |_, _| {});
        }
        let top = Path::new(OsStr::from_bytes(root)).join(OsStr::from_bytes(relative_path));
        self.previous.remove_below(&top);
    }

    /// Takes the levels of a directory and of all below it.
    fn drop_below(&mut self, root: &[u8], relative_path: &[u8]) -> Vec<Arc<Level>> {
        self.retries.forget(root, relative_path);
        let mut dropped = Vec::new();
        if let Some(root) = self.roots.iter_mut().find(|known| known.path == root) {
            root.levels.retain(|dir, level| {
                let is_kept = !is_below(dir, relative_path);
                if !is_kept {
                    dropped.extend(level.take());
                }
                is_kept
            });
        }
        dropped
    }

    /// Forgets all rules, so that they are read again.
    pub(super) fn forget_all(&mut self) {
        let roots = std::mem::take(&mut self.roots);
        let levels: Vec<_> = roots
            .into_iter()
            .flat_map(|root| root.levels.into_values().chain([root.above]))
            .flatten()
            .collect();
        for level in levels {
            let keep = |directory, rules| self.previous.insert(directory, rules);
            Level::release(level, &mut self.budget, keep);
        }
        self.unwatched.clear();
        self.retries.clear();
    }

    /// Finds which rules may have changed without an event: a rule file in a directory that is not
    /// watched has changed, a file system answers again that did not, or a file can be read again.
    pub(super) fn find_changes(&mut self) -> RuleChanges {
        if self.source.take_recovered() || self.has_unwatched_change() {
            return RuleChanges::All;
        }
        let mut changed = Vec::new();
        for retry in self.retries.take_due() {
            let RuleDirectory {
                root,
                relative_path,
            } = retry.directory.clone();
            let path = Path::new(OsStr::from_bytes(&root));
            match relative_path {
                Some(relative) if self.is_readable(&path.join(OsStr::from_bytes(&relative))) => {
                    changed.push((root, relative));
                }
                None if path.ancestors().skip(1).all(|dir| self.is_readable(dir)) => {
                    return RuleChanges::All;
                }
                _ => self.retries.put_back(retry),
            }
        }
        RuleChanges::In(changed)
    }

    /// Permissions changed: directories with a file that could not be read are tried again soon.
    pub(super) fn hasten_retries(&mut self) {
        self.retries.hasten();
    }

    fn has_unwatched_change(&mut self) -> bool {
        let source = &mut self.source;
        let mut unwatched = self.unwatched.iter();
        unwatched.any(|(file, state)| source.state(file).is_ok_and(|now| now != *state))
    }

    /// Takes the rule files that do not count as they are; each is given once.
    pub(super) fn take_flawed(&mut self) -> Vec<Flawed> {
        std::mem::take(&mut self.flawed)
    }

    /// The index of a PATH; the rules above it are read when it is new.
    fn root(&mut self, path: &[u8]) -> usize {
        if let Some(index) = self.roots.iter().position(|known| known.path == path) {
            return index;
        }
        let (mut prefix, mut above) = (Vec::new(), None);
        let group = RuleDirectory {
            root: path.to_vec(),
            relative_path: None,
        };
        let ancestors: Vec<&Path> = Path::new(OsStr::from_bytes(path)).ancestors().collect();
        // A repository may begin, or end, at any directory above.
        for dir in &ancestors[1..] {
            self.note_unwatched(&group, git_config::marker(dir));
        }
        // Rules above count up to the root of the repository; without one, none do.
        let is_repository = |dir: &&Path| self.is_repository(&group, dir);
        let repository = ancestors.iter().position(is_repository);
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
                    self.note_unwatched(&group, dir.join(name));
                }
                above = self.read_level(&group, dir, skip, above);
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
            let group = RuleDirectory {
                root: root.path.clone(),
                relative_path: Some(dir.to_vec()),
            };
            outer = self.read_level(&group, &path, skip, outer);
            self.roots[index].levels.insert(dir.into(), outer.clone());
        }
        outer
    }

    /// Reads the rules of a directory. If it has none, its level is `outer`. `group`: what is tried
    /// again if it cannot be read.
    fn read_level(
        &mut self,
        group: &RuleDirectory,
        dir: &Path,
        skip: usize,
        outer: Option<Arc<Level>>,
    ) -> Option<Arc<Level>> {
        let before = self.previous.get(dir).cloned();
        let old = before.as_ref();
        let was_known = !self.retries.has(group);
        let repository = self.is_repository(group, dir).then(|| {
            let old = old.and_then(|old| old.repository.as_ref());
            let lists = [self.excludes_file(group, dir), self.user_excludes.clone()];
            [0, 1].map(|index| {
                let old = old.map(|old| &old[index]);
                match &lists[index] {
                    Some(file) => self.read_unwatched(group, file, old),
                    None => self.keep(old),
                }
            })
        });
        let ignore = self.read(group, &dir.join(".ignore"), old.map(|old| &old.ignore));
        let git = self.read(group, &dir.join(".gitignore"), old.map(|old| &old.git));
        if was_known && !self.retries.has(group) {
            self.previous.remove(dir);
        }
        let rules = DirectoryRules {
            ignore,
            git,
            repository,
        };
        if rules.are_none() {
            return outer;
        }
        let directory = dir.to_owned();
        Some(Arc::new(Level {
            directory,
            outer,
            skip,
            rules,
        }))
    }

    /// Whether a directory is the root of a repository; as before, as long as that is not known.
    fn is_repository(&mut self, group: &RuleDirectory, dir: &Path) -> bool {
        match self.source.is_repository(dir) {
            Ok(is_repository) => is_repository,
            Err(why) => {
                self.note_unknown(group, why);
                let before = self.previous.get(dir);
                before.is_some_and(|before| before.repository.is_some())
            }
        }
    }

    /// `None`: it is not known.
    fn excludes_file(&mut self, group: &RuleDirectory, dir: &Path) -> Option<PathBuf> {
        match self.source.excludes_file(dir) {
            Ok(path) => Some(path),
            Err(why) => {
                self.note_unknown(group, why);
                None
            }
        }
    }

    /// Reads and compiles a file. One that is not regular has no rules. One that cannot be read, or
    /// whose file system does not answer, has those that it had before.
    fn read(
        &mut self,
        group: &RuleDirectory,
        path: &Path,
        before: Option<&Arc<RuleFile>>,
    ) -> Arc<RuleFile> {
        let read = match self.source.read(path, MAX_BYTES) {
            Ok(Some(read)) => read,
            Ok(None) => return Arc::new(RuleFile::empty()),
            Err(why) => {
                self.note_unknown(group, why);
                return self.keep(before);
            }
        };
        let rules = RuleFile::compile(&read.bytes, read.is_cut, &mut self.budget);
        if rules.is_cut && !self.reported.iter().any(|known| known == path) {
            self.reported.push(path.to_owned());
            self.flawed.push(Flawed::Cut(path.to_owned()));
        }
        Arc::new(rules)
    }

    /// Uses the rules of a file again.
    fn keep(&mut self, before: Option<&Arc<RuleFile>>) -> Arc<RuleFile> {
        let Some(before) = before else {
            return Arc::new(RuleFile::empty());
        };
        self.budget.take(before);
        Arc::clone(before)
    }

    /// Notes that something in a directory of this group is not known. Where a file system does not
    /// answer, all is read again when it does.
    fn note_unknown(&mut self, group: &RuleDirectory, why: Unknown) {
        if let Unknown::Failed(path, error) = why
            && self.retries.add(group)
        {
            self.flawed.push(Flawed::Unread(path, message(&error)));
        }
    }

    /// Reads a file in a directory that is not watched.
    fn read_unwatched(
        &mut self,
        group: &RuleDirectory,
        path: &Path,
        before: Option<&Arc<RuleFile>>,
    ) -> Arc<RuleFile> {
        self.note_unwatched(group, path.to_owned());
        self.read(group, path, before)
    }

    /// Notes the state of a file in a directory that is not watched. If there is an older one, it
    /// stays, so that a change between two readings is not missed.
    fn note_unwatched(&mut self, group: &RuleDirectory, path: PathBuf) {
        match self.source.state(&path) {
            Ok(state) => {
                self.unwatched.entry(path).or_insert(state);
            }
            Err(why) => self.note_unknown(group, why),
        }
    }

    /// Whether all that a directory's rules are read from can be read.
    fn is_readable(&mut self, dir: &Path) -> bool {
        let excludes = match self.source.is_repository(dir) {
            Ok(true) => self.source.excludes_file(dir).map(Some),
            Ok(false) => Ok(None),
            Err(why) => Err(why),
        };
        let Ok(excludes) = excludes else {
            return false;
        };
        let users = self.user_excludes.clone().filter(|_| excludes.is_some());
        let files = [
            Some(dir.join(".ignore")),
            Some(dir.join(".gitignore")),
            excludes,
            users,
        ];
        let mut files = files.iter().flatten();
        files.all(|file| self.source.read(file, MAX_BYTES).is_ok())
    }
}
