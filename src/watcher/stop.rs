//! Evidence a watch ends, and what is told of it.

use super::Watcher;
use crate::change::Kind;
use crate::error::Error;
use crate::stderr::message;
use crate::sys::process;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StopReason {
    Stopped,
    /// `--count` was reached.
    Counted,
    ReaderGone,
    /// `--timeout` passed; whether a change was printed.
    TimedOut(bool),
    /// `--until-quiet`: nothing has changed for so long.
    Quiet,
}

impl StopReason {
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::TimedOut(false) => 3,
            _ => 0,
        }
    }
}

impl Watcher {
    pub(super) fn end_deadline(&self) -> Option<u64> {
        let after = |from: u64, nanos: Option<u64>| nanos.map(|nanos| from.saturating_add(nanos));
        let timeout = after(self.ready, self.plan.timeout);
        let quiet = after(self.last_change, self.plan.until_quiet);
        [timeout, quiet].into_iter().flatten().min()
    }

    pub(super) fn time_is_up(&mut self) -> Result<Option<StopReason>, Error> {
        let now = self.clock.tick();
        let is_over = |from: u64, nanos: Option<u64>| {
            nanos.is_some_and(|nanos| from.saturating_add(nanos) <= now)
        };
        if is_over(self.ready, self.plan.timeout) {
            self.finish()?;
            return Ok(Some(StopReason::TimedOut(self.printed > 0)));
        }
        if is_over(self.last_change, self.plan.until_quiet)
            && self.tracker.is_done()
            && self.unread.is_empty()
        {
            self.finish()?;
            return Ok(Some(StopReason::Quiet));
        }
        Ok(None)
    }

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
            ("changes printed", self.printed.to_string()),
            ("overflows", counters.overflows.to_string()),
            ("rescans", counters.rescans.to_string()),
            ("hashes", counters.hashes.to_string()),
            ("bytes hashed", counters.hashed_bytes.to_string()),
            ("same-content writes", counters.same_content.to_string()),
            ("memory", format!("{} (peak {})", mib(resident), mib(peak))),
            ("running", format!("{seconds} s")),
        ];
        for (name, value) in rows {
            message(&format!("stats: {name:<20} {value}"));
        }
    }
}
