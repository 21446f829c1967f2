//! Reads a file's metadata: statx(2), or fstatat(2) where a sandbox refuses it.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;
use super::file::with_c_str;
use super::working_directory::here;
use crate::change::{Attributes, Kind};
use crate::file_status::{Inode, Stat};

/// statx(2) of a name in a directory; a symbolic link is not followed.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_name(at: BorrowedFd<'_>, name: &[u8]) -> io::Result<Stat> {
    with_c_str(name, |name| statx(at, name, libc::AT_SYMLINK_NOFOLLOW))
}

/// statx(2) of a name in a directory from what the kernel has cached (AT_STATX_DONT_SYNC): a
/// mount that begins there and does not answer is not asked. On a local file system it makes no
/// difference.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_name_cached(at: BorrowedFd<'_>, name: &[u8]) -> io::Result<Stat> {
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_STATX_DONT_SYNC;
    with_c_str(name, |name| statx(at, name, flags))
}

/// statx(2) of what a descriptor stands for, from what the kernel has cached.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_fd_cached(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    statx(fd, c"", libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC)
}

/// statx(2) of a path, wherever it leads.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_path(path: &[u8]) -> io::Result<Stat> {
    with_c_str(path, |path| statx(here(), path, 0))
}

/// statx(2) of what a descriptor stands for.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_fd(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// statx(2), called by its number: where a sandbox answers ENOSYS, C libraries emulate it, without
/// birth times, and with EINVAL for AT_STATX_DONT_SYNC.
fn statx(at: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<Stat> {
    let mut buffer = MaybeUninit::<libc::statx>::uninit();
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME | libc::STATX_MNT_ID;
    // SAFETY: `path` is NUL-terminated, `buffer` is memory for one statx.
    let called = check(unsafe {
        libc::syscall(
            libc::SYS_statx,
            at.as_raw_fd(),
            path.as_ptr(),
            flags | libc::AT_NO_AUTOMOUNT,
            mask,
            buffer.as_mut_ptr(),
        )
    });
    match called {
        // SAFETY: the call succeeded, so it filled the buffer.
        Ok(_) => Ok(from_statx(&unsafe { buffer.assume_init() })),
        // statx(2) itself gives neither: a sandbox refuses it.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) => {
            fstatat(at, path, flags)
        }
        Err(error) => Err(error),
    }
}

/// fstatat(2), which returns neither birth times nor mounts.
fn fstatat(at: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<Stat> {
    let mut buffer = MaybeUninit::<libc::stat>::uninit();
    let flags = (flags & !libc::AT_STATX_DONT_SYNC) | libc::AT_NO_AUTOMOUNT;
    // SAFETY: `path` is NUL-terminated, `buffer` is memory for one stat.
    check(unsafe { libc::fstatat(at.as_raw_fd(), path.as_ptr(), buffer.as_mut_ptr(), flags) })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    let stat = unsafe { buffer.assume_init() };
    let nanos = |seconds: libc::time_t, nanos: i64| {
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    };
    let (major, minor) = (libc::major(stat.st_dev), libc::minor(stat.st_dev));
    Ok(Stat {
        kind: kind(stat.st_mode),
        inode: Inode {
            dev: u64::from(major) << 32 | u64::from(minor),
            ino: stat.st_ino,
        },
        // A count of links that does not fit is more than one.
        nlink: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        allocated: u64::try_from(stat.st_blocks)
            .unwrap_or(0)
            .saturating_mul(SECTOR),
        mtime: nanos(stat.st_mtime, stat.st_mtime_nsec),
        ctime: nanos(stat.st_ctime, stat.st_ctime_nsec),
        btime: None,
        attributes: Attributes {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
        },
        mount: 0,
        is_mount_root: false,
        is_automount: false,
    })
}

/// The unit of `stx_blocks` and `st_blocks`, in bytes, whatever the file system's is.
const SECTOR: u64 = 512;

/// `STATX_ATTR_MOUNT_ROOT`: the root of a mount, since Linux 5.8.
const MOUNT_ROOT: u64 = 0x2000;

/// `STATX_ATTR_AUTOMOUNT`: a directory that mounts something when it is opened.
const AUTOMOUNT: u64 = 0x1000;

fn from_statx(stat: &libc::statx) -> Stat {
    let nanos = |time: libc::statx_timestamp| {
        time.tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(time.tv_nsec))
    };
    let has = |field: u32| stat.stx_mask & field != 0;
    let mode = u32::from(stat.stx_mode);
    Stat {
        kind: kind(mode),
        inode: Inode {
            dev: u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor),
            ino: stat.stx_ino,
        },
        nlink: stat.stx_nlink,
        size: stat.stx_size,
        allocated: stat.stx_blocks.saturating_mul(SECTOR),
        mtime: nanos(stat.stx_mtime),
        ctime: nanos(stat.stx_ctime),
        btime: has(libc::STATX_BTIME).then(|| nanos(stat.stx_btime)),
        attributes: Attributes {
            mode: mode & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
        },
        mount: if has(libc::STATX_MNT_ID) {
            stat.stx_mnt_id
        } else {
            0
        },
        is_mount_root: stat.stx_attributes & MOUNT_ROOT != 0,
        is_automount: stat.stx_attributes & AUTOMOUNT != 0,
    }
}

fn kind(mode: u32) -> Kind {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        _ => Kind::Other,
    }
}
