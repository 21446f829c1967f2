//! When a regular file is read: at once or aside, when nothing but its bytes can tell
//! whether they are news. What cannot be read is said once, and tried again.
//!
//! Invariant: what happened to a file is kept until it is read, or known not to matter.

mod arrive;
mod back_off;
mod compare;
mod evidence;
mod known;
mod linked;

use super::disk::{FileDigest, FsError, Reading, Stat, Target, Ticket};
use super::model::{self, Flag, Id};
use super::{Hashing, Tracker, Turn};
use crate::change::{Content, Digest, Kind, Warning};
pub(super) use back_off::BackOffs;
pub(super) use evidence::Evidence;

impl Tracker {
    /// Whether a regular file may have been written to since it was read.
    pub(super) fn is_written(&self, id: Id) -> bool {
        let wrote = self.model.has(id, Flag::MODIFIED) || self.model.has(id, Flag::CLOSED_WRITE);
        wrote && self.model.kind(id) == Kind::File
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

    fn later(&mut self, ticket: Ticket, id: Id, why: Evidence) {
        self.model.set(id, Flag::READING);
        self.reading.insert(ticket, (id, why));
    }

    /// Says that a file is larger than is digested.
    pub(super) fn warn_over_limit(&mut self, id: Id, stat: &Stat) {
        let is_read = self.hashing(stat.inode.dev) != Hashing::Off;
        if is_read && stat.size > self.settings.hash_limit {
            self.trouble(id, Warning::OverLimit);
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
        } else if self.needs_read(id, stat, why) {
            match self.t.read_by_other_name(id, stat, why) {
                Some(digest) => self.compare(id, stat, digest, true, why),
                None => self.read(id, why),
            }
        }
    }

    /// Whether only the bytes can tell.
    fn needs_read(&mut self, id: Id, stat: &Stat, why: Evidence) -> bool {
        let changed_since_start = self.t.changed_since_start(id, stat);
        let hashing = self.t.hashing(stat.inode.dev);
        let model = &mut self.t.model;
        if why.is_written() || model.has(id, Flag::REPLACED) {
            return true;
        }
        let (old, new) = (model.fingerprint(id), model::fingerprint(stat, true));
        if model.has(id, Flag::BASELINE_PENDING)
            && (model.has(id, Flag::BASELINE_MISSED)
                || self.t.clock.has_shown(stat.ctime)
                || changed_since_start)
        {
            return true; // Whoever reads it must know what happened to it: not the baseline.
        }
        if model.digest(id).is_some() {
            return old != Some(new) || !model.has(id, Flag::NOT_RACY);
        }
        let missed = hashing == Hashing::Eager && !model.has(id, Flag::BASELINE_PENDING);
        if missed || model.has(id, Flag::UNREADABLE) {
            return true;
        }
        // Never read. Nothing says that it was written to, unless its times do.
        let changed = old.map_or(changed_since_start, |old| old != new);
        let is_another = old.is_some_and(|old| old.is_another(new));
        if changed && (!why.has(Flag::ATTRIB) || is_another) {
            return true;
        }
        if !model.has(id, Flag::BASELINE_PENDING) {
            self.t.keep_fingerprint(id, stat, true, self.now.wall);
            if self.t.has_new_mtime(id, stat) {
                self.t.emit_touched(id, stat);
            }
            self.t.remember_mtime(id, stat);
        }
        false
    }

    fn read(&mut self, id: Id, why: Evidence) {
        let Some(dir) = self.t.model.parent(id) else {
            return;
        };
        if let Some(due) = self.t.back_offs.wait(id, self.now.tick) {
            self.t.restore_evidence(id, why);
            self.t.queue.delay_entry(id, Some(dir), due);
            return;
        }
        let name = self.t.model.name(id).to_vec();
        let parent = self.t.model.inode(dir);
        let ticket = self.t.next_ticket();
        match self.disk.read(
            Target::In(parent, &name),
            self.t.settings.hash_limit,
            ticket,
        ) {
            Ok(Reading::Done(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                ..
            })) => {
                self.t.count_reading(&stat);
                self.compare(id, &stat, digest, stable, why);
            }
            Ok(Reading::Later) => self.t.later(ticket, id, why),
            Ok(Reading::Done(_)) | Err(FsError::NotFound) => {
                self.t.restore_evidence(id, why);
                self.t.retry_entry(id, &FsError::NotFound);
            }
            Err(fault) => self.became_unreadable(id, fault, why),
        }
    }

    /// Reads a file that was written to without a look at it first. `false`: it takes
    /// more than that.
    pub(super) fn read_modified(&mut self, id: Id) -> bool {
        let t = &mut *self.t;
        let blockers = [Flag::MOVED_FROM, Flag::READING];
        let is_plain = !t.settings.attributes
            && !t.back_offs.is_waiting(id, self.now.tick)
            && !blockers.into_iter().any(|flag| t.model.has(id, flag));
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
            Ok(Reading::Later) => {
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
                let again = Evidence::ALL
                    .into_iter()
                    .any(|flag| self.t.model.has(id, flag));
                if again || !stable {
                    self.t.back_offs.note(id, self.now.tick, took);
                    self.t.debounce(id);
                } else {
                    self.t.back_offs.remove(id);
                }
                if self.t.model.clear(id, Flag::RECHECK) {
                    self.t.enqueue(id);
                }
            }
            Ok(_) | Err(FsError::NotFound) => {
                self.t.restore_evidence(id, why);
                self.t.retry_entry(id, &FsError::NotFound);
            }
            Err(fault) => self.became_unreadable(id, fault, why),
        }
    }

    /// A file that was, or might be, read before cannot be read now.
    fn became_unreadable(&mut self, id: Id, fault: FsError, why: Evidence) {
        if why.is_written() && !self.t.model.has(id, Flag::UNREADABLE) {
            self.t.model.set_digest(id, None);
            self.t.emit_changed(id, Content::default());
        }
        self.unread(id, fault);
    }

    /// It cannot be read: that is said once, and it is tried again, sooner when its
    /// permissions change.
    fn unread(&mut self, id: Id, fault: FsError) {
        let said = self.t.model.has(id, Flag::UNREADABLE);
        // The baseline takes no bytes in silence from here on.
        self.t.model.set(id, Flag::BASELINE_MISSED);
        self.t.retry_entry(id, &fault);
        match fault {
            FsError::NotFound => return,
            FsError::Busy | FsError::Stalled => {}
            FsError::Io(why) => {
                if !said {
                    self.t.trouble(id, Warning::Failed(why));
                }
            }
            FsError::PermissionDenied | FsError::WatchLimit => {
                if !said {
                    self.t.trouble(id, Warning::UnreadableFile);
                }
            }
        }
        self.t.model.set(id, Flag::UNREADABLE);
        if self.t.model.has(id, Flag::LINKED)
            && let Some(key) = self.t.model.inode_key(id)
        {
            self.t.links.set_unreadable(key, Some(id));
        }
    }
}

/// What is told of a file's bytes.
pub(super) fn content(stat: &Stat, digest: Option<Digest>) -> Content {
    Content {
        size: Some(stat.size),
        digest,
        stat: Some(stat.times()),
    }
}
