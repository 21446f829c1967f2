//! What was last reported of modes, owners, extended attributes and mtimes, where changes
//! of them are asked for.

use foldhash::HashMap;

use super::disk::Xattr;
use super::model::Id;
use crate::change::Attributes;

#[derive(Default)]
pub(super) struct Metadata {
    attributes: HashMap<Id, Attributes>,
    /// Of entries that have some.
    xattrs: HashMap<Id, Box<[Xattr]>>,
    /// Of files, in nanoseconds since 1970.
    mtimes: HashMap<Id, i64>,
}

impl Metadata {
    pub(super) fn attributes(&self, id: Id) -> Option<Attributes> {
        self.attributes.get(&id).copied()
    }

    pub(super) fn xattrs(&self, id: Id) -> Box<[Xattr]> {
        self.xattrs.get(&id).cloned().unwrap_or_default()
    }

    pub(super) fn mtime(&self, id: Id) -> Option<i64> {
        self.mtimes.get(&id).copied()
    }

    pub(super) fn set_attributes(&mut self, id: Id, attributes: Attributes, xattrs: Box<[Xattr]>) {
        self.attributes.insert(id, attributes);
        if xattrs.is_empty() {
            self.xattrs.remove(&id);
        } else {
            self.xattrs.insert(id, xattrs);
        }
    }

    pub(super) fn set_mtime(&mut self, id: Id, mtime: i64) {
        self.mtimes.insert(id, mtime);
    }

    /// The entry is gone.
    pub(super) fn forget(&mut self, id: Id) {
        self.attributes.remove(&id);
        self.xattrs.remove(&id);
        self.mtimes.remove(&id);
    }
}
