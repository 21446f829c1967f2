//! Files that were reported before this watch began (`--since`): what the model is told
//! of them, and what it tells of them.
//!
//! Emits nothing. Invariant: what was reported before is taken over only where it will
//! be compared with the bytes.

use super::Tracker;
use super::disk::Stat;
use super::model::{Evidence, Id, Knowledge};
use crate::change::{Attributes, Digest, Kind};

impl<D> Tracker<D> {
    /// A file that the walk has just added is as it was reported, with that digest if any:
    /// the baseline need not look at it. `false`: it must, since something may have happened
    /// to it since the watch began.
    pub(crate) fn add_unchanged(&mut self, id: Id, stat: &Stat, digest: Option<Digest>) -> bool {
        let is_unread = self.model.kind(id) == Kind::File && self.model.is_unread(id);
        if !is_unread || self.clock.has_shown(stat.ctime) || self.changed_since_start(id, stat) {
            return false;
        }
        let by_stat = self.goes_by_stat(stat);
        self.model.set_digest(id, digest.filter(|_| !by_stat));
        self.keep_fingerprint(id, stat, !by_stat, self.settings.began);
        self.remember_mtime(id, stat);
        self.warn_over_limit(id, stat);
        true
    }

    /// Whether the baseline could not tell what a file holds, so that it is still to be
    /// read.
    pub(crate) fn is_to_be_read(&self, id: Id) -> bool {
        let is_seen = !matches!(
            self.model.knowledge(id),
            Knowledge::Unseen | Knowledge::Unread { .. }
        );
        !is_seen || self.model.evidence(id).has(Evidence::OF_EVENTS)
    }

    /// A file is read, and what it holds is emitted if it is not what was reported.
    pub(crate) fn expect_digest(&mut self, id: Id, reported: Option<Digest>) {
        if self.model.kind(id) == Kind::File && self.model.digest(id).is_none() {
            self.model.set_digest(id, reported);
            self.model.set_knowledge(id, Knowledge::Unseen);
            self.enqueue(id);
        }
    }

    /// Mode and owner, where they are reported.
    pub(crate) fn known_attributes(&self, id: Id) -> Option<Attributes> {
        self.attributes.get(&id).copied()
    }
}
