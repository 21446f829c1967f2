//! Turns one output of the running process into lines, each with the moment it
//! came, on a thread that can be made to stop reading for a while.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

/// What a process has written to one output so far.
pub(crate) struct Stream {
    /// Everything read, guarded for the reading thread and the test.
    state: Mutex<State>,
    /// Notified of each line, of the end, and when reading may go on.
    news: Condvar,
}

/// The part of a [`Stream`] that changes.
#[derive(Default)]
struct State {
    /// Every byte, in order.
    bytes: Vec<u8>,
    /// For each complete line, where it ends and when it was read.
    lines: Vec<(usize, Instant)>,
    ended: bool,
    /// Whether nothing is read for now.
    stalled: bool,
}

#[derive(Clone)]
pub(crate) struct Line {
    /// The bytes of the line.
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: Instant,
}

impl Line {
    /// The line as text; what is not UTF-8 shows as U+FFFD.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Stream {
    /// Starts to read `source` on a thread of its own.
    pub(crate) fn collect(source: impl Read + Send + 'static) -> Arc<Self> {
        let stream = Arc::new(Self {
            state: Mutex::default(),
            news: Condvar::new(),
        });
        let reader = Arc::clone(&stream);
        thread::spawn(move || reader.read_all(source));
        stream
    }

    /// A stream without lines, for an output that goes elsewhere.
    pub(crate) fn silent() -> Arc<Self> {
        Self::collect(std::io::empty())
    }

    /// Reads until the writer closes its end.
    fn read_all(&self, mut source: impl Read) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let waiting = self.lock();
            drop(
                self.news
                    .wait_while(waiting, |state| state.stalled)
                    .unwrap(),
            );
            // An error ends the stream: the test then fails for the lines that are missing.
            let length = source.read(&mut chunk).unwrap_or(0);
            let mut state = self.lock();
            let before = state.bytes.len();
            state.bytes.extend_from_slice(&chunk[..length]);
            let now = Instant::now();
            for (offset, byte) in chunk[..length].iter().enumerate() {
                if *byte == b'\n' {
                    state.lines.push((before + offset, now));
                }
            }
            state.ended = length == 0;
            self.news.notify_all();
            if state.ended {
                return;
            }
        }
    }

    /// The state; the lock is poisoned only by a panic, which fails the test.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.news.notify_all();
    }

    /// The line of that number, once it is there; `None` when the deadline has
    /// passed, or when the output has ended without it.
    pub(crate) fn line(&self, number: usize, deadline: Instant) -> Option<Line> {
        let mut state = self.lock();
        loop {
            if let Some(&(end, at)) = state.lines.get(number) {
                let start = match number {
                    0 => 0,
                    _ => state.lines[number - 1].0 + 1,
                };
                let bytes = state.bytes[start..end].to_vec();
                return Some(Line { bytes, at });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self.news.wait_timeout(state, left).unwrap().0;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    /// Every byte so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Every complete line from that number on.
    pub(crate) fn lines_from(&self, first: usize) -> Vec<Line> {
        let now = Instant::now();
        (first..)
            .map_while(|number| self.line(number, now))
            .collect()
    }

    /// Waits until the writer has closed its end; false at the deadline.
    pub(crate) fn wait_end(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.news.wait_timeout(state, left).unwrap().0;
        }
        true
    }
}
