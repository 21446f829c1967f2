//! Keeps what belongs to the batch of events that is being applied: its steps, the files that were
//! read meanwhile, and how much it has done.
//!
//! Knows no model and no disk. Invariant: what one batch does at once is bounded; the rest goes on
//! the work queue.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::Counters;
use super::model::Id;
use super::renamed_in_batch::Destination;
use crate::coalesce::Steps;

/// What may be read in place in one batch: 16 MiB, where each file counts as [`FILE`] more. Further
/// files go on the work queue, where directories take turns.
const IN_PLACE: u64 = 16 << 20;

/// Bytes that are read in about the time that it takes to open a file: 16 KiB.
const FILE: u64 = 16 << 10;

/// Entries that the renames of one batch emit as deleted and created (`--no-renames`) before
/// further directories are removed and found again: as many as a batch has events. Else a large
/// directory that is renamed there and back would be emitted whole for each event.
const MOVED: usize = if cfg!(test) { 16 } else { 16 << 10 };

pub(super) struct Applying {
    /// Shared, since their names are borrowed while the tracker changes.
    steps: Arc<Steps>,
    /// How many of them were taken.
    taken: usize,
    /// Files that were read while it was applied: all its events about them are older.
    pub(super) read: HashSet<Id>,
    /// New files that a later step renames, and what was found under their new names.
    pub(super) destinations: HashMap<Id, Destination>,
    /// What reading had cost before it was applied.
    cost_before: u64,
    /// How many entries its renames of directories have emitted as deleted and created.
    moved: usize,
}

/// What has been read, in bytes.
fn cost(counters: &Counters) -> u64 {
    counters.hashed_bytes + counters.hashes * FILE
}

impl Applying {
    /// `counters`: what was read until now.
    pub(super) fn new(steps: Steps, counters: &Counters) -> Self {
        Self {
            steps: Arc::new(steps),
            taken: 0,
            read: HashSet::default(),
            destinations: HashMap::default(),
            cost_before: cost(counters),
            moved: 0,
        }
    }

    /// Takes the next step: its index in the steps of the batch.
    pub(super) fn take_step(&mut self) -> Option<(Arc<Steps>, usize)> {
        let at = (self.taken < self.steps.count()).then_some(self.taken)?;
        self.taken += 1;
        Some((Arc::clone(&self.steps), at))
    }

    /// Whether a file may be read at once.
    pub(super) fn may_read(&self, counters: &Counters) -> bool {
        cost(counters) - self.cost_before < IN_PLACE
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

#[cfg(test)]
mod tests {
    use super::{Applying, Counters, Steps};

    #[test]
    fn many_small_files_are_too_much_to_read_in_place_as_well_as_a_few_large_ones() {
        let before = Counters {
            hashes: 5,
            hashed_bytes: 1 << 40,
            ..Counters::default()
        };
        let applying = Applying::new(Steps::default(), &before);
        for (files, each, may_read) in [
            (1, 1 << 20, true),
            (20, 1 << 20, false),
            (1000, 8, true),
            (2000, 8, false),
        ] {
            let now = Counters {
                hashes: before.hashes + files,
                hashed_bytes: before.hashed_bytes + files * each,
                ..before
            };
            assert_eq!(applying.may_read(&now), may_read, "{files} of {each}");
        }
    }
}
