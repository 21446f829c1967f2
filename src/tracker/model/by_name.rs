//! Finds entries by directory and name, in five bytes a slot: the table has no keys, which are in
//! the entries.
//!
//! Invariant: to grow, the table is made anew from the entries in their order, so that each
//! name is read once, in sequence, and the old table is freed before the new one is made.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{Id, Model, NONE};

/// With fewer buckets than this, no memory is given back.
const KEPT_BUCKETS: usize = 8192;

#[derive(Default)]
pub(super) struct ByName {
    /// Any user may choose the names, so the hash has a secret key.
    state: RandomState,
    table: HashTable<Id>,
}

/// The hash of a directory and a name in it.
#[derive(Clone, Copy)]
pub(super) struct NameHash(u64);

impl Model {
    pub(super) fn name_hash(&self, parent: Id, name: &[u8]) -> NameHash {
        NameHash(hash(&self.by_name.state, parent.0, name))
    }

    pub(crate) fn find(&self, parent: Id, name: &[u8]) -> Option<Id> {
        self.find_hashed(self.name_hash(parent, name), parent, name)
    }

    /// Finds a name that most often is next to another one: a directory is mostly listed in the
    /// order of its entries or in reverse.
    pub(crate) fn find_near(&self, parent: Id, name: &[u8], near: Option<Id>) -> Option<Id> {
        let siblings = near.map(|near| {
            let node = self.node(near);
            [node.next, node.prev]
        });
        let siblings = siblings.into_iter().flatten().filter(|&at| at != NONE);
        let has_name = |id: &Id| self.names.get(self.node(*id).name) == name;
        let found = siblings.map(Id).find(has_name);
        found.or_else(|| self.find(parent, name))
    }

    pub(super) fn find_hashed(&self, hash: NameHash, parent: Id, name: &[u8]) -> Option<Id> {
        let is_it = |id: &Id| {
            let node = self.node(*id);
            node.parent == parent.0 && self.names.get(node.name) == name
        };
        self.by_name.table.find(hash.0, is_it).copied()
    }

    /// Adds an entry, whose parent and name are not in the table.
    pub(super) fn index_name(&mut self, id: Id, hash: NameHash) {
        let ByName { table, .. } = &mut self.by_name;
        if table.len() == table.capacity() {
            // Room for half as many again gives twice the slots or, where many slots are taken by
            // removed entries, as many as now. The new table has this entry, too.
            let room = table.len() + table.len() / 2 + 1;
            return self.rebuild_by_name(room);
        }
        table.insert_unique(hash.0, id, |_| unreachable!("there is room for one more"));
    }

    pub(super) fn unindex_name(&mut self, id: Id) {
        let node = self.node(id);
        let hash = self.name_hash(Id(node.parent), self.names.get(node.name));
        let ByName { table, .. } = &mut self.by_name;
        let found = table.find_entry(hash.0, |other| *other == id);
        if let Ok(entry) = found {
            entry.remove();
        }
        let (used, room) = (table.len(), table.num_buckets());
        if room > KEPT_BUCKETS && used < room / 8 {
            // The entry itself is still in the model, and so in the new table: it is removed again.
            self.rebuild_by_name(used * 2);
            let ByName { table, .. } = &mut self.by_name;
            if let Ok(entry) = table.find_entry(hash.0, |other| *other == id) {
                entry.remove();
            }
        }
    }

    /// Makes a new table of all entries that have a parent, with room for `room` entries at least.
    fn rebuild_by_name(&mut self, room: usize) {
        let ByName { state, table } = &mut self.by_name;
        drop(std::mem::take(table));
        let count = self.directories.all.live().count() + self.leaves.all.live().count();
        *table = HashTable::with_capacity(room.max(count));
        let directories = self.directories.all.live();
        let directories = directories.map(|(at, body)| (Id::directory(at), &body.node));
        let leaves = self
            .leaves
            .all
            .live()
            .map(|(at, node)| (Id::leaf(at), node));
        for (id, node) in directories.chain(leaves) {
            if Id(node.parent) != Id::NONE {
                let hash = hash(state, node.parent, self.names.get(node.name));
                table.insert_unique(hash, id, |_| unreachable!("there is room for all"));
            }
        }
    }
}

fn hash(state: &RandomState, parent: u32, name: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u32(parent);
    hasher.write(name);
    hasher.finish()
}
