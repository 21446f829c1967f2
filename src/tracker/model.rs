//! Holds the tree as it was reported: names, kinds, digests, and the watches on it. This file
//! adds, moves and removes entries.
//!
//! Decides nothing, and makes no system call; only the tracker changes it. Invariants: a name is
//! found by (directory, name) in one step; every entry but a PATH is in its directory's list of
//! children; a directory with a watch is found by it.

mod arena;
mod bit_field;
mod by_inode;
mod by_name;
mod case_folding;
mod devices;
mod directories;
mod evidence;
mod fingerprint;
mod flag;
mod knowledge;
mod leaves;
mod path;
mod presence;

use crate::change::Kind;
use crate::names::Names;
use arena::Slot;
use by_name::{ByName, NameHash};
pub(super) use case_folding::CaseFolding;
use directories::Directories;
pub(super) use directories::DirectoryState;
pub(super) use evidence::Evidence;
pub(super) use fingerprint::{
    Fingerprint, InodeKey, fingerprint, fingerprint_without_ctime, inode_key, inode_key_of, is_racy,
};
pub(crate) use flag::Flag;
use flag::kind_bits;
pub(super) use knowledge::{FirstReader, Knowledge};
use leaves::Leaves;
pub(crate) use presence::Presence;

/// The id of an entry: its index among the directories, with the highest bit set, or among the
/// leaves. It may be used again once the entry is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Id(pub(super) u32);

const DIRECTORY: u32 = 1 << 31;

const NONE: u32 = u32::MAX;

impl Id {
    const NONE: Self = Self(NONE);

    fn directory(at: usize) -> Self {
        Self(Self::leaf(at).0 | DIRECTORY)
    }

    fn leaf(at: usize) -> Self {
        let at = u32::try_from(at).ok().filter(|&at| at < NONE & !DIRECTORY);
        Self(at.expect("fewer than two billion names"))
    }

    fn is_directory(self) -> bool {
        self.0 & DIRECTORY != 0
    }

    /// Its index among the directories or the leaves.
    pub(crate) fn index(self) -> usize {
        (self.0 & !DIRECTORY) as usize
    }
}

/// What every entry has: 20 bytes.
struct Node {
    parent: u32,
    /// The index of its name in `names`.
    name: u32,
    /// The next sibling; of a free slot, the next free one.
    next: u32,
    /// The sibling before it.
    prev: u32,
    /// Kind, flags and bit fields; [`NONE`]: the slot is free.
    bits: u32,
}

#[derive(Default)]
pub(crate) struct Model {
    names: Names,
    by_name: ByName,
    directories: Directories,
    /// All entries that are no directories.
    leaves: Leaves,
    reported_directories: u64,
    reported_files: u64,
}

impl Model {
    fn node(&self, id: Id) -> &Node {
        if id.is_directory() {
            self.directories.all.get(id.index()).node()
        } else {
            self.leaves.all.get(id.index())
        }
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        if id.is_directory() {
            self.directories.all.get_mut(id.index()).node_mut()
        } else {
            self.leaves.all.get_mut(id.index())
        }
    }

    /// Whether an entry has this id now.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        if id.is_directory() {
            self.directories.all.is_live(id.index())
        } else {
            self.leaves.all.is_live(id.index())
        }
    }

    /// All entries, in arbitrary order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> {
        let directories = self.directories.all.live();
        let leaves = self.leaves.all.live().map(|(at, _)| Id::leaf(at));
        directories.map(|(at, _)| Id::directory(at)).chain(leaves)
    }

    /// The next entry that is no directory, with an index of at least `from`; and the index to go
    /// on with.
    pub(crate) fn next_leaf(&self, from: u32) -> Option<(Id, u32)> {
        let id = Id::leaf(self.leaves.all.next_live(from as usize)?);
        Some((id, id.0 + 1))
    }

    /// How many directories and other names are reported.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.reported_directories, self.reported_files)
    }

    // Adding, removing and moving.

    /// Adds an entry. `parent`: `None` for a PATH. The name must not be there.
    pub(in crate::tracker) fn insert(&mut self, parent: Option<Id>, name: &[u8], kind: Kind) -> Id {
        let parent = parent.map(|parent| (parent, self.name_hash(parent, name)));
        self.insert_hashed(parent, name, kind)
    }

    /// Adds an entry, unless the name is there.
    pub(in crate::tracker) fn add(&mut self, parent: Id, name: &[u8], kind: Kind) -> Option<Id> {
        let hash = self.name_hash(parent, name);
        let is_new = self.find_hashed(hash, parent, name).is_none();
        is_new.then(|| self.insert_hashed(Some((parent, hash)), name, kind))
    }

    fn insert_hashed(&mut self, parent: Option<(Id, NameHash)>, name: &[u8], kind: Kind) -> Id {
        let node = Node {
            parent: parent.map_or(NONE, |(parent, _)| parent.0),
            name: self.keep_name(name),
            next: NONE,
            prev: NONE,
            bits: kind_bits(kind),
        };
        let id = match kind {
            Kind::Directory => self.directories.add(node),
            Kind::File | Kind::Symlink | Kind::Other => self.leaves.add(node),
        };
        if let Some((parent, hash)) = parent {
            self.attach(id, parent, hash);
        }
        self.count(id, 1);
        id
    }

    /// Removes an entry, which has no children.
    pub(in crate::tracker) fn remove(&mut self, id: Id) {
        self.count(id, -1);
        self.detach(id);
        let name = self.node(id).name;
        if id.is_directory() {
            self.remove_directory(id);
        } else {
            self.remove_leaf(id);
        }
        self.drop_name(name);
    }

    /// Moves an entry, with all below it, to a name that is not there.
    pub(in crate::tracker) fn relink(&mut self, id: Id, parent: Id, name: &[u8]) {
        self.detach(id);
        let new = self.keep_name(name);
        let node = self.node_mut(id);
        node.parent = parent.0;
        let old = std::mem::replace(&mut node.name, new);
        self.attach(id, parent, self.name_hash(parent, name));
        self.drop_name(old);
    }

    /// Whether there is room for another name that may be left out.
    pub(in crate::tracker) fn has_room(&mut self) -> bool {
        if self.names.is_full() && self.names.has_much_waste() {
            self.compact_names();
        }
        !self.names.is_full()
    }

    /// Adds a name.
    fn keep_name(&mut self, name: &[u8]) -> u32 {
        if let Some(kept) = self.names.keep(name) {
            return kept;
        }
        self.compact_names();
        let kept = self.names.keep(name);
        kept.expect("names in use have less than 4 GiB, and each less than 64 KiB")
    }

    /// The most tildes that a name ever had at its end.
    pub(crate) fn tildes(&self) -> usize {
        self.names.tildes()
    }

    /// Forgets a name; compacts the bytes of names when most of them belong to no entry.
    fn drop_name(&mut self, at: u32) {
        if self.names.forget(at) {
            self.compact_names();
        }
    }

    fn compact_names(&mut self) {
        let directories = self.directories.all.live_mut().map(Slot::node_mut);
        let nodes = directories.chain(self.leaves.all.live_mut());
        self.names.compact(nodes.map(|node| &mut node.name));
    }

    /// Adds an entry to the index of names and to the children of its directory.
    fn attach(&mut self, id: Id, parent: Id, hash: NameHash) {
        self.index_name(id, hash);
        let first = std::mem::replace(self.first_mut(parent), id.0);
        let node = self.node_mut(id);
        (node.next, node.prev) = (first, NONE);
        if first != NONE {
            self.node_mut(Id(first)).prev = id.0;
        }
    }

    fn detach(&mut self, id: Id) {
        let &Node {
            parent, next, prev, ..
        } = self.node(id);
        if parent == NONE {
            return;
        }
        self.unindex_name(id);
        if next != NONE {
            self.node_mut(Id(next)).prev = prev;
        }
        if prev == NONE {
            *self.first_mut(Id(parent)) = next;
        } else {
            self.node_mut(Id(prev)).next = next;
        }
    }

    // Counting what is reported.

    fn count(&mut self, id: Id, by: i64) {
        if !self.has(id, Flag::HIDDEN) {
            let count = if id.is_directory() {
                &mut self.reported_directories
            } else {
                &mut self.reported_files
            };
            *count = count.wrapping_add_signed(by);
        }
    }

    /// Marks an entry so that it is not reported.
    pub(in crate::tracker) fn hide(&mut self, id: Id) {
        self.count(id, -1);
        self.set(id, Flag::HIDDEN);
    }

    pub(in crate::tracker) fn unhide(&mut self, id: Id) {
        if self.clear(id, Flag::HIDDEN) {
            self.count(id, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Model};
    use crate::names::MAX_BYTES;

    #[test]
    fn an_alias_that_leads_elsewhere_is_one_of_its_new_target_alone() {
        let mut model = Model::default();
        let top = model.insert(None, b"t", Kind::Directory);
        let mut add = |name: &[u8]| model.insert(Some(top), name, Kind::Directory);
        let [alias, first, second] = [add(b"a"), add(b"b"), add(b"c")];
        model.set_alias(alias, first);
        model.set_alias(alias, second);
        assert_eq!(model.alias_target(alias), Some(second));
        assert_eq!(model.take_aliases(first), []);
        assert_eq!(model.take_aliases(second), [alias]);
    }

    #[test]
    fn names_that_are_gone_make_room_for_others() {
        const NAME: usize = 254;
        // Each has two bytes before it.
        let count = MAX_BYTES as usize / (NAME + 2);
        let mut model = Model::default();
        let top = model.insert(None, b"t", Kind::Directory);
        let mut number = 0;
        let mut add = |model: &mut Model| {
            number += 1;
            let name = format!("{number:0NAME$}");
            (model.insert(Some(top), name.as_bytes(), Kind::File), name)
        };
        let mut all: Vec<_> = (0..count).map(|_| add(&mut model)).collect();
        // Less than half, so that the bytes are not compacted yet.
        for (id, _) in all.drain(..count / 2 - 1) {
            model.remove(id);
        }
        all.extend((0..count / 2 - 1).map(|_| add(&mut model)));
        assert!(
            all.iter()
                .all(|(id, name)| model.name(*id) == name.as_bytes())
        );
        // A name that another one replaces makes room, too.
        for (id, _) in all.drain(..count / 4) {
            model.remove(id);
        }
        for (id, name) in &mut all {
            *name = name.replace('0', "x");
            model.relink(*id, top, name.as_bytes());
        }
        assert!(
            all.iter()
                .all(|(id, name)| model.name(*id) == name.as_bytes())
        );
    }
}
