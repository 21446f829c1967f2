//! Prints statistics, as one block on stderr.

use super::Watcher;
use crate::change::Kind;
use crate::stderr::message;
use crate::sys::process;

impl Watcher {
    pub(super) fn print_stats(&self) {
        let counters = &self.tracker.counters;
        let (directories, files) = self.tracker.model.counts();
        let model = &self.tracker.model;
        let is_watched = |id: &_| model.kind(*id) == Kind::Directory && model.wd(*id).is_some();
        let watches = model.all().filter(is_watched).count() + self.tracker.file_watches();
        let (resident, peak) = process::resident().unwrap_or((0, 0));
        let mib = |bytes: u64| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
        let seconds = self.clock.tick() / 1_000_000_000;
        let rows = [
            ("watches", watches.to_string()),
            ("directories", directories.to_string()),
            ("files", files.to_string()),
            ("events", counters.events.to_string()),
            ("changes printed", self.stop.printed().to_string()),
            ("overflows", counters.overflows.to_string()),
            ("rescans", counters.rescans.to_string()),
            ("hashes", counters.hashes.to_string()),
            ("bytes hashed", counters.hashed_bytes.to_string()),
            ("same-content writes", counters.same_content.to_string()),
            ("memory", format!("{} (peak {})", mib(resident), mib(peak))),
            ("running", format!("{seconds} s")),
        ];
        let warnings = self.stderr.warning_counts();
        let warnings = warnings.map(|(name, count)| (name, count.to_string()));
        for (name, value) in rows.into_iter().chain(warnings) {
            message(&format!("stats: {name:<20} {value}"));
        }
    }
}
