//! Puts nodes in the order in which their records are tried, so that equal nets give equal records.
//!
//! Makes no path: names are compared from the top down. Changes nothing.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Plan, Todo};
use crate::net_effect::net::{Edge, NodeId};

/// Where a node is in a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    /// The number of slashes in its path.
    depth: usize,
    /// Its number among all nodes: directories come before what is in them, and that is sorted by name.
    rank: usize,
}

impl Plan {
    /// The nodes in the order in which their records of names are tried: renames; deletions, the
    /// deepest first; creations, parents first. Each group is sorted by path.
    pub(super) fn in_order(&self) -> Vec<NodeId> {
        let origins = self.positions(|id| self.node(id).origin);
        let destinations = self.positions(|id| {
            let node = self.node(id);
            node.destination.or(node.origin)
        });
        let at = |id: NodeId| (origins[id.index()], destinations[id.index()]);
        let (mut renames, mut deletions, mut creations) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.net.ids() {
            match self.todo[id.index()] {
                Todo::Rename => renames.push(id),
                Todo::Delete => deletions.push(id),
                Todo::Create => creations.push(id),
                Todo::Nothing => {}
            }
        }
        renames.sort_by_key(|&id| at(id).0.rank);
        deletions.sort_by_key(|&id| (Reverse(at(id).0.depth), at(id).0.rank));
        creations.sort_by_key(|&id| at(id).1);
        [renames, deletions, creations].concat()
    }

    /// The nodes that have records of content once those of names are made, sorted by path.
    pub(super) fn with_content(&self) -> Vec<NodeId> {
        let positions = self.positions(|id| self.now[id.index()]);
        let has_some = |id: &NodeId| self.may_have_content_records(*id);
        let mut all: Vec<_> = self.net.ids().filter(has_some).collect();
        all.sort_by_key(|id| positions[id.index()].rank);
        all
    }

    /// The position of each node, by its index, in the tree in which `edge_of` gives their edges.
    fn positions(&self, edge_of: impl Fn(NodeId) -> Option<Edge>) -> Vec<Position> {
        let mut children: HashMap<NodeId, Vec<(u32, NodeId)>> = HashMap::new();
        for id in self.net.ids() {
            let Some(edge) = edge_of(id) else { continue };
            let is_top = edge.parent == NodeId::TOP || edge_of(edge.parent).is_none();
            let parent = if is_top { NodeId::TOP } else { edge.parent };
            children.entry(parent).or_default().push((edge.name, id));
        }
        let name = |&(name, _): &(u32, NodeId)| self.net.names.get(name);
        for below in children.values_mut() {
            // In reverse, since they are taken from the end.
            below.sort_by(|left, right| name(right).cmp(name(left)));
        }
        let last = Position {
            depth: usize::MAX,
            rank: usize::MAX,
        };
        let mut positions = vec![last; self.net.nodes.len()];
        let mut rank = 0;
        // Each with the depth of an entry with a name without slashes there.
        let mut stack = Vec::new();
        let mut below_of = |dir, depth, stack: &mut Vec<_>| {
            let below = children.remove(&dir).unwrap_or_default();
            stack.extend(below.into_iter().map(|entry| (depth, entry)));
        };
        below_of(NodeId::TOP, 0, &mut stack);
        let slashes = |name: u32| {
            let bytes = self.net.names.get(name).iter();
            bytes.filter(|&&byte| byte == b'/').count()
        };
        while let Some((least, (name, id))) = stack.pop() {
            let depth = least + slashes(name);
            positions[id.index()] = Position { depth, rank };
            rank += 1;
            below_of(id, depth + 1, &mut stack);
        }
        positions
    }
}
