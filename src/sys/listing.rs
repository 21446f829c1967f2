//! Lists a directory with getdents64(2), and splits the bytes that it gives into entries.
//!
//! Invariant: a record is taken whole or not at all, so a name never runs into the next.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd};

use super::check;
use super::file::{Open, open};
use crate::change::Kind;
use crate::file_status::Stat;

/// Bytes to read with one call.
pub(crate) const AT_ONCE: usize = 32 << 10;

/// One name that getdents64(2) gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dirent<'a> {
    /// The inode number, as the directory has it.
    pub(crate) ino: u64,
    /// `None`: it is found by a status alone.
    pub(crate) kind: Option<Kind>,
    pub(crate) name: &'a [u8],
}

/// getdents64(2): fills `buffer` with the next entries; 0 bytes at the end.
///
/// # Errors
/// Those of the call.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (at, len) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: `at` points to `len` writable bytes.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, fd.as_raw_fd(), at, len) };
    Ok(usize::try_from(check(read)?).unwrap_or(0))
}

/// Fails if a path leads to a directory that was removed and is still in use: as a working directory,
/// or open in some process (`/proc/PID/cwd`, `/proc/PID/fd/3`).
///
/// # Errors
/// ENOENT, as the kernel lists no such directory. That it has no links does not show it alone: a FUSE
/// file system may give 0 for each.
pub(crate) fn check_not_removed(at: BorrowedFd<'_>, path: &[u8], stat: &Stat) -> io::Result<()> {
    if stat.kind != Kind::Directory || stat.nlink != 0 {
        return Ok(());
    }
    let mut buffer = [0; 512];
    match open(at, path, Open::Listing).and_then(|fd| read(fd.as_fd(), &mut buffer)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The entries that a read of a directory gave, without `.` and `..`.
pub(crate) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Dirent<'_>> {
    const LENGTH: usize = offset_of!(libc::dirent64, d_reclen);
    const TYPE: usize = offset_of!(libc::dirent64, d_type);
    const NAME: usize = offset_of!(libc::dirent64, d_name);
    std::iter::from_fn(move || {
        loop {
            let ino = u64::from_ne_bytes(*bytes.first_chunk()?);
            let length = usize::from(u16::from_ne_bytes(*bytes.get(LENGTH..)?.first_chunk()?));
            let record = bytes.get(..length)?;
            bytes = &bytes[length..];
            let name = CStr::from_bytes_until_nul(record.get(NAME..)?).ok()?;
            let name = name.to_bytes();
            if !matches!(name, b"." | b"..") {
                let kind = match *record.get(TYPE)? {
                    // An overlay lists a whiteout in a lower directory, too, which is not there.
                    libc::DT_UNKNOWN | libc::DT_CHR => None,
                    libc::DT_REG => Some(Kind::File),
                    libc::DT_DIR => Some(Kind::Directory),
                    libc::DT_LNK => Some(Kind::Symlink),
                    _ => Some(Kind::Other),
                };
                return Some(Dirent { ino, kind, name });
            }
        }
    })
}
