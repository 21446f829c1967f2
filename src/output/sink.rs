//! Where records go: as much as the reader takes, the rest kept until it does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::stream::{self, StreamKind};

/// More than this is not kept: the loop stops reading events until the reader has
/// taken some. 1 MiB.
const MOST: usize = 1 << 20;

/// A stream and what it has not taken yet.
pub(crate) struct Sink {
    fd: OwnedFd,
    /// How it takes bytes.
    sort: StreamKind,
    pub(crate) bytes: Vec<u8>,
    /// How many of them it has taken.
    taken: usize,
    end: u8,
}

impl Sink {
    /// Of a stream.
    ///
    /// # Errors
    /// EBADF: it is closed.
    pub(crate) fn new(fd: OwnedFd, end: u8) -> io::Result<Self> {
        let (fd, sort) = stream::sort(fd)?;
        Ok(Self {
            fd,
            sort,
            bytes: Vec::new(),
            taken: 0,
            end,
        })
    }

    /// Writes what fits.
    ///
    /// # Errors
    /// EPIPE: the reader is gone; else those of write(2).
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.taken < self.bytes.len() {
            match stream::write_some(self.fd.as_fd(), self.sort, &self.bytes[self.taken..])? {
                0 => break,
                count => self.taken += count,
            }
        }
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(64 << 10);
            self.taken = 0;
        } else if self.taken > MOST {
            // A record of which a part was taken stays whole: it may be given again.
            let torn = self.torn();
            self.bytes.drain(..self.taken - torn);
            self.taken = torn;
        }
        Ok(())
    }

    /// How many bytes were taken of a record whose rest was not.
    pub(crate) fn torn(&self) -> usize {
        let taken = &self.bytes[..self.taken];
        taken
            .iter()
            .rev()
            .take_while(|byte| **byte != self.end)
            .count()
    }

    /// Gives the record that was taken in part again, to whoever comes next.
    pub(crate) fn rewind_torn(&mut self) {
        self.taken -= self.torn();
    }

    /// Ends what others have left without an end, before anything else is written.
    pub(crate) fn end_first(&mut self) {
        self.bytes.insert(self.taken, self.end);
    }

    /// Goes on elsewhere; where it was before.
    ///
    /// # Errors
    /// EBADF: it is closed.
    pub(crate) fn move_to(&mut self, fd: OwnedFd) -> io::Result<OwnedFd> {
        let (fd, sort) = stream::sort(fd)?;
        self.sort = sort;
        Ok(std::mem::replace(&mut self.fd, fd))
    }

    pub(crate) fn end(&self) -> u8 {
        self.end
    }

    /// How many bytes wait for the reader.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether so much waits that nothing should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() > MOST
    }

    /// epoll(7) does not take it: it is always ready, like a regular file.
    pub(crate) fn set_always_ready(&mut self) {
        self.sort = StreamKind::File;
    }

    pub(crate) fn is_file(&self) -> bool {
        self.sort == StreamKind::File
    }
}

impl AsFd for Sink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
