//! Keeps the keys that failed for want of permissions, and the directories whose permissions have
//! changed since, so that the keys in these are tried again at once.
//!
//! Invariant: without such a key nothing is kept, however many directories change.

use foldhash::{HashMap, HashSet};

use super::key::Key;
use crate::tracker::model::Id;

#[derive(Default)]
pub(super) struct Denied {
    /// Each key with its directory: it is tried again when the permissions of that, or of one above
    /// it, change. `None`: when those of any do.
    keys: HashMap<Key, Option<Id>>,
    /// Directories whose permissions have changed, or that have moved.
    reopened: HashSet<Id>,
}

impl Denied {
    pub(super) fn insert(&mut self, key: Key, dir: Option<Id>) {
        self.keys.insert(key, dir);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if !self.keys.is_empty() {
            self.keys.remove(key);
        }
    }

    /// Notes that what failed in a directory, or below it, may work now.
    pub(super) fn reopen(&mut self, dir: Id) {
        if !self.keys.is_empty() {
            self.reopened.insert(dir);
        }
    }

    /// Takes the directories that were noted since the last call.
    pub(super) fn take_reopened(&mut self) -> HashSet<Id> {
        std::mem::take(&mut self.reopened)
    }

    /// The keys in directories for which `is_meant` is true, each with its directory.
    pub(super) fn within(
        &self,
        mut is_meant: impl FnMut(Option<Id>) -> bool,
    ) -> Vec<(Key, Option<Id>)> {
        let meant = self.keys.iter().filter(|&(_, &dir)| is_meant(dir));
        meant.map(|(key, &dir)| (key.clone(), dir)).collect()
    }
}
