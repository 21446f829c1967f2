//! Polls directories that have no watch (at the limit of watches, say), or whose file system does
//! not report all changes: each is scanned at intervals, and where a watch can be set then, it is.
//!
//! Invariant: a directory that loses its watch is polled, or its own name is on the work queue.

use foldhash::HashSet;

use super::Tracker;
use super::disk::{Disk, FsError};
use super::model::{DirectoryState, Flag, Id};
use super::queue::{Key, ScanScope, Work};
use crate::change::{Kind, POLL_SECONDS, Warning};
use crate::event::Wd;

/// The interval at which directories are scanned that have no watch, or whose file system does
/// not report all changes, in nanoseconds.
pub(super) const POLL: u64 = POLL_SECONDS * 1_000_000_000;

impl<D: Disk> Tracker<D> {
    /// Serves a directory with the known inode number that cannot be watched now. If it has a watch
    /// in the model, it is another directory, or the watch is gone and its `IN_IGNORED` unread: what
    /// happened before is to be applied first, unless it was dropped.
    pub(super) fn lost_watch(&mut self, id: Id, error: &FsError) {
        match (self.model.directory_state(id), error) {
            (DirectoryState::Watched(_), FsError::WatchLimit)
                if self.queue.failures_of(id) == 0 =>
            {
                self.queue.retry_soon(self.work_of(id));
            }
            (DirectoryState::Watched(_) | DirectoryState::Unwatched, FsError::WatchLimit) => {
                if let Some(wd) = self.take_watch(id) {
                    self.unwatch_unneeded(wd);
                }
                self.cannot_watch(id, error);
            }
            _ => drop(self.retry_entry(id, error)),
        }
    }
}

impl<D> Tracker<D> {
    /// Removes and returns the watch of a directory that stays in the model. Writes make no events
    /// from now on: `IN_ATTRIB` does not explain new times of the files in it any longer.
    pub(super) fn take_watch(&mut self, id: Id) -> Option<Wd> {
        for file in self.model.children(id).collect::<Vec<_>>() {
            let evidence = self.model.take_evidence(file);
            self.model.add_evidence(file, evidence.without_attrib());
        }
        self.model.take_watch(id)
    }

    /// Serves a directory that has no watch and cannot be watched now: it is polled, or tried again.
    pub(crate) fn cannot_watch(&mut self, id: Id, error: &FsError) {
        // At the limit of watches, polling tries each again.
        if *error != FsError::WatchLimit {
            self.retry_entry(id, error);
        }
        match error {
            FsError::WatchLimit | FsError::Io(_) => {
                if self.model.directory_state(id) == DirectoryState::Unwatched {
                    self.model.set_directory_state(id, DirectoryState::Polled);
                    self.warn_unwatched(id, error);
                }
                self.queue.add(Work::scan(id, ScanScope::All));
            }
            FsError::PermissionDenied => self.warn_unreadable(id),
            FsError::NotFound
            | FsError::Busy
            | FsError::Unanswered
            | FsError::NoDescriptor
            | FsError::Stalled => {}
        }
    }

    fn warn_unwatched(&mut self, id: Id, error: &FsError) {
        let warning = match error {
            FsError::Io(why) => {
                let every = POLL_SECONDS;
                Warning::Failed(format!(
                    "no watch can be set, so it is looked at every {every} s: {why}"
                ))
            }
            _ => Warning::NoWatch,
        };
        self.warn(id, warning);
    }

    /// Sets the watch of a directory that had none.
    pub(super) fn mark_watched(&mut self, id: Id, wd: Wd) {
        self.model.set_watch(id, wd);
        self.model.clear(id, Flag::UNREADABLE);
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
