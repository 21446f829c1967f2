//! Questions about rule files, put to the disk: in place, or by a thread of the mount where
//! its file system may not answer.
//!
//! Knows nothing of rules. Invariant: a mount that does not answer is waited for once, for
//! [`PATIENCE`]; until it has answered, nothing is known of it, and the loop goes on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::mounts::MountTable;

/// How long the answer of a mount is waited for: 300 ms.
const PATIENCE: Duration = Duration::from_millis(300);

/// What was not answered in time is asked again after 1 s at the earliest, then after twice as
/// long each time.
const RETRY: Duration = Duration::from_secs(1);

/// How many times that doubles.
const MOST_DOUBLINGS: u32 = 7;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct BoundedIo {
    mounts: MountTable,
    /// By the number of the mount.
    threads: HashMap<u64, MountThread>,
}

/// The thread of a mount, and what it owes.
#[derive(Default)]
struct MountThread {
    jobs: Option<Sender<Job>>,
    /// Rung when the question that was late is answered.
    late: Option<Receiver<()>>,
    /// Whether something that was asked is not known.
    has_missed: bool,
    /// Times that this was so, one after the other.
    misses: u32,
    retry_at: Option<Instant>,
}

impl BoundedIo {
    pub(super) fn new() -> Self {
        Self {
            mounts: MountTable::new(),
            threads: HashMap::new(),
        }
    }

    /// What `work` finds at an absolute path without symbolic links. `None`: the file system
    /// there has not answered yet, see [`BoundedIo::take_recovered`].
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let Some(mount) = self.mounts.stalling_mount(path) else {
            return Some(work());
        };
        let thread = self.threads.entry(mount).or_default();
        let answer = thread.ask(work, PATIENCE);
        thread.note(answer.is_some(), Instant::now());
        answer
    }

    /// Whether a mount has answered that had not: what is not known of it is to be asked again.
    pub(super) fn take_recovered(&mut self) -> bool {
        let now = Instant::now();
        let mut has_recovered = false;
        for thread in self.threads.values_mut() {
            has_recovered |= thread.take_recovered(now);
        }
        has_recovered
    }
}

impl MountThread {
    fn ask<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        patience: Duration,
    ) -> Option<T> {
        if self.is_late() {
            return None;
        }
        let (sender, answer) = sync_channel(1);
        let (bell, late) = channel();
        let job = move || {
            // The caller may have given up, which is no failure.
            drop(sender.send(work()));
            drop(bell);
        };
        let jobs = match &self.jobs {
            Some(jobs) => jobs,
            None => self.jobs.insert(start()?),
        };
        jobs.send(Box::new(job)).ok()?;
        let answer = answer.recv_timeout(patience).ok();
        if answer.is_none() {
            self.late = Some(late);
        }
        answer
    }

    /// Whether the thread is still at a question that was given up.
    fn is_late(&mut self) -> bool {
        let is_over = |late: &Receiver<()>| late.try_recv() == Err(TryRecvError::Disconnected);
        self.late.take_if(|late| is_over(late));
        self.late.is_some()
    }

    fn note(&mut self, is_answered: bool, now: Instant) {
        if !is_answered && !self.has_missed {
            self.has_missed = true;
            self.retry_at = Some(now + RETRY * (1 << self.misses));
            self.misses = (self.misses + 1).min(MOST_DOUBLINGS);
        }
    }

    fn take_recovered(&mut self, now: Instant) -> bool {
        if !self.has_missed {
            self.misses = 0;
            return false;
        }
        if self.is_late() || self.retry_at.is_some_and(|then| now < then) {
            return false;
        }
        self.has_missed = false;
        true
    }
}

/// A thread that does one job after the other, until the channel is closed.
fn start() -> Option<Sender<Job>> {
    let (sender, jobs) = channel::<Job>();
    let builder = thread::Builder::new().name("rules".into());
    let run = move || jobs.into_iter().for_each(|job| job());
    builder.stack_size(256 << 10).spawn(run).ok()?;
    Some(sender)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::{MountThread, PATIENCE, RETRY};

    #[test]
    fn a_mount_that_does_not_answer_is_waited_for_once_and_asked_again_when_it_has() {
        let mut thread = MountThread::default();
        let second = Duration::from_secs(1);
        assert_eq!(thread.ask(|| 1, 10 * second), Some(1));
        let (go_on, wait) = channel::<()>();
        let stuck = move || wait.recv().unwrap_or_default();
        let answer = thread.ask(stuck, Duration::ZERO);
        let now = Instant::now();
        thread.note(answer.is_some(), now);
        assert_eq!(thread.ask(|| 2, 100 * second), None);
        assert!(now.elapsed() < 50 * second, "it was waited for again");
        assert!(!thread.take_recovered(now + RETRY));
        drop(go_on);
        while thread.is_late() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!thread.take_recovered(now));
        assert!(thread.take_recovered(now + RETRY));
        assert!(!thread.take_recovered(now + RETRY));
        assert_eq!(thread.ask(|| 3, 10 * second), Some(3));
    }

    #[test]
    fn a_mount_that_is_always_late_is_asked_ever_more_rarely() {
        let mut thread = MountThread::default();
        let mut now = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            thread.note(false, now);
            let mut waited = Duration::ZERO;
            while !thread.take_recovered(now + waited) {
                waited += PATIENCE;
            }
            assert!(waited > last, "{waited:?} after {last:?}");
            (now, last) = (now + waited, waited);
        }
    }
}
