//! Opens regular files for their bytes: without waiting, and, where that is allowed,
//! without moving the time of their last reading (O_NOATIME).

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::{self, Open};

/// Opens a name that `owner` owns, most likely; a symbolic link is not followed.
///
/// # Errors
/// Those of openat(2); EWOULDBLOCK when a lease is held on it.
pub(crate) fn open(dir: BorrowedFd<'_>, name: &CStr, owner: u32) -> io::Result<OwnedFd> {
    unnoticed(owner, |how| file::open_name(dir, name, how))
}

/// Opens again what is open as a place.
///
/// # Errors
/// The same.
pub(crate) fn reopen(place: BorrowedFd<'_>, owner: u32) -> io::Result<OwnedFd> {
    unnoticed(owner, |how| file::reopen(place, how))
}

/// Opens so that it is not noticed, if that is allowed: to the owner, and to who may act
/// as any owner.
fn unnoticed(owner: u32, open: impl Fn(Open) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    static US: OnceLock<u32> = OnceLock::new();
    static REFUSED: AtomicBool = AtomicBool::new(false);
    // SAFETY: takes nothing and cannot fail.
    let us = *US.get_or_init(|| unsafe { libc::geteuid() });
    if (us == owner || us == 0) && !REFUSED.load(Ordering::Relaxed) {
        match open(Open::Unnoticed) {
            // Somebody else's after all, or a superuser who is none here.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                REFUSED.store(us == 0, Ordering::Relaxed);
            }
            other => return other,
        }
    }
    open(Open::Bytes)
}
