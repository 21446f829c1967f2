//! Implements the stages of the loop with the real kernel queue, workers and clock. Their order is
//! in `stage_order`.
//!
//! Invariant: a turn takes some milliseconds, however much there is to do, so that signals
//! are served in time.

use super::Watcher;
use crate::decode::{Events, Malformed};
use crate::error::Error;
use crate::event::Event;
use crate::hash::Done;
use crate::stage_order::{self, Stages, Time};

/// Steps applied between two readings of the clock.
const STRIDE: usize = 32;

/// The most events of a batch: as many as the kernel queue has by default.
const BATCH: usize = 16 << 10;

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

    /// Reads the kernel queue, as far as there is room.
    fn drain(&mut self) -> Result<(), Error> {
        let before = (!self.has_events()).then(|| self.clock.now());
        let read = self.events.read();
        let read = read.map_err(Error::system("read events"))?;
        if let Some(before) = before.filter(|_| read == 0) {
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
            // A piece of a large subtree is written before the next.
            if !tracker.apply_next() || tracker.is_emitting() {
                break;
            }
        }
    }

    fn are_answers_late(&self) -> bool {
        self.pace.are_answers_late(self.clock.tick())
    }

    fn take_answers(&mut self) {
        self.pace.note_answers_taken(self.clock.tick());
        if self.poller.take_worker_event() {
            self.take_done();
            self.go_on_with_baseline();
        }
    }

    fn begin_work(&mut self) {
        let now = self.clock.now();
        self.tracker.at(now).make_due_ready();
    }

    fn work(&mut self) -> bool {
        !self.tracker.is_idle() && self.tracker.work()
    }

    fn emit(&mut self) -> Result<(), Error> {
        self.emit_changes()
    }

    fn begin_time(&mut self) {
        self.pace.begin_stage(self.clock.tick());
    }

    fn time(&mut self) -> Time {
        let now = self.clock.tick();
        let time = self.pace.time(now);
        if time != Time::Left {
            self.service.alive(now);
        }
        time
    }
}

impl Watcher {
    /// Takes what the workers have read. What changed after the watch began is recognised by its
    /// status (`changed_since_start`), not by the order of events and answers.
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

    /// Runs each stage for a limited time.
    pub(super) fn run_stages(&mut self) -> Result<(), Error> {
        self.help_workers();
        let events = stage_order::run(self)?;
        let is_idle = !self.has_events() && self.output.writer.waiting() == 0;
        if let Some(pause) = self.pace.end_turn(events, is_idle) {
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// Writes an event to stderr as the kernel gave it (`--trace`).
    fn trace(&self, event: &Event<'_>) {
        let mut path = Vec::new();
        if let Event::Name { wd, .. } | Event::Inode { wd, .. } | Event::InodeContent { wd, .. } =
            *event
            && let Some(dir) = self.tracker.model.watched(wd)
        {
            self.tracker.write_path(dir, &mut path);
        }
        self.stderr.line(&crate::trace::line(event, &path));
    }
}

fn malformed(malformed: Malformed) -> Error {
    let why = format!("{} bytes that make no event", malformed.left);
    Error::System {
        action: "read events",
        source: std::io::Error::other(why),
    }
}
