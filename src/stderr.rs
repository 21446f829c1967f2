//! What is said to a person, on stderr: one line each, with our name before it.
//!
//! On a terminal, and nowhere else, a line of progress may stand below. Invariant: it is
//! taken away before anything else is said.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::change::Warning;
use crate::error::limit_remedy;
use crate::escape::escaped;

pub(crate) struct Stderr {
    /// Whether only warnings and errors are said.
    quiet: bool,
    /// Whether it was said that watches have run out.
    warned_watch_limit: bool,
    /// Whether it was said that files are over the limit.
    warned_over_limit: bool,
    /// Whether somebody watches stderr on a terminal.
    shows_progress: bool,
    /// When progress may be shown next, on the loop's clock in nanoseconds.
    next: u64,
}

/// What takes less than this has no progress to show.
const FIRST_PROGRESS: Duration = Duration::from_millis(300);

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What takes the line of progress away again.
const ERASE_LINE: &str = "\r\x1b[K";

/// Whether a line of progress stands on the terminal; held by whoever writes there.
static STANDS: Mutex<bool> = Mutex::new(false);

impl Stderr {
    pub(crate) fn new(quiet: bool) -> Self {
        let shows_progress = !quiet && std::io::stderr().is_terminal();
        Self {
            quiet,
            warned_watch_limit: false,
            warned_over_limit: false,
            shows_progress,
            next: nanos(FIRST_PROGRESS),
        }
    }

    /// Does some work that says nothing, and shows how far it is to a person at a
    /// terminal.
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
                    show(&progress());
                    wait = PROGRESS_INTERVAL;
                }
                erase_progress();
            };
            // Without a thread there is no progress to see, and all else is as it was.
            let _shown = thread::Builder::new()
                .name("progress".into())
                .stack_size(256 << 10)
                .spawn_scoped(scope, show);
            let done = work();
            drop(end);
            done
        })
    }

    /// When progress is due, if somebody sees it.
    pub(crate) fn progress_due(&self) -> Option<u64> {
        self.shows_progress.then_some(self.next)
    }

    pub(crate) fn progress(&mut self, now: u64, text: &str) {
        // Once it is ready, a daemon lets go of its terminal.
        self.shows_progress &= std::io::stderr().is_terminal();
        if self.shows_progress {
            self.next = now.saturating_add(nanos(PROGRESS_INTERVAL));
            show(text);
        }
    }

    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            message(text);
        }
    }

    /// Something that a person must know.
    pub(crate) fn warn(&self, text: &str) {
        message(text);
    }

    /// Warning on one path; what would be said again for every path is said once.
    pub(crate) fn trouble(&mut self, path: &[u8], trouble: &Warning) {
        let path = escaped(path);
        match trouble {
            Warning::UnreadableDirectory => self.warn(&format!(
                "warning: {path} may not be read: what is in it is told when its permissions allow it"
            )),
            Warning::UnreadableFile => {
                self.warn(&format!("warning: {path} may not be read: it is told without a digest until it can be"));
            }
            Warning::NoWatch => {
                if !std::mem::replace(&mut self.warned_watch_limit, true) {
                    let remedy = limit_remedy("max_user_watches", "");
                    self.warn(&format!(
                        "warning: no inotify watch is left for {path}; from here on, what finds none is looked at every 10 s instead{remedy}"
                    ));
                }
            }
            Warning::OverLimit => {
                if !std::mem::replace(&mut self.warned_over_limit, true) {
                    self.note(&format!(
                        "note: {path} is larger than --hash-limit: it, and what else is, goes by inode, size and times"
                    ));
                }
            }
            Warning::Failed(why) => self.warn(&format!("warning: {path}: {why}")),
        }
    }
}

/// A line on stderr. That nobody hears it is no reason to stop.
pub(crate) fn message(text: &str) {
    write(&mut stands(), &format!("balerion: {text}\n"));
}

pub(crate) fn erase_progress() {
    let mut stands = stands();
    if *stands {
        write(&mut stands, "");
    }
}

/// Progress, in place of what was shown before.
fn show(text: &str) {
    let mut stands = stands();
    write(&mut stands, &format!("balerion: {text}"));
    *stands = true;
}

/// Writes, in one piece, where a line of progress may stand.
fn write(stands: &mut bool, text: &str) {
    let erase_progress = if std::mem::take(stands) {
        ERASE_LINE
    } else {
        ""
    };
    let _heard = std::io::stderr().write_all(format!("{erase_progress}{text}").as_bytes());
}

/// Whether a line of progress stands, for as long as nobody else may write.
fn stands() -> MutexGuard<'static, bool> {
    STANDS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
