//! Serves files with several names (hard links): an event has the one name that was used, and the
//! others are found by the inode. What was read under one of them is valid for all, so that an
//! inode is read once. Reads nothing, and emits nothing itself.
//!
//! Invariant: an event costs the same however many names its file has; only a change of the bytes, or
//! of attributes that are reported, takes a step for each of them.

mod passing_on;

use foldhash::HashMap;

use super::disk::{Disk, FileDigest, FsError, Stat, Ticket};
use super::model::{Evidence, Fingerprint, Flag, Id, InodeKey, Knowledge};
use super::queue::{Key, Work, Written};
use super::serve_queue::PAUSE_PER_NAME;
use super::tmpfiles::Tmpfiles;
use super::{Hashing, Tracker, model};
use crate::change::{Digest, Kind};

/// How long the comparison of all files with several names, or of those in a directory, waits: 0.5 s,
/// so that others can cause it twice a second at most.
pub(super) const COMPARE_DELAY: u64 = 500_000_000;

/// Within what time all of them are compared, once that has begun: 1 s.
const COMPARISON_TAKES: u64 = 1_000_000_000;

/// How long it waits for each name that is passed to find them: 200 ns, some ten times as long as that
/// takes.
const PAUSE_PER_NAME_PASSED: u64 = 200;

/// What is known of inodes with several names, beside the model's index by inode.
#[derive(Default)]
pub(super) struct HardLinks {
    /// What was last read of each.
    readings: HashMap<InodeKey, InodeReading>,
    /// A name of each that could not be read. It has [`Flag::LINKED`].
    unreadable: HashMap<InodeKey, Id>,
    /// Whether a file that may have several names was written to while the model knew one of them:
    /// another one may be there, and its first status be older.
    has_lone_write: bool,
    /// When all these files may be compared again, in ticks of the clock: others may cause that.
    next_comparison: u64,
    /// Until when a comparison of all these files may be to come, in ticks of the clock.
    in_doubt_until: u64,
    pub(super) tmpfiles: Tmpfiles,
}

/// What a reading of an inode gave, under whichever of its names.
#[derive(Clone, Copy)]
struct InodeReading {
    fingerprint: Fingerprint,
    /// `None`: it goes by inode, size and times, or could not be read.
    digest: Option<Digest>,
    /// A time before that, in nanoseconds since 1970.
    as_of: i64,
    /// The last ticket that was given out when it was noted.
    noted: Ticket,
    /// When the bytes were written, as far as is known.
    written: Written,
}

impl HardLinks {
    /// Whether a file may have other names: by its link count, or since it was made with O_TMPFILE,
    /// so that it has the name `#<inode>`, too.
    pub(super) fn may_have_others(&self, stat: &Stat) -> bool {
        stat.nlink > 1 || self.tmpfiles.has(stat.inode.ino)
    }

    /// Forgets what was read by another name since a thread began to read this, and returns `true`, if
    /// that has other bytes. The next reading counts.
    fn forget_later_reading(&mut self, key: InodeKey, ticket: Ticket, digest: Digest) -> bool {
        let is_later = |known: &InodeReading| known.noted >= ticket && known.digest != Some(digest);
        let has_later = self.readings.get(&key).is_some_and(is_later);
        if has_later {
            self.readings.remove(&key);
        }
        has_later
    }

    /// Stores what was read; whether it differs from what was read before.
    fn note_reading(&mut self, key: InodeKey, new: InodeReading) -> bool {
        let Some(old) = self.readings.insert(key, new) else {
            return true;
        };
        // A file that is truncated has its new size before its new times.
        let is_later = new.written > old.written;
        match (old.digest, new.digest) {
            (Some(old), Some(new)) => old != new || is_later,
            // Within the resolution of the clock a write leaves the fingerprint as it is.
            (None, None) => {
                old.fingerprint != new.fingerprint || new.written == Written::ByThisName
            }
            // The same fingerprint does not prove the same bytes: it may be racy.
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// Whether a file that may have several names was written to while the model knew one of them.
    pub(super) fn has_lone_write(&self) -> bool {
        self.has_lone_write
    }

    /// A name of the inode, if it could not be read.
    pub(super) fn unreadable(&self, key: InodeKey) -> Option<Id> {
        self.unreadable.get(&key).copied()
    }

    /// Notes a write to a file that may have several names, of which the model has this one alone, or
    /// knows no other yet.
    fn note_lone_write(&mut self) {
        self.has_lone_write = true;
    }

    pub(super) fn set_unreadable(&mut self, key: InodeKey, name: Option<Id>) {
        match name {
            Some(name) => self.unreadable.insert(key, name),
            None => self.unreadable.remove(&key),
        };
    }
}

impl<D> Tracker<D> {
    /// Stores the inode of a file, and whether it has several names.
    pub(super) fn note_links(&mut self, id: Id, stat: &Stat) {
        if !self.model.is_unread(id) {
            self.note_links_of(id, stat, model::inode_key(stat));
        }
    }

    /// As [`Self::note_links`]. `key`: that of the status.
    pub(super) fn note_links_of(&mut self, id: Id, stat: &Stat, key: InodeKey) {
        if self.model.is_unread(id) {
            return; // The inode is stored together with the first fingerprint.
        }
        if self.model.inode_key(id) != Some(key) {
            self.pass_doubt_on(id);
            self.model.clear(id, Flag::LINKED);
            self.model.set_inode_key(id, key);
        }
        let has_others = self.links.may_have_others(stat)
            // The status is older than another name.
            || !self.model.has(id, Flag::LINKED) && self.model.with_inode_key(key).len() > 1;
        if has_others {
            self.model.index_inode_keys();
            self.model.set(id, Flag::LINKED);
            self.note_attributes_of_linked(id, stat, key);
            // If there are more than two, the others are marked already.
            if let &[one, other] = self.model.with_inode_key(key) {
                self.model.set(one, Flag::LINKED);
                self.model.set(other, Flag::LINKED);
                let is_unreadable = |name: &Id| self.model.is_unreadable(*name);
                if let Some(name) = [one, other].into_iter().find(is_unreadable) {
                    self.links.set_unreadable(key, Some(name));
                }
            }
        } else if self.model.has(id, Flag::LINKED) && self.model.with_inode_key(key).len() <= 1 {
            // With several names in the model, the status is older than the last of them.
            self.model.clear(id, Flag::LINKED);
            self.links.readings.remove(&key);
            // Nothing removes it with the name once that has not the flag.
            self.links.set_unreadable(key, None);
        }
    }

    /// What was read under another name of the same inode, with its digest, if that is still the one of
    /// this file: the fingerprint is the same, and proves it, or nothing has happened since.
    pub(super) fn read_by_other_name(
        &self,
        id: Id,
        stat: &Stat,
        evidence: Evidence,
    ) -> Option<(FileDigest, Digest)> {
        if !self.model.has(id, Flag::LINKED) {
            return None;
        }
        let reading = self.links.readings.get(&model::inode_key(stat))?;
        let is_same = reading.fingerprint == model::fingerprint(stat);
        let is_racy = model::is_racy(stat, reading.as_of);
        let is_trusted = !is_racy || evidence.is_only_other_name();
        let digest = reading.digest.filter(|_| is_same && is_trusted);
        digest.map(|digest| (FileDigest::known(*stat, digest, reading.as_of), digest))
    }

    /// Compares all files with several names, in a while, which is longer the more there are: events
    /// about writes by other names of theirs, or about their permissions, may be dropped, or those names
    /// are gone before their inodes were found.
    pub(super) fn compare_linked_files(&mut self) {
        if !self.model.has_linked_files() {
            return;
        }
        let soon = self.clock.tick().saturating_add(COMPARE_DELAY);
        let due = soon.max(self.links.next_comparison);
        self.queue.delay(Work::timer(Key::LinkedFiles), due);
        self.links.in_doubt_until = due.saturating_add(COMPARISON_TAKES);
    }

    /// Notes that the events of a watch that are unread will be dropped.
    pub(super) fn note_dropped_events(&mut self) {
        self.links.note_lone_write();
        self.compare_linked_files();
    }

    /// Whether a file may have been written to by another name without evidence, so that `IN_ATTRIB`
    /// does not explain new times: its comparison is to come.
    pub(super) fn may_be_written_by_other_name(&self, id: Id) -> bool {
        self.model.has(id, Flag::LINKED) && self.clock.tick() < self.links.in_doubt_until
    }

    pub(super) fn enqueue_linked_files(&mut self) {
        let model = &self.model;
        let is_linked = |id: &Id| model.kind(*id) == Kind::File && model.has(*id, Flag::LINKED);
        let mut passed = 0_u64;
        let all = model.all().inspect(|_| passed += 1);
        let linked: Vec<_> = all.filter(is_linked).collect();
        let pause = PAUSE_PER_NAME.saturating_mul(linked.len() as u64);
        let pause = pause.saturating_add(PAUSE_PER_NAME_PASSED.saturating_mul(passed));
        self.links.next_comparison = self.clock.tick().saturating_add(pause);
        for id in linked {
            if self.links.has_lone_write && self.may_hide_a_write(id) {
                self.model.add_evidence(id, Evidence::OTHER_NAME);
            }
            self.enqueue(id);
        }
    }

    /// Whether a file that is read later has no digest yet, and its status does not prove its bytes: a
    /// touch may have explained the times of a write by another name.
    fn may_hide_a_write(&self, id: Id) -> bool {
        let model = &self.model;
        let is_racy = matches!(model.knowledge(id), Knowledge::Known { is_racy: true, .. });
        let dir = model
            .parent(id)
            .filter(|_| is_racy && model.digest(id).is_none());
        dir.is_some_and(|dir| self.hashing_in(dir) == Hashing::Lazy)
    }

    /// Whether a file may have names that the model has not, or has without knowing their inode.
    pub(super) fn has_unknown_names(&self, stat: &Stat) -> bool {
        let names = || self.model.with_inode_key(model::inode_key(stat)).len();
        stat.nlink > 1 && stat.nlink as usize > names()
    }
}

impl<D: Disk> Tracker<D> {
    /// Notes that a file was read, unless the same was last read of the inode: what was reported of
    /// its other names may be older, since an event comes for one name only, and for none before
    /// its directory is watched. It was read after `as_of`.
    pub(super) fn note_reading_of(&mut self, id: Id, stat: &Stat, as_of: i64, written: Written) {
        if !self.model.has(id, Flag::LINKED) {
            return;
        }
        let reading = InodeReading {
            fingerprint: self.fingerprint(stat),
            digest: self.model.digest(id),
            as_of: as_of.min(self.clock.wall()),
            noted: self.reads.last_ticket(),
            written,
        };
        let key = model::inode_key(stat);
        if self.links.note_reading(key, reading) {
            if written > Written::Before && self.model.with_inode_key(key).len() <= 1 {
                self.links.note_lone_write();
            }
            // Once for many writes: others may write to a file with many names all the time.
            self.queue.add_once_due(Work::other_names(key, id, written));
        }
    }

    /// As [`Self::note_reading_of`], of what a thread has read. If other bytes were read by another name
    /// meanwhile, which of them are later is not known: the file is read again.
    pub(super) fn note_answer_of(
        &mut self,
        id: Id,
        ticket: Ticket,
        read: &FileDigest,
        written: Written,
    ) {
        let key = model::inode_key(&read.stat);
        let digest = read.digest;
        if digest.is_some_and(|digest| self.links.forget_later_reading(key, ticket, digest)) {
            self.model.add_evidence(id, Evidence::MODIFIED);
            self.enqueue(id);
        } else {
            self.note_reading_of(id, &read.stat, read.as_of, written);
        }
    }

    /// As [`Self::note_reading_of`], of a status that was found now and shows a change. `evidence`: what
    /// it was found for.
    pub(super) fn note_new_status_of(&mut self, id: Id, stat: &Stat, evidence: Evidence) {
        let written = if evidence.without_attrib().is_only_other_name() {
            Written::SinceStart
        } else {
            Written::ByThisName
        };
        self.note_reading_of(id, stat, self.clock.wall(), written);
    }

    /// Enqueues a file that may have been written to by another name, if its first status, which came
    /// from a thread, is older than what is there: such a write is reported of the names that are
    /// known by then.
    pub(super) fn enqueue_if_changed_since(&mut self, id: Id, stat: &Stat) {
        if self.later_status(id, stat).is_some() {
            self.model.add_evidence(id, Evidence::OTHER_NAME);
            self.enqueue(id);
        }
    }

    /// As [`Self::enqueue_if_changed_since`], of a digest that was stored without a record: it may be
    /// of bytes that were written after the status. (A file that is truncated has its new size before
    /// its new times.)
    pub(super) fn check_silent_digest(&mut self, id: Id, stat: &Stat) {
        let Some(later) = self.later_status(id, stat) else {
            return;
        };
        if later.is_ok_and(|now| !now.has_size_and_mtime_of(stat)) {
            self.forget_digest(id);
        } else {
            self.model.add_evidence(id, Evidence::OTHER_NAME);
            self.enqueue(id);
        }
    }

    /// What statx(2) gives for a file that may have been written to by another name, if that is not
    /// its first status.
    fn later_status(&mut self, id: Id, first: &Stat) -> Option<Result<Stat, FsError>> {
        if !self.model.has(id, Flag::LINKED) && !self.links.has_lone_write {
            return None;
        }
        let now = self.stat_entry(id);
        let fingerprint = model::fingerprint(first);
        let is_same = now
            .as_ref()
            .is_ok_and(|now| model::fingerprint(now) == fingerprint);
        (!is_same).then_some(now)
    }

    /// Enqueues the names of an inode of which something older was reported than was read of it as
    /// `name`.
    pub(super) fn enqueue_other_names(&mut self, key: InodeKey, name: Id, written: Written) {
        let reading = self.links.readings.get(&key).copied();
        for other in self.model.with_inode_key(key).to_vec() {
            let known = self.model.digest(other);
            let is_older = match (reading, known) {
                (Some(reading), Some(_)) => known != reading.digest,
                (Some(reading), None) => {
                    other != name
                        && match written {
                            Written::Before => false,
                            Written::SinceStart => self.has_other_state(other, reading.fingerprint),
                            Written::ByThisName => true,
                        }
                }
                (None, _) => other != name,
            };
            if is_older {
                self.model.add_evidence(other, Evidence::OTHER_NAME);
                self.enqueue(other);
            }
        }
    }

    /// Notes that a file has the bytes that were reported, and perhaps other times than were known, by a
    /// touch, say: its other names have them, too, and the event came for one name only. Where there is a
    /// digest, times count only if they are emitted. `old`: what was known before.
    pub(super) fn note_touch_of(&mut self, id: Id, stat: &Stat, old: Option<Fingerprint>) {
        let settings = &self.settings;
        let counts = settings.touched || settings.emits_again || self.model.digest(id).is_none();
        let new = self.fingerprint(stat);
        let is_new = || old.is_none_or(|old| !old.is_same_under_another_name(new));
        if self.model.has(id, Flag::LINKED) && counts && is_new() {
            let key = model::inode_key(stat);
            self.queue.add_once_due(Work::touched_names(key, id));
        }
    }

    /// Enqueues the names of an inode of which other times are known than of `name`, with `IN_ATTRIB` to
    /// explain them.
    pub(super) fn enqueue_touched_names(&mut self, key: InodeKey, name: Id) {
        let names = self.model.with_inode_key(key).to_vec();
        // It may be gone, and its id be used again.
        let known = names
            .contains(&name)
            .then(|| self.model.knowledge(name).fingerprint());
        let Some(state) = known.flatten() else {
            return;
        };
        for other in names {
            if other != name && self.has_other_state(other, state) {
                self.model.add_evidence(other, Evidence::ATTRIB);
                self.enqueue(other);
            }
        }
    }

    /// Whether the inode, size or mtime that are stored of a file are others, or none are stored.
    fn has_other_state(&self, id: Id, state: Fingerprint) -> bool {
        let known = self.model.knowledge(id).fingerprint();
        known.is_none_or(|known| !known.is_same_under_another_name(state))
    }

    /// Enqueues the other names of a file that was unreadable and was read now.
    pub(super) fn retry_links(&mut self, stat: &Stat) {
        let key = model::inode_key(stat);
        if self.links.unreadable.remove(&key).is_some() {
            for other in self.model.with_inode_key(key).to_vec() {
                if self.model.is_unreadable(other) {
                    self.enqueue(other);
                }
            }
        }
    }
}
