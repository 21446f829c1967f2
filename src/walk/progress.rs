//! How far the walks are, counted by the threads that walk and shown by another, and
//! whether something has ended them.
//!
//! Ends no walk by itself: each thread of the walk asks it. Invariant: what is ended stays
//! ended.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::interrupt::Interrupt;

/// Directories walked between two checks of what ends it: some tenths of a millisecond.
const STRIDE: u64 = 64;

/// How far the walks are, to be read by another thread, and whether they go on.
pub(crate) struct WalkProgress {
    interrupt: Option<Interrupt>,
    is_ended: AtomicBool,
    watched: AtomicU64,
    directories: AtomicU64,
    files: AtomicU64,
}

impl WalkProgress {
    /// Nowhere yet; `interrupt` ends the walks.
    pub(crate) fn new(interrupt: Option<Interrupt>) -> Self {
        Self {
            interrupt,
            is_ended: AtomicBool::new(false),
            watched: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            files: AtomicU64::new(0),
        }
    }

    /// One more directory is watched; now and then, it is asked whether to go on.
    pub(super) fn went_on(&self) {
        let watched = self.watched.fetch_add(1, Ordering::Relaxed);
        if watched.is_multiple_of(STRIDE) {
            self.check_interrupt();
        }
    }

    /// Ends the walks where somebody asks for it.
    pub(crate) fn check_interrupt(&self) {
        if self.interrupt.as_ref().is_some_and(Interrupt::is_pending) {
            self.is_ended.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the walks are to end where they are.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, (directories, files): (u64, u64)) {
        self.directories.store(directories, Ordering::Relaxed);
        self.files.store(files, Ordering::Relaxed);
    }

    pub(crate) fn text(&self) -> String {
        let [watched, directories, files] = [&self.watched, &self.directories, &self.files]
            .map(|count| count.load(Ordering::Relaxed));
        format!("walk: {watched} of {directories} directories so far, {files} files")
    }
}
