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
use crate::coalesce::{ContentEvents, Steps};
use crate::event::Wd;

/// Bytes that are read in place in one batch: 16 MiB. Further files go on the work queue, where
/// directories take turns.
const IN_PLACE: u64 = 16 << 20;

/// As how many bytes more each file counts where the kernel queue has not been empty for [`LATE`]:
/// 16 KiB, which are read in about the time that it takes to open it.
const FILE: u64 = 16 << 10;

/// 200 ms. Before that, to read all in place costs less.
const LATE: u64 = 200_000_000;

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
    read: HashSet<Id>,
    /// Events about files that have a watch of their own, which that repeats.
    by_name: HashMap<Wd, ContentEvents>,
    /// New files that a later step renames, and what was found under their new names.
    destinations: HashMap<Id, Destination>,
    /// As how many bytes more each file counts.
    per_file: u64,
    /// What reading had cost before it was applied.
    cost_before: u64,
    /// How many entries its renames of directories have emitted as deleted and created.
    moved: usize,
}

/// What has been read, in bytes.
fn cost(counters: &Counters, per_file: u64) -> u64 {
    counters.hashed_bytes + counters.hashes * per_file
}

impl Applying {
    /// `counters`: what was read until now. `behind`: how long the kernel queue has not been empty, in
    /// nanoseconds.
    pub(super) fn new(steps: Steps, counters: &Counters, behind: u64) -> Self {
        let per_file = if behind > LATE { FILE } else { 0 };
        Self {
            steps: Arc::new(steps),
            taken: 0,
            read: HashSet::default(),
            by_name: HashMap::default(),
            destinations: HashMap::default(),
            per_file,
            cost_before: cost(counters, per_file),
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
        cost(counters, self.per_file) - self.cost_before < IN_PLACE
    }

    /// Counts a directory that moves with all below it. Whether they may be emitted as deleted and
    /// created: the first one always is.
    pub(super) fn count_moved(&mut self, entries: usize) -> bool {
        let is_first = self.moved == 0;
        self.moved += entries;
        is_first || self.moved <= MOVED
    }

    /// Notes that a file was read after all events of the batch.
    pub(super) fn note_read(&mut self, id: Id) {
        self.read.insert(id);
    }

    pub(super) fn was_read(&self, id: Id) -> bool {
        self.read.contains(&id)
    }

    /// Notes events by a name about a file that has a watch of its own.
    pub(super) fn note_by_name(&mut self, wd: Wd, content: ContentEvents) {
        let all = self.by_name.entry(wd).or_default();
        *all = all.union(content);
    }

    /// Whether such events came by a name.
    pub(super) fn came_by_name(&self, wd: Wd, content: ContentEvents) -> bool {
        let all = self.by_name.get(&wd);
        all.is_some_and(|all| all.union(content) == *all)
    }

    pub(super) fn keep_destination(&mut self, id: Id, destination: Destination) {
        self.destinations.insert(id, destination);
    }

    pub(super) fn destination(&self, id: Id) -> Option<&Destination> {
        self.destinations.get(&id)
    }

    pub(super) fn take_destination(&mut self, id: Id) -> Option<Destination> {
        self.destinations.remove(&id)
    }

    /// Forgets an entry that is removed, since its id may be used again.
    pub(super) fn forget(&mut self, id: Id) {
        self.read.remove(&id);
        self.destinations.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::{Applying, Counters, LATE, Steps};

    #[test]
    fn many_small_files_are_too_much_to_read_in_place_as_well_as_a_few_large_ones() {
        let before = Counters {
            hashes: 5,
            hashed_bytes: 1 << 40,
            ..Counters::default()
        };
        for (behind, files, each, may_read) in [
            (0, 1, 1 << 20, true),
            (0, 20, 1 << 20, false),
            (LATE, 16_000, 8, true),
            (LATE + 1, 1_000, 8, true),
            (LATE + 1, 2_000, 8, false),
        ] {
            let applying = Applying::new(Steps::default(), &before, behind);
            let now = Counters {
                hashes: before.hashes + files,
                hashed_bytes: before.hashed_bytes + files * each,
                ..before
            };
            assert_eq!(applying.may_read(&now), may_read, "{files} of {each}");
        }
    }
}
