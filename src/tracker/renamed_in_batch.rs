//! Reads new files that a later step of the batch renames: each once, under its new name, before
//! its first record.
//!
//! Emits nothing before the rename is applied. Invariant: what was read counts only for the
//! rename that puts the file there.

use super::Tracker;
use super::create_file::FirstReading;
use super::disk::Disk;
use super::model::{Evidence, Id};
use super::queue::Key;
use crate::change::Kind;
use crate::coalesce::{ContentEvents, Outcome};

/// The new name of a file, and what was found there.
pub(super) struct Destination {
    dir: Id,
    name: Box<[u8]>,
    pub(super) kind: Kind,
    /// `None`: only its kind is known.
    reading: Option<FirstReading>,
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
        let kind = match &reading {
            Some(reading) => reading.stat().kind,
            None => self.stat_in(dir, name).ok()?.kind,
        };
        Some(Destination {
            dir,
            name: name.into(),
            kind,
            reading,
        })
    }

    /// Keeps what was found until the rename is applied.
    pub(super) fn keep_destination(&mut self, id: Id, destination: Destination) {
        if let Some(FirstReading::Later(ticket, _)) = destination.reading {
            self.reads.begin(ticket, id, Evidence::COMPLETED);
        }
        if let Some(applying) = &mut self.applying {
            applying.destinations.insert(id, destination);
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
        if !applying.destinations.get(&id).is_some_and(is_here) {
            return false;
        }
        let destination = applying.destinations.remove(&id);
        let Some(reading) = destination.and_then(|at| at.reading) else {
            return false;
        };
        if matches!(reading, FirstReading::Later(..)) && !self.reads.has(id) {
            return false; // It was read before the rename was applied.
        }
        self.queue.remove(&Key::Entry(id));
        match reading {
            FirstReading::Done(read) => self.compare_first_reading(id, &read),
            FirstReading::Later(..) => {
                // The worker reads it after these events.
                self.take_evidence(id);
            }
        }
        true
    }
}
