//! New files that a later step of the batch renames: each is read once, where the batch
//! leaves it, before its first record.
//!
//! Emits nothing before the rename is applied. Invariant: what was read counts only for the
//! rename that puts the file there.

use super::disk::{Disk, FileDigest, Reading, Ticket};
use super::model::{Evidence, Id};
use super::queue::Key;
use super::{Hashing, Tracker};
use crate::change::Kind;
use crate::coalesce::{ContentEvents, Outcome};

/// What was found where the batch leaves a file.
pub(super) enum Found {
    /// Its kind alone is of use.
    Kind(Kind),
    Read(FileDigest),
    /// A worker reads it.
    Reading(Ticket),
}

impl Found {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Kind(kind) => *kind,
            Self::Read(_) | Self::Reading(_) => Kind::File,
        }
    }
}

/// What was found of a file, and where.
pub(super) struct Destination {
    dir: Id,
    name: Box<[u8]>,
    pub(super) found: Found,
}

impl<D: Disk> Tracker<D> {
    /// Looks where the batch leaves what a step has made, and reads it if it was closed.
    pub(super) fn find_destination(
        &mut self,
        outcome: Outcome<'_>,
        content: ContentEvents,
    ) -> Option<Destination> {
        let Outcome::Moved { wd, name } = outcome else {
            return None;
        };
        let dir = self.model.watched(wd)?;
        let read = content.closed.then(|| self.read_at_destination(dir, name));
        let found = match read.flatten() {
            Some(found) => found,
            None => Found::Kind(self.stat_in(dir, name).ok()?.kind),
        };
        let name = name.into();
        Some(Destination { dir, name, found })
    }

    /// `None`: that takes more than one look.
    fn read_at_destination(&mut self, dir: Id, name: &[u8]) -> Option<Found> {
        if !self.may_take_one_look() {
            return None;
        }
        if self.hashing(self.model.inode(dir).dev) == Hashing::Off {
            let stat = self.stat_in(dir, name).ok()?;
            let is_plain = stat.kind == Kind::File && stat.size > 0;
            let is_plain = is_plain && !self.disk.is_self_output(stat.inode);
            return is_plain.then(|| Found::Read(FileDigest::unread(stat)));
        }
        let ticket = self.reads.next_ticket();
        match self.read_in(dir, name, ticket).ok()? {
            Reading::Done(read) => {
                let is_own = self.disk.is_self_output(read.stat.inode);
                (!is_own).then_some(Found::Read(read))
            }
            Reading::Later(_) => Some(Found::Reading(ticket)),
        }
    }

    /// Keeps what was found until the rename is applied.
    pub(super) fn keep_destination(&mut self, id: Id, destination: Destination) {
        if let Found::Reading(ticket) = destination.found {
            self.reads.begin(ticket, id, Evidence::COMPLETED);
        }
        if let Some(applying) = &mut self.applying {
            applying.destinations.insert(id, destination);
        }
    }

    /// A file has got its name by a rename: what was read there counts. `false`: nothing was.
    pub(super) fn arrive_at_destination(&mut self, id: Id) -> bool {
        let model = &self.model;
        let is_here =
            |at: &Destination| model.parent(id) == Some(at.dir) && model.name(id) == &*at.name;
        let Some(applying) = &mut self.applying else {
            return false;
        };
        if !applying.destinations.get(&id).is_some_and(is_here) {
            return false;
        }
        match applying.destinations.remove(&id).map(|at| at.found) {
            None | Some(Found::Kind(_)) => false,
            // It was read before the rename was applied.
            Some(Found::Reading(_)) if !self.reads.has(id) => false,
            Some(Found::Reading(_)) => {
                // It is read after all that has happened to it.
                self.take_evidence(id);
                self.queue.remove(&Key::Entry(id));
                true
            }
            Some(Found::Read(FileDigest {
                stat,
                digest,
                stable,
                ..
            })) => {
                self.queue.remove(&Key::Entry(id));
                self.remember_recent(&stat);
                match digest {
                    Some(digest) => self.compare_closed(id, &stat, digest, stable),
                    None => {
                        self.note_links(id, &stat);
                        self.compare_closed_stat(id, &stat);
                    }
                }
                true
            }
        }
    }
}
