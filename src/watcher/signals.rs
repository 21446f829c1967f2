//! Serves signals: SIGHUP opens the log anew, SIGUSR1 prints statistics, any other is a reason to
//! stop, which `stop_reason` turns into an exit status.

use super::{StopReason, Watcher};
use crate::sys::signal::Signal;

impl Watcher {
    /// Serves the signals that came. Returns the reason to stop, if one of them is that.
    pub(super) fn serve_signals(&mut self) -> Option<StopReason> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::HangUp if self.output.log.is_some() => {
                    if !self.snapshots.keep_hang_up() {
                        self.reopen_log();
                    }
                }
                Signal::User1 => self.print_stats(),
                signal => return Some(self.stop.signalled(signal)),
            }
        }
        None
    }

    /// Serves a SIGHUP that was kept.
    pub(super) fn serve_kept_hang_up(&mut self) {
        if self.snapshots.take_hang_up() {
            self.reopen_log();
        }
    }

    /// Serves the signals that came, before the loop begins.
    pub(super) fn check_signals(&mut self) {
        if !self.stop.has_ended()
            && let Some(reason) = self.serve_signals()
        {
            self.stop.set_ended(reason);
        }
    }
}
