//! Buffers lines until the reader of stderr takes them, and shows a line of progress below them on
//! a terminal.
//!
//! Never waits for the reader while the watch runs. Lines that do not fit into the buffer are
//! dropped and counted, and the count is written as soon as there is room.
//! Invariant: a line of progress is erased before anything else is written.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::is_short_of_descriptors;
use crate::sys::stream::Stream;

/// Size of the buffer: 64 KiB.
const BUFFER: usize = 64 << 10;

/// A longer line is cut: 20 KiB, which has room for a path of PATH_MAX bytes that are all escaped.
const LONGEST_LINE: usize = 20 << 10;

/// How long [`close`] waits for the reader: 1 s.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Erases the line of progress.
const ERASE_LINE: &str = "\r\x1b[K";

/// Begins every line.
const NAME: &str = "balerion: ";

/// Shared by all threads: the progress of the walk is shown by one of its own.
static CONSOLE: Mutex<Console> = Mutex::new(Console::new());

struct Console {
    /// A duplicate of stderr. `None` before the first line, and after [`close`].
    stream: Option<Stream>,
    pending: Vec<u8>,
    /// Lines that were dropped since the buffer became full.
    dropped: u64,
    /// Whether the last line on the terminal is one of progress.
    shows_progress: bool,
    /// Until when the end waits for the reader, once it has begun.
    deadline: Option<Instant>,
}

/// Writes a line, or keeps it until the reader takes it.
pub(crate) fn message(text: &str) {
    let mut console = lock();
    console.line(text);
    console.flush();
}

/// Shows a line of progress instead of the one before.
pub(super) fn show_progress(text: &str) {
    let mut console = lock();
    console.flush();
    // Progress is not shown if other lines wait.
    if console.pending.is_empty() {
        console.erase_progress();
        console.pending.extend(format!("{NAME}{text}").as_bytes());
        console.shows_progress = true;
        console.flush();
    }
}

pub(crate) fn erase_progress() {
    let mut console = lock();
    if console.shows_progress {
        console.erase_progress();
        console.flush();
    }
}

/// Writes what the reader takes now. Returns whether something is left.
pub(crate) fn flush() -> bool {
    let mut console = lock();
    console.flush();
    !console.pending.is_empty()
}

/// Whether lines wait for the reader.
pub(crate) fn is_waiting() -> bool {
    !lock().pending.is_empty()
}

/// Calls `with` with the stream.
///
/// # Errors
/// Those of `with`, and `NotFound` if there is no stream.
pub(crate) fn with_stream<T>(with: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
    match &lock().stream {
        Some(stream) => with(stream.as_fd()),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The end has begun: it waits for the reader until then, and no longer.
pub(crate) fn end_by(deadline: Instant) {
    lock().deadline = Some(deadline);
}

/// Waits for the reader to take what is left, until the deadline of [`end_by`] or for
/// [`LAST_WAIT`] at most, and closes the stream. The next line duplicates stderr as it is then.
pub(crate) fn close() {
    let mut console = lock();
    let until = console
        .deadline
        .unwrap_or_else(|| Instant::now() + LAST_WAIT);
    loop {
        console.flush();
        let left = until.saturating_duration_since(Instant::now());
        let Some(stream) = &console.stream else { break };
        if console.pending.is_empty() || left.is_zero() {
            break;
        }
        stream.wait_for_room(50);
    }
    console.pending.clear();
    console.stream = None;
}

fn lock() -> MutexGuard<'static, Console> {
    CONSOLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Console {
    const fn new() -> Self {
        Self {
            stream: None,
            pending: Vec::new(),
            dropped: 0,
            shows_progress: false,
            deadline: None,
        }
    }

    /// Adds a line, if it fits.
    fn line(&mut self, text: &str) {
        self.count_dropped();
        let text = cut(text);
        let length = NAME.len() + text.len() + 1;
        if self.dropped > 0 || self.pending.len() + length > BUFFER {
            self.dropped += 1;
            return;
        }
        self.erase_progress();
        for part in [NAME, text, "\n"] {
            self.pending.extend(part.as_bytes());
        }
    }

    /// Adds a line with the number of dropped lines, once the reader has taken all others.
    fn count_dropped(&mut self) {
        if self.dropped > 0 && self.pending.is_empty() {
            let count = std::mem::take(&mut self.dropped);
            let lines = if count == 1 { "line was" } else { "lines were" };
            self.line(&format!(
                "warning: {count} {lines} lost here: nobody read stderr"
            ));
        }
    }

    fn erase_progress(&mut self) {
        if std::mem::take(&mut self.shows_progress) {
            self.pending.extend(ERASE_LINE.as_bytes());
        }
    }

    /// Writes what the reader takes now. Errors are ignored.
    fn flush(&mut self) {
        self.write_pending();
        if self.pending.is_empty() && self.dropped > 0 {
            self.count_dropped();
            self.write_pending();
        }
    }

    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let stream = match &mut self.stream {
            Some(stream) => Ok(stream),
            none => {
                let stderr = io::stderr().as_fd().try_clone_to_owned();
                stderr
                    .and_then(Stream::new)
                    .map(|stream| none.insert(stream))
            }
        };
        match stream.and_then(|stream| write(stream, &self.pending)) {
            Ok(taken) => drop(self.pending.drain(..taken)),
            // It is written once a descriptor is free.
            Err(error) if is_short_of_descriptors(&error) => {}
            // The reader is gone, or a disk is full. Later lines may be read again.
            Err(_) => self.pending.clear(),
        }
    }
}

/// Writes as much as the stream takes.
fn write(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        let rest = &bytes[taken..];
        let room = stream.room(rest.len())?;
        let piece = &rest[..room];
        // A piece ends with a line where it can: others may write to the same pipe.
        let last = piece.iter().rposition(|&byte| byte == b'\n');
        let piece = last.map_or(piece, |last| &piece[..=last]);
        match stream.write(piece)? {
            0 => break,
            count => taken += count,
        }
    }
    Ok(taken)
}

/// Cuts a line to [`LONGEST_LINE`] bytes.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::{BUFFER, Console, LONGEST_LINE, Stream};

    fn console() -> (PipeReader, Console) {
        let (reader, writer) = pipe().expect("a pipe");
        let mut console = Console::new();
        console.stream = Stream::new(writer.into()).ok();
        (reader, console)
    }

    fn read_all(mut reader: PipeReader, console: Console) -> String {
        drop(console);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        text
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_where_they_are_missing() {
        let (mut reader, mut console) = console();
        for number in 0..10_000 {
            console.line(&format!("line {number}"));
            console.flush();
            assert!(console.pending.len() <= BUFFER);
        }
        let dropped = console.dropped;
        assert!(dropped > 0);
        // The reader begins to read again, until all that was kept has been taken.
        let mut text = Vec::new();
        while !console.pending.is_empty() || console.dropped > 0 {
            let mut some = [0; 4096];
            let count = reader.read(&mut some).expect("text");
            text.extend(&some[..count]);
            console.flush();
        }
        console.line("last");
        console.flush();
        let text = String::from_utf8(text).expect("text") + &read_all(reader, console);
        let lines: Vec<_> = text.lines().collect();
        let kept = lines.len() - 2;
        assert_eq!(kept as u64 + dropped, 10_000);
        for (number, line) in lines[..kept].iter().enumerate() {
            assert_eq!(*line, format!("balerion: line {number}"));
        }
        let missing =
            format!("balerion: warning: {dropped} lines were lost here: nobody read stderr");
        assert_eq!(lines[kept..], [&missing, "balerion: last"]);
    }

    #[test]
    fn a_reader_that_is_gone_costs_nothing() {
        let (reader, mut console) = console();
        drop(reader);
        for _ in 0..10 {
            console.line("line");
            console.flush();
        }
        assert!(console.pending.is_empty());
    }

    #[test]
    fn progress_is_erased_before_a_line() {
        let (reader, mut console) = console();
        console.pending.extend(b"balerion: half");
        console.shows_progress = true;
        console.line("whole");
        console.flush();
        let text = read_all(reader, console);
        assert_eq!(text, "balerion: half\r\x1b[Kbalerion: whole\n");
    }

    #[test]
    fn a_line_is_cut_between_two_characters() {
        let (reader, mut console) = console();
        console.line(&"é".repeat(LONGEST_LINE));
        console.flush();
        let text = read_all(reader, console);
        assert!(text.len() <= LONGEST_LINE + 20 && text.ends_with("é\n"));
    }
}
