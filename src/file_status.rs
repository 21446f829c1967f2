//! Defines what the kernel answers about a name: the result of statx(2), or why it failed.
//!
//! Plain values; asks no disk.

use std::io;

use crate::change::{Attributes, InodeTimes, Kind};

/// The resolution of the coarsest clock of a file system (FAT), in nanoseconds: what has changed
/// within it may have changed again and have the same times.
pub(crate) const COARSEST_CLOCK: i64 = 2_000_000_000;

/// What a file system allocates beyond the end of most files at most, in bytes: the rest of a block,
/// and blocks of its own.
const ALLOCATED_AHEAD: u64 = 16 << 10;

/// A file up to this size is read within 50 ms, about: so long, who truncates it may wait for a
/// processor.
const READ_MEANWHILE: u64 = 64 << 20;

/// What identifies an inode while it exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) dev: u64,
    /// The inode number, which a new file may get as soon as this one is deleted.
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
    /// How many bytes the file system holds for it: fewer than its size where there are holes, more
    /// where some are allocated beyond its end.
    pub(crate) allocated: u64,
    /// Last change of the bytes, in nanoseconds since 1970; saturated, since a file system
    /// may return any 64 bits of seconds.
    pub(crate) mtime: i64,
    /// Last change of the inode, in nanoseconds since 1970; saturated.
    pub(crate) ctime: i64,
    /// Birth time, if the file system has it, in nanoseconds since 1970; saturated.
    pub(crate) btime: Option<i64>,
    pub(crate) attributes: Attributes,
    /// The mount ID, as in /proc/self/mountinfo; 0 if the kernel does not return it (before Linux
    /// 5.8, or if a sandbox refuses statx).
    pub(crate) mount: u64,
    /// Whether it is the root of a mount, which may be a file (`STATX_ATTR_MOUNT_ROOT`).
    pub(crate) is_mount_root: bool,
    /// Whether opening it would mount something (`STATX_ATTR_AUTOMOUNT`).
    pub(crate) is_automount: bool,
}

/// What may be done on a file system, and whether inotify reports its changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum FsClass {
    /// It answers at once, and all changes are made through it.
    #[default]
    Local,
    /// A process or another host answers: perhaps late, perhaps never. Changes on another host make
    /// no event, and are found by polling.
    Remote(&'static str),
    /// Changes of the layers below it make no events, and polling may not find them either.
    Layered(&'static str),
    /// Its files are an interface of the kernel: opening one may do anything.
    Pseudo(&'static str),
    /// autofs mounts something as soon as a name is opened.
    Automount,
}

impl FsClass {
    /// Whether a system call may wait for any time, so that a thread of the mount must make it.
    pub(crate) fn may_stall(self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

impl Stat {
    /// Whether size and mtime are the same: if so, only the mode, the owner or the names of a file
    /// have changed.
    pub(crate) fn has_size_and_mtime_of(&self, other: &Self) -> bool {
        (self.size, self.mtime) == (other.size, other.mtime)
    }

    /// Whether it may be being truncated: a file system sets the new size first, then frees what is
    /// beyond it, and sets the new times last. What is allocated beyond the end for other reasons looks
    /// the same, but is rarely much. (Of a larger file, reading takes longer than freeing the rest.)
    pub(crate) fn may_be_truncated_now(&self) -> bool {
        let beyond_end = self.beyond_end();
        beyond_end > ALLOCATED_AHEAD && self.size <= beyond_end.max(READ_MEANWHILE)
    }

    /// How many bytes are allocated beyond the end, at least.
    pub(crate) fn beyond_end(&self) -> u64 {
        self.allocated.saturating_sub(self.size)
    }

    /// The fields that are reported with `--stat`.
    pub(crate) fn times(&self) -> InodeTimes {
        InodeTimes {
            ino: self.inode.ino,
            mtime: self.mtime,
            ctime: self.ctime,
            btime: self.btime,
        }
    }
}

/// Why a system call about a name failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FsError {
    /// It is not there, or is no longer what it was: ENOENT, ENOTDIR, ELOOP, ESTALE, ENXIO.
    NotFound,
    /// EACCES, EPERM.
    PermissionDenied,
    /// ENOSPC of inotify_add_watch(2): `fs.inotify.max_user_watches` is reached.
    WatchLimit,
    /// Another process holds it, by a lease, for example: EWOULDBLOCK, ETXTBSY, EINTR. It mostly works
    /// soon.
    Busy,
    /// A thread asks its file system, which has not answered yet. It will work soon.
    Unanswered,
    /// No file descriptor is free: EMFILE, ENFILE. That is no error of the name, and is reported
    /// once for all. It will work soon.
    NoDescriptor,
    /// The file system has not answered in time, which is reported once for the whole of it. It may
    /// work later.
    Stalled,
    /// Any other error: its message, without its number.
    Io(String),
}

impl FsError {
    /// Whether it may be gone at the next try, and says nothing about the file.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::NotFound | Self::Busy | Self::Unanswered | Self::NoDescriptor | Self::Stalled => {
                true
            }
            Self::PermissionDenied | Self::WatchLimit | Self::Io(_) => false,
        }
    }
}

/// The message of an error, without its number.
pub(crate) fn message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
impl Stat {
    /// A regular file whose times are 0.
    pub(crate) fn file(inode: Inode, size: u64) -> Self {
        Self {
            kind: Kind::File,
            inode,
            nlink: 1,
            size,
            allocated: size,
            mtime: 0,
            ctime: 0,
            btime: None,
            attributes: Attributes {
                mode: 0o644,
                uid: 0,
                gid: 0,
            },
            mount: 0,
            is_mount_root: false,
            is_automount: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Inode, Stat};

    #[test]
    fn much_storage_beyond_the_end_of_what_is_soon_read_shows_a_truncation() {
        let may_be = |size, allocated| {
            let stat = Stat {
                allocated,
                ..Stat::file(Inode::default(), size)
            };
            stat.may_be_truncated_now()
        };
        const KIB: u64 = 1 << 10;
        const GIB: u64 = 1 << 30;
        // The rest of a block, blocks for extended attributes, holes.
        for (size, allocated) in [(1, 4 * KIB), (5000, 16 * KIB), (GIB, 0), (0, 0)] {
            assert!(!may_be(size, allocated), "{size} {allocated}");
        }
        for (size, allocated) in [(0, GIB), (200 * KIB, 300 * KIB), (GIB, 2 * GIB)] {
            assert!(may_be(size, allocated), "{size} {allocated}");
        }
        assert!(!may_be(GIB, GIB + 100 * KIB));
    }
}
