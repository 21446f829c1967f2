//! Files that the walk saw and that were not read yet: what the baseline reads counts only if
//! nothing has happened to them since.
//!
//! Emits nothing. Invariant: a digest is stored without a record only from the inode
//! that the walk saw, as it was before the watch began; all else is left to reconcile.

use super::Tracker;
use super::disk::{Disk, FileDigest, FsError, Stat};
use super::model::{Evidence, Id, Knowledge};
use crate::change::Kind;

impl<D> Tracker<D> {
    /// Whether a file that was not read since the watch began is another one than the
    /// walk saw. A rename, a link or a birth shows in the times, so the numbers are asked
    /// only then: on some file systems a listing's are not those of the files.
    pub(super) fn was_replaced(&self, id: Id, stat: &Stat) -> bool {
        let is_other = |ino| {
            ino != stat.inode.ino || stat.btime.is_some_and(|birth| self.clock.has_shown(birth))
        };
        match self.model.knowledge(id) {
            Knowledge::Unread { ino, .. } if ino != 0 => {
                self.clock.has_shown(stat.ctime) && is_other(ino)
            }
            _ => false,
        }
    }

    /// Whether a file may have been written, by its times, since the watch
    /// began: the wall clock has shown them since. One that a program has set to the future
    /// proves nothing, unless it was set since. Where a write makes no event, any change of the
    /// inode counts as one.
    pub(super) fn changed_since_start(&self, id: Id, stat: &Stat) -> bool {
        let dir = self.model.parent(id);
        if dir.is_some_and(|dir| self.model.wd(dir).is_none()) {
            let from = self.settings.began_coarse;
            return self.clock.has_shown_from(stat.ctime, from);
        }
        let is_set = || stat.mtime > stat.ctime && self.clock.has_shown(stat.ctime);
        self.clock.has_shown(stat.mtime) || is_set()
    }
}

impl<D: Disk> Tracker<D> {
    /// The baseline has read a file, or stat'ed it: what was there when the watch
    /// began is known, unless something has happened since.
    pub(crate) fn take_baseline(&mut self, id: Id, read: Result<FileDigest, FsError>) {
        let model = &self.model;
        if !model.is_live(id) || model.kind(id) != Kind::File {
            return;
        }
        let Knowledge::Unread {
            is_missed: false, ..
        } = model.knowledge(id)
        else {
            return;
        };
        if model.evidence(id).has(Evidence::OF_EVENTS) {
            return;
        }
        match read {
            // Something has happened to it, and its event may be unread; or it is another
            // file, renamed to that name. With what is known then, it is read again.
            Ok(FileDigest { stat, stable, .. })
                if !stable
                    || self.clock.has_shown(stat.ctime)
                    || self.changed_since_start(id, &stat) =>
            {
                self.enqueue(id);
            }
            Ok(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                ..
            }) if !self.goes_by_stat(&stat) => self.store_digest(id, &stat, digest, stable),
            // An empty file is read whatever the limit; its digest is not asked for.
            Ok(FileDigest { stat, .. }) => {
                let by_stat = self.goes_by_stat(&stat);
                self.keep_fingerprint(id, &stat, !by_stat, self.clock.wall());
                self.warn_over_limit(id, &stat);
            }
            // It moved, or may not be read, or something above it may not: it is reconciled.
            Err(_) => {
                self.model.mark_missed(id);
                self.enqueue(id);
            }
        }
    }
}
