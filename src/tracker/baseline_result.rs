//! Takes what the baseline has read of a file that the walk found. It counts only if nothing has
//! happened to the file since the watch began.
//!
//! Emits nothing. Invariant: a digest is stored without a record only from the inode
//! that the walk saw, as it was before the watch began; all else is left to reconcile.

use super::Tracker;
use super::disk::{Disk, FileDigest, FsError, WhileRead};
use super::model::{Evidence, FirstReader, Id, Knowledge};
use crate::change::Kind;

impl<D: Disk> Tracker<D> {
    /// Takes what the baseline has read of a file, or its status: that was there when the watch
    /// began, unless something has happened since.
    pub(crate) fn take_baseline(&mut self, id: Id, read: Result<FileDigest, FsError>) {
        let model = &self.model;
        if !model.is_live(id) || model.kind(id) != Kind::File {
            return;
        }
        let Knowledge::Unread {
            reader: FirstReader::Baseline,
            ..
        } = model.knowledge(id)
        else {
            return;
        };
        if model.evidence(id).has(Evidence::OF_EVENTS) {
            return;
        }
        match read {
            // It changed since, and the event may be unread; or another file was renamed to its
            // name. It is read again, with the evidence of that, which its times may not show yet: a
            // file that is truncated has its new size first, and its new times in the end.
            Ok(FileDigest {
                stat, while_read, ..
            }) if while_read == WhileRead::MayHaveChanged
                || self.clock.has_shown(stat.ctime)
                || self.changed_since_start(id, &stat) =>
            {
                let may_have_changed = while_read == WhileRead::MayHaveChanged;
                let now = may_have_changed.then(|| self.stat_entry(id));
                if let Some(Ok(now)) = now
                    && !now.has_size_and_mtime_of(&stat)
                {
                    self.model.add_evidence(id, Evidence::MODIFIED);
                }
                self.model.leave_to_work_queue(id);
                self.enqueue(id);
            }
            Ok(
                ref read @ FileDigest {
                    stat,
                    digest: Some(digest),
                    ..
                },
            ) if !self.goes_by_stat(&stat) => {
                self.count_reading(&stat);
                if stat.may_be_truncated_now() {
                    self.reread_once_truncated(id, read);
                } else {
                    self.keep_digest(id, read, digest);
                    self.check_silent_digest(id, &stat);
                }
            }
            // Over the size limit, or files are not read; an empty one is read all the same.
            Ok(FileDigest { stat, as_of, .. }) => {
                self.store_fingerprint(id, &stat, self.fingerprint(&stat), as_of);
                self.enqueue_if_changed_since(id, &stat);
                self.warn_over_limit(id, &stat);
            }
            // It moved, or it or its directory may not be read.
            Err(_) => {
                self.model.leave_to_work_queue(id);
                self.enqueue(id);
            }
        }
    }
}
