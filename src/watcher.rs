//! The main loop: raw events in, changes out. The only place that knows every stage.
//!
//! It waits for the kernel's queue, signals, the workers' answers, mounts and the
//! reader of stdout, and never wakes without a reason. The queue is what must not
//! fill: it is drained between all slices of other work.

mod ancestors;
mod baseline;
mod coverage;
mod cycle;
mod log;
mod session;
mod setup;
mod stop;

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::baseline::Baseline;
use crate::disk::RealDisk;
use crate::error::Error;
use crate::hash::Workers;
use crate::log::Log;
use crate::mounts::Mounts;
use crate::notify::Service;
use crate::output::sink::Sink;
use crate::output::{Header, Printer};
use crate::stderr::{Stderr, erase_progress};
use crate::sys::epoll::{Epoll, EventFd, Interest, Readiness};
use crate::sys::inotify::Inotify;
use crate::sys::signal::{Signal, Signals};
use crate::tracker::disk::Disk;
use crate::tracker::{Timestamps, Tracker};
use ancestors::Above;
pub(crate) use setup::{Config, Output, RunOptions};
pub(crate) use stop::StopReason;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    Events = 1,
    Signal,
    Workers,
    Mounts,
    Above,
    /// The reader of stdout took something, or is gone.
    Output,
}

impl Token {
    fn of(number: u64) -> Option<Self> {
        let all = [
            Self::Events,
            Self::Signal,
            Self::Workers,
            Self::Mounts,
            Self::Above,
            Self::Output,
        ];
        all.into_iter().find(|token| *token as u64 == number)
    }
}

/// Directories are held for no longer than this, however busy the loop is: 1 s.
const HOLD: u64 = 1_000_000_000;

pub(crate) struct Clock {
    /// Where the monotonic one begins.
    began: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamps {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamps {
            tick: self.tick(),
            wall: i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// A time of the monotonic clock, as [`Clock::tick`] gives it.
    pub(crate) fn at(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.began);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time since the beginning, in nanoseconds.
    pub(crate) fn tick(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

pub(crate) struct Watcher {
    /// What the user chose of stopping and saying.
    plan: RunOptions,
    clock: Clock,
    inotify: Rc<Inotify>,
    epoll: Epoll,
    signals: Signals,
    bell: Arc<EventFd>,
    /// Where large files and the baseline are read.
    workers: Workers,
    /// The disk, as the tracker sees it.
    disk: RealDisk,
    tracker: Tracker,
    baseline: Option<Baseline>,
    /// What is above the PATHs, where that matters.
    above: Option<Above>,
    mounts: Option<Mounts>,
    printer: Printer,
    /// What the first record of a session says.
    header: Header,
    sink: Sink,
    stderr: Stderr,
    arriving: Box<[u8]>,
    /// Bytes of events that were read and not applied yet.
    unread: Vec<u8>,
    printed: u64,
    /// When one last was, or the watch became ready: on the monotonic clock.
    last_change: u64,
    ready: u64,
    /// Whether the loop waits for room in the output.
    awaits_room: bool,
    has_answers: bool,
    /// Whether events are left in the kernel's queue until there is room.
    is_paused: bool,
    /// The file that changes go to instead of stdout.
    log: Option<Log>,
    /// Who wants to hear how we are.
    service: Service,
    /// Evidence it ends, where that came before the loop began.
    ended: Option<StopReason>,
    /// Whether events came just now: then more may come, and directories are held.
    is_busy: bool,
    /// Since when they are.
    held_since: u64,
    /// How many crowds of events have come one after the other, and this one.
    bursts: u32,
}

impl Watcher {
    /// Runs until something ends it, and tells statistics where they are asked for.
    ///
    /// # Errors
    /// What makes going on impossible.
    pub(crate) fn run(&mut self) -> Result<StopReason, Error> {
        let ended = self.event_loop();
        erase_progress();
        if self.plan.stats {
            self.print_stats();
        }
        ended
    }

    fn event_loop(&mut self) -> Result<StopReason, Error> {
        if let Some(ending) = self.ended {
            if self.baseline.is_some() {
                self.finish()?;
            } else {
                self.close_log()?; // In the middle of the walk: nothing has been told.
            }
            return Ok(ending);
        }
        let (directories, files) = self.tracker.model.counts();
        self.service.ready(&format!(
            "Watching: {directories} directories, {files} files"
        ));
        let mut ready = Vec::new();
        loop {
            if let Some(ending) = self.flush_output()? {
                return Ok(ending);
            }
            self.check_missing_paths();
            if !self.tracker.is_alive() && !self.awaits() {
                self.finish()?;
                return Err(Error::NothingLeft);
            }
            self.pause_or_go_on()?;
            self.service.alive(self.clock.tick());
            let timeout = self.timeout();
            if timeout.is_none_or(|timeout| !timeout.is_zero())
                || self.clock.tick() > self.held_since + HOLD
            {
                self.disk.release();
                self.held_since = self.clock.tick();
            }
            self.epoll
                .wait(timeout, &mut ready)
                .map_err(Error::system("wait for events"))?;
            self.is_busy &= !ready.is_empty();
            if let Some(ending) = self.woken(&ready)? {
                return Ok(ending);
            }
            if !self.sink.is_full() {
                self.drain()?;
                self.slice()?;
            }
            self.show_progress();
        }
    }

    /// Serves what woke the loop, but for events.
    fn woken(&mut self, ready: &[Readiness]) -> Result<Option<StopReason>, Error> {
        for readiness in ready {
            match Token::of(readiness.token) {
                Some(Token::Signal) => {
                    if let Some(ending) = self.signalled() {
                        self.finish()?;
                        return Ok(Some(ending));
                    }
                }
                Some(Token::Workers) => {
                    self.bell.silence();
                    self.has_answers = true;
                }
                Some(Token::Mounts) => self.remounted(),
                Some(Token::Above) => self.ancestors_changed(),
                Some(Token::Output) if readiness.hung_up => {
                    return Ok(Some(StopReason::ReaderGone));
                }
                Some(Token::Output | Token::Events) | None => {}
            }
        }
        self.time_is_up()
    }

    fn signalled(&mut self) -> Option<StopReason> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::HangUp if self.log.is_some() => self.reopen_log(),
                Signal::Stop | Signal::HangUp => return Some(StopReason::Stopped),
                Signal::User1 => self.print_stats(),
            }
        }
        None
    }

    fn timeout(&self) -> Option<Duration> {
        let log = self.log.as_ref().and_then(Log::deadline);
        let always = [
            self.end_deadline(),
            self.service.deadline(),
            self.help_due(),
            log,
        ];
        let always = always.into_iter().flatten().min();
        if self.sink.is_full() {
            return self.until(always);
        }
        if self.is_busy || !self.unread.is_empty() || !self.tracker.is_idle() {
            return Some(Duration::ZERO);
        }
        self.until(
            [self.tracker.deadline(), self.progress_due(), always]
                .into_iter()
                .flatten()
                .min(),
        )
    }

    /// With a full output the kernel's queue is left alone, and must not wake us. When
    /// it overflows meanwhile, the scan that follows makes up for it.
    fn pause_or_go_on(&mut self) -> Result<(), Error> {
        if self.sink.is_full() != self.is_paused {
            self.is_paused = !self.is_paused;
            let interest = if self.is_paused {
                Interest::HangUp
            } else {
                Interest::Readable
            };
            let modified = self
                .epoll
                .modify(self.inotify.as_fd(), Token::Events as u64, interest);
            modified.map_err(Error::system("wait for events"))?;
        }
        Ok(())
    }

    fn until(&self, deadline: Option<u64>) -> Option<Duration> {
        deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(self.clock.tick())))
    }

    fn listen(
        epoll: &Epoll,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
    ) -> Result<(), Error> {
        epoll
            .add(fd, token as u64, interest)
            .map_err(Error::system("wait for events"))
    }

    /// Mounts changed: what is below the places that changed is looked at.
    fn remounted(&mut self) {
        let Some(mounts) = &mut self.mounts else {
            return;
        };
        for mount_point in mounts.changed() {
            self.tracker.enqueue_path(&mount_point);
        }
    }
}
