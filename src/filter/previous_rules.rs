//! Keeps the rules that a directory had before they were forgotten, for as long as they cannot be
//! read again: until then they count as before.
//!
//! Invariant: holds no more globs than all levels together may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::budget::MAX_GLOBS_IN_ALL;
use super::level::DirectoryRules;

#[derive(Default)]
pub(super) struct PreviousRules {
    by_directory: BTreeMap<PathBuf, DirectoryRules>,
    globs: usize,
}

impl PreviousRules {
    pub(super) fn insert(&mut self, directory: PathBuf, rules: DirectoryRules) {
        self.remove(&directory);
        while self.globs + rules.globs() > MAX_GLOBS_IN_ALL && self.remove_largest() {}
        self.globs += rules.globs();
        self.by_directory.insert(directory, rules);
    }

    pub(super) fn get(&self, directory: &Path) -> Option<&DirectoryRules> {
        self.by_directory.get(directory)
    }

    /// Removes the rules of a directory, since they were read again.
    pub(super) fn remove(&mut self, directory: &Path) {
        if let Some(old) = self.by_directory.remove(directory) {
            self.globs -= old.globs();
        }
    }

    /// Removes the rules with the most globs; whether there were any.
    fn remove_largest(&mut self) -> bool {
        let largest = self
            .by_directory
            .iter()
            .max_by_key(|(_, rules)| rules.globs());
        let largest = largest.map(|(directory, _)| directory.clone());
        if let Some(directory) = &largest {
            self.remove(directory);
        }
        largest.is_some()
    }

    /// Removes the rules of a directory and of those below it, which are gone.
    pub(super) fn remove_below(&mut self, directory: &Path) {
        let from = directory.to_owned();
        while let Some((path, _)) = self.by_directory.range(from.clone()..).next()
            && path.starts_with(directory)
        {
            let path = path.clone();
            self.remove(&path);
        }
    }
}
