//! Passes questions, answers, and files to be read between the loop and the threads of a mount.
//!
//! Asks no file system. Invariant: its lock is held for no longer than it takes to move a
//! question or an answer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Answered, Question, RemoteTarget};
use crate::tracker::disk::Ticket;

/// A file to be read.
pub(super) struct Read {
    pub(super) target: RemoteTarget,
    pub(super) limit: u64,
    pub(super) ticket: Ticket,
}

#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) questions: VecDeque<Question>,
    /// The question that is being asked, and since when.
    pub(super) current: Option<(Question, Instant)>,
    /// Answers that were not taken, and when they came.
    pub(super) answers: Vec<(Question, Answered, Instant)>,
    pub(super) reads: VecDeque<Read>,
    /// Whether the last answer came late.
    pub(super) is_slow: bool,
    /// Whether the mount is gone, so that the threads end.
    pub(super) is_closed: bool,
    /// Whether the thread that asks was started.
    pub(super) has_thread: bool,
    /// Whether the thread that reads files was started.
    pub(super) has_reader: bool,
}

pub(super) struct Shared {
    pub(super) mailbox: Mutex<Mailbox>,
    /// Notified of each question, answer and file to be read.
    pub(super) changed: Condvar,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(
        &self,
        mailbox: MutexGuard<'a, Mailbox>,
        time: Duration,
    ) -> (MutexGuard<'a, Mailbox>, bool) {
        let waited = self.changed.wait_timeout(mailbox, time);
        let (mailbox, result) = waited.unwrap_or_else(PoisonError::into_inner);
        (mailbox, result.timed_out())
    }
}

impl Mailbox {
    pub(super) fn take(&mut self, question: &Question) -> Option<Answered> {
        let index = self
            .answers
            .iter()
            .position(|(asked, ..)| asked == question)?;
        Some(self.answers.swap_remove(index).1)
    }

    pub(super) fn is_asked(&self, question: &Question) -> bool {
        let is_current = self
            .current
            .as_ref()
            .is_some_and(|(asked, _)| asked == question);
        is_current || self.questions.contains(question)
    }
}
