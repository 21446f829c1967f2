//! A slice of the loop's work: drain the queue, apply what was read, reconcile names, emit
//! what is known.
//!
//! Invariant: a slice takes some milliseconds, however much there is to do, so that signals
//! are heard between two of them.

use std::time::Duration;

use super::output::{Output, Written};
use super::{StopReason, Watcher};
use crate::decode::{Events, Malformed};
use crate::error::Error;
use crate::event::Event;
use crate::hash::Done;
use crate::stderr::erase_progress;
use crate::tracker::cycle::{self, Draining, Stages, Time};

/// How long other work goes on before the queue is drained again: 1 ms.
const SLICE: u64 = 1_000_000;

/// Steps applied between two looks at the clock.
const STRIDE: usize = 32;

/// The most events of a batch: as many as the kernel queues, mostly.
const BATCH: usize = 16 << 10;

/// After more events than this at once there will be more: a nap lets them gather,
/// which costs each less. Never after a single change.
const BURST: usize = 6;

/// How long the first nap is: the queue has room for many times what comes meanwhile.
const COALESCE_DELAY: Duration = Duration::from_micros(700);

/// How many times as long the longest one is.
const MAX_COALESCE_FACTOR: u32 = 4;

/// How long events are applied before signals are heard: 5 ms.
const APPLY: u64 = 5_000_000;

/// How long the end may take: 1 s.
const FINISH: u64 = 1_000_000_000;

/// How the loop is paced: what belongs together is given time to gather.
pub(super) struct Pace {
    /// Whether events came just now: then more may come, and directories are held open.
    pub(super) is_busy: bool,
    /// Since when they are.
    pub(super) held_since: u64,
    /// Consecutive bursts, this one included; the coalescing delay grows with it.
    bursts: u32,
    /// When the piece of work at hand began, and when it was last interrupted.
    began: u64,
    paused: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            is_busy: false,
            held_since: 0,
            bursts: 1,
            began: 0,
            paused: 0,
        }
    }

    /// How long to wait after so many events, where nothing else is to be done.
    fn coalesce_delay(&mut self, events: usize, is_idle: bool) -> Option<Duration> {
        if events <= BURST || !is_idle {
            self.bursts = 1;
            return None;
        }
        let delay = COALESCE_DELAY * self.bursts;
        self.bursts = (self.bursts + 1).min(MAX_COALESCE_FACTOR);
        Some(delay)
    }
}

impl Stages for Watcher {
    type Error = Error;

    fn has_events(&self) -> bool {
        self.tracker.is_applying() || !self.events.is_empty()
    }

    fn is_applying(&self) -> bool {
        self.tracker.is_applying()
    }

    fn is_full(&self) -> bool {
        self.output.is_full()
    }

    /// Reads all that is queued, as far as there is room.
    fn drain(&mut self) -> Result<(), Error> {
        let was_empty = !self.has_events();
        let before = self.clock.now().wall;
        let read = self.events.read();
        let read = read.map_err(Error::system("read events"))?;
        if read == 0 && was_empty {
            self.tracker.queue_was_empty(before);
        }
        Ok(())
    }

    fn begin_batch(&mut self) -> Result<usize, Error> {
        let (bytes, applied) = self.events.take();
        let mut events = Events::new(&bytes[applied..]);
        if self.options.trace {
            let at_hand = events.clone().take(BATCH);
            at_hand.flatten().for_each(|event| self.trace(&event));
        }
        let mut count = 0;
        let mut left = None;
        let at_hand = events.by_ref().take(BATCH).inspect(|_| count += 1);
        let decoded = at_hand.map_while(|event| event.map_err(|error| left = Some(error)).ok());
        let now = self.clock.now();
        self.tracker.at(now).begin_batch(decoded);
        let applied = bytes.len() - events.left();
        self.events.put_back(bytes, applied);
        left.map_or(Ok(count), |left| Err(malformed(left)))
    }

    fn apply(&mut self) {
        let now = self.clock.now();
        let tracker = self.tracker.at(now);
        for _ in 0..STRIDE {
            tracker.apply_next();
        }
    }

    fn take_answers(&mut self) {
        if self.poller.take_worker_event() {
            self.take_done();
            self.go_on_with_baseline();
        }
    }

    fn begin_work(&mut self) {
        let now = self.clock.now();
        self.tracker.at(now).tick();
    }

    fn work(&mut self) -> bool {
        !self.tracker.is_idle() && self.tracker.work()
    }

    fn emit(&mut self) -> Result<(), Error> {
        self.emit_changes()
    }

    fn begin_time(&mut self) {
        let now = self.clock.tick();
        (self.pace.began, self.pace.paused) = (now, now);
    }

    fn time(&mut self) -> Time {
        let now = self.clock.tick();
        if now - self.pace.paused <= SLICE {
            return Time::Left;
        }
        self.pace.paused = now;
        self.service.alive(now);
        if now - self.pace.began > APPLY {
            Time::Up
        } else {
            Time::Pause
        }
    }
}

impl Watcher {
    /// Takes what the workers have done. Every event that came before they read has
    /// been applied: what they found where there was no event was there before.
    pub(super) fn take_done(&mut self) {
        for done in self.workers.take_done() {
            let now = self.clock.now();
            let tracker = self.tracker.at(now);
            match done {
                Done::File(ticket, read) => tracker.answered(ticket, read),
                Done::Batch(read) => {
                    if let Some(baseline) = self.baseline.reading() {
                        baseline.take(tracker, read);
                    }
                }
            }
        }
    }

    /// Applies what was read, then does other work for a while.
    pub(super) fn slice(&mut self) -> Result<(), Error> {
        self.help_workers();
        let events = cycle::slice(self)?;
        self.pace.is_busy = events > 0;
        let is_idle = !self.has_events() && self.output.writer.waiting() == 0;
        if let Some(delay) = self.pace.coalesce_delay(events, is_idle) {
            std::thread::sleep(delay);
        }
        Ok(())
    }

    /// Renders what was learned, and writes what the reader takes, for a while.
    pub(super) fn emit_changes(&mut self) -> Result<(), Error> {
        for warning in self.tracker.filter.take_warnings() {
            self.stderr.warn_of_many(&warning, self.clock.tick());
        }
        for _ in Output::pieces() {
            let now = self.clock.now();
            let batch = &mut self.tracker.batch;
            self.output.settle(batch, &mut self.stop, now.tick);
            if let Some(batch) = self.output.take(batch) {
                // stdout may be the same terminal.
                erase_progress();
                for (path, warning) in batch.warnings() {
                    self.stderr.warning(batch.bytes(path), warning, now.tick);
                }
            } else if !self.output.can_render() {
                return Ok(());
            }
            self.output.render(&mut self.stop, now.wall, now.tick);
            // If the reader is gone, the loop ends at its next turn.
            self.write()?;
        }
        Ok(())
    }

    /// Writes what waits, and asks to be woken when there is room for the rest.
    pub(super) fn flush_output(&mut self) -> Result<Option<StopReason>, Error> {
        self.emit_changes()?;
        if self.write()? == Written::ReaderGone {
            return Ok(Some(StopReason::ReaderGone));
        }
        if self.stop.is_counted() && self.output.writer.waiting() == 0 {
            return Ok(Some(StopReason::Counted));
        }
        if self.output.update_interest() {
            use std::os::fd::AsFd;
            let awaits = self.output.awaits_room();
            self.poller.await_room(self.output.as_fd(), awaits)?;
        }
        Ok(None)
    }

    /// At the end: what is known is written, as far as the reader takes it within a second
    /// and no second signal comes.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.service.stopping();
        self.output.end_settle();
        self.drain()?;
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        let until = self.clock.tick().saturating_add(FINISH);
        loop {
            if self.session.is_listing() {
                // A list that was begun is completed: what comes after it changes it.
                if !self.output.is_full() {
                    self.list_slice()?;
                }
            } else {
                cycle::apply(self, Draining::Off)?;
                if !self.output.is_full() {
                    cycle::reconcile(self);
                }
            }
            self.emit_changes()?;
            if self.write()? == Written::ReaderGone {
                return Ok(());
            }
            let is_known =
                !self.has_events() && self.tracker.is_idle() && !self.session.is_listing();
            if is_known && self.output.unwritten() == 0 || self.clock.tick() > until {
                break;
            }
            if self.signalled().is_some() {
                break;
            }
            if is_known || self.output.is_full() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.close_output()
    }

    /// Writes everything, however long the reader takes, unless we are to end.
    pub(super) fn write_all(&mut self) -> Result<(), Error> {
        while !self.stop.has_ended() {
            self.emit_changes()?;
            if self.write()? == Written::ReaderGone {
                self.stop.set_ended(StopReason::ReaderGone);
            } else if self.output.unwritten() == 0 {
                break;
            } else {
                self.check_signals();
                if !self.output.can_render() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        Ok(())
    }

    /// Shows an event as the kernel gave it.
    fn trace(&self, event: &Event<'_>) {
        let mut path = Vec::new();
        if let Event::Name { wd, .. } | Event::Inode { wd, .. } = *event
            && let Some(dir) = self.tracker.model.watched(wd)
        {
            self.tracker.write_path(dir, &mut path);
        }
        self.stderr.warn(&crate::trace::line(event, &path));
    }
}

fn malformed(malformed: Malformed) -> Error {
    let why = format!("{} bytes that make no event", malformed.left);
    Error::System {
        action: "read events",
        source: std::io::Error::other(why),
    }
}
