//! Names the working directory as a descriptor: AT_FDCWD, openat(2).

#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;

/// The working directory, where a relative path begins.
pub(crate) fn here() -> BorrowedFd<'static> {
    // SAFETY: AT_FDCWD stands for the working directory in every `*at` call, is never
    // closed, and is not the forbidden -1.
    unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) }
}
