//! Merges a node that is gone and a new one of the same name into one.
//!
//! Two files are a change of content, two directories no change, and, in two trees, two of any other
//! kind, too; a file that moved and was written to, and whose old name something else has, is two files
//! whose content changed. Makes no records. Invariant: the net leads from the same tree to the same
//! tree as before.

use std::collections::HashMap;

use super::net::{Edge, Net, Node, NodeId, Notes, Source};
use crate::change::{Content, Kind};

/// A net in which nothing is left to merge, and the node that was at each edge at the start.
pub(super) fn merge(net: Net) -> (Net, HashMap<Edge, NodeId>) {
    let mut merger = Merger::new(net);
    merger.merge_directories();
    merger.split_moved_content();
    merger.merge_others();
    merger.finish()
}

struct Merger {
    net: Net,
    /// For each node, the one that it was merged into, or itself.
    merged: Vec<NodeId>,
    origins: HashMap<Edge, NodeId>,
}

impl Merger {
    fn new(net: Net) -> Self {
        let merged: Vec<_> = net.ids().collect();
        let origin = |&id: &NodeId| Some((net.nodes[id.index()].origin?, id));
        let origins = merged.iter().filter_map(origin).collect();
        Self {
            net,
            merged,
            origins,
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.net.nodes[id.index()]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.net.nodes[id.index()]
    }

    /// An edge, with its parent replaced by the node that this was merged into.
    fn resolved(&self, edge: Edge) -> Edge {
        let parent = if edge.parent == NodeId::TOP {
            edge.parent
        } else {
            self.merged[edge.parent.index()]
        };
        Edge { parent, ..edge }
    }

    /// The node that is gone from an edge, if it is of this kind.
    fn gone_at(&self, edge: Edge, kind: Kind) -> Option<NodeId> {
        let old = *self.origins.get(&edge)?;
        let node = self.node(old);
        (node.is_gone() && node.kind == kind).then_some(old)
    }

    /// Merges new directories with those that are gone from their edges; from the top down, since
    /// that changes the edges of what is in them.
    fn merge_directories(&mut self) {
        let mut below: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut next = Vec::new();
        for id in self.net.ids() {
            let node = self.node(id);
            if node.kind == Kind::Directory
                && node.is_new()
                && node.is_shown
                && let Some(edge) = node.destination
            {
                let is_top = edge.parent == NodeId::TOP || self.node(edge.parent).origin.is_some();
                if is_top {
                    next.push(id);
                } else {
                    below.entry(edge.parent).or_default().push(id);
                }
            }
        }
        while let Some(id) = next.pop() {
            next.extend(below.remove(&id).unwrap_or_default());
            if let Some(edge) = self.node(id).destination
                && let Some(old) = self.gone_at(self.resolved(edge), Kind::Directory)
            {
                self.merge(id, old);
            }
        }
    }

    /// Merges a new node into one that is gone.
    fn merge(&mut self, new: NodeId, old: NodeId) {
        let node = self.node_mut(new);
        let (content, attributes) = (node.new.take(), node.attributes.take());
        let mut notes = node.notes.take();
        node.destination = None;
        self.merged[new.index()] = old;
        let node = self.node_mut(old);
        node.destination = node.origin;
        node.new = content;
        let old_attributes = node.notes.take().and_then(|old| old.old_attributes);
        if notes.is_some() || old_attributes.is_some() {
            notes.get_or_insert_default().old_attributes = old_attributes;
        }
        node.notes = notes;
        self.net.set_attributes(old, attributes);
    }

    /// Splits a file that moved and has new content, if something else has its old name: the
    /// content of both names changed, and nothing is renamed.
    fn split_moved_content(&mut self) {
        let mut occupied = HashMap::new();
        for id in self.net.ids() {
            if let Some(edge) = self.node(id).destination {
                occupied.insert(self.resolved(edge), id);
            }
        }
        for id in self.net.ids() {
            let node = self.node(id);
            let (Some(origin), Some(destination), Some(content)) =
                (node.origin, node.destination, self.content_to_emit(node))
            else {
                continue;
            };
            if node.kind != Kind::File || self.resolved(destination) == origin {
                continue;
            }
            if occupied.contains_key(&origin) {
                let node = self.node_mut(id);
                (node.destination, node.new) = (None, None);
                let notes = node.notes.take();
                let new = self
                    .net
                    .add_new(destination, Kind::File, Some(content), true);
                self.merged.push(new);
                if let Some(old) = notes.as_deref().and_then(|notes| notes.old_attributes) {
                    self.net.learn_old_attributes(id, old);
                }
                let attributes = notes.as_deref().and_then(Notes::last_attributes);
                self.net.set_attributes(new, attributes);
                self.node_mut(new).notes = notes;
            }
        }
    }

    /// The content of a file, if it changed, or records say that the file moved and replaced one with
    /// other bytes. (Two trees that are compared say nothing of the order.)
    fn content_to_emit(&self, node: &Node) -> Option<Content> {
        let replaces_other = |kept: &Content| {
            let to = node.destination.map(|edge| self.resolved(edge));
            let replaced = to.and_then(|to| self.gone_at(to, Kind::File));
            replaced.is_some_and(|old| kept.digest() != self.node(old).old)
        };
        let has_digest = |kept: &Content| kept.digest().is_some();
        let kept = node.kept.filter(has_digest);
        let kept = kept.filter(|_| node.replaced.is_some());
        node.new.or(kept.filter(replaces_other))
    }

    /// Merges what is new and no directory with what is gone from its edge, if that is of its kind: a
    /// file unless it is emitted without content, all else unless records say that it was made anew.
    fn merge_others(&mut self) {
        for id in self.net.ids() {
            let node = self.node(id);
            let may_be_merged = match node.kind {
                Kind::File => node.new.is_none_or(|content| content.bytes.is_some()),
                Kind::Symlink | Kind::Other => self.net.source == Source::Trees,
                Kind::Directory => false,
            };
            if may_be_merged
                && node.is_new()
                && let Some(edge) = node.destination
                && let Some(old) = self.gone_at(self.resolved(edge), node.kind)
            {
                self.merge(id, old);
            }
        }
    }

    /// Replaces merged nodes in all edges.
    fn finish(mut self) -> (Net, HashMap<Edge, NodeId>) {
        for at in 0..self.net.nodes.len() {
            let destination = self.net.nodes[at].destination;
            self.net.nodes[at].destination = destination.map(|edge| self.resolved(edge));
        }
        for at in 0..self.net.vacant.len() {
            self.net.vacant[at] = self.resolved(self.net.vacant[at]);
        }
        (self.net, self.origins)
    }
}
