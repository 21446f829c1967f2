//! Finds the PATH and the path of an entry. Paths are derived by walking up, never stored.

use super::{Id, Model, NONE};

impl Model {
    /// The directory that an entry is in. `None`: it is a PATH.
    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        let parent = self.node(id).parent;
        (parent != NONE).then_some(Id(parent))
    }

    /// The name of an entry; not of a PATH, where it has no meaning.
    pub(crate) fn name(&self, id: Id) -> &[u8] {
        self.names.get(self.node(id).name)
    }

    /// The entry at a path from another one; empty names in the path count for nothing.
    pub(crate) fn at_path(&self, from: Id, path: &[u8]) -> Option<Id> {
        let mut names = path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty());
        names.try_fold(from, |at, name| self.find(at, name))
    }

    pub(crate) fn root(&self, mut id: Id) -> Id {
        while let Some(parent) = self.parent(id) {
            id = parent;
        }
        id
    }

    /// Whether `id` is `above` or is below it.
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

    /// The number of levels from the PATH down to an entry: 0 for the PATH, 1 for its children.
    pub(crate) fn depth(&self, mut id: Id) -> u32 {
        let mut depth = 0;
        while let Some(parent) = self.parent(id) {
            depth += 1;
            id = parent;
        }
        depth
    }

    /// Appends the path of an entry from its PATH.
    pub(crate) fn write_relative_path(&self, id: Id, path: &mut Vec<u8>) {
        self.write_path_up_to(None, id, path);
    }

    /// Appends the path of an entry from a directory above it.
    pub(crate) fn write_path_below(&self, top: Id, id: Id, path: &mut Vec<u8>) {
        self.write_path_up_to(Some(top), id, path);
    }

    /// Copies the names from the last one to the first, since each is found from the one below it.
    fn write_path_up_to(&self, top: Option<Id>, id: Id, path: &mut Vec<u8>) {
        let names = || {
            let up = |at: &Id| self.parent(*at);
            let all = std::iter::successors(Some(id), up);
            let below = all.take_while(|at| Some(*at) != top && self.parent(*at).is_some());
            below.map(|at| self.name(at))
        };
        let length: usize = names().map(|name| name.len() + 1).sum();
        let start = path.len();
        path.resize(start + length.saturating_sub(1), 0);
        let mut end = path.len();
        for name in names() {
            path[end - name.len()..end].copy_from_slice(name);
            end -= name.len();
            if end > start {
                end -= 1;
                path[end] = b'/';
            }
        }
    }

    /// The last names of the path of an entry from its root, if that has more than `longest` bytes.
    /// Goes no further up than these are.
    pub(crate) fn end_of_long_path(&self, id: Id, longest: usize) -> Option<Vec<u8>> {
        let (mut at, mut length) = (id, 0);
        while length <= longest {
            let above = self.parent(at)?; // `None`: it is the root, and the path is not long.
            length += self.name(at).len() + 1;
            if length <= longest {
                at = above;
            }
        }
        let mut end = Vec::new();
        self.write_path_below(at, id, &mut end);
        Some(end)
    }

    /// An entry and all below it, each after its directory.
    pub(crate) fn subtree(&self, top: Id) -> Vec<Id> {
        let mut all = vec![top];
        let mut next = 0;
        while let Some(&id) = all.get(next) {
            all.extend(self.children(id));
            next += 1;
        }
        all
    }
}
