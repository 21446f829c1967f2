//! The tracker's questions, answered by the real disk through descriptors.
//!
//! No path is trusted: a directory is opened by its way from a PATH, following no
//! symbolic link, and must be the inode that was meant. Descriptors are kept while the
//! loop is busy and no longer, so that nothing keeps a file system from being
//! unmounted.

use std::ffi::CStr;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Instant;

use crate::event::Wd;
use crate::hash::{DirectoryPath, FileJob, InPlace, RegularFile, Workers};
use crate::mounts::MountTable;
use crate::self_output::SelfOutputs;
use crate::sys::file::{self, FdPath, Open};
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::listing;
use crate::sys::process;
use crate::sys::stat::{stat_fd, stat_name, stat_path};
use crate::sys::xattr;
use crate::tracker::disk::{
    Disk, FileDigest, FsClass, FsError, Inode, PathWriter, Reading, Stat, Target, Ticket, Watched,
    Xattr, append_name,
};
use foldhash::HashMap;

/// How many directories are held while the loop is busy.
const HELD: usize = 256;

/// And no more than that part of those that may be open.
const SHARE: u64 = 4;

/// Paths up to this may be opened in one call: well below PATH_MAX.
const SHORT: usize = 1024;

/// A directory that has been entered, and the path by which it was found.
struct HeldDirectory {
    fd: OwnedFd,
    root: Vec<u8>,
    relative: Vec<u8>,
}

pub(crate) struct RealDisk {
    inotify: Rc<Inotify>,
    workers: Workers,
    /// Directories that have been entered in this turn.
    held: HashMap<Inode, HeldDirectory>,
    most_held: usize,
    /// PATHs that have been opened in this turn.
    roots: Vec<(Vec<u8>, OwnedFd)>,
    pub(crate) own: SelfOutputs,
    pub(crate) mounts: Rc<MountTable>,
    in_place: InPlace,
    route: Vec<u8>,
}

impl RealDisk {
    pub(crate) fn new(inotify: Rc<Inotify>, workers: Workers, own: SelfOutputs) -> Self {
        let roots = Vec::new();
        let mounts = Rc::new(MountTable::new());
        let route = Vec::new();
        let share = process::descriptor_limit() / SHARE;
        let most_held = usize::try_from(share).map_or(HELD, |share| share.clamp(1, HELD));
        Self {
            inotify,
            workers,
            held: HashMap::default(),
            most_held,
            roots,
            own,
            mounts,
            in_place: InPlace::default(),
            route,
        }
    }

    fn dir(&self, inode: Inode) -> Result<BorrowedFd<'_>, FsError> {
        let held = self.held.get(&inode);
        held.map(|held| held.fd.as_fd()).ok_or(FsError::NotFound)
    }

    /// Opens what is at a place, as a place.
    fn open(&self, at: Target<'_>, how: Open) -> Result<OwnedFd, FsError> {
        let opened = match at {
            Target::Root(path) => {
                file::with_c_str(path, |path| file::open(file::here(), path, how))
            }
            Target::In(inode, name) => {
                let dir = self.dir(inode)?;
                file::with_c_str(name, |name| file::open_name(dir, name, how))
            }
        };
        opened.map_err(|error| fs_error(&error))
    }
}

impl Disk for RealDisk {
    fn class(&mut self, stat: &Stat) -> FsClass {
        self.mounts.class(stat)
    }

    fn enter<'a>(&mut self, inode: Inode, way: &PathWriter<'_, 'a>) -> Result<(), FsError> {
        if self.held.contains_key(&inode) {
            return Ok(());
        }
        let mut path = std::mem::take(&mut self.route);
        path.clear();
        let held = way(&mut path).ok_or(FsError::NotFound).and_then(|root| {
            Ok(HeldDirectory {
                fd: self.open_relative(root, &path)?,
                root: root.to_vec(),
                relative: path.clone(),
            })
        });
        self.route = path;
        let held = held?;
        let found = stat_fd(held.fd.as_fd()).map_err(|error| fs_error(&error))?;
        if found.inode != inode {
            return Err(FsError::NotFound);
        }
        if self.held.len() >= self.most_held {
            self.held.clear();
        }
        self.held.insert(inode, held);
        Ok(())
    }

    fn stat(&mut self, at: Target<'_>) -> Result<Stat, FsError> {
        let raw = match at {
            Target::Root(path) => file::with_c_str(path, stat_path),
            Target::In(inode, name) => {
                let dir = self.dir(inode)?;
                file::with_c_str(name, |name| stat_name(dir, name))
            }
        };
        let raw = raw.map_err(|error| fs_error(&error))?;
        self.own.saw(at, &raw);
        Ok(raw)
    }

    fn watch(&mut self, at: Target<'_>) -> Result<Watched, FsError> {
        let opened = self.open(at, Open::Directory)?;
        let path = FdPath::new(opened.as_fd());
        let wd = self
            .inotify
            .watch_directory(path.as_c_str())
            .map_err(|error| fs_error(&error));
        let raw = stat_fd(opened.as_fd()).map_err(|error| fs_error(&error))?;
        Ok(Watched {
            wd,
            inode: raw.inode,
            class: self.mounts.class(&raw),
        })
    }

    fn watch_file(&mut self, at: Target<'_>) -> Result<Wd, FsError> {
        let opened = self.open(at, Open::Path)?;
        let path = FdPath::new(opened.as_fd());
        self.inotify
            .watch_file(path.as_c_str())
            .map_err(|error| fs_error(&error))
    }

    fn unwatch(&mut self, wd: Wd) {
        self.inotify.unwatch(wd);
    }

    fn list(&mut self, inode: Inode, names: &mut Vec<u8>) -> Result<(), FsError> {
        let dir = self.dir(inode)?;
        let opened = file::open_name(dir, c".", Open::Listing).map_err(|error| fs_error(&error))?;
        let mut buffer = vec![0; listing::AT_ONCE];
        loop {
            let count =
                listing::read(opened.as_fd(), &mut buffer).map_err(|error| fs_error(&error))?;
            if count == 0 {
                return Ok(());
            }
            for entry in listing::entries(&buffer[..count]) {
                append_name(names, entry.name.to_bytes());
            }
        }
    }

    fn read(&mut self, at: Target<'_>, limit: u64, ticket: Ticket) -> Result<Reading, FsError> {
        // A root that is a file is read as a name in its directory.
        let Target::In(inode, name) = at else {
            return Err(FsError::NotFound);
        };
        let file = RegularFile::open(self.dir(inode)?, name)?;
        let stat = file.stat;
        self.own.saw(at, &stat);
        // A file is on the file system of its directory, or is itself a mount point.
        let is_pseudo =
            stat.is_mount_root && matches!(self.mounts.class(&stat), FsClass::Pseudo(_));
        if stat.size > limit || is_pseudo {
            return Ok(Reading::Done(FileDigest::unread(stat)));
        }
        if self.in_place.allows(&stat, Instant::now()) {
            return self.in_place.digest(&file, limit).map(Reading::Done);
        }
        let held = self.held.get(&inode).ok_or(FsError::NotFound)?;
        let dir = DirectoryPath {
            root: held.root.clone(),
            relative: held.relative.clone(),
            inode,
        };
        self.workers
            .read(FileJob::new(ticket, dir, name, &stat, limit));
        Ok(Reading::Later)
    }

    fn xattrs(&mut self, at: Target<'_>) -> Result<Vec<Xattr>, FsError> {
        /// So that no two values that a user chooses are taken for one.
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let Target::In(inode, name) = at else {
            return Ok(Vec::new());
        };
        let mut xattrs = Vec::new();
        let each = |name: &CStr, value: &[u8]| {
            xattrs.push(Xattr {
                name: name.to_bytes().into(),
                value: KEY.hash_one(value),
            });
        };
        let read = xattr::each(self.dir(inode)?, name, each);
        read.map_err(|error| fs_error(&error))?;
        Ok(xattrs)
    }

    fn is_self_output(&self, inode: Inode) -> bool {
        self.own.has(inode)
    }

    fn release(&mut self) {
        self.held.clear();
        self.roots.clear();
        self.in_place.release();
    }
}

impl RealDisk {
    /// Opens a directory by its way from a PATH.
    fn open_relative(&mut self, root: &[u8], route: &[u8]) -> Result<OwnedFd, FsError> {
        if route.is_empty() {
            return self.open(Target::Root(root), Open::Directory);
        }
        // One call, where no symbolic link leads to the PATH and both are short.
        let whole = [root, b"/", route].concat();
        if whole.len() < SHORT {
            let straight = |path: &_| file::open_straight(file::here(), path, Open::Directory);
            if let Ok(opened) = file::with_c_str(&whole, straight) {
                return Ok(opened);
            }
        }
        if !self.roots.iter().any(|(path, _)| path == root) {
            let opened = self.open(Target::Root(root), Open::Directory)?;
            self.roots.push((root.to_vec(), opened));
        }
        let held = self
            .roots
            .iter()
            .find(|(path, _)| path == root)
            .ok_or(FsError::NotFound)?;
        file::open_path(held.1.as_fd(), route, Open::Directory).map_err(|error| fs_error(&error))
    }
}
