//! Reconciles a name that is a directory on disk: watches it first, since the watch descriptor
//! shows whether it is the one that the model has. A new one is emitted, then scanned.

use crate::change::Kind;
use crate::event::Wd;
use crate::tracker::Tracker;
use crate::tracker::content::directory_content;
use crate::tracker::disk::{Disk, FsClass, Inode, Stat, Target, Watched};
use crate::tracker::model::{DirectoryState, Id};
use crate::tracker::queue::{ScanScope, Work};

impl<D: Disk> Tracker<D> {
    pub(super) fn reconcile_present_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        // Whether it is a PATH that is reported by itself is found by its watch.
        if self.path_with_inode(stat.inode).is_none() {
            self.lose_followed(dir, name);
        }
        if !self.is_in_tree(dir) {
            return; // It was in that PATH.
        }
        let known = self.model.find(dir, name);
        let foreign = self.settings.one_file_system && stat.inode.dev != self.model.inode(dir).dev;
        if foreign || self.is_automount(dir, stat) || self.is_at_max_depth(dir) {
            if known.is_some_and(|id| self.is_alias_of(id, stat.inode)) {
                return;
            }
            match known.filter(|&id| !self.model.is_alias(id)) {
                Some(id) if self.model.is_not_entered(id) => self.compare_attributes(id, stat),
                Some(id)
                    if self.model.kind(id) == Kind::Directory
                        && self.model.inode(id) == stat.inode =>
                {
                    self.leave_directory(id);
                    if self.is_in_tree(id) {
                        self.compare_attributes(id, stat);
                    }
                }
                _ => {
                    let Some(id) = self.new_directory(dir, name, stat) else {
                        return;
                    };
                    self.model.set_inode(id, stat.inode);
                    self.model.set_directory_state(id, DirectoryState::BOUNDARY);
                    self.hide_if_root(id, stat.inode);
                    self.emit_created(id, directory_content(stat));
                }
            }
            return;
        }
        let watched = self
            .enter(dir)
            .and_then(|parent| self.disk.watch(Target::In(&parent, name)));
        match watched {
            Ok(watched) => self.reconcile_opened(dir, name, stat, &watched),
            Err(error) => {
                let is_to_report = self.retry_later(dir, name, &error);
                self.warn_blocked(dir, &error, is_to_report);
            }
        }
    }

    /// Removes what is in a directory that has moved to the limit of `--max-depth`, and its watch.
    /// If that is much, removes a part, and puts the directory back on the work queue.
    fn leave_directory(&mut self, id: Id) {
        let max_path_bytes = self.records.piece_end();
        while let Some(child) = self.model.first_child(id) {
            if self.is_emitting() || self.records.current().path_bytes() >= max_path_bytes {
                return self.enqueue(id);
            }
            self.unlink(child);
            if !self.is_in_tree(id) {
                return; // It has gone with a PATH in the child.
            }
        }
        self.forget_rules(id);
        if let Some(wd) = self.model.set_directory_state(id, DirectoryState::BOUNDARY) {
            self.unwatch_unneeded(wd);
        }
    }

    /// Whether opening a directory would mount something: then it is entered once that is mounted.
    fn is_automount(&mut self, dir: Id, stat: &Stat) -> bool {
        let above = self.file_systems.class(self.model.inode(dir).dev);
        stat.is_automount
            || stat.is_mount_root && self.disk.class(stat) == FsClass::Automount
            || !stat.is_mount_root && above == FsClass::Automount
    }

    /// Reconciles a directory that was opened and, if that could be done, is watched.
    fn reconcile_opened(&mut self, dir: Id, name: &[u8], stat: &Stat, watched: &Watched) {
        let known = self.model.find(dir, name);
        let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
        let same_inode = known.filter(is_dir).filter(|&id| {
            let inode = self.model.inode(id);
            // Unknown (0) if its file system did not answer the walk.
            let may_be = inode.ino == 0 || inode == watched.inode;
            may_be && !self.model.is_alias(id)
        });
        if let Some(id) = same_inode
            && self.model.is_not_entered(id)
        {
            // It has moved up from the limit of --max-depth.
            self.model
                .set_directory_state(id, DirectoryState::Unwatched);
        }
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
                        self.compare_attributes(id, stat);
                        self.add_rescan(id);
                    }
                    None => match self.replace_followed(dir, name, stat) {
                        Some(id) => self.add_watched(id, *wd, watched, stat),
                        None => self.unwatch_unneeded(*wd),
                    },
                },
            },
            (Err(error), Some(id)) => {
                self.lost_watch(id, error);
                self.reconcile_same_directory(id, stat);
            }
            // It is not known which of the two has changed.
            (Err(error), None) if known.is_some_and(|id| self.is_alias_of(id, watched.inode)) => {
                self.retry_later(dir, name, error);
            }
            (Err(error), None) => {
                let Some(id) = self.replace_followed(dir, name, stat) else {
                    return;
                };
                self.model.set_inode(id, watched.inode);
                self.emit_created(id, directory_content(stat));
                self.cannot_watch(id, error);
            }
        }
    }

    /// Whether an entry is another name of the directory with this inode.
    fn is_alias_of(&self, id: Id, inode: Inode) -> bool {
        let target = self.model.is_alias(id).then(|| self.model.alias_target(id));
        target
            .flatten()
            .is_some_and(|of| self.model.inode(of) == inode)
    }

    /// Reconciles a directory that is where it was.
    pub(super) fn reconcile_same_directory(&mut self, id: Id, stat: &Stat) {
        self.compare_attributes(id, stat);
        let mark = self.model.scanned(id);
        if mark != self.queue.generation() {
            let scan = Work::scan(id, ScanScope::All).owned_by(stat.attributes.uid);
            self.queue.ensure_rescan(scan, mark);
        }
    }

    /// As [`Self::new_directory`], where a link may have led to a PATH whose inode number the new
    /// directory has.
    fn replace_followed(&mut self, dir: Id, name: &[u8], stat: &Stat) -> Option<Id> {
        self.lose_followed(dir, name);
        if !self.is_in_tree(dir) {
            return None;
        }
        self.new_directory(dir, name, stat)
    }

    /// Adds an entry for a directory, and removes what has its name. `None`: the directory that it
    /// is in has gone with PATHs in that, or there is no room.
    pub(super) fn new_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) -> Option<Id> {
        let replaced = self.model.find(dir, name);
        if let Some(old) = replaced {
            self.unlink(old);
        }
        if !self.is_in_tree(dir) || !self.has_room_in(dir) {
            return None;
        }
        if replaced.is_some() {
            self.schedule_scan_if_other_spelling(dir, name);
        }
        let id = self.model.insert(Some(dir), name, Kind::Directory);
        self.mark_new(id);
        self.remember_attributes(id, stat);
        self.inherit_folding(id);
        Some(id)
    }

    /// Emits a new directory that is watched, and enqueues its scan.
    fn add_watched(&mut self, id: Id, wd: Wd, watched: &Watched, stat: &Stat) {
        self.model.set_watch(id, wd);
        self.model.set_inode(id, watched.inode);
        self.file_systems.note(watched.inode.dev, watched.class);
        self.emit_created(id, directory_content(stat));
        let owner = stat.attributes.uid;
        self.queue
            .add(Work::scan(id, ScanScope::New).owned_by(owner));
    }
}
