//! Reads files on threads: takes jobs, gives answers, and wakes the loop by an eventfd when there
//! are some.
//!
//! Never decides what is read. Invariants: each job gets its answer, for a panic of any thread ends
//! the process; owners of files take turns, as do single files and the baseline; a device on which
//! a slice took more than 1 s has a thread of its own from then on; where no thread can be made, the
//! loop itself does the work, a slice at a time. A remote file system, which may not answer at all,
//! is not read here but by its own threads (`disk/remote.rs`).

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::job::{Answers, BatchJob, FileJob, ReadBatch};
use super::job_queue::{Job, JobQueue};
use crate::file_status::FsError;
use crate::sys::epoll::EventFd;
use crate::sys::process;
use crate::tracker::disk::{FileDigest, Ticket};

/// How long a thread works on one job before the next one gets its turn: 20 ms.
const SLICE: Duration = Duration::from_millis(20);

/// Most devices with a thread of their own; more slow ones share threads with the others.
const MAX_DEVICES: usize = 8;

/// When no thread could be made, it is tried again after 1 s.
const RETRY: Duration = Duration::from_secs(1);

/// A device on which a single slice took longer gets a queue and a thread of its own: 1 s.
const ISOLATE_AFTER: Duration = Duration::from_secs(1);

/// So many files that are not waited for are in the queues at most, or as many as are.
const MANY: usize = 64;

const THREAD_STACK: usize = 256 << 10;

pub(crate) enum Done {
    File(Ticket, Result<FileDigest, FsError>),
    /// A part of the baseline was read.
    Batch(Answers),
}

struct Shared {
    /// The first one has the jobs of all devices that have no queue of their own.
    queues: Vec<JobQueue>,
    done: Vec<Done>,
    /// The files whose digests are waited for: those in the queues, and those that are being read.
    wanted: HashSet<Ticket>,
    /// How many have been cancelled since the queues were searched for such last.
    cancelled: usize,
    /// When making a thread failed last; `None`: the last one was made.
    failed: Option<Instant>,
}

/// The worker threads, which are made when there is work. They do not end: an idle thread costs
/// nothing but its stack.
#[derive(Clone)]
pub(crate) struct Workers {
    shared: Arc<Mutex<Shared>>,
    event: Arc<EventFd>,
    max_threads: usize,
}

impl Workers {
    pub(crate) fn new(event: Arc<EventFd>) -> Self {
        let cpus = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let shared = Shared {
            queues: vec![JobQueue::default()],
            done: Vec::new(),
            wanted: HashSet::default(),
            cancelled: 0,
            failed: None,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            event,
            max_threads: cpus.clamp(1, 8),
        }
    }

    pub(crate) fn max_threads(&self) -> usize {
        self.max_threads
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a device a queue and a thread of its own.
    pub(crate) fn isolate(&self, device: u64) {
        let mut shared = self.lock();
        let has_room = shared.queues.len() <= MAX_DEVICES;
        if has_room && shared.queue_of(device) == 0 {
            shared.queues.push(JobQueue::of(device));
        }
    }

    pub(crate) fn read(&self, job: FileJob) {
        self.submit(Job::File(job));
    }

    /// Reads a part of the baseline; all of it is on one device.
    pub(crate) fn read_batches(&self, batches: Vec<ReadBatch>) {
        self.submit(Job::Batch(BatchJob::new(batches)));
    }

    /// Forgets files whose digests are not waited for any longer. They are removed from the queues
    /// when they are many: otherwise, who makes and removes a file over and over would fill them.
    pub(crate) fn cancel(&self, tickets: &[Ticket]) {
        let mut shared = self.lock();
        for ticket in tickets {
            shared.cancelled += usize::from(shared.wanted.remove(ticket));
        }
        let Shared {
            queues,
            wanted,
            cancelled,
            ..
        } = &mut *shared;
        if *cancelled > MANY.max(wanted.len()) {
            *cancelled = 0;
            for queue in queues {
                queue.retain(|ticket| wanted.contains(&ticket));
            }
        }
    }

    fn submit(&self, job: Job) {
        let mut shared = self.lock();
        if let Job::File(job) = &job {
            shared.wanted.insert(job.ticket);
        }
        let index = shared.queue_of(job.device());
        shared.queues[index].push(job);
        self.start(shared, index);
    }

    /// Wakes a thread of a queue, or makes one. The lock is not held meanwhile, so that it does
    /// not hold up threads that have work.
    fn start(&self, mut shared: MutexGuard<'_, Shared>, index: usize) {
        let max_threads = if index == 0 { self.max_threads } else { 1 };
        let may_try = shared.failed.is_none_or(|failed| failed.elapsed() >= RETRY);
        let queue = &mut shared.queues[index];
        if !queue.lacks_threads() || queue.threads() >= max_threads || !may_try {
            let wake = queue.wake();
            drop(shared);
            wake.notify_one();
            return;
        }
        queue.add_thread();
        let wake = queue.wake();
        drop(shared);
        let worker = self.clone();
        let builder = thread::Builder::new()
            .name("hash".into())
            .stack_size(THREAD_STACK);
        let started = builder.spawn(move || worker.work(index, &wake));
        let mut shared = self.lock();
        if started.is_ok() {
            shared.failed = None;
        } else {
            shared.queues[index].remove_thread();
            shared.failed = Some(Instant::now());
        }
    }

    /// When the loop is to call [`Workers::help`]; `None`: there are threads, or no jobs.
    pub(crate) fn help_due(&self) -> Option<Instant> {
        let shared = self.lock();
        let failed = shared.failed?;
        if shared.queues[0].is_stuck() {
            return Some(failed);
        }
        let is_any_stuck = shared.queues.iter().any(JobQueue::is_stuck);
        is_any_stuck.then_some(failed + RETRY)
    }

    /// Tries to make threads where there are none. As long as that fails, does the jobs of the
    /// devices that are not slow in place, until the time is up.
    pub(crate) fn help(&self, until: Instant) {
        // As part of the `for` itself, the guard would live until its end.
        let queues = self.lock().queues.len();
        for index in 0..queues {
            let shared = self.lock();
            if shared.queues[index].is_stuck() {
                self.start(shared, index);
            }
        }
        let mut buffer = Vec::new();
        while Instant::now() < until {
            let mut shared = self.lock();
            if shared.queues[0].threads() > 0 {
                return;
            }
            let Some(job) = shared.pop(0) else {
                return;
            };
            self.perform(shared, 0, job, until, &mut buffer);
        }
    }

    pub(crate) fn take_done(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    pub(crate) fn wake(&self) {
        self.event.signal();
    }

    /// Adds the answer for a file that a thread of a remote mount has read.
    pub(crate) fn deliver(&self, ticket: Ticket, read: Result<FileDigest, FsError>) {
        self.publish(Done::File(ticket, read));
    }

    /// Gives back a job that was taken from a queue: to that of its device, which may have got one since.
    fn put_back(&self, mut shared: MutexGuard<'_, Shared>, index: usize, job: Job) {
        let own = shared.queue_of(job.device());
        shared.queues[own].put_back(job);
        if own != index {
            self.start(shared, own);
        }
    }

    /// Works on a job that was taken from a queue until it is done or the time is up; not if its device
    /// has got another queue since.
    fn perform(
        &self,
        shared: MutexGuard<'_, Shared>,
        index: usize,
        mut job: Job,
        until: Instant,
        buffer: &mut Vec<u8>,
    ) {
        if shared.queue_of(job.device()) != index {
            return self.put_back(shared, index, job);
        }
        drop(shared);
        let began = Instant::now();
        let done = step(&mut job, until, buffer);
        if began.elapsed() > ISOLATE_AFTER {
            self.isolate(job.device());
        }
        let mut shared = self.lock();
        let Some(done) = done else {
            return self.put_back(shared, index, job);
        };
        if let Done::File(ticket, _) = &done {
            shared.wanted.remove(ticket);
        }
        drop(shared);
        self.publish(done);
    }

    /// Adds an answer, and wakes the loop if it is the first one.
    fn publish(&self, done: Done) {
        let mut shared = self.lock();
        shared.done.push(done);
        let is_first = shared.done.len() == 1;
        drop(shared);
        if is_first {
            self.event.signal();
        }
    }

    /// Runs on each worker thread: does the jobs of a queue, without end.
    fn work(&self, index: usize, wake: &Condvar) {
        process::schedule_as_batch();
        let mut buffer = Vec::new();
        loop {
            let mut shared = self.lock();
            let job = loop {
                if let Some(job) = shared.pop(index) {
                    break job;
                }
                shared.queues[index].begin_wait();
                // An idle thread keeps no buffer.
                buffer = Vec::new();
                shared = wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
                shared.queues[index].end_wait();
            };
            self.perform(shared, index, job, Instant::now() + SLICE, &mut buffer);
        }
    }
}

impl Shared {
    /// The next job of a queue whose answer is waited for.
    fn pop(&mut self, index: usize) -> Option<Job> {
        loop {
            let job = self.queues[index].pop()?;
            if let Job::File(job) = &job
                && !self.wanted.contains(&job.ticket)
            {
                self.cancelled = self.cancelled.saturating_sub(1);
                continue;
            }
            return Some(job);
        }
    }

    /// The index of a device's queue.
    fn queue_of(&self, device: u64) -> usize {
        let mut queues = self.queues.iter();
        queues.position(|queue| queue.is_of(device)).unwrap_or(0)
    }
}

/// Works on a job until the time is up. `None`: there is more to do.
fn step(job: &mut Job, until: Instant, buffer: &mut Vec<u8>) -> Option<Done> {
    match job {
        Job::File(job) => {
            let read = job.step(until, buffer)?;
            Some(Done::File(job.ticket, read))
        }
        Job::Batch(job) => job
            .step(until, buffer)
            .then(|| Done::Batch(std::mem::take(&mut job.answers))),
    }
}
