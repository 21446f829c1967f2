//! The bytes of a file are known, or, where it goes by them, its inode, size and times:
//! they are told if they are news. What is known is noted whether they are or not.

use super::{Evidence, content};
use crate::change::Digest;
use crate::tracker::disk::Stat;
use crate::tracker::model::{self, Flag, Id};
use crate::tracker::{Tracker, Turn};

/// A fingerprint is trusted when it was taken that much after the last change: the
/// coarsest clock of a file system. 2 s, in nanoseconds.
const RACY: i64 = 2_000_000_000;

impl Turn<'_> {
    /// A file that was made, written and closed was read.
    pub(in crate::tracker) fn compare_closed(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
    ) {
        self.t.count_reading(stat);
        self.compare(id, stat, digest, stable, Evidence::CLOSED_WRITE);
    }

    /// The same where files go by size and times.
    pub(in crate::tracker) fn compare_closed_stat(&mut self, id: Id, stat: &Stat) {
        self.compare_stat(id, stat, Evidence::CLOSED_WRITE);
    }

    /// The bytes are known: they are told if they are news.
    pub(super) fn compare(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
        why: Evidence,
    ) {
        let old = self.t.model.digest(id);
        let (before, now) = (self.t.model.fingerprint(id), model::fingerprint(stat, true));
        let is_another =
            self.t.was_replaced(id, stat) || before.is_some_and(|before| before.is_another(now));
        let changed_since_start = self.t.changed_since_start(id, stat);
        let was_unreadable = self.t.model.clear(id, Flag::UNREADABLE);
        let replaced = self.t.take_replaced(id);
        let news = match (old, replaced) {
            (_, Some(last)) => !(old == Some(digest) && last == Some(digest)),
            (Some(old), None) => old != digest,
            (None, None) => {
                let written = why.has(Flag::MODIFIED)
                    || (why.has(Flag::CLOSED_WRITE) || why.has(Flag::OTHER_NAME))
                        && !why.has(Flag::ATTRIB);
                let looked = before.is_some_and(|before| before != now) && !why.has(Flag::ATTRIB);
                was_unreadable || is_another || written || looked || !stable || changed_since_start
            }
        };
        let is_touched = !news && self.t.has_new_mtime(id, stat);
        self.keep_digest(id, stat, digest, stable);
        if news {
            self.t.emit_changed(id, content(stat, Some(digest)));
        } else if why.is_written() {
            self.t.counters.same_content += 1;
        }
        if is_touched {
            self.t.emit_touched(id, stat);
        }
        if why.has(Flag::CLOSED_WRITE) && stable {
            self.t.emit_closed(id, content(stat, Some(digest)));
        }
        if was_unreadable {
            self.retry_links(stat);
        }
        self.enqueue_links(id, stat, news || changed_since_start);
    }

    /// A file that goes by inode, size and times.
    pub(super) fn compare_stat(&mut self, id: Id, stat: &Stat, why: Evidence) {
        let (old, new) = (
            self.t.model.fingerprint(id),
            model::fingerprint(stat, false),
        );
        let was_replaced = self.t.was_replaced(id, stat);
        let was_read = self.t.model.digest(id).is_some();
        let replaced = self.t.model.clear(id, Flag::REPLACED);
        self.t.replaced.remove(&id);
        let news = if replaced || was_read || was_replaced {
            true
        } else if why.has(Flag::MODIFIED) {
            old != Some(new) || !self.t.model.has(id, Flag::NOT_RACY)
        } else if why.has(Flag::ATTRIB) && !self.t.model.has(id, Flag::LINKED) {
            // Of several names, another one may have been used to write.
            old.is_some_and(|old| old.is_another(new))
        } else if why.has(Flag::CLOSED_WRITE) || why.has(Flag::OTHER_NAME) {
            old != Some(new)
        } else if let Some(old) = old {
            old != new
        } else {
            self.t.changed_since_start(id, stat)
        };
        let is_touched = !news && self.t.has_new_mtime(id, stat);
        self.t.model.set_digest(id, None);
        self.t.keep_fingerprint(id, stat, false, self.now.wall);
        self.t.remember_mtime(id, stat);
        if is_touched {
            self.t.emit_touched(id, stat);
        }
        if news {
            self.t.warn_over_limit(id, stat);
            self.t.emit_changed(id, content(stat, None));
            self.enqueue_links(id, stat, true);
            self.mark_read_this_batch(id);
        } else if old != Some(new) {
            // A write that was seen with a touch may have its event yet to come.
            self.t.model.clear(id, Flag::NOT_RACY);
        }
        if why.has(Flag::CLOSED_WRITE) {
            self.t.emit_closed(id, content(stat, None));
        }
    }

    pub(in crate::tracker) fn store_digest(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
    ) {
        self.t.count_reading(stat);
        self.keep_digest(id, stat, digest, stable);
    }

    /// The digest is known, by whatever name the file was read.
    pub(super) fn keep_digest(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool) {
        self.t.model.set_digest(id, Some(digest));
        self.t.keep_fingerprint(id, stat, true, self.now.wall);
        self.t.remember_mtime(id, stat);
        if !stable {
            self.t.model.set(id, Flag::MODIFIED);
            self.t.debounce(id);
        } else {
            self.mark_read_this_batch(id);
        }
    }

    /// What is known of a file's bytes is younger than the events at hand.
    fn mark_read_this_batch(&mut self, id: Id) {
        if self.t.is_applying {
            self.t.model.set(id, Flag::READ_THIS_BATCH);
            self.t.read_this_batch.push(id);
        }
    }
}

impl Tracker {
    /// What was last reported under the name onto which it was renamed, if that is not
    /// accounted for yet.
    fn take_replaced(&mut self, id: Id) -> Option<Option<Digest>> {
        if self.model.clear(id, Flag::REPLACED) {
            self.replaced.remove(&id)
        } else {
            None
        }
    }

    pub(super) fn count_reading(&mut self, stat: &Stat) {
        self.counters.hashes += 1;
        self.counters.hashed_bytes += stat.size;
    }

    /// Keeps what says that a file is unchanged, as it is now.
    pub(in crate::tracker) fn keep_fingerprint(
        &mut self,
        id: Id,
        stat: &Stat,
        with_ctime: bool,
        wall: i64,
    ) {
        self.note_links(id, stat);
        let was_pending = self.model.has(id, Flag::BASELINE_PENDING);
        self.model
            .set_fingerprint(id, model::fingerprint(stat, with_ctime));
        if was_pending {
            self.note_links(id, stat);
        }
        self.note_racy(id, stat, wall);
    }

    /// Notes that the fingerprint just taken can, or can't, be trusted.
    pub(in crate::tracker) fn note_racy(&mut self, id: Id, stat: &Stat, wall: i64) {
        if wall - stat.ctime.max(stat.mtime) > RACY {
            self.model.set(id, Flag::NOT_RACY);
        } else {
            self.model.clear(id, Flag::NOT_RACY);
        }
    }
}
