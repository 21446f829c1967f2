//! Opens regular files for reading.
//!
//! Invariant: nothing is opened for reading before statx(2) on an O_PATH descriptor has shown
//! that it is a regular file: opening a FIFO would wake its writer, and a device may do anything.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use super::reader::Reader;
use crate::change::Kind;
use crate::file_status::{FsError, Stat};
use crate::sys::file::{self, Open};
use crate::sys::open_for_reading::open_for_reading;
use crate::sys::stat::stat_fd;
use crate::tracker::disk::FileDigest;

/// A regular file, open with O_PATH. Whatever becomes of its name, it stays this file.
pub(crate) struct RegularFile {
    fd: OwnedFd,
    pub(crate) stat: Stat,
}

impl RegularFile {
    /// Opens a name in a directory; a symbolic link is not followed.
    ///
    /// # Errors
    /// [`FsError::NotFound`] also for what is there and no regular file.
    pub(crate) fn open(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Self, FsError> {
        let fd = file::open_name(dir, name, Open::Path)?;
        let stat = stat_fd(fd.as_fd())?;
        Self::new(fd, stat)
    }

    /// Takes a descriptor that is open with O_PATH, and its status.
    ///
    /// # Errors
    /// [`FsError::NotFound`] for what is no regular file.
    pub(crate) fn new(fd: OwnedFd, stat: Stat) -> Result<Self, FsError> {
        if stat.kind != Kind::File {
            return Err(FsError::NotFound);
        }
        Ok(Self { fd, stat })
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// Those of openat(2).
    pub(super) fn reader(&self, limit: u64) -> Result<Reader, FsError> {
        let uid = self.stat.attributes.uid;
        let opened = open_for_reading(self.fd.as_fd(), uid)?;
        Ok(Reader::new(File::from(opened), self.stat, limit))
    }

    /// Reads all of it, which takes time since `began`. The caller has compared its size with the
    /// limit.
    ///
    /// # Errors
    /// Those of openat(2) and read(2).
    pub(crate) fn digest(
        &self,
        limit: u64,
        began: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<FileDigest, FsError> {
        self.reader(limit)?.read_all(began, buffer)
    }
}
