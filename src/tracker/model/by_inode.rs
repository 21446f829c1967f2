//! Finds files by inode, for hard links and for files that moved without an event.
//!
//! Invariant: adding or removing a name costs the same however many names an inode has.

use foldhash::{HashMap, HashMapExt};
use hashbrown::HashTable;

use super::Id;
use super::fingerprint::InodeKey;

#[derive(Default)]
pub(super) struct ByInode {
    /// The names of inodes that have one. The key is its own hash.
    single: HashTable<Id>,
    /// The names of inodes that have several.
    several: HashMap<InodeKey, Names>,
    /// The index of each of these names in its list.
    positions: HashMap<Id, usize>,
}

struct Names {
    all: Vec<Id>,
    /// The index of the one that [`ByInode::next_name`] returns next.
    next: usize,
}

impl ByInode {
    /// The names of an inode. `keys`: those of all files, by index.
    pub(super) fn names(&self, keys: &[u64], key: InodeKey) -> &[Id] {
        if let Some(names) = self.several.get(&key) {
            return &names.all;
        }
        let found = self.single.find(key.0, |id| keys[id.index()] == key.0);
        found.map_or(&[], std::slice::from_ref)
    }

    /// A name of an inode, at each call the one after that of the last call.
    pub(super) fn next_name(&mut self, keys: &[u64], key: InodeKey) -> Option<Id> {
        let Some(names) = self.several.get_mut(&key) else {
            return self.names(keys, key).first().copied();
        };
        let at = names.next % names.all.len();
        names.next = at + 1;
        Some(names.all[at])
    }

    /// Adds a name, whose key is among `keys` already.
    pub(super) fn insert(&mut self, keys: &[u64], id: Id, key: InodeKey) {
        if let Some(names) = self.several.get_mut(&key) {
            self.positions.insert(id, names.all.len());
            names.all.push(id);
            return;
        }
        let is_other = |other: &Id| *other != id && keys[other.index()] == key.0;
        if let Ok(first) = self.single.find_entry(key.0, is_other) {
            let (first, _) = first.remove();
            self.positions.insert(first, 0);
            self.positions.insert(id, 1);
            let all = vec![first, id];
            self.several.insert(key, Names { all, next: 0 });
        } else {
            self.single.insert_unique(key.0, id, |id| keys[id.index()]);
        }
    }

    /// Removes a name, whose key is still among `keys`.
    pub(super) fn remove(&mut self, keys: &[u64], id: Id, key: InodeKey) {
        let Some(at) = self.positions.remove(&id) else {
            if let Ok(entry) = self.single.find_entry(key.0, |other| *other == id) {
                entry.remove();
            }
            return;
        };
        let Some(names) = self.several.get_mut(&key) else {
            return;
        };
        names.all.swap_remove(at);
        if let Some(moved) = names.all.get(at) {
            self.positions.insert(*moved, at);
        }
        if let &[last] = names.all.as_slice() {
            self.several.remove(&key);
            self.positions.remove(&last);
            self.single
                .insert_unique(key.0, last, |id| keys[id.index()]);
        }
        if self.several.is_empty() {
            self.several = HashMap::new();
            self.positions = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ByInode, Id, InodeKey};

    #[test]
    fn to_add_or_remove_a_name_costs_the_same_however_many_there_are() {
        const NAMES: usize = 100_000;
        let keys = vec![7; NAMES];
        let mut index = ByInode::default();
        // With a search for each of them this would take minutes.
        let began = std::time::Instant::now();
        for at in 0..NAMES {
            index.insert(&keys, Id::leaf(at), InodeKey(7));
        }
        for at in 0..NAMES {
            index.remove(&keys, Id::leaf(at), InodeKey(7));
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert!(index.names(&keys, InodeKey(7)).is_empty());
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_would(steps in prop::collection::vec((0usize..40, 0u64..6), 0..300)) {
            let mut keys = vec![0; 40];
            let mut index = ByInode::default();
            for (at, key) in steps {
                let id = Id::leaf(at);
                if keys[at] != 0 {
                    index.remove(&keys, id, InodeKey(keys[at]));
                }
                keys[at] = key;
                if key != 0 {
                    index.insert(&keys, id, InodeKey(key));
                }
                for key in 1..6 {
                    let mut names = index.names(&keys, InodeKey(key)).to_vec();
                    names.sort();
                    let all = (0..40).filter(|&at| keys[at] == key).map(Id::leaf);
                    let all: Vec<_> = all.collect();
                    prop_assert_eq!(&names, &all);
                    let mut in_turn: Vec<_> = all.iter().filter_map(|_| index.next_name(&keys, InodeKey(key))).collect();
                    in_turn.sort();
                    prop_assert_eq!(in_turn, all);
                }
            }
        }
    }
}
