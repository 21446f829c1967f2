//! Puts keys on the work queue for later: until a deadline, a writer's pause, the next try, or the
//! end of a rescan; and makes them ready then.
//!
//! Invariant: a key that is delayed or debounced has one valid deadline in the heap; others that
//! it has there are ignored.

use std::cmp::Reverse;

use super::back_off::{back_off, is_stuck};
use super::{Detail, Item, Key, QUIET, RETRY_DELAY, State, WorkQueue};
use crate::tracker::disk::{FsError, Inode};
use crate::tracker::model::Id;
use crate::tracker::scan_scope::ScanScope;

impl WorkQueue {
    /// Serves an entry after [`RETRY_DELAY`], or sooner if it is added.
    pub(in crate::tracker) fn recheck_entry(&mut self, id: Id, dir: Option<Id>) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        let due = self.now.saturating_add(RETRY_DELAY);
        self.delay(Key::Entry(id), group, Detail::Nothing, due);
    }

    /// Serves a name after [`RETRY_DELAY`], or sooner if it is added. Something was found under it
    /// that no event has reported yet.
    pub(in crate::tracker) fn recheck_name(
        &mut self,
        dir: Id,
        name: &[u8],
        seen: Inode,
        ctime: i64,
    ) {
        let detail = Detail::Seen(seen, ctime);
        let due = self.now.saturating_add(RETRY_DELAY);
        self.delay(Key::Name(dir, name.into()), dir.0, detail, due);
    }

    /// Forgets what was seen under a name: since then an event has reported what became of it.
    pub(in crate::tracker) fn forget_seen(&mut self, dir: Id, name: &[u8]) {
        if self.delayed_names == 0 && self.names.is_empty() {
            return;
        }
        if let Some(item) = self.items.get_mut(&Key::Name(dir, name.into())) {
            item.detail = Detail::Nothing;
        }
    }

    /// Serves an entry at `due`, or sooner if it is added.
    pub(in crate::tracker) fn delay_entry(&mut self, id: Id, dir: Option<Id>, due: u64) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.delay(Key::Entry(id), group, Detail::Nothing, due);
    }

    pub(super) fn delay(&mut self, key: Key, group: u32, detail: Detail, due: u64) {
        let is_new = !self.items.contains_key(&key);
        let item = self.item(&key, group, detail);
        let old = item.state;
        let is_sooner = match old {
            State::Ready => false,
            State::Held => is_new,
            State::Delayed(_) | State::Debounced { .. } => old.due().is_some_and(|old| due < old),
        };
        if !is_sooner {
            return;
        }
        item.state = State::Delayed(due);
        item.in_heap = due;
        item.is_stuck = false;
        self.leave_state(&key, old);
        if matches!(key, Key::Name(..)) {
            self.delayed_names += 1;
        }
        self.push_deadline(due, key);
    }

    pub(super) fn push_deadline(&mut self, due: u64, key: Key) {
        self.deadlines.push(Reverse((due, key)));
        // Removes deadlines that are no longer valid.
        if self.deadlines.len() > 64 + 4 * self.items.len() {
            let items = &self.items;
            self.deadlines.retain(|Reverse((due, key))| {
                items
                    .get(key)
                    .is_some_and(|item| item.in_heap == *due && item.state.due().is_some())
            });
        }
    }

    /// Serves a name after [`QUIET`]: an event about it is expected before.
    pub(in crate::tracker) fn delay_name(&mut self, dir: Id, name: &[u8]) {
        let due = self.now.saturating_add(QUIET);
        self.delay(Key::Name(dir, name.into()), dir.0, Detail::Nothing, due);
    }

    /// Serves an entry once nothing has happened to it for [`QUIET`], or at the latest `ceiling`
    /// after the first call.
    pub(in crate::tracker) fn debounce_entry(&mut self, id: Id, dir: Option<Id>, ceiling: u64) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.debounce(Key::Entry(id), group, Detail::Nothing, ceiling);
    }

    /// Scans a directory once nothing has happened to it for [`QUIET`], or at the latest `ceiling`
    /// after the first call.
    pub(in crate::tracker) fn debounce_scan(&mut self, dir: Id, scope: ScanScope, ceiling: u64) {
        self.debounce(Key::Scan(dir), dir.0, Detail::ScanScope(scope), ceiling);
    }

    pub(super) fn debounce(&mut self, key: Key, group: u32, detail: Detail, ceiling: u64) {
        let now = self.now;
        let is_new = !self.items.contains_key(&key);
        let item = self.item(&key, group, detail);
        let begun = State::Debounced {
            last: now,
            latest: now.saturating_add(ceiling),
        };
        let old = item.state;
        match old {
            State::Debounced { latest, .. } => {
                item.state = State::Debounced { last: now, latest };
                return;
            }
            State::Delayed(due) if due <= now.saturating_add(QUIET) => return,
            State::Held if !is_new => return,
            State::Ready => return,
            State::Delayed(_) | State::Held => {}
        }
        let due = now.saturating_add(QUIET.min(ceiling));
        item.state = begun;
        item.in_heap = due;
        item.is_stuck = false; // It may work now that something has happened to it.
        self.leave_state(&key, old);
        self.push_deadline(due, key);
    }

    /// Takes a debounced entry off the queue, since it is being read.
    pub(in crate::tracker) fn cancel_debounce(&mut self, id: Id) {
        let key = Key::Entry(id);
        let is_debounced = |item: &Item| matches!(item.state, State::Debounced { .. });
        if self.items.get(&key).is_some_and(is_debounced) {
            self.items.remove(&key);
        }
    }

    /// Puts an entry back after an error, with a longer delay each time. Whether this is its first
    /// failure in a row.
    pub(in crate::tracker) fn retry_entry(
        &mut self,
        id: Id,
        dir: Option<Id>,
        error: &FsError,
    ) -> bool {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.retry(Key::Entry(id), group, Detail::Nothing, error)
    }

    /// Puts a name back after an error, with a longer delay each time. Whether this is its first
    /// failure in a row.
    pub(in crate::tracker) fn retry_name(&mut self, dir: Id, name: &[u8], error: &FsError) -> bool {
        self.retry(Key::Name(dir, name.into()), dir.0, Detail::Nothing, error)
    }

    /// Puts a scan back after an error, with a longer delay each time. Whether this is its first
    /// failure in a row.
    pub(in crate::tracker) fn retry_scan(
        &mut self,
        dir: Id,
        scope: ScanScope,
        error: &FsError,
    ) -> bool {
        self.retry(Key::Scan(dir), dir.0, Detail::ScanScope(scope), error)
    }

    pub(super) fn retry(&mut self, key: Key, group: u32, detail: Detail, error: &FsError) -> bool {
        let now = self.now;
        let is_new = !self.items.contains_key(&key);
        let item = self.item(&key, group, detail);
        let is_first = item.failures == 0;
        if !is_new {
            return is_first; // It is on the queue again already, and is served sooner.
        }
        let due = now.saturating_add(back_off(error, item.failures));
        item.failures = item.failures.saturating_add(1);
        item.is_stuck = is_stuck(error, item.failures);
        item.backs_off = matches!(error, FsError::Io(_));
        item.state = State::Held;
        if *error == FsError::PermissionDenied {
            self.denied.insert(key.clone(), Id(group));
        }
        self.delay_new(key, due);
        is_first
    }

    /// Sets the deadline of an item that was just put on the queue.
    pub(super) fn delay_new(&mut self, key: Key, due: u64) {
        if let Some(item) = self.items.get_mut(&key) {
            item.state = State::Delayed(due);
            item.in_heap = due;
        }
        if matches!(key, Key::Name(..)) {
            self.delayed_names += 1;
        }
        self.push_deadline(due, key);
    }

    /// Makes keys ready that failed for want of permissions, in directories for which `is_meant`
    /// is true.
    pub(in crate::tracker) fn hasten_denied(&mut self, is_meant: impl Fn(Id) -> bool) {
        let denied = self.denied.iter();
        let meant = denied.filter(|&(_, &dir)| is_meant(dir));
        let meant: Vec<(Key, Id)> = meant.map(|(key, &dir)| (key.clone(), dir)).collect();
        for (key, dir) in meant {
            self.make_ready(key, dir.0, Detail::Nothing);
        }
    }

    /// Makes keys due that are not expected to work soon, since a file system answers again.
    pub(in crate::tracker) fn hasten_stuck(&mut self) {
        let now = self.now;
        let mut stuck = Vec::new();
        for (key, item) in &mut self.items {
            if item.is_stuck && matches!(item.state, State::Delayed(_)) {
                (item.state, item.in_heap, item.failures) = (State::Delayed(now), now, 0);
                stuck.push(key.clone());
            }
        }
        for key in stuck {
            self.push_deadline(now, key);
        }
    }

    /// Keeps a name that is gone until the rescan is over: its file may be found under another one.
    pub(in crate::tracker) fn hold(&mut self, dir: Id, name: &[u8]) {
        let key = Key::Name(dir, name.into());
        if !self.items.contains_key(&key) {
            self.item(&key, dir.0, Detail::Nothing);
            self.held.push(key);
        }
    }

    /// Makes names ready that were held, since the rescan is over.
    pub(in crate::tracker) fn release_held(&mut self) {
        for key in std::mem::take(&mut self.held) {
            if let Some(item) = self.items.get(&key)
                && item.state == State::Held
            {
                let group = item.group;
                self.make_ready(key, group, Detail::Nothing);
            }
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
                    self.make_ready(key, group, Detail::Nothing);
                }
            }
        }
    }

    /// The next deadline. It may be one that is no longer valid, so that nothing is ready then.
    pub(in crate::tracker) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.peek().map(|Reverse((due, _))| *due)
    }
}
