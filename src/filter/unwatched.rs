//! Remembers the rule files in directories that are not watched, each as it was before it was read,
//! and the directories that have rules of them.
//!
//! Asks no disk. Invariant: a file is remembered for as long as a directory has rules of it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// The number of directories that have rules of it.
    directories: usize,
}

impl Unwatched {
    /// Notes the state of a file that a directory has rules of. If there is an older state, it stays,
    /// so that a change between two readings is not missed.
    pub(super) fn note(&mut self, directory: &RuleDirectory, path: PathBuf, state: FileState) {
        let files = self.by_directory.entry(directory.clone()).or_default();
        let is_new = files.insert(path.clone());
        let file = self.files.entry(path).or_insert(UnwatchedFile {
            state,
            directories: 0,
        });
        file.directories += usize::from(is_new);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Path, FileState)> {
        let files = self.files.iter();
        files.map(|(path, file)| (path.as_path(), file.state))
    }

    /// Removes a directory and those below it.
    pub(super) fn remove(&mut self, root: &[u8], relative_path: &[u8]) {
        for path in remove_within(&mut self.by_directory, root, relative_path)
            .into_iter()
            .flatten()
        {
            let Entry::Occupied(mut file) = self.files.entry(path) else {
                continue;
            };
            file.get_mut().directories -= 1;
            if file.get().directories == 0 {
                file.remove();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
