//! Takes into the model what the first walk finds: names, inodes and watches, and what it could not
//! open or must not enter.
//!
//! Emits nothing. Invariant: a directory that could not be opened or watched is polled, or its own
//! name is on the work queue.

use super::disk::{Disk, FsClass, FsError, Inode, Stat, Watched};
use super::model::{DirectoryState, FirstReader, Id, Knowledge};
use super::{Hashing, Tracker};
use crate::change::Kind;

impl<D> Tracker<D> {
    /// Adds a name in a directory: a file has the inode number that the directory lists. `None`: it
    /// is there, or there is no room for it.
    pub(crate) fn add_walked(&mut self, dir: Id, name: &[u8], kind: Kind, ino: u64) -> Option<Id> {
        let id = self.add_listed(dir, name, kind)?;
        self.init_walked(id, dir, ino);
        Some(id)
    }

    /// Adds a name of which nothing is known but its kind. `None`: it is there, or there is no room
    /// for it.
    pub(super) fn add_listed(&mut self, dir: Id, name: &[u8], kind: Kind) -> Option<Id> {
        if !self.has_room_in(dir) {
            return None;
        }
        self.model.add(dir, name, kind)
    }

    /// Initializes a new entry: a file will be read by the baseline; a directory is not entered at
    /// the limit of `--max-depth`.
    pub(super) fn init_walked(&mut self, id: Id, dir: Id, ino: u64) {
        match self.model.kind(id) {
            Kind::File => {
                let reader = FirstReader::Baseline;
                self.model
                    .set_knowledge(id, Knowledge::Unread { ino, reader });
            }
            Kind::Directory if self.is_at_max_depth(dir) => {
                self.model.set_directory_state(id, DirectoryState::BOUNDARY);
            }
            Kind::Directory | Kind::Symlink | Kind::Other => {}
        }
    }

    /// Leaves a file to the work queue: the baseline reads no file system that may not answer.
    pub(crate) fn leave_to_queue(&mut self, file: Id, dev: u64) {
        if self.hashing(dev) == Hashing::Eager {
            self.model.leave_to_work_queue(file);
        }
        self.enqueue(file);
    }

    /// Takes the watch and the inode of a directory, or why there is no watch.
    ///
    /// # Errors
    /// The entry under which the model has the directory already.
    pub(crate) fn set_walked_watch(&mut self, id: Id, watched: &Watched) -> Result<(), Id> {
        self.file_systems.note(watched.inode.dev, watched.class);
        match &watched.wd {
            Ok(wd) => {
                if let Some(other) = self.model.watched(*wd) {
                    self.mark_alias(id, other);
                    return Err(other);
                }
                self.model.set_watch(id, *wd);
                self.model.set_inode(id, watched.inode);
            }
            Err(error) => {
                self.model.set_inode(id, watched.inode);
                self.cannot_watch(id, error);
            }
        }
        Ok(())
    }

    /// Notes that what is in a directory is not reported, since it is on another file system, or
    /// opening it would mount one.
    pub(crate) fn do_not_enter(&mut self, id: Id, inode: Inode) {
        self.model.set_inode(id, inode);
        self.model.set_directory_state(id, DirectoryState::BOUNDARY);
    }

    /// Notes that a remote file system is mounted on a directory, which is yet to be walked.
    pub(crate) fn note_remote_mount(&mut self, id: Id, dev: u64, class: FsClass) {
        self.file_systems.note(dev, class);
        self.set_device(id, dev);
    }

    /// Sets the device of a directory whose inode number is unknown until its file system is asked.
    pub(crate) fn set_device(&mut self, id: Id, dev: u64) {
        self.model.set_inode(id, Inode { dev, ino: 0 });
    }

    /// Serves a directory that could not be opened. `stat`: of what is there, if that is known.
    pub(crate) fn cannot_open(&mut self, id: Id, error: &FsError, stat: Option<Stat>) {
        match stat {
            Some(stat) if *error != FsError::NotFound && stat.kind == Kind::Directory => {
                self.model.set_inode(id, stat.inode);
                if *error == FsError::NoDescriptor {
                    // It may work once fewer descriptors are open.
                    self.enqueue(id);
                } else {
                    self.cannot_watch(id, error);
                }
            }
            _ => self.enqueue(id),
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Stats entries that the walk found: remembers modes and owners, and
    /// sets watches on files, where these are needed.
    pub(crate) fn init_metadata(&mut self, entries: &[Id]) {
        for &id in entries {
            let Ok(stat) = self.stat_entry(id) else {
                self.enqueue(id);
                continue;
            };
            self.remember_attributes(id, &stat);
            if stat.kind == Kind::File
                && self.model.kind(id) == Kind::File
                && let Some(dir) = self.model.parent(id)
            {
                let name = self.model.name(id).to_vec();
                self.watch_file_inode(id, dir, &name, &stat);
            }
        }
    }
}
