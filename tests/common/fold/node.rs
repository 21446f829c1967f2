//! Holds the tree that records add up to.

use std::collections::BTreeMap;

use crate::common::disk::Entry;
use crate::common::record::Record;

/// A path in the folded tree: the PATH that it is below, and the names from there.
pub(super) type Place<'a> = Vec<&'a [u8]>;

#[derive(Default)]
pub(super) struct Node {
    pub(super) kind: String,
    /// The digest last reported, under whatever name.
    pub(super) sha256: Option<String>,
    pub(super) size: Option<u64>,
    /// The digest last reported under this name, if one was, when a rename has since put
    /// another file there: a `changed` must follow if the digests differ, and may if
    /// the old one is not known.
    pub(super) displaced: Option<Option<String>>,
    pub(super) children: BTreeMap<Vec<u8>, Node>,
}

impl Node {
    /// The node for a record's name.
    pub(super) fn of(record: &Record) -> Self {
        Self {
            kind: record.kind().to_owned(),
            sha256: record.sha256().map(str::to_owned),
            size: record.size(),
            ..Self::default()
        }
    }

    pub(super) fn forget_displaced(&mut self) {
        self.displaced = None;
        self.children.values_mut().for_each(Self::forget_displaced);
    }

    /// The node of a place below this one.
    pub(super) fn find(&self, place: &[&[u8]]) -> Option<&Self> {
        place
            .iter()
            .try_fold(self, |node, name| node.children.get(*name))
    }

    /// The node of a place below this one, to change it.
    pub(super) fn find_mut(&mut self, place: &[&[u8]]) -> Option<&mut Self> {
        place
            .iter()
            .try_fold(self, |node, name| node.children.get_mut(*name))
    }

    /// The directory that a place is in.
    pub(super) fn parent(&mut self, place: &Place<'_>) -> Result<&mut Self, String> {
        let (_, parents) = place.split_last().ok_or("no path")?;
        let parent = self.find_mut(parents).ok_or("its directory is not there")?;
        match parent.kind.as_str() {
            "directory" => Ok(parent),
            other => Err(format!("its directory is a {other}")),
        }
    }

    /// Puts a node there and returns what it replaces. A directory reported as there
    /// twice keeps what is below it.
    pub(super) fn insert(
        &mut self,
        place: &Place<'_>,
        mut node: Self,
    ) -> Result<Option<Self>, String> {
        let parent = self.parent(place)?;
        let name = place.last().ok_or("no path")?.to_vec();
        let mut old = parent.children.remove(&name);
        if let Some(old) = &mut old
            && old.kind == "directory"
            && node.kind == "directory"
            && node.children.is_empty()
        {
            std::mem::swap(&mut node.children, &mut old.children);
        }
        parent.children.insert(name, node);
        Ok(old)
    }

    /// Takes the node of a place away.
    pub(super) fn remove(&mut self, place: &Place<'_>) -> Option<Self> {
        let parent = self.parent(place).ok()?;
        parent.children.remove(*place.last()?)
    }

    /// Adds this node and all below it to a list.
    pub(super) fn list<'a>(&'a self, path: Vec<u8>, into: &mut BTreeMap<Vec<u8>, &'a Self>) {
        for (name, child) in &self.children {
            child.list([&path, &b"/"[..], name].concat(), into);
        }
        into.insert(path, self);
    }

    /// Adds the differences between this node and its entry on disk.
    pub(super) fn differs(&self, name: &str, entry: &Entry, hashes: bool, out: &mut Vec<String>) {
        if self.kind != entry.kind {
            out.push(format!("{name}: reported {}, is {}", self.kind, entry.kind));
        } else if entry.kind != "file" {
        } else if self.sha256 != entry.sha256 && (hashes || self.sha256.is_some()) {
            let (reported, is) = (&self.sha256, &entry.sha256);
            out.push(format!("{name}: reported sha256 {reported:?}, is {is:?}"));
        } else if self.size.is_some() && self.size != entry.size {
            let (reported, is) = (self.size, entry.size);
            out.push(format!("{name}: reported size {reported:?}, is {is:?}"));
        } else if let Some(Some(displaced)) = &self.displaced
            && self.sha256.as_ref().is_some_and(|now| now != displaced)
        {
            out.push(format!(
                "{name}: a rename replaced its bytes, and no changed record followed"
            ));
        }
    }
}
