//! Runs the baseline as part of the loop: keeps the workers busy with it, shows its progress on a
//! terminal, waits for it with `--initial`, and reports its end on stderr.

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::poller::{EventReading, Wake};
use super::{StopReason, Watcher};
use crate::baseline::Baseline;
use crate::error::Error;
use crate::since::Since;
use crate::stage_order::Stages;
use crate::stderr::erase_progress;

/// How long the loop does the workers' work before it serves events and signals again: 1 ms.
const HELP: Duration = Duration::from_millis(1);

/// The state of the first reading of all files.
pub(super) enum BaselineState {
    /// It has not begun: the PATHs are being walked. With `--since` or `--resume`: what was
    /// reported before this watch.
    Walking(Option<Arc<Since>>),
    UnderWay(Baseline),
    Over,
}

impl BaselineState {
    /// What was reported before this watch, during the walk.
    pub(super) fn since(&self) -> Option<&Since> {
        match self {
            Self::Walking(since) => since.as_deref(),
            Self::UnderWay(_) | Self::Over => None,
        }
    }

    /// Begins it, after the walk.
    pub(super) fn begin(&mut self) {
        let since = match self {
            Self::Walking(since) => since.take(),
            Self::UnderWay(_) | Self::Over => None,
        };
        *self = Self::UnderWay(Baseline::new(since));
    }

    pub(super) fn reading(&mut self) -> Option<&mut Baseline> {
        match self {
            Self::UnderWay(baseline) => Some(baseline),
            Self::Walking(_) | Self::Over => None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self, Self::UnderWay(_))
    }

    /// Ends it, and returns it, if it was under way.
    fn end(&mut self) -> Option<Baseline> {
        match std::mem::replace(self, Self::Over) {
            Self::UnderWay(baseline) => Some(baseline),
            before @ (Self::Walking(_) | Self::Over) => {
                *self = before;
                None
            }
        }
    }
}

impl Watcher {
    /// Reads every file before the watch is ready.
    pub(super) fn read_all(&mut self) -> Result<(), Error> {
        while self.feed_baseline() {
            let due = [self.progress_due(), self.help_due()];
            let timeout = self.until(due.into_iter().flatten().min());
            // No event is applied until all is read.
            let reading = EventReading::paused_if(self.events.is_full());
            self.poller
                .set_event_reading(self.events.as_fd(), reading)?;
            let wakes = self.poller.wait(timeout)?;
            self.check_signals();
            if wakes.has(Wake::ReaderGone) {
                self.stop.set_ended(StopReason::ReaderGone);
            }
            if self.stop.has_ended() {
                return Ok(());
            }
            self.help_workers();
            self.take_done();
            self.show_progress();
            self.drain()?;
        }
        Ok(())
    }

    /// Whether there are files that it reads.
    pub(super) fn reads_files(&self) -> bool {
        let (_, files) = self.tracker.model.counts();
        files > 0 && self.tracker.settings.hashing.is_eager()
    }

    /// When the loop has to do the workers' work, since no thread can be made.
    pub(super) fn help_due(&self) -> Option<u64> {
        self.workers.help_due().map(|due| self.clock.at(due))
    }

    /// Does some of the workers' work, if no thread can be made.
    pub(super) fn help_workers(&self) {
        if self.help_due().is_some_and(|due| due <= self.clock.tick()) {
            self.workers.help(Instant::now() + HELP);
        }
    }

    /// Gives the workers more of the baseline to read. `false`: it is complete, or not under way.
    pub(super) fn feed_baseline(&mut self) -> bool {
        let Some(baseline) = self.baseline.reading() else {
            return false;
        };
        baseline.feed(&self.tracker, &self.workers);
        !baseline.is_complete()
    }

    /// Gives the workers more of the baseline to read, or reports its end.
    pub(super) fn go_on_with_baseline(&mut self) {
        if self.baseline.is_under_way() && !self.feed_baseline() {
            erase_progress();
            self.end_baseline();
        }
    }

    /// When progress is to be shown next.
    pub(super) fn progress_due(&self) -> Option<u64> {
        // Not while stdout, which may be the same terminal, may have written half a line.
        let may_show = self.baseline.is_under_way() && self.output.writer.waiting() == 0;
        self.stderr.progress_due().filter(|_| may_show)
    }

    /// Shows the progress of the baseline, if that is due.
    pub(super) fn show_progress(&mut self) {
        let Some(due) = self.progress_due() else {
            return;
        };
        let now = self.clock.tick();
        if due <= now
            && let Some(baseline) = self.baseline.reading()
        {
            let text = baseline.text(&self.tracker);
            self.stderr
                .progress(now, &format!("{text} (--hash lazy skips this)"));
        }
    }

    /// Ends the baseline, and reports that, if files were to be read.
    pub(super) fn end_baseline(&mut self) {
        let Some(baseline) = self.baseline.end() else {
            return;
        };
        if self.tracker.settings.hashing.is_eager() {
            let (files, bytes) = (baseline.files, baseline.bytes);
            let millis = self.clock.tick() / 1_000_000;
            let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
            self.stderr.note(&format!(
                "baseline complete: {files} files, {bytes} bytes, {seconds} s"
            ));
        }
    }
}
