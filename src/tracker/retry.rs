//! Serves what the disk could not answer: puts it back on the work queue, to be tried again later
//! each time, and warns. When permissions change, or a file system answers again, what that kept
//! from being served is tried at once.
//!
//! Invariant: no error takes a key off the work queue for good. How long it waits is decided in
//! `queue/back_off.rs`.

use foldhash::HashMap;

use super::Tracker;
use super::disk::FsError;
use super::model::{Flag, Id};
use super::queue::{ScanScope, Work};
use crate::change::Warning;

/// What is reported of a file or directory that stays busy.
pub(super) const BUSY: &str = "another process keeps it busy (by a lease, say): it is tried again";

/// The number of names that may wait, each by itself, for their directory to be found; fewer in
/// tests, which have few names.
const MAX_DELAYED_NAMES: usize = if cfg!(test) { 2 } else { 16 };

impl<D> Tracker<D> {
    // What failed, and is tried again.

    /// Puts a name back that could not be reconciled. Whether that is to be reported.
    pub(super) fn retry_later(&mut self, dir: Id, name: &[u8], error: &FsError) -> bool {
        self.queue.retry(self.work_of_name(dir, name), error)
    }

    /// Puts an entry back that could not be reconciled. Whether that is to be reported.
    pub(super) fn retry_entry(&mut self, id: Id, error: &FsError) -> bool {
        self.queue.retry(self.work_of(id), error)
    }

    /// Delays a name in a directory that is not where the model has it, since `lost`, which is the
    /// directory or above it, is not: until that is found. With many such names, the directory is
    /// to be scanned instead: trying each of them again and again would leave no time to find it.
    pub(super) fn defer_to_scan(&mut self, dir: Id, name: &[u8], lost: Id) {
        if self.queue.delayed_names() < MAX_DELAYED_NAMES {
            self.queue.retry_soon(Work::name(dir, name));
            return;
        }
        let last = self.mark_unscanned_up_to(dir, lost);
        self.queue.retry_soon(self.work_of(last));
    }

    /// Serves a name in `dir` that cannot be reconciled, since `blocked`, which is `dir` or above
    /// it, cannot be entered now: both directories are scanned when it can.
    pub(super) fn cannot_enter(&mut self, blocked: Id, dir: Id, name: &[u8], error: &FsError) {
        let is_to_report = self.queue.retry(Work::scan(blocked, ScanScope::All), error);
        if blocked != dir {
            self.queue.retry(Work::scan(dir, ScanScope::All), error);
        }
        if blocked != dir || self.model.find(dir, name).is_none() {
            self.mark_unscanned(dir);
        }
        self.warn_blocked(blocked, error, is_to_report);
    }

    /// Serves a name that statx(2) cannot find because of an error, though its directory was
    /// opened.
    pub(super) fn cannot_stat(&mut self, dir: Id, name: &[u8], error: &FsError) {
        let is_to_report = match error {
            // The directory may not be searched: all names in it fail.
            FsError::PermissionDenied => self.queue.retry(Work::scan(dir, ScanScope::All), error),
            _ => self.retry_later(dir, name, error),
        };
        self.warn_blocked(dir, error, is_to_report);
    }

    /// Serves a directory that cannot be listed.
    pub(super) fn cannot_scan(&mut self, dir: Id, scope: ScanScope, error: &FsError) {
        let is_to_report = self.queue.retry(Work::scan(dir, scope), error);
        match error {
            FsError::NotFound => {
                // It is scanned once it is found again.
                self.mark_unscanned(dir);
                self.enqueue(dir);
            }
            _ => self.warn_blocked(dir, error, is_to_report),
        }
    }

    /// Serves a directory that the walk has watched and could not list, or not to its end.
    pub(crate) fn cannot_list(&mut self, dir: Id, error: &FsError) {
        self.mark_unscanned(dir);
        self.cannot_scan(dir, ScanScope::All, error);
    }

    /// Warns about a directory whose names cannot be served.
    pub(super) fn warn_blocked(&mut self, dir: Id, error: &FsError, is_to_report: bool) {
        match error {
            FsError::Io(text) if is_to_report => self.warn(dir, Warning::Failed(text.clone())),
            FsError::Busy if is_to_report => self.warn(dir, Warning::Failed(BUSY.to_owned())),
            FsError::PermissionDenied => self.warn_unreadable(dir),
            // That no descriptor is free, or that a file system does not answer, is reported once as
            // a whole.
            FsError::Io(_)
            | FsError::Busy
            | FsError::Unanswered
            | FsError::NoDescriptor
            | FsError::NotFound
            | FsError::Stalled
            | FsError::WatchLimit => {}
        }
    }

    /// Warns once that a directory may not be read.
    pub(super) fn warn_unreadable(&mut self, id: Id) {
        if !self.model.has(id, Flag::UNREADABLE) {
            self.model.set(id, Flag::UNREADABLE);
            self.warn(id, Warning::UnreadableDirectory);
        }
    }

    // What may work now.

    /// Permissions of a directory changed: retries, after this batch, the keys that were denied in it
    /// or below, and all unreadable rule files.
    pub(super) fn retry_denied(&mut self, dir: Id) {
        self.filter.hasten_retries();
        self.queue.reopen(dir);
    }

    /// Makes keys ready that failed for want of permissions, in and below directories whose
    /// permissions have changed or that have moved. For all these directories at once: another user
    /// may have made many of both.
    pub(super) fn hasten_denied(&mut self) {
        let reopened = self.queue.take_reopened();
        if reopened.is_empty() {
            return;
        }
        let model = &self.model;
        // Those that were decided: many may share the directories above them.
        let mut known: HashMap<Id, bool> = HashMap::default();
        let is_within = |dir: Option<Id>| {
            if !dir.is_some_and(|dir| model.is_live(dir)) {
                return true; // It may be, or have been, in any of them.
            }
            let mut undecided = Vec::new();
            let mut at = dir;
            let is_within = loop {
                let Some(id) = at else { break false };
                if reopened.contains(&id) {
                    break true;
                }
                if let Some(&is_within) = known.get(&id) {
                    break is_within;
                }
                undecided.push(id);
                at = model.parent(id);
            };
            known.extend(undecided.into_iter().map(|id| (id, is_within)));
            is_within
        };
        self.queue.make_denied_ready(is_within);
    }

    /// Tries now what waits for a file system that did not answer, since one answers again.
    pub(crate) fn hasten_unanswered(&mut self) {
        self.queue.hasten_unanswered();
    }
}
