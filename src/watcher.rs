//! Runs the main loop: raw events in, changes out. It alone knows every stage.
//!
//! Waits for the kernel queue, signals, the workers' answers, mounts and the reader of stdout, and
//! never wakes without a reason. Invariant: the kernel queue is drained between all slices of
//! other work, since it must not fill.

mod ancestors;
mod baseline;
mod event_queue;
mod file_clock;
mod flush;
mod missing_paths;
mod mount_warnings;
mod output;
mod pace;
mod path_survey;
mod poller;
mod ready;
mod reopen_log;
mod setup;
mod shutdown;
mod signals;
mod since;
mod snapshot;
mod stages;
mod stats;
mod stop_reason;
mod surveyed_path;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::disk::RealTracker;
use crate::error::Error;
use crate::escape::escaped;
use crate::hash::Workers;
use crate::mounts::{MountChange, Mounts};
use crate::nanos::nanos;
use crate::sd_notify::Service;
use crate::stage_order::Stages;
use crate::stderr::{Stderr, erase_progress};
use crate::sys::signal::Signals;
use crate::sys::{process, take_lacked_descriptors};
use crate::tracker::Timestamps;
use crate::tracker::disk::Disk;
use ancestors::AncestorWatches;
use baseline::BaselineState;
use event_queue::EventQueue;
use output::Output;
use pace::Pace;
use poller::{EventReading, Poller, Wake, Wakes};
pub(crate) use setup::{Config, Destination, RunOptions};
pub(crate) use since::{Resumption, StreamSource};
use snapshot::Snapshots;
use stop_reason::StopConditions;
pub(crate) use stop_reason::{Exit, StopOptions, StopReason};

/// Reads the clocks of the system, some dozen times for each change: without the checks and
/// conversions of the standard library, which take as long again as the clock.
pub(crate) struct SystemClock {
    /// Where its monotonic time begins.
    began: Instant,
    /// The same, as the kernel counts.
    began_nanos: i64,
}

/// Two readings of one clock that are no further apart than this are taken as one moment: 1 ms.
const MOMENT: u64 = 1_000_000;

/// Reads both clocks at one moment. If the thread loses the CPU between the two, that would look as
/// if the wall clock had been set, and files older than the watch as written since.
fn at_once(mut tick: impl FnMut() -> u64, mut wall: impl FnMut() -> i64) -> Timestamps {
    let mut tries = 0;
    loop {
        let before = tick();
        let now = Timestamps {
            wall: wall(),
            tick: tick(),
        };
        tries += 1;
        if now.tick - before <= MOMENT || tries == 16 {
            return now;
        }
    }
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            began_nanos: process::monotonic_nanos(),
        }
    }

    pub(crate) fn now(&self) -> Timestamps {
        at_once(|| self.tick(), process::wall_nanos)
    }

    /// Converts an instant to the time that [`SystemClock::tick`] gives.
    pub(crate) fn at(&self, time: Instant) -> u64 {
        nanos(time.saturating_duration_since(self.began))
    }

    /// The monotonic time since the beginning, in nanoseconds.
    pub(crate) fn tick(&self) -> u64 {
        let passed = process::monotonic_nanos() - self.began_nanos;
        u64::try_from(passed).unwrap_or(0)
    }
}

pub(crate) struct Watcher {
    options: RunOptions,
    clock: SystemClock,
    poller: Poller,
    signals: Signals,
    events: EventQueue,
    /// They read large files and the baseline.
    workers: Workers,
    tracker: RealTracker,
    baseline: BaselineState,
    /// Watches above the PATHs: with `--wait-for-path`, where a PATH has symbolic links, and where two
    /// lead to the same.
    ancestors: Option<AncestorWatches>,
    mounts: Mounts,
    snapshots: Snapshots,
    output: Output,
    stderr: Stderr,
    /// The connection to the service manager (systemd).
    service: Service,
    stop: StopConditions,
    pace: Pace,
}

impl Watcher {
    /// Runs until something ends it; prints statistics then, if they are asked for.
    ///
    /// # Errors
    /// An error after which the watch cannot go on.
    pub(crate) fn run(&mut self) -> Result<StopReason, Error> {
        let ended = self.event_loop();
        erase_progress();
        self.stderr.summarize(u64::MAX);
        if self.options.stats {
            self.print_stats();
        }
        ended
    }

    /// Leaves all memory to the end of the process, since freeing a large model takes long. Only
    /// the output is closed, since a thread that is stuck in a system call may keep the process.
    pub(crate) fn forget(self) {
        process::close_behind(self.output.as_fd());
        std::mem::forget(self);
    }

    fn event_loop(&mut self) -> Result<StopReason, Error> {
        if let Some(reason) = self.stop.ended() {
            // During the walk there are no records to be written.
            if self.baseline.is_under_way() && reason != StopReason::ReaderGone {
                self.end_start()?;
            }
            return Ok(reason);
        }
        let (directories, files) = self.tracker.model.counts();
        self.service.ready(&format!(
            "Watching: {directories} directories, {files} files"
        ));
        loop {
            if let Some(reason) = self.flush_output()? {
                return Ok(reason);
            }
            self.survey_after_loss();
            self.find_late_paths();
            let is_over = !self.tracker.is_alive() && !self.tracker.is_emitting();
            if is_over && !self.waits_for_paths() {
                // Nobody has asked for an end: the reader is waited for, as at any other time.
                self.end_settle();
                if !self.has_pending() {
                    self.shut_down()?;
                    return self.nothing_left();
                }
                if !self.output.is_full() && !self.tracker.records.ready.is_empty() {
                    continue;
                }
            }
            self.serve_remotes();
            self.report_lack_of_descriptors();
            let reading = EventReading::paused_if(self.output.is_full());
            self.poller
                .set_event_reading(self.events.as_fd(), reading)?;
            let now = self.clock.tick();
            self.service.alive(now);
            self.stderr.summarize(now);
            let timeout = self.timeout();
            let waits = timeout.is_none_or(|timeout| !timeout.is_zero());
            if self.pace.end_hold(waits, now) {
                self.tracker.disk.release();
            }
            let wakes = self.poller.wait(timeout)?;
            self.pace.note_wait(!wakes.is_empty());
            if let Some(reason) = self.woken(wakes)? {
                return Ok(reason);
            }
            if !self.output.is_full() {
                self.drain()?;
                if !self.list_slice()? {
                    self.run_stages()?;
                }
            }
            self.show_progress();
        }
    }

    /// The end when every PATH is gone. Changes that --settle held until then count, too.
    fn nothing_left(&self) -> Result<StopReason, Error> {
        if self.stop.is_counted() {
            return Ok(StopReason::Counted);
        }
        Err(Error::NothingLeft)
    }

    /// Serves what has woken the loop; events are read afterwards.
    fn woken(&mut self, wakes: Wakes) -> Result<Option<StopReason>, Error> {
        if wakes.has(Wake::ReaderGone) {
            return Ok(Some(StopReason::ReaderGone));
        }
        if wakes.has(Wake::Signal)
            && let Some(reason) = self.serve_signals()
        {
            self.shut_down()?;
            return Ok(Some(reason));
        }
        if wakes.has(Wake::Mounts) {
            self.remounted();
        }
        if wakes.has(Wake::Ancestors) {
            self.ancestors_changed();
        }
        let reason = self.stop.time_is_up(self.clock.tick(), || self.is_done());
        let Some(reason) = reason else {
            return Ok(None);
        };
        self.shut_down()?;
        // Changes that --settle held until now count, too.
        Ok(Some(self.stop.with_all_printed(reason)))
    }

    /// Whether all events were applied, nothing is left to be reconciled, and all is written.
    fn is_done(&self) -> bool {
        let is_known = self.tracker.is_done() && !self.has_events();
        is_known && !self.snapshots.is_listing() && !self.has_pending()
    }

    /// How long the loop may wait; `None`: for ever.
    fn timeout(&self) -> Option<Duration> {
        let now = self.clock.tick();
        // Only what is served while the reader of the output stalls: the loop must not spin.
        let due_while_stalled = [
            self.stop.deadline(now, || self.is_done()),
            self.service.deadline(),
            self.late_paths_due(),
            self.stderr.summary_due(),
            self.output.deadline(),
        ];
        let due_while_stalled = due_while_stalled.into_iter().flatten().min();
        if self.output.is_full() && !self.output.can_render() {
            return self.until(due_while_stalled);
        }
        let has_input = self.has_events() || self.poller.has_worker_event();
        let has_work = self.pace.is_busy() || has_input || !self.tracker.is_idle();
        if has_work || self.output.can_render() || self.snapshots.is_listing() {
            return Some(Duration::ZERO);
        }
        let due = [
            self.tracker.deadline(),
            self.progress_due(),
            self.snapshot_due(),
            self.help_due(),
            due_while_stalled,
        ];
        self.until(due.into_iter().flatten().min())
    }

    /// How long it is until a deadline; `None`: for ever.
    fn until(&self, deadline: Option<u64>) -> Option<Duration> {
        deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(self.clock.tick())))
    }

    /// Serves a change of the mount table: enqueues each mount point that changed; watches files that
    /// are mount points now; surveys the PATHs; forgets remote mounts that are gone.
    fn remounted(&mut self) {
        let now = self.clock.now();
        let mut changed = Vec::new();
        for (mount_point, change) in self.mounts.take_changed() {
            if change == MountChange::Mounted {
                let tracker = self.tracker.at(now);
                tracker.watch_mount_point(&mount_point);
            }
            self.tracker.enqueue_path(&mount_point);
            changed.push(mount_point);
        }
        self.find_remounted(&changed);
        let is_mounted = |mount| self.mounts.numbered(mount).is_some();
        self.tracker.disk.remotes.retain(is_mounted);
    }

    /// Reports that calls have failed for want of a descriptor, once an hour at most.
    fn report_lack_of_descriptors(&mut self) {
        if take_lacked_descriptors() {
            let limit = process::descriptor_limit();
            let now = self.clock.tick();
            self.stderr.warn_hourly(
                &format!(
                    "warning: too many files are open (this process may have {limit}: ulimit -n): \
                     what needs one more is tried again"
                ),
                now,
            );
        }
    }

    /// Serves file systems that may not answer. Those that do not are reported, each once until it
    /// answers again; of those that answer now and then, the first ones.
    fn serve_remotes(&mut self) {
        if self.tracker.disk.remotes.take_recovered() {
            self.tracker.hasten_unanswered();
        }
        for wd in self.tracker.disk.remotes.take_unclaimed_watches() {
            self.tracker.unwatch_unneeded(wd);
        }
        for mount in self.tracker.disk.remotes.take_stalled() {
            let point = self.mounts.numbered(mount);
            let point = point.map(|known| escaped(&known.mount_point));
            let point = point.unwrap_or_else(|| "a file system".to_owned());
            let text = format!(
                "warning: {point} does not answer: what is on it is not known, and is asked again"
            );
            self.stderr.warn_of_many(&text, self.clock.tick());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Timestamps, at_once};

    #[test]
    fn clocks_between_which_the_thread_has_waited_are_read_again() {
        let mut ticks = [0, 150_000_000, 150_000_100, 150_000_200].into_iter();
        let mut walls = [1, 2].into_iter();
        let tick = || ticks.next().expect("two for each try");
        let wall = || walls.next().expect("one for each try");
        let now = at_once(tick, wall);
        let (tick, wall) = (150_000_200, 2);
        assert_eq!(now, Timestamps { tick, wall });
    }
}
