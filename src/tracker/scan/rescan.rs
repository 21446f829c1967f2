//! The comparison of everything with the disk, after events were dropped or when the user
//! asked for it. What is gone is reported at its end only: it may have moved to where the
//! rescan has not come yet.

use crate::tracker::Tracker;
use crate::tracker::model::{Id, InodeKey};
use crate::tracker::queue::Key;
use crate::tracker::scan_scope::ScanScope;

/// How long the second of two rescans that follow each other waits: 20 ms, and twice as
/// long each time, up to 1 s.
const FIRST_WAIT: u64 = 20_000_000;
const LONGEST_WAIT: u64 = 1_000_000_000;

/// Whether a rescan is under way, and which.
#[derive(Default)]
pub(super) struct Rescan {
    pub(super) is_running: bool,
    /// Counts them: a directory scanned in an older one is due.
    pub(super) generation: u16,
    /// How long the next one waits, in nanoseconds.
    wait: u64,
}

impl Rescan {
    /// How long one that is asked for now waits, in nanoseconds.
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
    /// Events were dropped: everything is compared, at once unless that was so lately.
    pub(in crate::tracker) fn request_rescan(&mut self, now: u64) {
        let wait = self.scans.rescan.take_wait();
        self.queue
            .add_timer(Key::Overflow, now.saturating_add(wait));
    }

    pub(in crate::tracker) fn begin_rescan(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.scans.rescan.begin();
        // Files that moved unseen are known by it.
        self.model.index_inode_keys();
        // That permissions changed may be among what was dropped.
        let model = &self.model;
        self.queue.hasten_denied(|dir| model.is_live(dir));
        self.enqueue_roots();
        for root in self.roots.entries() {
            self.queue.add_scan(root, ScanScope::All);
        }
    }

    /// Every directory that could be scanned was: what is still missing is gone.
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

    /// Entries with that inode key, during a rescan, when one may have moved without an
    /// event; else none.
    pub(in crate::tracker) fn relocation_candidates(&self, key: InodeKey) -> Vec<Id> {
        if self.scans.is_rescanning() {
            self.model.with_inode_key(key).to_vec()
        } else {
            Vec::new()
        }
    }

    /// Whether events were dropped that are not made up for yet.
    pub(in crate::tracker) fn has_lost_events(&self) -> bool {
        self.scans.is_rescanning() || self.queue.has(&Key::Overflow)
    }
}
