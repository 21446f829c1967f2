//! Counts the progress of the walks, for another thread to show, and keeps whether they are to
//! end.
//!
//! Ends no walk: each walking thread asks it. Invariant: walks that are to end stay so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::interrupt::Interrupt;

/// Directories walked between two checks of the interrupt: some tenths of a millisecond.
const STRIDE: u64 = 64;

pub(crate) struct WalkProgress {
    interrupt: Option<Interrupt>,
    is_ended: AtomicBool,
    watched: AtomicU64,
    directories: AtomicU64,
    files: AtomicU64,
}

impl WalkProgress {
    /// `interrupt`: what ends the walks.
    pub(crate) fn new(interrupt: Option<Interrupt>) -> Self {
        Self {
            interrupt,
            is_ended: AtomicBool::new(false),
            watched: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            files: AtomicU64::new(0),
        }
    }

    /// Counts a directory that is watched; checks the interrupt at every [`STRIDE`]th.
    pub(super) fn went_on(&self) {
        let watched = self.watched.fetch_add(1, Ordering::Relaxed);
        if watched.is_multiple_of(STRIDE) {
            self.check_interrupt();
        }
    }

    /// Ends the walks if the interrupt is pending.
    pub(crate) fn check_interrupt(&self) {
        if self.interrupt.as_ref().is_some_and(Interrupt::is_pending) {
            self.is_ended.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the walks are to end now.
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
