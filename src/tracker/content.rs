//! What a regular file holds: when it is read, and when its bytes are news.

use super::model::{self, Flag, Id};
use super::port::{At, Fault, Reading, Stat, Ticket};
use super::{Hashing, Tracker, Turn};
use crate::change::{Attributes, Change, Content, Digest, Kind, Trouble};

/// A fingerprint is trusted when it was taken that much after the last change: the
/// coarsest clock of a file system. 2 s, in nanoseconds.
const COARSEST: i64 = 2_000_000_000;

/// Why a file is read: what happened to it since it was read last.
#[derive(Clone, Copy, Default)]
struct Why(u32);

impl Why {
    /// Its flags.
    const ALL: [Flag; 3] = [Flag::WROTE, Flag::CLOSED, Flag::TOUCHED];

    /// Whether this happened.
    fn has(self, flag: Flag) -> bool {
        Self::ALL
            .iter()
            .position(|&each| each == flag)
            .is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    /// Whether somebody may have written.
    fn is_written(self) -> bool {
        self.has(Flag::WROTE) || self.has(Flag::CLOSED)
    }
}

/// The answer of a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// What was read.
    Read {
        /// As it was before it was read.
        stat: Stat,
        /// Of the bytes that were read.
        digest: Digest,
        /// Whether it was the same before and after.
        stable: bool,
    },
    /// It could not be read.
    Fault(Fault),
}

impl Tracker {
    /// Takes what happened to a file since it was last read. Where events were dropped, a
    /// touch does not account for the times that are found: a write may be among them.
    fn take_why(&mut self, id: Id) -> Why {
        let mut why = 0;
        if self.has_lost_events() {
            self.model.clear(id, Flag::TOUCHED);
        }
        for (bit, flag) in Why::ALL.into_iter().enumerate() {
            why |= u32::from(self.model.clear(id, flag)) << bit;
        }
        Why(why)
    }

    /// Gives it back: the file was not read.
    fn give_back(&mut self, id: Id, why: Why) {
        for flag in Why::ALL {
            if why.has(flag) {
                self.model.set(id, flag);
            }
        }
    }

    /// Whether a regular file may have been written to since it was read.
    pub(super) fn is_written(&self, id: Id) -> bool {
        let wrote = self.model.has(id, Flag::WROTE) || self.model.has(id, Flag::CLOSED);
        wrote && self.model.kind(id) == Kind::File
    }

    /// Whether a file of that size goes by inode, size and times.
    pub(crate) fn goes_by_stat(&self, size: u64) -> bool {
        self.settings.hashing == Hashing::Off || size > self.settings.hash_limit
    }

    /// Notes that the fingerprint just taken can, or can't, be trusted.
    pub(super) fn note_settled(&mut self, id: Id, stat: &Stat, wall: i64) {
        if wall - stat.ctime.max(stat.mtime) > COARSEST {
            self.model.set(id, Flag::SETTLED);
        } else {
            self.model.clear(id, Flag::SETTLED);
        }
    }

    /// Remembers mode and owner, where they are told.
    pub(super) fn remember_attributes(&mut self, id: Id, stat: &Stat) {
        if self.settings.attributes {
            self.attributes.insert(id, stat.attributes);
            self.model.set(id, Flag::ATTRIBUTED);
        }
    }

    /// Tells a change of mode or owner, where that is asked for.
    pub(super) fn compare_attributes(&mut self, id: Id, stat: &Stat) {
        if !self.settings.attributes {
            return;
        }
        let old: Option<Attributes> = self.attributes.get(&id).copied();
        if old != Some(stat.attributes) {
            let (kind, path) = (self.model.kind(id), self.path(id));
            self.remember_attributes(id, stat);
            if old.is_some() && !self.model.has(id, Flag::SILENT) {
                self.batch.push(Change::AttributesChanged {
                    kind,
                    path,
                    new: stat.attributes,
                    old,
                });
            }
        }
    }
}

impl Turn<'_> {
    /// A file came whole: moved in, linked, or found by a scan.
    pub(super) fn arrive(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        for known in self.t.known_as(model::ident(stat)) {
            if !self.is_still_there(known, stat) {
                // It moved while events were lost, and something else may be where it was.
                let old = self
                    .t
                    .model
                    .parent(known)
                    .map(|old| (old, self.t.model.name(known).to_vec()));
                self.rename(known, dir, name);
                if let Some((old, old_name)) = old
                    && self.is_directory(old)
                {
                    self.t.nominate_name(old, &old_name);
                }
                return;
            }
        }
        let id = self.t.model.insert(Some(dir), name, Kind::File);
        self.t.remember_attributes(id, stat);
        self.t.note_links(id, stat);
        self.t.remember_young(stat);
        self.guard(id, dir, name);
        if self.t.goes_by_stat(stat.size) {
            self.t
                .model
                .set_print(id, model::print(stat, false), model::ident(stat));
            self.t.note_settled(id, stat, self.now.wall);
            self.t.say_over_limit(id, stat.size);
            self.t.tell_created(
                id,
                Content {
                    size: Some(stat.size),
                    digest: None,
                },
            );
            let is_young = self.t.is_young(id, stat, self.now.wall);
            self.nominate_links(id, is_young);
            return;
        }
        let ticket = self.t.next_ticket();
        let parent = self.t.model.inode(dir);
        let limit = self.t.settings.hash_limit;
        let content = match self.disk.read(At::In(parent, name), limit, ticket) {
            Ok(Reading::Done {
                stat,
                digest,
                stable,
            }) => {
                self.took(id, &stat, digest, stable);
                let is_young = self.t.is_young(id, &stat, self.now.wall);
                self.nominate_links(id, is_young);
                Content {
                    size: Some(stat.size),
                    digest: Some(digest),
                }
            }
            Ok(Reading::Later) => {
                self.t.later(ticket, id, Why(1));
                Content {
                    size: Some(stat.size),
                    digest: None,
                }
            }
            Ok(Reading::OverLimit) => {
                self.t.nominate(id);
                Content {
                    size: Some(stat.size),
                    digest: None,
                }
            }
            Err(fault) => {
                // Told without its bytes: they are news once they can be read.
                self.t.model.set(id, Flag::WROTE);
                self.unread(id, fault);
                Content {
                    size: Some(stat.size),
                    digest: None,
                }
            }
        };
        self.t.tell_created(id, content);
    }

    /// Whether the file is found under the name that the model has for it.
    fn is_still_there(&mut self, id: Id, stat: &Stat) -> bool {
        let Some(dir) = self.t.model.parent(id) else {
            return true;
        };
        let name = self.t.model.name(id).to_vec();
        let found = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(At::In(inode, &name)));
        found.is_ok_and(|found| found.inode == stat.inode)
    }

    /// A regular file is where the model has one: its bytes are compared, if they may
    /// have changed.
    pub(super) fn check_content(&mut self, id: Id, stat: &Stat) {
        let was_linked = self.t.model.has(id, Flag::LINKED);
        self.t.note_links(id, stat);
        self.join_links(id, was_linked);
        if self.t.model.has(id, Flag::READING) {
            // The answer will find the flags of what happened meanwhile.
            self.t.model.set(id, Flag::LOOKED);
            return;
        }
        self.t.no_longer_busy(id);
        let why = self.t.take_why(id);
        if self.t.goes_by_stat(stat.size) {
            self.check_stat(id, stat, why);
        } else if self.must_read(id, stat, why) {
            self.read(id, why);
        }
    }

    /// Whether only the bytes can tell.
    fn must_read(&mut self, id: Id, stat: &Stat, why: Why) -> bool {
        let is_young = self.t.is_young(id, stat, self.now.wall);
        let model = &mut self.t.model;
        if why.is_written() || model.has(id, Flag::DISPLACING) {
            return true;
        }
        let (old, new) = (model.print(id), model::print(stat, true));
        if model.has(id, Flag::AWAITED)
            && (model.has(id, Flag::MISSED) || stat.ctime >= self.t.settings.began || is_young)
        {
            return true; // Whoever reads it must know what happened to it: not the baseline.
        }
        if model.digest(id).is_some() {
            return old != new || !model.has(id, Flag::SETTLED);
        }
        let missed = self.t.settings.hashing == Hashing::Eager && !model.has(id, Flag::AWAITED);
        if missed || model.has(id, Flag::UNREADABLE) {
            return true;
        }
        // Never read. Nothing says that it was written to, unless its times do.
        let changed = if old == 0 { is_young } else { old != new };
        if changed && (!why.has(Flag::TOUCHED) || is_another(old, new)) {
            return true;
        }
        if !model.has(id, Flag::AWAITED) {
            model.set_print(id, new, model::ident(stat));
            self.t.note_settled(id, stat, self.now.wall);
        }
        false
    }

    /// Reads a file, here or aside.
    fn read(&mut self, id: Id, why: Why) {
        let Some(dir) = self.t.model.parent(id) else {
            return;
        };
        let name = self.t.model.name(id).to_vec();
        let parent = self.t.model.inode(dir);
        let ticket = self.t.next_ticket();
        match self
            .disk
            .read(At::In(parent, &name), self.t.settings.hash_limit, ticket)
        {
            Ok(Reading::Done {
                stat,
                digest,
                stable,
            }) => self.compare(id, &stat, digest, stable, why),
            Ok(Reading::Later) => self.t.later(ticket, id, why),
            Ok(Reading::OverLimit) | Err(Fault::Absent) => {
                self.t.give_back(id, why);
                self.t.nominate(id);
            }
            Err(fault) => self.became_unreadable(id, fault, why),
        }
    }

    /// Reads a file that was written to without a look at it first. `false`: it takes
    /// more than that.
    pub(super) fn read_written(&mut self, id: Id) -> bool {
        let t = &mut *self.t;
        let blockers = [Flag::LEAVING, Flag::READING];
        let is_plain = t.settings.hashing != Hashing::Off
            && !t.settings.attributes
            && !blockers.into_iter().any(|flag| t.model.has(id, flag));
        let Some(dir) = t.model.parent(id).filter(|_| is_plain) else {
            return false;
        };
        let name = self.t.model.name(id).to_vec();
        if self.t.is_hidden(dir, &name, false) {
            return false;
        }
        let Ok(inode) = self.enter(dir) else {
            return false;
        };
        let ticket = self.t.next_ticket();
        match self
            .disk
            .read(At::In(inode, &name), self.t.settings.hash_limit, ticket)
        {
            Ok(Reading::Done {
                stat,
                digest,
                stable,
            }) if !self.disk.is_own(stat.inode) => {
                self.t.is_found(id);
                self.t.no_longer_busy(id);
                let why = self.t.take_why(id);
                self.compare(id, &stat, digest, stable, why);
                true
            }
            Ok(Reading::Later) => {
                self.t.is_found(id);
                self.t.no_longer_busy(id);
                let why = self.t.take_why(id);
                self.t.later(ticket, id, why);
                true
            }
            _ => false,
        }
    }

    /// A worker has read a file.
    pub(crate) fn answered(&mut self, ticket: Ticket, answer: Answer) {
        let Some((id, why)) = self.t.reading.remove(&ticket) else {
            return;
        };
        let why = Why(why);
        self.t.model.clear(id, Flag::READING);
        match answer {
            Answer::Read {
                stat,
                digest,
                stable,
            } => {
                self.compare(id, &stat, digest, stable, why);
                // What happened meanwhile is looked at in its turn.
                let again = Why::ALL.into_iter().any(|flag| self.t.model.has(id, flag));
                if again || !stable {
                    self.t.busy(id, self.now.tick);
                }
                if self.t.model.clear(id, Flag::LOOKED) {
                    self.t.nominate(id);
                }
            }
            Answer::Fault(Fault::Absent) => {
                self.t.give_back(id, why);
                self.t.nominate(id);
            }
            Answer::Fault(fault) => self.became_unreadable(id, fault, why),
        }
    }

    /// A file that was made, written and closed was read.
    pub(super) fn compare_closed(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool) {
        self.compare(id, stat, digest, stable, Why(0b11));
    }

    /// The same where files go by size and times.
    pub(super) fn check_closed(&mut self, id: Id, stat: &Stat) {
        self.check_stat(id, stat, Why(0b11));
    }

    /// The bytes are known: they are told if they are news.
    fn compare(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool, why: Why) {
        let old = self.t.model.digest(id);
        let (old_print, new_print) = (self.t.model.print(id), model::print(stat, true));
        let is_another = self.t.was_replaced(id, stat) || is_another(old_print, new_print);
        let is_young = self.t.is_young(id, stat, self.now.wall);
        let was_unreadable = self.t.model.clear(id, Flag::UNREADABLE);
        let displaced = if self.t.model.clear(id, Flag::DISPLACING) {
            self.t.displaced.remove(&id)
        } else {
            None
        };
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
            self.t.tell_changed(
                id,
                Content {
                    size: Some(stat.size),
                    digest: Some(digest),
                },
            );
        } else if why.is_written() {
            self.t.counters.same_content += 1;
        }
        self.retry_links(id);
        if news || is_another {
            self.nominate_links(id, news || is_young);
        }
    }

    /// The file's other names have the same bytes; what was told of them may be older,
    /// since an event comes for one name only, and for none before its directory is
    /// watched. `is_written`: the bytes are younger than the watch.
    pub(super) fn nominate_links(&mut self, id: Id, is_written: bool) {
        if !self.t.model.has(id, Flag::LINKED) {
            return;
        }
        let digest = self.t.model.digest(id);
        for other in self.t.model.with_ident(self.t.model.ident(id)) {
            let known = self.t.model.digest(other);
            let is_older = if known.is_some() {
                known != digest
            } else {
                is_written
            };
            if other != id && is_older {
                self.t.model.set(other, Flag::CLOSED);
                self.t.nominate(other);
            }
        }
    }

    /// A name that turns out to be one of several: until now, what was written through it
    /// was not taken to be theirs.
    fn join_links(&mut self, id: Id, was_linked: bool) {
        if !was_linked && self.t.model.has(id, Flag::LINKED) {
            for other in self.t.model.with_ident(self.t.model.ident(id)) {
                if other != id {
                    self.t.nominate(other);
                }
            }
        }
    }

    /// The file can be read: under its other names, too, where that has failed.
    fn retry_links(&mut self, id: Id) {
        if self.t.model.has(id, Flag::LINKED) {
            for other in self.t.model.with_ident(self.t.model.ident(id)) {
                if self.t.model.has(other, Flag::UNREADABLE) {
                    self.t.nominate(other);
                }
            }
        }
    }

    /// Notes what was read.
    pub(super) fn took(&mut self, id: Id, stat: &Stat, digest: Digest, stable: bool) {
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

    /// A file that goes by inode, size and times.
    fn check_stat(&mut self, id: Id, stat: &Stat, why: Why) {
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
            self.t.tell_changed(
                id,
                Content {
                    size: Some(stat.size),
                    digest: None,
                },
            );
            self.nominate_links(id, true);
            self.is_fresh(id);
        } else if old != new {
            // A write that was seen with a touch may have its event yet to come.
            self.t.model.clear(id, Flag::SETTLED);
        }
    }

    /// A file that was, or might be, read before cannot be read now.
    fn became_unreadable(&mut self, id: Id, fault: Fault, why: Why) {
        if why.is_written() && !self.t.model.has(id, Flag::UNREADABLE) {
            self.t.model.set_digest(id, None);
            self.t.tell_changed(id, Content::default());
        }
        self.unread(id, fault);
    }

    /// It cannot be read: that is said once, and it is tried again when its
    /// permissions change, or soon if that is not why.
    fn unread(&mut self, id: Id, fault: Fault) {
        let said = self.t.model.has(id, Flag::UNREADABLE);
        match fault {
            Fault::Absent => {
                self.t.model.set(id, Flag::MISSED);
                self.t.nominate(id);
                return;
            }
            Fault::Failed(why) => {
                self.t.busy(id, self.now.tick);
                if !said {
                    self.t.trouble(id, Trouble::Failed(why));
                }
            }
            Fault::Denied | Fault::Full => {
                if !said {
                    self.t.trouble(id, Trouble::UnreadableFile);
                }
            }
        }
        self.t.model.set(id, Flag::UNREADABLE);
    }

    /// Gives a file a watch of its own, where that is asked for.
    pub(super) fn guard(&mut self, id: Id, dir: Id, name: &[u8]) {
        if !self.t.settings.strict || self.t.model.has(id, Flag::GUARDED) {
            return;
        }
        let parent = self.t.model.inode(dir);
        match self.disk.watch_file(At::In(parent, name)) {
            Ok(wd) => {
                self.t.links.guard(wd, id);
                self.t.model.set(id, Flag::GUARDED);
            }
            Err(Fault::Full) => self.t.trouble(id, Trouble::NoWatch),
            Err(_) => {}
        }
    }
}

impl Tracker {
    /// A number for a piece of work.
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.ticket.0 += 1;
        self.ticket
    }

    /// A file is being read aside.
    fn later(&mut self, ticket: Ticket, id: Id, why: Why) {
        self.model.set(id, Flag::READING);
        self.reading.insert(ticket, (id, why.0));
    }

    /// Says that a file is larger than is digested.
    pub(super) fn say_over_limit(&mut self, id: Id, size: u64) {
        if self.settings.hashing != Hashing::Off && size > self.settings.hash_limit {
            self.trouble(id, Trouble::OverLimit);
        }
    }
}

/// Whether two fingerprints are of two inodes, or of two sizes; 0 is of none.
fn is_another(old: u64, new: u64) -> bool {
    old != 0 && old >> 32 != new >> 32
}
