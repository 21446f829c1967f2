//! What ends work that is under way, on whatever thread: a signal that asks for the end, or
//! that the reader of the output is gone.
//!
//! Takes no signal away: the loop reads it afterwards, and decides what it means.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::signal::Set;
use crate::sys::stream;

/// To be asked every few milliseconds by what may take long.
pub(crate) struct Interrupt {
    signals: Set,
    output: Option<OwnedFd>,
}

impl Interrupt {
    /// `output` is the stream whose reader may go away.
    pub(crate) fn new(signals: Set, output: Option<BorrowedFd<'_>>) -> Self {
        // Without a descriptor left for the copy, the loop notices that the reader is gone.
        let output = output.and_then(|fd| fd.try_clone_to_owned().ok());
        Self { signals, output }
    }

    /// Whether the work is to end where it is.
    pub(crate) fn is_pending(&self) -> bool {
        let is_gone = |fd: &OwnedFd| stream::is_hung_up(fd.as_fd());
        self.signals.is_pending() || self.output.as_ref().is_some_and(is_gone)
    }
}
