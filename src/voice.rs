//! What is said to a person, on stderr: one line each, with our name before it.

use std::io::{IsTerminal, Write};

use crate::change::Trouble;
use crate::error::limit_remedy;
use crate::output::escaped;

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
    /// When progress was last shown, on the loop's clock in nanoseconds.
    shown: u64,
}

/// Progress is shown after half a second, and then ten times a second, in nanoseconds.
const PATIENCE: u64 = 500_000_000;

/// What takes the line of progress away again.
const WIPE: &str = "\r\x1b[K";

impl Voice {
    /// Quiet or not.
    pub(crate) fn new(quiet: bool) -> Self {
        let is_seen = !quiet && std::io::stderr().is_terminal();
        Self {
            quiet,
            said_full: false,
            said_over_limit: false,
            is_seen,
            shown: 0,
        }
    }

    /// Shows how far something is, to a person at a terminal and to nobody else.
    pub(crate) fn progress(&mut self, now: u64, text: &str) {
        if self.is_seen && now > PATIENCE && now > self.shown + PATIENCE / 5 {
            self.shown = now;
            let _seen = std::io::stderr().write_all(format!("{WIPE}balerion: {text}").as_bytes());
        }
    }

    /// Takes progress away.
    pub(crate) fn no_progress(&mut self) {
        if std::mem::take(&mut self.shown) > 0 {
            let _seen = std::io::stderr().write_all(WIPE.as_bytes());
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
    let line = format!("balerion: {text}\n");
    let _heard = std::io::stderr().write_all(line.as_bytes());
}
