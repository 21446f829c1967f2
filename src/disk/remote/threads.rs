//! Runs the threads of a mount: one asks its file system the questions, one after the other, and
//! one reads files. Each may wait for as long as the file system takes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::mailbox::Shared;
use super::{
    Answer, Answered, Ask, NoAnswer, PATIENCE, Question, RemoteTarget, STALLED_AFTER, Walked,
};
use crate::change::Kind;
use crate::disk::path::RemotePath;
use crate::file_status::{FsError, Inode, Stat};
use crate::hash::{RegularFile, Workers};
use crate::mounts::MountTable;
use crate::sys::file::{self, Open};
use crate::sys::inotify::Inotify;
use crate::sys::process::coarse_nanos;
use crate::sys::reopen::FdPath;
use crate::sys::stat::{stat_fd, stat_name};
use crate::sys::{fs_error, listing, watch_error};
use crate::tracker::disk::{FileDigest, NameList, Watched};

/// How long a thread holds directories open after the last question: 200 ms.
const HOLD: Duration = Duration::from_millis(200);

/// Most directories that one thread holds open.
const MOST_HELD: usize = 16;

/// Runs on a thread: asks the questions, one after the other, until the mount is gone. `recovered`
/// is called when an answer comes after the mount was stalled.
pub(super) fn answer_all(shared: &Shared, mut answerer: Answerer, recovered: &dyn Fn()) {
    let mut mailbox = shared.lock();
    loop {
        let Some(question) = mailbox.questions.pop_front() else {
            if mailbox.is_closed {
                return;
            }
            let (next, is_over) = if answerer.held.is_empty() {
                let next = shared.changed.wait(mailbox);
                (next.unwrap_or_else(PoisonError::into_inner), false)
            } else {
                shared.wait(mailbox, HOLD)
            };
            mailbox = next;
            if is_over {
                drop(mailbox);
                answerer.held.clear();
                mailbox = shared.lock();
            }
            continue;
        };
        let began = Instant::now();
        mailbox.current = Some((question.clone(), began));
        drop(mailbox);
        let answer = answerer.answer(&question);
        let now = Instant::now();
        let mut question = question;
        match &mut question.target {
            RemoteTarget::Path(path) | RemoteTarget::In(path, ..) => path.release(),
        }
        mailbox = shared.lock();
        mailbox.current = None;
        mailbox.is_slow = now - began > PATIENCE;
        mailbox.add(question, answer, now);
        shared.changed.notify_all();
        if now - began > STALLED_AFTER {
            recovered();
        }
    }
}

/// Runs on the other thread: reads files, until the mount is gone.
pub(super) fn read_all(shared: &Shared, mut answerer: Answerer, workers: &Workers) {
    let mut buffer = Vec::new();
    let mut mailbox = shared.lock();
    loop {
        let Some(read) = mailbox.reads.pop_front() else {
            if mailbox.is_closed {
                return;
            }
            drop(mailbox);
            answerer.held.clear();
            buffer = Vec::new();
            mailbox = shared.lock();
            if mailbox.reads.is_empty() && !mailbox.is_closed {
                let next = shared.changed.wait(mailbox);
                mailbox = next.unwrap_or_else(PoisonError::into_inner);
            }
            continue;
        };
        drop(mailbox);
        let digest = answerer.read(&read.target, read.limit, &mut buffer);
        let digest = digest.map_err(|why| match why {
            NoAnswer::Failed(error) => error,
            NoAnswer::DirectoryMoved => FsError::NotFound,
        });
        workers.deliver(read.ticket, digest);
        mailbox = shared.lock();
    }
}

/// Answers by asking the file system, however long that takes.
pub(super) struct Answerer {
    inotify: Arc<Inotify>,
    mounts: Arc<MountTable>,
    /// Open directories that were used lately.
    held: Vec<(RemotePath, Inode, OwnedFd)>,
}

impl Answerer {
    pub(super) fn new(inotify: Arc<Inotify>, mounts: Arc<MountTable>) -> Self {
        Self {
            inotify,
            mounts,
            held: Vec::new(),
        }
    }

    /// Another one, without open directories.
    pub(super) fn for_another_thread(&self) -> Self {
        Self::new(Arc::clone(&self.inotify), Arc::clone(&self.mounts))
    }

    pub(super) fn answer(&mut self, question: &Question) -> Answered {
        let target = &question.target;
        Ok(match question.ask {
            Ask::Stat => Answer::Stat(self.stat(target)?),
            Ask::Watch => {
                let opened = self.open(target)?;
                Answer::Watched(self.watch(&opened)?)
            }
            Ask::WatchFile => {
                let opened = self.open(target)?;
                let path = FdPath::new(opened.as_fd());
                let wd = self.inotify.watch_file(path.as_c_str());
                let wd = wd.map_err(|error| watch_error(&error))?;
                Answer::WatchedFile(wd, stat_fd(opened.as_fd())?)
            }
            Ask::List => {
                let mut names = NameList::default();
                let opened = self.open(target)?;
                list(opened.as_fd(), |entry| names.push(entry.name))?;
                Answer::Names(names)
            }
            Ask::Walk => {
                let opened = self.open(target)?;
                // Watched before it is listed: what changes in between has an event.
                let watched = self.watch(&opened)?;
                let mut entries = Vec::new();
                let mut left_out = None;
                list(opened.as_fd(), |entry| {
                    let stat = || stat_name(opened.as_fd(), entry.name);
                    let kind = entry.kind.map_or_else(|| stat().map(|stat| stat.kind), Ok);
                    match kind.map_err(|error| fs_error(&error)) {
                        Ok(kind) => entries.push((kind, entry.ino, entry.name.to_vec())),
                        Err(FsError::NotFound) => {}
                        Err(error) => left_out = Some(error),
                    }
                })?;
                Answer::Walked(Walked {
                    watched,
                    entries,
                    left_out,
                })
            }
        })
    }

    pub(super) fn stat(&mut self, target: &RemoteTarget) -> Result<Stat, NoAnswer> {
        match target {
            RemoteTarget::Path(path) => Ok(stat_fd(path.open()?.as_fd())?),
            RemoteTarget::In(path, inode, name) => {
                let dir = self.enter(path, *inode)?;
                Ok(stat_name(dir.as_fd(), name)?)
            }
        }
    }

    /// Opens a target with O_PATH; only in a path that the user gave are symbolic links followed.
    pub(super) fn open(&mut self, target: &RemoteTarget) -> Result<OwnedFd, NoAnswer> {
        match target {
            RemoteTarget::Path(path) => Ok(path.open()?),
            RemoteTarget::In(path, inode, name) => {
                let dir = self.enter(path, *inode)?;
                Ok(file::open_name(dir.as_fd(), name, Open::Path)?)
            }
        }
    }

    /// Sets a watch on an open directory.
    pub(super) fn watch(&self, dir: &OwnedFd) -> Result<Watched, NoAnswer> {
        let stat = stat_fd(dir.as_fd())?;
        if stat.kind != Kind::Directory {
            return Err(FsError::NotFound.into());
        }
        Ok(watch(&self.inotify, &self.mounts, dir.as_fd(), &stat))
    }

    /// Opens a directory, which must be this inode, unless it is held open.
    pub(super) fn enter(&mut self, path: &RemotePath, inode: Inode) -> Result<&OwnedFd, NoAnswer> {
        let is_it = |held: &(RemotePath, Inode, OwnedFd)| held.0 == *path && held.1 == inode;
        let index = match self.held.iter().position(is_it) {
            Some(index) => index,
            None => {
                let moved = |error: std::io::Error| match fs_error(&error) {
                    FsError::NotFound => NoAnswer::DirectoryMoved,
                    other => NoAnswer::Failed(other),
                };
                let opened = path.open().map_err(moved)?;
                if stat_fd(opened.as_fd()).map_err(moved)?.inode != inode {
                    return Err(NoAnswer::DirectoryMoved);
                }
                if self.held.len() == MOST_HELD {
                    self.held.remove(0);
                }
                self.held.push((path.clone(), inode, opened));
                self.held.len() - 1
            }
        };
        Ok(&self.held[index].2)
    }

    pub(super) fn read(
        &mut self,
        target: &RemoteTarget,
        limit: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<FileDigest, NoAnswer> {
        let as_of = coarse_nanos();
        let opened = self.open(target)?;
        let stat = stat_fd(opened.as_fd())?;
        if self.mounts.leaves_unread(&stat, limit) {
            return Ok(FileDigest::unread(stat, as_of));
        }
        Ok(RegularFile::new(opened, stat)?.digest(limit, Instant::now(), buffer)?)
    }
}

/// Sets a watch on an open directory, whose status is `stat`.
pub(crate) fn watch(
    inotify: &Inotify,
    mounts: &MountTable,
    dir: BorrowedFd<'_>,
    stat: &Stat,
) -> Watched {
    let wd = inotify.watch_directory(FdPath::new(dir).as_c_str());
    Watched {
        wd: wd.map_err(|error| watch_error(&error)),
        inode: stat.inode,
        class: mounts.class(stat),
    }
}

/// Gives each entry of a directory that is open with O_PATH to `each`.
pub(in crate::disk) fn list(
    dir: BorrowedFd<'_>,
    mut each: impl FnMut(listing::Dirent<'_>),
) -> std::io::Result<()> {
    let opened = file::open_name(dir, b".", Open::Listing)?;
    let mut buffer = vec![0; listing::AT_ONCE];
    loop {
        let count = listing::read(opened.as_fd(), &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        listing::entries(&buffer[..count]).for_each(&mut each);
    }
}
