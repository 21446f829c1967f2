//! What only directories have: which one it is on disk, its watch, its children, and
//! when it was last scanned. Knows nothing of when that is so on disk.
//!
//! Invariant: a watch is one directory's, which is found by it.

use super::{Id, Model, NONE};
use crate::change::Kind;
use crate::event::Wd;
use crate::tracker::disk::Inode;
use crate::tracker::table::{Table, hash};

/// What only a directory has: 24 bytes.
struct Directory {
    ino: u64,
    entry: u32,
    /// Its watch, or -1.
    wd: i32,
    first: u32,
    /// The file system, as an index, and the scan it was last part of.
    dev: u16,
    scanned: u16,
}

#[derive(Default)]
pub(super) struct Directories {
    bodies: Vec<Directory>,
    free: Vec<u32>,
    by_wd: Table,
    devs: Vec<u64>,
}

impl Directories {
    /// A directory of which nothing is known but its entry.
    pub(super) fn add(&mut self, id: Id) -> u32 {
        let directory = Directory {
            ino: 0,
            entry: id.0,
            wd: -1,
            first: NONE,
            dev: 0,
            scanned: 0,
        };
        if let Some(at) = self.free.pop() {
            self.bodies[at as usize] = directory;
            return at;
        }
        self.bodies.push(directory);
        u32::try_from(self.bodies.len() - 1).expect("fewer than four billion names")
    }
}

impl Model {
    fn directory(&self, id: Id) -> &Directory {
        debug_assert_eq!(self.kind(id), Kind::Directory, "only a directory has this");
        &self.directories.bodies[self.entry(id).body as usize]
    }

    fn directory_mut(&mut self, id: Id) -> &mut Directory {
        let body = self.entry(id).body as usize;
        &mut self.directories.bodies[body]
    }

    pub(super) fn first_mut(&mut self, id: Id) -> &mut u32 {
        &mut self.directory_mut(id).first
    }

    /// Gives its body back; it has no children.
    pub(super) fn forget_directory(&mut self, id: Id) {
        debug_assert_eq!(self.directory(id).first, NONE, "it is empty");
        self.set_wd(id, None);
        self.directories.free.push(self.entry(id).body);
    }

    pub(crate) fn watched(&self, wd: Wd) -> Option<Id> {
        let Directories { bodies, by_wd, .. } = &self.directories;
        let at = by_wd.find(self.wd_hash(wd), |at| bodies[at as usize].wd == wd.0)?;
        Some(Id(bodies[at as usize].entry))
    }

    fn wd_hash(&self, wd: Wd) -> u32 {
        hash(self.seed, u32::from_ne_bytes(wd.0.to_ne_bytes()), b"")
    }

    pub(crate) fn wd(&self, id: Id) -> Option<Wd> {
        let wd = self.directory(id).wd;
        (wd >= 0).then_some(Wd(wd))
    }

    /// Sets its watch, which no other directory has; returns the one it had.
    pub(crate) fn set_wd(&mut self, id: Id, wd: Option<Wd>) -> Option<Wd> {
        let body = self.entry(id).body;
        let old = self.wd(id);
        if let Some(old) = old {
            self.directories.by_wd.remove(self.wd_hash(old), body);
        }
        self.directory_mut(id).wd = wd.map_or(-1, |wd| wd.0);
        if let Some(wd) = wd {
            self.directories.by_wd.insert(self.wd_hash(wd), body);
        }
        old
    }

    pub(crate) fn inode(&self, id: Id) -> Inode {
        let directory = self.directory(id);
        let dev = self
            .directories
            .devs
            .get(usize::from(directory.dev))
            .copied()
            .unwrap_or(0);
        Inode {
            dev,
            ino: directory.ino,
        }
    }

    /// Sets which directory it is on disk.
    pub(crate) fn set_inode(&mut self, id: Id, inode: Inode) {
        let dev = self
            .directories
            .devs
            .iter()
            .position(|&dev| dev == inode.dev)
            .unwrap_or_else(|| {
                self.directories.devs.push(inode.dev);
                self.directories.devs.len() - 1
            });
        let directory = self.directory_mut(id);
        directory.ino = inode.ino;
        directory.dev = u16::try_from(dev).unwrap_or(u16::MAX);
    }

    pub(crate) fn scanned(&self, id: Id) -> u16 {
        self.directory(id).scanned
    }

    pub(crate) fn set_scanned(&mut self, id: Id, generation: u16) {
        self.directory_mut(id).scanned = generation;
    }

    pub(crate) fn first_child(&self, id: Id) -> Option<Id> {
        if self.kind(id) != Kind::Directory {
            return None;
        }
        let first = self.directory(id).first;
        (first != NONE).then_some(Id(first))
    }

    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first_child(id), |&child| {
            let next = self.entry(child).next;
            (next != NONE).then_some(Id(next))
        })
    }
}
