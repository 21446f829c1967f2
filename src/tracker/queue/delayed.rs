//! Puts keys on the work queue for later: until a deadline, a writer's pause, the next try, or the
//! end of a rescan; and makes them ready then.
//!
//! Invariant: a key that is delayed or debounced has one valid deadline in the heap; others that
//! it has there are ignored.

use std::cmp::Reverse;

use foldhash::HashSet;

use super::back_off::{Failure, FailureKind, back_off, is_to_report};
use super::{CEILING, Detail, Item, Key, QUIET, RETRY_DELAY, State, Work, WorkQueue};
use crate::tracker::disk::FsError;
use crate::tracker::model::Id;

impl WorkQueue {
    /// Serves a key after [`RETRY_DELAY`], or sooner if it is added.
    pub(in crate::tracker) fn recheck(&mut self, work: Work) {
        self.delay(work, self.now.saturating_add(RETRY_DELAY));
    }

    /// Serves a key when the keys that are due are made ready next: once, however often it is added
    /// before.
    pub(in crate::tracker) fn add_once_due(&mut self, work: Work) {
        self.delay(work, self.now);
    }

    /// Serves a key after [`QUIET`]: an event about it is expected before.
    pub(in crate::tracker) fn expect_event(&mut self, work: Work) {
        self.delay(work, self.now.saturating_add(QUIET));
    }

    /// Forgets what was seen under a name: since then an event has reported what became of it.
    pub(in crate::tracker) fn forget_seen(&mut self, dir: Id, name: &[u8]) {
        if let Some(item) = self.name_item(dir, name)
            && matches!(item.detail, Detail::Seen(..))
        {
            item.detail = Detail::Nothing;
        }
    }

    /// Whether a name was created, and had left the disk before it was read; an event has come that
    /// reports what became of it.
    pub(in crate::tracker) fn take_unseen(&mut self, dir: Id, name: &[u8]) -> bool {
        let item = self.name_item(dir, name);
        let unseen = item.filter(|item| matches!(item.detail, Detail::Unseen(_)));
        unseen.map(|item| item.detail = Detail::Nothing).is_some()
    }

    fn name_item(&mut self, dir: Id, name: &[u8]) -> Option<&mut Item> {
        if self.delayed_names == 0 && !self.turns.has_names() && !self.rescan.holds_keys() {
            return None; // So that the key need not be made.
        }
        self.items.get_mut(&Key::Name(dir, name.into()))
    }

    /// Since when an entry is not found on disk; `None`: that is not known.
    pub(in crate::tracker) fn missing_since(&self, id: Id) -> Option<u64> {
        let queued = self.items.get(&Key::Entry(id)).map(|item| item.detail);
        let detail = queued.or_else(|| Some(self.serving_entry(id)?.detail));
        match detail {
            Some(Detail::MissingSince(since)) => Some(since),
            _ => None,
        }
    }

    /// Forgets that an entry was not found: it is there, or an event has reported what became of it.
    pub(in crate::tracker) fn forget_missing(&mut self, id: Id) {
        if let Some(item) = self.items.get_mut(&Key::Entry(id)) {
            item.detail = Detail::Nothing;
        }
    }

    /// Widens what is on the queue under a key, which is served when it was due before. `false`: the key
    /// is not on it.
    pub(in crate::tracker) fn widen(&mut self, work: &Work) -> bool {
        let is_queued = self.has(&work.key);
        if is_queued {
            self.get_or_insert(work); // Merged.
        }
        is_queued
    }

    /// Serves a key at `due`, or sooner if it is added.
    pub(in crate::tracker) fn delay(&mut self, work: Work, due: u64) {
        let item = self.get_or_insert(&work);
        if item.state == State::New || item.state.due().is_some_and(|old| due < old) {
            let failure = item.state.failure().map(Failure::hastened);
            self.wait(work.key, State::Delayed { due, failure });
        }
    }

    /// Gives a key on the queue a state with a deadline.
    fn wait(&mut self, key: Key, state: State) {
        let (Some(item), Some(due)) = (self.items.get_mut(&key), state.due()) else {
            return;
        };
        let old = std::mem::replace(&mut item.state, state);
        item.in_heap = due;
        self.leave_state(&key, old);
        if matches!((state, &key), (State::Delayed { .. }, Key::Name(..))) {
            self.delayed_names += 1;
        }
        self.deadlines.push(Reverse((due, key)));
        if self.deadlines.len() > 64 + 4 * self.items.len() {
            self.compact_deadlines();
        }
    }

    /// Removes deadlines that are no longer valid, and those that a removed key had, if it has the
    /// same again.
    fn compact_deadlines(&mut self) {
        let mut deadlines = std::mem::take(&mut self.deadlines).into_vec();
        deadlines.retain(|Reverse((due, key))| {
            let item = self.items.get(key);
            item.is_some_and(|item| item.in_heap == *due && item.state.due().is_some())
        });
        deadlines.sort_unstable();
        deadlines.dedup();
        self.deadlines = deadlines.into();
    }

    /// Serves a key once nothing has happened to it for [`QUIET`], or at the latest [`CEILING`]
    /// after the first call.
    pub(in crate::tracker) fn debounce(&mut self, work: Work) {
        let now = self.now;
        let item = self.get_or_insert(&work);
        match item.state {
            State::Debounced { latest, .. } => {
                item.state = State::Debounced { last: now, latest };
                return;
            }
            State::Delayed { due, .. } if due <= now.saturating_add(QUIET) => return,
            State::Ready | State::Held => return,
            // One that has failed may work now that something has happened to it.
            State::Delayed { .. } | State::New => {}
        }
        let latest = now.saturating_add(CEILING);
        self.wait(work.key, State::Debounced { last: now, latest });
    }

    /// Takes a debounced entry off the queue, since it is being read.
    pub(in crate::tracker) fn cancel_debounce(&mut self, id: Id) {
        let key = Key::Entry(id);
        let is_debounced = |item: &Item| matches!(item.state, State::Debounced { .. });
        if self.items.get(&key).is_some_and(is_debounced) {
            self.items.remove(&key);
        }
    }

    /// Puts a key back whose names are changing right now: it is tried soon, and later each time.
    pub(in crate::tracker) fn retry_soon(&mut self, work: Work) {
        self.retry(work, &FsError::NotFound);
    }

    /// Puts a key back after an error, with a longer delay each time, unless it is on the queue
    /// already and is served sooner. Whether the error is to be reported.
    pub(in crate::tracker) fn retry(&mut self, work: Work, error: &FsError) -> bool {
        let now = self.now;
        let item = self.get_or_insert(&work);
        let is_unanswered = *error == FsError::Unanswered;
        let count = if is_unanswered {
            &mut item.tries.unanswered
        } else {
            &mut item.tries.failures
        };
        let is_to_report = is_to_report(error, *count);
        let due = now.saturating_add(back_off(error, *count));
        let is_sooner = match item.state {
            State::New => true,
            State::Delayed { due: old, .. } => due < old,
            State::Ready | State::Debounced { .. } | State::Held => false,
        };
        if !is_sooner {
            return false; // The try that comes sooner reports it, if it fails as well.
        }
        *count = count.saturating_add(1);
        let failure = Some(Failure::new(error, *count));
        if !is_unanswered {
            item.tries.unanswered = 0;
        }
        self.wait(work.key.clone(), State::Delayed { due, failure });
        if *error == FsError::PermissionDenied {
            self.denied.insert(work.key, work.group);
        }
        is_to_report
    }

    /// Notes that what failed for want of permissions in a directory, or below it, may work now.
    pub(in crate::tracker) fn reopen(&mut self, dir: Id) {
        self.denied.reopen(dir);
    }

    /// Takes the directories that were noted since the last call.
    pub(in crate::tracker) fn take_reopened(&mut self) -> HashSet<Id> {
        self.denied.take_reopened()
    }

    /// Makes keys ready that failed for want of permissions, in directories for which `is_meant`
    /// is true.
    pub(in crate::tracker) fn make_denied_ready(
        &mut self,
        is_meant: impl FnMut(Option<Id>) -> bool,
    ) {
        for (key, group) in self.denied.within(is_meant) {
            self.add(Work::new(key, group, Detail::Nothing));
        }
    }

    /// Makes keys due whose file system did not answer, since one answers again. Their failures
    /// count on, so that none is reported twice.
    pub(in crate::tracker) fn hasten_unanswered(&mut self) {
        let due = self.now;
        let items = self.items.iter();
        let waiting = items.filter(|(_, item)| item.state.waits_after(FailureKind::NoAnswer));
        let waiting: Vec<_> = waiting
            .map(|(key, item)| (key.clone(), item.state.failure()))
            .collect();
        for (key, failure) in waiting {
            self.wait(key, State::Delayed { due, failure });
        }
    }

    /// Makes keys ready whose deadline has passed.
    pub(in crate::tracker) fn advance(&mut self) {
        let now = self.now;
        while let Some(Reverse((due, _))) = self.deadlines.peek()
            && *due <= now
        {
            let Some(Reverse((due, key))) = self.deadlines.pop() else {
                return;
            };
            let Some(item) = self.items.get_mut(&key).filter(|item| item.in_heap == due) else {
                continue;
            };
            match item.state.due() {
                None => {}
                Some(due) if due > now => {
                    item.in_heap = due;
                    self.deadlines.push(Reverse((due, key)));
                }
                Some(_) => {
                    let group = item.group;
                    self.add(Work::new(key, group, Detail::Nothing));
                }
            }
        }
    }

    /// The next deadline. It may be one that is no longer valid, so that nothing is ready then.
    pub(in crate::tracker) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.peek().map(|Reverse((due, _))| *due)
    }
}
