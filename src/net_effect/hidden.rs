//! Follows directories that are part of a path and not in the tree: filters hide them, and a PATH is
//! below.
//!
//! Whether one was in the tree at the start is not in the changes; it is taken to have been, until it
//! is created.

use super::{Edge, NetEffect, NodeId};
use crate::change::{Content, Kind};

impl NetEffect {
    /// Notes that a directory is created that was taken to be there, since it is part of a path.
    pub(super) fn note_hidden_at_start(&mut self, id: NodeId) {
        let node = &mut self.net.nodes[id.index()];
        if node.is_shown && node.origin.is_some() {
            node.was_shown = false;
        }
    }

    /// Notes that filters hide a directory no longer that has a PATH below it.
    pub(super) fn note_shown(&mut self, id: NodeId, content: Content, entered: bool) {
        let node = &mut self.net.nodes[id.index()];
        (node.is_shown, node.entered) = (true, entered);
        node.new = Some(content);
    }

    /// Takes a directory that was not in the tree at the start, and moves now, for a new one: its old
    /// place was that of a path alone. What is in it stays in it.
    pub(super) fn make_new_if_hidden(&mut self, id: NodeId) -> NodeId {
        let node = &mut self.net.nodes[id.index()];
        if node.was_shown || node.origin.is_none() {
            return id;
        }
        let (kind, content, entered) = (node.kind, node.new.take(), node.entered);
        let (attributes, notes) = (node.attributes.take(), node.notes.take());
        let edge = self.edge_of(id);
        let new = self.net.add_new(edge, kind, content, entered);
        let node = &mut self.net.nodes[new.index()];
        (node.attributes, node.notes) = (attributes, notes);
        self.leave(id);
        self.net.set_destination(id, None);
        self.enter(new, edge);
        for child in self.children_of(id) {
            let Edge { name, .. } = self.edge_of(child);
            let edge = Edge { parent: new, name };
            self.leave(child);
            self.net.set_destination(child, Some(edge));
            self.enter(child, edge);
        }
        new
    }

    /// What is still in a directory that is deleted has a PATH: filters hide the directory.
    pub(super) fn deleted(&mut self, id: NodeId) {
        if self.has_children(id) {
            self.net.nodes[id.index()].is_shown = false;
        } else {
            self.remove(id);
        }
    }

    /// Adds a directory of which nothing is reported, and that has a PATH below it.
    pub(super) fn add_hidden(&mut self, edge: Edge) -> NodeId {
        let id = self.bring_back(edge).unwrap_or_else(|| {
            let id = self.net.add_hidden(edge);
            self.enter(id, edge);
            id
        });
        self.net.nodes[id.index()].is_shown = false;
        id
    }

    /// Takes a directory that is gone for the one that has its name now: two directories are no
    /// change.
    pub(super) fn bring_back(&mut self, edge: Edge) -> Option<NodeId> {
        let id = self.origins.get(&edge).copied().flatten()?;
        let node = &mut self.net.nodes[id.index()];
        if node.kind != Kind::Directory || !node.is_gone() {
            return None;
        }
        node.is_shown = true;
        self.net.set_destination(id, Some(edge));
        self.enter(id, edge);
        Some(id)
    }

    /// Notes that a directory that was taken to be new has something in it from the start, so that it
    /// was hidden, as were those above it that are new.
    pub(super) fn note_part_of_path(&mut self, dir: NodeId) {
        let mut at = dir;
        while at != NodeId::TOP && self.net.nodes[at.index()].origin.is_none() {
            let edge = self.edge_of(at);
            if self.origins.get(&edge).is_some_and(Option::is_some) {
                break; // No stream of balerion has this: it is the place of another node.
            }
            let node = &mut self.net.nodes[at.index()];
            (node.origin, node.was_shown) = (Some(edge), false);
            self.origins.insert(edge, Some(at));
            at = edge.parent;
        }
    }
}
