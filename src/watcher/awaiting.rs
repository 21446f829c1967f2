//! PATHs that are not there yet, or not any longer (`--wait-for-path`): each is waited
//! for through its nearest ancestor that exists.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use super::{Token, Watcher};
use crate::error::Error;
use crate::hash::fault;
use crate::roots::Planter;
use crate::sys::epoll::Interest;
use crate::sys::file;
use crate::sys::inotify::Inotify;
use crate::tracker::port::Fault;

/// All PATHs, and the queue on which their ancestors tell of them.
pub(super) struct Awaiting {
    /// A queue of its own: what it tells is no change of the tree.
    inotify: Inotify,
    /// The PATHs as given.
    paths: Vec<Vec<u8>>,
}

impl Awaiting {
    /// Waits for what of the PATHs is missing.
    ///
    /// # Errors
    /// EMFILE: `fs.inotify.max_user_instances` is reached.
    pub(super) fn new(paths: &[Vec<u8>]) -> std::io::Result<Self> {
        Ok(Self { inotify: Inotify::new()?, paths: paths.to_vec() })
    }

    /// Reads away what the ancestors told: that something happened is enough.
    fn silence(&self, buffer: &mut [u8]) {
        while self.inotify.read(buffer).is_ok_and(|read| read > 0) {}
    }

    /// Watches the nearest ancestor of a PATH that exists.
    fn watch_above(&self, path: &[u8]) {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        for above in path.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            let watched = file::with_c_str(above.as_os_str().as_bytes(), |above| self.inotify.watch_directory(above));
            if watched.is_ok() {
                return;
            }
        }
    }
}

impl AsFd for Awaiting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Whether there is something at a path.
fn is_there(path: &[u8]) -> bool {
    file::with_c_str(path, file::stat_path).is_ok()
}

/// The PATHs among these that are there.
pub(super) fn present(paths: &[Vec<u8>]) -> Vec<Vec<u8>> {
    paths.iter().filter(|path| is_there(path)).cloned().collect()
}

impl Watcher {
    /// From now on PATHs that are missing are waited for.
    pub(super) fn await_paths(&mut self, paths: &[Vec<u8>]) -> Result<(), Error> {
        let awaiting = Awaiting::new(paths).map_err(Error::system("wait for a PATH"))?;
        Self::listen(&self.epoll, awaiting.as_fd(), Token::Awaited, Interest::Readable)?;
        self.awaiting = Some(awaiting);
        self.look_for_paths();
        Ok(())
    }

    /// Something happened near a PATH that is missing, or one is gone: what has appeared
    /// is watched from now on.
    pub(super) fn look_for_paths(&mut self) {
        let Some(awaiting) = self.awaiting.take() else { return };
        awaiting.silence(&mut self.arriving);
        for path in &awaiting.paths {
            if self.tracker.is_rooted(path) {
                continue;
            }
            // The watch comes before the look, so that nothing is missed between them.
            awaiting.watch_above(path);
            if is_there(path) {
                self.appear(path);
            }
        }
        self.awaiting = Some(awaiting);
    }

    /// A PATH is there: it is told, and all that is in it.
    fn appear(&mut self, path: &[u8]) {
        let inotify = Rc::clone(&self.inotify);
        let own = self.own.inodes();
        let mut planter = Planter { tracker: &mut self.tracker, inotify: &inotify, own: &own, notes: Vec::new() };
        if let Err(error) = planter.appear(path)
            && !matches!(&error, Error::Path { source, .. } if fault(source) == Fault::Absent)
        {
            self.voice.warn(&format!("warning: {error}"));
        }
    }

    /// Whether a PATH is waited for.
    pub(super) fn awaits(&self) -> bool {
        self.awaiting.is_some()
    }

    /// Looks for a PATH that has just gone: it may be back already.
    pub(super) fn look_for_lost_paths(&mut self) {
        let lost = |awaiting: &Awaiting| awaiting.paths.iter().any(|path| !self.tracker.is_rooted(path));
        let now_lost = self.awaiting.as_ref().is_some_and(lost);
        if now_lost && !self.has_lost_paths {
            self.look_for_paths();
        }
        self.has_lost_paths = now_lost;
    }
}
