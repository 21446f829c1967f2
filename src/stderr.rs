//! Writes messages to stderr: turns warnings and notes into lines, each after the program's name.
//!
//! Of each kind of warning, only the first ones are written. Never waits for the reader: `buffer`
//! keeps what fits and drops the rest.

mod buffer;
mod warnings;

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::change::{POLL_SECONDS, Warning};
use crate::error::limit_remedy;
use crate::escape::{escaped, without_controls};
use crate::nanos::nanos;
pub(crate) use buffer::{close, end_by, erase_progress, flush, is_waiting, message, with_stream};
use warnings::{Kind, Warnings};

/// Progress is shown of work that takes longer than this: 300 ms.
const FIRST_PROGRESS: Duration = Duration::from_millis(300);

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// In nanoseconds.
const HOUR: u64 = 3600 * 1_000_000_000;

/// The messages of a watch.
pub(crate) struct Stderr {
    /// Whether only warnings and errors are written.
    quiet: bool,
    /// Whether stderr is a terminal, and `quiet` is false.
    shows_progress: bool,
    /// When progress may be shown next, on the loop's clock in nanoseconds.
    next_progress: u64,
    warnings: Warnings,
    /// When [`Stderr::warn_hourly`] may write again, on the loop's clock in nanoseconds.
    hourly_due: u64,
}

impl Stderr {
    pub(crate) fn new(quiet: bool) -> Self {
        let shows_progress = !quiet && std::io::stderr().is_terminal();
        Self {
            quiet,
            shows_progress,
            next_progress: nanos(FIRST_PROGRESS),
            warnings: Warnings::default(),
            hourly_due: 0,
        }
    }

    /// Does work that writes no messages, and shows its progress on a terminal meanwhile.
    pub(crate) fn during<T>(
        &self,
        progress: impl Fn() -> String + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        if !self.shows_progress {
            return work();
        }
        let (end, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let show = move || {
                let mut wait = FIRST_PROGRESS;
                while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    buffer::show_progress(&progress());
                    wait = PROGRESS_INTERVAL;
                }
                erase_progress();
            };
            // If no thread can be made, no progress is shown.
            let _shown = thread::Builder::new()
                .name("progress".into())
                .stack_size(256 << 10)
                .spawn_scoped(scope, show);
            let done = work();
            drop(end);
            done
        })
    }

    /// When progress is to be shown next; `None`: never.
    pub(crate) fn progress_due(&self) -> Option<u64> {
        self.shows_progress.then_some(self.next_progress)
    }

    pub(crate) fn progress(&mut self, now: u64, text: &str) {
        // A daemon closes its terminal once it is ready.
        self.shows_progress &= std::io::stderr().is_terminal();
        if self.shows_progress {
            self.next_progress = now.saturating_add(nanos(PROGRESS_INTERVAL));
            buffer::show_progress(text);
        }
    }

    /// Writes a line, unless only warnings and errors are written.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            message(text);
        }
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: &str) {
        message(text);
    }

    /// Writes a warning about a lasting problem, at most once an hour.
    pub(crate) fn warn_hourly(&mut self, text: &str, now: u64) {
        if self.hourly_due <= now {
            self.hourly_due = now.saturating_add(HOUR);
            self.line(text);
        }
    }

    /// Writes a warning that other users can cause any number of times; only the first ones.
    pub(crate) fn warn_of_many(&mut self, text: &str, now: u64) {
        if self.warnings.record(Kind::Failed, now) {
            self.line(text);
        }
    }

    /// Writes a warning about a path; of each kind only the first ones.
    pub(crate) fn warning(&mut self, path: &[u8], warning: &Warning, now: u64) {
        if !self.warnings.record(Kind::from(warning), now) {
            return;
        }
        let path = escaped(path);
        match warning {
            Warning::UnreadableDirectory => self.line(&format!(
                "warning: {path} may not be read: what is in it is reported when its permissions allow it"
            )),
            Warning::UnreadableFile => self.line(&format!(
                "warning: {path} may not be read: it is reported without a digest until it can be"
            )),
            Warning::NoWatch => {
                let remedy = limit_remedy("max_user_watches", "");
                self.line(&format!(
                    "warning: no inotify watch is left for {path}; from here on, what finds none is polled every {POLL_SECONDS} s instead{remedy}"
                ));
            }
            Warning::OverLimit => self.note(&format!(
                "note: {path} is larger than --hash-limit: it, and what else is, goes by inode, size and times"
            )),
            Warning::Failed(why) => self.line(&format!("warning: {path}: {why}")),
        }
    }

    /// When the number of warnings that were not written is written next.
    pub(crate) fn summary_due(&self) -> Option<u64> {
        self.warnings.due()
    }

    /// Writes how many warnings were not written, if that is due.
    pub(crate) fn summarize(&mut self, now: u64) {
        if self.warnings.due().is_some_and(|due| due <= now) {
            for line in self.warnings.summary(now) {
                self.line(&format!("warning: {line}"));
            }
        }
    }

    /// The rows of `--stats` that count warnings.
    pub(crate) fn warning_counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.warnings.counts()
    }
}

/// Writes a line that may have an argument as it was given.
pub(crate) fn message_as_given(text: &str) {
    message(&without_controls(text));
}
