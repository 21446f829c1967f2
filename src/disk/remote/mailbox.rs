//! Passes questions, answers, and files to be read between the loop and the threads of a mount.
//!
//! Asks no file system. Invariant: its lock is held for no longer than it takes to move a
//! question or an answer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Answered, Question, RemoteTarget};
use crate::event::Wd;
use crate::tracker::disk::Ticket;

/// How long a late answer is kept until the same is asked again: 60 s.
pub(super) const KEEP: Duration = Duration::from_secs(60);

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
    answers: Vec<(Question, Answered, Instant)>,
    /// The watches of answers that were not taken in time.
    unclaimed: Vec<Wd>,
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
    /// Adds an answer; drops those that nobody has taken for [`KEEP`].
    pub(super) fn add(&mut self, question: Question, answer: Answered, now: Instant) {
        let is_old = |(_, _, when): &mut (_, _, Instant)| now.duration_since(*when) >= KEEP;
        let dropped = self.answers.extract_if(.., is_old);
        let watches = dropped.filter_map(|(_, answer, _)| answer.ok()?.watch());
        self.unclaimed.extend(watches);
        self.answers.push((question, answer, now));
    }

    /// Whether its threads may set a watch, or have set one of which the loop does not know.
    pub(super) fn may_watch(&self) -> bool {
        self.current.is_some() || !self.questions.is_empty()
    }

    pub(super) fn has_unclaimed(&self) -> bool {
        !self.unclaimed.is_empty()
    }

    /// Removes and returns the watches of answers that were not taken in time.
    pub(super) fn take_unclaimed(&mut self) -> Vec<Wd> {
        std::mem::take(&mut self.unclaimed)
    }

    /// The watches of the answers that may still be taken.
    pub(super) fn watches(&self) -> impl Iterator<Item = Wd> {
        let answers = self.answers.iter();
        answers.filter_map(|(_, answer, _)| answer.as_ref().ok()?.watch())
    }

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
