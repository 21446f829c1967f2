//! What a file is: statx(2).

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;
use super::file::here;
use crate::change::Kind;

/// What statx(2) tells of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RawStat {
    pub(crate) mode: u32,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) nlink: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Last change of the bytes, in nanoseconds since 1970.
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
    /// PendingCreate, where the file system tells it.
    pub(crate) btime: Option<i64>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl RawStat {
    pub(crate) fn kind(&self) -> Kind {
        match self.mode & libc::S_IFMT {
            libc::S_IFREG => Kind::File,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Symlink,
            _ => Kind::Other,
        }
    }
}

/// statx(2) of a name in a directory; a symbolic link is not followed.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_name(at: BorrowedFd<'_>, name: &CStr) -> io::Result<RawStat> {
    statx(at, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// statx(2) of a path, wherever it leads.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_path(path: &CStr) -> io::Result<RawStat> {
    statx(here(), path, 0)
}

/// statx(2) of what a descriptor stands for.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_fd(fd: BorrowedFd<'_>) -> io::Result<RawStat> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// statx(2).
fn statx(at: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<RawStat> {
    let mut buffer = MaybeUninit::<libc::statx>::uninit();
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    // SAFETY: `path` is NUL-terminated, `buffer` is memory for one statx.
    check(unsafe {
        libc::statx(
            at.as_raw_fd(),
            path.as_ptr(),
            flags,
            mask,
            buffer.as_mut_ptr(),
        )
    })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    let stat = unsafe { buffer.assume_init() };
    let nanos = |time: libc::statx_timestamp| {
        time.tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(time.tv_nsec))
    };
    Ok(RawStat {
        mode: u32::from(stat.stx_mode),
        dev: u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor),
        ino: stat.stx_ino,
        nlink: stat.stx_nlink,
        size: stat.stx_size,
        mtime: nanos(stat.stx_mtime),
        ctime: nanos(stat.stx_ctime),
        btime: (stat.stx_mask & libc::STATX_BTIME != 0).then(|| nanos(stat.stx_btime)),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
    })
}
