//! The other names of a file: what was read under one of them is so under all, and each
//! is told by a look of its own. Reads nothing, and tells nothing itself.

use crate::tracker::Turn;
use crate::tracker::model::{Flag, Id};

impl Turn<'_> {
    /// The file's other names have the same bytes; what was told of them may be older,
    /// since an event comes for one name only, and for none before its directory is
    /// watched. `is_written`: the bytes are younger than the watch.
    pub(in crate::tracker) fn enqueue_links(&mut self, id: Id, is_written: bool) {
        if !self.t.model.has(id, Flag::LINKED) {
            return;
        }
        let digest = self.t.model.digest(id);
        for other in self.t.model.with_inode_key(self.t.model.inode_key(id)) {
            let known = self.t.model.digest(other);
            let is_older = if known.is_some() {
                known != digest
            } else {
                is_written
            };
            if other != id && is_older {
                self.t.model.set(other, Flag::CLOSED_WRITE);
                self.t.enqueue(other);
            }
        }
    }

    /// A name that turns out to be one of several: until now, what was written through it
    /// was not taken to be theirs.
    pub(super) fn join_links(&mut self, id: Id, was_linked: bool) {
        if !was_linked && self.t.model.has(id, Flag::LINKED) {
            for other in self.t.model.with_inode_key(self.t.model.inode_key(id)) {
                if other != id {
                    self.t.enqueue(other);
                }
            }
        }
    }

    /// The file can be read: under its other names, too, where that has failed.
    pub(super) fn retry_links(&mut self, id: Id) {
        if self.t.model.has(id, Flag::LINKED) {
            for other in self.t.model.with_inode_key(self.t.model.inode_key(id)) {
                if self.t.model.has(other, Flag::UNREADABLE) {
                    self.t.enqueue(other);
                }
            }
        }
    }
}
