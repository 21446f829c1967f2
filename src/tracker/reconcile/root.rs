//! Reconciles a PATH: whether it still leads to the same directory. Another directory that has
//! replaced it is never watched instead.

use crate::change::Kind;
use crate::tracker::disk::{Disk, FsError, Inode, Stat, Target};
use crate::tracker::model::Id;
use crate::tracker::{Tracker, is_dots};

impl<D: Disk> Tracker<D> {
    /// Reconciles a PATH that is a directory.
    pub(crate) fn reconcile_root(&mut self, id: Id) {
        let Some(open) = self.open_path_of(id) else {
            return;
        };
        match self.compare_root(id, &open) {
            Ok(true) => match self.disk.stat(Target::Root(&open)) {
                Ok(stat) => self.reconcile_same_directory(id, &stat),
                Err(error) => drop(self.retry_entry(id, &error)),
            },
            Ok(false) => self.unlink_in_pieces(id),
            Err(error) => self.lost_watch(id, &error),
        }
    }

    /// Whether a PATH that is a directory certainly leads to the same one.
    pub(in crate::tracker) fn confirm_root(&mut self, id: Id) -> bool {
        let open = self.open_path_of(id);
        open.is_some_and(|open| self.compare_root(id, &open) == Ok(true))
    }

    /// Whether a PATH leads to the same directory; its watch is set if it had none.
    ///
    /// # Errors
    /// Why that is not known, or why it cannot be watched.
    fn compare_root(&mut self, id: Id, open: &[u8]) -> Result<bool, FsError> {
        if self.is_left_behind(id, open) {
            return Ok(false);
        }
        let known: Inode = self.model.inode(id);
        let watched = match self.disk.watch(Target::Root(open)) {
            Ok(watched) => watched,
            // It is gone only if nothing, or something else, is there.
            Err(error) => {
                return match self.disk.stat(Target::Root(open)) {
                    Ok(stat) if stat.kind == Kind::Directory && stat.inode == known => Err(error),
                    Ok(_) | Err(FsError::NotFound) => Ok(false),
                    Err(_) => Err(error),
                };
            }
        };
        match watched.wd {
            Ok(wd) if self.model.watched(wd) == Some(id) => Ok(true),
            Ok(wd)
                if watched.inode == known
                    && self.model.watched(wd).is_none()
                    && self.model.wd(id).is_none() =>
            {
                self.mark_watched(id, wd);
                self.add_rescan(id);
                Ok(true)
            }
            Err(error) if watched.inode == known => Err(error),
            Ok(wd) => {
                // Another directory is there: the watched one is gone.
                self.unwatch_unneeded(wd);
                Ok(false)
            }
            Err(_) => Ok(false),
        }
    }

    /// Whether a PATH was removed, or has moved away together with the working directory, so that
    /// it can still be opened: a deleted directory, or one of a path of dots.
    fn is_left_behind(&mut self, id: Id, open: &[u8]) -> bool {
        let inode = self.model.inode(id);
        let deleted = |stat: &Stat| stat.inode == inode && stat.nlink == 0;
        if self
            .disk
            .stat(Target::Root(open))
            .is_ok_and(|stat| deleted(&stat))
        {
            return true;
        }
        if !is_dots(open) || open.starts_with(b"/") {
            return false;
        }
        let absolute = self.roots.with_entry(id).map(|root| root.absolute.clone());
        let found = absolute
            .filter(|path| !path.is_empty())
            .map(|path| self.disk.stat(Target::Root(&path)));
        match found {
            Some(Ok(stat)) => stat.inode != inode,
            Some(Err(error)) => error == FsError::NotFound,
            None => false,
        }
    }
}

impl<D> Tracker<D> {
    /// The path by which a PATH is opened.
    pub(in crate::tracker) fn open_path_of(&self, root: Id) -> Option<Vec<u8>> {
        self.roots.with_entry(root).map(|root| root.open.clone())
    }
}
