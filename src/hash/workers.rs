//! The threads that read behind the loop: work in, answers out, and a bell when there
//! are some.
//!
//! Never decides what is read. Invariant: a large file that something happened to is
//! read before any baseline, and whoever gave work is never left without its answer.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::digest_o_path;
use super::read_batch::{self, ReadBatch};
use crate::file_status::Stat;
use crate::sys::epoll::EventFd;
use crate::sys::process;
use crate::tracker::disk::{FileDigest, FsError, Ticket};
use crate::tracker::model::Id;

enum Work {
    /// A large file that something happened to.
    File(Ticket, OwnedFd, Stat),
    Batches(Vec<ReadBatch>),
}

pub(crate) enum Done {
    File(Ticket, Result<FileDigest, FsError>),
    /// A part of the baseline was read.
    Batches(Vec<(Id, Result<FileDigest, FsError>)>),
}

#[derive(Default)]
struct Shared {
    work: VecDeque<Work>,
    done: Vec<Done>,
    threads: usize,
    waiting: usize,
}

/// The worker threads, started when there is work.
#[derive(Clone)]
pub(crate) struct Workers {
    /// The work, and a bell for it.
    shared: Arc<(Mutex<Shared>, Condvar)>,
    bell: Arc<EventFd>,
    most: usize,
}

impl Workers {
    pub(crate) fn new(bell: Arc<EventFd>) -> Self {
        let most = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            shared: Arc::default(),
            bell,
            most: most.clamp(1, 8),
        }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A large file is read before any baseline.
    pub(crate) fn read(&self, ticket: Ticket, place: OwnedFd, stat: Stat) {
        let mut shared = self.lock();
        shared.work.push_front(Work::File(ticket, place, stat));
        self.start(shared);
    }

    /// A part of the baseline is read in its turn.
    pub(crate) fn run(&self, batches: Vec<ReadBatch>) {
        let mut shared = self.lock();
        shared.work.push_back(Work::Batches(batches));
        self.start(shared);
    }

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

    pub(crate) fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

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
        process::lower_priority();
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

fn perform(work: Work, buffer: &mut Vec<u8>) -> Done {
    match work {
        Work::File(ticket, place, stat) => Done::File(ticket, digest_o_path(&place, &stat, buffer)),
        Work::Batches(batches) => Done::Batches(read_batch::run(&batches, buffer)),
    }
}
