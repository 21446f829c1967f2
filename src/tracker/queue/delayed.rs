//! What is on the work queue for later: until a deadline, a writer's pause, the next try,
//! or the end of a rescan.
//!
//! Invariant: what waits for a time is in the heap under one deadline that counts; others
//! are out of date.

use std::cmp::Reverse;

use super::back_off::{back_off, is_stuck};
use super::{Detail, Item, Key, QUIET, RETRY_DELAY, State, WorkQueue};
use crate::tracker::disk::{FsError, Inode};
use crate::tracker::model::Id;
use crate::tracker::scan_scope::ScanScope;

impl WorkQueue {
    /// Serves an entry in a moment, or sooner if it is added.
    pub(in crate::tracker) fn recheck_entry(&mut self, id: Id, dir: Option<Id>) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        let due = self.now.saturating_add(RETRY_DELAY);
        self.delay(Key::Entry(id), group, Detail::Nothing, due);
    }

    /// The same of a name under which something was found that no event has named yet.
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

    /// Serves an entry at a time, or sooner if it is added.
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
        self.left(&key, old);
        if matches!(key, Key::Name(..)) {
            self.delayed_names += 1;
        }
        self.push_later(due, key);
    }

    pub(super) fn push_later(&mut self, due: u64, key: Key) {
        self.later.push(Reverse((due, key)));
        // Deadlines that were moved leave their old ones behind.
        if self.later.len() > 64 + 4 * self.items.len() {
            let items = &self.items;
            self.later.retain(|Reverse((due, key))| {
                items
                    .get(key)
                    .is_some_and(|item| item.in_heap == *due && item.state.due().is_some())
            });
        }
    }

    /// A name of which an event is expected: if none comes, it is reconciled.
    pub(in crate::tracker) fn add_name_later(&mut self, dir: Id, name: &[u8]) {
        let due = self.now.saturating_add(QUIET);
        self.delay(Key::Name(dir, name.into()), dir.0, Detail::Nothing, due);
    }

    /// Something happened that may go on happening: it is served when that pauses, and
    /// `ceiling` after it began if it never does.
    pub(in crate::tracker) fn debounce_entry(&mut self, id: Id, dir: Option<Id>, ceiling: u64) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.debounce(Key::Entry(id), group, Detail::Nothing, ceiling);
    }

    /// The same of a directory: files whose names in it were removed may have others.
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
        item.is_stuck = false; // Something has happened to it.
        self.left(&key, old);
        self.push_later(due, key);
    }

    /// The writer's pause is waited for no longer: the file is being read.
    pub(in crate::tracker) fn cancel_debounce(&mut self, id: Id) {
        let key = Key::Entry(id);
        let is_debounced = |item: &Item| matches!(item.state, State::Debounced { .. });
        if self.items.get(&key).is_some_and(is_debounced) {
            self.items.remove(&key);
        }
    }

    /// Puts an entry back that the disk answered with an error: later each time that it
    /// fails. Whether this is the first time in a row, as of the other retries.
    pub(in crate::tracker) fn retry_entry(
        &mut self,
        id: Id,
        dir: Option<Id>,
        error: &FsError,
    ) -> bool {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.retry(Key::Entry(id), group, Detail::Nothing, error)
    }

    pub(in crate::tracker) fn retry_name(&mut self, dir: Id, name: &[u8], error: &FsError) -> bool {
        self.retry(Key::Name(dir, name.into()), dir.0, Detail::Nothing, error)
    }

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
            return is_first; // Something has put it back already: that comes sooner.
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
        self.push_later(due, key);
    }

    /// Serves what permissions have kept from being served, in the directories meant: they have
    /// changed.
    pub(in crate::tracker) fn hasten_denied(&mut self, is_meant: impl Fn(Id) -> bool) {
        let denied = self.denied.iter();
        let meant = denied.filter(|&(_, &dir)| is_meant(dir));
        let meant: Vec<(Key, Id)> = meant.map(|(key, &dir)| (key.clone(), dir)).collect();
        for (key, dir) in meant {
            self.make_ready(key, dir.0, Detail::Nothing);
        }
    }

    /// Serves what waits for long, now: a file system answers again.
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
            self.push_later(now, key);
        }
    }

    /// Keeps a name that is gone until the rescan is over: it may be found under another name.
    pub(in crate::tracker) fn hold(&mut self, dir: Id, name: &[u8]) {
        let key = Key::Name(dir, name.into());
        if !self.items.contains_key(&key) {
            self.item(&key, dir.0, Detail::Nothing);
            self.held.push(key);
        }
    }

    /// The rescan is over.
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

    /// What is due by now is ready.
    pub(in crate::tracker) fn advance(&mut self) {
        let now = self.now;
        while let Some(Reverse((due, _))) = self.later.peek()
            && *due <= now
        {
            let Some(Reverse((due, key))) = self.later.pop() else {
                return;
            };
            let Some(item) = self.items.get_mut(&key).filter(|item| item.in_heap == due) else {
                continue;
            };
            match item.state.due() {
                None => {}
                Some(due) if due > now => {
                    item.in_heap = due;
                    self.later.push(Reverse((due, key)));
                }
                Some(_) => {
                    let group = item.group;
                    self.make_ready(key, group, Detail::Nothing);
                }
            }
        }
    }

    /// The next deadline; nothing may be due then.
    pub(in crate::tracker) fn next_deadline(&self) -> Option<u64> {
        self.later.peek().map(|Reverse((due, _))| *due)
    }
}
