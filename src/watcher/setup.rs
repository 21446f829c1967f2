//! From the user's choices to a watch that is in place.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::{Clock, Token, Watcher};
use crate::baseline::Baseline;
use crate::change::Change;
use crate::disk::RealDisk;
use crate::error::Error;
use crate::filter::Filter;
use crate::hash::Workers;
use crate::log::{Log, OpenedLog};
use crate::mounts::Mounts;
use crate::notify::Service;
use crate::output::sink::Sink;
use crate::output::{Header, Printer, Style};
use crate::roots::RootBuilder;
use crate::self_output::SelfOutputs;
use crate::stderr::Stderr;
use crate::sys::epoll::{Epoll, EventFd, Interest};
use crate::sys::file;
use crate::sys::inotify::Inotify;
use crate::sys::process;
use crate::sys::signal::Signals;
use crate::sys::stat::{stat_fd, stat_path};
use crate::tracker::disk::Inode;
use crate::tracker::model::Model;
use crate::tracker::{Root, Settings, Tracker};
use crate::walk::WalkProgress;

/// Descriptors that walking and looking may take.
const DESCRIPTORS: u64 = 4096;

/// What the user chose of stopping and saying.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunOptions {
    /// End after so many changes.
    pub(crate) count: Option<u64>,
    /// End that long after ready, in nanoseconds.
    pub(crate) timeout: Option<u64>,
    /// End when nothing has changed for so long, in nanoseconds.
    pub(crate) until_quiet: Option<u64>,
    pub(crate) trace: bool,
    pub(crate) stats: bool,
    pub(crate) quiet: bool,
    pub(crate) initial: bool,
    /// Wait for a PATH that is missing.
    pub(crate) waits: bool,
}

pub(crate) enum Output {
    Stream(OwnedFd),
    Log(Log, OpenedLog),
}

/// All that a watch is made from.
pub(crate) struct Config {
    pub(crate) paths: Vec<Vec<u8>>,
    pub(crate) filter: Filter,
    pub(crate) settings: Settings,
    pub(crate) style: Style,
    /// What each record carries of its origin, where it does.
    pub(crate) host: Option<String>,
    pub(crate) header: Header,
    pub(crate) output: Output,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) plan: RunOptions,
}

impl Watcher {
    /// Sets every watch.
    ///
    /// # Errors
    /// A PATH that cannot be watched, or a limit that does not let us begin.
    pub(crate) fn start(mut order: Config) -> Result<Self, Error> {
        let paths = std::mem::take(&mut order.paths);
        let waits = order.plan.waits;
        let writes_files = !order.files.is_empty();
        let mut watcher = Self::new(order)?;
        watcher.listen_to_all()?;
        let present = |path: &&Vec<u8>| !waits || super::ancestors::is_there(path);
        let there: Vec<_> = paths.iter().filter(present).cloned().collect();
        let known = watcher.disk.own.inodes();
        watcher.build(&there, &known)?;
        if watcher.ended.is_some() {
            return Ok(watcher);
        }
        watcher.watch_ancestors(&paths, waits)?;
        if watcher.log.is_none() && !writes_files {
            watcher.leave_working_directory(&paths);
        }
        watcher.begin()?;
        Ok(watcher)
    }

    /// Everything that it needs, and no watch yet.
    fn new(order: Config) -> Result<Self, Error> {
        let clock = Clock::new();
        let signals = Signals::new().map_err(Error::system("wait for signals"))?;
        let epoll = Epoll::new().map_err(Error::system("wait for events"))?;
        let bell = Arc::new(EventFd::new().map_err(Error::system("wait for events"))?);
        let inotify = Rc::new(Inotify::new().map_err(Error::system("begin to watch"))?);
        process::set_mmap_threshold();
        process::raise_descriptor_limit(DESCRIPTORS);
        process::widen_descriptor_table(inotify.as_fd(), 1000);
        let workers = Workers::new(Arc::clone(&bell));
        let (sink, log) = sink(order.output, order.style)?;
        let own = self_outputs(&sink, log.as_ref(), &order.files);
        let disk = RealDisk::new(Rc::clone(&inotify), workers.clone(), own);
        let mut settings = order.settings;
        settings.began = clock.now().wall;
        settings.began_coarse = settings.began;
        let tracker = Tracker::new(
            settings,
            order.filter,
            Vec::new(),
            Model::new(),
            clock.tick(),
        );
        Ok(Self {
            plan: order.plan,
            clock,
            inotify,
            epoll,
            signals,
            bell,
            workers,
            disk,
            tracker,
            baseline: None,
            above: None,
            mounts: Mounts::new().ok(),
            printer: Printer::new(order.style, order.host),
            header: order.header,
            sink,
            stderr: Stderr::new(order.plan.quiet),
            arriving: vec![0; super::cycle::READ].into(),
            unread: Vec::new(),
            printed: 0,
            last_change: 0,
            ready: 0,
            awaits_room: false,
            has_answers: false,
            is_paused: false,
            log,
            service: Service::from_environment(),
            ended: None,
            is_busy: false,
            held_since: 0,
            bursts: 1,
        })
    }

    fn listen_to_all(&mut self) -> Result<(), Error> {
        let epoll = &self.epoll;
        Self::listen(
            epoll,
            self.inotify.as_fd(),
            Token::Events,
            Interest::Readable,
        )?;
        Self::listen(
            epoll,
            self.signals.as_fd(),
            Token::Signal,
            Interest::Readable,
        )?;
        Self::listen(epoll, self.bell.as_fd(), Token::Workers, Interest::Readable)?;
        if let Some(mounts) = &self.mounts {
            Self::listen(epoll, mounts.as_fd(), Token::Mounts, Interest::Priority)?;
        }
        if epoll
            .add(self.sink.as_fd(), Token::Output as u64, Interest::HangUp)
            .is_err()
        {
            self.sink.set_always_ready();
        }
        Ok(())
    }

    fn build(&mut self, paths: &[Vec<u8>], own: &[Inode]) -> Result<(), Error> {
        let progress = WalkProgress::new(self.log.is_none());
        let mut builder = RootBuilder {
            tracker: &mut self.tracker,
            inotify: &self.inotify,
            mounts: &self.disk.mounts,
            own,
            progress: &progress,
            notes: Vec::new(),
        };
        let built = self
            .stderr
            .during(|| progress.text(), || builder.build(paths));
        built?;
        for note in builder.notes {
            self.stderr.note(&note);
        }
        self.check_signals();
        if self.ended.is_some() {
            return Ok(());
        }
        if self.tracker.unwatched > 0 {
            self.tracker.settings.began_coarse = next_tick();
        }
        self.warn_of_incomplete_events();
        let (strict, attributes) = (
            self.tracker.settings.strict,
            self.tracker.settings.attributes,
        );
        if strict || attributes || self.tracker.settings.touched {
            let now = self.clock.now();
            let mut turn = self.tracker.turn(&mut self.disk, now);
            turn.init_metadata();
        }
        Ok(())
    }

    /// A working directory that somebody stands in makes no event when it is removed. So
    /// that it is not us, it is left, where no PATH needs it.
    fn leave_working_directory(&mut self, paths: &[Vec<u8>]) {
        let is_dots = |path: &[u8]| {
            path.split(|&byte| byte == b'/')
                .all(|name| matches!(name, b"" | b"." | b".."))
        };
        if !paths
            .iter()
            .all(|path| path.starts_with(b"/") || is_dots(path))
        {
            return;
        }
        let inode = |path: &[u8]| file::with_c_str(path, stat_path).ok().map(|raw| raw.inode);
        let same =
            |root: &Root| !root.absolute.is_empty() && inode(&root.absolute) == inode(&root.open);
        if self.tracker.roots.iter().all(same) {
            for root in &mut self.tracker.roots {
                root.open.clone_from(&root.absolute);
            }
            // It stays where that may not be: nothing but this one event is lost.
            let _left = std::env::set_current_dir("/");
        }
    }

    /// Tells that every watch is in place, and begins to read what is there.
    fn begin(&mut self) -> Result<(), Error> {
        self.begin_session();
        self.baseline = Some(Baseline::new());
        if self.plan.initial {
            self.read_all()?;
        }
        if self.ended.is_some() {
            return Ok(());
        }
        self.emit_changes()?;
        let (directories, files) = self.tracker.model.counts();
        self.tracker
            .batch
            .push(Change::Ready { directories, files });
        self.emit_changes()?;
        let now = self.clock.now().tick;
        (self.ready, self.last_change) = (now, now);
        self.stderr
            .note(&format!("ready: {directories} directories, {files} files"));
        self.go_on_with_baseline();
        Ok(())
    }
}

/// Waits until the clock of file systems moves on, some milliseconds at most, and gives
/// its time: what carries that one or a later one was written after now.
fn next_tick() -> i64 {
    let before = process::coarse_nanos();
    loop {
        let now = process::coarse_nanos();
        if now != before {
            return now;
        }
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
}

/// Where records go, and the log if that is one.
fn sink(output: Output, style: Style) -> Result<(Sink, Option<Log>), Error> {
    let (fd, log, is_cut) = match output {
        Output::Stream(fd) => (fd, None, false),
        Output::Log(log, opened) => (opened.fd, Some(log), opened.is_cut),
    };
    let mut sink = Sink::new(fd, style.end()).map_err(Error::Output)?;
    if is_cut {
        sink.end_first();
    }
    Ok((sink, log))
}

fn self_outputs(sink: &Sink, log: Option<&Log>, files: &[PathBuf]) -> SelfOutputs {
    let mut own = SelfOutputs::default();
    let stderr = std::io::stderr();
    let open = [stat_fd(sink.as_fd()), stat_fd(stderr.as_fd())];
    let named = files
        .iter()
        .map(|path| file::with_c_str(path.as_os_str().as_bytes(), stat_path));
    for raw in open.into_iter().chain(named).flatten() {
        own.add(&raw);
    }
    for path in log
        .map(Log::path)
        .into_iter()
        .chain(files.iter().map(PathBuf::as_path))
    {
        own.add_path(path);
    }
    own
}
