//! Ends the watch: applies the events that are queued, writes all records, as far as the reader
//! takes them within a second, and gives up the rest. Before `ready`, it applies nothing.
//!
//! Does not decide when it ends, nor why: see [`stop_reason`](super::stop_reason). Invariant: no
//! record is left torn in a file, and what is lost is an error.

use std::time::{Duration, Instant};

use super::Watcher;
use super::output::Written;
use crate::error::Error;
use crate::stage_order::{self, Draining, Stages};
use crate::stderr;
use crate::sys::process;

/// How long the end may take, stderr included.
const LIMIT: Duration = Duration::from_secs(1);

/// How much longer stderr may take, which then gets the number of records that are lost.
const GRACE: Duration = Duration::from_millis(100);

/// What ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The watch: events that are queued are applied.
    Watch,
    /// The start: nothing is applied.
    Start,
}

/// How far the records were written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Completion {
    /// All were, or the reader is gone.
    Done,
    /// There was no time for more.
    CutShort,
}

impl Watcher {
    /// Applies the events that are queued, and writes all records, as far as the reader takes
    /// them within [`LIMIT`] and no second signal comes; then gives up the rest.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn shut_down(&mut self) -> Result<(), Error> {
        match self.complete(Ending::Watch)? {
            Completion::Done => Ok(()),
            Completion::CutShort => self.give_up_unwritten(),
        }
    }

    /// Ends the watch before it is ready: writes the records that were made, as far as the reader
    /// takes them within [`LIMIT`] and no second signal comes. That a list is not complete is no error,
    /// since no `ready` follows.
    ///
    /// # Errors
    /// A record that was made could not be written.
    pub(super) fn end_start(&mut self) -> Result<(), Error> {
        if self.complete(Ending::Start)? == Completion::Done {
            return Ok(());
        }
        let _whole = self.output.cut_torn();
        Err(match &mut self.output.log {
            Some(log) => Error::Output(log.take_error()),
            None => Error::Unwritten(self.pending()),
        })
    }

    fn complete(&mut self, ending: Ending) -> Result<Completion, Error> {
        let until = Instant::now() + LIMIT;
        stderr::end_by(until + GRACE);
        self.service.stopping();
        self.end_settle();
        if ending == Ending::Watch {
            self.drain()?;
        }
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        loop {
            if ending == Ending::Watch {
                self.complete_model()?;
            }
            self.emit_changes()?;
            if self.write()? == Written::ReaderGone {
                return Ok(Completion::Done);
            }
            let is_known = ending == Ending::Start
                || !self.has_events() && self.tracker.is_idle() && !self.snapshots.is_listing();
            if is_known && !self.has_pending() {
                return Ok(Completion::Done);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Completion::CutShort);
            }
            if self.serve_signals().is_some() {
                stderr::end_by(Instant::now());
                return Ok(Completion::CutShort);
            }
            let may_go_on = if is_known {
                self.output.can_render()
            } else {
                !self.output.is_full()
            };
            if !may_go_on {
                self.wait_for_reader(left);
            }
        }
    }

    /// Applies and reconciles a part of what is left, or lists a part of the snapshot that was begun:
    /// later records are changes of it.
    fn complete_model(&mut self) -> Result<(), Error> {
        if !self.snapshots.is_listing() {
            stage_order::apply(self, Draining::Off)?;
            if !self.output.is_full() {
                stage_order::reconcile(self);
            }
        } else if !self.output.is_full() {
            self.list_slice()?;
        }
        Ok(())
    }

    pub(super) fn end_settle(&mut self) {
        let tildes = self.tracker.model.tildes();
        let ready = &mut self.tracker.records.ready;
        self.output.end_settle(ready, tildes, process::wall_nanos());
    }

    /// Cuts off a torn record, and gives up what is not written.
    ///
    /// # Errors
    /// Something was lost.
    pub(super) fn give_up_unwritten(&mut self) -> Result<(), Error> {
        let pending = self.pending();
        if pending == 0 && !self.snapshots.is_listing() {
            return Ok(());
        }
        let _whole = self.output.cut_torn();
        let is_stuck = self.output.has_pending(&self.tracker.records.ready);
        match &mut self.output.log {
            Some(log) if is_stuck => Err(Error::Output(log.take_error())),
            Some(_) | None if self.snapshots.is_listing() => Err(Error::SnapshotCut),
            Some(_) | None => Err(Error::Unwritten(pending)),
        }
    }
}
