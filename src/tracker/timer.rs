//! What is due at a time: files whose writer may have paused, directories to
//! examine again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Tracker;
use super::model::{Flag, Id};
use super::numbers::Numbers;

/// A writer that paused for so long may be looked at: 50 ms, in nanoseconds.
pub(super) const DEBOUNCE: u64 = 50_000_000;

/// One that never pauses is looked at that often: 1 s.
pub(super) const DEBOUNCE_MAX: u64 = 1_000_000_000;

/// Since when and until when something has been busy.
struct Busy {
    /// The first event since it was last looked at.
    first: u64,
    last: u64,
}

impl Busy {
    fn due(&self) -> u64 {
        (self.last + DEBOUNCE).min(self.first + DEBOUNCE_MAX)
    }
}

#[derive(Default)]
pub(super) struct Timers {
    busy: Numbers<Id, Busy>,
    /// When each may be due; not before.
    heap: BinaryHeap<Reverse<(u64, Id)>>,
    /// Files of which the events just applied say that they were written: most are
    /// closed, and read, before those are over.
    written: Vec<Id>,
}

impl Timers {
    pub(super) fn forget(&mut self, id: Id) {
        self.busy.remove(&id);
    }

    /// The next time at which something may be due.
    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    fn pop(&mut self, now: u64) -> Option<Id> {
        while let Some(&Reverse((due, id))) = self.heap.peek() {
            if due > now {
                return None;
            }
            self.heap.pop();
            match self.busy.get(&id).map(Busy::due) {
                Some(due) if due > now => self.heap.push(Reverse((due, id))),
                Some(_) => {
                    self.busy.remove(&id);
                    return Some(id);
                }
                None => {}
            }
        }
        None
    }
}

impl Tracker {
    /// A file was written to: if it is not read before, its writer's pause is waited for.
    pub(super) fn was_written(&mut self, id: Id) {
        self.timers.written.push(id);
    }

    /// All events at hand are applied: what was written and not read is busy.
    pub(super) fn debounce_written(&mut self, now: u64) {
        for id in std::mem::take(&mut self.timers.written) {
            if self.model.is_live(id) && self.model.has(id, Flag::MODIFIED) {
                self.debounce(id, now);
            }
        }
    }

    /// Something happened to an entry that may go on happening.
    pub(super) fn debounce(&mut self, id: Id, now: u64) {
        self.model.set(id, Flag::DEBOUNCING);
        let busy = self.timers.busy.entry(id).or_insert_with(|| {
            self.timers.heap.push(Reverse((now + DEBOUNCE, id)));
            Busy {
                first: now,
                last: now,
            }
        });
        busy.last = now;
    }

    pub(super) fn cancel_debounce(&mut self, id: Id) {
        if self.model.clear(id, Flag::DEBOUNCING) {
            self.timers.forget(id);
        }
    }

    pub(super) fn due(&mut self, now: u64) -> Option<Id> {
        let id = self.timers.pop(now)?;
        self.model.clear(id, Flag::DEBOUNCING);
        Some(id)
    }
}
