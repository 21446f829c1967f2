//! The comparison of everything with the disk, after events were dropped or when the user
//! asked for it. What is gone is reported at its end only: it may have moved to where the
//! rescan has not looked yet.

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
pub(in crate::tracker) struct Rescan {
    is_running: bool,
    /// Counts them: a directory scanned in an older one is due.
    generation: u16,
    /// How long the next one waits, in nanoseconds.
    wait: u64,
}

impl Rescan {
    pub(in crate::tracker) fn is_running(&self) -> bool {
        self.is_running
    }

    pub(in crate::tracker) fn generation(&self) -> u16 {
        self.generation
    }

    /// The generation of a directory that no rescan has seen.
    pub(in crate::tracker) fn unscanned(&self) -> u16 {
        self.generation.wrapping_sub(1)
    }
}

impl<D> Tracker<D> {
    /// Events were dropped: everything is compared, at once unless that was so lately.
    pub(in crate::tracker) fn request_rescan(&mut self, now: u64) {
        let wait = self.rescan.wait;
        self.rescan.wait = (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        self.queue
            .add_timer(Key::Overflow, now.saturating_add(wait));
    }

    pub(in crate::tracker) fn begin_rescan(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.rescan.generation = self.rescan.generation.wrapping_add(1);
        self.rescan.is_running = true;
        // Files that moved unseen are known by it.
        self.model.index_inode_keys();
        self.enqueue_roots();
        for root in self.roots.entries() {
            self.queue.add_scan(root, ScanScope::All);
        }
    }

    /// Every directory that could be scanned was: what is still missing is gone.
    pub(in crate::tracker) fn end_rescan_if_over(&mut self) {
        if self.scan.is_some() || self.queue.has_full_scans() {
            return;
        }
        if std::mem::take(&mut self.rescan.is_running) {
            self.queue.release_held();
        } else if !self.queue.has_ready() && !self.queue.has(&Key::Overflow) {
            self.rescan.wait = 0;
        }
    }

    /// Entries with that inode key, during a rescan, when one may have moved without an
    /// event; else none.
    pub(in crate::tracker) fn relocation_candidates(&self, key: InodeKey) -> Vec<Id> {
        if self.rescan.is_running {
            self.model.with_inode_key(key).to_vec()
        } else {
            Vec::new()
        }
    }

    /// Whether events were dropped that are not made up for yet.
    pub(in crate::tracker) fn has_lost_events(&self) -> bool {
        self.rescan.is_running || self.queue.has(&Key::Overflow)
    }
}
