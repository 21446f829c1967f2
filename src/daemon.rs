//! Sends the process to the background, and keeps the pid file.
//!
//! The process that was started waits for the one that stays, which reports through a pipe that
//! every watch is set, or with which status it has failed. Until then the one that stays writes
//! its messages to the stderr that it was started with. Invariant: nothing is forked once there is
//! a second thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::change::Kind;
use crate::error::{Error, plain};
use crate::escape::escaped;
use crate::lock::{self, LockedByReader};
use crate::stderr::{self, message};
use crate::sys::daemon::{Standard, fork_single_threaded, new_session, replace};
use crate::sys::process;
use crate::sys::stat::stat_fd;
use crate::sys::stream::is_hung_up;

/// The pipe to the process that waits until the watch is ready, if one does.
pub(crate) struct Daemonize {
    parent: Option<PipeWriter>,
}

impl Daemonize {
    /// Stays in the foreground: no process waits.
    pub(crate) fn foreground() -> Self {
        Self { parent: None }
    }

    /// Forks twice, so that the process that stays leads no session and can never get a
    /// terminal. Only that one returns.
    ///
    /// # Errors
    /// The first fork fails. A process in which something fails later ends.
    pub(crate) fn fork() -> Result<Self, Error> {
        let (mut reader, writer) = io::pipe().map_err(cannot_detach())?;
        if let Some(child) = fork_single_threaded().map_err(cannot_detach())? {
            drop(writer);
            child.wait();
            let mut status = [0];
            if reader.read_exact(&mut status).is_err() {
                message("the daemon has died before it was ready");
                stderr::close();
                status = [1];
            }
            process::exit_now(status[0]);
        }
        drop(reader);
        let mut daemonize = Self {
            parent: Some(writer),
        };
        if let Err(error) = detach() {
            message(&error.to_string());
            stderr::close();
            daemonize.report_end(error.status());
            process::exit_now(error.status());
        }
        Ok(daemonize)
    }

    /// A second one for another thread, of which one reports the status. If no descriptor is free,
    /// that thread has none.
    pub(crate) fn shared(&self) -> Self {
        let parent = self.parent.as_ref();
        Self {
            parent: parent.and_then(|parent| parent.try_clone().ok()),
        }
    }

    /// Reports that every watch is set, and closes the terminal. `false`: the process that waited is
    /// gone.
    pub(crate) fn ready(&mut self) -> bool {
        let Some(mut parent) = self.parent.take() else {
            return true;
        };
        // Buffered lines go to the old stderr.
        stderr::close();
        if !keeps_stderr()
            && let Ok(nothing) = nothing()
        {
            // If it stays open, that is no reason to fail.
            let _closed = replace(Standard::Error, nothing.as_fd());
        }
        parent.write_all(&[0]).is_ok()
    }

    /// Whether the process is gone that waits until the watch is ready.
    pub(crate) fn is_abandoned(&self) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| is_hung_up(parent.as_fd()))
    }

    /// Reports the exit status, if a process still waits.
    pub(crate) fn report_end(&mut self, status: u8) {
        if let Some(mut parent) = self.parent.take() {
            // The process may be gone.
            let _written = parent.write_all(&[status]);
        }
    }
}

fn cannot_detach() -> impl FnOnce(io::Error) -> Error {
    Error::system("go to the background")
}

/// Begins a new session without a terminal, and forks, so that this process does not lead it.
///
/// # Errors
/// No process can be made, or there is no /dev/null.
fn detach() -> Result<(), Error> {
    new_session().map_err(cannot_detach())?;
    if fork_single_threaded().map_err(cannot_detach())?.is_some() {
        process::exit_now(0);
    }
    let nothing = nothing().map_err(Error::system("open /dev/null"))?;
    for which in [Standard::Input, Standard::Output] {
        replace(which, nothing.as_fd()).map_err(cannot_detach())?;
    }
    Ok(())
}

fn nothing() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Whether a daemon may keep stderr: a file, or the journal. Not a terminal, which other programs
/// use, nor a pipe, whose reader waits for its end.
fn keeps_stderr() -> bool {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        return false;
    }
    let Ok(stat) = stat_fd(stderr.as_fd()) else {
        return false;
    };
    let metadata = fs::metadata("/proc/self/fd/2").ok();
    let number = metadata.map(|found| {
        use std::os::unix::fs::MetadataExt;
        format!("{}:{}", found.dev(), found.ino())
    });
    // systemd sets this to device:inode of the stream.
    let journal = std::env::var("JOURNAL_STREAM").ok();
    stat.kind == Kind::File || (journal.is_some() && journal == number)
}

/// A file with the process ID, locked while the process lives and removed at its end.
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Locks the file and writes the process ID.
    ///
    /// # Errors
    /// Another balerion has locked it, or it has another content than a process ID.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let locked = lock::open_locked(path, 0o644, LockedByReader::Replace);
        let file = locked.map_err(Error::Usage)?.file;
        let shown = escaped(path.as_os_str().as_bytes());
        if let Err(error) = lock::recorded(&file) {
            return Err(Error::Usage(match error.kind() {
                io::ErrorKind::InvalidData => {
                    format!("{shown} is no pid file: it holds something else; give another file")
                }
                _ => format!("cannot read {shown}: {}", plain(&error)),
            }));
        }
        let written = file
            .set_len(0)
            .and_then(|()| writeln!(&file, "{}", std::process::id()));
        let pid_file = Self {
            path: path.to_path_buf(),
            file,
        };
        match written {
            Ok(()) => Ok(pid_file),
            Err(error) => Err(Error::Usage(format!(
                "cannot write {shown}: {}",
                plain(&error)
            ))),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another file that was put there since is not removed.
        if lock::is_at(&self.file, &self.path) {
            let _removed = fs::remove_file(&self.path);
        }
    }
}
