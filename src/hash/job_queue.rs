//! Queues the jobs of one set of threads: single files and parts of the baseline, of one slow
//! device, or of all devices that are not slow.
//!
//! Makes no thread and reads nothing. Invariants: files and parts of the baseline take turns;
//! no more than [`MAX_BEGUN`] files, and one for each other thread, are half read, since each has
//! an open descriptor; of its group, a file that is half read comes before any that is not.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};

use super::files_by_owner::FilesByOwner;
use super::job::{BatchJob, FileJob, Length};
use crate::tracker::disk::Ticket;

/// A file is begun only if fewer files than this are in the queue half read, and so open. On a slow
/// device short ones are, too.
const MAX_BEGUN: usize = 16;

/// The same for a file of this length, so that a shorter one need not wait until a longer one is
/// read.
fn most_begun(length: Length) -> usize {
    match length {
        Length::Short => MAX_BEGUN,
        Length::Medium => 12,
        Length::Long => 8,
        Length::VeryLong => 4,
    }
}

/// Jobs for single files between two parts of the baseline.
const FILES_IN_A_ROW: u32 = 3;

pub(super) enum Job {
    File(FileJob),
    Batch(BatchJob),
}

impl Job {
    pub(super) fn device(&self) -> u64 {
        match self {
            Self::File(job) => job.inode.dev,
            Self::Batch(job) => job.device(),
        }
    }
}

/// Jobs, and the threads that do them.
#[derive(Default)]
pub(super) struct JobQueue {
    /// The device that all jobs are on. `None`: any that has no queue of its own.
    device: Option<u64>,
    /// Single files.
    files: FilesByOwner,
    /// Parts of the baseline.
    batches: VecDeque<BatchJob>,
    /// Jobs in `files` and `batches`.
    queued: usize,
    /// Single files that were taken since the last part of the baseline.
    in_a_row: u32,
    /// Files in the queue that are half read.
    begun: usize,
    threads: usize,
    /// Threads that have no job.
    waiting: usize,
    /// Notified when there is work for one of these.
    wake: Arc<Condvar>,
}

impl JobQueue {
    pub(super) fn of(device: u64) -> Self {
        Self {
            device: Some(device),
            ..Self::default()
        }
    }

    pub(super) fn is_of(&self, device: u64) -> bool {
        self.device == Some(device)
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn add_thread(&mut self) {
        self.threads += 1;
    }

    /// Takes back [`JobQueue::add_thread`]: the thread could not be made.
    pub(super) fn remove_thread(&mut self) {
        self.threads -= 1;
    }

    /// Notes that a thread has no job.
    pub(super) fn begin_wait(&mut self) {
        self.waiting += 1;
    }

    pub(super) fn end_wait(&mut self) {
        self.waiting -= 1;
    }

    pub(super) fn wake(&self) -> Arc<Condvar> {
        Arc::clone(&self.wake)
    }

    /// Whether there are more jobs than threads that wait for one.
    pub(super) fn lacks_threads(&self) -> bool {
        self.queued > self.waiting
    }

    /// Whether there are jobs, and no thread that does them.
    pub(super) fn is_stuck(&self) -> bool {
        self.queued > 0 && self.threads == 0
    }

    pub(super) fn push(&mut self, job: Job) {
        self.queued += 1;
        match job {
            Job::File(job) => self.files.push(job),
            Job::Batch(job) => self.batches.push_back(job),
        }
    }

    /// Takes back a job that is not done. A part of the baseline goes to the front, so that
    /// no more of them are half read than there are threads.
    pub(super) fn put_back(&mut self, job: Job) {
        self.queued += 1;
        match job {
            Job::File(job) if job.is_begun() => {
                self.begun += 1;
                self.files.put_back(job);
            }
            // It has grown. In front of one that is half read, it might wait for that for ever.
            Job::File(job) => self.files.push(job),
            Job::Batch(job) => self.batches.push_front(job),
        }
    }

    /// Removes the files whose readings nobody wants any longer.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Ticket) -> bool) {
        let (mut left, mut begun) = (self.batches.len(), 0);
        self.files.retain(|job| {
            let is_kept = is_wanted(job.ticket);
            left += usize::from(is_kept);
            begun += usize::from(is_kept && job.is_begun());
            is_kept
        });
        (self.queued, self.begun) = (left, begun);
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let is_baselines_turn = self.in_a_row >= FILES_IN_A_ROW && !self.batches.is_empty();
        let file = if is_baselines_turn {
            None
        } else {
            let begun = self.begun;
            let may_begin = |job: &FileJob| begun < most_begun(job.length);
            self.files.pop_if(|job| job.is_begun() || may_begin(job))
        };
        let job = if let Some(job) = file {
            self.begun -= usize::from(job.is_begun());
            self.in_a_row = self.in_a_row.saturating_add(1);
            Job::File(job)
        } else {
            self.in_a_row = 0;
            Job::Batch(self.batches.pop_front()?)
        };
        self.queued -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test fails by panicking.

    use std::time::Instant;

    use super::super::job::SHORT_SIZE;
    use super::super::job::tests::{dir_path, file_of, job};
    use super::*;

    #[test]
    fn the_baseline_gets_its_turn_while_files_wait() {
        let dir = tempfile::tempdir().unwrap();
        file_of(1, dir.path(), 0);
        let mut queue = JobQueue::default();
        for _ in 0..10 {
            queue.push(Job::File(job(dir.path(), 0)));
        }
        queue.push(Job::Batch(BatchJob::new(Vec::new())));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|job| matches!(job, Job::Batch(_)))
            .collect();
        assert_eq!(order.iter().position(|is_batch| *is_batch), Some(3));
        assert_eq!((order.len(), queue.queued), (11, 0));
    }

    #[test]
    fn few_files_are_half_read_at_once_and_all_are_read() {
        let cases = [
            (SHORT_SIZE + 1, Length::VeryLong, 4, 8),
            (SHORT_SIZE + 1, Length::Medium, 12, 8),
            (1 << 20, Length::Short, MAX_BEGUN, 8),
            (1 << 20, Length::Short, MAX_BEGUN, 1),
        ];
        for (size, length, most, threads) in cases {
            assert_eq!(half_read_at_once(size, length, threads), most + threads - 1);
        }
    }

    #[test]
    fn files_that_have_grown_keep_none_that_is_half_read_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = JobQueue::default();
        let mut begin = |group: u64, number: u64, size: u64| {
            file_of(size, dir.path(), number);
            let mut job = job(dir.path(), number);
            job.length = Length::VeryLong;
            let mut buffer = Vec::new();
            if size > 0 {
                assert!(job.step(Instant::now(), &mut buffer).is_none());
            }
            Arc::make_mut(&mut job.dir).inode.ino += group;
            queue.put_back(Job::File(job));
        };
        for group in 0..4 {
            begin(group, group, SHORT_SIZE * 64);
            begin(group, 10 + group, 0);
        }
        assert_eq!(queue.begun, 4);
        let popped = queue.pop();
        assert!(matches!(popped, Some(Job::File(job)) if job.is_begun()));
    }

    #[test]
    fn a_file_waits_for_no_longer_ones_in_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = JobQueue::default();
        let sizes = [SHORT_SIZE * 64; 6].into_iter().chain([SHORT_SIZE * 8; 2]);
        for (number, size) in sizes.chain([3 << 20]).enumerate() {
            let number = number as u64;
            file_of(size, dir.path(), number);
            queue.push(Job::File(job(dir.path(), number)));
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .take(3)
            .map(|job| match job {
                Job::File(job) => job.ticket.0,
                Job::Batch(_) => panic!("there is no baseline"),
            })
            .collect();
        assert_eq!(order, [0, 6, 8]);
    }

    #[test]
    fn a_file_waits_for_one_file_of_each_other_owner_in_however_many_directories_these_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = JobQueue::default();
        let mut push = |number: u64, owner| {
            file_of(1, dir.path(), number);
            let mut job = job(dir.path(), number);
            Arc::make_mut(&mut job.dir).inode.ino += number;
            job.owner = owner;
            queue.push(Job::File(job));
        };
        (0..40).for_each(|number| push(number, 1));
        push(40, 2);
        push(41, 3);
        push(42, 2);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|job| match job {
                Job::File(job) => job.ticket.0,
                Job::Batch(_) => panic!("there is no baseline"),
            })
            .collect();
        assert_eq!(order[..7], [0, 40, 41, 1, 42, 2, 3]);
        assert_eq!(order.len(), 43);
    }

    /// How many of 40 files are half read at once at most, by so many threads, if none is read in
    /// one slice.
    fn half_read_at_once(size: u64, length: Length, threads: usize) -> usize {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = JobQueue::default();
        for number in 0..40 {
            file_of(size, dir.path(), number);
            // Each seems to be in another directory.
            let mut job = job(dir.path(), number);
            Arc::make_mut(&mut job.dir).inode.ino += number;
            Arc::make_mut(&mut job.dir).inode.dev = 0;
            job.length = length;
            queue.push(Job::File(job));
        }
        let (mut done, mut most) = (0, 0);
        let mut buffer = Vec::new();
        while queue.queued > 0 {
            let jobs = std::iter::from_fn(|| queue.pop()).take(threads);
            for job in jobs.collect::<Vec<_>>() {
                let Job::File(mut job) = job else {
                    panic!("there is no baseline");
                };
                job.dir = Arc::new(dir_path(dir.path()));
                match job.step(Instant::now(), &mut buffer) {
                    Some(read) => done += usize::from(read.unwrap().digest.is_some()),
                    None => queue.put_back(Job::File(job)),
                }
            }
            most = most.max(queue.begun);
        }
        assert_eq!((done, queue.queued, queue.begun), (40, 0, 0));
        most
    }
}
