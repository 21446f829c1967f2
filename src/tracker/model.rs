//! The tree as it was reported: names, kinds, digests, and the watches on it.
//!
//! A compact graph that mutates as told and knows no rules: here, how entries come,
//! move and go. Invariants: a name is found by (directory, name) in one step; every
//! entry but a PATH is in its directory's list of children; a directory with a watch
//! is found by it.

mod directories;
mod files;
mod fingerprint;
mod flag;
mod names;
mod path;

use super::table::{Table, hash};
use crate::change::Kind;
use directories::Directories;
use files::Files;
pub(super) use fingerprint::{NO_FINGERPRINT, fingerprint, inode_key};
pub(crate) use flag::Flag;
use flag::kind_bits;
use names::Names;

/// An entry's number. It may be used again once the entry is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Id(pub(super) u32);

const NONE: u32 = u32::MAX;

/// One name: 24 bytes.
struct Entry {
    parent: u32,
    /// Where its name is among the names.
    name: u32,
    /// The next child of its directory; of a free entry, the next free one.
    next: u32,
    /// The child before it.
    prev: u32,
    body: u32,
    bits: u32,
}

pub(crate) struct Model {
    seed: u64,
    entries: Vec<Entry>,
    free: u32,
    /// The bytes of their names.
    names: Names,
    by_name: Table,
    /// What only directories have.
    directories: Directories,
    /// What only regular files have.
    files: Files,
    reported_directories: u64,
    reported_files: u64,
}

impl Model {
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self::with_seed(RandomState::new().hash_one(0))
    }

    /// An empty tree whose hashes anyone can repeat.
    pub(crate) fn with_seed(seed: u64) -> Self {
        Self {
            seed,
            entries: Vec::new(),
            free: NONE,
            names: Names::default(),
            by_name: Table::default(),
            directories: Directories::default(),
            files: Files::default(),
            reported_directories: 0,
            reported_files: 0,
        }
    }

    fn entry(&self, id: Id) -> &Entry {
        &self.entries[id.0 as usize]
    }

    fn entry_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.entries[id.0 as usize]
    }

    /// Whether the number stands for an entry now.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.entries
            .get(id.0 as usize)
            .is_some_and(|entry| entry.bits != NONE)
    }

    /// All entries, in no order of meaning.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> {
        let live = self
            .entries
            .iter()
            .zip(0..)
            .filter(|(entry, _)| entry.bits != NONE);
        live.map(|(_, id)| Id(id))
    }

    /// The next entry by number that is alive, from `from` on.
    pub(crate) fn from(&self, from: u32) -> Option<(Id, u32)> {
        let at = (from as usize..self.entries.len()).find(|&at| self.entries[at].bits != NONE)?;
        let at = u32::try_from(at).ok()?;
        Some((Id(at), at + 1))
    }

    /// How many directories and other names are told.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.reported_directories, self.reported_files)
    }

    // Coming and going.

    /// A new entry; `parent`: none for a PATH. The name must not be there.
    pub(crate) fn insert(&mut self, parent: Option<Id>, name: &[u8], kind: Kind) -> Id {
        let hash = parent.map_or(0, |parent| hash(self.seed, parent.0, name));
        self.insert_hashed(hash, parent, name, kind)
    }

    /// A new entry, unless the name is there.
    pub(crate) fn add(&mut self, parent: Id, name: &[u8], kind: Kind) -> Option<Id> {
        let hash = hash(self.seed, parent.0, name);
        let is_new = self.find_hashed(hash, parent, name).is_none();
        is_new.then(|| self.insert_hashed(hash, Some(parent), name, kind))
    }

    /// A new entry, with the hash of its place.
    fn insert_hashed(&mut self, hash: u32, parent: Option<Id>, name: &[u8], kind: Kind) -> Id {
        let name = self.names.keep(name);
        let body = match kind {
            Kind::File => self.files.add(),
            _ => NONE,
        };
        let parent = parent.map_or(NONE, |parent| parent.0);
        let entry = Entry {
            parent,
            name,
            next: NONE,
            prev: NONE,
            body,
            bits: kind_bits(kind),
        };
        let id = if self.free == NONE {
            self.entries.push(entry);
            Id(u32::try_from(self.entries.len() - 1).expect("fewer than four billion names"))
        } else {
            let id = Id(self.free);
            self.free = self.entry(id).next;
            *self.entry_mut(id) = entry;
            id
        };
        if kind == Kind::Directory {
            self.entry_mut(id).body = self.directories.add(id);
        }
        self.attach(id, hash);
        self.count(id, 1);
        id
    }

    /// Takes an entry away; it has no children.
    pub(crate) fn remove(&mut self, id: Id) {
        self.count(id, -1);
        self.detach(id);
        match self.kind(id) {
            Kind::Directory => self.forget_directory(id),
            Kind::File => self.forget_file(id),
            _ => {}
        }
        let free = std::mem::replace(&mut self.free, id.0);
        let entry = self.entry_mut(id);
        let name = entry.name;
        entry.next = free;
        entry.bits = NONE;
        self.drop_name(name);
    }

    /// Moves an entry, with all below it, to a name that is not there.
    pub(crate) fn relink(&mut self, id: Id, parent: Id, name: &[u8]) {
        self.detach(id);
        let old = self.entry(id).name;
        let new = self.names.keep(name);
        let entry = self.entry_mut(id);
        entry.parent = parent.0;
        entry.name = new;
        self.attach(id, self.hash_of(id));
        self.drop_name(old);
    }

    /// Forgets a name, and makes the rest compact when most of it is waste.
    fn drop_name(&mut self, at: u32) {
        if self.names.forget(at) {
            let live = self.entries.iter_mut().filter(|entry| entry.bits != NONE);
            self.names.compact(live.map(|entry| &mut entry.name));
        }
    }

    /// Makes it findable and a child of its directory; `hash`: of its place.
    fn attach(&mut self, id: Id, hash: u32) {
        let parent = self.entry(id).parent;
        if parent == NONE {
            return;
        }
        self.by_name.insert(hash, id.0);
        let first = std::mem::replace(self.first_mut(Id(parent)), id.0);
        self.entry_mut(id).next = first;
        self.entry_mut(id).prev = NONE;
        if first != NONE {
            self.entry_mut(Id(first)).prev = id.0;
        }
    }

    fn detach(&mut self, id: Id) {
        let Entry {
            parent, next, prev, ..
        } = *self.entry(id);
        if parent == NONE {
            return;
        }
        self.by_name.remove(self.hash_of(id), id.0);
        if next != NONE {
            self.entry_mut(Id(next)).prev = prev;
        }
        if prev == NONE {
            *self.first_mut(Id(parent)) = next;
        } else {
            self.entry_mut(Id(prev)).next = next;
        }
    }

    // What is told.

    /// Keeps the numbers of what is told.
    fn count(&mut self, id: Id, by: i64) {
        if !self.has(id, Flag::HIDDEN) {
            let count = match self.kind(id) {
                Kind::Directory => &mut self.reported_directories,
                _ => &mut self.reported_files,
            };
            *count = count.wrapping_add_signed(by);
        }
    }

    /// From now on it is never told.
    pub(crate) fn hide(&mut self, id: Id) {
        self.count(id, -1);
        self.set(id, Flag::HIDDEN);
    }

    pub(crate) fn unhide(&mut self, id: Id) {
        if self.clear(id, Flag::HIDDEN) {
            self.count(id, 1);
        }
    }
}
