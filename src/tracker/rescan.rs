//! Compares everything with the disk once more (a rescan), since events were dropped, or at the
//! interval of `--rescan`.
//!
//! When it may begin, and when it is over, is decided in `queue/rescan_state.rs`. Invariant: it begins
//! after the overflow was read, so that all that was dropped has happened before.

use super::Tracker;
use crate::change::Change;

impl<D> Tracker<D> {
    /// `IN_Q_OVERFLOW`: a rescan finds what was lost.
    pub(super) fn overflow(&mut self) {
        self.counters.overflows += 1;
        self.records.current().push(Change::Overflow);
        self.queue.request_rescan();
    }

    /// Begins to scan all directories: those of PATHs first, each of which enqueues those in it.
    pub(super) fn begin_rescan(&mut self) {
        self.counters.rescans += 1;
        self.filter.forget_all();
        self.queue.set_rescanning();
        self.status_comparison.leave_to_rescan();
        // By their inode keys, files that moved without an event are found again.
        self.model.index_inode_keys();
        // A change of permissions may be among the dropped events.
        let model = &self.model;
        self.queue
            .make_denied_ready(|dir| dir.is_some_and(|dir| model.is_live(dir)));
        self.enqueue_roots();
        let roots: Vec<_> = self.roots.entries().collect();
        for root in roots {
            self.add_rescan(root);
        }
    }
}
