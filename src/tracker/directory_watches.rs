//! Keeps whether a directory has a watch in step with the kernel: it gets one, loses it, or cannot
//! have one now.
//!
//! Asks the kernel for no watch: reconcile does. Invariant: a directory that loses its watch is
//! polled, or its own name is on the work queue.

use super::Tracker;
use super::disk::{Disk, FsError};
use super::model::{DirectoryState, Flag, Id};
use super::queue::{ScanScope, Work};
use crate::change::{POLL_SECONDS, Warning};
use crate::event::Wd;

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
                    "no watch can be set, so it is polled every {every} s: {why}"
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
}
