//! Walks directories on one thread: watches each, reads it into the model, and goes down.
//!
//! Invariant: a directory is watched before it is read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::read_ahead::List;
use super::reported_before::{OldDirectory, ReportedBefore};
use super::shared::{FileSystem, Job, Shared};
use crate::change::Kind;
use crate::event::Wd;
use crate::file_status::{FsClass, FsError, Stat};
use crate::sys::file;
use crate::sys::fs_error;
use crate::sys::listing;
use crate::sys::process;
use crate::sys::reopen::FdPath;
use crate::sys::stat::{stat_fd, stat_name_cached};
use crate::tracker::model::Id;

/// A directory whose subdirectories are being walked.
struct Frame {
    fd: OwnedFd,
    on: FileSystem,
    /// The index of the first of its subdirectories in [`Walker::subs`].
    first: usize,
}

pub(super) struct Walker<'s, 'a> {
    pub(super) shared: &'s Shared<'a>,
    /// Whether the thread has a working directory of its own.
    moves: bool,
    /// Filled by getdents64(2).
    pub(super) buffer: Vec<u8>,
    /// Subdirectories left to walk, of all frames.
    subs: Vec<Subdirectory>,
    /// Their names, one after the other.
    names: Vec<u8>,
    /// What was reported before of the entries that were just read.
    reported: Vec<Option<ReportedBefore>>,
}

struct Subdirectory {
    id: Id,
    /// The end of its name in [`Walker::names`].
    end: usize,
    old: OldDirectory,
}

impl<'s, 'a> Walker<'s, 'a> {
    pub(super) fn new(shared: &'s Shared<'a>) -> Self {
        let moves = process::unshare_working_directory().is_ok();
        Self {
            moves,
            ..Self::on_this_thread(shared)
        }
    }

    /// A walker that shares the working directory of the process.
    pub(super) fn on_this_thread(shared: &'s Shared<'a>) -> Self {
        Self {
            shared,
            moves: false,
            buffer: vec![0; listing::AT_ONCE],
            subs: Vec::new(),
            names: Vec::new(),
            reported: Vec::new(),
        }
    }

    /// Walks directories until none is left.
    pub(super) fn run(&mut self) {
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

    /// Walks a directory and what is below it, without recursion.
    fn descend(&mut self, id: Id, fd: OwnedFd, above: Option<FileSystem>, old: OldDirectory) {
        let mut frames = Vec::new();
        self.visit(&mut frames, id, fd, above, old);
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
                Ok(Some(fd)) => self.visit(&mut frames, id, fd, above, old),
                Err((error, stat)) => self.walk_error(id, &error, stat),
            }
        }
    }

    /// The end of the names of the subdirectories that are left.
    fn names_end(&self) -> usize {
        self.subs.last().map_or(0, |sub| sub.end)
    }

    /// Watches and reads a directory, and adds it to the frames.
    fn visit(
        &mut self,
        frames: &mut Vec<Frame>,
        id: Id,
        fd: OwnedFd,
        above: Option<FileSystem>,
        old: OldDirectory,
    ) {
        let stat = match stat_fd(fd.as_fd()) {
            Ok(stat) => stat,
            Err(error) => return self.walk_error(id, &error, None),
        };
        let first = self.subs.len();
        // A subvolume is another device within a mount.
        let is_foreign = above.is_some_and(|above| above.dev != stat.inode.dev);
        if is_foreign && self.shared.one_file_system {
            return self.shared.lock().tracker.do_not_enter(id, stat.inode);
        }
        let on = match above {
            Some(above) if above.mount == stat.mount && !is_foreign => above,
            _ => FileSystem {
                dev: stat.inode.dev,
                mount: stat.mount,
                class: self.shared.mounts.class(&stat),
            },
        };
        let wd = self.watch(fd.as_fd());
        self.shared.progress.went_on();
        // Without a watch, a file may change after it was compared, without an event.
        let old = if wd.is_ok() { old } else { None };
        let mut wd = Some(wd);
        let mut list = List::new(fd.as_fd());
        let mut failed = None;
        loop {
            let may_be_ahead = self.shared.has_idle_worker();
            let count = match list.next(&mut self.buffer, may_be_ahead) {
                Ok(count) => count,
                Err(error) => {
                    failed = Some(error);
                    0
                }
            };
            // Even an empty directory must be taken into the model, with its watch.
            if count == 0 && wd.is_none() {
                break;
            }
            self.reported.clear();
            if let (Some(since), Some(old)) = (self.shared.since, old) {
                let entries = listing::entries(&self.buffer[..count]);
                ReportedBefore::find_all(since, old, fd.as_fd(), entries, &mut self.reported);
            }
            if !self.add_entries(id, &stat, on.class, wd.take(), fd.as_fd(), count) {
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
        if let Some(error) = failed {
            let mut state = self.shared.lock();
            state.tracker.cannot_list(id, &fs_error(&error));
        }
        frames.push(Frame { fd, on, first });
    }

    /// Sets a watch, by `.` after fchdir(2) if the thread may: so no path is resolved.
    fn watch(&self, fd: BorrowedFd<'_>) -> io::Result<Wd> {
        if self.moves && file::change_directory(fd).is_ok() {
            return self.shared.inotify.watch_directory(c".");
        }
        self.shared
            .inotify
            .watch_directory(FdPath::new(fd).as_c_str())
    }

    /// Adds the entries that were just read to the model, and its directory the first time. `false`: the model has
    /// the directory under another name.
    fn add_entries(
        &mut self,
        id: Id,
        stat: &Stat,
        class: FsClass,
        wd: Option<io::Result<Wd>>,
        fd: BorrowedFd<'_>,
        count: usize,
    ) -> bool {
        let mut state = self.shared.lock();
        if let Some(wd) = wd
            && !state.take_watch(id, stat.inode, class, wd)
        {
            return false;
        }
        let tracker = &mut *state.tracker;
        let reported = self
            .reported
            .drain(..)
            .chain(std::iter::repeat_with(|| None));
        let mut left_out = None;
        for (entry, before) in listing::entries(&self.buffer[..count]).zip(reported) {
            let name = entry.name;
            // A remote file system may be mounted there: kind and inode number need no answer.
            let status = || stat_name_cached(fd, name).map_err(|error| fs_error(&error));
            let kind = match entry
                .kind
                .map_or_else(|| status().map(|stat| stat.kind), Ok)
            {
                Ok(kind) => kind,
                Err(FsError::NotFound) => continue,
                Err(error) => {
                    left_out = Some(error);
                    continue;
                }
            };
            let is_self_output = kind == Kind::File
                && self
                    .shared
                    .self_outputs
                    .iter()
                    .any(|output| output.ino == entry.ino)
                && status().is_ok_and(|stat| self.shared.self_outputs.contains(&stat.inode));
            if is_self_output || tracker.is_hidden(id, name, kind == Kind::Directory) {
                continue;
            }
            // A directory that changes meanwhile may list a name twice.
            let Some(child) = tracker.add_walked(id, name, kind, entry.ino) else {
                continue;
            };
            let since = self.shared.since;
            let old = before.and_then(|before| before.apply(since, tracker, child));
            if kind == Kind::Directory && !tracker.model.is_not_entered(child) {
                self.names.extend(name);
                let (id, end) = (child, self.names.len());
                self.subs.push(Subdirectory { id, end, old });
            }
        }
        if let Some(error) = left_out {
            tracker.cannot_list(id, &error);
        }
        self.shared.progress.note(tracker.model.counts());
        true
    }

    /// Serves a directory that could not be opened: warns, or puts it on the work queue.
    fn walk_error(&self, id: Id, error: &io::Error, stat: Option<Stat>) {
        let mut state = self.shared.lock();
        state.tracker.cannot_open(id, &fs_error(error), stat);
    }
}
