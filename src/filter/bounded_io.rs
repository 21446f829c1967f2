//! Runs system calls about rule files: in place, or, on a mount whose file system may not answer,
//! on a thread of their own, for a bounded time.
//!
//! Knows nothing of rules. Invariant: a call that does not return is waited for once, for
//! [`PATIENCE`]; until it has returned, the mount gets no other call, and the loop goes on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::blocking_task::BlockingTask;
use crate::mounts::{Access, MountTable};

/// How long a call is waited for: 300 ms.
const PATIENCE: Duration = Duration::from_millis(300);

/// A mount that was late is asked again after 1 s at the earliest; the delay doubles each time
/// that it is late again.
const RETRY: Duration = Duration::from_secs(1);

/// How many times the delay doubles: up to 128 s.
const MOST_DOUBLINGS: u32 = 7;

pub(super) struct BoundedIo {
    mounts: MountTable,
    /// By mount ID.
    slow: HashMap<u64, SlowMount>,
}

/// A mount whose file system may not answer.
#[derive(Default)]
struct SlowMount {
    /// Refers to a value that the thread of the last call has until the call returns.
    call: Weak<()>,
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
            slow: HashMap::new(),
        }
    }

    /// Runs `work`, which asks the file system at `path`, an absolute path without symbolic links.
    /// If a lookup there may mount something, it is not asked, and the result is `absent`. `None`:
    /// the file system has not answered yet; [`BoundedIo::take_recovered`] is true once it has.
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
        let mount = self.slow.entry(mount).or_default();
        let answer = mount.run(work, PATIENCE);
        mount.note(answer.is_some(), Instant::now());
        answer
    }

    /// Whether a mount answers again that was late, so that its calls are to be repeated. True
    /// once for each time that it was late.
    pub(super) fn take_recovered(&mut self) -> bool {
        let now = Instant::now();
        let mut has_recovered = false;
        for mount in self.slow.values_mut() {
            has_recovered |= mount.take_recovered(now);
        }
        has_recovered
    }
}

impl SlowMount {
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        patience: Duration,
    ) -> Option<T> {
        if self.is_late() {
            return None;
        }
        let call = Arc::new(());
        self.call = Arc::downgrade(&call);
        let timed = move || {
            let answer = work();
            // Before the answer is sent: the next call may be made at once.
            drop(call);
            answer
        };
        BlockingTask::start(timed, || {})?.wait(Some(patience), || false)
    }

    /// Whether a call that was given up has not returned.
    fn is_late(&self) -> bool {
        self.call.strong_count() > 0
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::{PATIENCE, RETRY, SlowMount};

    #[test]
    fn a_mount_that_does_not_answer_is_waited_for_once_and_asked_again_when_it_has() {
        let mut mount = SlowMount::default();
        let second = Duration::from_secs(1);
        assert_eq!(mount.run(|| 1, 10 * second), Some(1));
        let (go_on, wait) = channel::<()>();
        let stuck = move || wait.recv().unwrap_or_default();
        let answer = mount.run(stuck, Duration::ZERO);
        let now = Instant::now();
        mount.note(answer.is_some(), now);
        assert_eq!(mount.run(|| 2, 100 * second), None);
        assert!(now.elapsed() < 50 * second, "it was waited for again");
        assert!(!mount.take_recovered(now + RETRY));
        drop(go_on);
        while mount.is_late() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!mount.take_recovered(now));
        assert!(mount.take_recovered(now + RETRY));
        assert!(!mount.take_recovered(now + RETRY));
        assert_eq!(mount.run(|| 3, 10 * second), Some(3));
    }

    #[test]
    fn a_mount_that_is_always_late_is_asked_ever_more_rarely() {
        let mut mount = SlowMount::default();
        let mut now = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            mount.note(false, now);
            let mut waited = Duration::ZERO;
            while !mount.take_recovered(now + waited) {
                waited += PATIENCE;
            }
            assert!(waited > last, "{waited:?} after {last:?}");
            (now, last) = (now + waited, waited);
        }
    }
}
