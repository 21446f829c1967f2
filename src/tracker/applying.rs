//! Keeps what belongs to the batch of events that is being applied: its steps, the files that were
//! read meanwhile, and how much it has done.
//!
//! Knows no model and no disk. Invariant: what one batch does at once is bounded; the rest goes on
//! the work queue.

use foldhash::{HashMap, HashSet};

use super::model::Id;
use super::renamed_in_batch::Destination;
use crate::coalesce::Steps;

/// Bytes that are read in place in one batch: 16 MiB. Further files go on the work queue, where
/// directories take turns.
const IN_PLACE: u64 = 16 << 20;

/// Entries that the renames of one batch emit as deleted and created (`--no-renames`) before
/// further directories are removed and found again: as many as a batch has events. Else a large
/// directory that is renamed there and back would be emitted whole for each event.
const MOVED: usize = if cfg!(test) { 16 } else { 16 << 10 };

pub(super) struct Applying {
    pub(super) steps: Steps,
    /// Files that were read while it was applied: all its events about them are older.
    pub(super) read: HashSet<Id>,
    /// New files that a later step renames, and what was found under their new names.
    pub(super) destinations: HashMap<Id, Destination>,
    /// How many bytes had been hashed before it was applied.
    hashed_before: u64,
    /// How many entries its renames of directories have emitted as deleted and created.
    moved: usize,
}

impl Applying {
    /// `hashed`: how many bytes have been hashed until now.
    pub(super) fn new(steps: Steps, hashed: u64) -> Self {
        Self {
            steps,
            read: HashSet::default(),
            destinations: HashMap::default(),
            hashed_before: hashed,
            moved: 0,
        }
    }

    /// Whether a file may be read at once.
    pub(super) fn may_read(&self, hashed: u64) -> bool {
        hashed - self.hashed_before < IN_PLACE
    }

    /// Counts a directory that moves with all below it. Whether they may be emitted as deleted and
    /// created: the first one always is.
    pub(super) fn count_moved(&mut self, entries: usize) -> bool {
        let is_first = self.moved == 0;
        self.moved += entries;
        is_first || self.moved <= MOVED
    }

    /// Forgets an entry that is removed, since its id may be used again.
    pub(super) fn forget(&mut self, id: Id) {
        self.read.remove(&id);
        self.destinations.remove(&id);
    }
}
