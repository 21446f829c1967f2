//! Reads new files that a later step of the batch renames: each once, under its new name, before
//! its first record.
//!
//! Emits nothing before the rename is applied, but the change of a file that has the bytes of the
//! one that it replaces. Invariant: what was read counts only for the rename that puts the file
//! there.

use super::Tracker;
use super::content::Read;
use super::disk::{Disk, Reading, Stat, WhileRead};
use super::model::{Evidence, Id, Knowledge};
use super::queue::Key;
use crate::change::Kind;
use crate::coalesce::{ContentEvents, Outcome};

/// The new name of a file, and what was found there.
pub(super) struct Destination {
    dir: Id,
    name: Box<[u8]>,
    pub(super) stat: Stat,
    /// `None`: only its status is known.
    reading: Option<Reading>,
}

impl<D: Disk> Tracker<D> {
    /// Finds what a step has created under the name that it has at the end of the batch, and reads
    /// it if a writer has closed it.
    pub(super) fn find_destination(
        &mut self,
        outcome: Outcome<'_>,
        content: ContentEvents,
    ) -> Option<Destination> {
        let Outcome::Moved { wd, name } = outcome else {
            return None;
        };
        let dir = self.model.watched(wd)?;
        let reading = content
            .closed
            .then(|| self.read_closed(dir, name))
            .flatten();
        let (stat, reading) = match reading {
            Some((reading, stat)) => (stat, Some(reading)),
            None => (self.stat_in(dir, name).ok()?, None),
        };
        Some(Destination {
            dir,
            name: name.into(),
            stat,
            reading,
        })
    }

    /// Keeps what was found until the rename is applied.
    pub(super) fn keep_destination(&mut self, id: Id, destination: Destination) {
        if let Some(Reading::Later(ticket, stat)) = &destination.reading {
            let dev = stat.map(|stat| stat.inode.dev);
            let read = Read::new(*ticket, dev, Evidence::WRITE_EVENTS);
            self.reads.begin(id, read);
        }
        if let Some(applying) = &mut self.applying {
            applying.keep_destination(id, destination);
        }
    }

    /// Reads a written file that is about to replace another one. If it has the bytes last reported
    /// of that, its own change is emitted before the rename, under the old name: nothing has
    /// changed under the new one.
    pub(super) fn compare_before_replacing(&mut self, id: Id, dir: Id, name: &[u8]) {
        let is_file = |id: &Id| self.model.kind(*id) == Kind::File;
        let victim = self.model.find(dir, name).filter(is_file);
        let victim = victim.filter(|_| is_file(&id));
        let last = victim.and_then(|victim| self.last_digest(victim));
        let Some(last) = last.filter(|_| !self.settings.no_renames) else {
            return;
        };
        let is_here = |at: &Destination| at.dir == dir && &*at.name == name;
        let is_read = self.applying.as_ref().is_some_and(|applying| {
            applying.destination(id).is_some_and(is_here) || applying.was_read(id)
        });
        // A file that was never found under its old name was written there, if at all.
        let is_written = self.model.evidence(id).has(Evidence::CLOSED_WRITE)
            || self.model.knowledge(id) == Knowledge::Unverified;
        if !is_read
            && is_written
            && let Some((reading, stat)) = self.read_closed(dir, name)
        {
            let destination = Destination {
                dir,
                name: name.into(),
                stat,
                reading: Some(reading),
            };
            self.keep_destination(id, destination);
        }
        let Some(applying) = &mut self.applying else {
            return;
        };
        let has_same_bytes = |at: &Destination| match &at.reading {
            Some(Reading::Done(read)) => {
                read.while_read == WhileRead::Unchanged && read.digest == Some(last)
            }
            Some(Reading::Later(..)) | None => false,
        };
        let is_same = |at: &Destination| is_here(at) && has_same_bytes(at);
        if !applying.destination(id).is_some_and(is_same) {
            return;
        }
        let destination = applying.take_destination(id);
        if let Some(Reading::Done(read)) = destination.and_then(|at| at.reading) {
            self.compare_first_reading(id, &read);
        }
    }

    /// Compares the file with what was read under its new name, once the rename is applied.
    /// `false`: nothing was read.
    pub(super) fn use_destination(&mut self, id: Id) -> bool {
        let model = &self.model;
        let is_here =
            |at: &Destination| model.parent(id) == Some(at.dir) && model.name(id) == &*at.name;
        let Some(applying) = &mut self.applying else {
            return false;
        };
        if !applying.destination(id).is_some_and(is_here) {
            return false;
        }
        let destination = applying.take_destination(id);
        let Some(reading) = destination.and_then(|at| at.reading) else {
            return false;
        };
        if matches!(reading, Reading::Later(..)) && !self.reads.has(id) {
            return false; // It was read before the rename was applied.
        }
        self.queue.remove(&Key::Entry(id));
        match reading {
            Reading::Done(read) => self.compare_first_reading(id, &read),
            Reading::Later(..) => {
                // The worker reads it after these events.
                self.take_evidence(id);
            }
        }
        true
    }
}
