//! Opens regular files for reading: without waiting, and, where that is allowed, without
//! changing the time of their last access (O_NOATIME).

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::Open;
use super::process::effective_user;
use super::reopen::reopen;

/// Opens for reading what is open with O_PATH and was seen to be a regular file of
/// `owner`. O_NOATIME is for a file's owner, and for who may act as any owner.
///
/// # Errors
/// Those of openat(2); EWOULDBLOCK when a lease is held on it.
pub(crate) fn open_for_reading(file: BorrowedFd<'_>, owner: u32) -> io::Result<OwnedFd> {
    static REFUSED: AtomicBool = AtomicBool::new(false);
    let euid = effective_user();
    if (euid == owner || euid == 0) && !REFUSED.load(Ordering::Relaxed) {
        match reopen(file, Open::Unnoticed) {
            // Its owner changed, or this superuser is none on this file system.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                REFUSED.store(euid == 0, Ordering::Relaxed);
            }
            other => return other,
        }
    }
    reopen(file, Open::Bytes)
}
