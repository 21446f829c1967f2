//! Turns the user's choices into a [`Watcher`] whose watches are all set.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::baseline::BaselineState;
use super::event_queue::EventQueue;
use super::file_clock;
use super::output::Output;
use super::pace::Pace;
use super::poller::{Poller, Wake};
use super::ready;
use super::snapshot::Snapshots;
use super::stop_reason::StopConditions;
use super::{Resumption, StopOptions, StopReason, SystemClock, Watcher};
use crate::change::ChangeBuffer;
use crate::disk::RealDisk;
use crate::error::Error;
use crate::filter::Filter;
use crate::hash::Workers;
use crate::interrupt::Interrupt;
use crate::log_file::{Log, OpenedLog};
use crate::mounts::Mounts;
use crate::output::writer::RecordWriter;
use crate::output::{Header, Printer, Style};
use crate::root_builder::RootBuilder;
use crate::sd_notify::Service;
use crate::self_output::SelfOutputs;
use crate::settle::Settle;
use crate::stderr::Stderr;
use crate::sys::epoll::Interest;
use crate::sys::inotify::Inotify;
use crate::sys::signal::Signals;
use crate::sys::stat::{stat_fd, stat_path};
use crate::sys::stream::is_hung_up;
use crate::tracker::{Root, Settings, Tracker, is_above, is_dots};
use crate::walk::{WalkContext, WalkProgress};

/// Entries stat'ed before signals are served: thousands of extended attributes take some 10 ms.
const STATS: usize = 16;

/// What the user chose, as far as the loop needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunOptions {
    pub(crate) trace: bool,
    pub(crate) stats: bool,
    pub(crate) quiet: bool,
    /// Whether the first session begins with a snapshot, which JSON alone has.
    pub(crate) initial: bool,
    /// The interval between two snapshots, in nanoseconds.
    pub(crate) snapshot: Option<u64>,
    /// `--settle`: net effects are printed after so much quiet, in nanoseconds.
    pub(crate) settle: Option<u64>,
    /// A missing PATH is waited for.
    pub(crate) waits_for_missing: bool,
}

/// Where records go.
pub(crate) enum Destination {
    Stdout(OwnedFd),
    Log(Log, OpenedLog),
}

pub(crate) struct Config {
    pub(crate) paths: Vec<Vec<u8>>,
    pub(crate) filter: Filter,
    pub(crate) settings: Settings,
    pub(crate) style: Style,
    /// The `host` field of each record, if there is one.
    pub(crate) host: Option<String>,
    pub(crate) header: Header,
    pub(crate) destination: Destination,
    /// Files that balerion writes beside the output (`--pid-file`), whose changes are not reported.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) options: RunOptions,
    pub(crate) stop: StopOptions,
    /// The stream to resume from (`--since`, `--resume`).
    pub(crate) resumption: Option<Resumption>,
}

impl Watcher {
    /// Sets every watch, and begins the first session.
    ///
    /// # Errors
    /// A PATH that cannot be watched, or a limit of the system.
    pub(crate) fn start(mut config: Config, signals: Signals) -> Result<Self, Error> {
        let paths = std::mem::take(&mut config.paths);
        let waits_for_missing = config.options.waits_for_missing;
        let writes_files = !config.files.is_empty();
        let warning = match &mut config.destination {
            Destination::Log(_, opened) => opened.warning.take(),
            Destination::Stdout(_) => None,
        };
        let resumption = config.resumption.take();
        let mut watcher = Self::new(config, signals)?;
        watcher.listen_to_all()?;
        if let Some(warning) = warning {
            watcher.stderr.line(&format!("warning: {warning}"));
        }
        if let Some(resumption) = &resumption {
            watcher.read_stream(resumption)?;
            if watcher.stop.has_ended() {
                return Ok(watcher);
            }
        }
        if waits_for_missing {
            watcher.build(&watcher.present(&paths), waits_for_missing)?;
        } else {
            watcher.build(&paths, waits_for_missing)?;
        }
        if watcher.stop.has_ended() {
            return Ok(watcher);
        }
        watcher.watch_ancestors(&paths, waits_for_missing)?;
        watcher.tracker.begin_to_poll_empty_roots();
        let may_leave = watcher.output.log.is_none() && !writes_files;
        watcher.leave_working_directory(&paths, may_leave);
        watcher.begin()?;
        Ok(watcher)
    }

    /// Makes everything that a watch needs, and sets none yet.
    fn new(config: Config, signals: Signals) -> Result<Self, Error> {
        let clock = SystemClock::new();
        let poller = Poller::new()?;
        let inotify = Arc::new(Inotify::new().map_err(Error::inotify("begin to watch"))?);
        let workers = Workers::new(poller.worker_event());
        let settle = config.options.settle.map(Settle::new);
        let printer = Printer::new(config.style, config.host, config.header);
        let output = open_output(config.destination, printer, config.style, settle)?;
        let outputs = self_outputs(&output, &config.files);
        let disk = RealDisk::new(Arc::clone(&inotify), workers.clone(), outputs);
        let mut tracker = Tracker::new(disk, config.settings, config.filter, clock.now());
        if config.options.settle.is_some() {
            *tracker.records.current() = ChangeBuffer::keeping_before();
        }
        Ok(Self {
            options: config.options,
            clock,
            poller,
            signals,
            events: EventQueue::new(inotify),
            workers,
            tracker,
            baseline: BaselineState::Walking(None),
            ancestors: None,
            mounts: Mounts::new(),
            snapshots: Snapshots::new(
                config.options.initial,
                config.options.snapshot,
                &config.style,
            ),
            output,
            stderr: Stderr::new(config.options.quiet),
            service: Service::from_environment(),
            stop: StopConditions::new(config.stop),
            pace: Pace::new(),
        })
    }

    fn listen_to_all(&mut self) -> Result<(), Error> {
        let poller = &self.poller;
        poller.listen(self.events.as_fd(), Wake::Events, Interest::Readable)?;
        poller.listen(self.signals.as_fd(), Wake::Signal, Interest::Readable)?;
        if let Some(mounts) = self.mounts.fd() {
            poller.listen(mounts, Wake::Mounts, Interest::Priority)?;
        }
        if !poller.listen_to_output(self.output.as_fd()) {
            self.output.writer.set_always_ready();
        }
        Ok(())
    }

    /// The conditions that interrupt the walk: a signal, or that the reader of stdout is gone.
    pub(super) fn interrupt(&self) -> Interrupt {
        let ends = self.signals.that_end(self.output.log.is_none());
        Interrupt::new(ends, self.output.writer.reader())
    }

    fn build(&mut self, paths: &[Vec<u8>], skips_missing: bool) -> Result<(), Error> {
        let progress = WalkProgress::new(Some(self.interrupt()));
        let mut context = WalkContext::new(&self.tracker.disk, &progress);
        context.since = self.baseline.since();
        let mut builder = RootBuilder::new(&mut self.tracker, context);
        builder.may_wait = true;
        builder.skips_missing = skips_missing;
        let built = self
            .stderr
            .during(|| progress.text(), || builder.build(paths));
        built?;
        for note in builder.notes {
            self.stderr.note(&note);
        }
        self.check_signals();
        let is_gone = self.output.writer.reader().is_some_and(is_hung_up);
        if is_gone && !self.stop.has_ended() {
            self.stop.set_ended(StopReason::ReaderGone);
        }
        if self.stop.has_ended() {
            return Ok(());
        }
        if self.tracker.model.polled_directories() > 0 {
            self.tracker.set_began_coarse(file_clock::next_tick());
        }
        self.warn_of_incomplete_events();
        self.report_lack_of_descriptors();
        self.watch_mount_points();
        let (strict, attributes) = (
            self.tracker.settings.strict,
            self.tracker.settings.attributes,
        );
        if strict || attributes || self.tracker.settings.touched {
            self.init_metadata();
        }
        Ok(())
    }

    /// Stats every entry, unless the watch is to end.
    fn init_metadata(&mut self) {
        let entries: Vec<_> = self.tracker.model.all().collect();
        for slice in entries.chunks(STATS) {
            self.check_signals();
            if self.stop.has_ended() {
                return;
            }
            let now = self.clock.now();
            self.tracker.at(now).init_metadata(slice);
        }
    }

    /// Watches files that are mount points.
    fn watch_mount_points(&mut self) {
        let now = self.clock.now();
        let tracker = self.tracker.at(now);
        for mount in &self.mounts.all {
            tracker.init_mount_point(&mount.mount_point);
        }
    }

    /// The text of the `ready` line: what is watched.
    fn ready_text(&self) -> String {
        let missing = self.missing_paths();
        let roots = self.tracker.roots.paths();
        let directories = roots.map(|root| root.shown.as_slice());
        let files = self.tracker.roots.files().iter();
        let files = files.map(|file| file.shown.as_slice());
        let watched: Vec<_> = directories.chain(files).collect();
        ready::text(self.tracker.model.counts(), &watched, &missing)
    }

    /// Opens PATHs that begin with `..` by their absolute paths, since the working directory may be
    /// moved. Leaves it, if `may_leave` and no PATH needs it: a directory that is some process's
    /// working directory makes no event when it is removed.
    fn leave_working_directory(&mut self, paths: &[Vec<u8>], may_leave: bool) {
        let inode = |path: &[u8]| stat_path(path).ok().map(|stat| stat.inode);
        // A file system that may not answer is not asked.
        let same = |root: &Root| {
            !root.class.may_stall()
                && !root.absolute.is_empty()
                && inode(&root.absolute) == inode(&root.open)
        };
        let tracker = &mut self.tracker;
        tracker.open_by_absolute_paths(|root| is_above(&root.open) && same(root));
        let is_elsewhere =
            |path: &Vec<u8>| path.starts_with(b"/") || is_dots(path) || is_above(path);
        let may_leave = may_leave
            && paths.iter().all(is_elsewhere)
            && tracker.roots.directories().iter().all(same);
        if may_leave {
            tracker.open_by_absolute_paths(|_| true);
            // If that fails, nothing but this one event is lost.
            let _left = std::env::set_current_dir("/");
        }
    }

    /// Emits what is there, if that is asked for, and `ready`; begins the baseline.
    fn begin(&mut self) -> Result<(), Error> {
        let compares = self.baseline.since().is_some();
        let now = self.clock.now();
        let tracker = self.tracker.at(now);
        // A PATH may have been switched since it was walked.
        tracker.dismiss_records();
        self.snapshots.begin(tracker.records.current(), compares);
        self.baseline.begin();
        if compares || self.snapshots.is_initial() {
            self.serve_kept_hang_up();
            self.read_all()?;
            if self.stop.has_ended() {
                return Ok(());
            }
            if compares {
                self.emit_differences()?;
            }
            if !self.snapshots.is_comparing() {
                self.list_all()?;
            }
        } else if self.reads_files() {
            file_clock::wait_until(self.tracker.began());
        }
        if self.stop.has_ended() {
            return Ok(());
        }
        self.emit_ready();
        self.emit_changes()?;
        self.stop.set_ready(self.clock.tick());
        self.stderr.note(&format!("ready: {}", self.ready_text()));
        self.go_on_with_baseline();
        self.serve_kept_hang_up();
        Ok(())
    }
}

fn open_output(
    destination: Destination,
    printer: Printer,
    style: Style,
    settle: Option<Settle>,
) -> Result<Output, Error> {
    let (fd, log, is_cut) = match destination {
        Destination::Stdout(fd) => (fd, None, false),
        Destination::Log(log, opened) => (opened.fd, Some(log), opened.is_cut),
    };
    let mut writer = RecordWriter::new(fd, style.end()).map_err(Error::Output)?;
    if is_cut {
        writer.end_first();
    }
    Ok(Output::new(printer, writer, log, settle))
}

fn self_outputs(output: &Output, files: &[PathBuf]) -> SelfOutputs {
    let mut outputs = SelfOutputs::default();
    let stderr = std::io::stderr();
    let open = [stat_fd(output.as_fd()), stat_fd(stderr.as_fd())];
    let named = files
        .iter()
        .map(|path| stat_path(path.as_os_str().as_bytes()));
    for stat in open.into_iter().chain(named).flatten() {
        outputs.add(&stat);
    }
    let log = output.log.as_ref().map(Log::path).into_iter();
    for path in log.chain(files.iter().map(PathBuf::as_path)) {
        outputs.add_path(path);
    }
    outputs
}
