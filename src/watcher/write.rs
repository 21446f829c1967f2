//! Writes records to stdout or the log. The log takes what it can, is tried again when it
//! takes nothing, and is opened again when it was renamed or removed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use super::Watcher;
use super::output::{Output, Written};
use crate::error::Error;
use crate::log_file::{self, Transition};
use crate::sys::stat::stat_fd;

impl Watcher {
    /// Writes what is taken now.
    ///
    /// # Errors
    /// What waits can never be written.
    pub(super) fn write(&mut self) -> Result<Written, Error> {
        let Output { writer, log, .. } = &mut self.output;
        let Some(log) = log else {
            return match writer.flush() {
                Ok(()) => Ok(Written::AsFarAsPossible),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Written::ReaderGone),
                Err(error) => {
                    // No record is left torn in a file.
                    if let Ok(copied) = writer.as_fd().try_clone_to_owned() {
                        let _whole = log_file::cut(&mut File::from(copied), writer.torn());
                    }
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
                self.stderr.warn(&format!("warning: {text}"));
                self.service.status(&text);
            }
            Transition::Recovered => {
                let text = format!("{} is written again, and nothing was lost", log.shown());
                self.stderr.warn(&text);
                self.service.status(&text);
            }
        }
        Ok(Written::AsFarAsPossible)
    }

    /// The log may have been renamed: what comes from now on goes to the file that is at
    /// its path. Whatever goes wrong, there is one to write to.
    pub(super) fn reopen_log(&mut self) {
        self.service.reloading();
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        // What is known already belongs to the old file, if that takes it. A log gives
        // no error here.
        let _written = self.emit_changes().and_then(|()| self.write());
        match self.change_log() {
            Ok(true) => self.begin_again(),
            Ok(false) => {}
            Err(why) => self.stderr.warn(&format!(
                "warning: {why}; changes go to the file that was open before"
            )),
        }
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        self.service.reloaded();
    }

    /// Goes on in the file that is at the log's path; whether that is another one.
    fn change_log(&mut self) -> Result<bool, String> {
        let Some(log) = &self.output.log else {
            return Ok(false);
        };
        let copied = self.output.writer.as_fd().try_clone_to_owned();
        let mut old = File::from(copied.map_err(|error| error.to_string())?);
        let Some(opened) = log.reopen(&old, self.output.writer.end())? else {
            return Ok(false);
        };
        // Before its event is applied: this thread alone reads the queue.
        self.tracker.disk.self_outputs.add_path(log.path());
        if let Ok(raw) = stat_fd(opened.fd.as_fd()) {
            self.tracker.disk.self_outputs.add(&raw);
        }
        if log_file::cut(&mut old, self.output.writer.torn()).is_ok() {
            self.output.writer.rewind_torn();
        }
        self.output
            .writer
            .move_to(opened.fd)
            .map_err(|error| error.to_string())?;
        if opened.is_cut {
            self.output.writer.end_first();
        }
        if let Ok(raw) = stat_fd(old.as_fd()) {
            self.tracker.disk.self_outputs.retire(&raw);
        }
        let shown = log.shown();
        if let Some(warning) = opened.warning {
            self.stderr.warn(&format!("warning: {warning}"));
        }
        self.stderr.note(&format!("{shown} was opened anew"));
        Ok(true)
    }

    /// At the end: no record is left torn in a log, and what was not written is lost, which
    /// is an error.
    ///
    /// # Errors
    /// Something was lost.
    pub(super) fn close_output(&mut self) -> Result<(), Error> {
        let unwritten = self.output.unwritten() + self.tracker.left_to_emit();
        if unwritten == 0 {
            return Ok(());
        }
        let torn = self.output.writer.torn();
        if let Ok(copied) = self.output.as_fd().try_clone_to_owned() {
            let _whole = log_file::cut(&mut File::from(copied), torn);
        }
        let is_stuck = self.output.unwritten() > 0;
        match &mut self.output.log {
            Some(log) if is_stuck => Err(Error::Output(log.take_error())),
            Some(_) | None => Err(Error::Unwritten(unwritten)),
        }
    }
}
