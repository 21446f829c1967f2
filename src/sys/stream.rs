//! A stream to write to without ever being held up by its reader.
//!
//! O_NONBLOCK would change the descriptor for everyone who shares it (the shell,
//! say), so room is asked for first and no more is written than fits.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// How many bytes a pipe takes at once when it has any room: PIPE_BUF.
const ATOM: usize = 4096;

/// How a stream takes bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sort {
    /// A regular file, or what else is always ready.
    File,
    /// A pipe or FIFO of so many bytes.
    Pipe(usize),
    /// A socket.
    Socket,
    /// A terminal or another device that may hold its writer up.
    Slow,
}

/// What sort of stream a descriptor is.
///
/// # Errors
/// EBADF: it is closed.
pub(crate) fn sort(fd: BorrowedFd<'_>) -> io::Result<Sort> {
    let stat = super::file::stat_fd(fd)?;
    Ok(match stat.mode & libc::S_IFMT {
        libc::S_IFIFO => {
            // SAFETY: takes no pointers.
            let size = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETPIPE_SZ) };
            Sort::Pipe(usize::try_from(size).unwrap_or(ATOM).max(ATOM))
        }
        libc::S_IFSOCK => Sort::Socket,
        libc::S_IFCHR => Sort::Slow,
        _ => Sort::File,
    })
}

/// Whether the other end is gone, or it is ready for bytes, by poll(2).
fn ready(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: `poll` is one valid pollfd.
    check(unsafe { libc::poll(&raw mut poll, 1, 0) })?;
    if poll.revents & libc::POLLERR != 0 {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(poll.revents & libc::POLLOUT != 0)
}

/// How many bytes lie unread in a pipe.
fn unread(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD stores one int at the pointer.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Writes as much as fits without waiting; how many bytes that were.
///
/// # Errors
/// EPIPE: the reader is gone; else those of write(2).
pub(crate) fn write_some(fd: BorrowedFd<'_>, sort: Sort, bytes: &[u8]) -> io::Result<usize> {
    let most = match sort {
        Sort::File => bytes.len(),
        Sort::Pipe(size) if bytes.len() > ATOM && unread(fd)? == 0 => size,
        Sort::Pipe(_) | Sort::Slow if ready(fd)? => ATOM,
        Sort::Socket => bytes.len(),
        Sort::Pipe(_) | Sort::Slow => return Ok(0),
    };
    let piece = &bytes[..bytes.len().min(most)];
    let (at, len) = (piece.as_ptr().cast::<libc::c_void>(), piece.len());
    let written = if sort == Sort::Socket {
        // SAFETY: `at` points to `len` readable bytes.
        check(unsafe { libc::send(fd.as_raw_fd(), at, len, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
    } else {
        // SAFETY: `at` points to `len` readable bytes.
        check(unsafe { libc::write(fd.as_raw_fd(), at, len) })
    };
    match written {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => Ok(0),
        Err(error) => Err(error),
    }
}
