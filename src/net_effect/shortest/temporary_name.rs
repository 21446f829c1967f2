//! Gives a node a temporary name, if renames form a cycle, as in `a -> b`, `b -> a`.

use super::{Planner, Todo};
use crate::change::Kind;
use crate::net_effect::net::{Edge, NodeId};

/// At most this many of the names that become free are tried.
const CANDIDATES: usize = 64;

impl Planner {
    /// Renames a node to a free name, until its destination is free.
    pub(super) fn rename_to_temporary(&mut self, id: NodeId) {
        self.has_temporary_name[id.index()] = true;
        let free = self.free_edge(id);
        let to = free.unwrap_or_else(|| self.made_up_edge(id));
        self.rename(id, to);
    }

    /// A free edge in a directory that stays: at best one whose node is gone, since that need not be
    /// deleted when it is replaced; else the first one at which nothing is.
    fn free_edge(&mut self, id: NodeId) -> Option<Edge> {
        let mut best: Option<(bool, Vec<u8>, Edge)> = None;
        for edge in self.free.clone() {
            let old = self.origins.get(&edge).copied();
            let old = old.filter(|old| self.now[old.index()] == Some(edge));
            let is_free = old.is_none_or(|old| self.can_replace(id, old));
            if !is_free || self.taken.contains_key(&edge) || !self.can_hold(edge.parent, id) {
                continue;
            }
            let mut path = Vec::new();
            self.net
                .write_path(edge, |id| self.now[id.index()], &mut path);
            let found = (old.is_none(), path, edge);
            if best
                .as_ref()
                .is_none_or(|best| (found.0, &found.1) < (best.0, &best.1))
            {
                best = Some(found);
            }
        }
        best.map(|(_, _, edge)| edge)
    }

    /// Whether a rename of `id` may replace `old`, which is gone.
    fn can_replace(&mut self, id: NodeId, old: NodeId) -> bool {
        let is_directory = |id| self.node(id).kind == Kind::Directory;
        self.todo[old.index()] == Todo::Delete
            && is_directory(id) == is_directory(old)
            && self.left_below(old).is_none()
    }

    /// Edges at which nothing was at the start, and some that become free.
    pub(super) fn candidates(&self, order: &[NodeId]) -> Vec<Edge> {
        let vacant = self.net.vacant.iter().copied();
        let left = order.iter().filter_map(|&id| {
            let is_gone = self.todo[id.index()] == Todo::Delete;
            let origin = self.node(id).origin;
            origin.filter(|edge| is_gone || !self.destinations.contains_key(edge))
        });
        vacant.chain(left.take(CANDIDATES)).collect()
    }

    /// Whether a directory is there, stays, and is not below a node that waits.
    fn can_hold(&self, dir: NodeId, id: NodeId) -> bool {
        let mut at = dir;
        if dir != NodeId::TOP && self.node(dir).destination.is_none() {
            return false;
        }
        for _ in 0..=self.now.len() {
            if at == NodeId::TOP {
                return true;
            }
            let Some(edge) = self.now[at.index()] else {
                return false;
            };
            if at == id || self.is_waiting[at.index()] {
                return false;
            }
            at = edge.parent;
        }
        false
    }

    /// An edge at which nothing is, in a directory that stays.
    fn made_up_edge(&mut self, id: NodeId) -> Edge {
        let Edge { mut parent, name } = self.now[id.index()].expect("what is in the way is there");
        while parent != NodeId::TOP && !self.can_hold(parent, id) {
            parent = self.now[parent.index()].map_or(NodeId::TOP, |edge| edge.parent);
        }
        let mut made_up = self.net.names.get(name).to_vec();
        made_up.resize(made_up.len() + self.tildes, b'~');
        loop {
            made_up.push(b'~');
            let edge = self.net.edge(parent, &made_up);
            let known = [&self.taken, &self.origins, &self.destinations];
            if !known.iter().any(|edges| edges.contains_key(&edge)) {
                return edge;
            }
        }
    }
}
