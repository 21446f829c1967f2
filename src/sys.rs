//! The system calls that balerion uses, one wrapper each and no policy.
//!
//! Every descriptor is an `OwnedFd` from birth, close-on-exec; every failure an
//! `io::Error`. `unsafe` is allowed below here and in `decode.rs`, nowhere else.

pub(crate) mod daemon;
pub(crate) mod epoll;
pub(crate) mod file;
pub(crate) mod inotify;
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod open_for_reading;
pub(crate) mod process;
pub(crate) mod read_regular;
pub(crate) mod reopen;
pub(crate) mod signal;
pub(crate) mod start;
pub(crate) mod stat;
pub(crate) mod stream;
mod working_directory;
pub(crate) mod xattr;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::file_status::{FsError, message};

/// The error numbers for which a message says what to do: errno(3).
pub(crate) mod errno {
    pub(crate) use libc::{EACCES, EAGAIN, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENOENT, ENOSPC};
}

/// Turns the -1 of a C call into errno's error.
fn check<T: PartialOrd + Default>(returned: T) -> io::Result<T> {
    if returned < T::default() {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// Converts a flag from a C header's `int` to the unsigned type of the call.
fn bits(flag: libc::c_int) -> u32 {
    u32::from_ne_bytes(flag.to_ne_bytes())
}

/// Whether a call about a name has failed for want of a descriptor, on any thread.
static LACKED_DESCRIPTORS: AtomicBool = AtomicBool::new(false);

/// Whether no descriptor is free: EMFILE, ENFILE.
pub(crate) fn is_short_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Whether a call about a name has failed for want of a descriptor since this was last asked.
pub(crate) fn take_lacked_descriptors() -> bool {
    LACKED_DESCRIPTORS.load(Ordering::Relaxed) && LACKED_DESCRIPTORS.swap(false, Ordering::Relaxed)
}

/// Classifies the error of a call about a name; notes a lack of descriptors for
/// [`take_lacked_descriptors`].
pub(crate) fn fs_error(error: &io::Error) -> FsError {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE | libc::ENXIO) => {
            FsError::NotFound
        }
        Some(libc::EACCES | libc::EPERM) => FsError::PermissionDenied,
        Some(libc::EMFILE | libc::ENFILE) => {
            LACKED_DESCRIPTORS.store(true, Ordering::Relaxed);
            FsError::NoDescriptor
        }
        Some(libc::EWOULDBLOCK | libc::ETXTBSY | libc::EINTR) => FsError::Busy,
        Some(_) => FsError::Io(message(error)),
        // An error of our own.
        None => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => FsError::NotFound,
            _ => FsError::Io(message(error)),
        },
    }
}

impl From<io::Error> for FsError {
    fn from(error: io::Error) -> Self {
        fs_error(&error)
    }
}

/// Classifies an error of inotify_add_watch(2), where ENOSPC is the limit of watches.
pub(crate) fn watch_error(error: &io::Error) -> FsError {
    match error.raw_os_error() {
        Some(libc::ENOSPC) => FsError::WatchLimit,
        _ => fs_error(error),
    }
}

/// Turns a classified error back into one to report.
pub(crate) fn io_error(error: &FsError) -> io::Error {
    match error {
        FsError::NotFound => io::Error::from_raw_os_error(libc::ENOENT),
        FsError::PermissionDenied => io::Error::from_raw_os_error(libc::EACCES),
        FsError::WatchLimit => io::Error::from_raw_os_error(libc::ENOSPC),
        FsError::Busy => io::Error::other("it is busy"),
        FsError::NoDescriptor => io::Error::from_raw_os_error(libc::EMFILE),
        FsError::Unanswered => io::Error::other("its file system has not answered yet"),
        FsError::Stalled => io::Error::other("its file system does not answer"),
        FsError::Io(why) => io::Error::other(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{fs_error, message, watch_error};
    use crate::file_status::FsError;

    #[test]
    fn a_full_disk_is_not_the_limit_of_watches() {
        let error = io::Error::from_raw_os_error(libc::ENOSPC);
        assert_eq!(watch_error(&error), FsError::WatchLimit);
        // As a server may answer to any call.
        assert_eq!(fs_error(&error), FsError::Io(message(&error)));
    }

    #[test]
    fn what_is_reported_of_an_error_is_in_words() {
        for number in 1..=133 {
            let error = io::Error::from_raw_os_error(number);
            if let FsError::Io(why) = watch_error(&error) {
                assert!(
                    !why.contains("os error") && !why.contains("uncategorized"),
                    "{why}"
                );
                assert!(!why.is_empty() && !why.ends_with(')'), "{why}");
            }
        }
    }
}
