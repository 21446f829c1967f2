//! The system calls that balerion stands on, one wrapper each and no policy.
//!
//! Every descriptor is an `OwnedFd` from birth, close-on-exec; every failure an
//! `io::Error`. `unsafe` is allowed below here and in `decode.rs`, nowhere else.

pub(crate) mod bytes;
pub(crate) mod daemon;
pub(crate) mod epoll;
pub(crate) mod file;
pub(crate) mod inotify;
pub(crate) mod listing;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod stat;
pub(crate) mod stream;

use std::io;

/// One error for -1: the C convention of all these calls.
fn check<T: PartialOrd + Default>(returned: T) -> io::Result<T> {
    if returned < T::default() {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// A flag of a C header, whose type there is not that of the call.
fn bits(flag: libc::c_int) -> u32 {
    u32::from_ne_bytes(flag.to_ne_bytes())
}

/// What an error means for a name that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// ENOENT, ENOTDIR, ELOOP, ESTALE, ENXIO: it is not there now.
    Absent,
    /// EACCES, EPERM: it may not be looked at.
    Denied,
    /// ENOSPC: of watches, their limit.
    NoSpace,
    Other,
}

/// Whether no descriptor is free: EMFILE, ENFILE.
pub(crate) fn is_short_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

pub(crate) fn class(error: &io::Error) -> Class {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE | libc::ENXIO) => {
            Class::Absent
        }
        Some(libc::EACCES | libc::EPERM) => Class::Denied,
        Some(libc::ENOSPC) => Class::NoSpace,
        _ => Class::Other,
    }
}
