//! Opens an inotify(7) instance, adds and removes its watches and reads its bytes.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::check;
use super::file::with_c_str;
use crate::event::Wd;

/// The mask of a directory's watch. Without IN_OPEN, IN_ACCESS and IN_CLOSE_NOWRITE, which our
/// own reading would cause, and without IN_EXCL_UNLINK, which hides writes by a removed name.
const DIRECTORY: u32 = libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MODIFY
    | libc::IN_CLOSE_WRITE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_ATTRIB
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF
    | libc::IN_ONLYDIR;

/// The mask of a regular file's watch: with `--strict`, and on a file that is a mount point.
const FILE: u32 = libc::IN_MODIFY | libc::IN_CLOSE_WRITE | libc::IN_ATTRIB;

/// An inotify instance: a file whose bytes are events.
pub(crate) struct Inotify {
    file: File,
}

impl Inotify {
    /// inotify_init1(2), non-blocking and close-on-exec.
    ///
    /// # Errors
    /// EMFILE: `fs.inotify.max_user_instances` or RLIMIT_NOFILE is reached.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            file: File::from(fd),
        })
    }

    /// inotify_add_watch(2) on a directory. The same inode gives the same descriptor.
    ///
    /// # Errors
    /// ENOSPC: `fs.inotify.max_user_watches` is reached; EACCES: it may not be read.
    pub(crate) fn watch_directory(&self, path: &CStr) -> io::Result<Wd> {
        self.add(path, DIRECTORY)
    }

    /// inotify_add_watch(2) on a regular file's inode.
    ///
    /// # Errors
    /// As for a directory.
    pub(crate) fn watch_file(&self, path: &CStr) -> io::Result<Wd> {
        self.add(path, FILE)
    }

    /// Watches a directory for its own move or deletion, adding to the mask that it has already.
    ///
    /// # Errors
    /// As for a directory.
    pub(crate) fn watch_moves(&self, path: &Path) -> io::Result<Wd> {
        let moves = libc::IN_MOVE_SELF | libc::IN_DELETE_SELF;
        let mask = moves | libc::IN_ONLYDIR | libc::IN_MASK_ADD;
        with_c_str(path.as_os_str().as_bytes(), |path| self.add(path, mask))
    }

    /// Watches a directory for names that appear or disappear in it, adding to the mask that it
    /// has already.
    ///
    /// # Errors
    /// As for a directory.
    pub(crate) fn watch_names(&self, path: &Path) -> io::Result<Wd> {
        let names = libc::IN_CREATE | libc::IN_DELETE | libc::IN_MOVED_FROM | libc::IN_MOVED_TO;
        let itself = libc::IN_MOVE_SELF | libc::IN_DELETE_SELF | libc::IN_ATTRIB;
        let mask = names | itself | libc::IN_ONLYDIR | libc::IN_MASK_ADD;
        with_c_str(path.as_os_str().as_bytes(), |path| self.add(path, mask))
    }

    fn add(&self, path: &CStr, mask: u32) -> io::Result<Wd> {
        let fd = self.file.as_raw_fd();
        // SAFETY: `path` is NUL-terminated and outlives the call.
        check(unsafe { libc::inotify_add_watch(fd, path.as_ptr(), mask) }).map(Wd)
    }

    /// inotify_rm_watch(2). That the watch is gone already (EINVAL) is no error.
    pub(crate) fn unwatch(&self, wd: Wd) {
        // SAFETY: takes no pointers.
        let _gone_already = unsafe { libc::inotify_rm_watch(self.file.as_raw_fd(), wd.0) };
    }

    /// Fills `buffer` with queued events; returns the number of bytes.
    ///
    /// # Errors
    /// Those of read(2), but an empty queue gives 0.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.file).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                other => return other,
            }
        }
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
