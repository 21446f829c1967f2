//! Opens the log anew on SIGHUP, when it was renamed or removed (logrotate(8)).
//!
//! Invariant: whatever goes wrong, there is a file to write to, and no record is split between two.

use std::os::fd::AsFd;

use super::Watcher;
use crate::sys::stat::stat_fd;

impl Watcher {
    /// Writes records from now on to the file that is at the log's path now.
    pub(super) fn reopen_log(&mut self) {
        self.service.reloading();
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        // Earlier records go to the old file, if it can be written. Writing a log gives no error:
        // it is tried again.
        let _written = self.emit_changes().and_then(|()| self.write());
        match self.change_log() {
            Ok(true) => self.begin_again(),
            Ok(false) => {}
            Err(why) => self.stderr.line(&format!(
                "warning: {why}; changes go to the file that was open before"
            )),
        }
        if let Some(log) = &mut self.output.log {
            log.retry_now();
        }
        self.service.reloaded();
    }

    /// Opens the file that is at the log's path. Returns whether that is another one.
    fn change_log(&mut self) -> Result<bool, String> {
        let Some(log) = &self.output.log else {
            return Ok(false);
        };
        let old = self.output.file().map_err(|error| error.to_string())?;
        let Some(opened) = log.reopen(&old, self.output.writer.end())? else {
            return Ok(false);
        };
        let (path, shown) = (log.path().to_path_buf(), log.shown());
        if self.snapshots.has_sessions() {
            // What --settle holds is of the session that ends here.
            self.output.release_settled();
            let _written = self.emit_changes().and_then(|()| self.write());
        }
        // In time before the event of the new file, since this thread applies the events.
        self.tracker.disk.self_outputs.add_path(&path);
        if let Ok(raw) = stat_fd(opened.fd.as_fd()) {
            self.tracker.disk.self_outputs.add(&raw);
        }
        // If its part cannot be cut off the old file, the new one gets the record as a whole anyway.
        let _whole = self.output.cut_torn();
        self.output.writer.rewind_torn();
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
        if let Some(warning) = opened.warning {
            self.stderr.line(&format!("warning: {warning}"));
        }
        self.stderr.note(&format!("{shown} was opened anew"));
        Ok(true)
    }
}
