//! Follows directories that are part of a path and not in the tree: filters hide them, and a PATH is
//! below.
//!
//! Whether one was in the tree at the start is not in the changes; it is taken to have been, until it
//! is created.

use super::{Edge, NetEffect, NodeId};
use crate::change::{Content, Kind};

impl NetEffect {
    /// Notes that a directory is created that was taken to be there, since it is part of a path.
    pub(super) fn was_hidden(&mut self, id: NodeId) {
        let node = &mut self.net.nodes[id.index()];
        if node.is_shown && node.origin.is_some() {
            node.was_shown = false;
        }
    }

    /// Notes that filters hide a directory no longer that has a PATH below it.
    pub(super) fn shown(&mut self, id: NodeId, content: Content, entered: bool) {
        let node = &mut self.net.nodes[id.index()];
        (node.is_shown, node.entered) = (true, entered);
        node.new = Some(content);
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
        let was_there = |id: &NodeId| self.net.nodes[id.index()].kind == Kind::Directory;
        let origin = self.origins.get(&edge).copied().flatten().filter(was_there);
        let id = match origin.filter(|id| self.net.nodes[id.index()].is_gone()) {
            Some(id) => {
                self.net.set_destination(id, Some(edge));
                self.net.nodes[id.index()].is_shown = false;
                id
            }
            None => self.net.add_hidden(edge),
        };
        self.enter(id, edge);
        id
    }
}
