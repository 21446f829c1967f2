//! What happens above the PATHs: a directory on the way to one is renamed, which makes
//! no event below, or a PATH that is missing appears (`--wait-for-path`).

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::rc::Rc;

use super::Watcher;
use super::poller::Wake;
use crate::error::Error;
use crate::roots::RootBuilder;
use crate::sys::epoll::Interest;
use crate::sys::file;
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::stat::stat_path;
use crate::tracker::disk::FsError;
use crate::walk::WalkProgress;

/// The directories in which a missing PATH may appear, on a queue of their own: what it
/// tells is no change of the tree.
pub(super) struct Above {
    inotify: Inotify,
    paths: Vec<Vec<u8>>,
    /// Whether one was missing when last looked.
    is_missing: bool,
}

impl Above {
    /// Watches the nearest directory above a missing PATH for what appears in it.
    fn await_in(&self, path: &[u8]) {
        for above in Path::new(OsStr::from_bytes(path)).ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            let bytes = above.as_os_str().as_bytes();
            if file::with_c_str(bytes, |above| self.inotify.watch_appearing(above)).is_ok() {
                return;
            }
        }
    }
}

impl AsFd for Above {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// The directories by whose names a PATH is reached.
fn way(path: &[u8]) -> impl Iterator<Item = &Path> {
    let above = Path::new(OsStr::from_bytes(path)).ancestors().skip(1);
    above.filter(|above| matches!(above.components().next_back(), Some(Component::Normal(_))))
}

/// Whether there is something at a path.
pub(super) fn is_there(path: &[u8]) -> bool {
    file::with_c_str(path, stat_path).is_ok()
}

impl Watcher {
    /// From now on the way to each PATH is watched; `awaits`: and what is missing.
    pub(super) fn watch_ancestors(&mut self, paths: &[Vec<u8>], awaits: bool) -> Result<(), Error> {
        for path in paths {
            self.watch_ancestors_of(path);
        }
        if awaits {
            let inotify = Inotify::new().map_err(Error::system("wait for a PATH"))?;
            let poller = &self.poller;
            poller.listen(inotify.as_fd(), Wake::Ancestors, Interest::Readable)?;
            self.above = Some(Above {
                inotify,
                paths: paths.to_vec(),
                is_missing: false,
            });
            self.find_missing_paths();
        }
        Ok(())
    }

    /// Watches the directories by whose names a PATH is reached. Where that may not be, a
    /// PATH that is moved away with one goes unnoticed.
    fn watch_ancestors_of(&mut self, path: &[u8]) {
        for above in way(path) {
            let bytes = above.as_os_str().as_bytes();
            if let Ok(wd) = file::with_c_str(bytes, |above| self.inotify.watch_moves(above))
                && !self.tracker.above.contains(&wd)
            {
                self.tracker.above.push(wd);
            }
        }
    }

    /// Something happened above a PATH that is missing.
    pub(super) fn ancestors_changed(&mut self) {
        if let Some(above) = &self.above {
            self.events.discard(&above.inotify);
        }
        self.find_missing_paths();
    }

    /// A PATH that is missing may have appeared: then it is watched from now on.
    pub(super) fn find_missing_paths(&mut self) {
        if self.session.is_listing() {
            return; // It is called again at the end of the list.
        }
        let Some(above) = self.above.take() else {
            return;
        };
        for path in &above.paths {
            if self.tracker.is_rooted(path) {
                continue;
            }
            // The watch comes before the look, so that nothing is missed between them.
            above.await_in(path);
            if is_there(path) {
                self.appear(path);
                self.watch_ancestors_of(path);
            }
        }
        self.above = Some(above);
    }

    /// A PATH is there: it is told, and all that is in it.
    fn appear(&mut self, path: &[u8]) {
        let (inotify, mounts) = (Rc::clone(&self.inotify), Rc::clone(&self.disk.mounts));
        let own = self.disk.own.inodes();
        let mut builder = RootBuilder {
            tracker: &mut self.tracker,
            inotify: &inotify,
            mounts: &mounts,
            own: &own,
            progress: &WalkProgress::new(None),
            notes: Vec::new(),
        };
        if let Err(error) = builder.appear(path)
            && !matches!(&error, Error::Path { source, .. } if fs_error(source) == FsError::NotFound)
        {
            self.stderr.warn(&format!("warning: {error}"));
        }
    }

    pub(super) fn awaits(&self) -> bool {
        self.above.is_some()
    }

    /// A PATH that has just gone may be back already.
    pub(super) fn check_missing_paths(&mut self) {
        let Some(above) = self.above.as_mut() else {
            return;
        };
        let is_missing = above.paths.iter().any(|path| !self.tracker.is_rooted(path));
        let is_new = is_missing && !above.is_missing;
        above.is_missing = is_missing;
        if is_new {
            self.find_missing_paths();
        }
    }
}
