//! A terminal of its own for a watcher to print to.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::ptr;

/// A new pseudo-terminal: where to read what is printed, and where to print it.
pub(crate) fn open() -> std::io::Result<(File, OwnedFd)> {
    let (mut reader, mut printer) = (-1, -1);
    // SAFETY: the two numbers are ours to write to; no name, settings or size is given.
    let result = unsafe {
        libc::openpty(
            &raw mut reader,
            &raw mut printer,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
        )
    };
    if result == -1 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: openpty has just opened it, and nobody else knows of it.
    let reader = unsafe { File::from_raw_fd(reader) };
    // SAFETY: likewise.
    let printer = unsafe { OwnedFd::from_raw_fd(printer) };
    Ok((reader, printer))
}
