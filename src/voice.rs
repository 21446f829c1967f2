//! What is said to a person, on stderr: one line each, with our name before it.

use std::io::Write;

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
}

impl Voice {
    /// Quiet or not.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            said_full: false,
            said_over_limit: false,
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
