//! Reads a regular file whose bytes may have changed, at once or on a worker. One that cannot be
//! read is reported once, and tried again.
//!
//! Invariant: evidence is kept until the file was read, or need not be.

mod compare;
mod known_content;
mod needs_read;
mod new_whole_file;
mod reads;
mod reread_delay;
mod since_start;

use super::disk::{Disk, FileDigest, FsError, Reading, Stat, Ticket, WhileRead};
use super::model::{self, Evidence, Flag, Id, Knowledge, Presence};
use super::queue::Work;
use super::retry::BUSY;
use super::{Hashing, Tracker};
use crate::change::{Bytes, Content, Digest, EMPTY, Kind, Warning};
use compare::Compared;
pub(super) use reads::{Read, Reads};

impl<D> Tracker<D> {
    /// Whether events about writes to a regular file came since it was read.
    pub(super) fn has_write_events(&self, id: Id) -> bool {
        let evidence = self.model.evidence(id);
        self.model.kind(id) == Kind::File && evidence.has(Evidence::WRITE_EVENTS)
    }

    /// Whether a file that could not be read because of an I/O error has the same status as then,
    /// and waits for its next try.
    fn is_still_unreadable(&self, id: Id, stat: &Stat) -> bool {
        let fingerprint = model::fingerprint_without_ctime(stat);
        self.model.knowledge(id) == Knowledge::Unreadable { fingerprint }
            && self.queue.backs_off(id)
    }

    /// Takes the evidence of what happened to a file since it was last read. After an overflow,
    /// `IN_ATTRIB` does not explain new times: there may have been a write, too.
    pub(super) fn take_evidence(&mut self, id: Id) -> Evidence {
        let all = self.model.take_evidence(id);
        if self.queue.has_lost_events() {
            all.without_attrib()
        } else {
            all
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Reconciles a regular file that was found under its name: reads it if its bytes may have
    /// changed.
    pub(super) fn reconcile_content(&mut self, id: Id, stat: &Stat) {
        // The status may show that it has one name left.
        let has_doubtful_names = self.may_be_written_by_other_name(id);
        self.note_links(id, stat);
        let dev = stat.inode.dev;
        let is_remote = self.file_systems.is_polled(dev);
        if let Some(evidence) = self.reads.forget_other_device(id, dev, is_remote) {
            self.model.add_evidence(id, evidence);
        }
        if self.reads.mark_stale(id) {
            return; // It is being read: its evidence is served when the answer comes.
        }
        if !self.file_watches.lacks_watch(id) {
            self.queue.cancel_debounce(id);
        }
        let mut evidence = self.take_evidence(id);
        if has_doubtful_names {
            evidence = evidence.without_attrib();
        }
        if self.goes_by_stat(stat) {
            self.compare_stat(id, stat, evidence);
        } else if evidence.is_empty() && self.is_still_unreadable(id, stat) {
            // Found by a scan: that is no reason to try it before its time.
        } else if self.needs_read(id, stat, evidence) {
            match self.read_by_other_name(id, stat, evidence) {
                // Its reading is noted already.
                Some((read, digest)) => {
                    self.compare(id, &read, digest, evidence);
                }
                None => self.read(id, stat, evidence),
            }
        } else if self.model.digest(id).is_none()
            // The baseline leaves out what is polled: its first status is taken as unchanged.
            && (!self.model.is_unread(id) || self.file_systems.is_polled(stat.inode.dev))
        {
            // IN_ATTRIB explains the new times.
            let known = self.model.knowledge(id).fingerprint();
            self.store_fingerprint(id, stat, model::fingerprint(stat), self.clock.wall());
            if self.has_unknown_names(stat) {
                self.model.mark_racy(id);
            }
            if self.has_new_mtime(id, stat) {
                self.emit_touched(id, stat);
            }
            self.remember_mtime(id, stat);
            if evidence.has(Evidence::ATTRIB) {
                self.note_touch_of(id, stat, known);
            }
        }
    }

    /// Enqueues a file whose mtime is another one than when it was read, so that it is read: what is
    /// emitted of it again has a digest and times that belong together.
    pub(super) fn read_if_touched(&mut self, id: Id) {
        let Ok(stat) = self.stat_entry(id) else {
            return; // Events follow.
        };
        let known = self.model.knowledge(id).fingerprint();
        let new = model::fingerprint(&stat);
        if known.is_some_and(|known| !known.is_same_under_another_name(new)) {
            self.enqueue(id);
        }
    }

    fn read(&mut self, id: Id, stat: &Stat, evidence: Evidence) {
        let Some(dir) = self.model.parent(id) else {
            return;
        };
        if let Some(due) = self.reads.delays.wait(id, self.clock.tick()) {
            self.model.add_evidence(id, evidence);
            self.queue.delay(Work::entry(id, Some(dir)), due);
            return;
        }
        let name = self.model.name(id).to_vec();
        match self.read_in(dir, &name) {
            Ok(Reading::Done(read)) => self.take_reading_now(id, &read, evidence),
            Ok(Reading::Later(ticket, found)) => {
                let dev = Some(found.as_ref().unwrap_or(stat).inode.dev);
                let failures = self.queue.failures_of(id);
                let read = Read::new(ticket, dev, evidence).after(failures, Some(stat));
                self.reads.begin(id, read);
            }
            Err(FsError::NotFound) => self.try_again_soon(id, evidence),
            Err(error) => self.reading_failed(id, stat, error, evidence),
        }
    }

    /// Compares a file that was read, unless it has grown over the limit.
    fn take_reading(&mut self, id: Id, read: &FileDigest, evidence: Evidence) -> Compared {
        let Some(digest) = read.digest else {
            self.try_again_soon(id, evidence);
            return Compared::ReadAgain;
        };
        self.count_reading(&read.stat);
        self.compare(id, read, digest, evidence)
    }

    /// Compares a file that was read now, after the events of the batch that is being applied.
    fn take_reading_now(&mut self, id: Id, read: &FileDigest, evidence: Evidence) {
        let Compared::Taken(written) = self.take_reading(id, read, evidence) else {
            return;
        };
        self.note_reading_of(id, &read.stat, read.as_of, written);
        if read.while_read == WhileRead::Unchanged {
            self.mark_read_this_batch(id);
        }
    }

    /// Puts a file back that changes right now, with what happened to it before.
    fn try_again_soon(&mut self, id: Id, evidence: Evidence) {
        self.model.add_evidence(id, evidence);
        self.queue.retry_soon(self.work_of(id));
    }

    /// Puts a file back that could not be read, with what happened to it before.
    fn try_again(&mut self, id: Id, error: &FsError, evidence: Evidence) {
        self.model.add_evidence(id, evidence);
        self.retry_entry(id, error);
    }

    /// Reads a file that was written to, without a statx(2) by its name first. `false`: it was not
    /// read, and is to be reconciled.
    pub(super) fn read_modified(&mut self, id: Id) -> bool {
        let is_plain = !self.settings.attributes
            && !self.reads.delays.is_waiting(id, self.clock.tick())
            && self.model.presence(id) == Presence::There
            // Its inode may need a watch.
            && !self.settings.strict
            && !self.file_watches.lacks_watch(id)
            && !self.reads.has(id);
        let Some(dir) = self.model.parent(id).filter(|_| is_plain) else {
            return false;
        };
        if self.hashing_in(dir) == Hashing::Off {
            return false;
        }
        let name = self.model.name(id).to_vec();
        if self.is_hidden(dir, &name, false) {
            return false;
        }
        let Ok(reading) = self.read_in(dir, &name) else {
            return false;
        };
        if let Reading::Done(read) = &reading
            && (read.digest.is_none() || self.disk.is_self_output(read.stat.inode))
        {
            return false;
        }
        self.clear_missing(id);
        self.queue.cancel_debounce(id);
        let evidence = self.take_evidence(id);
        match reading {
            Reading::Done(read) => self.take_reading_now(id, &read, evidence),
            Reading::Later(ticket, found) => {
                let dev = found.map(|stat| stat.inode.dev);
                let failures = self.queue.failures_of(id);
                let read = Read::new(ticket, dev, evidence).after(failures, None);
                self.reads.begin(id, read);
            }
        }
        true
    }

    /// Takes the answer of a worker.
    pub(crate) fn answered(&mut self, ticket: Ticket, answer: Result<FileDigest, FsError>) {
        let Some((id, begun)) = self.reads.end(ticket) else {
            return;
        };
        let evidence = begun.evidence;
        self.queue.resume(id, begun.failures);
        let is_first = self.model.is_unread(id);
        match answer {
            Ok(read) => {
                if let Compared::Taken(written) = self.take_reading(id, &read, evidence) {
                    self.note_answer_of(id, ticket, &read, written);
                    // What happened while it was read is served by the work queue.
                    let again = !self.model.evidence(id).is_empty();
                    if again || read.while_read == WhileRead::MayHaveChanged {
                        self.reads.delays.note(id, self.clock.tick(), read.took);
                        self.debounce_file(id);
                    } else {
                        self.reads.delays.remove(id);
                    }
                    if begun.is_stale {
                        self.enqueue(id);
                    } else if is_first {
                        self.enqueue_if_changed_since(id, &read.stat);
                    }
                }
            }
            Err(_) if begun.is_stale && self.is_another(id, begun.stat.as_deref()) => {
                self.try_again_soon(id, evidence);
            }
            Err(FsError::NotFound) => self.try_again_soon(id, evidence),
            // What has changed since it was stat'ed to be tried again is found at the next try.
            Err(error) => match begun
                .stat
                .map_or_else(|| self.stat_entry(id), |stat| Ok(*stat))
            {
                Ok(stat) => {
                    // A scan makes it stale, too, and is no reason to try it before its time.
                    let may_be_readable = begun.is_stale && !matches!(error, FsError::Io(_));
                    self.reading_failed(id, &stat, error, evidence);
                    if may_be_readable || !self.model.evidence(id).is_empty() {
                        self.enqueue(id);
                    }
                }
                Err(_) => self.try_again(id, &error, evidence),
            },
        }
        self.queue.served();
    }

    /// Whether the name of a file that could not be read may be another file's by now. `stat`: the
    /// status of the one that was read, if it is known.
    fn is_another(&mut self, id: Id, stat: Option<&Stat>) -> bool {
        stat.is_none_or(|before| {
            let now = self.stat_entry(id);
            now.is_ok_and(|now| now.inode != before.inode)
        })
    }

    /// Serves that a file cannot be read now. If it was written to, or has replaced another one, that
    /// is emitted as a change without a digest.
    pub(super) fn reading_failed(
        &mut self,
        id: Id,
        stat: &Stat,
        error: FsError,
        evidence: Evidence,
    ) {
        // What was busy for long counts as unreadable.
        let is_known_busy = error == FsError::Busy && self.model.is_unreadable(id);
        if error.is_transient() && !is_known_busy && !self.queue.is_long_busy(id, &error) {
            self.model.leave_to_work_queue(id);
            return self.try_again(id, &error, evidence);
        }
        let has_replaced = self.last_reported.take_replaced(id).is_some();
        let is_written = evidence.is_more_than_attrib()
            || match self.model.knowledge(id) {
                Knowledge::Unread { .. } => self.changed_since_start(id, stat),
                Knowledge::Unverified => self
                    .model
                    .digest(id)
                    .is_some_and(|digest| stat.size > 0 || digest != EMPTY),
                Knowledge::Known { fingerprint, .. } => {
                    self.queue.has_lost_events() && fingerprint != model::fingerprint(stat)
                }
                Knowledge::Unreadable { fingerprint } => {
                    evidence.leaves_unexplained(fingerprint, model::fingerprint_without_ctime(stat))
                }
            };
        let has_changed = has_replaced || is_written;
        if has_changed {
            let old = self.model.digest(id);
            self.model.set_digest(id, None);
            self.emit_changed(id, content(stat, None), old);
            if evidence.has(Evidence::CLOSED_WRITE) {
                self.emit_closed(id, content(stat, None));
            }
        }
        self.mark_unreadable(id, stat, error);
        if is_written {
            self.note_new_status_of(id, stat, evidence);
        }
    }

    /// Warns that a file cannot be read, once, and puts it on the queue to be tried again: sooner
    /// if its permissions change.
    fn mark_unreadable(&mut self, id: Id, stat: &Stat, error: FsError) {
        let is_first = !self.model.is_unreadable(id);
        let fingerprint = model::fingerprint_without_ctime(stat);
        self.learn(id, stat, Knowledge::Unreadable { fingerprint });
        if self.model.has(id, Flag::LINKED) {
            self.links.set_unreadable(fingerprint.inode(), Some(id));
        }
        self.retry_entry(id, &error);
        if is_first {
            let warning = match error {
                FsError::Io(why) => Warning::Failed(why),
                FsError::Busy => Warning::Failed(BUSY.to_owned()),
                _ => Warning::UnreadableFile,
            };
            self.warn(id, warning);
        }
    }
}

/// The content fields of a directory's record: inode number and times.
pub(super) fn directory_content(stat: &Stat) -> Content {
    Content {
        stat: Some(stat.times()),
        ..Content::default()
    }
}

/// The content fields of a file's record.
pub(super) fn content(stat: &Stat, digest: Option<Digest>) -> Content {
    Content {
        bytes: Some(Bytes {
            size: stat.size,
            digest,
        }),
        stat: Some(stat.times()),
    }
}
