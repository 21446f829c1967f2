//! Turns the PATHs into the first model: every directory watched, every name known.
//!
//! Two threads, each with a working directory of its own, so that a watch is set on
//! "." and no path is ever resolved. Invariant: a directory is watched before it is
//! read, so what changes after the reading has an event.

mod progress;
mod read_ahead;
mod remote;
mod reported_before;
mod shared;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::{io, thread};

use crate::change::Kind;
use crate::disk::path::RemotePath;
use crate::disk::{RealDisk, RealTracker};
use crate::event::Wd;
use crate::file_status::{FsClass, Stat};
use crate::mounts::MountTable;
use crate::since::Since;
use crate::sys::file::{self, FdPath, Open};
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::listing;
use crate::sys::process;
use crate::sys::stat::{stat_fd, stat_fd_cached, stat_name, stat_name_cached};
use crate::tracker::disk::{FsError, Inode};
use crate::tracker::model::{DirectoryState, Id, NotEntered};
pub(crate) use progress::WalkProgress;
use read_ahead::List;
pub(crate) use remote::walk_remote;
use reported_before::{OldDirectory, ReportedBefore};
use shared::{FileSystem, Job, Shared};

/// Threads that walk: a third one would only wait for the kernel's locks.
const THREADS: usize = 2;

/// What a walk needs beside the tracker.
pub(crate) struct WalkContext<'a> {
    pub(crate) inotify: Arc<Inotify>,
    pub(crate) mounts: Arc<MountTable>,
    /// Our own outputs, which are left out.
    self_outputs: Vec<Inode>,
    pub(crate) progress: &'a WalkProgress,
    /// What was reported before: files that are as they were then are known at once.
    pub(crate) since: Option<&'a Since>,
}

impl<'a> WalkContext<'a> {
    pub(crate) fn new(disk: &RealDisk, progress: &'a WalkProgress) -> Self {
        Self {
            inotify: disk.inotify(),
            mounts: Arc::clone(&disk.mounts),
            self_outputs: disk.self_outputs.inodes(),
            progress,
            since: None,
        }
    }
}

/// Walks the tree below a PATH whose entry and open directory are given. What could not be
/// walked is left on the work queue. Gives the directories that are known under another
/// name, and what that is.
pub(crate) fn walk(
    tracker: &mut RealTracker,
    context: &mut WalkContext<'_>,
    root: Id,
    fd: OwnedFd,
) -> Vec<(Id, Id)> {
    let (mut aliases, remote) = walk_local(tracker, context, root, fd);
    for (id, path) in remote {
        aliases.extend(walk_remote(tracker, context, id, path));
    }
    aliases
}

type Aliases = Vec<(Id, Id)>;

/// Walks all that is local; also returns the roots of remote mounts.
fn walk_local(
    tracker: &mut RealTracker,
    context: &WalkContext<'_>,
    root: Id,
    fd: OwnedFd,
) -> (Aliases, Vec<(Id, RemotePath)>) {
    // The PATH counts as found, so that progress never shows more directories watched than found.
    context.progress.note(tracker.model.counts());
    let shared = Shared::new(tracker, context, root, fd);
    thread::scope(|scope| {
        let mut started = 0;
        for _ in 0..THREADS {
            let builder = thread::Builder::new()
                .name("walk".into())
                .stack_size(256 << 10);
            started += usize::from(
                builder
                    .spawn_scoped(scope, || Walker::new(&shared).run())
                    .is_ok(),
            );
        }
        if started == 0 {
            Walker::on_this_thread(&shared).run();
        }
    });
    let mut state = shared.lock();
    let aliases = std::mem::take(&mut state.aliases);
    (aliases, std::mem::take(&mut state.remote))
}

/// A directory of that device is there; its inode number is not known before it is asked.
fn set_unasked(tracker: &mut RealTracker, id: Id, dev: u64) {
    tracker.model.set_inode(id, Inode { dev, ino: 0 });
}

struct Frame {
    fd: OwnedFd,
    on: FileSystem,
    /// The index of the first of its subdirectories that are left to walk.
    first: usize,
}

struct Walker<'s, 'a> {
    shared: &'s Shared<'a>,
    /// Whether the thread has a working directory of its own.
    moves: bool,
    buffer: Vec<u8>,
    /// Subdirectories left to walk, of all frames.
    subs: Vec<Subdirectory>,
    names: Vec<u8>,
    /// What was reported before of the entries just read.
    reported: Vec<Option<ReportedBefore>>,
}

struct Subdirectory {
    id: Id,
    /// Where its name ends among the names.
    end: usize,
    old: OldDirectory,
}

impl<'s, 'a> Walker<'s, 'a> {
    fn new(shared: &'s Shared<'a>) -> Self {
        let moves = process::unshare_working_directory().is_ok();
        Self {
            moves,
            ..Self::on_this_thread(shared)
        }
    }

    /// On a thread that keeps its working directory.
    fn on_this_thread(shared: &'s Shared<'a>) -> Self {
        Self {
            shared,
            moves: false,
            buffer: vec![0; listing::AT_ONCE],
            subs: Vec::new(),
            names: Vec::new(),
            reported: Vec::new(),
        }
    }

    fn run(&mut self) {
        while let Some(job) = self.shared.take() {
            let opened = match job.fd {
                Some(fd) => Ok(fd),
                None => self.reopen(job.id),
            };
            match opened {
                Ok(fd) => self.descend(job.id, fd, job.above, job.old),
                Err(error) => self.walk_error(job.id, &error, None),
            }
            self.shared.finished();
        }
    }

    /// Opens a directory by its relative path from the PATH: not by the path of that, since each
    /// thread has a working directory of its own.
    fn reopen(&self, id: Id) -> io::Result<OwnedFd> {
        let mut route = Vec::new();
        let state = self.shared.lock();
        state.tracker.model.write_relative_path(id, &mut route);
        drop(state);
        let root = self.shared.root.as_ref();
        let root = root.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        file::open_path(root.as_fd(), &route, Open::Listing)
    }

    /// Walks a directory and what is below it, without recursion.
    fn descend(&mut self, id: Id, fd: OwnedFd, above: Option<FileSystem>, old: OldDirectory) {
        let mut frames = Vec::new();
        self.arrive(&mut frames, id, fd, above, old);
        while let Some(frame) = frames.last()
            && !self.shared.progress.is_ended()
        {
            if self.subs.len() == frame.first {
                frames.pop();
                continue;
            }
            let Some(Subdirectory { id, end, old }) = self.subs.pop() else {
                return;
            };
            let start = self.names_end();
            let above = Some(frame.on);
            let name = &self.names[start..end];
            let opened = self.open_below(id, frame.fd.as_fd(), name, frame.on);
            self.names.truncate(start);
            match opened {
                Ok(None) => {}
                Ok(Some(fd)) if self.shared.has_idle_worker() => {
                    let fd = Some(fd);
                    self.shared.give(Job { id, fd, above, old });
                }
                Ok(Some(_)) if frames.len() >= self.shared.depth => {
                    let fd = None;
                    self.shared.give(Job { id, fd, above, old });
                }
                Ok(Some(fd)) => self.arrive(&mut frames, id, fd, above, old),
                Err((error, raw)) => self.walk_error(id, &error, raw),
            }
        }
    }

    /// Where the names of the subdirectories left to walk end.
    fn names_end(&self) -> usize {
        self.subs.last().map_or(0, |sub| sub.end)
    }

    fn arrive(
        &mut self,
        frames: &mut Vec<Frame>,
        id: Id,
        fd: OwnedFd,
        above: Option<FileSystem>,
        old: OldDirectory,
    ) {
        let raw = match stat_fd(fd.as_fd()) {
            Ok(raw) => raw,
            Err(error) => return self.walk_error(id, &error, None),
        };
        let first = self.subs.len();
        // A subvolume is another device within a mount.
        let is_foreign = above.is_some_and(|above| above.dev != raw.inode.dev);
        if is_foreign && self.shared.one_file_system {
            return self.do_not_enter(id, raw.inode);
        }
        let on = match above {
            Some(above) if above.mount == raw.mount && !is_foreign => above,
            _ => FileSystem {
                dev: raw.inode.dev,
                mount: raw.mount,
                class: self.shared.mounts.class(&raw),
            },
        };
        let wd = self.watch(fd.as_fd());
        self.shared.progress.went_on();
        // Where a write makes no event, a file may have changed before it is compared.
        let old = if wd.is_ok() { old } else { None };
        let mut wd = Some(wd);
        let mut list = List::new(fd.as_fd());
        loop {
            let may_be_ahead = self.shared.has_idle_worker();
            let count = match list.next(&mut self.buffer, may_be_ahead) {
                Ok(count) => count,
                Err(error) => {
                    self.walk_error(id, &error, Some(raw));
                    0
                }
            };
            // A directory of few names is read to its end at once.
            if count == 0 && wd.is_none() {
                break;
            }
            self.find_reported(old, fd.as_fd(), count);
            if !self.enter(id, &raw, on.class, wd.take(), fd.as_fd(), count) {
                self.subs.truncate(first);
                self.names.truncate(self.names_end());
                return;
            }
            if count == 0 || self.shared.progress.is_ended() {
                break;
            }
            if count > listing::AT_ONCE / 2 {
                self.shared.progress.check_interrupt();
            }
        }
        drop(list);
        frames.push(Frame { fd, on, first });
    }

    /// Opens a subdirectory, if it is to be entered; where that fails, returns what is there.
    fn open_below(
        &self,
        id: Id,
        dir: BorrowedFd<'_>,
        name: &[u8],
        above: FileSystem,
    ) -> Result<Option<OwnedFd>, (io::Error, Option<Stat>)> {
        // Where opening a name may mount something, it is stat'ed first.
        if !self.shared.has_automounts {
            let opened =
                file::with_c_str(name, |name| file::open_in_mount(dir, name, Open::Listing));
            match opened {
                Ok(fd) => return Ok(Some(fd)),
                // Another mount, or a kernel or sandbox without openat2(2).
                Err(error) if file::is_refused_by_openat2(&error) => {}
                Err(error) => {
                    let raw = file::with_c_str(name, |name| stat_name_cached(dir, name)).ok();
                    return Err((error, raw));
                }
            }
        }
        self.open_other(id, dir, name, above)
    }

    /// The same for what may be on another file system: what is not to be entered is never
    /// opened, and nothing is mounted by that.
    fn open_other(
        &self,
        id: Id,
        dir: BorrowedFd<'_>,
        name: &[u8],
        above: FileSystem,
    ) -> Result<Option<OwnedFd>, (io::Error, Option<Stat>)> {
        let failed = |error| (error, None);
        let found = file::with_c_str(name, |name| file::open_name(dir, name, Open::Path));
        let found = found.map_err(failed)?;
        let raw = stat_fd_cached(found.as_fd()).map_err(failed)?;
        if raw.kind != Kind::Directory {
            return Err((io::ErrorKind::NotFound.into(), None));
        }
        let is_foreign = raw.inode.dev != above.dev;
        let class = self.shared.mounts.class(&raw);
        let is_remote = (raw.is_mount_root || is_foreign) && class.may_stall();
        if raw.is_automount
            || class == FsClass::Automount
            || is_foreign && self.shared.one_file_system
        {
            self.do_not_enter(id, raw.inode);
            return Ok(None);
        }
        if is_remote {
            let path = RemotePath::at(found, &raw);
            let mut state = self.shared.lock();
            state.tracker.file_systems.note(raw.inode.dev, class);
            set_unasked(state.tracker, id, raw.inode.dev);
            state.remote.push((id, path));
            return Ok(None);
        }
        let opened = file::open_name(found.as_fd(), c".", Open::Listing);
        opened.map(Some).map_err(|error| (error, Some(raw)))
    }

    fn do_not_enter(&self, id: Id, inode: Inode) {
        let mut state = self.shared.lock();
        state.tracker.model.set_inode(id, inode);
        let boundary = DirectoryState::NotEntered(NotEntered::Boundary);
        state.tracker.model.set_directory_state(id, boundary);
    }

    fn watch(&self, fd: BorrowedFd<'_>) -> io::Result<Wd> {
        if self.moves && file::change_directory(fd).is_ok() {
            return self.shared.inotify.watch_directory(c".");
        }
        self.shared
            .inotify
            .watch_directory(FdPath::new(fd).as_c_str())
    }

    /// Takes a directory and the entries just read into the model. `false`: it is
    /// known under another name already.
    fn enter(
        &mut self,
        id: Id,
        raw: &Stat,
        class: FsClass,
        wd: Option<io::Result<Wd>>,
        fd: BorrowedFd<'_>,
        count: usize,
    ) -> bool {
        let mut state = self.shared.lock();
        if let Some(wd) = wd
            && !state.arrived(id, raw.inode, class, wd)
        {
            return false;
        }
        let tracker = &mut *state.tracker;
        let reported = self
            .reported
            .drain(..)
            .chain(std::iter::repeat_with(|| None));
        for (entry, before) in listing::entries(&self.buffer[..count]).zip(reported) {
            let name = entry.name.to_bytes();
            let stat = || stat_name(fd, entry.name).ok();
            let Some(kind) = entry.kind.or_else(|| stat().map(|raw| raw.kind)) else {
                continue;
            };
            let is_self_output = kind == Kind::File
                && self
                    .shared
                    .self_outputs
                    .iter()
                    .any(|output| output.ino == entry.ino)
                && stat().is_some_and(|raw| self.shared.self_outputs.contains(&raw.inode));
            if is_self_output || tracker.is_hidden(id, name, kind == Kind::Directory) {
                continue;
            }
            // A directory that changes while it is read may give a name twice.
            let Some(child) = tracker.model.add(id, name, kind) else {
                continue;
            };
            tracker.add_walked(child, id, entry.ino);
            let since = self.shared.since;
            let old = before.and_then(|before| before.apply(since, tracker, child));
            if kind == Kind::Directory && !tracker.model.is_not_entered(child) {
                self.names.extend(name);
                let (id, end) = (child, self.names.len());
                self.subs.push(Subdirectory { id, end, old });
            }
        }
        self.shared.progress.note(tracker.model.counts());
        true
    }

    /// What could not be opened or read: it is reported, and reconciled again.
    fn walk_error(&self, id: Id, error: &io::Error, raw: Option<Stat>) {
        let mut state = self.shared.lock();
        let why = fs_error(error);
        match raw {
            Some(raw) if why != FsError::NotFound && raw.kind == Kind::Directory => {
                state.tracker.model.set_inode(id, raw.inode);
                if why == FsError::NoDescriptor {
                    // It may work once fewer descriptors are open.
                    state.tracker.enqueue(id);
                } else {
                    state.tracker.cannot_watch(id, &why);
                }
            }
            _ => state.tracker.enqueue(id),
        }
    }
}
