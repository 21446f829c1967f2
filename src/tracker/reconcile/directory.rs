//! A directory is on disk: it is watched first, and by its watch it is known whether it
//! is the one that the model has. A new one is emitted, then scanned.

use crate::change::{Kind, Warning};
use crate::event::Wd;
use crate::tracker::Tracker;
use crate::tracker::content::directory_content;
use crate::tracker::disk::{Disk, FsClass, FsError, Stat, Target, Watched};
use crate::tracker::model::{DirectoryState, Flag, Id, NotEntered};
use crate::tracker::scan_scope::ScanScope;

impl<D: Disk> Tracker<D> {
    pub(super) fn reconcile_present_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        let known = self.model.find(dir, name);
        let foreign = self.settings.one_file_system && stat.inode.dev != self.model.inode(dir).dev;
        if foreign || self.is_automount(dir, stat) || self.is_not_entered(dir) {
            match known {
                Some(id) if self.model.is_not_entered(id) => self.compare_attributes(id, stat),
                _ => {
                    let id = self.new_directory(dir, name, stat);
                    let boundary = DirectoryState::NotEntered(NotEntered::Boundary);
                    self.model.set_directory_state(id, boundary);
                    self.emit_created(id, directory_content(stat));
                }
            }
            return;
        }
        let watched = self
            .enter(dir)
            .and_then(|parent| self.disk.watch(Target::In(&parent, name)));
        match watched {
            Ok(watched) => self.watched(dir, name, stat, &watched),
            Err(why) => drop(self.retry_later(dir, name, &why)),
        }
    }

    /// Whether to open a directory would mount something: it is entered when that is done.
    fn is_automount(&mut self, dir: Id, stat: &Stat) -> bool {
        let above = self.file_systems.class(self.model.inode(dir).dev);
        stat.is_automount
            || stat.is_mount_root && self.disk.class(stat) == FsClass::Automount
            || !stat.is_mount_root && above == FsClass::Automount
    }

    /// A directory was opened and, where that could be done, is watched.
    fn watched(&mut self, dir: Id, name: &[u8], stat: &Stat, watched: &Watched) {
        let known = self.model.find(dir, name);
        let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
        let same_inode = known.filter(is_dir).filter(|&id| {
            let inode = self.model.inode(id);
            // One that the walk could not ask has no number yet.
            let may_be = inode.ino == 0 || inode == watched.inode;
            may_be && !self.model.is_not_entered(id)
        });
        match (&watched.wd, same_inode) {
            (Ok(wd), _) => match self.model.watched(*wd) {
                Some(other) if Some(other) == known => {
                    self.model.set_inode(other, watched.inode);
                    self.reconcile_same_directory(other, stat);
                }
                Some(other) => self.reconcile_relocated(other, dir, name, stat),
                None => match same_inode.filter(|&id| self.model.wd(id).is_none()) {
                    Some(id) => {
                        self.model.set_inode(id, watched.inode);
                        self.file_systems.note(watched.inode.dev, watched.class);
                        self.mark_watched(id, *wd);
                        self.queue.add_scan(id, ScanScope::All);
                    }
                    None => {
                        let id = self.new_directory(dir, name, stat);
                        self.begin(id, *wd, watched, stat);
                    }
                },
            },
            (Err(fault), Some(id)) => {
                self.lost_watch(id, fault);
                self.reconcile_same_directory(id, stat);
            }
            (Err(fault), None) => {
                let id = self.new_directory(dir, name, stat);
                self.model.set_inode(id, watched.inode);
                self.emit_created(id, directory_content(stat));
                self.cannot_watch(id, fault);
            }
        }
    }

    /// A directory that is where it was.
    pub(super) fn reconcile_same_directory(&mut self, id: Id, stat: &Stat) {
        self.compare_attributes(id, stat);
        if self.model.scanned(id) != self.scans.generation() {
            self.queue.ensure_scan(id, ScanScope::All);
        }
    }

    /// A directory with the number of the one that is known cannot be watched. One that
    /// has a watch could be: it is another, or the watch went with its `IN_IGNORED`.
    fn lost_watch(&mut self, id: Id, fault: &FsError) {
        match (self.model.directory_state(id), fault) {
            (DirectoryState::Watched(_) | DirectoryState::Unwatched, FsError::WatchLimit) => {
                if let Some(wd) = self.model.take_watch(id) {
                    self.disk.unwatch(wd);
                }
                self.cannot_watch(id, fault);
            }
            _ => drop(self.queue.retry_entry(id, self.model.parent(id), fault)),
        }
    }

    /// Makes room under the name, and an entry for a directory.
    pub(super) fn new_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) -> Id {
        if let Some(old) = self.model.find(dir, name) {
            self.unlink(old);
        }
        let id = self.model.insert(Some(dir), name, Kind::Directory);
        self.remember_attributes(id, stat);
        id
    }

    /// A new directory that is watched: emitted, then scanned.
    fn begin(&mut self, id: Id, wd: Wd, watched: &Watched, stat: &Stat) {
        self.model.set_watch(id, wd);
        self.model.set_inode(id, watched.inode);
        self.mark_unscanned(id);
        self.inherit_folding(id);
        self.file_systems.note(watched.inode.dev, watched.class);
        self.emit_created(id, directory_content(stat));
        self.queue.add_scan(id, ScanScope::New);
    }
}

impl<D> Tracker<D> {
    /// A directory has no watch of its own: its limit, or its permissions.
    pub(crate) fn cannot_watch(&mut self, id: Id, fault: &FsError) {
        // Those for which there is no room are polled all together.
        if *fault != FsError::WatchLimit {
            self.queue.retry_entry(id, self.model.parent(id), fault);
        }
        match fault {
            FsError::WatchLimit | FsError::Io(_) => {
                match self.model.directory_state(id) {
                    DirectoryState::Unwatched => {
                        self.model.set_directory_state(id, DirectoryState::Polled);
                        self.warn_unwatched(id, fault);
                    }
                    // The watch is set, and the directory could not be listed.
                    DirectoryState::Watched(_) => self.warn_unwatched(id, fault),
                    DirectoryState::Polled | DirectoryState::NotEntered(_) => {}
                }
                self.queue.add_scan(id, ScanScope::All);
            }
            FsError::PermissionDenied => self.warn_unreadable(id),
            FsError::NotFound | FsError::Busy | FsError::NoDescriptor | FsError::Stalled => {}
        }
    }

    fn warn_unwatched(&mut self, id: Id, fault: &FsError) {
        let warning = match fault {
            FsError::Io(why) => {
                let text = "no watch can be set, so it is looked at every 10 s";
                Warning::Failed(format!("{text}: {why}"))
            }
            _ => Warning::NoWatch,
        };
        self.warn(id, warning);
    }

    /// A directory that had no watch has one.
    pub(super) fn mark_watched(&mut self, id: Id, wd: Wd) {
        self.model.set_watch(id, wd);
        self.model.clear(id, Flag::UNREADABLE);
    }
}
