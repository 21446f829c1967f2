//! Begins and ends rescans: everything is compared with the disk, after events were dropped or at
//! the interval of `--rescan`. What is gone is emitted at the end only, since it may have moved to
//! a directory that is yet to be scanned.

use crate::tracker::Tracker;
use crate::tracker::model::{Id, InodeKey};
use crate::tracker::queue::{Key, Work};
use crate::tracker::scan_scope::ScanScope;

/// How long a rescan waits that follows another one: 20 ms, and twice as long each time, up to
/// 1 s.
const FIRST_WAIT: u64 = 20_000_000;
const LONGEST_WAIT: u64 = 1_000_000_000;

#[derive(Default)]
pub(super) struct Rescan {
    pub(super) is_running: bool,
    /// Counts rescans. A directory that was last scanned in an older generation is due.
    pub(super) generation: u16,
    /// How long the next rescan waits, in nanoseconds.
    wait: u64,
}

impl Rescan {
    /// How long a rescan that is requested now waits, in nanoseconds; the next one waits longer.
    fn take_wait(&mut self) -> u64 {
        let next = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        std::mem::replace(&mut self.wait, next)
    }

    fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.is_running = true;
    }

    /// Whether one was under way.
    fn end(&mut self) -> bool {
        std::mem::take(&mut self.is_running)
    }
}

impl<D> Tracker<D> {
    /// Requests a rescan, since events were dropped: at once, unless there was one lately.
    pub(in crate::tracker) fn request_rescan(&mut self, now: u64) {
        let wait = self.scans.rescan.take_wait();
        self.queue
            .delay(Work::timer(Key::Overflow), now.saturating_add(wait));
    }

    pub(in crate::tracker) fn begin_rescan(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.scans.rescan.begin();
        // By their inode keys, files that moved without an event are found again.
        self.model.index_inode_keys();
        // A change of permissions may be among the dropped events.
        let model = &self.model;
        self.queue.hasten_denied(|dir| model.is_live(dir));
        self.enqueue_roots();
        for root in self.roots.entries() {
            self.queue.add(Work::scan(root, ScanScope::All));
        }
    }

    /// Ends the rescan once every directory was scanned that could be: names that are still
    /// missing are deleted.
    pub(in crate::tracker) fn end_rescan_if_over(&mut self) {
        if self.scans.is_scanning() || self.queue.has_full_scans() {
            return;
        }
        if self.scans.rescan.end() {
            self.queue.release_held();
        } else if !self.queue.has_ready() && !self.queue.has(&Key::Overflow) {
            self.scans.rescan.wait = 0;
        }
    }

    /// During a rescan, when a file may have moved without an event: the entries with an inode
    /// key. Else none.
    pub(in crate::tracker) fn relocation_candidates(&self, key: InodeKey) -> Vec<Id> {
        if !self.scans.is_rescanning() {
            return Vec::new();
        }
        let known = self.model.with_inode_key(key).iter().copied();
        known.filter(|id| !self.is_leaving(*id)).collect()
    }

    /// Whether events were dropped, and the rescan that makes up for them is not over.
    pub(in crate::tracker) fn has_lost_events(&self) -> bool {
        self.scans.is_rescanning() || self.queue.has(&Key::Overflow)
    }
}
