//! What serving asks of the system: fork(2), setsid(2), flock(2), descriptors put in
//! the place of others, and files of our own.

#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// fork(2): the child in the parent, `None` in the child. To be called while there is
/// one thread: a lock that another one held would be held for ever.
///
/// # Errors
/// EAGAIN: a limit on processes is reached; ENOMEM.
pub(crate) fn fork() -> io::Result<Option<Child>> {
    // SAFETY: takes no pointers. `main` calls this before anything starts a thread, so
    // that the child finds no lock held and no structure half changed.
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

/// flock(2), exclusive, without waiting. `false`: somebody else holds it.
///
/// # Errors
/// ENOLCK and its like: the file system has no locks.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: takes no pointers.
    match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
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

/// Lets a write beyond RLIMIT_FSIZE be an error (EFBIG) and not our end.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN installs no handler of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whether stdout was closed when the program began.
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Looks at stdout before the runtime does, which opens /dev/null in its place: after
/// that, nobody can tell it from a /dev/null that was asked for.
extern "C" fn look_at_stdout() {
    // SAFETY: takes no pointers, and asks for nothing but the descriptor's flags.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    STDOUT_WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// The loader calls what is listed in this section before `main`.
// SAFETY: the section holds pointers to functions of the C convention, and this is one;
// it needs nothing of the runtime: it makes one system call and stores one flag.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

/// Whether there was no stdout to write to when the program began.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}
