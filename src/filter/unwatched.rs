//! Remembers the rule files in directories that are not watched, each as it was before it was read,
//! and the directories that have rules of them.
//!
//! Asks no disk. Invariant: a file is remembered for as long as a directory has rules of it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::retries::{RuleDirectory, remove_within};
use super::rule_source::FileState;

/// Files that are checked at once, some 5 ms; the others take their turn later.
pub(super) const CHECKED_AT_ONCE: usize = 1_000;

#[derive(Default)]
pub(super) struct Unwatched {
    files: BTreeMap<PathBuf, UnwatchedFile>,
    /// The file that was checked last. `None`: the first one is next.
    last: Option<PathBuf>,
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

    /// Checks some of the files. The directories with rules of those that have changed, which are to
    /// be read again. `state_of`: the state of a file now, if that is known.
    pub(super) fn take_changed(
        &mut self,
        mut state_of: impl FnMut(&Path) -> Option<FileState>,
    ) -> BTreeSet<RuleDirectory> {
        let mut changed = BTreeSet::new();
        let from = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let files = self.files.range_mut((from, Bound::Unbounded));
        for (number, (path, file)) in (1..).zip(files.take(CHECKED_AT_ONCE)) {
            self.last = (number == CHECKED_AT_ONCE).then(|| path.clone());
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
