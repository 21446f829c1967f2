//! The bytes of a file are known, or, where it goes by them, its inode, size and times:
//! they are told if they are news. What is known is noted whether they are or not.

use super::{Why, content};
use crate::change::Digest;
use crate::tracker::model::{self, Flag, Id};
use crate::tracker::port::Stat;
use crate::tracker::{Tracker, Turn};

/// A fingerprint is trusted when it was taken that much after the last change: the
/// coarsest clock of a file system. 2 s, in nanoseconds.
const COARSEST: i64 = 2_000_000_000;

impl Turn<'_> {
    /// A file that was made, written and closed was read.
    pub(in crate::tracker) fn compare_closed(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        stable: bool,
    ) {
        self.compare(id, stat, digest, stable, Why::CLOSED);
    }

    /// The same where files go by size and times.
    pub(in crate::tracker) fn check_closed(&mut self, id: Id, stat: &Stat) {
        self.check_stat(id, stat, Why::CLOSED);
    }

    /// The bytes are known: they are told if they are news.
    pub(super) fn compare(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool, why: Why) {
        let old = self.t.model.digest(id);
        let (old_print, new_print) = (self.t.model.print(id), model::print(stat, true));
        let is_another = self.t.was_replaced(id, stat) || is_another(old_print, new_print);
        let is_young = self.t.is_young(id, stat, self.now.wall);
        let was_unreadable = self.t.model.clear(id, Flag::UNREADABLE);
        let displaced = self.t.take_displaced(id);
        let news = match (old, displaced) {
            (_, Some(last)) => !(old == Some(digest) && last == Some(digest)),
            (Some(old), None) => old != digest,
            (None, None) => {
                let written =
                    why.has(Flag::WROTE) || why.has(Flag::CLOSED) && !why.has(Flag::TOUCHED);
                let looked = old_print != 0 && old_print != new_print && !why.has(Flag::TOUCHED);
                was_unreadable || is_another || written || looked || !stable || is_young
            }
        };
        let was_linked = self.t.model.has(id, Flag::LINKED);
        self.took(id, stat, digest, stable);
        self.join_links(id, was_linked);
        if news {
            self.t.tell_changed(id, content(stat, Some(digest)));
        } else if why.is_written() {
            self.t.counters.same_content += 1;
        }
        self.retry_links(id);
        if news || is_another {
            self.nominate_links(id, news || is_young);
        }
    }

    /// A file that goes by inode, size and times.
    pub(super) fn check_stat(&mut self, id: Id, stat: &Stat, why: Why) {
        let (old, new) = (self.t.model.print(id), model::print(stat, false));
        let was_replaced = self.t.was_replaced(id, stat);
        let was_read = self.t.model.digest(id).is_some();
        let displaced = self.t.model.clear(id, Flag::DISPLACING);
        self.t.displaced.remove(&id);
        let news = if displaced || was_read || was_replaced {
            true
        } else if why.has(Flag::WROTE) {
            old != new || !self.t.model.has(id, Flag::SETTLED)
        } else if why.has(Flag::TOUCHED) && !self.t.model.has(id, Flag::LINKED) {
            // Of several names, another one may have been used to write.
            is_another(old, new)
        } else if why.has(Flag::CLOSED) {
            old != new
        } else if old == 0 {
            self.t.is_young(id, stat, self.now.wall)
        } else {
            old != new
        };
        self.t.model.set_digest(id, None);
        self.t.model.set_print(id, new, model::ident(stat));
        self.t.note_settled(id, stat, self.now.wall);
        if news {
            self.t.say_over_limit(id, stat.size);
            self.t.tell_changed(id, content(stat, None));
            self.nominate_links(id, true);
            self.is_fresh(id);
        } else if old != new {
            // A write that was seen with a touch may have its event yet to come.
            self.t.model.clear(id, Flag::SETTLED);
        }
    }

    /// Notes what was read.
    pub(in crate::tracker) fn took(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool) {
        self.t.counters.hashes += 1;
        self.t.counters.hashed_bytes += stat.size;
        self.t.note_links(id, stat);
        let model = &mut self.t.model;
        model.set_digest(id, Some(digest));
        model.set_print(id, model::print(stat, true), model::ident(stat));
        self.t.note_settled(id, stat, self.now.wall);
        if !stable {
            self.t.model.set(id, Flag::WROTE);
            self.t.busy(id, self.now.tick);
        } else {
            self.is_fresh(id);
        }
    }

    /// What is known of a file's bytes is younger than the events at hand.
    fn is_fresh(&mut self, id: Id) {
        if self.t.is_applying {
            self.t.model.set(id, Flag::FRESH);
            self.t.fresh.push(id);
        }
    }
}

impl Tracker {
    /// What was last reported under the name onto which it was renamed, if that is not
    /// accounted for yet.
    fn take_displaced(&mut self, id: Id) -> Option<Option<Digest>> {
        if self.model.clear(id, Flag::DISPLACING) {
            self.displaced.remove(&id)
        } else {
            None
        }
    }

    /// Notes that the fingerprint just taken can, or can't, be trusted.
    pub(in crate::tracker) fn note_settled(&mut self, id: Id, stat: &Stat, wall: i64) {
        if wall - stat.ctime.max(stat.mtime) > COARSEST {
            self.model.set(id, Flag::SETTLED);
        } else {
            self.model.clear(id, Flag::SETTLED);
        }
    }
}

/// Whether two fingerprints are of two inodes, or of two sizes; 0 is of none.
pub(super) fn is_another(old: u64, new: u64) -> bool {
    old != 0 && old >> 32 != new >> 32
}
