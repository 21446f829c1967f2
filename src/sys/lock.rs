//! Opens files that balerion itself writes, and locks them for as long as they are open:
//! F_OFD_SETLK, fcntl(2).

#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::check;

/// The outcome of an attempt to lock a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lock {
    Taken,
    /// A process that may write to the file has an exclusive lock.
    HeldByWriter,
    /// A process has a shared lock, for which the right to read is enough.
    HeldByReader,
}

/// Locks the whole of a file that is open for writing, without waiting: F_OFD_SETLK. Unlike
/// flock(2)'s, this lock needs the right to write; it belongs to the open file description.
///
/// # Errors
/// ENOLCK and its like: the file system has no locks.
pub(crate) fn lock(file: &File) -> io::Result<Lock> {
    let mut lock = whole_file();
    // SAFETY: `lock` is a valid flock for the length of the call.
    let taken = check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) });
    match taken {
        Ok(_) => return Ok(Lock::Taken),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {}
        Err(error) => return Err(error),
    }
    // SAFETY: `lock` is a valid flock to read and to fill.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
    Ok(if libc::c_int::from(lock.l_type) == libc::F_RDLCK {
        Lock::HeldByReader
    } else {
        Lock::HeldByWriter
    })
}

/// An exclusive lock on all bytes of a file, those to come too.
fn whole_file() -> libc::flock {
    let short = |flag: libc::c_int| libc::c_short::try_from(flag).expect("a flag of one byte");
    libc::flock {
        l_type: short(libc::F_WRLCK),
        l_whence: short(libc::SEEK_SET),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Opens or creates a file that balerion writes, for appending, and for reading where that is
/// allowed. Follows no symbolic link, does not wait for a FIFO's reader, and takes no terminal
/// as the controlling one.
///
/// # Errors
/// Those of open(2); ELOOP for a symbolic link.
pub(crate) fn open_appending(path: &Path, mode: u32) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let open = |read: bool| {
        let mut options = OpenOptions::new();
        options
            .read(read)
            .append(true)
            .create(true)
            .mode(mode)
            .custom_flags(flags)
            .open(path)
    };
    match open(true) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(false),
        other => other,
    }
}
