//! Opens the file of `--log-file`, opens it anew, and schedules retries when it cannot be written.
//!
//! Records are appended. Invariant: a record that a full disk has cut is completed once there is
//! room, so that none is torn.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, plain};
use crate::escape::escaped;
use crate::lock::{self, LockedByReader, LockedFile};

/// The time between two attempts to write: 1 s.
const AGAIN: u64 = 1_000_000_000;

/// Other users may not read the log, since it has the names in a tree that they may not read.
const MODE: u32 = 0o640;

/// The log without its descriptor, which the output has.
pub(crate) struct Log {
    path: PathBuf,
    /// Why it could not be written, and when the next attempt is.
    retry: Option<(io::Error, u64)>,
}

pub(crate) struct OpenedLog {
    pub(crate) fd: OwnedFd,
    /// Whether its last record is torn, since its writer was killed.
    pub(crate) is_cut: bool,
    /// A warning for stderr.
    pub(crate) warning: Option<String>,
}

/// The change of state after an attempt to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    /// The result is the same as that of the last attempt.
    None,
    Failing(String),
    Recovered,
}

impl Log {
    /// Opens the log and locks it. `end`: the byte that ends a record.
    ///
    /// # Errors
    /// Another balerion has it, or it is no regular file.
    pub(crate) fn open(path: &Path, end: u8) -> Result<(Self, OpenedLog), Error> {
        let opened = open(path, end).map_err(Error::Usage)?;
        Ok((
            Self {
                path: path.to_path_buf(),
                retry: None,
            },
            opened,
        ))
    }

    /// Opens it anew. `None`: the path still leads to the file that is open.
    ///
    /// # Errors
    /// A message: what is at the path now cannot be opened.
    pub(crate) fn reopen(&self, old: &File, end: u8) -> Result<Option<OpenedLog>, String> {
        if lock::is_at(old, &self.path) {
            return Ok(None);
        }
        open(&self.path, end).map(Some)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn shown(&self) -> String {
        escaped(self.path.as_os_str().as_bytes())
    }

    /// Whether an attempt to write is due.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.retry.as_ref().is_none_or(|(_, next)| now >= *next)
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.retry.as_ref().map(|(_, next)| *next)
    }

    pub(crate) fn retry_now(&mut self) {
        if let Some((_, next)) = &mut self.retry {
            *next = 0;
        }
    }

    /// Notes the result of an attempt to write.
    pub(crate) fn record_attempt(&mut self, result: io::Result<()>, now: u64) -> Transition {
        match result {
            Ok(()) if self.retry.take().is_some() => Transition::Recovered,
            Ok(()) => Transition::None,
            Err(error) => {
                let why = plain(&error);
                let is_old = self
                    .retry
                    .replace((error, now.saturating_add(AGAIN)))
                    .is_some();
                if is_old {
                    Transition::None
                } else {
                    Transition::Failing(why)
                }
            }
        }
    }

    pub(crate) fn take_error(&mut self) -> io::Error {
        let retry = self.retry.take();
        retry.map_or_else(|| io::ErrorKind::WriteZero.into(), |(error, _)| error)
    }
}

fn open(path: &Path, end: u8) -> Result<OpenedLog, String> {
    let LockedFile { file, is_locked } = lock::open_locked(path, MODE, LockedByReader::Share)?;
    let mut last = [end];
    let length = file.metadata().map_or(0, |found| found.len());
    let read = length > 0 && file.read_at(&mut last, length - 1).is_ok();
    Ok(OpenedLog {
        fd: file.into(),
        is_cut: read && last != [end],
        warning: (!is_locked).then(|| {
            let shown = escaped(path.as_os_str().as_bytes());
            format!(
                "{shown} is locked by a process that reads it: another balerion that writes to it would not be refused"
            )
        }),
    })
}

/// Cuts off the last `torn` bytes of a file, unless another process has written after them.
///
/// # Errors
/// Those of fstat(2), lseek(2) and ftruncate(2).
pub(crate) fn cut(file: &mut File, torn: usize) -> io::Result<()> {
    let torn = u64::try_from(torn).unwrap_or(u64::MAX);
    let length = file.metadata()?.len();
    if torn > 0 && file.stream_position()? == length {
        file.set_len(length.saturating_sub(torn))?;
    }
    Ok(())
}
