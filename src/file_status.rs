//! What the kernel answers about a name: the result of statx(2), or why it failed.
//!
//! Plain values, for the system calls that make them and for all who read them. Never
//! asks the disk.

use std::io;

use crate::change::{Attributes, InodeTimes, Kind};

/// What identifies an inode while it exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) dev: u64,
    /// Used again as soon as it is free.
    pub(crate) ino: u64,
}

/// What statx(2) returns for a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) inode: Inode,
    pub(crate) nlink: u32,
    /// In bytes.
    pub(crate) size: u64,
    /// Last change of the bytes, in nanoseconds since 1970; saturated, since a file system
    /// may return any 64 bits of seconds.
    pub(crate) mtime: i64,
    /// Last change of the inode, likewise.
    pub(crate) ctime: i64,
    /// Birth, where the file system knows it.
    pub(crate) btime: Option<i64>,
    pub(crate) attributes: Attributes,
    /// Number of the mount in /proc/self/mountinfo; 0 where the kernel does not return it
    /// (before Linux 5.8, or where a sandbox refuses statx).
    pub(crate) mount: u64,
    /// Whether a mount begins here, also on a file (`STATX_ATTR_MOUNT_ROOT`).
    pub(crate) is_mount_root: bool,
    /// Whether to open it would mount something (`STATX_ATTR_AUTOMOUNT`).
    pub(crate) is_automount: bool,
}

/// What may be done on a file system without harm, and whether inotify sees its changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum FsClass {
    /// It answers at once, and all changes are made through it.
    #[default]
    Local,
    /// A process or another host answers: perhaps late, perhaps never. What is changed
    /// on another host makes no event, and is found by polling.
    Remote(&'static str),
    /// Changes made below it make no events, and looking does not find them for certain.
    Layered(&'static str),
    /// Its files are an interface of the kernel: to open one may do anything.
    Pseudo(&'static str),
    /// Where autofs mounts something as soon as a name is opened.
    Automount,
}

impl FsClass {
    /// Whether it is asked by a thread that may wait for as long as it takes.
    pub(crate) fn may_stall(self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

impl Stat {
    /// What of it is emitted where it is asked for.
    pub(crate) fn times(&self) -> InodeTimes {
        InodeTimes {
            ino: self.inode.ino,
            mtime: self.mtime,
            ctime: self.ctime,
            btime: self.btime,
        }
    }
}

/// Why a question about a name was not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FsError {
    /// Not there now, or not what it was: ENOENT, ENOTDIR, ELOOP, ESTALE, ENXIO.
    NotFound,
    /// EACCES, EPERM.
    PermissionDenied,
    /// ENOSPC of inotify_add_watch(2): `fs.inotify.max_user_watches` is reached.
    WatchLimit,
    /// It works, and not just now (a lease is held): soon.
    Busy,
    /// No file descriptor is free: EMFILE, ENFILE. That says nothing of the name, and is
    /// reported once for all. Soon.
    NoDescriptor,
    /// The file system has not answered in time; that is reported once for the whole of
    /// it. Later.
    Stalled,
    /// Any other error, in the system's words and without its number.
    Io(String),
}

impl FsError {
    /// Whether it comes of this moment, and not of the name that was asked about.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        match self {
            Self::NotFound | Self::Busy | Self::NoDescriptor | Self::Stalled => true,
            Self::PermissionDenied | Self::WatchLimit | Self::Io(_) => false,
        }
    }
}

/// An error in the system's words, without its number.
pub(crate) fn message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
