//! Opens again, through /proc/self/fd, what a descriptor stands for: of a regular file, one that was
//! opened with O_PATH.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use super::file::{Open, here, open, open_c_str};

/// `/proc/self/fd/N`, through which what a descriptor stands for is named again.
pub(crate) struct FdPath {
    bytes: [u8; 32],
    end: usize,
}

impl FdPath {
    pub(crate) fn new(fd: BorrowedFd<'_>) -> Self {
        use std::io::Write;
        let mut bytes = [0; 32];
        let mut rest = &mut bytes[..31];
        // 14 bytes and at most 10 digits always fit.
        let _fits = write!(rest, "/proc/self/fd/{}", fd.as_raw_fd());
        let end = 31 - rest.len();
        Self { bytes, end }
    }

    fn number(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes["/proc/self/fd/".len()..=self.end]).unwrap_or(c"")
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.end]).unwrap_or(c"")
    }
}

/// Opens again what a descriptor stands for. `/proc/self/fd` is opened once: to look it up each time
/// would cost more than the file.
///
/// # Errors
/// Those of openat(2); EWOULDBLOCK when a lease is held on it.
pub(crate) fn reopen(fd: BorrowedFd<'_>, how: Open) -> io::Result<OwnedFd> {
    static DESCRIPTORS: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let open_all = || open(here(), b"/proc/self/fd", Open::Directory).ok();
    let path = FdPath::new(fd);
    match DESCRIPTORS.get_or_init(open_all) {
        Some(all) => open_c_str(all.as_fd(), path.number(), how),
        None => open_c_str(here(), path.as_c_str(), how),
    }
}
