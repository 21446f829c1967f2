//! What was last reported of entries, beside the digest that the model has of each: modes,
//! owners, extended attributes and mtimes, where changes of them are asked for, and the
//! bytes under a name that a rename has put another file to.

use foldhash::HashMap;

use super::disk::Xattr;
use super::model::Id;
use crate::change::{Attributes, Digest};

#[derive(Default)]
pub(super) struct LastReported {
    attributes: HashMap<Id, Attributes>,
    /// Of entries that have some.
    xattrs: HashMap<Id, Box<[Xattr]>>,
    /// Of files, in nanoseconds since 1970.
    mtimes: HashMap<Id, i64>,
    /// Of files that a rename put to the name of another, until their bytes are compared.
    /// `None`: it is not known.
    replaced: HashMap<Id, Option<Digest>>,
}

impl LastReported {
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

    /// Whether a rename put the file to the name of another, and they were not compared yet.
    pub(super) fn is_replacement(&self, id: Id) -> bool {
        self.replaced.contains_key(&id)
    }

    /// The digest last reported under the name of such a file.
    #[allow(clippy::option_option)]
    pub(super) fn replaced(&self, id: Id) -> Option<Option<Digest>> {
        self.replaced.get(&id).copied()
    }

    /// The same, which is needed no longer.
    #[allow(clippy::option_option)]
    pub(super) fn take_replaced(&mut self, id: Id) -> Option<Option<Digest>> {
        self.replaced.remove(&id)
    }

    pub(super) fn set_replaced(&mut self, id: Id, last: Option<Digest>) {
        self.replaced.insert(id, last);
    }

    /// The entry is gone.
    pub(super) fn forget(&mut self, id: Id) {
        self.attributes.remove(&id);
        self.xattrs.remove(&id);
        self.mtimes.remove(&id);
        self.replaced.remove(&id);
    }
}
