//! Sessions of the running watch.

use super::Watcher;

impl Watcher {
    /// Begins a session: its first record is put before all that is emitted from now on.
    pub(super) fn begin_session(&mut self) {
        let now = self.clock.now();
        self.output.begin_session(&self.header, now.wall);
    }
}
