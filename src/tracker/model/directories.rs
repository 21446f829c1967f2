//! Keeps what only directories have: inode, watch or polling, children, and the last scan. Asks no
//! disk whether that still holds.
//!
//! Invariant: a watch belongs to one directory, which is found by it; a directory that is polled
//! or not entered has none.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::arena::{Arena, Slot};
use super::devices::Devices;
use super::{Id, Model, NONE, Node};
use crate::change::Kind;
use crate::event::Wd;
use crate::tracker::disk::Inode;

/// How changes in a directory are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DirectoryState {
    Watched(Wd),
    /// It has no watch yet, or has lost it: its own name is to be reconciled.
    Unwatched,
    /// It could not be watched: it is scanned at intervals.
    Polled,
    /// It is reported, and what is in it is not.
    NotEntered(NotEntered),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotEntered {
    /// Another file system, an automount, or the limit of `--max-depth`.
    Boundary,
    /// It is entered under another name.
    Alias,
}

// Values of `Directory::wd` without a watch.
const UNWATCHED: i32 = -1;
const POLLED: i32 = -2;
const BOUNDARY: i32 = -3;
const ALIAS: i32 = -4;

impl DirectoryState {
    pub(in crate::tracker) const BOUNDARY: Self = Self::NotEntered(NotEntered::Boundary);

    fn pack(self) -> i32 {
        match self {
            Self::Watched(wd) => wd.0,
            Self::Unwatched => UNWATCHED,
            Self::Polled => POLLED,
            Self::NotEntered(NotEntered::Boundary) => BOUNDARY,
            Self::NotEntered(NotEntered::Alias) => ALIAS,
        }
    }

    fn unpack(wd: i32) -> Self {
        match wd {
            0.. => Self::Watched(Wd(wd)),
            POLLED => Self::Polled,
            BOUNDARY => Self::NotEntered(NotEntered::Boundary),
            ALIAS => Self::NotEntered(NotEntered::Alias),
            _ => Self::Unwatched,
        }
    }
}

/// A directory: 40 bytes.
pub(super) struct Directory {
    pub(super) node: Node,
    /// A packed [`DirectoryState`].
    wd: i32,
    /// The first child.
    first: u32,
    /// The slot of the device number in `devices`.
    dev: u16,
    /// The generation of its last scan.
    scanned: u16,
    ino: u64,
}

impl Slot for Directory {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}

#[derive(Default)]
pub(super) struct Directories {
    pub(super) all: Arena<Directory>,
    /// The index of the directory that has a watch.
    by_wd: HashTable<u32>,
    /// The number of polled directories.
    polled: usize,
    state: RandomState,
    devices: Devices,
    /// The other names of directories, which are not entered.
    aliases: HashMap<Id, Vec<Id>>,
    /// The directory of which each is another name.
    alias_targets: HashMap<Id, Id>,
}

impl Directories {
    /// Adds a directory of which nothing is known but its node.
    pub(super) fn add(&mut self, node: Node) -> Id {
        Id::directory(self.all.add(Directory {
            node,
            wd: UNWATCHED,
            first: NONE,
            dev: 0,
            scanned: 0,
            ino: 0,
        }))
    }

    fn wd_hash(&self, wd: i32) -> u64 {
        self.state.hash_one(wd)
    }

    fn index_wd(&mut self, at: u32, wd: i32) {
        let hash = self.wd_hash(wd);
        let Self {
            all, by_wd, state, ..
        } = self;
        by_wd.insert_unique(hash, at, |&at| state.hash_one(all.get(at as usize).wd));
    }

    fn unindex_wd(&mut self, at: u32, wd: i32) {
        let hash = self.wd_hash(wd);
        if let Ok(entry) = self.by_wd.find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        let Self {
            all, by_wd, state, ..
        } = self;
        if by_wd.len() < by_wd.num_buckets() / 8 {
            by_wd.shrink_to(by_wd.len() * 2, |&at| {
                state.hash_one(all.get(at as usize).wd)
            });
        }
    }
}

impl Model {
    fn directory(&self, id: Id) -> &Directory {
        debug_assert!(id.is_directory(), "only a directory has this");
        self.directories.all.get(id.index())
    }

    fn directory_mut(&mut self, id: Id) -> &mut Directory {
        debug_assert!(id.is_directory(), "only a directory has this");
        self.directories.all.get_mut(id.index())
    }

    /// The field with the first child.
    pub(super) fn first_mut(&mut self, id: Id) -> &mut u32 {
        &mut self.directory_mut(id).first
    }

    /// Frees the slot of a directory, which has no children.
    pub(super) fn remove_directory(&mut self, id: Id) {
        debug_assert_eq!(self.directory(id).first, NONE, "it is empty");
        self.set_directory_state(id, DirectoryState::Unwatched);
        self.directories.devices.remove(id.index());
        self.directories.all.remove(id.index());
    }

    pub(crate) fn watched(&self, wd: Wd) -> Option<Id> {
        let Directories { all, by_wd, .. } = &self.directories;
        let hash = self.directories.wd_hash(wd.0);
        let at = by_wd.find(hash, |&at| all.get(at as usize).wd == wd.0)?;
        Some(Id::directory(*at as usize))
    }

    pub(crate) fn directory_state(&self, id: Id) -> DirectoryState {
        DirectoryState::unpack(self.directory(id).wd)
    }

    pub(crate) fn wd(&self, id: Id) -> Option<Wd> {
        match self.directory_state(id) {
            DirectoryState::Watched(wd) => Some(wd),
            DirectoryState::Unwatched | DirectoryState::Polled | DirectoryState::NotEntered(_) => {
                None
            }
        }
    }

    /// Whether it is a directory in which nothing is reported.
    pub(crate) fn is_not_entered(&self, id: Id) -> bool {
        id.is_directory() && matches!(self.directory_state(id), DirectoryState::NotEntered(_))
    }

    /// The number of directories that could not be watched.
    pub(crate) fn polled_directories(&self) -> usize {
        self.directories.polled
    }

    /// Sets the state of a directory; returns the watch that it had. A new watch must belong to no
    /// other directory.
    pub(in crate::tracker) fn set_directory_state(
        &mut self,
        id: Id,
        new: DirectoryState,
    ) -> Option<Wd> {
        let at = u32::try_from(id.index()).expect("numbers have 31 bits");
        let (old, watch) = (self.directory_state(id), self.wd(id));
        match old {
            DirectoryState::Watched(wd) => self.directories.unindex_wd(at, wd.0),
            DirectoryState::Polled => self.directories.polled -= 1,
            DirectoryState::NotEntered(NotEntered::Alias) => {
                self.directories.alias_targets.remove(&id);
            }
            DirectoryState::Unwatched | DirectoryState::NotEntered(_) => {}
        }
        self.directory_mut(id).wd = new.pack();
        match new {
            DirectoryState::Watched(wd) => self.directories.index_wd(at, wd.0),
            DirectoryState::Polled => self.directories.polled += 1,
            DirectoryState::Unwatched | DirectoryState::NotEntered(_) => {}
        }
        watch
    }

    pub(in crate::tracker) fn is_alias(&self, id: Id) -> bool {
        let alias = DirectoryState::NotEntered(NotEntered::Alias);
        self.is_live(id) && id.is_directory() && self.directory_state(id) == alias
    }

    /// Makes an entry another name of the directory `of`.
    pub(in crate::tracker) fn set_alias(&mut self, id: Id, of: Id) {
        self.set_directory_state(id, DirectoryState::NotEntered(NotEntered::Alias));
        let mut names = self.directories.aliases.remove(&of).unwrap_or_default();
        names.retain(|&name| self.alias_target(name) == Some(of));
        names.push(id);
        self.directories.aliases.insert(of, names);
        self.directories.alias_targets.insert(id, of);
    }

    /// The directory of which an entry is another name.
    pub(in crate::tracker) fn alias_target(&self, id: Id) -> Option<Id> {
        self.directories.alias_targets.get(&id).copied()
    }

    /// Removes and returns the other names of a directory.
    pub(in crate::tracker) fn take_aliases(&mut self, of: Id) -> Vec<Id> {
        let mut names = self.directories.aliases.remove(&of).unwrap_or_default();
        // Some may be no aliases any longer, or those of another directory.
        names.retain(|&name| self.alias_target(name) == Some(of));
        for name in &names {
            self.directories.alias_targets.remove(name);
        }
        names
    }

    /// Sets the watch of a directory, which must belong to no other one.
    pub(in crate::tracker) fn set_watch(&mut self, id: Id, wd: Wd) {
        self.set_directory_state(id, DirectoryState::Watched(wd));
    }

    /// Removes and returns the watch of a directory.
    pub(in crate::tracker) fn take_watch(&mut self, id: Id) -> Option<Wd> {
        self.wd(id)?;
        self.set_directory_state(id, DirectoryState::Unwatched)
    }

    pub(crate) fn inode(&self, id: Id) -> Inode {
        let &Directory { dev, ino, .. } = self.directory(id);
        let dev = self.directories.devices.number(id.index(), dev);
        Inode { dev, ino }
    }

    pub(in crate::tracker) fn set_inode(&mut self, id: Id, inode: Inode) {
        let dev = self.directories.devices.set(id.index(), inode.dev);
        let directory = self.directory_mut(id);
        directory.ino = inode.ino;
        directory.dev = dev;
    }

    /// The generation of its last scan.
    pub(crate) fn scanned(&self, id: Id) -> u16 {
        self.directory(id).scanned
    }

    pub(in crate::tracker) fn set_scanned(&mut self, id: Id, generation: u16) {
        self.directory_mut(id).scanned = generation;
    }

    pub(crate) fn first_child(&self, id: Id) -> Option<Id> {
        if self.kind(id) != Kind::Directory {
            return None;
        }
        let first = self.directory(id).first;
        (first != NONE).then_some(Id(first))
    }

    /// The children of a directory, the latest first.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first_child(id), |&child| {
            let next = self.node(child).next;
            (next != NONE).then_some(Id(next))
        })
    }
}
