//! Holds what the walking threads share: the model, and the directories left to walk, which go to
//! a thread that is idle.
//!
//! Reads no directory and sets no watch. Invariant: a thread without work waits as long as
//! another one walks, which may give it some.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::WalkContext;
use super::progress::WalkProgress;
use super::reported_before::{OldDirectory, old_root};
use crate::disk::RealTracker;
use crate::disk::path::RemotePath;
use crate::event::Wd;
use crate::file_status::FsClass;
use crate::mounts::MountTable;
use crate::since::Since;
use crate::sys::inotify::Inotify;
use crate::sys::process;
use crate::sys::watch_error;
use crate::tracker::disk::{Inode, Watched};
use crate::tracker::model::Id;

/// Most levels of directories that a thread holds open; deeper ones are given away closed, and
/// opened again by their path from the PATH.
const DEPTH: usize = 256;

/// The levels take at most one part in so many of the limit of descriptors.
const SHARE: u64 = 8;

/// Most open directories that are given away and not taken yet.
const GIVEN: usize = 32;

/// A directory to walk.
pub(super) struct Job {
    pub(super) id: Id,
    /// `None`: it is to be opened by its relative path.
    pub(super) fd: Option<OwnedFd>,
    /// The file system of its parent; `None` for a PATH.
    pub(super) above: Option<FileSystem>,
    pub(super) old: OldDirectory,
}

/// The file system that a directory is on.
#[derive(Clone, Copy)]
pub(super) struct FileSystem {
    pub(super) dev: u64,
    /// As in [`Stat`](crate::file_status::Stat).
    pub(super) mount: u64,
    pub(super) class: FsClass,
}

pub(super) struct Shared<'a> {
    pub(super) inotify: &'a Inotify,
    pub(super) mounts: &'a MountTable,
    /// Whether opening a name may mount something.
    pub(super) has_automounts: bool,
    pub(super) one_file_system: bool,
    pub(super) self_outputs: &'a [Inode],
    pub(super) progress: &'a WalkProgress,
    /// What was reported before this watch.
    pub(super) since: Option<&'a Since>,
    state: Mutex<State<'a>>,
    /// Notified when there is work, or none will come.
    work_ready: Condvar,
    /// The number of threads without work.
    idle: AtomicUsize,
    /// The PATH, open, from which directories are opened again.
    pub(super) root: Option<OwnedFd>,
    /// The number of open directories that are given away and not taken yet.
    given: AtomicUsize,
    /// Most levels of directories that each thread holds open.
    pub(super) depth: usize,
}

pub(super) struct State<'a> {
    pub(super) tracker: &'a mut RealTracker,
    jobs: VecDeque<Job>,
    /// The number of threads that walk.
    walking: usize,
    /// Directories that the model has under another name, each with that entry.
    pub(super) aliases: Vec<(Id, Id)>,
    /// Roots of remote mounts, which are walked last.
    pub(super) remote: Vec<(Id, RemotePath)>,
}

impl State<'_> {
    /// Takes the watch on a directory into the model. `false`: the model has the directory under
    /// another name.
    pub(super) fn take_watch(
        &mut self,
        id: Id,
        inode: Inode,
        class: FsClass,
        wd: io::Result<Wd>,
    ) -> bool {
        let wd = wd.map_err(|error| watch_error(&error));
        let watched = Watched { wd, inode, class };
        match self.tracker.set_walked_watch(id, &watched) {
            Ok(()) => true,
            Err(other) => {
                self.aliases.push((id, other));
                false
            }
        }
    }
}

impl<'a> Shared<'a> {
    /// Begins with a PATH.
    pub(super) fn new(
        tracker: &'a mut RealTracker,
        context: &'a WalkContext<'_>,
        root: Id,
        fd: OwnedFd,
    ) -> Self {
        let again = fd.try_clone().ok();
        let jobs = VecDeque::from([Job {
            id: root,
            fd: Some(fd),
            above: None,
            old: old_root(context.since, tracker, root),
        }]);
        let one_file_system = tracker.settings.one_file_system;
        let state = Mutex::new(State {
            tracker,
            jobs,
            walking: 0,
            aliases: Vec::new(),
            remote: Vec::new(),
        });
        Self {
            inotify: &context.inotify,
            mounts: &context.mounts,
            has_automounts: context.mounts.has_automounts(),
            one_file_system,
            self_outputs: &context.self_outputs,
            progress: context.progress,
            since: context.since,
            state,
            work_ready: Condvar::new(),
            idle: AtomicUsize::new(0),
            root: again,
            given: AtomicUsize::new(1), // The PATH itself.
            depth: usize::try_from(process::descriptor_limit() / SHARE)
                .map_or(DEPTH, |share| share.clamp(1, DEPTH)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next directory; waits for one. `None`: all are walked.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        self.idle.fetch_add(1, Ordering::Relaxed);
        let job = loop {
            if self.progress.is_ended() {
                break None;
            }
            if let Some(job) = state.jobs.pop_front() {
                state.walking += 1;
                if job.fd.is_some() {
                    self.given.fetch_sub(1, Ordering::Relaxed);
                }
                break Some(job);
            }
            if state.walking == 0 {
                break None;
            }
            state = self
                .work_ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        self.idle.fetch_sub(1, Ordering::Relaxed);
        job
    }

    /// Notes that a directory that was taken is walked.
    pub(super) fn finished(&self) {
        let mut state = self.lock();
        state.walking -= 1;
        if self.progress.is_ended() || state.walking == 0 && state.jobs.is_empty() {
            self.work_ready.notify_all();
        }
    }

    /// Whether a thread has no work, and fewer than [`GIVEN`] open directories are given away.
    pub(super) fn has_idle_worker(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0 && self.given.load(Ordering::Relaxed) < GIVEN
    }

    /// Gives a directory to a thread that is idle.
    pub(super) fn give(&self, job: Job) {
        if job.fd.is_some() {
            self.given.fetch_add(1, Ordering::Relaxed);
        }
        self.lock().jobs.push_back(job);
        self.work_ready.notify_one();
    }
}
