//! What serving asks of the system: fork(2), setsid(2), record locks, descriptors put in
//! the place of others, and files of our own.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::check;

/// A child that has not been waited for.
pub(crate) struct Child {
    pid: libc::pid_t,
}

impl Child {
    /// Waits for its end: waitpid(2).
    pub(crate) fn wait(self) {
        let mut status = 0;
        // SAFETY: `status` is one int to fill. That somebody else has waited for the
        // child is no harm: it has ended then.
        unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
    }
}

/// fork(2): the child in the parent, `None` in the child.
///
/// # Errors
/// EAGAIN: a limit on processes is reached; ENOMEM; `Unsupported`: the process has more than
/// one thread, or /proc is not there to tell.
pub(crate) fn fork_single_threaded() -> io::Result<Option<Child>> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: the calling thread is the only one, and only it could start another.
    unsafe { fork() }
}

/// fork(2): the child in the parent, `None` in the child.
///
/// # Safety
/// The process has one thread. The child has a copy of that alone: a lock that another one
/// held would be held there for ever, and what it was changing would stay half changed.
unsafe fn fork() -> io::Result<Option<Child>> {
    // SAFETY: takes no pointers; the caller promises what the child relies on.
    let pid = check(unsafe { libc::fork() })?;
    Ok((pid > 0).then_some(Child { pid }))
}

/// setsid(2): a session of our own, without a terminal.
///
/// # Errors
/// EPERM: we lead a process group already.
pub(crate) fn new_session() -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::setsid() })?;
    Ok(())
}

/// A descriptor that every process begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standard {
    /// 0.
    Input,
    /// 1.
    Output,
    /// 2.
    Error,
}

/// dup2(2): what is open as `fd` takes the place of a standard descriptor.
///
/// # Errors
/// EBUSY, while another thread opens something; EINTR.
pub(crate) fn replace(which: Standard, fd: BorrowedFd<'_>) -> io::Result<()> {
    let number = match which {
        Standard::Input => libc::STDIN_FILENO,
        Standard::Output => libc::STDOUT_FILENO,
        Standard::Error => libc::STDERR_FILENO,
    };
    // SAFETY: takes no pointers. The standard descriptors are owned by nobody in this
    // process: the library looks them up by number at each use.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) })?;
    Ok(())
}

/// What a lock was answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lock {
    Taken,
    /// Somebody has it who may write to the file.
    HeldByWriter,
    /// Somebody has a shared one, for which the right to read is enough.
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

/// Opens a file of our own to append to it, and to read where that is allowed; it is
/// made if it is not there. A symbolic link in its place is not followed, a FIFO in its
/// place does not hold us up, a terminal does not become ours.
///
/// # Errors
/// Those of open(2); ELOOP for a symbolic link.
pub(crate) fn open_own(path: &Path, mode: u32) -> io::Result<File> {
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
