//! Finds the node whose record must come before that of another one.
//!
//! Changes no tree and makes no record.

use super::{Plan, Todo};
use crate::change::Kind;
use crate::net_effect::net::{Edge, NodeId};

impl Plan {
    /// The node whose record must come first.
    pub(super) fn blocker(&mut self, id: NodeId) -> Option<NodeId> {
        match self.todo[id.index()] {
            Todo::Nothing => None,
            Todo::Delete => self.left_below(id),
            Todo::Create | Todo::Rename => {
                let to = self.node(id).destination?;
                if to.parent != NodeId::TOP && self.todo[to.parent.index()] == Todo::Create {
                    return Some(to.parent);
                }
                self.in_the_way(id, to)
                    .or_else(|| self.holder(id, to.parent))
            }
        }
    }

    /// A node that is still in a directory that is gone.
    pub(super) fn left_below(&mut self, dir: NodeId) -> Option<NodeId> {
        let (now, nodes) = (&self.now, &self.net.nodes);
        let below = self.below_gone.get_mut(&dir)?;
        while let Some(&child) = below.last() {
            if now[child.index()].is_some() && now[child.index()] == nodes[child.index()].origin {
                return Some(child);
            }
            below.pop();
        }
        None
    }

    /// A node that is still at the edge where another one is to be.
    fn in_the_way(&mut self, id: NodeId, to: Edge) -> Option<NodeId> {
        if let Some(&other) = self.taken.get(&to)
            && other != id
        {
            return Some(other);
        }
        let other = *self.origins.get(&to)?;
        if other == id || self.now[other.index()] != Some(to) {
            return None;
        }
        match self.todo[other.index()] {
            Todo::Delete | Todo::Rename => Some(other),
            // It is replaced, once nothing is in it.
            Todo::Nothing | Todo::Create => self.left_below(other),
        }
    }

    /// If `dir`, where a directory is to be moved, is still below that directory: the uppermost node
    /// between them that is yet to be moved away.
    fn holder(&self, id: NodeId, dir: NodeId) -> Option<NodeId> {
        if self.node(id).kind != Kind::Directory {
            return None;
        }
        let mut mover = None;
        let mut at = dir;
        for _ in 0..=self.now.len() {
            if at == id {
                return mover;
            }
            if at == NodeId::TOP {
                return None;
            }
            if self.todo[at.index()] == Todo::Rename {
                mover = Some(at);
            }
            at = self.now[at.index()]?.parent;
        }
        None
    }
}
