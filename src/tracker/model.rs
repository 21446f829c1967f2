//! The tree as it was reported: names, kinds, digests, and the watches on it.
//!
//! A compact graph that mutates as told and knows no rules. Invariants: a name
//! is found by (directory, name) in one step; every entry but a PATH is in its
//! directory's list of children; a directory with a watch is found by it.
//! Paths are derived by walking up, never stored.

use super::port::{Inode, Stat};
use super::table::{Table, hash};
use crate::change::{Digest, Kind};
use crate::event::Wd;

/// An entry's number. It may be used again once the entry is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Id(pub(super) u32);

/// The fingerprint of a file that was told as empty and not looked at: no file has it.
pub(crate) const UNSEEN: u64 = 1;

/// No entry, no body.
const NONE: u32 = u32::MAX;

/// Facts about an entry that are one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flag(u32);

impl Flag {
    /// A PATH; it has no parent.
    pub(crate) const ROOT: Self = Self(1 << 2);
    /// In the queue of names to look at.
    pub(crate) const NOMINATED: Self = Self(1 << 3);
    /// Written to since it was last read.
    pub(crate) const WROTE: Self = Self(1 << 4);
    /// Closed after writing since it was last read.
    pub(crate) const CLOSED: Self = Self(1 << 5);
    /// Its attributes changed since it was last looked at.
    pub(crate) const TOUCHED: Self = Self(1 << 6);
    /// In the index of files with several names.
    pub(crate) const LINKED: Self = Self(1 << 7);
    /// Nobody has read it yet: its fingerprint is the inode number that the walk saw.
    pub(crate) const AWAITED: Self = Self(1 << 8);
    /// A rename put it over other bytes, and that is not told yet.
    pub(crate) const DISPLACING: Self = Self(1 << 9);
    /// Waiting for its writer to pause.
    pub(crate) const BUSY: Self = Self(1 << 10);
    /// Being read aside.
    pub(crate) const READING: Self = Self(1 << 11);
    /// A directory that is told elsewhere: not entered here.
    pub(crate) const ALIAS: Self = Self(1 << 12);
    /// Never told.
    pub(crate) const SILENT: Self = Self(1 << 13);
    /// It may not be read, which has been said.
    pub(crate) const UNREADABLE: Self = Self(1 << 14);
    /// Its fingerprint was taken long enough after its last change to be trusted.
    pub(crate) const SETTLED: Self = Self(1 << 15);
    /// A directory at the edge: told and not entered.
    pub(crate) const EDGE: Self = Self(1 << 16);
    /// A directory of which only some names are watched (a PATH that is a file).
    pub(crate) const PARTIAL: Self = Self(1 << 17);
    /// A directory that could not be watched: looked at at intervals.
    pub(crate) const UNWATCHED: Self = Self(1 << 18);
    /// Its mode and owner are remembered.
    pub(crate) const ATTRIBUTED: Self = Self(1 << 19);
    /// It has a watch of its own (`--strict`).
    pub(crate) const GUARDED: Self = Self(1 << 20);
    /// Its directory holds a name that prints in its own way.
    pub(crate) const RENAMED_ROOT: Self = Self(1 << 21);
    /// The first half of a rename took it away; the second is not read yet.
    pub(crate) const LEAVING: Self = Self(1 << 22);
    /// Read after the events at hand were: they tell nothing new about its bytes.
    pub(crate) const FRESH: Self = Self(1 << 23);
    /// Its digest is known.
    pub(crate) const DIGESTED: Self = Self(1 << 24);
    /// The baseline did not find it where it was: it is read when it is looked at.
    pub(crate) const MISSED: Self = Self(1 << 25);
    /// Looked at while it was being read aside: another file may be there by now.
    pub(crate) const LOOKED: Self = Self(1 << 26);
    /// It was not there at a look, or an event said so: not there again, it is gone.
    pub(crate) const GONE: Self = Self(1 << 27);
}

/// One name: 24 bytes.
struct Entry {
    /// The directory that it is in.
    parent: u32,
    /// Where its name is among the names.
    name: u32,
    /// The next child of its directory; of a free entry, the next free one.
    next: u32,
    /// The child before it.
    prev: u32,
    /// Its directory or file body.
    body: u32,
    /// Its kind and flags.
    bits: u32,
}

/// What only a directory has: 24 bytes.
struct Directory {
    /// Which one it is.
    ino: u64,
    /// Its entry.
    entry: u32,
    /// Its watch, or -1.
    wd: i32,
    /// Its first child.
    first: u32,
    /// The file system, as an index, and the scan it was last part of.
    dev: u16,
    /// The generation of its last scan.
    scanned: u16,
}

/// Digests are kept by so many, so that where none is known none takes room.
const CHUNK: usize = 128;

/// What only regular files have: 12 bytes each, and 32 for a digest.
#[derive(Default)]
struct Files {
    /// Fingerprints of inode, size and times; 0: never looked at.
    prints: Vec<u64>,
    /// Of inode and birth: the same under another name; 0: never looked at.
    idents: Vec<u32>,
    /// Digests, where one of the chunk is known.
    digests: Vec<Option<Box<[Digest; CHUNK]>>>,
    /// Places that are free.
    free: Vec<u32>,
}

impl Files {
    /// A file of which nothing is known.
    fn add(&mut self) -> u32 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        self.prints.push(0);
        self.idents.push(0);
        u32::try_from(self.prints.len() - 1).expect("fewer than four billion names")
    }

    /// Keeps a digest.
    fn set_digest(&mut self, at: usize, digest: Digest) {
        if self.digests.len() <= at / CHUNK {
            self.digests.resize_with(at / CHUNK + 1, || None);
        }
        let chunk = self.digests[at / CHUNK].get_or_insert_with(|| Box::new([[0; 32]; CHUNK]));
        chunk[at % CHUNK] = digest;
    }
}

/// Items with reusable places.
struct Slab<T> {
    /// All places.
    items: Vec<T>,
    /// Those that are free.
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Puts an item somewhere.
    fn add(&mut self, item: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.items[at as usize] = item;
            return at;
        }
        self.items.push(item);
        u32::try_from(self.items.len() - 1).expect("fewer than four billion names")
    }
}

/// The tree.
pub(crate) struct Model {
    /// Keeps the hashes from being guessed.
    seed: u64,
    /// All entries.
    entries: Vec<Entry>,
    /// The first free one.
    free: u32,
    /// Names, each after its length.
    names: Vec<u8>,
    /// Bytes of names that are no longer used.
    waste: usize,
    /// Entries by directory and name.
    by_name: Table,
    /// Directory bodies by watch.
    by_wd: Table,
    /// Files by identity, from when that is first needed: most trees never do.
    by_ident: Option<Table>,
    /// Directories.
    directories: Slab<Directory>,
    /// Regular files.
    files: Files,
    /// File systems.
    devs: Vec<u64>,
    /// How many directories are told.
    told_directories: u64,
    /// How many other names are told.
    told_files: u64,
}

impl Model {
    /// An empty tree.
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
            names: Vec::new(),
            waste: 0,
            by_name: Table::default(),
            by_wd: Table::default(),
            by_ident: None,
            directories: Slab::default(),
            files: Files::default(),
            devs: Vec::new(),
            told_directories: 0,
            told_files: 0,
        }
    }

    /// The entry.
    fn entry(&self, id: Id) -> &Entry {
        &self.entries[id.0 as usize]
    }

    /// The entry, to change.
    fn entry_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.entries[id.0 as usize]
    }

    // Names and places.

    /// The bytes of a name.
    fn name_at(&self, at: u32) -> &[u8] {
        let (start, end) = name_bounds(&self.names, at);
        &self.names[start..end]
    }

    /// Keeps a name.
    fn keep_name(&mut self, name: &[u8]) -> u32 {
        let at = u32::try_from(self.names.len()).expect("fewer than 4 GiB of names");
        match u8::try_from(name.len()) {
            Ok(length) if length < LONG => self.names.push(length),
            _ => {
                // Some file systems have names of more than 255 bytes.
                let length = u16::try_from(name.len()).expect("the kernel's names are short");
                self.names.push(LONG);
                self.names.extend(length.to_ne_bytes());
            }
        }
        self.names.extend(name);
        at
    }

    /// Forgets a name, and makes the rest compact when most of it is waste.
    fn drop_name(&mut self, at: u32) {
        self.waste += name_bounds(&self.names, at).1 - at as usize;
        if self.waste > 64 << 10 && self.waste > self.names.len() / 2 {
            let old = std::mem::take(&mut self.names);
            self.names.reserve(old.len() - self.waste);
            self.waste = 0;
            for entry in &mut self.entries {
                if entry.bits != NONE {
                    let at = entry.name as usize..name_bounds(&old, entry.name).1;
                    entry.name = u32::try_from(self.names.len()).unwrap_or(NONE);
                    self.names.extend(&old[at]);
                }
            }
        }
    }

    /// The hash of an entry's place.
    fn hash_of(&self, id: Id) -> u32 {
        let entry = self.entry(id);
        hash(self.seed, entry.parent, self.name_at(entry.name))
    }

    /// The entry of that name in a directory.
    pub(crate) fn find(&self, parent: Id, name: &[u8]) -> Option<Id> {
        self.find_hashed(hash(self.seed, parent.0, name), parent, name)
    }

    /// The same, with the hash of the place.
    fn find_hashed(&self, hash: u32, parent: Id, name: &[u8]) -> Option<Id> {
        let found = self.by_name.find(hash, |id| {
            let entry = &self.entries[id as usize];
            entry.parent == parent.0 && self.name_at(entry.name) == name
        });
        found.map(Id)
    }

    /// The directory with that watch.
    pub(crate) fn watched(&self, wd: Wd) -> Option<Id> {
        let at = self.by_wd.find(self.wd_hash(wd), |at| {
            self.directories.items[at as usize].wd == wd.0
        })?;
        Some(Id(self.directories.items[at as usize].entry))
    }

    /// The hash of a watch.
    fn wd_hash(&self, wd: Wd) -> u32 {
        hash(self.seed, u32::from_ne_bytes(wd.0.to_ne_bytes()), b"")
    }

    /// Whether the number stands for an entry now.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.entries
            .get(id.0 as usize)
            .is_some_and(|entry| entry.bits != NONE)
    }

    /// The directory that it is in; a PATH has none.
    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        let parent = self.entry(id).parent;
        (parent != NONE).then_some(Id(parent))
    }

    /// Its name; of a PATH, nothing of meaning.
    pub(crate) fn name(&self, id: Id) -> &[u8] {
        self.name_at(self.entry(id).name)
    }

    /// The PATH that it is under.
    pub(crate) fn root(&self, mut id: Id) -> Id {
        while let Some(parent) = self.parent(id) {
            id = parent;
        }
        id
    }

    /// Whether `id` is `above` or lies below it.
    pub(crate) fn is_within(&self, mut id: Id, above: Id) -> bool {
        loop {
            if id == above {
                return true;
            }
            match self.parent(id) {
                Some(parent) => id = parent,
                None => return false,
            }
        }
    }

    /// How many directories lie between it and its PATH; a PATH's own children: 1.
    pub(crate) fn depth(&self, mut id: Id) -> u32 {
        let mut depth = 0;
        while let Some(parent) = self.parent(id) {
            depth += 1;
            id = parent;
        }
        depth
    }

    /// Appends the path below its PATH, with `/` between the names.
    pub(crate) fn write_route(&self, id: Id, path: &mut Vec<u8>) {
        let start = path.len();
        let mut at = id;
        while let Some(parent) = self.parent(at) {
            path.extend(self.name(at).iter().rev());
            path.push(b'/');
            at = parent;
        }
        if path.len() > start {
            path.pop();
        }
        path[start..].reverse();
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
        let name = self.keep_name(name);
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
            let directory = Directory {
                ino: 0,
                entry: id.0,
                wd: -1,
                first: NONE,
                dev: 0,
                scanned: 0,
            };
            self.entry_mut(id).body = self.directories.add(directory);
        }
        self.attach(id, hash);
        self.count(id, 1);
        id
    }

    /// Takes an entry away; it has no children.
    pub(crate) fn remove(&mut self, id: Id) {
        self.count(id, -1);
        self.detach(id);
        let Entry { body, name, .. } = *self.entry(id);
        match self.kind(id) {
            Kind::Directory => {
                debug_assert_eq!(
                    self.directories.items[body as usize].first, NONE,
                    "it is empty"
                );
                self.set_wd(id, None);
                self.directories.free.push(body);
            }
            Kind::File => {
                self.set_print(id, 0, 0);
                self.set_digest(id, None);
                self.files.free.push(body);
            }
            _ => {}
        }
        let free = std::mem::replace(&mut self.free, id.0);
        let entry = self.entry_mut(id);
        entry.next = free;
        entry.bits = NONE;
        self.drop_name(name);
    }

    /// Moves an entry, with all below it, to a name that is not there.
    pub(crate) fn relink(&mut self, id: Id, parent: Id, name: &[u8]) {
        self.detach(id);
        let old = self.entry(id).name;
        let new = self.keep_name(name);
        let entry = self.entry_mut(id);
        entry.parent = parent.0;
        entry.name = new;
        self.attach(id, self.hash_of(id));
        self.drop_name(old);
    }

    /// Makes it findable and a child of its directory; `hash`: of its place.
    fn attach(&mut self, id: Id, hash: u32) {
        let parent = self.entry(id).parent;
        if parent == NONE {
            return;
        }
        self.by_name.insert(hash, id.0);
        let body = self.entry(Id(parent)).body as usize;
        let first = std::mem::replace(&mut self.directories.items[body].first, id.0);
        self.entry_mut(id).next = first;
        self.entry_mut(id).prev = NONE;
        if first != NONE {
            self.entry_mut(Id(first)).prev = id.0;
        }
    }

    /// The opposite.
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
            let body = self.entry(Id(parent)).body as usize;
            self.directories.items[body].first = next;
        } else {
            self.entry_mut(Id(prev)).next = next;
        }
    }

    /// Keeps the numbers of what is told.
    fn count(&mut self, id: Id, by: i64) {
        if !self.has(id, Flag::SILENT) {
            let count = match self.kind(id) {
                Kind::Directory => &mut self.told_directories,
                _ => &mut self.told_files,
            };
            *count = count.wrapping_add_signed(by);
        }
    }

    /// From now on it is never told.
    pub(crate) fn silence(&mut self, id: Id) {
        self.count(id, -1);
        self.set(id, Flag::SILENT);
    }

    /// From now on it is told.
    pub(crate) fn unsilence(&mut self, id: Id) {
        if self.clear(id, Flag::SILENT) {
            self.count(id, 1);
        }
    }

    /// How many directories and other names are told.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.told_directories, self.told_files)
    }

    // What an entry is.

    /// Its kind.
    pub(crate) fn kind(&self, id: Id) -> Kind {
        match self.entry(id).bits & 3 {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Symlink,
            _ => Kind::Other,
        }
    }

    /// Whether a flag is set.
    pub(crate) fn has(&self, id: Id, flag: Flag) -> bool {
        self.entry(id).bits & flag.0 != 0
    }

    /// Sets a flag.
    pub(crate) fn set(&mut self, id: Id, flag: Flag) {
        self.entry_mut(id).bits |= flag.0;
    }

    /// Clears a flag; whether it was set.
    pub(crate) fn clear(&mut self, id: Id, flag: Flag) -> bool {
        let was = self.has(id, flag);
        self.entry_mut(id).bits &= !flag.0;
        was
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

    // Directories.

    /// A directory's body.
    fn directory(&self, id: Id) -> &Directory {
        debug_assert_eq!(self.kind(id), Kind::Directory, "only a directory has this");
        &self.directories.items[self.entry(id).body as usize]
    }

    /// A directory's body, to change.
    fn directory_mut(&mut self, id: Id) -> &mut Directory {
        let body = self.entry(id).body as usize;
        &mut self.directories.items[body]
    }

    /// Its watch, if it has one.
    pub(crate) fn wd(&self, id: Id) -> Option<Wd> {
        let wd = self.directory(id).wd;
        (wd >= 0).then_some(Wd(wd))
    }

    /// Sets its watch, which no other directory has; returns the one it had.
    pub(crate) fn set_wd(&mut self, id: Id, wd: Option<Wd>) -> Option<Wd> {
        let body = self.entry(id).body;
        let old = self.wd(id);
        if let Some(old) = old {
            self.by_wd.remove(self.wd_hash(old), body);
        }
        self.directory_mut(id).wd = wd.map_or(-1, |wd| wd.0);
        if let Some(wd) = wd {
            self.by_wd.insert(self.wd_hash(wd), body);
        }
        old
    }

    /// Which directory it is on disk.
    pub(crate) fn inode(&self, id: Id) -> Inode {
        let directory = self.directory(id);
        let dev = self
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
            .devs
            .iter()
            .position(|&dev| dev == inode.dev)
            .unwrap_or_else(|| {
                self.devs.push(inode.dev);
                self.devs.len() - 1
            });
        let directory = self.directory_mut(id);
        directory.ino = inode.ino;
        directory.dev = u16::try_from(dev).unwrap_or(u16::MAX);
    }

    /// The generation of its last scan.
    pub(crate) fn scanned(&self, id: Id) -> u16 {
        self.directory(id).scanned
    }

    /// Sets it.
    pub(crate) fn set_scanned(&mut self, id: Id, generation: u16) {
        self.directory_mut(id).scanned = generation;
    }

    /// Its first child.
    pub(crate) fn first_child(&self, id: Id) -> Option<Id> {
        if self.kind(id) != Kind::Directory {
            return None;
        }
        let first = self.directory(id).first;
        (first != NONE).then_some(Id(first))
    }

    /// Its children, youngest first.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first_child(id), |&child| {
            let next = self.entry(child).next;
            (next != NONE).then_some(Id(next))
        })
    }

    // Files.

    /// Where a file's body is.
    fn file(&self, id: Id) -> usize {
        debug_assert_eq!(self.kind(id), Kind::File, "only a file has this");
        self.entry(id).body as usize
    }

    /// The digest last reported.
    pub(crate) fn digest(&self, id: Id) -> Option<Digest> {
        let at = self.file(id);
        if !self.has(id, Flag::DIGESTED) {
            return None;
        }
        self.files
            .digests
            .get(at / CHUNK)?
            .as_ref()
            .map(|chunk| chunk[at % CHUNK])
    }

    /// Sets it.
    pub(crate) fn set_digest(&mut self, id: Id, digest: Option<Digest>) {
        let at = self.file(id);
        if let Some(digest) = digest {
            self.files.set_digest(at, digest);
            self.set(id, Flag::DIGESTED);
        } else {
            self.clear(id, Flag::DIGESTED);
        }
    }

    /// Its fingerprint; 0 when it was never looked at.
    pub(crate) fn print(&self, id: Id) -> u64 {
        if self.has(id, Flag::AWAITED) {
            0
        } else {
            self.files.prints[self.file(id)]
        }
    }

    /// The walk has seen a file's name, and this inode number with it: 0 if it was not told.
    pub(crate) fn await_reading(&mut self, id: Id, ino: u64) {
        self.set(id, Flag::AWAITED);
        let at = self.file(id);
        self.files.prints[at] = ino;
    }

    /// The inode number under which the walk saw a file that nobody has read yet.
    pub(crate) fn seen_as(&self, id: Id) -> Option<u64> {
        let ino = self.files.prints[self.file(id)];
        (self.has(id, Flag::AWAITED) && ino != 0).then_some(ino)
    }

    /// Its identity under any name; 0 when it was never looked at.
    pub(crate) fn ident(&self, id: Id) -> u32 {
        self.files.idents[self.file(id)]
    }

    /// Sets both: it was looked at.
    pub(crate) fn set_print(&mut self, id: Id, print: u64, ident: u32) {
        self.clear(id, Flag::AWAITED);
        let at = self.file(id);
        self.files.prints[at] = print;
        self.set_ident(id, ident);
    }

    /// Sets its identity alone.
    pub(crate) fn set_ident(&mut self, id: Id, ident: u32) {
        let (at, old) = (self.file(id), self.ident(id));
        if old == ident {
            return;
        }
        self.files.idents[at] = ident;
        let seed = self.seed;
        let Some(table) = &mut self.by_ident else {
            return;
        };
        if old != 0 {
            table.remove(hash(seed, old, b""), id.0);
        }
        if ident != 0 {
            table.insert(hash(seed, ident, b""), id.0);
        }
    }

    /// From now on files are found by their identity.
    pub(crate) fn index_idents(&mut self) {
        if self.by_ident.is_some() {
            return;
        }
        let mut table = Table::default();
        for id in self.all().filter(|&id| self.kind(id) == Kind::File) {
            let ident = self.ident(id);
            if ident != 0 {
                table.insert(hash(self.seed, ident, b""), id.0);
            }
        }
        self.by_ident = Some(table);
    }

    /// The files of that identity, once they are indexed.
    pub(crate) fn with_ident(&self, ident: u32) -> Vec<Id> {
        let Some(table) = self.by_ident.as_ref().filter(|_| ident != 0) else {
            return Vec::new();
        };
        let found = table.find_all(hash(self.seed, ident, b""), |id| {
            self.ident(Id(id)) == ident
        });
        found.into_iter().map(Id).collect()
    }
}

/// A length that does not fit into a byte follows in two.
const LONG: u8 = 255;

/// Where the bytes of a name begin and end.
fn name_bounds(names: &[u8], at: u32) -> (usize, usize) {
    let at = at as usize;
    match names[at] {
        LONG => {
            let length = usize::from(u16::from_ne_bytes([names[at + 1], names[at + 2]]));
            (at + 3, at + 3 + length)
        }
        length => (at + 1, at + 1 + usize::from(length)),
    }
}

/// The bits of a kind.
fn kind_bits(kind: Kind) -> u32 {
    match kind {
        Kind::File => 0,
        Kind::Directory => 1,
        Kind::Symlink => 2,
        Kind::Other => 3,
    }
}

/// A 32-bit mix of numbers; never 0, which stands for "never looked at".
fn mix(words: &[u64]) -> u32 {
    let mut bytes = [0; 48];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    hash(0x5bd1_e995_9d1b_54a5, 0, &bytes).max(1)
}

/// What stays the same under another name: inode and birth.
pub(crate) fn ident(stat: &Stat) -> u32 {
    mix(&[
        stat.inode.dev,
        stat.inode.ino,
        stat.btime.unwrap_or(0).cast_unsigned(),
    ])
}

/// The fingerprint by which a change is known without reading: its upper half is of
/// inode and size, its lower half of the times; `with_ctime`: of that of the inode too.
pub(crate) fn print(stat: &Stat, with_ctime: bool) -> u64 {
    let upper = mix(&[stat.inode.dev, stat.inode.ino, stat.size]);
    let ctime = if with_ctime {
        stat.ctime.cast_unsigned()
    } else {
        0
    };
    let lower = mix(&[stat.mtime.cast_unsigned(), ctime]);
    u64::from(upper) << 32 | u64::from(lower)
}
