//! Turns what system calls tell, of files and of failures, into the tracker's words.
//!
//! Never asks the disk.

use std::io;

use crate::change::Attributes;
use crate::sys::stat::RawStat;
use crate::sys::{self, Class};
use crate::tracker::disk::{FsError, Inode, Stat};

/// An error of a system call, in the tracker's words.
pub(crate) fn fs_error(error: &io::Error) -> FsError {
    match sys::class(error) {
        Class::Absent => FsError::NotFound,
        Class::Denied => FsError::PermissionDenied,
        Class::NoSpace => FsError::WatchLimit,
        Class::Other => FsError::Io(error.to_string()),
    }
}

/// What statx(2) told, in the tracker's words.
pub(crate) fn stat(raw: &RawStat) -> Stat {
    Stat {
        kind: raw.kind(),
        inode: inode(raw),
        nlink: raw.nlink,
        size: raw.size,
        mtime: raw.mtime,
        ctime: raw.ctime,
        btime: raw.btime,
        attributes: Attributes {
            mode: raw.mode & 0o7777,
            uid: raw.uid,
            gid: raw.gid,
        },
    }
}

pub(crate) fn inode(raw: &RawStat) -> Inode {
    Inode {
        dev: raw.dev,
        ino: raw.ino,
    }
}
