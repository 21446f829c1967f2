//! Renders the changes that the tracker has emitted, and writes what the reader takes: a limited
//! part in each turn of the loop, and all of it before `ready`. While the reader takes nothing, the
//! changes wait, and no more events are applied. A log that cannot be written is tried again.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use super::output::{Output, PIECES, Written};
use super::poller::Wake;
use super::{StopReason, Watcher};
use crate::change::Change;
use crate::error::Error;
use crate::log_file::{Log, Transition};
use crate::stderr::erase_progress;
use crate::sys::epoll::Interest;
use crate::sys::stream::wait_for_input;

/// How long the reader is waited for at once.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Watcher {
    /// Renders some of the changes, and writes what the reader takes.
    pub(super) fn emit_changes(&mut self) -> Result<(), Error> {
        for warning in self.tracker.filter.take_warnings() {
            self.stderr.warn_of_many(&warning, self.clock.tick());
        }
        for _ in 0..PIECES {
            if self.output.is_idle(&self.tracker.records.ready) {
                return Ok(());
            }
            let now = self.clock.now();
            let tildes = self.tracker.model.tildes();
            let buffer = &mut self.tracker.records.ready;
            self.output.settle(buffer, tildes, &mut self.stop, now);
            if let Some(buffer) = self.output.take(buffer) {
                // stdout may be the same terminal.
                erase_progress();
                for (path, warning) in buffer.warnings() {
                    self.stderr.warning(buffer.bytes(path), warning, now.tick);
                }
            } else if !self.output.can_render() {
                return Ok(());
            }
            self.output.render(&mut self.stop, now.tick);
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
            let interest = if self.output.awaits_room() {
                Interest::Writable
            } else {
                Interest::HangUp
            };
            self.poller
                .set_interest(self.output.as_fd(), Wake::Output, interest)?;
        }
        Ok(None)
    }

    /// Writes everything, however long the reader takes, unless the watch is to end.
    pub(super) fn write_all(&mut self) -> Result<(), Error> {
        while !self.stop.has_ended() {
            self.emit_changes()?;
            if self.write()? == Written::ReaderGone {
                self.stop.set_ended(StopReason::ReaderGone);
            } else if !self.has_pending() {
                break;
            } else {
                self.check_signals();
                if !self.output.can_render() {
                    self.wait_for_reader(LONGEST_WAIT);
                }
            }
        }
        Ok(())
    }

    /// Waits until the reader takes more, is gone, or a signal comes; while a log fails, until it is
    /// tried again; at most for so long. Serves nothing.
    pub(super) fn wait_for_reader(&self, longest: Duration) {
        let millis = |time: Duration| u16::try_from(time.as_millis()).unwrap_or(u16::MAX);
        let signals = self.signals.as_fd();
        let retry = self.output.log.as_ref().and_then(Log::deadline);
        match self.until(retry) {
            Some(retry) => wait_for_input(signals, millis(retry.min(longest)) + 1),
            None => {
                let writer = &self.output.writer;
                writer.wait_for_room_or_input(signals, millis(longest));
            }
        }
    }

    /// Whether something is left to be emitted or written.
    pub(super) fn has_pending(&self) -> bool {
        self.tracker.is_emitting() || self.output.has_pending(&self.tracker.records.ready)
    }

    /// The number of records of what was emitted that are not written.
    pub(super) fn pending(&self) -> usize {
        let prints = |change: &Change| self.output.prints(change);
        self.output.pending(&self.tracker.records.ready) + self.tracker.left_to_emit(prints)
    }

    /// Writes what the reader takes now.
    ///
    /// # Errors
    /// The output can never be written again.
    pub(super) fn write(&mut self) -> Result<Written, Error> {
        let Output { writer, log, .. } = &mut self.output;
        let Some(log) = log else {
            return match writer.flush() {
                Ok(()) => Ok(Written::AsFarAsPossible),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Written::ReaderGone),
                Err(error) => {
                    let _whole = self.output.cut_torn();
                    Err(Error::Output(error))
                }
            };
        };
        let now = self.clock.tick();
        if !log.is_due(now) {
            return Ok(Written::AsFarAsPossible);
        }
        let written = writer.flush();
        let all = written.and_then(|()| match writer.waiting() {
            0 => Ok(()),
            _ => Err(io::Error::from(ErrorKind::WriteZero)),
        });
        match log.record_attempt(all, now) {
            Transition::None => {}
            Transition::Failing(why) => {
                let text = format!(
                    "{} cannot be written: {why}; it is tried again every second",
                    log.shown()
                );
                self.stderr.line(&format!("warning: {text}"));
                self.service.status(&text);
            }
            Transition::Recovered => {
                let text = format!("{} is written again, and nothing was lost", log.shown());
                self.stderr.line(&text);
                self.service.status(&text);
            }
        }
        Ok(Written::AsFarAsPossible)
    }
}
