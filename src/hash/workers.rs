//! The threads that read behind the loop: work in, answers out, and a bell when there
//! are some.
//!
//! Never decides what is read. Invariant: a large file that something happened to is
//! read before any baseline, and whoever gave work is never left without its answer.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::errand::{self, Errand};
use super::{Read1, digest_place};
use crate::sys::epoll::Bell;
use crate::sys::process;
use crate::sys::stat::RawStat;
use crate::tracker::model::Id;
use crate::tracker::port::{Fault, Ticket};

/// A piece of work.
enum Work {
    /// A large file that something happened to.
    File(Ticket, OwnedFd, RawStat),
    /// A part of the baseline.
    Errands(Vec<Errand>),
}

/// What a worker has done.
pub(crate) enum Done {
    /// A large file was read.
    File(Ticket, Result<Read1, Fault>),
    /// A part of the baseline was read.
    Errands(Vec<(Id, Result<Read1, Fault>)>),
}

/// What workers and loop share.
#[derive(Default)]
struct Shared {
    /// Work, the urgent in front.
    work: VecDeque<Work>,
    /// What is done.
    done: Vec<Done>,
    /// How many threads there are.
    threads: usize,
    /// How many of them wait.
    waiting: usize,
}

/// The worker threads, started when there is work.
#[derive(Clone)]
pub(crate) struct Workers {
    /// The work, and a bell for it.
    shared: Arc<(Mutex<Shared>, Condvar)>,
    /// Wakes the loop.
    bell: Arc<Bell>,
    /// How many threads there may be.
    most: usize,
}

impl Workers {
    /// None yet.
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        let most = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            shared: Arc::default(),
            bell,
            most: most.clamp(1, 8),
        }
    }

    /// How many threads there may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// What is shared.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A large file is read before any baseline.
    pub(crate) fn read(&self, ticket: Ticket, place: OwnedFd, stat: RawStat) {
        let mut shared = self.lock();
        shared.work.push_front(Work::File(ticket, place, stat));
        self.start(shared);
    }

    /// A part of the baseline is read in its turn.
    pub(crate) fn run(&self, errands: Vec<Errand>) {
        let mut shared = self.lock();
        shared.work.push_back(Work::Errands(errands));
        self.start(shared);
    }

    /// Wakes a thread, or starts one.
    fn start(&self, mut shared: MutexGuard<'_, Shared>) {
        if shared.waiting > 0 || shared.threads >= self.most {
            drop(shared);
            self.shared.1.notify_one();
            return;
        }
        shared.threads += 1;
        drop(shared);
        let worker = self.clone();
        let started = thread::Builder::new()
            .name("hash".into())
            .stack_size(256 << 10);
        if started.spawn(move || worker.work()).is_err() {
            // Without a thread, the work is done here.
            self.lock().threads -= 1;
            if let Some(work) = self.lock().work.pop_front() {
                let done = perform(work, &mut Vec::new());
                self.finish(done);
            }
        }
    }

    /// What is done by now.
    pub(crate) fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    /// Tells the loop.
    fn finish(&self, done: Done) {
        let mut shared = self.lock();
        shared.done.push(done);
        let first = shared.done.len() == 1;
        drop(shared);
        if first {
            self.bell.ring();
        }
    }

    /// A thread's life: it ends when there has been nothing to do.
    fn work(&self) {
        process::give_way();
        let mut buffer = Vec::new();
        loop {
            let mut shared = self.lock();
            while shared.work.is_empty() {
                shared.waiting += 1;
                // A buffer is little to keep, and nothing to those who never hash again.
                buffer = Vec::new();
                shared = self
                    .shared
                    .1
                    .wait(shared)
                    .unwrap_or_else(PoisonError::into_inner);
                shared.waiting -= 1;
            }
            let Some(work) = shared.work.pop_front() else {
                continue;
            };
            drop(shared);
            let done = perform(work, &mut buffer);
            self.finish(done);
        }
    }
}

/// Does a piece of work.
fn perform(work: Work, buffer: &mut Vec<u8>) -> Done {
    match work {
        Work::File(ticket, place, stat) => Done::File(ticket, digest_place(&place, &stat, buffer)),
        Work::Errands(errands) => Done::Errands(errand::run(&errands, buffer)),
    }
}
