//! Opens the subdirectories that a walk enters.
//!
//! Reads none and sets no watch. Invariant: opening mounts nothing, and asks no file system that
//! may not answer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::shared::FileSystem;
use super::walker::Walker;
use crate::change::Kind;
use crate::disk::path::RemotePath;
use crate::file_status::{FsClass, Stat};
use crate::sys::file::{self, Open};
use crate::sys::stat::{stat_fd_cached, stat_name_cached};
use crate::tracker::model::Id;

impl Walker<'_, '_> {
    /// Opens a directory again by its path from the open PATH. The path of that may be relative, and
    /// each thread has a working directory of its own.
    pub(super) fn reopen(&self, id: Id) -> io::Result<OwnedFd> {
        let mut path = Vec::new();
        let state = self.shared.lock();
        state.tracker.model.write_relative_path(id, &mut path);
        drop(state);
        let root = self.shared.root.as_ref();
        let root = root.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        file::open_path(root.as_fd(), &path, Open::Listing)
    }

    /// Opens a subdirectory. `None`: it is not to be entered by this walk.
    ///
    /// # Errors
    /// Why it cannot be opened, and the status of what is there, if that is known.
    pub(super) fn open_below(
        &self,
        id: Id,
        dir: BorrowedFd<'_>,
        name: &[u8],
        above: FileSystem,
    ) -> Result<Option<OwnedFd>, (io::Error, Option<Stat>)> {
        // If opening a name may mount something, it is stat'ed first.
        if !self.shared.has_automounts {
            match file::open_in_mount(dir, name, Open::Listing) {
                Ok(fd) => return Ok(Some(fd)),
                // Another mount, or a kernel or sandbox without openat2(2).
                Err(error) if file::is_refused_by_openat2(&error) => {}
                Err(error) => {
                    let stat = stat_name_cached(dir, name).ok();
                    return Err((error, stat));
                }
            }
        }
        self.open_on_other_mount(id, dir, name, above)
    }

    /// Opens a subdirectory that may be on another file system. It is stat'ed before it is opened
    /// for reading, so that nothing is mounted, and no remote file system is asked.
    fn open_on_other_mount(
        &self,
        id: Id,
        dir: BorrowedFd<'_>,
        name: &[u8],
        above: FileSystem,
    ) -> Result<Option<OwnedFd>, (io::Error, Option<Stat>)> {
        let failed = |error| (error, None);
        let found = file::open_name(dir, name, Open::Path).map_err(failed)?;
        let stat = stat_fd_cached(found.as_fd()).map_err(failed)?;
        if stat.kind != Kind::Directory {
            return Err((io::ErrorKind::NotFound.into(), None));
        }
        let is_foreign = stat.inode.dev != above.dev;
        let class = self.shared.mounts.class(&stat);
        let is_remote = (stat.is_mount_root || is_foreign) && class.may_stall();
        if stat.is_automount
            || class == FsClass::Automount
            || is_foreign && self.shared.one_file_system
        {
            self.shared.lock().tracker.do_not_enter(id, stat.inode);
            return Ok(None);
        }
        if is_remote {
            let path = RemotePath::at(found, &stat);
            let mut state = self.shared.lock();
            state.tracker.note_remote_mount(id, stat.inode.dev, class);
            state.remote.push((id, path));
            return Ok(None);
        }
        let opened = file::open_name(found.as_fd(), b".", Open::Listing);
        opened.map(Some).map_err(|error| (error, Some(stat)))
    }
}
