//! Renders changes to bytes, in bounded pieces, for stdout or a log.
//!
//! Never waits for the reader, and never renders more than it may take soon. Invariant:
//! records are written in the order in which they were emitted, each once.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::stop_reason::StopConditions;
use crate::change::{Change, ChangeBuffer};
use crate::log_file::{self, Log};
use crate::output::writer::RecordWriter;
use crate::output::{Header, Printer};
use crate::settle::Settle;
use crate::tracker::Timestamps;

/// Bytes rendered before some are written: 64 KiB, the capacity of a pipe.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces rendered in a row before the loop serves signals.
pub(super) const PIECES: usize = 8;

/// The result of an attempt to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// As much was written as the reader takes now.
    AsFarAsPossible,
    /// The reader has closed the pipe.
    ReaderGone,
}

pub(super) struct Output {
    printer: Printer,
    pub(super) writer: RecordWriter,
    /// The log, if records go there instead of stdout.
    pub(super) log: Option<Log>,
    /// With `--settle`: changes that are held.
    settle: Option<Settle>,
    /// Changes that were taken from the tracker.
    buffer: ChangeBuffer,
    /// How many of them are rendered.
    rendered: usize,
    /// Whether the loop waits for room in the output.
    awaits_room: bool,
}

impl Output {
    pub(super) fn new(
        printer: Printer,
        writer: RecordWriter,
        log: Option<Log>,
        settle: Option<Settle>,
    ) -> Self {
        // It and the tracker's take turns.
        let buffer = match settle {
            Some(_) => ChangeBuffer::keeping_before(),
            None => ChangeBuffer::default(),
        };
        Self {
            printer,
            writer,
            log,
            settle,
            buffer,
            rendered: 0,
            awaits_room: false,
        }
    }

    pub(super) fn header(&mut self) -> &mut Header {
        self.printer.header()
    }

    /// With `--settle`, holds the changes of a buffer, and puts those in it that are due.
    /// `tildes`: no name in the tree, then or now, has more at its end.
    pub(super) fn settle(
        &mut self,
        buffer: &mut ChangeBuffer,
        tildes: usize,
        stop: &mut StopConditions,
        now: Timestamps,
    ) {
        if self.has_backlog() {
            return; // What was due before is not rendered yet.
        }
        let Some(settle) = &mut self.settle else {
            return;
        };
        buffer.set_time(now.wall);
        settle.pass(buffer, tildes, now.tick);
        if let Some(last) = settle.last() {
            stop.note_change(last);
        }
        if buffer.is_empty() {
            buffer.clear();
        }
    }

    /// Makes the changes due that are held now.
    pub(super) fn release_settled(&mut self) {
        if let Some(settle) = &mut self.settle {
            settle.release();
        }
    }

    /// Holds no change from now on. Those that are held go to the buffer, before what it has. `wall`:
    /// the time, in nanoseconds since 1970.
    pub(super) fn end_settle(&mut self, buffer: &mut ChangeBuffer, tildes: usize, wall: i64) {
        if let Some(settle) = &mut self.settle {
            buffer.set_time(wall);
            settle.end();
            settle.pass(buffer, tildes, u64::MAX);
        }
    }

    /// When a change that is held is due, or a log that took nothing is tried again.
    pub(super) fn deadline(&self) -> Option<u64> {
        let settle = self.settle.as_ref().filter(|_| !self.has_backlog());
        let due = [
            self.log.as_ref().and_then(Log::deadline),
            settle.and_then(Settle::deadline),
        ];
        due.into_iter().flatten().min()
    }

    /// Takes a buffer over, if the one before is rendered.
    pub(super) fn take(&mut self, buffer: &mut ChangeBuffer) -> Option<&ChangeBuffer> {
        if self.has_backlog() || buffer.is_empty() {
            return None;
        }
        self.buffer.clear();
        self.rendered = 0;
        std::mem::swap(&mut self.buffer, buffer);
        Some(&self.buffer)
    }

    /// Whether there is nothing to be taken, held or rendered now.
    pub(super) fn is_idle(&self, buffer: &ChangeBuffer) -> bool {
        self.settle.is_none() && buffer.is_empty() && !self.can_render()
    }

    /// Whether changes are left to be rendered.
    pub(super) fn has_backlog(&self) -> bool {
        self.rendered < self.buffer.changes().len()
    }

    /// Renders the next piece of the buffer.
    pub(super) fn render(&mut self, stop: &mut StopConditions, now: u64) {
        let before = self.writer.waiting();
        let changes = self.buffer.changes();
        while let Some(change) = changes.get(self.rendered)
            && !self.writer.is_full()
            && self.writer.waiting() < before + PIECE_BYTES
        {
            if stop.is_counted() {
                self.rendered = changes.len();
                break;
            }
            let (printer, buffer) = (&mut self.printer, &self.buffer);
            let wall = buffer.time_of(self.rendered);
            self.rendered += 1;
            let render = |out: &mut Vec<u8>| printer.print(buffer, change, wall, out);
            let is_printed = self.writer.append(render);
            if change.is_of_the_tree() {
                if is_printed {
                    stop.add_printed(now);
                } else {
                    stop.note_change(now);
                }
            }
        }
        if !self.has_backlog() {
            self.buffer.clear();
            self.rendered = 0;
        }
    }

    /// Whether nothing should be added before the reader takes some.
    pub(super) fn is_full(&self) -> bool {
        self.writer.is_full() || self.has_backlog()
    }

    /// Whether changes are left to be rendered, and there is room for them.
    pub(super) fn can_render(&self) -> bool {
        self.has_backlog() && !self.writer.is_full()
    }

    /// The number of records that are not written, with those of a buffer that is not taken yet.
    pub(super) fn pending(&self, ready: &ChangeBuffer) -> usize {
        self.writer.records_waiting() + self.unprinted(ready).count()
    }

    /// Whether there are such records.
    pub(super) fn has_pending(&self, ready: &ChangeBuffer) -> bool {
        self.writer.records_waiting() > 0 || self.unprinted(ready).next().is_some()
    }

    fn unprinted<'a>(&'a self, ready: &'a ChangeBuffer) -> impl Iterator<Item = &'a Change> {
        let left = self.buffer.changes().iter().skip(self.rendered);
        left.chain(ready.changes())
            .filter(|change| self.prints(change))
    }

    /// Whether a change becomes a record.
    pub(super) fn prints(&self, change: &Change) -> bool {
        self.printer.prints(change)
    }

    /// Updates whether the loop waits for room in the output, or only until the reader goes away;
    /// whether that has changed.
    pub(super) fn update_interest(&mut self) -> bool {
        let waits = self.writer.waiting() > 0;
        if waits == self.awaits_room || self.writer.is_always_ready() {
            return false;
        }
        self.awaits_room = waits;
        true
    }

    pub(super) fn awaits_room(&self) -> bool {
        self.awaits_room
    }

    /// The file or stream that is written to.
    pub(super) fn file(&self) -> io::Result<File> {
        self.as_fd().try_clone_to_owned().map(File::from)
    }

    /// Cuts off the bytes of a torn record, so that none is left in a file.
    pub(super) fn cut_torn(&self) -> io::Result<()> {
        log_file::cut(&mut self.file()?, self.writer.torn())
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, pipe};

    use super::Output;
    use crate::change::{Change, ChangeBuffer, Content, Kind};
    use crate::output::writer::RecordWriter;
    use crate::output::{Events, Format, Header, LineTime, Printer, Style};
    use crate::settle::Settle;
    use crate::tracker::Timestamps;
    use crate::watcher::stop_reason::{StopConditions, StopOptions};

    /// An output to a pipe that nobody reads.
    fn unread(settle: Option<Settle>) -> (PipeReader, Output) {
        let (reader, writer) = pipe().expect("a pipe");
        let style = Style {
            format: Format::Text,
            nul: false,
            line_time: LineTime::None,
            color: false,
            events: Events::DEFAULT,
            stat: false,
        };
        let output = Output::new(
            Printer::new(style, None, Header::default()),
            RecordWriter::new(writer.into(), b'\n').expect("a writer"),
            None,
            settle,
        );
        (reader, output)
    }

    fn create(buffer: &mut ChangeBuffer, number: usize) {
        let path = buffer.path(|bytes| bytes.extend(format!("t/{number:0200}").bytes()));
        buffer.push(Change::Created {
            kind: Kind::Other,
            path,
            content: Content::default(),
            entered: false,
            attributes: None,
        });
    }

    /// Adds a change that is not printed, since `--events` does not name it.
    fn touch(buffer: &mut ChangeBuffer) {
        let path = buffer.path(|bytes| bytes.extend(b"t/touched"));
        buffer.push(Change::Touched { path, mtime: 0 });
    }

    /// Takes a buffer, and renders it until the output is full.
    fn fill(output: &mut Output, buffer: &mut ChangeBuffer) {
        let mut stop = StopConditions::new(StopOptions::default());
        output.settle(buffer, 0, &mut stop, Timestamps::default());
        output.take(buffer).expect("changes that are due");
        while output.can_render() {
            output.render(&mut stop, 0);
        }
        assert!(output.has_backlog(), "the output is full");
    }

    /// An output with a backlog of 20,000 records, and one that is held.
    fn holding() -> (PipeReader, Output, ChangeBuffer) {
        let (reader, mut output) = unread(Some(Settle::new(1)));
        let mut buffer = ChangeBuffer::default();
        (0..20_000).for_each(|number| create(&mut buffer, number));
        // What came before it is due, what comes after it is held.
        buffer.push(Change::Overflow);
        create(&mut buffer, 20_000);
        fill(&mut output, &mut buffer);
        (reader, output, buffer)
    }

    #[test]
    fn what_is_held_behind_a_backlog_has_no_deadline() {
        let (_reader, output, _buffer) = holding();
        assert!(output.settle.as_ref().and_then(Settle::deadline).is_some());
        assert_eq!(output.deadline(), None);
    }

    #[test]
    fn each_record_that_is_to_be_printed_is_pending_wherever_it_waits() {
        let (_reader, mut output) = unread(None);
        let mut buffer = ChangeBuffer::default();
        create(&mut buffer, 0);
        touch(&mut buffer);
        assert_eq!(output.pending(&buffer), 1, "not taken yet");
        (1..20_000).for_each(|number| create(&mut buffer, number));
        (0..10).for_each(|_| touch(&mut buffer));
        fill(&mut output, &mut buffer);
        assert_eq!(output.pending(&buffer), 20_000);
        create(&mut buffer, 20_000);
        touch(&mut buffer);
        assert_eq!(output.pending(&buffer), 20_001);
    }

    #[test]
    fn what_was_held_until_the_end_is_pending_behind_a_backlog() {
        let (_reader, mut output, mut buffer) = holding();
        create(&mut buffer, 20_001);
        output.end_settle(&mut buffer, 0, 0);
        assert_eq!(output.pending(&buffer), 20_002);
    }
}
