//! Decides whether a regular file is read: when only its bytes show whether it has changed; and
//! whether one has changed that goes by its status. Reads nothing itself.

use crate::change::Warning;
use crate::tracker::disk::Stat;
use crate::tracker::model::{self, Evidence, Fingerprint, FirstReader, Id, Knowledge};
use crate::tracker::{Hashing, Tracker};

impl<D> Tracker<D> {
    /// Whether a file goes by inode, size and times: it is not read, and has no digest.
    pub(crate) fn goes_by_stat(&self, stat: &Stat) -> bool {
        self.hashing(stat.inode.dev) == Hashing::Off || stat.size > self.settings.hash_limit
    }

    /// Its fingerprint, by which it is compared later: of one that goes by its status, a new ctime is
    /// no change.
    pub(in crate::tracker) fn fingerprint(&self, stat: &Stat) -> Fingerprint {
        if self.goes_by_stat(stat) {
            model::fingerprint_without_ctime(stat)
        } else {
            model::fingerprint(stat)
        }
    }

    /// When files on a device are read.
    pub(crate) fn hashing(&self, dev: u64) -> Hashing {
        self.file_systems.hashing(dev, self.settings.hashing)
    }

    /// When files in a directory are read.
    pub(in crate::tracker) fn hashing_in(&self, dir: Id) -> Hashing {
        self.hashing(self.model.inode(dir).dev)
    }

    /// Whether only the bytes show if a file has changed.
    pub(super) fn needs_read(&self, id: Id, stat: &Stat, evidence: Evidence) -> bool {
        if evidence.is_more_than_attrib() || self.last_reported.is_replacement(id) {
            return true;
        }
        let is_read = self.hashing(stat.inode.dev) == Hashing::Eager;
        match (self.model.knowledge(id), self.model.digest(id)) {
            (Knowledge::Unverified | Knowledge::Unreadable { .. }, _) => true,
            // If it changed since the watch began, the baseline's reading would not be taken.
            (Knowledge::Unread { reader, .. }, _) => {
                reader == FirstReader::WorkQueue
                    || self.clock.has_shown(stat.ctime)
                    || self.changed_since_start(id, stat)
            }
            (
                Knowledge::Known {
                    fingerprint,
                    is_racy,
                },
                Some(_),
            ) => is_racy || fingerprint != model::fingerprint(stat),
            (Knowledge::Known { fingerprint, .. }, None) => {
                is_read || evidence.leaves_unexplained(fingerprint, model::fingerprint(stat))
            }
        }
    }

    /// Whether a file that goes by inode, size and times has changed. In doubt, it has. `new`: the
    /// fingerprint of its status, without ctime.
    pub(super) fn is_changed_by_stat(
        &self,
        id: Id,
        stat: &Stat,
        new: Fingerprint,
        evidence: Evidence,
    ) -> bool {
        if self.model.digest(id).is_some() {
            return true;
        }
        /// A touch does not explain these. Without a digest, it is another name of the file that was
        /// written to.
        const WRITTEN: Evidence = Evidence::MODIFIED.union(Evidence::OTHER_NAME);
        // A write by a name that is not in the model makes no event.
        let has_unknown_names = self.has_unknown_names(stat);
        match self.model.knowledge(id) {
            Knowledge::Unverified => true,
            Knowledge::Unread { .. } => {
                // The write may have been reported of another name, which is gone.
                let is_touched = evidence.has(Evidence::ATTRIB)
                    && !has_unknown_names
                    && !self.links.has_lone_write();
                let is_doubtful =
                    evidence.is_more_than_attrib() || self.changed_since_start(id, stat);
                self.was_replaced(id, stat) || evidence.has(WRITTEN) || is_doubtful && !is_touched
            }
            Knowledge::Known {
                fingerprint,
                is_racy,
            } if evidence.has(WRITTEN) => is_racy || fingerprint != new,
            Knowledge::Unreadable { .. } if evidence.has(WRITTEN) => true,
            Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint } => {
                let evidence = if has_unknown_names {
                    evidence.without_attrib()
                } else {
                    evidence
                };
                evidence.leaves_unexplained(fingerprint, new)
            }
        }
    }

    /// Warns if a file is too large to be read.
    pub(in crate::tracker) fn warn_over_limit(&mut self, id: Id, stat: &Stat) {
        let is_read = self.hashing(stat.inode.dev) != Hashing::Off;
        if is_read && stat.size > self.settings.hash_limit {
            self.warn(id, Warning::OverLimit);
        }
    }
}
