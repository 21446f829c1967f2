//! A terminal of its own for a watcher to print to.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::ptr;

use super::fork;

/// A new pseudo-terminal: where to read what is printed, and where to print it.
pub(crate) fn open() -> std::io::Result<(File, OwnedFd)> {
    let (mut reader, mut printer) = (-1, -1);
    // SAFETY: the two numbers are ours to write to; no name, settings or size is given.
    let result = unsafe {
        libc::openpty(
            &raw mut reader,
            &raw mut printer,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
        )
    };
    if result == -1 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: openpty has just opened it, and nobody else knows of it.
    let reader = unsafe { File::from_raw_fd(reader) };
    // SAFETY: likewise.
    let printer = unsafe { OwnedFd::from_raw_fd(printer) };
    Ok((reader, printer))
}

/// Starts a command as the leader of a session whose terminal is the one given: what is typed
/// there sends it signals, as a shell in a window has it.
pub(crate) fn lead(command: &mut Command, terminal: &OwnedFd) -> std::io::Result<Child> {
    let copy = || terminal.try_clone().map(Stdio::from);
    command.stdin(copy()?).stdout(copy()?).stderr(copy()?);
    let take_terminal = || {
        // SAFETY: takes nothing; it may be called between fork(2) and execve(2).
        if unsafe { libc::setsid() } == -1 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: takes numbers; it may be called between fork(2) and execve(2).
        if unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } == -1 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(take_terminal) };
    fork::spawn(command)
}
