//! What ends the program, as one sentence with what to do about it.

use std::fmt;
use std::io;

use crate::escape::escaped;
pub(crate) use crate::file_status::message as plain;

#[derive(Debug)]
pub(crate) enum Error {
    Usage(String),
    Path {
        /// What was to be done with it: "watch".
        action: &'static str,
        path: Vec<u8>,
        source: io::Error,
    },
    /// Something that the watch stands on failed.
    System {
        action: &'static str,
        source: io::Error,
    },
    Output(io::Error),
    /// The reader has not taken so many records in time.
    Unwritten(usize),
    NothingLeft,
}

impl Error {
    /// A path with which something cannot be done.
    pub(crate) fn path(action: &'static str, path: &[u8], source: io::Error) -> Self {
        Self::Path {
            action,
            path: path.to_vec(),
            source,
        }
    }

    /// The same of a path as the user gave it.
    pub(crate) fn with_path(self, given: &[u8]) -> Self {
        match self {
            Self::Path { action, source, .. } => Self::path(action, given, source),
            other => other,
        }
    }

    /// A step that failed, for `map_err`.
    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, source }
    }

    /// The exit status: 2 for what was asked, 1 for what happened.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Path { .. } => 2,
            Self::System { .. } | Self::Output(_) | Self::Unwritten(_) | Self::NothingLeft => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => write!(f, "{why}"),
            Self::Path {
                action,
                path,
                source,
            } => {
                write!(
                    f,
                    "cannot {action} {}: {}{}",
                    escaped(path),
                    plain(source),
                    remedy(source)
                )
            }
            Self::System { action, source } => {
                write!(f, "cannot {action}: {}{}", plain(source), remedy(source))
            }
            Self::Output(source) => write!(f, "cannot write changes: {}", plain(source)),
            Self::Unwritten(1) => write!(f, "1 record was not written: nobody has read it in time"),
            Self::Unwritten(count) => write!(
                f,
                "{count} records were not written: nobody has read them in time"
            ),
            Self::NothingLeft => write!(f, "nothing is left to watch: every PATH is gone"),
        }
    }
}

/// What to do about it, where that is known.
fn remedy(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(24) => limit_remedy(
            "max_user_instances",
            "or too many files are open (ulimit -n)",
        ),
        Some(28) => limit_remedy("max_user_watches", ""),
        Some(2) => "; give a PATH that exists, or --wait-for-path to wait for it".to_owned(),
        Some(13) => "; run as a user who may read it".to_owned(),
        _ => String::new(),
    }
}

/// A limit of inotify: its name, its value, how to raise it.
pub(crate) fn limit_remedy(name: &str, or: &str) -> String {
    let value = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}"));
    let value = value
        .ok()
        .and_then(|value| value.trim().parse::<u64>().ok());
    let raised = value.map_or(524_288, |value| value.saturating_mul(2).max(1024));
    let value = value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let or = if or.is_empty() {
        String::new()
    } else {
        format!(", {or}")
    };
    format!(
        "; the limit fs.inotify.{name} is {value}{or}: raise it with `sysctl fs.inotify.{name}={raised}`, and for good with the line `fs.inotify.{name} = {raised}` in /etc/sysctl.d/90-inotify.conf"
    )
}
