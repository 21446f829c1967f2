//! Decides which of the ready keys is served next: first in, first out; kinds and directories take
//! turns, so that no flood of one keeps the others waiting.
//!
//! Invariant: a key waits for no more than a row of each of the others that take turns with it.

use std::collections::VecDeque;

use super::key::{Class, Key};
use crate::fair_queue::FairQueue;
use crate::tracker::model::Id;

/// Keys of one directory that are served in a row while those of others wait.
const GROUP_ROW: u32 = 8;

/// Keys of one kind that are served in a row while others wait.
const ROW: u32 = 16;

/// Names that are compared by the scans under way before another scan begins.
const NAMES_BETWEEN: u32 = 16;

/// With fewer keys than this, no memory is given back.
pub(super) const KEPT_KEYS: usize = 1024;

/// Whose turn it is.
pub(super) enum Turn {
    Key(Key),
    /// That of the scans under way.
    ActiveScans,
}

#[derive(Default)]
pub(super) struct Turns {
    entries: FairQueue<Option<Id>, Key, GROUP_ROW>,
    names: FairQueue<Option<Id>, Key, GROUP_ROW>,
    /// Scans that are to begin, by the owners of the directories.
    scans: FairQueue<Option<u32>, Key, 1>,
    /// How many names were compared since the last one began.
    compared: u32,
    timers: VecDeque<Key>,
    /// How many keys of each kind may still be served in this round.
    left_in_round: [u32; 3],
}

impl Turns {
    /// Adds a key behind those of its kind and its directory (`group`) or, for a scan, of its owner.
    pub(super) fn push(&mut self, group: Option<Id>, owner: Option<u32>, key: Key) {
        match key.class() {
            Class::Entry => self.entries.push(group, key),
            Class::Name => self.names.push(group, key),
            Class::Scan => self.scans.push(owner, key),
            Class::Timer => self.timers.push_back(key),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let is_empty = self.entries.is_empty() && self.names.is_empty();
        is_empty && self.scans.is_empty() && self.timers.is_empty()
    }

    pub(super) fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Takes the next key. `None`: there is none.
    pub(super) fn next(&mut self, is_scanning: bool) -> Option<Turn> {
        let key = match self.next_class(is_scanning)? {
            Class::Timer => self.timers.pop_front(),
            Class::Entry => self.entries.pop(),
            Class::Name => self.names.pop(),
            Class::Scan
                if is_scanning && (self.scans.is_empty() || self.compared < NAMES_BETWEEN) =>
            {
                self.compared += 1;
                return Some(Turn::ActiveScans);
            }
            Class::Scan => {
                self.compared = 0;
                self.scans.pop()
            }
        };
        key.map(Turn::Key)
    }

    /// The kind whose turn it is: in each round up to [`ROW`] keys of each kind are served.
    fn next_class(&mut self, is_scanning: bool) -> Option<Class> {
        if !self.timers.is_empty() {
            return Some(Class::Timer);
        }
        let ready = [
            (Class::Entry, !self.entries.is_empty()),
            (Class::Name, !self.names.is_empty()),
            (Class::Scan, is_scanning || !self.scans.is_empty()),
        ];
        for _ in 0..2 {
            for (left, (class, is_ready)) in self.left_in_round.iter_mut().zip(ready) {
                if is_ready && *left > 0 {
                    *left -= 1;
                    return Some(class);
                }
            }
            self.left_in_round = [ROW; 3];
        }
        None
    }

    /// Gives back the memory that a burst took.
    pub(super) fn give_back(&mut self) {
        self.timers.shrink_to(KEPT_KEYS);
    }
}

#[cfg(test)]
impl Turns {
    /// For how many scans there is room.
    pub(super) fn scans_capacity(&self) -> usize {
        self.scans.capacity()
    }
}
