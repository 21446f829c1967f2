//! When a regular file is read: at once or aside, when nothing but its bytes can tell
//! whether they have changed. What cannot be read is reported once, and tried again.
//!
//! Invariant: what happened to a file is kept until it is read, or known not to matter.

mod arrive;
mod compare;
mod known;
mod other_names;
mod reread;

use super::disk::{FileDigest, FsError, Reading, Stat, Target, Ticket};
use super::model::{self, Evidence, Flag, Id, Knowledge, Presence};
use super::{Hashing, Tracker, Turn};
use crate::change::{Content, Digest, Kind, Warning};
pub(super) use reread::RereadDelays;

impl Tracker {
    /// Whether a regular file may have been written to since it was read.
    pub(super) fn is_written(&self, id: Id) -> bool {
        let wrote = Evidence::MODIFIED.and(Evidence::CLOSED_WRITE);
        self.model.kind(id) == Kind::File && self.model.evidence(id).has(wrote)
    }

    /// Takes what happened to a file since it was last read. Where events were dropped, a
    /// touch does not account for the times that are found: a write may be among them.
    pub(super) fn take_evidence(&mut self, id: Id) -> Evidence {
        let all = self.model.take_evidence(id);
        if self.has_lost_events() {
            all.without_attrib()
        } else {
            all
        }
    }

    /// Whether a file goes by inode, size and times.
    pub(crate) fn goes_by_stat(&self, stat: &Stat) -> bool {
        self.hashing(stat.inode.dev) == Hashing::Off || stat.size > self.settings.hash_limit
    }

    /// When files on that device are read.
    pub(crate) fn hashing(&self, dev: u64) -> Hashing {
        let settings = &self.settings;
        self.file_systems
            .hashing(dev, settings.hashing, settings.reads_remote)
    }

    /// A number for a piece of work.
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.ticket.0 += 1;
        self.ticket
    }

    pub(super) fn later(&mut self, ticket: Ticket, id: Id, why: Evidence) {
        self.model.set(id, Flag::READING);
        self.reading.insert(ticket, (id, why));
    }

    /// Whether only the bytes can tell whether a file has changed.
    fn needs_read(&self, id: Id, stat: &Stat, why: Evidence) -> bool {
        if why.is_written() || self.replaced.contains_key(&id) {
            return true;
        }
        let is_read = self.hashing(stat.inode.dev) == Hashing::Eager;
        match (self.model.knowledge(id), self.model.digest(id)) {
            (Knowledge::Unseen | Knowledge::Unreadable { .. }, _) => true,
            // Whoever reads it must know what happened to it: not the baseline.
            (Knowledge::Unread { is_missed, .. }, _) => {
                is_missed || self.clock.has_shown(stat.ctime) || self.changed_since_start(id, stat)
            }
            (
                Knowledge::Known {
                    fingerprint,
                    is_racy,
                },
                Some(_),
            ) => is_racy || fingerprint != model::fingerprint(stat, true),
            (Knowledge::Known { fingerprint, .. }, None) => {
                is_read || why.leaves_unexplained(fingerprint, stat, true)
            }
        }
    }

    /// Warns that a file is larger than is digested.
    pub(super) fn warn_over_limit(&mut self, id: Id, stat: &Stat) {
        let is_read = self.hashing(stat.inode.dev) != Hashing::Off;
        if is_read && stat.size > self.settings.hash_limit {
            self.warn(id, Warning::OverLimit);
        }
    }
}

impl Turn<'_> {
    /// A regular file is where the model has one: its bytes are compared, if they may
    /// have changed.
    pub(super) fn reconcile_content(&mut self, id: Id, stat: &Stat) {
        self.t.note_links(id, stat);
        if self.t.model.has(id, Flag::READING) {
            // The answer will find the flags of what happened meanwhile.
            self.t.model.set(id, Flag::RECHECK);
            return;
        }
        self.t.queue.cancel_debounce(id);
        let why = self.t.take_evidence(id);
        if self.t.goes_by_stat(stat) {
            self.compare_stat(id, stat, why);
        } else if self.t.needs_read(id, stat, why) {
            match self.t.read_by_other_name(id, stat, why) {
                Some(digest) => self.compare(id, stat, digest, true, why),
                None => self.read(id, stat, why),
            }
        } else if self.t.model.digest(id).is_none()
            // The baseline passes over what is polled: the first look is taken as it is.
            && (!self.t.model.is_unread(id) || self.t.file_systems.is_polled(stat.inode.dev))
        {
            // A touch accounts for what differs.
            self.t.keep_fingerprint(id, stat, true, self.now.wall);
            if self.t.has_new_mtime(id, stat) {
                self.t.emit_touched(id, stat);
            }
            self.t.remember_mtime(id, stat);
        }
    }

    fn read(&mut self, id: Id, stat: &Stat, why: Evidence) {
        let Some(dir) = self.t.model.parent(id) else {
            return;
        };
        if let Some(due) = self.t.reread_delays.wait(id, self.now.tick) {
            self.t.model.add_evidence(id, why);
            self.t.queue.delay_entry(id, Some(dir), due);
            return;
        }
        let name = self.t.model.name(id).to_vec();
        let ticket = self.t.next_ticket();
        let limit = self.t.settings.hash_limit;
        let read = self
            .enter(dir)
            .and_then(|parent| self.disk.read(Target::In(parent, &name), limit, ticket));
        match read {
            Ok(Reading::Done(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                ..
            })) => {
                self.t.count_reading(&stat);
                self.compare(id, &stat, digest, stable, why);
            }
            Ok(Reading::Later(_)) => self.t.later(ticket, id, why),
            Ok(Reading::Done(_)) | Err(FsError::NotFound) => {
                self.t.model.add_evidence(id, why);
                self.t.retry_entry(id, &FsError::NotFound);
            }
            Err(error) => self.reading_failed(id, stat, error, why),
        }
    }

    /// Reads a file that was written to without a look at it first. `false`: it takes
    /// more than that.
    pub(super) fn read_modified(&mut self, id: Id) -> bool {
        let t = &mut *self.t;
        let is_plain = !t.settings.attributes
            && !t.reread_delays.is_waiting(id, self.now.tick)
            && t.model.presence(id) == Presence::There
            && !t.model.has(id, Flag::READING);
        let Some(dir) = t.model.parent(id).filter(|_| is_plain) else {
            return false;
        };
        if t.hashing(t.model.inode(dir).dev) == Hashing::Off {
            return false;
        }
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
            .read(Target::In(inode, &name), self.t.settings.hash_limit, ticket)
        {
            Ok(Reading::Done(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                ..
            })) if !self.disk.is_self_output(stat.inode) => {
                self.t.clear_missing(id);
                self.t.queue.cancel_debounce(id);
                let why = self.t.take_evidence(id);
                self.t.count_reading(&stat);
                self.compare(id, &stat, digest, stable, why);
                true
            }
            Ok(Reading::Later(_)) => {
                self.t.clear_missing(id);
                self.t.queue.cancel_debounce(id);
                let why = self.t.take_evidence(id);
                self.t.later(ticket, id, why);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn answered(&mut self, ticket: Ticket, answer: Result<FileDigest, FsError>) {
        let Some((id, why)) = self.t.reading.remove(&ticket) else {
            return;
        };
        self.t.model.clear(id, Flag::READING);
        match answer {
            Ok(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                took,
            }) => {
                self.t.count_reading(&stat);
                self.compare(id, &stat, digest, stable, why);
                // What happened meanwhile is looked at in its turn.
                let again = !self.t.model.evidence(id).is_empty();
                if again || !stable {
                    self.t.reread_delays.note(id, self.now.tick, took);
                    self.t.debounce(id);
                } else {
                    self.t.reread_delays.remove(id);
                }
                if self.t.model.clear(id, Flag::RECHECK) {
                    self.t.enqueue(id);
                }
            }
            Ok(_) | Err(FsError::NotFound) => {
                self.t.model.add_evidence(id, why);
                self.t.retry_entry(id, &FsError::NotFound);
            }
            Err(error) => match self.stat_of(id) {
                Some(stat) => self.reading_failed(id, &stat, error, why),
                None => {
                    self.t.model.add_evidence(id, why);
                    self.t.retry_entry(id, &error);
                }
            },
        }
    }

    /// A file cannot be read now. A write to it is a change all the same.
    fn reading_failed(&mut self, id: Id, stat: &Stat, error: FsError, why: Evidence) {
        if matches!(error, FsError::NotFound | FsError::Busy | FsError::Stalled) {
            self.t.model.add_evidence(id, why);
            self.t.model.mark_missed(id);
            self.t.retry_entry(id, &error);
            return;
        }
        let is_written = why.is_written()
            || match self.t.model.knowledge(id) {
                Knowledge::Unread { .. } => self.t.changed_since_start(id, stat),
                Knowledge::Unseen => self.t.model.digest(id).is_some() && stat.size > 0,
                Knowledge::Known { fingerprint, .. } => {
                    self.t.has_lost_events() && fingerprint != model::fingerprint(stat, true)
                }
                Knowledge::Unreadable { fingerprint } => {
                    fingerprint != model::fingerprint(stat, false)
                }
            };
        if is_written {
            let old = self.t.model.digest(id);
            self.t.model.set_digest(id, None);
            self.t.emit_changed(id, content(stat, None), old);
            if why.has(Evidence::CLOSED_WRITE) {
                self.t.emit_closed(id, content(stat, None));
            }
        }
        self.mark_unreadable(id, stat, error);
        if is_written {
            self.enqueue_links(id, stat, true);
        }
    }

    /// That it cannot be read is reported on stderr once, and it is tried again, sooner when its
    /// permissions change.
    fn mark_unreadable(&mut self, id: Id, stat: &Stat, error: FsError) {
        let is_first = !self.t.model.is_unreadable(id);
        self.t.note_links(id, stat);
        let fingerprint = model::fingerprint(stat, false);
        self.t
            .model
            .set_knowledge(id, Knowledge::Unreadable { fingerprint });
        if self.t.model.has(id, Flag::LINKED) {
            self.t
                .links
                .set_unreadable(model::inode_key(stat), Some(id));
        }
        self.t.retry_entry(id, &error);
        if is_first {
            let warning = match error {
                FsError::Io(why) => Warning::Failed(why),
                _ => Warning::UnreadableFile,
            };
            self.t.warn(id, warning);
        }
    }
}

/// The content fields of a record.
pub(super) fn content(stat: &Stat, digest: Option<Digest>) -> Content {
    Content {
        size: Some(stat.size),
        digest,
        stat: Some(stat.times()),
    }
}
