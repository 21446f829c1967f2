//! Makes the records of a node that do not change its name: of its content, its closing, its mtime
//! and its attributes.
//!
//! Changes no tree. Invariant: content is emitted only where it differs from what was last reported
//! under the name.

use super::Plan;
use crate::change::{Before, Change, Content, Digest, Kind, OwnedChange};
use crate::net_effect::net::NodeId;

impl Plan {
    /// The content of a file, if it differs from what was last reported of the file, or of the one
    /// that it replaced.
    fn changed(&self, id: NodeId) -> Option<Content> {
        let node = self.node(id);
        if node.kind != Kind::File || node.origin.is_none() {
            return None;
        }
        let overwritten = self.overwritten.get(&id);
        let new = node.new.or(overwritten.and(node.kept))?;
        let differs = |before: Option<Digest>| new.digest().is_none() || new.digest() != before;
        let has_changed = node.new.is_some() && differs(node.old);
        (has_changed || overwritten.is_some_and(|&before| differs(before))).then_some(new)
    }

    /// Whether a node may have records that do not change its name.
    pub(super) fn may_have_content_records(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.destination.is_some()
            && node.is_shown
            && (node.notes.is_some() || self.changed(id).is_some())
    }

    /// The records of a node that do not change its name.
    pub(super) fn content_records(&self, id: NodeId) -> Vec<OwnedChange> {
        let node = self.node(id);
        let mut changes = Vec::new();
        let path = self.path(id);
        let mut add = |change, before| changes.push(OwnedChange { change, before });
        let is_new = node.origin.is_none() || node.is_newly_shown();
        let kind = node.kind;
        if let Some(content) = self.changed(id) {
            let path = path.clone();
            let before = Before::new(kind, node.old);
            add(Change::Changed { path, content }, Some(before));
        }
        let notes = node.notes.as_deref().cloned().unwrap_or_default();
        if let Some(content) = notes.closed {
            let path = path.clone();
            add(Change::Closed { path, content }, None);
        }
        if let Some(mtime) = notes.mtime {
            let path = path.clone();
            add(Change::Touched { path, mtime }, None);
        }
        let old = notes.old_attributes;
        if let Some(new) = notes.attributes
            && !is_new
            && (old != Some(new) || !notes.xattrs.is_empty())
        {
            let xattrs = notes.xattrs.into_iter().flatten().collect();
            let path = path.clone();
            let change = Change::AttributesChanged {
                kind,
                path,
                new,
                old,
                xattrs,
            };
            add(change, None);
        }
        changes
    }
}
