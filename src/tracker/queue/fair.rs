//! A queue in which directories take turns: first in, first out in each.
//!
//! Invariant: a directory is in `turns` once, as long as it has a key.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::Key;

/// Keys of one directory that are served in a row while others wait.
const ROW: u32 = 8;

#[derive(Default)]
pub(super) struct Fair {
    groups: HashMap<u32, VecDeque<Key>>,
    /// The groups in the order of their turns.
    turns: VecDeque<u32>,
    /// How many the first of them had in this turn.
    served: u32,
}

impl Fair {
    pub(super) fn push(&mut self, group: u32, key: Key) {
        let keys = self.groups.entry(group).or_default();
        if keys.is_empty() {
            self.turns.push_back(group);
        }
        keys.push_back(key);
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        let group = *self.turns.front()?;
        let keys = self.groups.get_mut(&group)?;
        let key = keys.pop_front();
        self.served += 1;
        if keys.is_empty() {
            self.groups.remove(&group);
            self.turns.pop_front();
            self.served = 0;
            if self.groups.is_empty() {
                self.groups.shrink_to(64);
                self.turns.shrink_to(64);
            }
        } else if self.served >= ROW {
            self.turns.rotate_left(1);
            self.served = 0;
        }
        key
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}
