//! The threads that read behind the loop: jobs in, answers out, and an eventfd that
//! wakes the loop when there are some.
//!
//! Never decides what is read. Invariants: each job gets its answer; the
//! directories take turns, as do single files and the baseline; a device on which a slice
//! took more than 1 s has a thread of its own from then on; where no thread can be made, the
//! loop itself does the work, a slice at a time. A remote file system, which may not answer
//! at all, is not read here but by its own threads (`disk/remote.rs`).

#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::job::{Answers, BatchJob, FileJob, ReadBatch};
use super::job_queue::{Job, JobQueue};
use crate::file_status::FsError;
use crate::sys::epoll::EventFd;
use crate::sys::process;
use crate::tracker::disk::{FileDigest, Ticket};

/// How long a thread stays with one job while others wait.
const SLICE: Duration = Duration::from_millis(20);

/// Devices with a thread of their own; those beyond are read as the others.
const MAX_DEVICES: usize = 8;

/// When no thread could be made, it is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

/// A device on which a single slice took longer gets a queue of its own.
const SLOW: Duration = Duration::from_secs(1);

const THREAD_STACK: usize = 256 << 10;

pub(crate) enum Done {
    File(Ticket, Result<FileDigest, FsError>),
    /// A part of the baseline was read.
    Batch(Answers),
}

struct Shared {
    /// The first one is that of all devices without one.
    queues: Vec<JobQueue>,
    done: Vec<Done>,
    /// When a thread could not be made last.
    failed: Option<Instant>,
}

/// The worker threads, started when there is work. They do not end: a thread that waits
/// costs nothing but its stack.
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

    /// From now on, what lies on this device is read by a thread of its own.
    pub(crate) fn isolate(&self, device: u64) {
        let mut shared = self.lock();
        let has_room = shared.queues.len() <= MAX_DEVICES;
        if has_room && shared.lane_of(device) == 0 {
            shared.queues.push(JobQueue::of(device));
        }
    }

    pub(crate) fn read(&self, job: FileJob) {
        self.submit(Job::File(job));
    }

    /// Reads a part of the baseline, which lies on one device.
    pub(crate) fn read_batches(&self, batches: Vec<ReadBatch>) {
        self.submit(Job::Batch(BatchJob::new(batches)));
    }

    fn submit(&self, job: Job) {
        let mut shared = self.lock();
        let number = shared.lane_of(job.device());
        shared.queues[number].push(job);
        self.start(shared, number);
    }

    /// Wakes a thread of a queue, or makes one. Never with the lock held over either: a
    /// thread that cannot be made must not keep those that can work from it.
    fn start(&self, mut shared: MutexGuard<'_, Shared>, number: usize) {
        let max_threads = if number == 0 { self.max_threads } else { 1 };
        let may_try = shared.failed.is_none_or(|failed| failed.elapsed() >= RETRY);
        let queue = &mut shared.queues[number];
        if queue.queued <= queue.waiting || queue.threads >= max_threads || !may_try {
            let wake = Arc::clone(&queue.wake);
            drop(shared);
            wake.notify_one();
            return;
        }
        queue.threads += 1;
        let wake = Arc::clone(&queue.wake);
        drop(shared);
        let worker = self.clone();
        let builder = thread::Builder::new()
            .name("hash".into())
            .stack_size(THREAD_STACK);
        let started = builder.spawn(move || worker.work(number, &wake));
        let mut shared = self.lock();
        if started.is_ok() {
            shared.failed = None;
        } else {
            shared.queues[number].threads -= 1;
            shared.failed = Some(Instant::now());
        }
    }

    /// When the loop is to call [`Workers::help`], if it has to.
    pub(crate) fn help_due(&self) -> Option<Instant> {
        let shared = self.lock();
        let failed = shared.failed?;
        let is_stuck = |queue: &JobQueue| queue.queued > 0 && queue.threads == 0;
        if is_stuck(&shared.queues[0]) {
            return Some(failed);
        }
        shared.queues.iter().any(is_stuck).then_some(failed + RETRY)
    }

    /// Where no thread could be made: tries again at intervals, and does the work of the
    /// devices that are not slow here, until the time is up.
    pub(crate) fn help(&self, until: Instant) {
        // Not in the head of the loop, where the lock would be held throughout.
        let queues = self.lock().queues.len();
        for number in 0..queues {
            let shared = self.lock();
            let queue = &shared.queues[number];
            if queue.queued > 0 && queue.threads == 0 {
                self.start(shared, number);
            }
        }
        let mut buffer = Vec::new();
        while Instant::now() < until {
            let mut shared = self.lock();
            let queue = &mut shared.queues[0];
            if queue.threads > 0 {
                return;
            }
            let Some(job) = queue.pop() else {
                return;
            };
            drop(shared);
            self.perform(0, job, until, &mut buffer);
        }
    }

    pub(crate) fn take_done(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    /// Wakes the loop.
    pub(crate) fn wake(&self) {
        self.event.signal();
    }

    /// A file was read on another thread.
    pub(crate) fn deliver(&self, ticket: Ticket, read: Result<FileDigest, FsError>) {
        self.publish(Done::File(ticket, read));
    }

    /// Does a job until it is done or the time is up.
    fn perform(&self, number: usize, mut job: Job, until: Instant, buffer: &mut Vec<u8>) {
        let began = Instant::now();
        let step = catch_unwind(AssertUnwindSafe(|| step(&mut job, until, buffer)));
        let done = step.unwrap_or_else(|panic| give_up(&mut job, &*panic));
        if began.elapsed() > SLOW {
            self.isolate(job.device());
        }
        let mut shared = self.lock();
        let Some(done) = done else {
            shared.queues[number].put_back(job);
            return;
        };
        drop(shared);
        self.publish(done);
    }

    /// Hands over what was read.
    fn publish(&self, done: Done) {
        let mut shared = self.lock();
        shared.done.push(done);
        let is_first = shared.done.len() == 1;
        drop(shared);
        if is_first {
            self.event.signal();
        }
    }

    /// A thread's life.
    fn work(&self, number: usize, wake: &Condvar) {
        process::schedule_as_batch();
        let mut buffer = Vec::new();
        loop {
            let mut shared = self.lock();
            let job = loop {
                let queue = &mut shared.queues[number];
                if let Some(job) = queue.pop() {
                    break job;
                }
                queue.waiting += 1;
                // An idle thread keeps no buffer.
                buffer = Vec::new();
                shared = wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
                shared.queues[number].waiting -= 1;
            };
            drop(shared);
            self.perform(number, job, Instant::now() + SLICE, &mut buffer);
        }
    }
}

impl Shared {
    fn lane_of(&self, device: u64) -> usize {
        let is_its = |queue: &JobQueue| queue.device == Some(device);
        self.queues.iter().position(is_its).unwrap_or(0)
    }
}

/// `None`: there is more to do.
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

/// A job that panicked: the file it was at cannot be read, as after any other error, and
/// is tried again later; the rest of a batch goes on.
fn give_up(job: &mut Job, panic: &(dyn Any + Send)) -> Option<Done> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let error = FsError::Io(format!("reading it panicked: {}", text.unwrap_or("?")));
    match job {
        Job::File(job) => Some(Done::File(job.ticket, Err(error))),
        Job::Batch(job) => {
            job.skip(error);
            None
        }
    }
}
