//! A rename as `deleted` and `created` (`--no-renames`), with all that is below: for readers
//! that know entries by their paths only.
//!
//! The model moves the subtree as ever; only what is emitted differs. Invariant: what is
//! emitted as created was emitted as deleted just before, names in between are none.

use super::Tracker;
use super::disk::Disk;
use super::model::Id;
use crate::change::{Content, Kind};

/// Entries, each after its directory.
pub(super) struct Subtree(Vec<Id>);

impl<D: Disk> Tracker<D> {
    /// Before the model moves an entry: emits it as deleted, after all that is below it.
    pub(super) fn emit_left(&mut self, top: Id) -> Subtree {
        let mut all = vec![top];
        let mut next = 0;
        while let Some(&id) = all.get(next) {
            all.extend(self.model.children(id));
            next += 1;
        }
        for &id in all.iter().rev() {
            self.emit_deleted(id);
        }
        Subtree(all)
    }

    /// After the model has moved it: emits it as created, before all that is below it,
    /// with what is known of each file's bytes.
    pub(super) fn emit_arrived(&mut self, subtree: Subtree) {
        for id in subtree.0 {
            let content = match self.model.kind(id) {
                Kind::File => self.known_content(id),
                Kind::Directory | Kind::Symlink | Kind::Other => Content::default(),
            };
            self.emit_created(id, content);
        }
    }
}
