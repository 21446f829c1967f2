//! Ends the process by a signal while a file system holds up the start: a log, a list, or a PATH may
//! be on one that does not answer, and a system call cannot be interrupted then. That the process is
//! gone that waits for the start counts as one.
//!
//! Takes no signal: first the start itself has time to notice it. Invariant: does nothing once the
//! start is over.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::sys::process::cpu_nanos;
use crate::sys::signal::{Set, Signal, ask_for_end};

/// The time between two checks: 100 ms.
const STRIDE: Duration = Duration::from_millis(100);

/// How long the start may take to notice a signal: 1.5 s. Unless it is held up, it notices one within
/// milliseconds.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The CPU time in [`PATIENCE`] from which on the start computes, and no file system holds it up: a
/// twentieth of it, in nanoseconds.
const COMPUTES: i64 = 75_000_000;

/// Why the guard ends the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeldUp {
    /// A file system does not answer.
    ByFileSystem,
    /// What it computes takes long.
    ByWork,
}

/// Guards the start for as long as it lives.
pub(crate) struct StartGuard {
    /// The thread waits until this is dropped.
    _is_over: Option<SyncSender<()>>,
}

impl StartGuard {
    /// `signals`: those that ask for the end; `is_abandoned`: whether nobody waits for the start any
    /// longer; `end`: ends the process. If no thread can be made, the start is not guarded.
    pub(crate) fn new(
        signals: Set,
        is_abandoned: impl Fn() -> bool + Send + 'static,
        end: impl FnOnce(Signal, HeldUp) + Send + 'static,
    ) -> Self {
        let (sender, is_over) = sync_channel(0);
        let builder = thread::Builder::new().name("start".into());
        let run = move || guard(&is_over, signals, is_abandoned, end);
        let thread = builder.stack_size(256 << 10).spawn(run);
        Self {
            _is_over: thread.is_ok().then_some(sender),
        }
    }
}

fn guard(
    is_over: &Receiver<()>,
    signals: Set,
    is_abandoned: impl Fn() -> bool,
    end: impl FnOnce(Signal, HeldUp),
) {
    let mut is_asked = false;
    let lasts = |time| is_over.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    while lasts(STRIDE) {
        if signals.pending().is_none() {
            if !is_asked && is_abandoned() {
                is_asked = true;
                ask_for_end();
            }
            continue;
        }
        let before = cpu_nanos();
        if lasts(PATIENCE)
            && let Some(signal) = signals.pending()
        {
            return end(
                signal,
                match cpu_nanos() - before {
                    ..COMPUTES => HeldUp::ByFileSystem,
                    _ => HeldUp::ByWork,
                },
            );
        }
    }
}
