//! Reconciles a PATH: whether it still leads to the same directory. Another directory that has
//! replaced it is never watched instead.

use crate::change::Kind;
use crate::tracker::disk::{Disk, FsError, Inode, Stat, Target};
use crate::tracker::model::Id;
use crate::tracker::queue::{ScanScope, Work};
use crate::tracker::{Tracker, is_dots};

impl<D: Disk> Tracker<D> {
    /// Reconciles a PATH that is a directory.
    pub(crate) fn reconcile_root(&mut self, id: Id) {
        let Some(open) = self.open_path_of(id) else {
            return;
        };
        if self.is_left_behind(id, &open) {
            return self.unlink_in_pieces(id);
        }
        let watched = match self.disk.watch(Target::Root(&open)) {
            Ok(watched) => watched,
            Err(error) => return self.unwatchable_root(id, &open, &error),
        };
        let known: Inode = self.model.inode(id);
        match watched.wd {
            Ok(wd) if self.model.watched(wd) == Some(id) => {}
            Ok(wd)
                if watched.inode == known
                    && self.model.watched(wd).is_none()
                    && self.model.wd(id).is_none() =>
            {
                self.mark_watched(id, wd);
                self.queue.add(Work::scan(id, ScanScope::All));
            }
            Err(error) if watched.inode == known => {
                self.retry_entry(id, &error);
            }
            Ok(wd) => {
                // Another directory is there: the watched one is gone.
                if self.model.watched(wd).is_none() {
                    self.disk.unwatch(wd);
                }
                self.unlink_in_pieces(id);
                return;
            }
            Err(_) => return self.unlink_in_pieces(id),
        }
        match self.disk.stat(Target::Root(&open)) {
            Ok(stat) => self.reconcile_same_directory(id, &stat),
            Err(error) => drop(self.retry_entry(id, &error)),
        }
    }

    /// Serves a PATH that could not be opened: it is gone only if nothing, or something else, is
    /// there.
    fn unwatchable_root(&mut self, id: Id, open: &[u8], error: &FsError) {
        let is_it = match self.disk.stat(Target::Root(open)) {
            Ok(stat) => stat.kind == Kind::Directory && stat.inode == self.model.inode(id),
            Err(error) => error != FsError::NotFound,
        };
        if is_it {
            self.retry_entry(id, error);
        } else {
            self.unlink_in_pieces(id);
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
