//! The tracker's questions, answered by the real disk through descriptors.
//!
//! No path is trusted: a directory is opened by its way from a PATH, following no
//! symbolic link, and must be the inode that was meant. Descriptors are kept while the
//! loop is busy and no longer, so that nothing keeps a file system from being
//! unmounted.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use crate::event::Wd;
use crate::hash::{self, Workers};
use crate::own::Own;
use crate::sys::file::{self, FdPath, Open};
use crate::sys::inotify::Inotify;
use crate::sys::listing;
use crate::sys::process;
use crate::sys::stat::{stat_fd, stat_name, stat_path};
use crate::tracker::numbers::Numbers;
use crate::tracker::port::{
    At, Disk, Fault, Inode, Reading, Stat, Ticket, Watched, Way, append_name,
};
use crate::words::{self, fault};

/// How many directories are held while the loop is busy.
const HELD: usize = 256;

/// And no more than that part of those that may be open.
const SHARE: u64 = 4;

/// Paths up to this may be opened in one call: well below PATH_MAX.
const SHORT: usize = 1024;

/// Larger files are read aside: 256 KiB take a fraction of a millisecond.
const ASIDE: u64 = 256 << 10;

/// The file systems that do not tell what is changed elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blindness {
    /// It tells everything.
    None,
    /// Changes made on other hosts are not told: it is looked at at intervals.
    Network(&'static str),
    /// Changes made in another way are not told, nor found by looking.
    Partial(&'static str),
}

/// What of a file system inotify cannot see, by its magic number (statfs(2)).
pub(crate) fn blindness(magic: u32) -> Blindness {
    match magic {
        0x6969 => Blindness::Network("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Blindness::Network("SMB"),
        0x6573_5546 => Blindness::Network("FUSE"),
        0x0102_1997 => Blindness::Network("9p"),
        0x00c3_6400 => Blindness::Network("Ceph"),
        0x5346_414f | 0x6b41_4653 => Blindness::Network("AFS"),
        0x794c_7630 => Blindness::Partial("overlayfs"),
        0x9fa0 => Blindness::Partial("proc"),
        0x6265_6572 => Blindness::Partial("sysfs"),
        _ => Blindness::None,
    }
}

/// The same by the name that /proc/self/mountinfo gives.
pub(crate) fn blindness_by_name(name: &str) -> Blindness {
    match name {
        "nfs" | "nfs4" => Blindness::Network("NFS"),
        "cifs" | "smb3" => Blindness::Network("SMB"),
        "9p" => Blindness::Network("9p"),
        "ceph" => Blindness::Network("Ceph"),
        "afs" => Blindness::Network("AFS"),
        "overlay" => Blindness::Partial("overlayfs"),
        "proc" => Blindness::Partial("proc"),
        "sysfs" => Blindness::Partial("sysfs"),
        _ if name.starts_with("fuse") => Blindness::Network("FUSE"),
        _ => Blindness::None,
    }
}

/// The real disk.
pub(crate) struct RealDisk {
    /// Where watches are.
    inotify: Rc<Inotify>,
    /// Where large files are read.
    workers: Workers,
    /// Directories that have been entered in this turn.
    held: Numbers<Inode, OwnedFd>,
    /// How many may be.
    most_held: usize,
    /// PATHs that have been opened in this turn.
    roots: Vec<(Vec<u8>, OwnedFd)>,
    /// Our own outputs.
    pub(crate) own: Own,
    /// File systems, and whether they tell everything.
    known: Vec<(u64, bool)>,
    /// What is read goes through here.
    buffer: Vec<u8>,
    /// Ways to directories are written here.
    route: Vec<u8>,
}

impl RealDisk {
    /// Nothing is held yet.
    pub(crate) fn new(inotify: Rc<Inotify>, workers: Workers, own: Own) -> Self {
        let (roots, known) = (Vec::new(), Vec::new());
        let (buffer, route) = (Vec::new(), Vec::new());
        let share = process::descriptor_limit() / SHARE;
        let most_held = usize::try_from(share).map_or(HELD, |share| share.clamp(1, HELD));
        Self {
            inotify,
            workers,
            held: Numbers::default(),
            most_held,
            roots,
            own,
            known,
            buffer,
            route,
        }
    }

    /// A directory that has been entered.
    fn dir(&self, inode: Inode) -> Result<BorrowedFd<'_>, Fault> {
        let held = self.held.get(&inode);
        held.map(AsFd::as_fd).ok_or(Fault::Absent)
    }

    /// Opens what is at a place, as a place.
    fn open(&self, at: At<'_>, how: Open) -> Result<OwnedFd, Fault> {
        let opened = match at {
            At::Root(path) => file::with_c_str(path, |path| file::open(file::here(), path, how)),
            At::In(inode, name) => {
                let dir = self.dir(inode)?;
                file::with_c_str(name, |name| file::open_name(dir, name, how))
            }
        };
        opened.map_err(|error| fault(&error))
    }

    /// Whether a file system keeps things from us.
    fn is_blind(&mut self, dev: u64, fd: BorrowedFd<'_>) -> bool {
        if let Some((_, blind)) = self.known.iter().find(|(known, _)| *known == dev) {
            return *blind;
        }
        let magic = process::file_system(fd).unwrap_or(0);
        let blind = matches!(blindness(magic), Blindness::Network(_));
        self.known.push((dev, blind));
        blind
    }
}

impl Disk for RealDisk {
    fn enter<'a>(&mut self, inode: Inode, way: &Way<'_, 'a>) -> Result<(), Fault> {
        if self.held.contains_key(&inode) {
            return Ok(());
        }
        let mut path = std::mem::take(&mut self.route);
        path.clear();
        let opened = way(&mut path)
            .ok_or(Fault::Absent)
            .and_then(|root| self.open_route(root, &path));
        self.route = path;
        let opened = opened?;
        let found = stat_fd(opened.as_fd()).map_err(|error| fault(&error))?;
        if words::inode(&found) != inode {
            return Err(Fault::Absent);
        }
        if self.held.len() >= self.most_held {
            self.held.clear();
        }
        self.held.insert(inode, opened);
        Ok(())
    }

    fn stat(&mut self, at: At<'_>) -> Result<Stat, Fault> {
        let raw = match at {
            At::Root(path) => file::with_c_str(path, stat_path),
            At::In(inode, name) => {
                let dir = self.dir(inode)?;
                file::with_c_str(name, |name| stat_name(dir, name))
            }
        };
        let raw = raw.map_err(|error| fault(&error))?;
        self.own.saw(at, &raw);
        Ok(words::stat(&raw))
    }

    fn watch(&mut self, at: At<'_>) -> Result<Watched, Fault> {
        let opened = self.open(at, Open::Directory)?;
        let path = FdPath::new(opened.as_fd());
        let wd = self
            .inotify
            .watch_directory(path.as_c_str())
            .map_err(|error| fault(&error));
        let raw = stat_fd(opened.as_fd()).map_err(|error| fault(&error))?;
        let blind = self.is_blind(raw.dev, opened.as_fd());
        Ok(Watched {
            wd,
            inode: words::inode(&raw),
            blind,
        })
    }

    fn watch_file(&mut self, at: At<'_>) -> Result<Wd, Fault> {
        let opened = self.open(at, Open::Place)?;
        let path = FdPath::new(opened.as_fd());
        self.inotify
            .watch_file(path.as_c_str())
            .map_err(|error| fault(&error))
    }

    fn unwatch(&mut self, wd: Wd) {
        self.inotify.unwatch(wd);
    }

    fn list(&mut self, inode: Inode, names: &mut Vec<u8>) -> Result<(), Fault> {
        let dir = self.dir(inode)?;
        let opened = file::open_name(dir, c".", Open::Listing).map_err(|error| fault(&error))?;
        let mut buffer = vec![0; listing::AT_ONCE];
        loop {
            let count =
                listing::read(opened.as_fd(), &mut buffer).map_err(|error| fault(&error))?;
            if count == 0 {
                return Ok(());
            }
            for entry in listing::entries(&buffer[..count]) {
                append_name(names, entry.name.to_bytes());
            }
        }
    }

    fn read(&mut self, at: At<'_>, limit: u64, ticket: Ticket) -> Result<Reading, Fault> {
        let (raw, place) = match at {
            At::Root(path) => hash::open_regular(file::here(), path)?,
            At::In(inode, name) => hash::open_regular(self.dir(inode)?, name)?,
        };
        self.own.saw(at, &raw);
        if raw.size > limit {
            return Ok(Reading::OverLimit);
        }
        if raw.size > ASIDE {
            self.workers.read(ticket, place, raw);
            return Ok(Reading::Later);
        }
        let read = hash::digest_place(&place, &raw, &mut self.buffer)?;
        let digest = read.digest.unwrap_or_default();
        Ok(Reading::Done {
            stat: read.stat,
            digest,
            stable: read.stable,
        })
    }

    fn is_own(&self, inode: Inode) -> bool {
        self.own.has(inode)
    }

    fn release(&mut self) {
        self.held.clear();
        self.roots.clear();
    }
}

impl RealDisk {
    /// Opens a directory by its way from a PATH.
    fn open_route(&mut self, root: &[u8], route: &[u8]) -> Result<OwnedFd, Fault> {
        if route.is_empty() {
            return self.open(At::Root(root), Open::Directory);
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
            let opened = self.open(At::Root(root), Open::Directory)?;
            self.roots.push((root.to_vec(), opened));
        }
        let held = self
            .roots
            .iter()
            .find(|(path, _)| path == root)
            .ok_or(Fault::Absent)?;
        file::open_path(held.1.as_fd(), route, Open::Directory).map_err(|error| fault(&error))
    }
}
