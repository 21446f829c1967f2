//! Writes rendered records to a stream: as much as the reader takes, and keeps the rest.
//!
//! Never waits, and never writes a part of a record to a stream that takes pieces as a whole, unless
//! the record is longer than such a piece.
//! Invariant: no more is kept than [`FULL`] and what one call of [`RecordWriter::append`]
//! adds.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::stream::Stream;

/// With more bytes waiting than this, none should be added: 1 MiB.
const FULL: usize = 1 << 20;

/// A stream, and the bytes that it has not taken.
pub(crate) struct RecordWriter {
    stream: Stream,
    bytes: Vec<u8>,
    /// How many of `bytes` the stream has taken.
    taken: usize,
    /// The byte that ends a record, and is in none.
    end: u8,
    is_always_ready: bool,
}

impl RecordWriter {
    /// # Errors
    /// EBADF: the descriptor is closed.
    pub(crate) fn new(fd: OwnedFd, end: u8) -> io::Result<Self> {
        let stream = Stream::new(fd)?;
        Ok(Self {
            is_always_ready: stream.is_file(),
            stream,
            bytes: Vec::new(),
            taken: 0,
            end,
        })
    }

    /// Appends whole records.
    pub(crate) fn append<T>(&mut self, render: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        render(&mut self.bytes)
    }

    /// Writes what the reader takes.
    ///
    /// # Errors
    /// EPIPE: the reader is gone; else those of write(2).
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.taken < self.bytes.len() {
            let rest = &self.bytes[self.taken..];
            let room = self.stream.room(rest.len())?;
            let piece = &rest[..whole_records(rest, room, self.end)];
            if piece.is_empty() {
                break;
            }
            match self.stream.write(piece)? {
                0 => break,
                count => self.taken += count,
            }
        }
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(64 << 10);
            self.taken = 0;
        } else if self.taken > FULL {
            // The bytes of a torn record are kept, since it may be written again.
            let torn = self.torn();
            self.bytes.drain(..self.taken - torn);
            self.taken = torn;
        }
        Ok(())
    }

    /// The number of bytes that were written of a torn record: one of which a part is not written.
    pub(crate) fn torn(&self) -> usize {
        let taken = self.bytes[..self.taken].iter().rev();
        taken.take_while(|byte| **byte != self.end).count()
    }

    /// Goes back to the beginning of a torn record, so that the next stream gets all of it.
    pub(crate) fn rewind_torn(&mut self) {
        self.taken -= self.torn();
    }

    /// Writes the end of a record first, since the file has a torn one at its end.
    pub(crate) fn end_first(&mut self) {
        self.bytes.insert(self.taken, self.end);
    }

    /// Drops all that is not written.
    pub(crate) fn forget_unwritten(&mut self) {
        self.bytes.truncate(self.taken);
    }

    /// Writes to another stream from now on.
    ///
    /// # Errors
    /// EBADF: the descriptor is closed.
    pub(crate) fn move_to(&mut self, fd: OwnedFd) -> io::Result<()> {
        self.stream = Stream::new(fd)?;
        self.is_always_ready = self.stream.is_file();
        Ok(())
    }

    pub(crate) fn end(&self) -> u8 {
        self.end
    }

    /// The number of bytes that are not written.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// The number of records that are not written; a torn one counts.
    pub(crate) fn records_waiting(&self) -> usize {
        let waiting = self.bytes[self.taken..].iter();
        waiting.filter(|byte| **byte == self.end).count()
    }

    /// Whether more than [`FULL`] bytes wait.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() > FULL
    }

    /// Notes that epoll(7) does not take the stream, since it is always ready, as a regular file is.
    pub(crate) fn set_always_ready(&mut self) {
        self.is_always_ready = true;
    }

    pub(crate) fn is_always_ready(&self) -> bool {
        self.is_always_ready
    }

    /// Waits until the reader takes more, is gone, or `input` is readable, at most so many milliseconds.
    pub(crate) fn wait_for_room_or_input(&self, input: BorrowedFd<'_>, millis: u16) {
        self.stream.wait_for_room_or_input(input, millis);
    }

    /// The stream, if it has a reader that may go away.
    pub(crate) fn reader(&self) -> Option<BorrowedFd<'_>> {
        self.stream.has_reader().then(|| self.stream.as_fd())
    }
}

impl AsFd for RecordWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// How many of the first `room` bytes are whole records; all of them, if the first record is longer.
fn whole_records(bytes: &[u8], room: usize, end: u8) -> usize {
    let piece = &bytes[..room.min(bytes.len())];
    let whole = piece.iter().rposition(|&byte| byte == end);
    whole.map_or(piece.len(), |last| last + 1)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::{RecordWriter, whole_records};

    fn writer() -> (PipeReader, RecordWriter) {
        let (reader, writer) = pipe().expect("a pipe");
        let writer = RecordWriter::new(writer.into(), b'\n').expect("a writer");
        (reader, writer)
    }

    fn append(writer: &mut RecordWriter, record: &[u8]) {
        writer.append(|bytes| bytes.extend(record));
        writer.append(|bytes| bytes.push(b'\n'));
    }

    #[test]
    fn a_piece_ends_with_a_record_unless_the_first_one_is_longer() {
        for (bytes, room, whole) in [
            (&b"ab\ncd\nef"[..], 8, 6),
            (b"ab\ncd\nef", 5, 3),
            (b"ab\ncd\n", 6, 6),
            (b"ab\ncd\n", 100, 6),
            (b"abcdef\n", 4, 4),
            (b"abcdef\n", 0, 0),
        ] {
            assert_eq!(whole_records(bytes, room, b'\n'), whole, "{room}");
        }
    }

    #[test]
    fn a_reader_that_has_stopped_has_whole_records_and_the_rest_is_counted() {
        for length in [10, 100, 999, 4095] {
            let (mut reader, mut writer) = writer();
            let record = vec![b'x'; length];
            let mut added = 0;
            // Some by some, as changes come, and much at once.
            for many in [1, 2, 3, 200_000 / length] {
                for _ in 0..many {
                    append(&mut writer, &record);
                    added += 1;
                }
                writer.flush().expect("a reader");
            }
            assert!(writer.waiting() > 0);
            assert_eq!(writer.torn(), 0, "{length}");
            let left = writer.records_waiting();
            drop(writer);
            let mut read = Vec::new();
            reader.read_to_end(&mut read).expect("bytes");
            assert!(read.ends_with(b"\n"), "{length}");
            let lines = read.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines + left, added, "{length}");
        }
    }

    #[test]
    fn what_waits_is_bounded_and_given_on_in_linear_time() {
        let (mut reader, mut writer) = writer();
        let record = [b'x'; 1023];
        let mut expected = 0;
        let mut buffer = vec![0; 4096];
        let mut read = 0;
        for _ in 0..64 {
            while !writer.is_full() {
                append(&mut writer, &record);
                expected += record.len() + 1;
            }
            assert!(writer.bytes.len() <= 2 * super::FULL + 4096);
            for _ in 0..256 {
                writer.flush().expect("a reader");
                read += reader.read(&mut buffer).expect("bytes");
            }
        }
        while writer.waiting() > 0 {
            writer.flush().expect("a reader");
            read += reader.read(&mut buffer).expect("bytes");
        }
        drop(writer);
        read += std::io::copy(&mut reader, &mut std::io::sink())
            .map_or(0, |count| usize::try_from(count).expect("it fits"));
        assert_eq!(read, expected);
    }
}
