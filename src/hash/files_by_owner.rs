//! Queues files to be read: their owners take turns, and of each owner the groups do, so that no
//! user keeps the files of another waiting, in however many directories the first one has files.
//!
//! Reads nothing. Invariant: an owner is in `turns` once if files of theirs wait, and not if none do.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::job::{FileJob, Group};
use crate::fair_queue::FairQueue;

#[derive(Default)]
pub(super) struct FilesByOwner {
    /// By user ID.
    files: HashMap<u32, FairQueue<Group, FileJob, 1>>,
    /// The owners in the order of their turns.
    turns: VecDeque<u32>,
}

impl FilesByOwner {
    /// Adds a file at the end of its group's.
    pub(super) fn push(&mut self, job: FileJob) {
        self.of(job.owner).push(job.group(), job);
    }

    /// Gives back a file that is half read: it goes on when the turn of its group comes again.
    pub(super) fn put_back(&mut self, job: FileJob) {
        self.of(job.owner).put_back(job.group(), job);
    }

    fn of(&mut self, owner: u32) -> &mut FairQueue<Group, FileJob, 1> {
        let files = self.files.entry(owner).or_default();
        if files.is_empty() {
            self.turns.push_back(owner);
        }
        files
    }

    /// Removes all files but those for which `is_kept` is true.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&FileJob) -> bool) {
        self.files.retain(|_, files| {
            files.retain(&mut is_kept);
            !files.is_empty()
        });
        self.turns.retain(|owner| self.files.contains_key(owner));
    }

    /// The next file that is `ready`.
    pub(super) fn pop_if(&mut self, ready: impl Fn(&FileJob) -> bool) -> Option<FileJob> {
        for _ in 0..self.turns.len() {
            let owner = self.turns.pop_front()?;
            let files = self.files.get_mut(&owner)?;
            let job = files.pop_if(&ready);
            if files.is_empty() {
                self.files.remove(&owner);
            } else {
                self.turns.push_back(owner);
            }
            if job.is_some() {
                return job;
            }
        }
        None
    }
}
