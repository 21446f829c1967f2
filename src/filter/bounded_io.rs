//! Runs system calls about rule files: in place, or, on a mount whose file system may not answer,
//! by a thread of that mount, for a bounded time.
//!
//! Knows nothing of rules. Invariant: a call that does not return is waited for once, for
//! [`PATIENCE`]; until it has returned, the mount gets no other call, and the loop goes on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::mounts::{Access, MountTable};

/// How long a call is waited for: 300 ms.
const PATIENCE: Duration = Duration::from_millis(300);

/// A mount that was late is asked again after 1 s at the earliest; the delay doubles each time
/// that it is late again.
const RETRY: Duration = Duration::from_secs(1);

/// How many times the delay doubles: up to 128 s.
const MOST_DOUBLINGS: u32 = 7;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct BoundedIo {
    mounts: MountTable,
    /// By mount ID.
    threads: HashMap<u64, MountThread>,
}

/// The thread that makes the calls of one mount.
#[derive(Default)]
struct MountThread {
    /// `None`: it is not started yet.
    jobs: Option<Sender<Job>>,
    /// The call that was late, until it returns: then its sender is dropped, so that this is
    /// disconnected. Nothing is ever sent.
    late: Option<Receiver<()>>,
    /// Whether a call gave no result since the last [`BoundedIo::take_recovered`].
    has_missed: bool,
    /// Consecutive times that the mount was late; the delay grows with it.
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

    /// Runs `work`, which asks the file system at `path`, an absolute path without symbolic links.
    /// If a look there may mount something, it is not asked, and the result is `absent`. `None`: the file system has not answered yet; [`BoundedIo::take_recovered`] is true once it
    /// has.
    pub(super) fn run<T: Send + 'static>(
        &mut self,
        path: &Path,
        absent: T,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mount = match self.mounts.access(path) {
            Access::Direct => return Some(work()),
            Access::Automount => return Some(absent),
            Access::MayStall(mount) => mount,
        };
        let thread = self.threads.entry(mount).or_default();
        let answer = thread.run(work, PATIENCE);
        thread.note(answer.is_some(), Instant::now());
        answer
    }

    /// Whether a mount answers again that was late, so that its calls are to be repeated. True
    /// once for each time that it was late.
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
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        patience: Duration,
    ) -> Option<T> {
        if self.is_late() {
            return None;
        }
        let (sender, answer) = sync_channel(1);
        let (ended, late) = channel();
        let job = move || {
            // The caller may have given up, which is no failure.
            drop(sender.send(work()));
            drop(ended);
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

    /// Whether the thread is still in a call that was given up.
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

/// Starts a thread that does one job after the other, until the channel is closed.
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
        assert_eq!(thread.run(|| 1, 10 * second), Some(1));
        let (go_on, wait) = channel::<()>();
        let stuck = move || wait.recv().unwrap_or_default();
        let answer = thread.run(stuck, Duration::ZERO);
        let now = Instant::now();
        thread.note(answer.is_some(), now);
        assert_eq!(thread.run(|| 2, 100 * second), None);
        assert!(now.elapsed() < 50 * second, "it was waited for again");
        assert!(!thread.take_recovered(now + RETRY));
        drop(go_on);
        while thread.is_late() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!thread.take_recovered(now));
        assert!(thread.take_recovered(now + RETRY));
        assert!(!thread.take_recovered(now + RETRY));
        assert_eq!(thread.run(|| 3, 10 * second), Some(3));
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
