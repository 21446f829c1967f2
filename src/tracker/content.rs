//! When a regular file is read: at once or aside, when nothing but its bytes can tell
//! whether they are news. What cannot be read is said once, and tried again.
//!
//! Invariant: what happened to a file is kept until it is read, or known not to matter.

mod arrive;
mod compare;
mod linked;
mod why;

use super::model::{self, Flag, Id};
use super::port::{At, Fault, Reading, Stat, Ticket};
use super::{Hashing, Tracker, Turn};
use crate::change::{Content, Digest, Kind, Trouble};
use compare::is_another;
pub(super) use why::Why;

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
    /// Whether a regular file may have been written to since it was read.
    pub(super) fn is_written(&self, id: Id) -> bool {
        let wrote = self.model.has(id, Flag::WROTE) || self.model.has(id, Flag::CLOSED);
        wrote && self.model.kind(id) == Kind::File
    }

    /// Whether a file of that size goes by inode, size and times.
    pub(crate) fn goes_by_stat(&self, size: u64) -> bool {
        self.settings.hashing == Hashing::Off || size > self.settings.hash_limit
    }

    /// A number for a piece of work.
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.ticket.0 += 1;
        self.ticket
    }

    /// A file is being read aside.
    fn later(&mut self, ticket: Ticket, id: Id, why: Why) {
        self.model.set(id, Flag::READING);
        self.reading.insert(ticket, (id, why));
    }

    /// Says that a file is larger than is digested.
    pub(super) fn say_over_limit(&mut self, id: Id, size: u64) {
        if self.settings.hashing != Hashing::Off && size > self.settings.hash_limit {
            self.trouble(id, Trouble::OverLimit);
        }
    }
}

impl Turn<'_> {
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
}

/// What is told of a file's bytes.
pub(super) fn content(stat: &Stat, digest: Option<Digest>) -> Content {
    Content {
        size: Some(stat.size),
        digest,
    }
}
