//! Implements the tracker's [`Disk`] by system calls on descriptors.
//!
//! Invariants: a directory is opened by its path from a PATH, following no symbolic link, and must
//! be the expected inode; a file system that may not answer is asked by a thread of its mount;
//! descriptors are kept only while the loop is busy, since they would keep a file system from
//! being unmounted.

mod open_directories;
pub(crate) mod path;
pub(crate) mod remote;

use std::ffi::CStr;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use crate::change::Kind;
use crate::event::Wd;
use crate::hash::{FileJob, InPlace, RegularFile, Workers};
use crate::mounts::MountTable;
use crate::self_output::SelfOutputs;
use crate::sys::file::{self, Open};
use crate::sys::inotify::Inotify;
use crate::sys::process::coarse_nanos;
use crate::sys::reopen::FdPath;
use crate::sys::stat::{stat_fd_cached, stat_name_cached};
use crate::sys::watch_error;
use crate::sys::xattr;
use crate::tracker::Tracker;
use crate::tracker::disk::{
    Disk, FileDigest, FsClass, FsError, Inode, PathWriter, Reading, Stat, Target, Ticket, Watched,
    Xattr,
};
pub(crate) use open_directories::Directory;
use open_directories::OpenDirectories;
use path::{Opened, RemotePath};
use remote::{Answer, Ask, NoAnswer, Question, RemoteTarget, Remotes};

/// What a [`Target`] leads to: a descriptor, or a target for the thread of its mount.
enum Located {
    Here(OwnedFd, Stat),
    Remote(RemoteTarget),
}

pub(crate) type RealTracker = Tracker<RealDisk>;

pub(crate) struct RealDisk {
    inotify: Arc<Inotify>,
    workers: Workers,
    open: OpenDirectories,
    pub(crate) self_outputs: SelfOutputs,
    pub(crate) mounts: Arc<MountTable>,
    pub(crate) remotes: Remotes,
    in_place: InPlace,
}

impl RealDisk {
    pub(crate) fn new(inotify: Arc<Inotify>, workers: Workers, self_outputs: SelfOutputs) -> Self {
        let mounts = Arc::new(MountTable::new());
        let remotes = Remotes::new(Arc::clone(&inotify), Arc::clone(&mounts), workers.clone());
        Self {
            inotify,
            workers,
            open: OpenDirectories::new(),
            self_outputs,
            mounts,
            remotes,
            in_place: InPlace::default(),
        }
    }

    pub(crate) fn inotify(&self) -> Arc<Inotify> {
        Arc::clone(&self.inotify)
    }

    /// Opens a target with O_PATH, or finds the mount whose thread is to be asked.
    fn locate(&self, at: Target<'_, Arc<Directory>>) -> Result<Located, FsError> {
        let (dir, name) = match at {
            Target::Root(path) => {
                let opened = path::open(&self.mounts, path)?;
                return Ok(match opened {
                    Opened::Here(fd, stat) => Located::Here(fd, stat),
                    Opened::Remote(path) => Located::Remote(RemoteTarget::Path(path)),
                });
            }
            Target::In(dir, name) => (dir, name),
        };
        let (dir, on) = match &**dir {
            Directory::Here(dir) => (dir.fd.as_fd(), &dir.stat),
            Directory::Remote(inode, path) => {
                let target = RemoteTarget::In(path.clone(), *inode, name.to_vec());
                return Ok(Located::Remote(target));
            }
        };
        let opened = file::open_name(dir, name, Open::Path)?;
        let stat = stat_fd_cached(opened.as_fd())?;
        Ok(if self.is_remote_root(on, &stat) {
            Located::Remote(RemoteTarget::Path(RemotePath::at(opened, &stat)))
        } else {
            Located::Here(opened, stat)
        })
    }

    /// Whether what was found in a local directory is the root of a remote mount.
    fn is_remote_root(&self, dir: &Stat, found: &Stat) -> bool {
        let is_crossing = found.is_mount_root || found.inode.dev != dir.inode.dev;
        is_crossing && self.mounts.class(found).may_stall()
    }

    /// Asks the thread of the target's mount.
    fn ask(&mut self, ask: Ask, target: RemoteTarget) -> Result<Answer, FsError> {
        let inode = match &target {
            RemoteTarget::Path(_) => None,
            RemoteTarget::In(_, inode, _) => Some(*inode),
        };
        self.remotes
            .ask(Question { ask, target })
            .map_err(|why| match why {
                NoAnswer::Failed(error) => error,
                NoAnswer::DirectoryMoved => {
                    if let Some(inode) = inode {
                        self.open.mark_moved(inode);
                    }
                    FsError::Unanswered
                }
            })
    }
}

/// The directory and the name of a target that is no PATH.
fn name_in_directory<'a>(at: Target<'a, Arc<Directory>>) -> Option<(Inode, &'a [u8])> {
    match at {
        Target::Root(_) => None,
        Target::In(dir, name) => Some((dir.inode(), name)),
    }
}

impl Disk for RealDisk {
    fn class(&mut self, stat: &Stat) -> FsClass {
        self.mounts.class(stat)
    }

    type Directory = Arc<Directory>;

    fn enter<'a>(
        &mut self,
        inode: Inode,
        write_path: &PathWriter<'_, 'a>,
    ) -> Result<Self::Directory, FsError> {
        self.open.enter(&self.mounts, inode, write_path)
    }

    fn owner(&self, dir: &Self::Directory) -> Option<u32> {
        match &**dir {
            Directory::Here(dir) => Some(dir.stat.attributes.uid),
            Directory::Remote(..) => None,
        }
    }

    fn stat(&mut self, at: Target<'_, Self::Directory>) -> Result<Stat, FsError> {
        if let Target::In(entered, name) = at
            && let Directory::Here(dir) = &**entered
        {
            // The kernel has a cached status of the root of a remote mount, which is enough for a
            // directory.
            let stat = stat_name_cached(dir.fd.as_fd(), name)?;
            if stat.kind == Kind::Directory || !self.is_remote_root(&dir.stat, &stat) {
                self.self_outputs.note_seen(name_in_directory(at), &stat);
                return Ok(stat);
            }
        }
        let stat = match self.locate(at)? {
            Located::Here(_, stat) => stat,
            Located::Remote(target) => match self.ask(Ask::Stat, target)? {
                Answer::Stat(stat) => stat,
                _ => return Err(FsError::Unanswered),
            },
        };
        self.self_outputs.note_seen(name_in_directory(at), &stat);
        Ok(stat)
    }

    fn watch(&mut self, at: Target<'_, Self::Directory>) -> Result<Watched, FsError> {
        match self.locate(at)? {
            Located::Here(_, stat) if stat.kind != Kind::Directory => Err(FsError::NotFound),
            Located::Here(opened, stat) => {
                let dir = opened.as_fd();
                Ok(remote::watch(&self.inotify, &self.mounts, dir, &stat))
            }
            Located::Remote(target) => match self.ask(Ask::Watch, target)? {
                Answer::Watched(watched) => Ok(watched),
                _ => Err(FsError::Unanswered),
            },
        }
    }

    fn watch_file(&mut self, at: Target<'_, Self::Directory>) -> Result<(Wd, Stat), FsError> {
        match self.locate(at)? {
            Located::Here(opened, stat) => {
                let path = FdPath::new(opened.as_fd());
                let wd = self.inotify.watch_file(path.as_c_str());
                Ok((wd.map_err(|error| watch_error(&error))?, stat))
            }
            Located::Remote(target) => match self.ask(Ask::WatchFile, target)? {
                Answer::WatchedFile(wd, stat) => Ok((wd, stat)),
                _ => Err(FsError::Unanswered),
            },
        }
    }

    fn unwatch(&mut self, wd: Wd) {
        self.inotify.unwatch(wd);
    }

    fn list(&mut self, dir: &Self::Directory, take: &mut dyn FnMut(&[u8])) -> Result<(), FsError> {
        let dir = match &**dir {
            Directory::Here(dir) => dir.fd.as_fd(),
            Directory::Remote(inode, path) => {
                let target = RemoteTarget::In(path.clone(), *inode, b".".to_vec());
                return match self.ask(Ask::List, target)? {
                    Answer::Names(found) => {
                        found.iter().for_each(take);
                        Ok(())
                    }
                    _ => Err(FsError::Unanswered),
                };
            }
        };
        Ok(remote::list(dir, |entry| take(entry.name))?)
    }

    fn read(
        &mut self,
        at: Target<'_, Self::Directory>,
        limit: u64,
        ticket: Ticket,
    ) -> Result<Reading, FsError> {
        // A PATH that is a file is read as a name in its directory.
        let Target::In(entered, name) = at else {
            return Err(FsError::NotFound);
        };
        let (opened, stat) = match self.locate(at)? {
            Located::Here(opened, stat) => (opened, stat),
            Located::Remote(target) => {
                self.remotes.read(target, limit, ticket);
                return Ok(Reading::Later(ticket, None));
            }
        };
        let file = RegularFile::new(opened, stat)?;
        self.self_outputs.note_seen(name_in_directory(at), &stat);
        if self.mounts.leaves_unread(&stat, limit) {
            return Ok(Reading::Done(FileDigest::unread(stat, coarse_nanos())));
        }
        let now = Instant::now();
        if self.in_place.allows(&stat, now) {
            return self.in_place.digest(&file, limit, now).map(Reading::Done);
        }
        let Directory::Here(dir) = &**entered else {
            return Err(FsError::Unanswered);
        };
        let dir = Arc::clone(&dir.path);
        self.workers
            .read(FileJob::new(ticket, dir, name, &stat, limit));
        Ok(Reading::Later(ticket, Some(stat)))
    }

    fn cancel(&mut self, tickets: &[Ticket]) {
        self.workers.cancel(tickets);
    }

    fn xattrs(&mut self, at: Target<'_, Self::Directory>) -> Result<Vec<Xattr>, FsError> {
        /// Secret, so that a user cannot find two values with one hash.
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let Target::In(entered, name) = at else {
            return Ok(Vec::new());
        };
        let mut xattrs = Vec::new();
        let each = |name: &CStr, value: xattr::Value<'_>| {
            xattrs.push(Xattr {
                name: name.to_bytes().into(),
                value: match value {
                    xattr::Value::Bytes(bytes) => KEY.hash_one(bytes),
                    xattr::Value::Length(length) => KEY.hash_one(length),
                },
            });
        };
        // Not read on a remote mount, nor of its root, where that may take long.
        let Directory::Here(dir) = &**entered else {
            return Ok(xattrs);
        };
        let stat = stat_name_cached(dir.fd.as_fd(), name)?;
        if self.is_remote_root(&dir.stat, &stat) {
            return Ok(xattrs);
        }
        xattr::each(dir.fd.as_fd(), name, each)?;
        Ok(xattrs)
    }

    fn is_self_output(&self, inode: Inode) -> bool {
        self.self_outputs.has(inode)
    }

    fn release(&mut self) {
        self.open.release();
        self.in_place.release();
    }
}
