//! Writing, where what is written to may be a log: it takes what it can, is tried again
//! when it takes nothing, and is opened anew when somebody has put it away.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use super::{StopReason, Watcher};
use crate::error::Error;
use crate::log::{self, News};
use crate::sys::stat::stat_fd;

impl Watcher {
    /// Writes what is taken now; an ending if the reader is gone.
    ///
    /// # Errors
    /// What waits can never be written.
    pub(super) fn write(&mut self) -> Result<Option<StopReason>, Error> {
        let Some(log) = &mut self.log else {
            return match self.sink.flush() {
                Ok(()) => Ok(None),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    Ok(Some(StopReason::ReaderGone))
                }
                Err(error) => Err(Error::Output(error)),
            };
        };
        let now = self.clock.tick();
        if !log.is_due(now) {
            return Ok(None);
        }
        let written = self.sink.flush();
        let all = written.and_then(|()| match self.sink.waiting() {
            0 => Ok(()),
            _ => Err(io::Error::from(ErrorKind::WriteZero)),
        });
        match log.tried(all, now) {
            News::None => {}
            News::Stuck(why) => {
                let text = format!(
                    "{} cannot be written: {why}; it is tried again every second",
                    log.shown()
                );
                self.stderr.warn(&format!("warning: {text}"));
                self.service.status(&text);
            }
            News::Freed => {
                let text = format!("{} is written again, and nothing was lost", log.shown());
                self.stderr.warn(&text);
                self.service.status(&text);
            }
        }
        Ok(None)
    }

    /// The log may have been renamed: what comes from now on goes to the file that is at
    /// its path. Whatever goes wrong, there is one to write to.
    pub(super) fn reopen_log(&mut self) {
        self.service.reloading();
        if let Some(log) = &mut self.log {
            log.hurry();
        }
        // What is known already belongs to the old file, if that takes it. A log gives
        // no error here.
        let _written = self.write();
        if let Err(why) = self.change_log() {
            self.stderr.warn(&format!(
                "warning: {why}; changes go to the file that was open before"
            ));
        }
        if let Some(log) = &mut self.log {
            log.hurry();
        }
        self.service.reloaded();
    }

    /// Goes on in the file that is at the log's path.
    fn change_log(&mut self) -> Result<(), String> {
        let Some(log) = &self.log else { return Ok(()) };
        let copied = self.sink.as_fd().try_clone_to_owned();
        let mut old = File::from(copied.map_err(|error| error.to_string())?);
        let Some(opened) = log.reopen(&old, self.sink.end())? else {
            return Ok(());
        };
        // Before its event is looked at: the queue is read by this thread alone.
        self.disk.own.add_path(log.path());
        if let Ok(raw) = stat_fd(opened.fd.as_fd()) {
            self.disk.own.add(&raw);
        }
        if log::cut(&mut old, self.sink.torn()).is_ok() {
            self.sink.rewind_torn();
        }
        self.sink
            .move_to(opened.fd)
            .map_err(|error| error.to_string())?;
        if opened.is_cut {
            self.sink.end_first();
        }
        if let Ok(raw) = stat_fd(old.as_fd()) {
            self.disk.own.retire(&raw);
        }
        let shown = log.shown();
        self.stderr.note(&format!("{shown} was opened anew"));
        Ok(())
    }

    /// At the end: no record is left torn, and what was not taken is lost, which is said.
    ///
    /// # Errors
    /// Something was lost.
    pub(super) fn close_log(&mut self) -> Result<(), Error> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if self.sink.waiting() == 0 {
            return Ok(());
        }
        if let Ok(copied) = self.sink.as_fd().try_clone_to_owned() {
            let _whole = log::cut(&mut File::from(copied), self.sink.torn());
        }
        Err(Error::Output(log.why()))
    }
}
