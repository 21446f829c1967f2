//! Writes to a stream without ever waiting for its reader.
//!
//! O_NONBLOCK would change the open file description for everyone who shares it, the shell
//! among them. So a pipe or a terminal is opened again; where that is not permitted, poll(2)
//! returns whether there is room, and no more is written than then fits.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::check;
use super::file::Open;
use super::reopen::reopen;

/// The bytes that a pipe takes as a whole or not at all: PIPE_BUF. When poll(2) reports room in
/// a pipe there is room for as much.
const ATOMIC: usize = 4096;

/// The bytes that fit into a terminal that poll(2) reports to have room. A pseudo-terminal
/// grants room by 256 bytes, and a tab may become 8.
const TERMINAL_ROOM: usize = 32;

/// How a stream takes bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StreamKind {
    /// A regular file, or anything else that is always ready.
    File,
    /// A pipe or FIFO that takes what fits, and how many bytes it holds.
    Pipe {
        capacity: usize,
    },
    /// A pipe or FIFO that would make its writer wait.
    SharedPipe,
    Socket,
    /// A terminal that takes what fits.
    Terminal,
    /// A terminal that would make its writer wait.
    SharedTerminal,
    /// Another device.
    Device,
}

/// An open stream.
pub(crate) struct Stream {
    fd: OwnedFd,
    kind: StreamKind,
}

impl Stream {
    /// A stream that writes to where `fd` leads.
    ///
    /// # Errors
    /// EBADF: it is closed.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let file = File::from(fd);
        let kind = file.metadata()?.file_type();
        let is_terminal = kind.is_char_device() && file.is_terminal();
        let fd = OwnedFd::from(file);
        let (again, shared) = if kind.is_fifo() {
            (Open::Pipe, StreamKind::SharedPipe)
        } else if is_terminal {
            (Open::Terminal, StreamKind::SharedTerminal)
        } else {
            let kind = match kind {
                kind if kind.is_socket() => StreamKind::Socket,
                kind if kind.is_char_device() => StreamKind::Device,
                _ => StreamKind::File,
            };
            return Ok(Self { fd, kind });
        };
        // EACCES where it belongs to another user, who has given us the descriptor.
        Ok(match reopen(fd.as_fd(), again) {
            Ok(fd) if again == Open::Pipe => {
                let capacity = capacity(fd.as_fd());
                let kind = StreamKind::Pipe { capacity };
                Self { fd, kind }
            }
            Ok(fd) => Self {
                fd,
                kind: StreamKind::Terminal,
            },
            Err(_) => Self { fd, kind: shared },
        })
    }

    /// Whether it is always ready, as regular files are: epoll(7) refuses such.
    pub(crate) fn is_file(&self) -> bool {
        self.kind == StreamKind::File
    }

    /// Whether it is a pipe, a socket or a terminal, whose reader may go away.
    pub(crate) fn has_reader(&self) -> bool {
        !matches!(self.kind, StreamKind::File | StreamKind::Device)
    }

    /// How many of `wanted` bytes may be written at once: what is written in pieces of that
    /// size is taken as a whole or not at all, where the kind of stream allows that.
    ///
    /// # Errors
    /// EPIPE: the reader is gone.
    pub(crate) fn room(&self, wanted: usize) -> io::Result<usize> {
        let most = match self.kind {
            StreamKind::File => wanted,
            StreamKind::Pipe { capacity } if wanted > ATOMIC && self.is_empty() => capacity,
            StreamKind::Pipe { .. } | StreamKind::Socket | StreamKind::Terminal => ATOMIC,
            StreamKind::SharedPipe | StreamKind::Device if has_room(self.as_fd())? => ATOMIC,
            StreamKind::SharedTerminal if has_room(self.as_fd())? => TERMINAL_ROOM,
            StreamKind::SharedPipe | StreamKind::Device | StreamKind::SharedTerminal => 0,
        };
        Ok(wanted.min(most))
    }

    /// Writes as much as fits without waiting; returns the number of bytes. `piece` may have no
    /// more than [`Stream::room`] has granted.
    ///
    /// # Errors
    /// EPIPE: the reader is gone; else those of write(2).
    pub(crate) fn write(&self, piece: &[u8]) -> io::Result<usize> {
        let (at, len) = (piece.as_ptr().cast::<libc::c_void>(), piece.len());
        let fd = self.fd.as_raw_fd();
        let written = if self.kind == StreamKind::Socket {
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            // SAFETY: `at` points to `len` readable bytes.
            check(unsafe { libc::send(fd, at, len, flags) })
        } else {
            // SAFETY: `at` points to `len` readable bytes.
            check(unsafe { libc::write(fd, at, len) })
        };
        match written {
            Ok(count) => Ok(usize::try_from(count).expect("write(2) gives no more than it got")),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(0),
                _ if self.is_reader_gone(&error) => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Err(error),
            },
        }
    }

    /// Whether an error of write(2) shows it: a terminal whose other side is closed answers with EIO,
    /// a socket whose reader has left bytes unread with ECONNRESET.
    fn is_reader_gone(&self, error: &io::Error) -> bool {
        match error.raw_os_error() {
            Some(libc::EIO) => self.is_terminal(),
            Some(libc::ECONNRESET) => self.kind == StreamKind::Socket,
            _ => false,
        }
    }

    /// Waits until there is room, at most so many milliseconds; poll(2).
    pub(crate) fn wait_for_room(&self, millis: u16) {
        // The next write asks poll(2) again.
        let _events = poll(self.as_fd(), libc::POLLOUT, millis);
    }

    /// Waits until there is room, the reader is gone or `input` is readable, at most so many
    /// milliseconds; poll(2). A regular file has room always, and is not waited for.
    pub(crate) fn wait_for_room_or_input(&self, input: BorrowedFd<'_>, millis: u16) {
        if self.is_file() {
            return wait_for_input(input, millis);
        }
        // The next write, or the next reading of the input, shows what has come.
        let both = [(self.as_fd(), libc::POLLOUT), (input, libc::POLLIN)];
        let _events = poll_all(both, millis);
    }

    /// Whether nothing waits in a pipe to be read: FIONREAD.
    fn is_empty(&self) -> bool {
        let mut waiting: libc::c_int = 0;
        // SAFETY: `waiting` is one int to fill.
        let asked = unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
        asked == 0 && waiting == 0
    }

    fn is_terminal(&self) -> bool {
        matches!(self.kind, StreamKind::Terminal | StreamKind::SharedTerminal)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How many bytes an empty pipe takes: F_GETPIPE_SZ.
fn capacity(pipe: BorrowedFd<'_>) -> usize {
    // SAFETY: takes no pointers.
    let size = check(unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ) });
    let size = size.ok().and_then(|size| usize::try_from(size).ok());
    size.map_or(ATOMIC, |size| size.max(ATOMIC))
}

/// Whether the other end of a pipe, socket or terminal is gone.
pub(crate) fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    poll(fd, 0, 0).is_ok_and(|events| events & (libc::POLLERR | libc::POLLHUP) != 0)
}

/// Whether there is room to write.
///
/// # Errors
/// EPIPE: the other end is gone.
fn has_room(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let events = poll(fd, libc::POLLOUT, 0)?;
    if events & libc::POLLERR != 0 {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(events & libc::POLLOUT != 0)
}

/// Waits until something is readable, at most so many milliseconds; poll(2).
pub(crate) fn wait_for_input(input: BorrowedFd<'_>, millis: u16) {
    // The next reading shows what has come.
    let _events = poll(input, libc::POLLIN, millis);
}

/// poll(2) of one descriptor: what it is ready for.
fn poll(fd: BorrowedFd<'_>, events: libc::c_short, millis: u16) -> io::Result<libc::c_short> {
    let [events] = poll_all([(fd, events)], millis)?;
    Ok(events)
}

/// poll(2): what each descriptor is ready for, of what is asked for.
fn poll_all<const COUNT: usize>(
    asked: [(BorrowedFd<'_>, libc::c_short); COUNT],
    millis: u16,
) -> io::Result<[libc::c_short; COUNT]> {
    let mut all = asked.map(|(fd, events)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    });
    let count = libc::nfds_t::try_from(COUNT).expect("a few descriptors");
    // SAFETY: `all` are `count` valid pollfds.
    check(unsafe { libc::poll(all.as_mut_ptr(), count, libc::c_int::from(millis)) })?;
    Ok(all.map(|polled| polled.revents))
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::{ATOMIC, Stream};

    fn stream() -> (PipeReader, Stream) {
        let (reader, writer) = pipe().expect("a pipe");
        let stream = Stream::new(writer.into()).expect("a stream");
        (reader, stream)
    }

    #[test]
    fn an_empty_pipe_takes_all_it_holds_and_a_used_one_what_is_atomic() {
        let (mut reader, stream) = stream();
        let room = stream.room(1 << 20).expect("a reader");
        assert!(room >= ATOMIC);
        assert_eq!(stream.write(&vec![b'x'; room]).expect("a reader"), room);
        assert_eq!(stream.room(1 << 20).expect("a reader"), ATOMIC);
        assert_eq!(stream.write(&[b'x'; ATOMIC]).expect("a reader"), 0);
        reader.read_exact(&mut vec![0; ATOMIC]).expect("bytes");
        assert_eq!(stream.write(&[b'x'; ATOMIC]).expect("a reader"), ATOMIC);
    }

    #[test]
    fn a_socket_whose_reader_has_left_bytes_unread_is_one_whose_reader_is_gone() {
        use std::net::{TcpListener, TcpStream};
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let writer = TcpStream::connect(address).expect("connected");
        let (reader, _) = listener.accept().expect("accepted");
        let stream = Stream::new(writer.into()).expect("a stream");
        assert_eq!(stream.write(b"x").expect("a reader"), 1);
        reader.peek(&mut [0]).expect("it has come");
        drop(reader);
        let error = std::iter::repeat_with(|| stream.write(b"x")).find_map(Result::err);
        let error = error.expect("no reader");
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error() {
        let (reader, stream) = stream();
        drop(reader);
        let error = stream.write(b"x").expect_err("no reader");
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
}
