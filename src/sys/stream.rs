//! A stream to write to without ever being held up by its reader.
//!
//! O_NONBLOCK would change the descriptor for everyone who shares it (the shell,
//! say). A pipe is opened again, for ourselves; elsewhere room is asked for first, and
//! no more is written than fits.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::check;
use super::file::Open;

/// How many bytes a pipe takes at once when it has any room: PIPE_BUF.
const ATOM: usize = 4096;

/// How a stream takes bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StreamKind {
    /// A regular file, or what else is always ready.
    File,
    /// A pipe or FIFO that takes what fits.
    OwnPipe,
    /// A pipe or FIFO that would hold its writer up.
    SharedPipe,
    Socket,
    /// A terminal or another device that may hold its writer up.
    Slow,
}

/// What sort of stream a descriptor is, and the one to write to.
///
/// # Errors
/// EBADF: it is closed.
pub(crate) fn sort(fd: OwnedFd) -> io::Result<(OwnedFd, StreamKind)> {
    let file = File::from(fd);
    let kind = file.metadata()?.file_type();
    let fd = OwnedFd::from(file);
    Ok(if kind.is_fifo() {
        // Somebody else's pipe cannot be opened again.
        match super::file::reopen(fd.as_fd(), Open::Pipe) {
            Ok(own) => (own, StreamKind::OwnPipe),
            Err(_) => (fd, StreamKind::SharedPipe),
        }
    } else if kind.is_socket() {
        (fd, StreamKind::Socket)
    } else if kind.is_char_device() {
        (fd, StreamKind::Slow)
    } else {
        (fd, StreamKind::File)
    })
}

/// Whether the other end is gone, or it is ready for bytes, by poll(2).
fn ready(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd.
    check(unsafe { libc::poll(&raw mut poll, 1, 0) })?;
    if poll.revents & libc::POLLERR != 0 {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(poll.revents & libc::POLLOUT != 0)
}

/// Writes as much as fits without waiting; how many bytes that were.
///
/// # Errors
/// EPIPE: the reader is gone; else those of write(2).
pub(crate) fn write_some(fd: BorrowedFd<'_>, sort: StreamKind, bytes: &[u8]) -> io::Result<usize> {
    let most = match sort {
        StreamKind::File | StreamKind::OwnPipe | StreamKind::Socket => bytes.len(),
        StreamKind::SharedPipe | StreamKind::Slow if ready(fd)? => ATOM,
        StreamKind::SharedPipe | StreamKind::Slow => return Ok(0),
    };
    let piece = &bytes[..bytes.len().min(most)];
    let (at, len) = (piece.as_ptr().cast::<libc::c_void>(), piece.len());
    let written = if sort == StreamKind::Socket {
        // SAFETY: `at` points to `len` readable bytes.
        check(unsafe {
            libc::send(
                fd.as_raw_fd(),
                at,
                len,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        })
    } else {
        // SAFETY: `at` points to `len` readable bytes.
        check(unsafe { libc::write(fd.as_raw_fd(), at, len) })
    };
    match written {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
            ) =>
        {
            Ok(0)
        }
        Err(error) => Err(error),
    }
}
