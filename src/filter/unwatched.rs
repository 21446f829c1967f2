//! Remembers the rule files in directories that are not watched, each as it was before it was read,
//! and the directories that have rules of them.
//!
//! Asks no disk. Invariant: a file is remembered for as long as a directory has rules of it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::retries::{RuleDirectory, remove_within};
use super::rule_source::FileState;

#[derive(Default)]
pub(super) struct Unwatched {
    files: HashMap<PathBuf, UnwatchedFile>,
    by_directory: BTreeMap<RuleDirectory, HashSet<PathBuf>>,
}

struct UnwatchedFile {
    state: FileState,
    /// The directories that have rules of it.
    directories: BTreeSet<RuleDirectory>,
}

impl Unwatched {
    /// Notes the state of a file that a directory has rules of. If there is an older state, it stays,
    /// so that a change between two readings is not missed.
    pub(super) fn note(&mut self, directory: &RuleDirectory, path: PathBuf, state: FileState) {
        let files = self.by_directory.entry(directory.clone()).or_default();
        files.insert(path.clone());
        let file = self.files.entry(path).or_insert(UnwatchedFile {
            state,
            directories: BTreeSet::new(),
        });
        file.directories.insert(directory.clone());
    }

    /// The directories with rules of files that have changed, which are to be read again.
    /// `state_of`: the state of a file now, if that is known.
    pub(super) fn take_changed(
        &mut self,
        mut state_of: impl FnMut(&Path) -> Option<FileState>,
    ) -> BTreeSet<RuleDirectory> {
        let mut changed = BTreeSet::new();
        for (path, file) in &mut self.files {
            let now = state_of(path).filter(|now| *now != file.state);
            if let Some(now) = now {
                file.state = now;
                changed.extend(file.directories.iter().cloned());
            }
        }
        changed
    }

    /// Removes a directory and those below it.
    pub(super) fn remove(&mut self, root: &[u8], relative_path: &[u8]) {
        for (directory, paths) in remove_within(&mut self.by_directory, root, relative_path) {
            for path in paths {
                let Entry::Occupied(mut file) = self.files.entry(path) else {
                    continue;
                };
                file.get_mut().directories.remove(&directory);
                if file.get().directories.is_empty() {
                    file.remove();
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
