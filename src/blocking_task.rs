//! Runs work that a file system may hold up for ever on a thread of its own.
//!
//! Invariant: the caller waits for no longer than it wants to; a late answer may be fetched
//! later, and a thread that never ends holds up no other.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// `is_over` is called at this interval: 50 ms.
const STRIDE: Duration = Duration::from_millis(50);

pub(crate) struct BlockingTask<T> {
    answer: Receiver<T>,
}

impl<T: Send + 'static> BlockingTask<T> {
    /// Starts `work`; `done` is called on its thread when the result can be taken. `None`: no
    /// thread can be made.
    pub(crate) fn start(
        work: impl FnOnce() -> T + Send + 'static,
        done: impl FnOnce() + Send + 'static,
    ) -> Option<Self> {
        let (sender, answer) = sync_channel(1);
        let builder = thread::Builder::new().name("blocking".into());
        // The caller may have given up, which is no failure.
        let run = move || {
            drop(sender.send(work()));
            done();
        };
        builder.stack_size(256 << 10).spawn(run).ok()?;
        Some(Self { answer })
    }

    /// Takes the result, if the work is done; gives it once.
    pub(crate) fn take(&self) -> Option<T> {
        self.answer.try_recv().ok()
    }

    /// Waits for the result, for at most `most` (`None`: without limit) and until `is_over`.
    pub(crate) fn wait(&self, most: Option<Duration>, is_over: impl Fn() -> bool) -> Option<T> {
        let began = Instant::now();
        loop {
            let left = most.map_or(STRIDE, |most| most.saturating_sub(began.elapsed()));
            match self.answer.recv_timeout(left.min(STRIDE)) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if left.is_zero() || is_over() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::BlockingTask;

    #[test]
    fn what_is_late_is_fetched_later() {
        let (go_on, wait) = channel();
        let work = move || wait.recv().map_or(0, |()| 7);
        let task = BlockingTask::start(work, || {}).expect("a thread");
        assert_eq!(task.wait(Some(Duration::ZERO), || false), None);
        assert_eq!(task.wait(None, || true), None);
        assert_eq!(task.take(), None);
        go_on.send(()).expect("it waits");
        assert_eq!(task.wait(None, || false), Some(7));
    }
}
