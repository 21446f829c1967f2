//! Polls directories that have no watch (at the limit of watches, say), or whose file system does
//! not report all changes: each is scanned at intervals, and where a watch can be set then, it is.
//! And PATHs in which nothing is: the removal of one makes no event while a process has it open.
//!
//! Asks no disk: reconcile does. Invariant: while something is to be polled, the timer for that is
//! on the work queue, from the next turn of the loop on.

use foldhash::HashSet;

use super::Tracker;
use super::model::{DirectoryState, Id};
use super::queue::{Key, ScanScope, Work};
use crate::change::{Kind, POLL_SECONDS};

/// The interval at which directories are scanned that have no watch, or whose file system does
/// not report all changes, in nanoseconds.
pub(super) const POLL: u64 = POLL_SECONDS * 1_000_000_000;

/// An empty PATH is polled after so many nanoseconds first, and then after twice as long each time, up
/// to [`POLL`]: 250 ms.
const FIRST_POLL: u64 = 250_000_000;

impl<D> Tracker<D> {
    /// Polls the PATHs in which nothing is, if there are any.
    pub(crate) fn begin_to_poll_empty_roots(&mut self) {
        if self.roots.entries().any(|root| self.is_empty_root(root)) {
            self.poll_empty_roots_after(FIRST_POLL);
        }
    }

    /// Enqueues the PATHs in which nothing is, and polls them again later; no longer if there are none.
    /// `interval`: how long they have waited, in nanoseconds.
    pub(super) fn poll_empty_roots(&mut self, interval: u64) {
        let roots = self.roots.entries();
        let empty: Vec<Id> = roots.filter(|root| self.is_empty_root(*root)).collect();
        if !empty.is_empty() {
            empty.into_iter().for_each(|root| self.enqueue(root));
            self.poll_empty_roots_after(interval.saturating_mul(2).min(POLL));
        }
    }

    fn poll_empty_roots_after(&mut self, interval: u64) {
        let due = self.clock.tick().saturating_add(interval);
        self.queue.delay(Work::empty_roots(interval), due);
    }

    /// Whether nothing is in a PATH that is a directory, or in that of a single file.
    pub(super) fn is_empty_root(&self, root: Id) -> bool {
        self.model.first_child(root).is_none()
    }

    /// Whether something is to be polled, and nothing is on the work queue for that.
    pub(super) fn lacks_poll_timer(&self) -> bool {
        let is_polled = self.model.polled_directories() > 0 || self.file_systems.has_polled();
        is_polled && !self.queue.has(&Key::Poll)
    }

    pub(super) fn ensure_poll_timer(&mut self) {
        if self.lacks_poll_timer() {
            let due = self.clock.tick().saturating_add(POLL);
            self.queue.delay(Work::timer(Key::Poll), due);
        }
    }

    /// Enqueues what has no watch, or is on a file system that does not report all changes. Forgets
    /// such file systems of which nothing is in the model: they were unmounted.
    pub(super) fn poll(&mut self) {
        let mut used = HashSet::default();
        let mut dirs = Vec::new();
        for id in self.model.all() {
            if self.model.kind(id) != Kind::Directory {
                continue;
            }
            let dev = self.model.inode(id).dev;
            let is_remote = self.file_systems.is_polled(dev);
            if is_remote {
                used.insert(dev);
            }
            if is_remote || self.model.directory_state(id) == DirectoryState::Polled {
                dirs.push(id);
            }
        }
        for id in dirs {
            self.enqueue(id);
            self.queue.add(Work::scan(id, ScanScope::All));
        }
        // A file of such a file system may be mounted in a directory that is not polled.
        let file_systems = &self.file_systems;
        for (id, dev) in self
            .file_watches
            .on_devices(|dev| file_systems.is_polled(dev))
        {
            used.insert(dev);
            self.enqueue(id);
        }
        self.file_systems.retain_polled(&used);
    }
}
