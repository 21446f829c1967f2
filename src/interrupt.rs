//! Finds whether work on any thread is to be interrupted: a signal asks for the end, or the reader of
//! the output is gone.
//!
//! Takes no signal: the loop reads it afterwards.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::signal::Set;
use crate::sys::stream;

/// Checked every few milliseconds by work that may take long.
pub(crate) struct Interrupt {
    signals: Set,
    output: Option<OwnedFd>,
}

impl Interrupt {
    /// `output`: the stream whose reader may go away.
    pub(crate) fn new(signals: Set, output: Option<BorrowedFd<'_>>) -> Self {
        // If no descriptor is free, only the loop notices that the reader is gone.
        let output = output.and_then(|fd| fd.try_clone_to_owned().ok());
        Self { signals, output }
    }

    /// Whether the work is to be interrupted.
    pub(crate) fn is_pending(&self) -> bool {
        let is_gone = |fd: &OwnedFd| stream::is_hung_up(fd.as_fd());
        self.signals.is_pending() || self.output.as_ref().is_some_and(is_gone)
    }
}
