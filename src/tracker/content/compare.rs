//! Compares the digest of a file (or, if it goes by stat, its inode, size and times) with what was
//! last emitted, emits a change, and stores what is known now in the model.

use super::content;
use crate::change::Digest;
use crate::tracker::Tracker;
use crate::tracker::disk::{Disk, FileDigest, Stat, WhileRead};
use crate::tracker::model::{self, Evidence, Fingerprint, Flag, Id, Knowledge};
use crate::tracker::queue::Written;

/// What became of what was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// When the bytes were written, as far as is known.
    Taken(Written),
    /// It cannot be the first digest of a file that is changing, or has grown over the limit: the file
    /// is read again.
    ReadAgain,
}

/// For how long the end of a truncation is waited for at least, since who truncates may be waiting
/// for a processor; in nanoseconds: 200 ms.
const SHORTEST_TRUNCATION: u64 = 200_000_000;

/// The same at most: 10 s.
const LONGEST_TRUNCATION: u64 = 10_000_000_000;

impl<D: Disk> Tracker<D> {
    /// Compares a file that was created, written and closed in one batch, and was emitted as empty,
    /// with what was read of it.
    pub(in crate::tracker) fn compare_first_reading(&mut self, id: Id, read: &FileDigest) {
        let stat = &read.stat;
        self.reads.forget(id); // A reading that was begun before is out of date.
        self.links.tmpfiles.add_recent(stat);
        if read.digest.is_none() {
            self.note_links(id, stat);
        }
        let evidence = self.take_evidence(id).union(Evidence::WRITE_EVENTS);
        match read.digest {
            Some(_) => self.take_reading_now(id, read, evidence),
            None => self.compare_stat(id, stat, evidence),
        }
    }

    /// Compares a file that was read. `evidence`: what happened to it before. If it is taken, the caller
    /// notes the reading for its other names.
    pub(super) fn compare(
        &mut self,
        id: Id,
        read: &FileDigest,
        digest: Digest,
        evidence: Evidence,
    ) -> Compared {
        let stat = &read.stat;
        let old = self.model.digest(id);
        let knowledge = self.model.knowledge(id);
        let written_by_times = self.written(id, stat);
        let replaced = self.last_reported.take_replaced(id);
        let has_replaced = replaced.is_some();
        let is_changed = match (replaced, old) {
            (Some(replaced), _) => old != Some(digest) || replaced.digest != Some(digest),
            (None, Some(old)) => old != digest,
            // No digest was reported: in doubt, the bytes have changed.
            (None, None) => {
                let changed_since_start = written_by_times > Written::Before;
                let is_doubtful = evidence.may_be_written()
                    || read.while_read == WhileRead::MayHaveChanged
                    || changed_since_start;
                match knowledge {
                    Knowledge::Unverified | Knowledge::Unreadable { .. } => true,
                    Knowledge::Unread { .. } => is_doubtful || self.was_replaced(id, stat),
                    Knowledge::Known {
                        fingerprint,
                        is_racy,
                    } => {
                        let new = model::fingerprint(stat);
                        // An event with another name, which is yet to come, may be of a write within
                        // the resolution of the clock.
                        let has_doubtful_names = is_racy && self.model.has(id, Flag::LINKED);
                        is_doubtful
                            || has_doubtful_names
                            || evidence.leaves_unexplained(fingerprint, new)
                    }
                }
            }
        };
        // What was written between its status and its bytes is in the digest, which is the first one:
        // the event of that would find nothing new. A remote file system is not waited for.
        let is_first = old.is_none() && !is_changed;
        if is_first && !self.file_systems.is_polled(stat.inode.dev) {
            let was_awaited = knowledge.fingerprint() == Some(model::fingerprint(stat))
                && !self.reads.delays.is_waiting(id, self.clock.tick());
            if !self.has_status(id, stat) {
                self.model.add_evidence(id, evidence);
                self.reads.delays.note(id, self.clock.tick(), read.took);
                self.debounce_file(id);
                return Compared::ReadAgain;
            }
            if stat.may_be_truncated_now() && !was_awaited {
                self.model.add_evidence(id, evidence);
                self.reread_once_truncated(id, read);
                return Compared::ReadAgain;
            }
        }
        let is_touched = !is_changed && self.has_new_mtime(id, stat);
        self.keep_digest(id, read, digest);
        if is_changed {
            self.emit_changed(id, content(stat, Some(digest)), old);
        } else {
            self.counters.same_content += u64::from(evidence.is_more_than_attrib());
            self.note_touch_of(id, stat, knowledge.fingerprint());
        }
        if is_touched {
            self.emit_touched(id, stat);
        }
        if evidence.has(Evidence::CLOSED_WRITE) {
            self.closed_by_writer(id, stat, digest, read.while_read);
        }
        if self.model.has(id, Flag::LINKED) || matches!(knowledge, Knowledge::Unreadable { .. }) {
            self.retry_links(stat);
        }
        // What a rename put in the place of another file differs from that without a write.
        let has_own_bytes = has_replaced && old.is_none_or(|old| old == digest);
        let is_written = is_changed && (!has_own_bytes || evidence.may_be_written());
        Compared::Taken(if is_written {
            Written::ByThisName
        } else {
            written_by_times
        })
    }

    /// Leaves a file that may be being truncated to be read again when that is over, which its times
    /// show. Its first digest would be stored without a record, and the event of the truncation find
    /// nothing new.
    pub(in crate::tracker) fn reread_once_truncated(&mut self, id: Id, read: &FileDigest) {
        let stat = &read.stat;
        self.store_fingerprint(id, stat, model::fingerprint(stat), read.as_of);
        // A file system frees more than a byte in a nanosecond.
        let nanos = stat
            .beyond_end()
            .clamp(SHORTEST_TRUNCATION, LONGEST_TRUNCATION);
        self.reads.delays.note(id, self.clock.tick(), nanos);
        self.enqueue(id);
    }

    /// Whether a file has the same status still, and that is known.
    fn has_status(&mut self, id: Id, stat: &Stat) -> bool {
        let read = model::fingerprint(stat);
        let now = self.stat_entry(id);
        now.is_ok_and(|now| model::fingerprint(&now) == read)
    }

    /// Emits that a writer closed a file that was read since; one that may have changed meanwhile is
    /// read again before.
    pub(in crate::tracker) fn closed_by_writer(
        &mut self,
        id: Id,
        stat: &Stat,
        digest: Digest,
        while_read: WhileRead,
    ) {
        match while_read {
            WhileRead::Unchanged => self.emit_closed(id, content(stat, Some(digest))),
            WhileRead::MayHaveChanged => self.model.add_evidence(id, Evidence::CLOSED_WRITE),
        }
    }

    /// Compares a file that goes by inode, size and times.
    pub(super) fn compare_stat(&mut self, id: Id, stat: &Stat, evidence: Evidence) {
        let knowledge = self.model.knowledge(id);
        let last = self.model.digest(id);
        let new = model::fingerprint_without_ctime(stat);
        let was_racy = matches!(knowledge, Knowledge::Known { is_racy: true, .. });
        let has_replaced = self.last_reported.take_replaced(id).is_some();
        let is_written = self.is_changed_by_stat(id, stat, new, evidence);
        let is_changed = has_replaced || is_written;
        let is_touched = !is_changed && self.has_new_mtime(id, stat);
        self.model.set_digest(id, None);
        self.store_fingerprint(id, stat, new, self.clock.wall());
        self.remember_mtime(id, stat);
        if is_touched {
            self.emit_touched(id, stat);
        }
        if is_changed {
            self.warn_over_limit(id, stat);
            self.emit_changed(id, content(stat, None), last);
            self.mark_read_this_batch(id);
        }
        if is_written {
            self.note_new_status_of(id, stat, evidence);
        } else if knowledge.fingerprint() != Some(new) || was_racy {
            // There may have been a write, too, whose event is unread.
            self.model.mark_racy(id);
        }
        if !is_changed && evidence.has(Evidence::ATTRIB) {
            self.note_touch_of(id, stat, knowledge.fingerprint());
        }
        if evidence.has(Evidence::CLOSED_WRITE) {
            self.emit_closed(id, content(stat, None));
        }
    }

    /// Stores the digest of a file that was read now.
    pub(in crate::tracker) fn store_digest(&mut self, id: Id, read: &FileDigest, digest: Digest) {
        self.count_reading(&read.stat);
        if read.while_read == WhileRead::Unchanged {
            self.mark_read_this_batch(id);
        }
        self.keep_digest(id, read, digest);
    }

    /// Stores the digest and the fingerprint of a file. If it may have changed meanwhile, it is read
    /// again.
    pub(in crate::tracker) fn keep_digest(&mut self, id: Id, read: &FileDigest, digest: Digest) {
        self.model.set_digest(id, Some(digest));
        self.store_fingerprint(id, &read.stat, model::fingerprint(&read.stat), read.as_of);
        self.remember_mtime(id, &read.stat);
        if read.while_read == WhileRead::MayHaveChanged {
            self.model.add_evidence(id, Evidence::MODIFIED);
            self.debounce_file(id);
        }
    }
}

impl<D> Tracker<D> {
    /// Counts a file that was read.
    pub(in crate::tracker) fn count_reading(&mut self, stat: &Stat) {
        self.counters.hashes += 1;
        self.counters.hashed_bytes += stat.size;
    }

    /// Notes that a file was read after the events of the batch that is being applied, and did not
    /// change meanwhile, so that its other events there are out of date. Not so for what a thread has
    /// read: it may be older than the events.
    pub(super) fn mark_read_this_batch(&mut self, id: Id) {
        if let Some(applying) = &mut self.applying {
            applying.note_read(id);
        }
    }

    /// Stores the fingerprint of a file, which it had after `as_of`.
    pub(in crate::tracker) fn store_fingerprint(
        &mut self,
        id: Id,
        stat: &Stat,
        fingerprint: Fingerprint,
        as_of: i64,
    ) {
        let is_racy = model::is_racy(stat, as_of.min(self.clock.wall()));
        let known = Knowledge::Known {
            fingerprint,
            is_racy,
        };
        self.learn(id, stat, known);
    }

    /// Stores what is known of a file, and notes its hard links.
    pub(super) fn learn(&mut self, id: Id, stat: &Stat, known: Knowledge) {
        let key = known
            .fingerprint()
            .map_or_else(|| model::inode_key(stat), Fingerprint::inode);
        // Before the inode key is replaced: the other names of an old inode get the evidence.
        self.note_links_of(id, stat, key);
        let was_unread = self.model.is_unread(id);
        if was_unread && self.was_replaced(id, stat) {
            // Events of this name that are yet to come may be about the old file, which may have others.
            self.compare_linked_files();
        }
        self.model.set_knowledge(id, known);
        if was_unread {
            self.note_links_of(id, stat, key); // It did nothing before, without an inode key.
        }
    }
}
