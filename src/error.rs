//! Turns an error that ends the program into one sentence, with what to do about it.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::escape::escaped;
use crate::file_status::FsError;
pub(crate) use crate::file_status::message as plain;
use crate::sys::{errno, fs_error, io_error};

/// The directory of open descriptors, by which an inode is watched.
const DESCRIPTORS: &str = "/proc/self/fd";

#[derive(Debug)]
pub(crate) enum Error {
    Usage(String),
    /// A PATH cannot be watched.
    Watch {
        path: Vec<u8>,
        source: io::Error,
        /// The class of `source`.
        why: FsError,
    },
    /// Help, version, completions, man page or unit could not be printed.
    Stdout(io::Error),
    /// A system call failed without which the watch cannot go on.
    System {
        action: &'static str,
        source: io::Error,
    },
    /// No inotify instance can be made.
    Inotify {
        action: &'static str,
        source: io::Error,
    },
    Output(io::Error),
    /// At the end, the reader has not taken this many records in time.
    Unwritten(usize),
    /// At the end, a snapshot of the running watch was not completed in time.
    SnapshotCut,
    NothingLeft,
}

impl Error {
    /// A system call about a PATH failed.
    pub(crate) fn watch(path: &[u8], source: io::Error) -> Self {
        let why = fs_error(&source);
        let path = path.to_vec();
        Self::Watch { path, source, why }
    }

    /// As [`Self::watch`], of an error that was classified.
    pub(crate) fn cannot_watch(path: &[u8], why: FsError) -> Self {
        let source = io_error(&why);
        let path = path.to_vec();
        Self::Watch { path, source, why }
    }

    /// Replaces the path by the one that the user gave.
    pub(crate) fn with_path(self, given: &[u8]) -> Self {
        match self {
            Self::Watch { source, why, .. } => Self::Watch {
                path: given.to_vec(),
                source,
                why,
            },
            other => other,
        }
    }

    /// Makes an error of a system call, for `map_err`.
    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, source }
    }

    /// Makes an error of inotify_init1(2), for `map_err`.
    pub(crate) fn inotify(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Inotify { action, source }
    }

    /// The exit status: 2 for an error in the command line, 1 for any other.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Watch { .. } => 2,
            Self::System { .. }
            | Self::Inotify { .. }
            | Self::Stdout(_)
            | Self::Output(_)
            | Self::Unwritten(_)
            | Self::SnapshotCut
            | Self::NothingLeft => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => write!(f, "{why}"),
            Self::Watch { path, source, .. } if is_without_proc(path, source) => {
                let path = escaped(path);
                write!(
                    f,
                    "cannot watch {path}: {DESCRIPTORS}, through which watches are set, is not there: /proc must be mounted"
                )
            }
            Self::Watch { path, source, .. } => {
                write!(
                    f,
                    "cannot watch {}: {}{}",
                    escaped(path),
                    plain(source),
                    remedy_for_path(source)
                )
            }
            Self::System { action, source } => {
                write!(f, "cannot {action}: {}{}", plain(source), remedy(source))
            }
            Self::Inotify { action, source } => {
                let remedy = match source.raw_os_error() {
                    Some(errno::EMFILE) => limit_remedy(
                        "max_user_instances",
                        "or too many files are open (ulimit -n)",
                    ),
                    _ => String::new(),
                };
                write!(f, "cannot {action}: {}{remedy}", plain(source))
            }
            Self::Stdout(source) => write!(f, "cannot write to stdout: {}", plain(source)),
            Self::Output(source) => write!(f, "cannot write changes: {}", plain(source)),
            Self::Unwritten(1) => write!(f, "1 record was not written: nobody has read it in time"),
            Self::Unwritten(count) => write!(
                f,
                "{count} records were not written: nobody has read them in time"
            ),
            Self::SnapshotCut => write!(f, "the snapshot was not completed: the end came too soon"),
            Self::NothingLeft => write!(f, "nothing is left to watch: every PATH is gone"),
        }
    }
}

/// Whether /proc is missing, and not the path.
fn is_without_proc(path: &[u8], error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        && !Path::new(DESCRIPTORS).exists()
        && Path::new(OsStr::from_bytes(path)).exists()
}

/// What to do about an error of a path, if that is known.
fn remedy_for_path(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(errno::ENOENT) => {
            "; give a PATH that exists, or --wait-for-path to wait for it".to_owned()
        }
        Some(errno::EACCES) => "; run as a user who may read it".to_owned(),
        _ => remedy_for_any_path(error).map_or_else(|| remedy(error), str::to_owned),
    }
}

/// What to do about an error of the path of a PATH, a log or a pid file, if that is known.
pub(crate) fn remedy_for_any_path(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error() {
        Some(errno::ELOOP) => Some("; correct its symbolic links, which lead in a circle"),
        Some(errno::ENAMETOOLONG) => Some("; a name may have 255 bytes, and a path 4,095"),
        _ if error.kind() == io::ErrorKind::NotADirectory => {
            Some("; what stands before a slash must be a directory")
        }
        _ => None,
    }
}

/// What to do about a limit that is reached: EAGAIN of fork(2), EMFILE, ENFILE, ENOSPC.
fn remedy(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(errno::EAGAIN) => "; raise the limit of the user's processes, ulimit -u".to_owned(),
        Some(errno::ENFILE) => "; raise the limit of all processes, fs.file-max".to_owned(),
        Some(errno::EMFILE) => "; raise the limit of this process, ulimit -n".to_owned(),
        Some(errno::ENOSPC) => limit_remedy("max_user_watches", ""),
        _ => String::new(),
    }
}

/// How to raise a limit of inotify, of a user or of a user namespace, with its value. The limit of
/// each namespace above applies, too, but cannot be read: user_namespaces(7).
pub(crate) fn limit_remedy(name: &str, or: &str) -> String {
    let all = read_number(&format!("/proc/sys/fs/inotify/{name}"));
    let resource = name.trim_start_matches("max_user_");
    let of_namespace = read_number(&format!("/proc/sys/user/max_inotify_{resource}"));
    let or = if or.is_empty() {
        String::new()
    } else {
        format!(", {or}")
    };
    let raised = |value: Option<u64>| value.map_or(524_288, |all| all.saturating_mul(2).max(1024));
    let shown = |value: Option<u64>| value.map_or_else(|| "unknown".to_owned(), |v| v.to_string());
    // In the initial namespace both files are the same.
    if let Some(limit) = of_namespace
        && all.is_none_or(|all| limit < all)
    {
        let (all, raised) = (shown(all), raised(of_namespace));
        return format!(
            "; the limit user.max_inotify_{resource} of this user namespace is {limit} (fs.inotify.{name} is {all}){or}: raise it with `sysctl user.max_inotify_{resource}={raised}` as the superuser of the namespace; a lower limit of a namespace above it applies, too"
        );
    }
    let above = if is_in_namespace() {
        ", and a lower limit of a user namespace above this one applies, too"
    } else {
        ""
    };
    let (value, raised) = (shown(all), raised(all));
    format!(
        "; the limit fs.inotify.{name} is {value}{above}{or}: raise it with `sysctl fs.inotify.{name}={raised}`, and for good with the line `fs.inotify.{name} = {raised}` in /etc/sysctl.d/90-inotify.conf"
    )
}

fn read_number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether user IDs are mapped, as in all but the initial user namespace.
fn is_in_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let words: Vec<&str> = map.split_whitespace().collect();
    !words.is_empty() && words != ["0", "0", "4294967295"]
}

#[cfg(test)]
mod tests {
    use super::{Error, errno, io};

    #[test]
    fn a_limit_on_processes_is_named() {
        let source = io::Error::from_raw_os_error(errno::EAGAIN);
        let error = Error::system("go to the background")(source);
        let text = error.to_string();
        assert!(text.starts_with("cannot go to the background: "), "{text}");
        assert!(text.ends_with(", ulimit -u"), "{text}");
    }
}
