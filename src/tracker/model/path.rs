//! Where an entry is: from an entry up to its PATH. Paths are derived by walking up, never
//! stored.

use super::{Id, Model, NONE};

impl Model {
    /// The directory that it is in; a PATH has none.
    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        let parent = self.node(id).parent;
        (parent != NONE).then_some(Id(parent))
    }

    /// Its name; of a PATH, nothing of meaning.
    pub(crate) fn name(&self, id: Id) -> &[u8] {
        self.names.get(self.node(id).name)
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
