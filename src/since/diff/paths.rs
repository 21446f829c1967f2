//! Finds the PATHs among what was reported. They are reported by the paths that were given,
//! whatever is reported of the directories above them.

use std::collections::HashSet;

use crate::since::tree::{Tree, TreeId};
use crate::tracker::path_below;

pub(super) struct Paths<'a> {
    given: &'a [Box<[u8]>],
    /// The entries of the PATHs that were reported.
    entries: HashSet<TreeId>,
    /// Those, and the directories above them.
    with_above: HashSet<TreeId>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let given = tree.paths();
        let reported = given.iter().filter_map(|path| tree.at(path));
        let entries: HashSet<_> = reported.filter(|&id| tree.kind(id).is_some()).collect();
        let up = |&id: &TreeId| std::iter::successors(Some(id), |&id| tree.parent(id));
        let with_above = entries.iter().flat_map(up).collect();
        Self {
            given,
            entries,
            with_above,
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = TreeId> {
        self.entries.iter().copied()
    }

    pub(super) fn has_several(&self) -> bool {
        self.given.len() > 1
    }

    pub(super) fn has_path(&self, path: &[u8]) -> bool {
        self.given.iter().any(|given| **given == *path)
    }

    pub(super) fn has_entry(&self, id: TreeId) -> bool {
        self.entries.contains(&id)
    }

    /// Whether a reported entry is a PATH, or one is below it.
    pub(super) fn has_entry_at_or_below(&self, id: TreeId) -> bool {
        self.with_above.contains(&id)
    }

    /// Whether a path is that of a PATH, or one is below it.
    pub(super) fn has_path_at_or_below(&self, path: &[u8]) -> bool {
        let mut given = self.given.iter();
        given.any(|given| path_below(given, path).is_some())
    }
}
