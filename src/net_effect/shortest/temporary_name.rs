//! Gives a node a temporary name, if renames form a cycle, as in `a -> b`, `b -> a`.

use super::{Plan, Todo};
use crate::change::Kind;
use crate::net_effect::net::{Edge, Node, NodeId};

/// At most this many of the names that become free are candidates.
const CANDIDATES: usize = 64;

/// At most this many names are tried for each node.
const TRIED: usize = 16;

/// How much longer than the path of a node that of its temporary name may be, in bytes: by a name of
/// the greatest length on most file systems.
const LONGER: usize = 255;

impl Plan {
    /// Renames a node to a free name, until its destination is free.
    pub(super) fn rename_to_temporary(&mut self, id: NodeId) {
        self.has_temporary_name[id.index()] = true;
        let free = self.free_edge(id);
        let to = free.unwrap_or_else(|| self.made_up_edge(id));
        self.rename(id, to);
    }

    /// A free edge in a directory that stays: at best one whose node is gone, since that need not be
    /// deleted when it is replaced; else the first one at which nothing is. None whose path is much
    /// longer than that of the node.
    fn free_edge(&mut self, id: NodeId) -> Option<Edge> {
        let longest = self.path(id).len() + LONGER;
        let mut free = None;
        for at in 0..self.free.len() {
            let (length, edge) = self.free[at];
            if length > longest {
                break;
            }
            let old = self.origins.get(&edge).copied();
            let old = old.filter(|old| self.now[old.index()] == Some(edge));
            let is_free = old.map_or(free.is_none(), |old| self.can_replace(id, old));
            if !is_free || self.taken.contains_key(&edge) || !self.can_hold(edge.parent, id) {
                continue;
            }
            if old.is_some() {
                return Some(edge);
            }
            free = Some(edge);
        }
        free
    }

    /// Whether a rename of `id` may replace `old`, which is gone.
    fn can_replace(&mut self, id: NodeId, old: NodeId) -> bool {
        let is_directory = |id| self.node(id).kind == Kind::Directory;
        self.todo[old.index()] == Todo::Delete
            && is_directory(id) == is_directory(old)
            && self.left_below(old).is_none()
    }

    /// The edges with the shortest paths of those at which nothing was at the start, and of some that
    /// become free.
    pub(super) fn candidates(&self, order: &[NodeId]) -> Vec<(usize, Edge)> {
        let vacant = self.net.vacant.iter().copied();
        let left = order.iter().filter_map(|&id| {
            let node = self.node(id);
            let is_gone = self.todo[id.index()] == Todo::Delete && node.is_gone();
            let origin = node.origin;
            origin.filter(|edge| is_gone || !self.destinations.contains_key(edge))
        });
        let with_path = |edge: Edge| {
            let mut path = Vec::new();
            let origin = |id| self.node(id).origin;
            self.net.write_path(edge, origin, &mut path);
            (path.len(), path, edge)
        };
        let edges = vacant.chain(left.take(CANDIDATES));
        let mut found: Vec<_> = edges.map(with_path).collect();
        found.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
        found.truncate(TRIED);
        found
            .into_iter()
            .map(|(length, _, edge)| (length, edge))
            .collect()
    }

    /// Whether a directory is there, stays, and is not below a node that waits.
    fn can_hold(&self, dir: NodeId, id: NodeId) -> bool {
        let mut at = dir;
        let stays = |node: &Node| node.destination.is_some() && node.is_shown;
        if dir != NodeId::TOP && !stays(self.node(dir)) {
            return false;
        }
        for _ in 0..=self.now.len() {
            if at == NodeId::TOP {
                return true;
            }
            let Some(edge) = self.now[at.index()] else {
                return false;
            };
            let is_there = self.todo[at.index()] != Todo::Create;
            if at == id || self.is_waiting[at.index()] || !is_there {
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
