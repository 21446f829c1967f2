//! Finds the rules that count for a directory: its own and those above it, up to the root of its
//! repository; and keeps them for the next name in that directory.
//!
//! Watches nothing; `rule_reader` reads the files. Invariant: what was read is kept until it is
//! forgotten; whoever sees a rule file change calls [`Rules::forget`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::git_config;
use super::level::Level;
use super::retries::{RuleDirectory, first_below, is_below};
use super::rule_reader::{Flawed, RuleReader};
use super::rule_source::RuleSource;
use crate::sys::file::PATH_MAX;

/// Names that decide what is hidden in their directory and below: rule files, and the marker of
/// a repository.
pub(super) const NAMES: [&[u8]; 3] = [b".gitignore", b".ignore", b".git"];

pub(super) struct Rules {
    reader: RuleReader,
    roots: Vec<RootRules>,
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
    levels: BTreeMap<Box<[u8]>, Option<Arc<Level>>>,
}

impl Rules {
    pub(super) fn new(user_excludes: Option<PathBuf>, source: RuleSource) -> Self {
        Self {
            reader: RuleReader::new(user_excludes, source),
            roots: Vec::new(),
        }
    }

    /// Whether rules hide a name, by its path relative to the PATH at `root`.
    pub(super) fn hides(&mut self, root: &[u8], relative_path: &[u8], is_dir: bool) -> bool {
        let (dir, name) = match relative_path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&relative_path[..slash], &relative_path[slash + 1..]),
            None => (&b""[..], relative_path),
        };
        if name == b".git" {
            return true; // As with git: it is not part of the work tree.
        }
        // git takes no longer paths, and each would be kept here.
        if root.len() + 1 + relative_path.len() >= PATH_MAX {
            return false;
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
            self.reader.forget(level);
        }
    }

    /// Forgets the rules of a directory and of all below it, since they are gone.
    pub(super) fn remove(&mut self, root: &[u8], relative_path: &[u8]) {
        for level in self.drop_below(root, relative_path) {
            self.reader.remove(level);
        }
        let top = Path::new(OsStr::from_bytes(root)).join(OsStr::from_bytes(relative_path));
        self.reader.remove_below(&top);
    }

    /// Takes the levels of a directory and of all below it.
    fn drop_below(&mut self, root: &[u8], relative_path: &[u8]) -> Vec<Arc<Level>> {
        self.reader.retries.forget(root, relative_path);
        self.reader.unwatched.remove(root, relative_path);
        let mut dropped = Vec::new();
        if let Some(root) = self.roots.iter_mut().find(|known| known.path == root) {
            dropped.extend(root.levels.remove(relative_path).flatten());
            let first = first_below(relative_path);
            let from = (Bound::Included(&first[..]), Bound::Unbounded);
            while let Some((dir, _)) = root.levels.range::<[u8], _>(from).next()
                && is_below(dir, relative_path)
            {
                let dir = dir.clone();
                dropped.extend(root.levels.remove(&dir).flatten());
            }
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
            self.reader.forget(level);
        }
        self.reader.clear();
    }

    /// Finds which rules may have changed without an event: a rule file in a directory that is not
    /// watched has changed, a file system answers again that did not, a file can be read again, or
    /// one is compiled.
    pub(super) fn find_changes(&mut self) -> RuleChanges {
        let reader = &mut self.reader;
        let late = reader.take_late();
        if reader.source.take_recovered() {
            return RuleChanges::All;
        }
        let unwatched = reader.take_unwatched_changes();
        let mut changed = Vec::new();
        for RuleDirectory {
            root,
            relative_path,
        } in unwatched.into_iter().chain(late)
        {
            match relative_path {
                Some(relative_path) => changed.push((root, relative_path)),
                None => return RuleChanges::All,
            }
        }
        for retry in reader.retries.take_due() {
            let RuleDirectory {
                root,
                relative_path,
            } = retry.directory.clone();
            let path = Path::new(OsStr::from_bytes(&root));
            match relative_path {
                Some(relative) if reader.is_readable(&path.join(OsStr::from_bytes(&relative))) => {
                    changed.push((root, relative));
                }
                None if path.ancestors().skip(1).all(|dir| reader.is_readable(dir)) => {
                    return RuleChanges::All;
                }
                _ => reader.retries.put_back(retry),
            }
        }
        RuleChanges::In(changed)
    }

    /// Whether rules that were read do not count yet.
    pub(super) fn are_late(&self) -> bool {
        self.reader.is_late()
    }

    /// Permissions changed: directories with a file that could not be read are tried again soon.
    pub(super) fn hasten_retries(&mut self) {
        self.reader.retries.hasten();
    }

    /// Takes the rule files that do not count as they are; each is given once.
    pub(super) fn take_flawed(&mut self) -> Vec<Flawed> {
        std::mem::take(&mut self.reader.flawed)
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
        // A repository may begin, or end, at PATH or at any directory above.
        for dir in &ancestors {
            self.reader.note_unwatched(&group, git_config::marker(dir));
        }
        // Rules above count up to the root of the repository; without one, none do.
        let is_repository = |dir: &&Path| self.reader.find_repository(&group, dir);
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
                    self.reader.note_unwatched(&group, dir.join(name));
                }
                above = self.reader.read_level(&group, dir, skip, above);
            }
            prefix = [&path[start..], b"/"].concat();
        }
        self.roots.push(RootRules {
            path: path.to_vec(),
            prefix,
            above,
            levels: BTreeMap::new(),
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
            outer = self.reader.read_level(&group, &path, skip, outer);
            self.roots[index].levels.insert(dir.into(), outer.clone());
        }
        outer
    }
}
