//! What is said to a person, on stderr: one line each, with our name before it.
//!
//! On a terminal, and nowhere else, a line of progress may stand below. Invariant: it is
//! taken away before anything else is said.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::change::Trouble;
use crate::error::limit_remedy;
use crate::escape::escaped;

/// Our way to stderr.
pub(crate) struct Voice {
    /// Whether only warnings and errors are said.
    quiet: bool,
    /// Whether it was said that watches have run out.
    said_full: bool,
    /// Whether it was said that files are over the limit.
    said_over_limit: bool,
    /// Whether somebody watches stderr on a terminal.
    is_seen: bool,
    /// When progress may be shown next, on the loop's clock in nanoseconds.
    next: u64,
}

/// What takes less than this has no progress to show.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often progress is shown then.
const OFTEN: Duration = Duration::from_millis(100);

/// What takes the line of progress away again.
const WIPE: &str = "\r\x1b[K";

/// Whether a line of progress stands on the terminal; held by whoever writes there.
static STANDS: Mutex<bool> = Mutex::new(false);

impl Voice {
    /// Quiet or not.
    pub(crate) fn new(quiet: bool) -> Self {
        let is_seen = !quiet && std::io::stderr().is_terminal();
        Self {
            quiet,
            said_full: false,
            said_over_limit: false,
            is_seen,
            next: nanos(PATIENCE),
        }
    }

    /// Does some work that says nothing, and shows how far it is to a person at a
    /// terminal.
    pub(crate) fn during<T>(
        &self,
        how_far: impl Fn() -> String + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        if !self.is_seen {
            return work();
        }
        let (end, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let show = move || {
                let mut wait = PATIENCE;
                while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    show(&how_far());
                    wait = OFTEN;
                }
                wipe();
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
        self.is_seen.then_some(self.next)
    }

    /// Shows how far something is.
    pub(crate) fn progress(&mut self, now: u64, text: &str) {
        // Once it is ready, a daemon lets go of its terminal.
        self.is_seen &= std::io::stderr().is_terminal();
        if self.is_seen {
            self.next = now.saturating_add(nanos(OFTEN));
            show(text);
        }
    }

    /// Something good to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Something that a person must know.
    pub(crate) fn warn(&self, text: &str) {
        say(text);
    }

    /// Trouble on one path; what would be said again for every path is said once.
    pub(crate) fn trouble(&mut self, path: &[u8], trouble: &Trouble) {
        let path = escaped(path);
        match trouble {
            Trouble::UnreadableDirectory => self.warn(&format!(
                "warning: {path} may not be read: what is in it is told when its permissions allow it"
            )),
            Trouble::UnreadableFile => {
                self.warn(&format!("warning: {path} may not be read: it is told without a digest until it can be"));
            }
            Trouble::NoWatch => {
                if !std::mem::replace(&mut self.said_full, true) {
                    let remedy = limit_remedy("max_user_watches", "");
                    self.warn(&format!(
                        "warning: no inotify watch is left for {path}; from here on, what finds none is looked at every 10 s instead{remedy}"
                    ));
                }
            }
            Trouble::OverLimit => {
                if !std::mem::replace(&mut self.said_over_limit, true) {
                    self.note(&format!(
                        "note: {path} is larger than --hash-limit: it, and what else is, goes by inode, size and times"
                    ));
                }
            }
            Trouble::Failed(why) => self.warn(&format!("warning: {path}: {why}")),
        }
    }
}

/// A line on stderr. That nobody hears it is no reason to stop.
pub(crate) fn say(text: &str) {
    write(&mut stands(), &format!("balerion: {text}\n"));
}

/// Takes progress away.
pub(crate) fn wipe() {
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
    let wipe = if std::mem::take(stands) { WIPE } else { "" };
    let _heard = std::io::stderr().write_all(format!("{wipe}{text}").as_bytes());
}

/// Whether a line of progress stands, for as long as nobody else may write.
fn stands() -> MutexGuard<'static, bool> {
    STANDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A duration on the loop's clock.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
