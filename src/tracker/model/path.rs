//! Where an entry is: from a directory and a name to an entry, and from an entry up to
//! its PATH. Paths are derived by walking up, never stored.

use super::{Id, Model, NONE};
use crate::tracker::table::hash;

impl Model {
    pub(super) fn hash_of(&self, id: Id) -> u32 {
        let entry = self.entry(id);
        hash(self.seed, entry.parent, self.names.get(entry.name))
    }

    /// The entry of that name in a directory.
    pub(crate) fn find(&self, parent: Id, name: &[u8]) -> Option<Id> {
        self.find_hashed(hash(self.seed, parent.0, name), parent, name)
    }

    /// The same, with the hash of the place.
    pub(super) fn find_hashed(&self, hash: u32, parent: Id, name: &[u8]) -> Option<Id> {
        let found = self.by_name.find(hash, |id| {
            let entry = &self.entries[id as usize];
            entry.parent == parent.0 && self.names.get(entry.name) == name
        });
        found.map(Id)
    }

    /// The directory that it is in; a PATH has none.
    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        let parent = self.entry(id).parent;
        (parent != NONE).then_some(Id(parent))
    }

    /// Its name; of a PATH, nothing of meaning.
    pub(crate) fn name(&self, id: Id) -> &[u8] {
        self.names.get(self.entry(id).name)
    }

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
    pub(crate) fn write_relative_path(&self, id: Id, path: &mut Vec<u8>) {
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
}
