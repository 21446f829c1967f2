//! Lists a directory in pieces. Those of a large one are read ahead on a thread, if a processor
//! would be idle otherwise.
//!
//! Invariant: the pieces come in the order of getdents64(2), and the thread has ended when
//! the list is dropped, so that it holds nothing open.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::sys::listing;

/// A directory is large after this many full pieces: some 3,000 names. Reading them takes many
/// times as long as making a thread.
const MANY: usize = 4;

/// Most pieces that are read ahead.
const AHEAD: usize = 4;

pub(super) struct List<'a> {
    fd: BorrowedFd<'a>,
    /// The number of full pieces that were read.
    full: usize,
    ahead: Option<Ahead>,
}

impl<'a> List<'a> {
    /// Lists an open directory, from the offset up to which it was read.
    pub(super) fn new(fd: BorrowedFd<'a>) -> Self {
        let (full, ahead) = (0, None);
        Self { fd, full, ahead }
    }

    /// Puts the next entries into the buffer. Returns how many bytes they are, 0 at the end.
    /// `may_be_ahead`: whether a thread would not take a processor from another one.
    ///
    /// # Errors
    /// Those of getdents64(2).
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>, may_be_ahead: bool) -> io::Result<usize> {
        if let Some(ahead) = &self.ahead {
            return ahead.next(buffer);
        }
        let count = listing::read(self.fd, buffer)?;
        self.full += usize::from(count > listing::AT_ONCE / 2);
        if self.full >= MANY && may_be_ahead {
            // If no thread can be made, it is tried again after as many pieces.
            self.full = 0;
            self.ahead = Ahead::start(self.fd).ok();
        }
        Ok(count)
    }
}

/// A piece of the list: the buffer, and the number of bytes in it.
type Piece = (Vec<u8>, usize);

/// The thread that reads.
struct Ahead {
    pieces: Option<Receiver<io::Result<Piece>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    fn start(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // A duplicate shares the offset.
        let fd = fd.try_clone_to_owned()?;
        let (sender, pieces) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("list".into())
            .stack_size(64 << 10)
            .spawn(move || read_all(&fd, &sender))?;
        Ok(Self {
            pieces: Some(pieces),
            thread: Some(thread),
        })
    }

    fn next(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // After an error or the end, which were given, the thread has ended.
        let piece = self.pieces.as_ref().and_then(|pieces| pieces.recv().ok());
        let Some(piece) = piece else {
            return Ok(0);
        };
        let (filled, count) = piece?;
        *buffer = filled;
        Ok(count)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Reads until the end of the list, an error, or until the receiver is dropped.
fn read_all(fd: &OwnedFd, pieces: &SyncSender<io::Result<Piece>>) {
    loop {
        let mut buffer = vec![0; listing::AT_ONCE];
        let read = listing::read(fd.as_fd(), &mut buffer);
        let is_last = !matches!(read, Ok(1..));
        if pieces.send(read.map(|count| (buffer, count))).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::os::fd::AsFd;

    use super::List;
    use crate::sys::listing;

    /// All names that a list gives, and whether a thread read them.
    fn names(dir: &File, may_be_ahead: bool) -> (Vec<Vec<u8>>, bool) {
        let mut list = List::new(dir.as_fd());
        let mut buffer = vec![0; listing::AT_ONCE];
        let mut names = Vec::new();
        loop {
            let count = list.next(&mut buffer, may_be_ahead).expect("read");
            if count == 0 {
                return (names, list.ahead.is_some());
            }
            let entries = listing::entries(&buffer[..count]);
            names.extend(entries.map(|entry| entry.name.to_vec()));
        }
    }

    #[test]
    fn a_thread_gives_what_is_read_in_place() {
        let dir = tempfile::tempdir().expect("directory");
        for number in 0..9000 {
            fs::write(dir.path().join(format!("{number:050}")), "").expect("written");
        }
        let open = || File::open(dir.path()).expect("opened");
        let (in_place, is_ahead) = names(&open(), false);
        assert!(!is_ahead);
        assert_eq!(in_place.iter().collect::<BTreeSet<_>>().len(), 9000);
        let (ahead, is_ahead) = names(&open(), true);
        assert!(is_ahead);
        assert_eq!(ahead, in_place);
    }

    #[test]
    fn a_list_that_is_not_read_to_its_end_ends_its_thread() {
        let dir = tempfile::tempdir().expect("directory");
        for number in 0..9000 {
            fs::write(dir.path().join(format!("{number:050}")), "").expect("written");
        }
        let open = File::open(dir.path()).expect("opened");
        let mut list = List::new(open.as_fd());
        let mut buffer = vec![0; listing::AT_ONCE];
        while list.ahead.is_none() {
            assert_ne!(list.next(&mut buffer, true).expect("read"), 0, "no thread");
        }
        // Its drop waits for the thread.
        drop(list);
    }
}
