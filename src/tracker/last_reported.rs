//! Keeps what was last reported of entries beside the digest, which the model has: modes, owners,
//! extended attributes and mtimes, where changes of them are asked for, and the digest of a file
//! that a rename replaced.

use foldhash::{HashMap, HashSet};

use super::Tracker;
use super::disk::Xattr;
use super::model::Id;
use crate::change::{Attributes, Digest};

#[derive(Default)]
pub(super) struct LastReported {
    attributes: HashMap<Id, Attributes>,
    /// Entries that were emitted as created without mode and owner: statx(2) did not find them under
    /// their first name.
    unreported: HashSet<Id>,
    /// Only of entries that have extended attributes. `None`: they could not be read.
    xattrs: HashMap<Id, Option<Box<[Xattr]>>>,
    /// Of files, in nanoseconds since 1970.
    mtimes: HashMap<Id, i64>,
    /// For each file that replaced another one by a rename, until its bytes are compared.
    replaced: HashMap<Id, Replaced>,
}

/// What was last reported of a file that a rename has replaced.
#[derive(Clone, Copy)]
pub(super) struct Replaced {
    pub(super) digest: Option<Digest>,
}

impl LastReported {
    pub(super) fn attributes(&self, id: Id) -> Option<Attributes> {
        self.attributes.get(&id).copied()
    }

    /// `None`: they could not be read.
    pub(super) fn xattrs(&self, id: Id) -> Option<Box<[Xattr]>> {
        let known = self.xattrs.get(&id).cloned();
        known.unwrap_or_else(|| Some(Box::default()))
    }

    pub(super) fn mtime(&self, id: Id) -> Option<i64> {
        self.mtimes.get(&id).copied()
    }

    /// `xattrs`: `None` where they could not be read.
    pub(super) fn set_attributes(
        &mut self,
        id: Id,
        attributes: Attributes,
        xattrs: Option<Box<[Xattr]>>,
    ) {
        self.attributes.insert(id, attributes);
        if xattrs.as_ref().is_some_and(|xattrs| xattrs.is_empty()) {
            self.xattrs.remove(&id);
        } else {
            self.xattrs.insert(id, xattrs);
        }
    }

    /// Whether mode, owner or extended attributes of two names of a file differ.
    pub(super) fn differ(&self, one: Id, other: Id) -> bool {
        self.attributes.get(&one) != self.attributes.get(&other)
            || self.xattrs.get(&one) != self.xattrs.get(&other)
    }

    /// Notes that an entry was emitted as created without mode and owner.
    pub(super) fn set_unreported(&mut self, id: Id) {
        self.unreported.insert(id);
    }

    /// Whether an entry was emitted as created without mode and owner. They are emitted now.
    pub(super) fn take_unreported(&mut self, id: Id) -> bool {
        self.unreported.remove(&id)
    }

    pub(super) fn set_mtime(&mut self, id: Id, mtime: i64) {
        self.mtimes.insert(id, mtime);
    }

    /// Whether a file replaced another one by a rename, and was not compared since.
    pub(super) fn is_replacement(&self, id: Id) -> bool {
        self.replaced.contains_key(&id)
    }

    /// Removes and returns what such a file has replaced: it is being compared.
    pub(super) fn take_replaced(&mut self, id: Id) -> Option<Replaced> {
        self.replaced.remove(&id)
    }

    /// Notes what a file has replaced, unless it has the same `digest`.
    pub(super) fn set_replaced(&mut self, id: Id, replaced: Replaced, digest: Option<Digest>) {
        if digest.is_none() || replaced.digest != digest {
            self.replaced.insert(id, replaced);
        }
    }

    /// Forgets an entry that is gone.
    pub(super) fn forget(&mut self, id: Id) {
        self.attributes.remove(&id);
        self.unreported.remove(&id);
        self.xattrs.remove(&id);
        self.mtimes.remove(&id);
        self.replaced.remove(&id);
    }
}

impl<D> Tracker<D> {
    /// The digest last reported under the name of a file.
    pub(super) fn last_digest(&self, id: Id) -> Option<Digest> {
        match self.last_reported.replaced.get(&id) {
            Some(replaced) => replaced.digest,
            None => self.model.digest(id),
        }
    }
}
