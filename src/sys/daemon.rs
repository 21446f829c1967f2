//! Wraps the system calls that a daemon needs: fork(2), setsid(2), and dup2(2) onto the
//! standard descriptors.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{check, process};

/// A child that has not been waited for.
pub(crate) struct Child {
    pid: libc::pid_t,
}

impl Child {
    /// Waits for its end: waitpid(2).
    pub(crate) fn wait(self) {
        let mut status = 0;
        // SAFETY: `status` is one int to fill. That other code has waited for the
        // child is no harm: it has ended then.
        unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
    }
}

/// fork(2): the child in the parent, `None` in the child.
///
/// # Errors
/// EAGAIN: a limit on processes is reached; ENOMEM; `Unsupported`: the process has more than
/// one thread, or /proc is not mounted.
pub(crate) fn fork_single_threaded() -> io::Result<Option<Child>> {
    let threads = process::thread_count()
        .map_err(|_| io::Error::new(io::ErrorKind::Unsupported, "/proc must be mounted"))?;
    if threads != 1 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: the calling thread is the only one, and only it could start another.
    unsafe { fork() }
}

/// fork(2) without the check that this is the only thread.
///
/// # Safety
/// The process has one thread. The child has a copy of that alone: a lock that another one
/// held would be held there for ever, and what it was changing would stay half changed.
unsafe fn fork() -> io::Result<Option<Child>> {
    // SAFETY: takes no pointers; the caller promises what the child relies on.
    let pid = check(unsafe { libc::fork() })?;
    Ok((pid > 0).then_some(Child { pid }))
}

/// setsid(2): makes the process lead a new session, without a terminal.
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

/// dup2(2): makes a standard descriptor lead to what is open as `fd`.
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
