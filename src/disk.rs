//! The tracker's questions, answered by the real disk through descriptors.
//!
//! No path is trusted: a directory is opened by its path from a PATH, following no
//! symbolic link, and must be the inode that was meant. What lies on a file system that
//! may not answer is asked by a thread of its mount. Descriptors are kept while the loop
//! is busy and no longer, so that nothing keeps a file system from being unmounted.

pub(crate) mod path;
pub(crate) mod remote;

use std::ffi::CStr;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use crate::change::Kind;
use crate::event::Wd;
use crate::hash::{DirectoryPath, FileJob, InPlace, RegularFile, Workers};
use crate::mounts::MountTable;
use crate::self_output::SelfOutputs;
use crate::sys::file::{self, FdPath, Links, Open};
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::process;
use crate::sys::stat::{stat_fd_cached, stat_name_cached};
use crate::sys::xattr;
use crate::tracker::Tracker;
use crate::tracker::disk::{
    Disk, FileDigest, FsClass, FsError, Inode, PathWriter, Reading, Stat, Target, Ticket, Watched,
    Xattr, names_of,
};
use foldhash::HashMap;
use path::{Opened, RemotePath};
use remote::{Answer, Ask, NoAnswer, Question, RemoteTarget, Remotes};

/// How many directories are held while the loop is busy.
const HELD: usize = 256;

/// And no more than that part of those that may be open.
const SHARE: u64 = 4;

/// A directory that has been entered.
pub(crate) enum Directory {
    Here(OpenDirectory),
    /// A thread of its mount asks about names in it, and checks each time that it is that inode.
    Remote(Inode, RemotePath),
}

impl Directory {
    fn inode(&self) -> Inode {
        match self {
            Self::Here(dir) => dir.stat.inode,
            Self::Remote(inode, _) => *inode,
        }
    }
}

/// A directory that is open (O_PATH), and the path by which it was found.
pub(crate) struct OpenDirectory {
    fd: OwnedFd,
    stat: Stat,
    root: Vec<u8>,
    relative: Vec<u8>,
}

/// Where what is asked about was found.
enum Located {
    Here(OwnedFd, Stat),
    Remote(RemoteTarget),
}

/// The tracker over it.
pub(crate) type RealTracker = Tracker<RealDisk>;

pub(crate) struct RealDisk {
    inotify: Arc<Inotify>,
    workers: Workers,
    /// Directories that have been entered since the loop was last idle.
    held: HashMap<Inode, Arc<Directory>>,
    most_held: usize,
    /// PATHs that have been opened since then.
    roots: Vec<(Vec<u8>, Opened)>,
    pub(crate) self_outputs: SelfOutputs,
    pub(crate) mounts: Arc<MountTable>,
    pub(crate) remotes: Remotes,
    /// Remote directories that were not where they should be.
    moved: Vec<Inode>,
    in_place: InPlace,
    path_buffer: Vec<u8>,
}

impl RealDisk {
    pub(crate) fn new(inotify: Arc<Inotify>, workers: Workers, self_outputs: SelfOutputs) -> Self {
        let mounts = Arc::new(MountTable::new());
        let remotes = Remotes::new(Arc::clone(&inotify), Arc::clone(&mounts), workers.clone());
        let share = process::descriptor_limit() / SHARE;
        let most_held = usize::try_from(share).map_or(HELD, |share| share.clamp(1, HELD));
        Self {
            inotify,
            workers,
            held: HashMap::default(),
            most_held,
            roots: Vec::new(),
            self_outputs,
            mounts,
            remotes,
            moved: Vec::new(),
            in_place: InPlace::default(),
            path_buffer: Vec::new(),
        }
    }

    pub(crate) fn inotify(&self) -> Arc<Inotify> {
        Arc::clone(&self.inotify)
    }

    /// Opens with O_PATH what is asked about, or finds the mount whose thread may be asked.
    fn locate(&self, at: Target<'_, Arc<Directory>>) -> Result<Located, FsError> {
        let (dir, name) = match at {
            Target::Root(path) => {
                let opened = path::open(&self.mounts, path).map_err(|error| fs_error(&error))?;
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
        let opened = file::with_c_str(name, |name| file::open_name(dir, name, Open::Path));
        let opened = opened.map_err(|error| fs_error(&error))?;
        let stat = stat_fd_cached(opened.as_fd()).map_err(|error| fs_error(&error))?;
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

    /// Asks the mount that the target is on.
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
                    // The next `enter` of it fails with that.
                    if let Some(inode) = inode {
                        self.held.remove(&inode);
                        self.moved.push(inode);
                    }
                    FsError::Busy
                }
            })
    }

    /// Opens a directory, which must be that inode.
    fn open_held(
        &mut self,
        inode: Inode,
        root: &[u8],
        relative: &[u8],
    ) -> Result<Directory, FsError> {
        if self.roots.is_empty()
            && let Some(dir) = self.open_only(inode, root, relative)
        {
            return Ok(Directory::Here(dir));
        }
        let opened = self.open_relative(root, relative);
        match opened.map_err(|error| fs_error(&error))? {
            Opened::Here(_, stat) if stat.inode != inode => Err(FsError::NotFound),
            Opened::Here(fd, stat) => Ok(Directory::Here(OpenDirectory {
                fd,
                stat,
                root: root.to_vec(),
                relative: relative.to_vec(),
            })),
            Opened::Remote(path) => Ok(Directory::Remote(inode, path)),
        }
    }

    /// Opens the first directory that is needed, which is often the only one, without its PATH.
    fn open_only(&mut self, inode: Inode, root: &[u8], relative: &[u8]) -> Option<OpenDirectory> {
        if !self.held.is_empty() || relative.is_empty() {
            return None;
        }
        let path = [root, relative].join(&b'/');
        let (fd, stat) = path::open_cached(&self.mounts, &path, Links::Refused)?;
        (stat.inode == inode).then(|| OpenDirectory {
            fd,
            stat,
            root: root.to_vec(),
            relative: relative.to_vec(),
        })
    }

    /// Opens a directory by its path from a PATH.
    fn open_relative(&mut self, root: &[u8], relative: &[u8]) -> std::io::Result<Opened> {
        let known = self.roots.iter().position(|(path, _)| path == root);
        let index = match known {
            Some(index) => index,
            None => {
                let opened = path::open(&self.mounts, root)?;
                self.roots.push((root.to_vec(), opened));
                self.roots.len() - 1
            }
        };
        match &self.roots[index].1 {
            Opened::Here(fd, stat) if relative.is_empty() => {
                Ok(Opened::Here(fd.try_clone()?, *stat))
            }
            Opened::Here(fd, stat) => path::open_below(&self.mounts, fd.as_fd(), stat, relative),
            Opened::Remote(path) => Ok(Opened::Remote(path.join(relative))),
        }
    }
}

/// The directory and the name by which something is found.
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
        if let Some(dir) = self.held.get(&inode) {
            return Ok(Arc::clone(dir));
        }
        if let Some(index) = self.moved.iter().position(|moved| *moved == inode) {
            self.moved.swap_remove(index);
            return Err(FsError::NotFound);
        }
        let mut path = std::mem::take(&mut self.path_buffer);
        path.clear();
        let opened = match write_path(&mut path) {
            Some(root) => self.open_held(inode, root, &path),
            None => Err(FsError::NotFound),
        };
        self.path_buffer = path;
        let dir = Arc::new(opened?);
        if self.held.len() >= self.most_held {
            self.held.clear();
        }
        self.held.insert(inode, Arc::clone(&dir));
        Ok(dir)
    }

    fn stat(&mut self, at: Target<'_, Self::Directory>) -> Result<Stat, FsError> {
        if let Target::In(entered, name) = at
            && let Directory::Here(dir) = &**entered
        {
            // Of the root of a remote mount, the kernel has the state without asking: of a
            // directory that is enough.
            let stat = file::with_c_str(name, |name| stat_name_cached(dir.fd.as_fd(), name));
            let stat = stat.map_err(|error| fs_error(&error))?;
            if stat.kind == Kind::Directory || !self.is_remote_root(&dir.stat, &stat) {
                self.self_outputs.note_seen(name_in_directory(at), &stat);
                return Ok(stat);
            }
        }
        let stat = match self.locate(at)? {
            Located::Here(_, stat) => stat,
            Located::Remote(target) => match self.ask(Ask::Stat, target)? {
                Answer::Stat(stat) => stat,
                _ => return Err(FsError::Busy),
            },
        };
        self.self_outputs.note_seen(name_in_directory(at), &stat);
        Ok(stat)
    }

    fn watch(&mut self, at: Target<'_, Self::Directory>) -> Result<Watched, FsError> {
        match self.locate(at)? {
            Located::Here(_, stat) if stat.kind != Kind::Directory => Err(FsError::NotFound),
            Located::Here(opened, stat) => {
                let path = FdPath::new(opened.as_fd());
                let wd = self.inotify.watch_directory(path.as_c_str());
                Ok(Watched {
                    wd: wd.map_err(|error| fs_error(&error)),
                    inode: stat.inode,
                    class: self.mounts.class(&stat),
                })
            }
            Located::Remote(target) => match self.ask(Ask::Watch, target)? {
                Answer::Watched(watched) => Ok(watched),
                _ => Err(FsError::Busy),
            },
        }
    }

    fn watch_file(&mut self, at: Target<'_, Self::Directory>) -> Result<Wd, FsError> {
        match self.locate(at)? {
            Located::Here(opened, _) => {
                let path = FdPath::new(opened.as_fd());
                let wd = self.inotify.watch_file(path.as_c_str());
                wd.map_err(|error| fs_error(&error))
            }
            Located::Remote(target) => match self.ask(Ask::WatchFile, target)? {
                Answer::Wd(wd) => Ok(wd),
                _ => Err(FsError::Busy),
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
                        names_of(&found).for_each(take);
                        Ok(())
                    }
                    _ => Err(FsError::Busy),
                };
            }
        };
        remote::list(dir, |entry| take(entry.name.to_bytes())).map_err(|error| fs_error(&error))
    }

    fn read(
        &mut self,
        at: Target<'_, Self::Directory>,
        limit: u64,
        ticket: Ticket,
    ) -> Result<Reading, FsError> {
        // A root that is a file is read as a name in its directory.
        let Target::In(entered, name) = at else {
            return Err(FsError::NotFound);
        };
        let (opened, stat) = match self.locate(at)? {
            Located::Here(opened, stat) => (opened, stat),
            Located::Remote(target) => {
                self.remotes.read(target, limit, ticket);
                return Ok(Reading::Later(None));
            }
        };
        let file = RegularFile::new(opened, stat)?;
        self.self_outputs.note_seen(name_in_directory(at), &stat);
        // A file is on the file system of its directory, or is itself a mount point.
        let is_pseudo =
            stat.is_mount_root && matches!(self.mounts.class(&stat), FsClass::Pseudo(_));
        if stat.size > limit || is_pseudo {
            return Ok(Reading::Done(FileDigest::unread(stat)));
        }
        if self.in_place.allows(&stat, Instant::now()) {
            return self.in_place.digest(&file, limit).map(Reading::Done);
        }
        let Directory::Here(dir) = &**entered else {
            return Err(FsError::Busy);
        };
        let dir = DirectoryPath {
            root: dir.root.clone(),
            relative: dir.relative.clone(),
            inode: dir.stat.inode,
        };
        self.workers
            .read(FileJob::new(ticket, dir, name, &stat, limit));
        Ok(Reading::Later(Some(stat)))
    }

    fn xattrs(&mut self, at: Target<'_, Self::Directory>) -> Result<Vec<Xattr>, FsError> {
        /// So that no two values that a user chooses are taken for one.
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let Target::In(entered, name) = at else {
            return Ok(Vec::new());
        };
        let mut xattrs = Vec::new();
        let each = |name: &CStr, value: &[u8]| {
            xattrs.push(Xattr {
                name: name.to_bytes().into(),
                value: KEY.hash_one(value),
            });
        };
        // On a remote mount they are not asked for, since that may take long.
        let Directory::Here(dir) = &**entered else {
            return Ok(xattrs);
        };
        let read = xattr::each(dir.fd.as_fd(), name, each);
        read.map_err(|error| fs_error(&error))?;
        Ok(xattrs)
    }

    fn is_self_output(&self, inode: Inode) -> bool {
        self.self_outputs.has(inode)
    }

    fn release(&mut self) {
        self.held.clear();
        self.roots.clear();
        self.in_place.release();
    }
}
