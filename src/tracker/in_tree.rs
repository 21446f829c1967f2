//! Says whether an entry is in the tree: one that is not is gone from the model, or in a subtree
//! whose removal is being emitted.

use super::Tracker;
use super::model::Id;
use crate::change::Kind;

impl<D> Tracker<D> {
    /// Whether an entry that was known before others were removed is in the tree still.
    pub(crate) fn is_in_tree(&self, id: Id) -> bool {
        self.model.is_live(id) && !self.is_being_removed(id)
    }

    /// Whether an entry is in a subtree that is being removed: it is to be emitted as deleted,
    /// wherever it is found.
    pub(super) fn is_being_removed(&self, id: Id) -> bool {
        self.is_emitting() && self.roots.with_entry(self.model.root(id)).is_none()
    }

    /// Whether a directory has this id now, and is in the tree.
    pub(super) fn is_directory(&self, id: Id) -> bool {
        self.is_in_tree(id) && self.model.kind(id) == Kind::Directory
    }
}
