//! Turns what system calls tell, of files and of failures, into the tracker's words.
//!
//! Never asks the disk.

use std::io;

use crate::change::Attributes;
use crate::sys::stat::RawStat;
use crate::sys::{self, Class};
use crate::tracker::port::{Fault, Inode, Stat};

/// An error of a system call, in the tracker's words.
pub(crate) fn fault(error: &io::Error) -> Fault {
    match sys::class(error) {
        Class::Absent => Fault::Absent,
        Class::Denied => Fault::Denied,
        Class::NoSpace => Fault::Full,
        Class::Other => Fault::Failed(error.to_string()),
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

/// Which file it is.
pub(crate) fn inode(raw: &RawStat) -> Inode {
    Inode {
        dev: raw.dev,
        ino: raw.ino,
    }
}
