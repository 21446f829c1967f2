//! Adds PATHs to the model: those that are there at the start, which are walked next; and those
//! that appear, which are emitted and scanned.
//!
//! Opens nothing and sets no watch: the caller has found what the PATH leads to. Invariant: an
//! entry without a directory above it belongs to a root, and is marked as that.

use super::{FileRoot, Root, RootKind};
use crate::change::Kind;
use crate::event::Wd;
use crate::tracker::Tracker;
use crate::tracker::content::directory_content;
use crate::tracker::disk::{Disk, FsClass, Inode, Stat};
use crate::tracker::model::{Flag, Id};
use crate::tracker::queue::{ScanScope, Work};

/// A directory that is to become a [`Root`], whose fields these are.
pub(crate) struct NewRoot {
    pub(crate) open: Vec<u8>,
    pub(crate) shown: Vec<u8>,
    pub(crate) absolute: Vec<u8>,
    pub(crate) class: FsClass,
    pub(crate) inode: Inode,
}

impl<D> Tracker<D> {
    /// Adds a PATH that is a directory and was there at the start.
    pub(crate) fn add_path(&mut self, new: NewRoot) -> Id {
        self.insert_root(RootKind::Path, new)
    }

    /// Adds the watched directory of a single file. It is hidden, since only the file is a PATH.
    pub(crate) fn add_file_parent(&mut self, new: NewRoot, wd: Wd) -> Id {
        let id = self.insert_root(RootKind::FileParent, new);
        self.model.hide(id);
        self.model.set_watch(id, wd);
        id
    }

    fn insert_root(&mut self, kind: RootKind, new: NewRoot) -> Id {
        let entry = self.model.insert(None, b"", Kind::Directory);
        self.model.set(entry, Flag::ROOT);
        self.model.set_inode(entry, new.inode);
        self.file_systems.note(new.inode.dev, new.class);
        self.roots.directories.add(Root {
            kind,
            open: new.open,
            shown: new.shown,
            absolute: new.absolute,
            class: new.class,
            entry,
        });
        entry
    }

    /// Makes a name in a directory of the model a PATH.
    pub(crate) fn add_file_root(&mut self, file: FileRoot) {
        self.model.set(file.dir, Flag::HAS_FILE_ROOT);
        self.roots.add_file(file);
    }

    /// Adds the entry of a single file, whose name is not in the model. If its file system may not
    /// answer, it is left to the work queue; else to the baseline.
    pub(crate) fn add_file_entry(
        &mut self,
        dir: Id,
        name: &[u8],
        stat: &Stat,
        may_stall: bool,
    ) -> Id {
        let id = self.model.insert(Some(dir), name, stat.kind);
        self.init_walked(id, dir, stat.inode.ino);
        if may_stall {
            self.leave_to_queue(id, stat.inode.dev);
        }
        id
    }

    /// Notes that another PATH leads to a directory, too, or to a file in it.
    pub(crate) fn mark_shared(&mut self, dir: Id) {
        self.model.set(dir, Flag::SHARED);
    }
}

impl<D: Disk> Tracker<D> {
    /// Adds a PATH that has appeared: a directory that is watched.
    pub(crate) fn add_appeared(&mut self, new: NewRoot, wd: Wd) {
        let id = self.insert_root(RootKind::Path, new);
        self.model.set_watch(id, wd);
        self.root_appeared(id);
        // It is polled until something is found in it.
        self.begin_to_poll_empty_roots();
    }

    /// Makes the directory of a single file a PATH of its own, which has appeared.
    pub(crate) fn promote_root(&mut self, id: Id, open: &[u8], shown: &[u8]) {
        self.roots.directories.promote(id, open, shown);
        self.model.unhide(id);
        self.root_appeared(id);
    }

    /// Emits a PATH that has appeared, and enqueues its scan.
    fn root_appeared(&mut self, id: Id) {
        self.mark_new(id);
        let stat = self.stat_entry(id).ok();
        if let Some(stat) = &stat {
            self.remember_attributes(id, stat);
        }
        let content = stat.as_ref().map(directory_content);
        self.emit_created(id, content.unwrap_or_default());
        self.queue.add(Work::scan(id, ScanScope::New));
    }
}
