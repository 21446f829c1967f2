//! Turns the pairs of a comparison, and the entries without a pair, into the [`Net`] from which
//! records are made.
//!
//! Compares nothing. Invariant: where an entry is a node, so are the directories in which it was
//! reported and those in which it is.

use std::collections::HashMap;

use super::{Pairs, Trees, path_of};
use crate::change::{Content, Kind};
use crate::net_effect::{Edge, Net, NodeId};
use crate::since::tree::TreeId;
use crate::tracker::model::Id;

/// Makes nodes of what differs, and of the directories above it.
pub(super) struct NetBuilder<'d, 'a, D> {
    trees: &'d mut Trees<'a, D>,
    pairs: &'d Pairs,
    net: Net,
    old_nodes: HashMap<TreeId, NodeId>,
    new_nodes: HashMap<Id, NodeId>,
}

impl<'d, 'a, D> NetBuilder<'d, 'a, D> {
    pub(super) fn new(trees: &'d mut Trees<'a, D>, pairs: &'d Pairs) -> Self {
        Self {
            trees,
            pairs,
            net: Net::of_trees(),
            old_nodes: HashMap::new(),
            new_nodes: HashMap::new(),
        }
    }

    /// The net, with the nodes of the entries that have no pair.
    pub(super) fn build(mut self) -> (Net, HashMap<Id, NodeId>) {
        let mut gone = self.pairs.gone.clone();
        while let Some(old) = gone.pop() {
            if self.pairs.of_old[old.index()].is_none() {
                let node = self.node_of(old);
                self.net.set_destination(node, None);
                gone.extend(self.trees.tree.reported_children(old));
            }
        }
        for &(old, content) in &self.pairs.changed {
            let node = self.node_of(old);
            self.net.set_content(node, content);
        }
        for &(old, attributes) in &self.pairs.attributes_changed {
            let node = self.node_of(old);
            self.net.set_attributes(node, Some(attributes));
        }
        let mut new_entries: Vec<Id> = self.pairs.of_new.keys().copied().collect();
        new_entries.sort_unstable();
        for new in new_entries {
            match self.pairs.of_new[&new] {
                Some(old) => self.moved(old, new),
                None => {
                    self.created(new);
                }
            }
        }
        (self.net, self.new_nodes)
    }

    /// The node of a reported entry; adds it and those of the directories above, where they are
    /// missing.
    fn node_of(&mut self, old: TreeId) -> NodeId {
        let tree = self.trees.tree;
        let mut chain = vec![old];
        while let Some(&last) = chain.last()
            && !self.trees.paths.has_entry(last)
            && let Some(parent) = tree.parent(last)
            && !self.old_nodes.contains_key(&parent)
        {
            chain.push(parent);
        }
        let mut node = NodeId::TOP;
        for &id in chain.iter().rev() {
            if let Some(&known) = self.old_nodes.get(&id) {
                node = known;
                continue;
            }
            let edge = if self.trees.paths.has_entry(id) {
                self.net.edge(NodeId::TOP, &tree.path(id))
            } else {
                let parent = tree
                    .parent(id)
                    .and_then(|parent| self.old_nodes.get(&parent));
                let parent = parent.copied().unwrap_or(NodeId::TOP);
                self.net.edge(parent, tree.name(id))
            };
            let kind = tree.kind(id).unwrap_or(Kind::Directory);
            node = self.net.add_old(edge, kind, tree.digest(id));
            if let Some(attributes) = self.trees.attributes(id) {
                self.net.learn_old_attributes(node, attributes);
            }
            self.old_nodes.insert(id, node);
        }
        node
    }

    fn moved(&mut self, old: TreeId, new: Id) {
        let node = self.node_of(old);
        let edge = self.edge(new);
        self.net.set_destination(node, Some(edge));
        if self.trees.tracker.model.kind(new) == Kind::File {
            let mut content = self.trees.content(new);
            if let Some(bytes) = &mut content.bytes {
                bytes.digest = bytes.digest.or(self.trees.tree.digest(old));
                self.net.set_kept_content(node, content);
            }
        }
    }

    fn created(&mut self, id: Id) -> NodeId {
        // Parents first, without recursion.
        let mut chain = vec![id];
        while let Some(parent) = chain
            .last()
            .and_then(|&id| self.trees.tracker.model.parent(id))
            && self.pairs.of_new.get(&parent) == Some(&None)
            && !self.new_nodes.contains_key(&parent)
        {
            chain.push(parent);
        }
        let mut node = NodeId::TOP;
        for &id in chain.iter().rev() {
            if let Some(&known) = self.new_nodes.get(&id) {
                node = known;
                continue;
            }
            let edge = self.edge(id);
            let kind = self.trees.tracker.model.kind(id);
            // Of a file that is still to be read, nothing is known.
            let content = self.trees.content(id);
            let content = Some(content).filter(|content| *content != Content::default());
            let entered = !self.trees.tracker.model.is_not_entered(id);
            node = self.net.add_new(edge, kind, content, entered);
            self.net
                .set_attributes(node, self.trees.tracker.known_attributes(id));
            self.new_nodes.insert(id, node);
        }
        node
    }

    /// The edge of an entry of the model: in the node of its directory. A PATH is at the top, by
    /// its whole path.
    fn edge(&mut self, id: Id) -> Edge {
        let tracker = self.trees.tracker;
        let model = &tracker.model;
        let is_path = self.trees.has_path_of_path(id);
        let Some(dir) = model.parent(id).filter(|_| !is_path) else {
            return self.net.edge(NodeId::TOP, &path_of(tracker, id));
        };
        let parent = match self.pairs.of_new.get(&dir) {
            Some(Some(old)) => self.node_of(*old),
            Some(None) => match self.new_nodes.get(&dir) {
                Some(&node) => node,
                None => self.created(dir),
            },
            // Its directory was paired by its path, by which it was reported: it is found.
            None => {
                let old = self.trees.tree.at(&path_of(tracker, dir));
                old.map_or(NodeId::TOP, |old| self.node_of(old))
            }
        };
        self.net.edge(parent, model.name(id))
    }
}
