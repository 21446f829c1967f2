//! The bytes of a file are known, or, where it goes by them, its inode, size and times: they
//! are emitted as changed if they differ from what was last emitted, and the model has them from
//! then on.

use super::content;
use crate::change::Digest;
use crate::tracker::Tracker;
use crate::tracker::disk::{Disk, Stat};
use crate::tracker::model::{self, Evidence, Flag, Id, Knowledge};

impl<D: Disk> Tracker<D> {
    /// A file that was made, written and closed was read.
    pub(in crate::tracker) fn compare_closed(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
    ) {
        let why = self.take_evidence(id).and(Evidence::COMPLETED);
        self.count_reading(stat);
        self.compare(id, stat, digest, stable, why);
    }

    /// The same where files go by size and times.
    pub(in crate::tracker) fn compare_closed_stat(&mut self, id: Id, stat: &Stat) {
        let why = self.take_evidence(id).and(Evidence::COMPLETED);
        self.compare_stat(id, stat, why);
    }

    /// The bytes are known: emitted if they differ from what was last emitted.
    pub(super) fn compare(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
        why: Evidence,
    ) {
        let old = self.model.digest(id);
        let knowledge = self.model.knowledge(id);
        let changed_since_start = self.changed_since_start(id, stat);
        let is_changed = match (self.last_reported.take_replaced(id), old) {
            (Some(last), _) => old != Some(digest) || last != Some(digest),
            (None, Some(old)) => old != digest,
            // Other bytes, or none, were reported: when in doubt, they have changed.
            (None, None) => {
                let is_doubtful = why.may_be_written() || !stable || changed_since_start;
                match knowledge {
                    Knowledge::Unseen | Knowledge::Unreadable { .. } => true,
                    Knowledge::Unread { .. } => is_doubtful || self.was_replaced(id, stat),
                    Knowledge::Known { fingerprint, .. } => {
                        is_doubtful || why.leaves_unexplained(fingerprint, stat, true)
                    }
                }
            }
        };
        let is_touched = !is_changed && self.has_new_mtime(id, stat);
        self.keep_digest(id, stat, digest, stable);
        if is_changed {
            self.emit_changed(id, content(stat, Some(digest)), old);
        } else if why.is_written() {
            self.counters.same_content += 1;
        }
        if is_touched {
            self.emit_touched(id, stat);
        }
        if why.has(Evidence::CLOSED_WRITE) && stable {
            self.emit_closed(id, content(stat, Some(digest)));
        }
        if matches!(knowledge, Knowledge::Unreadable { .. }) {
            self.retry_links(stat);
        }
        self.enqueue_links(id, stat, is_changed || changed_since_start);
    }

    /// A file that goes by inode, size and times.
    pub(super) fn compare_stat(&mut self, id: Id, stat: &Stat, why: Evidence) {
        let knowledge = self.model.knowledge(id);
        let last = self.model.digest(id);
        let is_linked = stat.nlink > 1 || self.model.has(id, Flag::LINKED);
        let has_new_fingerprint = match knowledge {
            Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint } => {
                fingerprint != model::fingerprint(stat, false)
            }
            Knowledge::Unseen | Knowledge::Unread { .. } => true,
        };
        let is_changed = match (self.last_reported.take_replaced(id), knowledge) {
            (Some(_), _) | (None, Knowledge::Unseen) => true,
            (None, _) if last.is_some() => true,
            (None, Knowledge::Unread { .. }) => {
                let is_touched = why.has(Evidence::ATTRIB) && !is_linked;
                let is_doubtful = why.is_written() || self.changed_since_start(id, stat);
                self.was_replaced(id, stat)
                    || why.has(Evidence::MODIFIED)
                    || is_doubtful && !is_touched
            }
            (None, Knowledge::Known { is_racy, .. }) if why.has(Evidence::MODIFIED) => {
                is_racy || has_new_fingerprint
            }
            (
                None,
                Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint },
            ) => {
                // Of several names, another one may have been used to write.
                let why = if is_linked { why.without_attrib() } else { why };
                why.leaves_unexplained(fingerprint, stat, false)
            }
        };
        let is_touched = !is_changed && self.has_new_mtime(id, stat);
        self.model.set_digest(id, None);
        self.keep_fingerprint(id, stat, false, self.clock.wall());
        self.remember_mtime(id, stat);
        if is_touched {
            self.emit_touched(id, stat);
        }
        if is_changed {
            self.warn_over_limit(id, stat);
            self.emit_changed(id, content(stat, None), last);
            self.enqueue_links(id, stat, true);
            self.mark_read_this_batch(id);
        } else if has_new_fingerprint {
            // A write that was seen with a touch may have its event yet to come.
            self.model.mark_racy(id);
        }
        if why.has(Evidence::CLOSED_WRITE) {
            self.emit_closed(id, content(stat, None));
        }
    }

    pub(in crate::tracker) fn store_digest(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
    ) {
        self.count_reading(stat);
        self.keep_digest(id, stat, digest, stable);
    }

    /// The digest is known, by whatever name the file was read.
    pub(super) fn keep_digest(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool) {
        self.model.set_digest(id, Some(digest));
        self.keep_fingerprint(id, stat, true, self.clock.wall());
        self.remember_mtime(id, stat);
        if !stable {
            self.model.add_evidence(id, Evidence::MODIFIED);
            self.debounce(id);
        } else {
            self.mark_read_this_batch(id);
        }
    }

    /// A file was read after the events of the batch: those of it are out of date.
    fn mark_read_this_batch(&mut self, id: Id) {
        if let Some(applying) = &mut self.applying {
            applying.read.insert(id);
        }
    }
}

impl<D> Tracker<D> {
    pub(super) fn count_reading(&mut self, stat: &Stat) {
        self.counters.hashes += 1;
        self.counters.hashed_bytes += stat.size;
    }

    /// Keeps the fingerprint that a file has now.
    pub(in crate::tracker) fn keep_fingerprint(
        &mut self,
        id: Id,
        stat: &Stat,
        with_ctime: bool,
        wall: i64,
    ) {
        let known = Knowledge::Known {
            fingerprint: model::fingerprint(stat, with_ctime),
            is_racy: model::is_racy(stat, wall),
        };
        self.learn(id, stat, known);
    }

    /// Keeps what is known of a file by its status now, and notes its links.
    pub(super) fn learn(&mut self, id: Id, stat: &Stat, known: Knowledge) {
        self.note_links(id, stat);
        let was_unread = self.model.is_unread(id);
        self.model.set_knowledge(id, known);
        if was_unread {
            self.note_links(id, stat);
        }
    }
}
