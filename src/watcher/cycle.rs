//! A slice of the loop's work: drain the queue, apply what was read, look at names,
//! put out what is known.

use std::time::Duration;

use super::{StopReason, Token, Watcher};
use crate::decode::Events;
use crate::error::Error;
use crate::hash::Done;
use crate::stderr::erase_progress;
use crate::sys::epoll::Interest;

/// Bytes read at once: what costs nothing when little is queued.
pub(super) const READ: usize = 64 << 10;

/// Bytes of events kept while they wait to be applied: with more, the kernel's own
/// queue fills, and tells when it has overflowed. 16 MiB.
const KEPT: usize = 16 << 20;

/// How long other work goes on before the queue is drained again: 1 ms.
const SLICE: u64 = 1_000_000;

/// Events applied between two looks at the clock.
const STRIDE: usize = 32;

/// Events that are read ahead of being applied: as many as the kernel queues, mostly.
const LOOKAHEAD: usize = 16 << 10;

/// After more events than this at once there will be more: a nap lets them gather,
/// which costs each less. Never after a single change.
const BURST: usize = 6;

/// How long the first nap is: the queue has room for many times what comes meanwhile.
const COALESCE_DELAY: Duration = Duration::from_micros(700);

/// How many times as long the longest one is.
const MAX_COALESCE_FACTOR: u32 = 4;

impl Watcher {
    /// Reads all that is queued, as far as there is room.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        let was_empty = self.unread.is_empty();
        let before = self.clock.now().wall;
        while self.unread.len() < KEPT {
            let read = self
                .inotify
                .read(&mut self.arriving)
                .map_err(Error::system("read events"))?;
            self.unread.extend_from_slice(&self.arriving[..read]);
            if read == 0 && was_empty && self.unread.is_empty() {
                self.tracker.queue_was_empty(before);
            }
            if read < READ / 2 {
                break;
            }
        }
        Ok(())
    }

    /// Applies what was read, then does other work for a while.
    pub(super) fn slice(&mut self) -> Result<(), Error> {
        let events = self.apply_all()?;
        self.help_workers();
        if self.has_answers && self.unread.is_empty() {
            self.has_answers = false;
            self.take_answers();
            self.go_on_with_baseline();
        }
        self.is_busy = events > 0;
        let began = self.clock.tick();
        let now = self.clock.now();
        let mut turn = self.tracker.turn(&mut self.disk, now);
        turn.tick();
        while !turn.t.is_idle() && turn.work() && self.clock.tick() - began < SLICE {}
        self.emit_changes()?;
        self.coalesce_delay(events);
        Ok(())
    }

    /// After a crowd of events, lets the next one gather; longer when crowd follows crowd.
    /// Not while anything waits: events to be applied, or a reader for the rest.
    fn coalesce_delay(&mut self, events: usize) {
        if events > BURST && self.unread.is_empty() && self.sink.waiting() == 0 {
            std::thread::sleep(COALESCE_DELAY * self.bursts);
            self.bursts = (self.bursts + 1).min(MAX_COALESCE_FACTOR);
        } else {
            self.bursts = 1;
        }
    }

    /// Applies all events that were read; how many there were.
    fn apply_all(&mut self) -> Result<usize, Error> {
        let mut count = 0;
        while !self.unread.is_empty() && !self.sink.is_full() {
            let bytes = std::mem::take(&mut self.unread);
            let done = self.apply(&bytes, &mut count)?;
            if done < bytes.len() {
                // More was read meanwhile, or the output is full: the rest goes first.
                let newer = std::mem::take(&mut self.unread);
                self.unread = bytes;
                self.unread.drain(..done);
                self.unread.extend(newer);
            } else if self.unread.capacity() == 0 {
                self.unread = bytes;
                self.unread.clear();
                self.unread.shrink_to(READ);
            }
        }
        Ok(count)
    }

    /// Applies events; how many of the bytes are done. The queue is drained meanwhile.
    fn apply(&mut self, bytes: &[u8], count: &mut usize) -> Result<usize, Error> {
        let mut events = Events::new(bytes);
        let began = self.clock.now();
        let mut drained = began.tick;
        let mut turn = self.tracker.turn(&mut self.disk, began);
        let at_hand = events.clone().map_while(Result::ok);
        turn.begin_events(at_hand.take(LOOKAHEAD));
        while events.left() > 0 {
            let now = self.clock.now();
            if now.tick - drained > SLICE {
                drained = now.tick;
                self.service.alive(now.tick);
                self.drain()?;
                self.emit_changes()?;
                if self.sink.is_full() {
                    break;
                }
            }
            if self.plan.trace {
                self.trace(&events);
            }
            let mut turn = self.tracker.turn(&mut self.disk, now);
            for event in events
                .by_ref()
                .take(if self.plan.trace { 1 } else { STRIDE })
            {
                match event {
                    Ok(event) => turn.event(&event),
                    Err(malformed) => {
                        let why = format!("{} bytes that make no event", malformed.left);
                        return Err(Error::System {
                            action: "read events",
                            source: std::io::Error::other(why),
                        });
                    }
                }
                *count += 1;
            }
        }
        let now = self.clock.now();
        let mut turn = self.tracker.turn(&mut self.disk, now);
        turn.pause();
        self.emit_changes()?;
        Ok(bytes.len() - events.left())
    }

    /// Renders what was learned, and writes what the reader takes.
    pub(super) fn emit_changes(&mut self) -> Result<(), Error> {
        for warning in self.tracker.filter.take_warnings() {
            self.stderr.warn(&warning);
        }
        if self.tracker.batch.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let batch = std::mem::take(&mut self.tracker.batch);
        // stdout may be the same terminal.
        erase_progress();
        for (path, trouble) in batch.warnings() {
            self.stderr.trouble(batch.bytes(path), trouble);
        }
        for change in batch.changes() {
            if self.plan.count.is_some_and(|most| self.printed >= most) {
                break;
            }
            if self
                .printer
                .print(&batch, change, now.wall, &mut self.sink.bytes)
            {
                self.printed += 1;
            }
            self.last_change = now.tick;
        }
        self.tracker.batch = batch;
        self.tracker.batch.clear();
        // If the reader is gone, the loop ends at its next turn.
        self.write().map(drop)
    }

    /// Writes what waits, and asks to be woken when there is room for the rest.
    pub(super) fn flush_output(&mut self) -> Result<Option<StopReason>, Error> {
        self.emit_changes()?;
        if self.write()?.is_some() {
            return Ok(Some(StopReason::ReaderGone));
        }
        let waits = self.sink.waiting() > 0;
        if self.plan.count.is_some_and(|most| self.printed >= most) && !waits {
            return Ok(Some(StopReason::Counted));
        }
        if waits != self.awaits_room && !self.sink.is_file() {
            self.awaits_room = waits;
            let interest = if waits {
                Interest::Writable
            } else {
                Interest::HangUp
            };
            let fd = std::os::fd::AsFd::as_fd(&self.sink);
            self.epoll
                .modify(fd, Token::Output as u64, interest)
                .map_err(Error::system("wait for output"))?;
        }
        Ok(None)
    }

    /// Takes what the workers have done. Every event that came before they read has
    /// been applied: what they found where no event told of anything was there before.
    pub(super) fn take_answers(&mut self) {
        for done in self.workers.done() {
            let now = self.clock.now();
            let mut turn = self.tracker.turn(&mut self.disk, now);
            match done {
                Done::File(ticket, read) => turn.answered(ticket, read),
                Done::Batch(read) => {
                    if let Some(baseline) = &mut self.baseline {
                        baseline.take(&mut turn, read);
                    }
                }
            }
        }
    }

    /// At the end: what is known is written, as far as the reader takes it within
    /// a second.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.service.stopping();
        self.drain()?;
        if let Some(log) = &mut self.log {
            log.hurry();
        }
        self.apply_all()?;
        let until = self.clock.tick() + 1_000_000_000;
        while self.clock.tick() < until {
            let now = self.clock.now();
            let mut turn = self.tracker.turn(&mut self.disk, now);
            while !turn.t.is_idle() && self.clock.tick() < until {
                turn.work();
            }
            self.emit_changes()?;
            if self.write()?.is_some() || self.sink.waiting() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.close_log()
    }

    /// Writes everything, however long the reader takes, unless we are to end.
    pub(super) fn write_all(&mut self) -> Result<(), Error> {
        self.emit_changes()?;
        while self.ended.is_none() {
            self.ended = self.write()?;
            if self.sink.waiting() == 0 {
                break;
            }
            self.check_signals();
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Serves the signals that came before the loop began.
    pub(super) fn check_signals(&mut self) {
        if self.ended.is_none() {
            self.ended = self.signalled();
        }
    }

    /// Shows the next event as the kernel told it.
    fn trace(&self, events: &Events<'_>) {
        if let Some(Ok(event)) = events.clone().next() {
            let mut path = Vec::new();
            if let crate::event::Event::Name { wd, .. } | crate::event::Event::Inode { wd, .. } =
                event
                && let Some(dir) = self.tracker.model.watched(wd)
            {
                self.tracker.write_path(dir, &mut path);
            }
            self.stderr.warn(&crate::trace::line(&event, &path));
        }
    }
}
