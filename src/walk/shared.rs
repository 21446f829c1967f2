//! What the walkers share: the model that grows, and the directories left to walk, which
//! go to whoever has nothing to do.
//!
//! Reads no directory and sets no watch. Invariant: who finds no work waits as long as
//! another walks, since that one may give some.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::how_far::HowFar;
use crate::event::Wd;
use crate::sys::inotify::Inotify;
use crate::sys::process;
use crate::tracker::Tracker;
use crate::tracker::model::Id;
use crate::tracker::port::Inode;
use crate::words::fault;

/// Directories that a thread holds open on its way down; deeper ones are opened
/// again by their way from the PATH.
const DEPTH: usize = 256;

/// And no more than that part of the descriptors that there may be.
const SHARE: u64 = 8;

/// Open directories that are given to others at once.
const GIVEN: usize = 32;

/// A directory to walk: open, or to be opened by its way.
pub(super) struct Job {
    /// Its entry.
    pub(super) id: Id,
    /// Open to list.
    pub(super) fd: Option<OwnedFd>,
    /// The file system of its parent.
    pub(super) dev: Option<u64>,
}

/// What the walkers share.
pub(super) struct Shared<'a> {
    /// Where watches are set.
    pub(super) inotify: &'a Inotify,
    /// Our own outputs are left out.
    pub(super) own: &'a [Inode],
    /// Who wants to know how far it is.
    pub(super) how_far: &'a HowFar,
    /// The model that grows, and the work that is left.
    state: Mutex<State<'a>>,
    /// Rung when there is work, or none will come.
    bell: Condvar,
    /// How many threads have nothing to do.
    hungry: AtomicUsize,
    /// The PATH, for those who open what is in it again.
    pub(super) root: Option<OwnedFd>,
    /// How many open directories are given to others and not taken yet.
    given: AtomicUsize,
    /// How many directories above the one being read each thread holds.
    pub(super) depth: usize,
}

/// What the walkers take turns with.
pub(super) struct State<'a> {
    /// The tree so far.
    pub(super) tracker: &'a mut Tracker,
    /// Directories to walk.
    jobs: VecDeque<Job>,
    /// How many threads are walking.
    walking: usize,
    /// Directories that are known under another name.
    pub(super) known: Vec<(Id, Id)>,
}

impl State<'_> {
    /// Takes the watch on a directory into the model. `false`: it is known under another
    /// name already.
    pub(super) fn arrived(&mut self, id: Id, inode: Inode, wd: io::Result<Wd>) -> bool {
        let tracker = &mut *self.tracker;
        match wd {
            Ok(wd) => {
                if let Some(other) = tracker.model.watched(wd) {
                    tracker.is_known_as(id);
                    self.known.push((id, other));
                    return false;
                }
                tracker.model.set_wd(id, Some(wd));
                tracker.model.set_inode(id, inode);
            }
            Err(error) => {
                tracker.model.set_inode(id, inode);
                tracker.cannot_watch(id, &fault(&error));
            }
        }
        true
    }
}

impl<'a> Shared<'a> {
    /// A PATH is all that is left to walk.
    pub(super) fn new(
        tracker: &'a mut Tracker,
        inotify: &'a Inotify,
        own: &'a [Inode],
        how_far: &'a HowFar,
        root: Id,
        fd: OwnedFd,
    ) -> Self {
        let again = fd.try_clone().ok();
        let jobs = VecDeque::from([Job {
            id: root,
            fd: Some(fd),
            dev: None,
        }]);
        let state = Mutex::new(State {
            tracker,
            jobs,
            walking: 0,
            known: Vec::new(),
        });
        Self {
            inotify,
            own,
            how_far,
            state,
            bell: Condvar::new(),
            hungry: AtomicUsize::new(0),
            root: again,
            given: AtomicUsize::new(1), // The PATH itself.
            depth: usize::try_from(process::descriptor_limit() / SHARE)
                .map_or(DEPTH, |share| share.clamp(1, DEPTH)),
        }
    }

    /// The shared state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next directory; `None` when all are walked.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        self.hungry.fetch_add(1, Ordering::Relaxed);
        let job = loop {
            if self.how_far.is_ended() {
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
                .bell
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        self.hungry.fetch_sub(1, Ordering::Relaxed);
        job
    }

    /// A directory that was taken is walked.
    pub(super) fn finished(&self) {
        let mut state = self.lock();
        state.walking -= 1;
        if self.how_far.is_ended() || state.walking == 0 && state.jobs.is_empty() {
            self.bell.notify_all();
        }
    }

    /// Whether a thread has nothing to do, and not enough is given already: what is
    /// given is open, and descriptors are few.
    pub(super) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed) > 0 && self.given.load(Ordering::Relaxed) < GIVEN
    }

    /// Gives a directory to whoever has nothing to do.
    pub(super) fn give(&self, job: Job) {
        if job.fd.is_some() {
            self.given.fetch_add(1, Ordering::Relaxed);
        }
        self.lock().jobs.push_back(job);
        self.bell.notify_one();
    }
}
