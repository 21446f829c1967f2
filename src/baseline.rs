//! Makes the baseline: gives every file that was there at `ready` to the workers, and what they
//! have read to the tracker, while the watch runs.
//!
//! Reads nothing itself. Invariant: only a few jobs are with the workers at once, so that files
//! that change are read soon.

use std::sync::Arc;

use crate::change::{InodeTimes, Kind};
use crate::file_status::Stat;
use crate::hash::{Answers, DirectoryPath, ReadBatch, Workers, bytes_read};
use crate::since::Since;
use crate::tracker::disk::Disk;
use crate::tracker::model::Id;
use crate::tracker::{Hashing, Tracker};

/// Files in one job for the workers: handing it over costs tens of microseconds.
const FILES: usize = 64;

/// Jobs that are with the workers at once, for each of their threads.
const AHEAD: usize = 3;

/// Size and times of each file, by the index of its entry.
pub(crate) type Found = Vec<Option<(u64, InodeTimes)>>;

pub(crate) struct Baseline {
    /// The index of the next entry.
    next: u32,
    /// The number of jobs that are with the workers.
    under_way: usize,
    /// The number of files that were read or stat'ed.
    pub(crate) files: u64,
    /// The number of all files in the model, once progress was shown.
    all: Option<usize>,
    /// The number of bytes that were read.
    pub(crate) bytes: u64,
    /// Whether all files were given to the workers.
    handed_out: bool,
    /// What was reported before this watch.
    since: Option<Arc<Since>>,
    /// Empty without `since`.
    found: Found,
}

impl Baseline {
    pub(crate) fn new(since: Option<Arc<Since>>) -> Self {
        Self {
            next: 0,
            under_way: 0,
            files: since.as_ref().map_or(0, |since| since.count_unchanged()),
            all: None,
            bytes: 0,
            handed_out: false,
            since,
            found: Vec::new(),
        }
    }

    /// Takes what was reported before this watch, and what was found, if they are to be compared.
    pub(crate) fn take_comparison(&mut self) -> Option<(Arc<Since>, Found)> {
        let since = self.since.take()?;
        self.bytes = bytes_read();
        Some((since, std::mem::take(&mut self.found)))
    }

    fn keep_found(&mut self, id: Id, stat: &Stat) {
        if self.found.len() <= id.index() {
            self.found.resize(id.index() + 1, None);
        }
        self.found[id.index()] = Some((stat.size, stat.times()));
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.handed_out && self.under_way == 0
    }

    pub(crate) fn text<D>(&mut self, tracker: &Tracker<D>) -> String {
        let model = &tracker.model;
        let is_file = |id: &Id| model.kind(*id) == Kind::File;
        let all = *self
            .all
            .get_or_insert_with(|| model.all().filter(is_file).count());
        let mib = bytes_read() >> 20;
        format!("baseline: {} of {all} files, {mib} MiB read", self.files)
    }

    /// Gives the workers as many jobs as they need to stay busy.
    pub(crate) fn feed<D>(&mut self, tracker: &Tracker<D>, workers: &Workers) {
        while !self.handed_out && self.under_way < workers.max_threads() * AHEAD {
            let batches = self.gather(tracker);
            if batches.is_empty() {
                self.handed_out = true;
            } else {
                self.under_way += 1;
                workers.read_batches(batches);
            }
        }
    }

    /// The next unread files, by directory.
    fn gather<D>(&mut self, tracker: &Tracker<D>) -> Vec<ReadBatch> {
        let mut batches: Vec<ReadBatch> = Vec::new();
        let mut dir = None;
        let mut count = 0;
        let model = &tracker.model;
        while count < FILES
            && let Some((id, next)) = model.next_leaf(self.next)
        {
            let before = std::mem::replace(&mut self.next, next);
            if model.kind(id) != Kind::File || !model.is_unread(id) {
                continue;
            }
            let Some(parent) = model.parent(id) else {
                continue;
            };
            if dir != Some(parent) {
                let Some(batch) = begin(tracker, parent, self.since.as_ref()) else {
                    continue;
                };
                let device = |batch: &ReadBatch| batch.dir.inode.dev;
                if batches
                    .last()
                    .is_some_and(|last| device(last) != device(&batch))
                {
                    self.next = before;
                    break;
                }
                batches.push(batch);
                dir = Some(parent);
            }
            if let Some(batch) = batches.last_mut() {
                batch.names.extend(model.name(id));
                batch.files.push((id, batch.names.len()));
                count += 1;
            }
        }
        batches
    }

    pub(crate) fn take<D: Disk>(&mut self, tracker: &mut Tracker<D>, read: Answers) {
        self.under_way -= 1;
        for (id, result) in read {
            if let Ok(read) = &result {
                self.files += 1;
                if self.since.is_some() {
                    self.keep_found(id, &read.stat);
                }
                // With `since`, the digest may be the reported one; `take_comparison` counts then.
                if read.digest.is_some() && self.since.is_none() {
                    self.bytes += read.stat.size;
                }
            }
            tracker.take_baseline(id, result);
        }
    }
}

/// Where a directory is opened. `None`: it is on a file system that may not answer, which has its own
/// threads.
pub(crate) fn directory_path<D>(tracker: &Tracker<D>, dir: Id) -> Option<DirectoryPath> {
    let inode = tracker.model.inode(dir);
    if tracker.file_systems.is_polled(inode.dev) {
        return None;
    }
    let root = tracker.roots.with_entry(tracker.model.root(dir))?;
    let mut relative = Vec::new();
    tracker.model.write_relative_path(dir, &mut relative);
    Some(DirectoryPath {
        root: root.open.clone(),
        relative,
        inode,
    })
}

fn begin<D>(tracker: &Tracker<D>, dir: Id, since: Option<&Arc<Since>>) -> Option<ReadBatch> {
    let path = directory_path(tracker, dir)?;
    // With --hash lazy, files that differ from what was reported are read, too.
    let reads = match tracker.hashing(path.inode.dev) {
        Hashing::Eager => true,
        Hashing::Lazy => since.is_some(),
        Hashing::Off => false,
    };
    Some(ReadBatch {
        dir: path,
        files: Vec::new(),
        names: Vec::new(),
        limit: if reads {
            tracker.settings.hash_limit
        } else {
            0
        },
        is_watched: tracker.model.wd(dir).is_some(),
        since: since.cloned(),
    })
}
