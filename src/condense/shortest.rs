//! From two trees to the shortest list of records that turns one into the other.
//!
//! A name that was replaced is a change of content where both are files, and nothing
//! where both are directories; a file that moved and was written to, and whose old name
//! something else has, is two files whose content changed; a cycle of renames goes by
//! way of a free name. What is gone is never emitted as renamed. Knows no disk.
//!
//! Invariant: each record holds in the tree that those before it have made.

use std::collections::HashMap;

use super::net::{Edge, Net, Node, NodeId};
use super::step::{Replaced, Step};
use crate::change::Kind;

/// So many of the names that something leaves are thought of as free ones: a bound on
/// the search.
const CANDIDATES: usize = 64;

/// The records, in order.
pub(crate) fn plan(net: Net) -> Vec<Step> {
    let mut planner = Planner::new(net);
    planner.merge_directories();
    planner.split_moved_content();
    planner.merge_files();
    planner.settle_edges();
    planner.run()
}

/// What is still to be done with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Todo {
    Delete,
    Rename,
    Create,
    /// Nothing: it stays, or it goes when a rename replaces it.
    Nothing,
}

struct Planner {
    net: Net,
    /// The node that stands for it: another one after a merge.
    merged: Vec<NodeId>,
    /// Which node was at an edge at the start.
    origins: HashMap<Edge, NodeId>,
    /// Which node is at an edge at the end.
    destinations: HashMap<Edge, NodeId>,
    /// Where each node is now, while records are made.
    now: Vec<Option<Edge>>,
    todo: Vec<Todo>,
    /// What was in each directory that is gone, and may still be.
    below_gone: HashMap<NodeId, Vec<NodeId>>,
    /// Which edges are taken by what was moved or made.
    taken: HashMap<Edge, NodeId>,
    /// What waits for something else to be done first.
    is_waiting: Vec<bool>,
    /// What has stepped aside.
    is_aside: Vec<bool>,
    /// Names for those that step aside.
    free: Vec<Edge>,
    steps: Vec<Step>,
}

impl Planner {
    fn new(net: Net) -> Self {
        let count = u32::try_from(net.nodes.len()).expect("numbers of nodes have 32 bits");
        let mut origins = HashMap::new();
        for (node, id) in net.nodes.iter().zip(0..) {
            if let Some(edge) = node.origin {
                origins.insert(edge, NodeId(id));
            }
        }
        Self {
            net,
            merged: (0..count).map(NodeId).collect(),
            origins,
            destinations: HashMap::new(),
            now: Vec::new(),
            todo: Vec::new(),
            below_gone: HashMap::new(),
            taken: HashMap::new(),
            is_waiting: Vec::new(),
            is_aside: Vec::new(),
            free: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.net.nodes[id.index()]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.net.nodes[id.index()]
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.merged.len()).map(|id| NodeId(u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// An edge whose parent may have been merged into another node.
    fn resolved(&self, edge: Edge) -> Edge {
        let parent = if edge.parent == NodeId::TOP {
            edge.parent
        } else {
            self.merged[edge.parent.index()]
        };
        Edge { parent, ..edge }
    }

    /// The node that is gone from there, if it is of that kind.
    fn gone_at(&self, edge: Edge, kind: Kind) -> Option<NodeId> {
        let old = *self.origins.get(&edge)?;
        let node = self.node(old);
        (node.is_gone() && node.kind == kind).then_some(old)
    }

    /// A new directory where one is gone is the same one; from the top down, since what
    /// is in it follows.
    fn merge_directories(&mut self) {
        let mut below: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut next = Vec::new();
        for id in self.ids() {
            let node = self.node(id);
            if node.kind == Kind::Directory
                && node.is_new()
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

    /// A new node is the one that is gone.
    fn merge(&mut self, new: NodeId, old: NodeId) {
        let node = self.node_mut(new);
        let (content, attributes) = (node.new.take(), node.attributes.take());
        let mut notes = node.notes.take();
        node.destination = None;
        self.merged[new.index()] = old;
        if let Some(attributes) = attributes {
            // Those of what is gone are not known.
            notes.get_or_insert_default().attributes = Some((None, attributes));
        }
        let node = self.node_mut(old);
        node.destination = node.origin;
        (node.new, node.notes) = (content, notes);
    }

    /// A file that moved and whose content is known, while something else has come to
    /// its old name: both names' content changed, and nothing is renamed.
    fn split_moved_content(&mut self) {
        let mut occupied = HashMap::new();
        for id in self.ids() {
            if let Some(edge) = self.node(id).destination {
                occupied.insert(self.resolved(edge), id);
            }
        }
        for id in self.ids() {
            let node = self.node(id);
            let (Some(origin), Some(destination), Some(content)) =
                (node.origin, node.destination, node.new)
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
                let new = self.net.add_new(destination, Kind::File, content, true);
                self.merged.push(new);
                self.node_mut(new).notes = notes;
            }
        }
    }

    /// A new file where one is gone is a change of content.
    fn merge_files(&mut self) {
        for id in self.ids() {
            let node = self.node(id);
            if node.kind == Kind::File
                && node.is_new()
                && let Some(edge) = node.destination
                && let Some(old) = self.gone_at(self.resolved(edge), Kind::File)
            {
                self.merge(id, old);
            }
        }
    }

    /// From now on nothing is merged: where each node is and what is left to do.
    fn settle_edges(&mut self) {
        for id in self.ids() {
            if let Some(edge) = self.node(id).destination {
                let edge = self.resolved(edge);
                self.node_mut(id).destination = Some(edge);
                self.destinations.insert(edge, id);
            }
        }
        for id in self.ids() {
            let node = self.node(id);
            let todo = if node.is_moved() {
                Todo::Rename
            } else if node.is_new() {
                Todo::Create
            } else if node.is_gone() && !self.is_replaced(id) {
                Todo::Delete
            } else {
                Todo::Nothing
            };
            let origin = node.origin;
            self.todo.push(todo);
            self.now.push(origin);
            if let Some(edge) = origin
                && edge.parent != NodeId::TOP
                && self.node(edge.parent).is_gone()
            {
                self.below_gone.entry(edge.parent).or_default().push(id);
            }
        }
        self.sort_below_gone();
    }

    /// What is in directories that are gone is taken by name, from the end.
    fn sort_below_gone(&mut self) {
        let (nodes, names) = (&self.net.nodes, &self.net.names);
        let name = |id: &NodeId| nodes[id.index()].origin.map(|edge| names.get(edge.name));
        for below in self.below_gone.values_mut() {
            below.sort_by(|left, right| name(right).cmp(&name(left)));
        }
    }

    /// Whether a rename puts something there that may replace it: rename(2) puts
    /// directories onto directories, and other things onto other things.
    fn is_replaced(&self, gone: NodeId) -> bool {
        let node = self.node(gone);
        let by = node.origin.and_then(|edge| self.destinations.get(&edge));
        by.is_some_and(|&by| {
            let by = self.node(by);
            by.is_moved() && (by.kind == Kind::Directory) == (node.kind == Kind::Directory)
        })
    }

    /// The records of names, then those of content.
    fn run(mut self) -> Vec<Step> {
        let order = self.in_order();
        self.free = self.candidates(&order);
        self.is_waiting = vec![false; self.todo.len()];
        self.is_aside = vec![false; self.todo.len()];
        for id in order {
            self.perform(id);
        }
        let mut rest: Vec<_> = self.ids().flat_map(|id| self.rest(id)).collect();
        // Stable: those of one path stay in their order.
        rest.sort_by(|left, right| left.0.cmp(&right.0));
        self.steps.extend(rest.into_iter().map(|(_, step)| step));
        self.steps
    }

    /// What is renamed; what is deleted, the deepest first; what is created, parents
    /// first; each by path, so that equal nets give equal records.
    fn in_order(&self) -> Vec<NodeId> {
        let mut order = Vec::new();
        for id in self.ids() {
            let node = self.node(id);
            let by_origin = match self.todo[id.index()] {
                Todo::Nothing => continue,
                Todo::Delete | Todo::Rename => true,
                Todo::Create => false,
            };
            let edge = if by_origin {
                node.origin
            } else {
                node.destination
            };
            let Some(edge) = edge else { continue };
            let mut path = Vec::new();
            let edge_of = |id| {
                let node = self.node(id);
                if by_origin {
                    node.origin
                } else {
                    node.destination.or(node.origin)
                }
            };
            self.net.write_path(edge, edge_of, &mut path);
            let depth = path.iter().filter(|&&byte| byte == b'/').count();
            let key = match self.todo[id.index()] {
                Todo::Rename => (0, 0),
                Todo::Delete => (1, usize::MAX - depth),
                Todo::Create | Todo::Nothing => (2, depth),
            };
            order.push((key, path, id));
        }
        order.sort();
        order.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Does what is to be done with a node, and first what stands in its way.
    fn perform(&mut self, id: NodeId) {
        let mut stack = vec![id];
        while let Some(&id) = stack.last() {
            self.is_waiting[id.index()] = true;
            let blocker = self.blocker(id);
            let blocker = blocker.filter(|other| self.todo[other.index()] != Todo::Nothing);
            match blocker {
                Some(blocker) if self.is_waiting[blocker.index()] => {
                    if !self.break_cycle(blocker, &mut stack) {
                        self.execute(id);
                    }
                }
                Some(blocker) => stack.push(blocker),
                None => self.execute(id),
            }
            while let Some(&id) = stack.last()
                && self.todo[id.index()] == Todo::Nothing
            {
                self.is_waiting[id.index()] = false;
                stack.pop();
            }
        }
    }

    /// Each from `first` on waits for the one above it, and the topmost for `first`: one
    /// that is to be renamed steps aside, and who waited for it goes on. `false`: there
    /// is none, which no net of a real tree gives.
    fn break_cycle(&mut self, first: NodeId, stack: &mut Vec<NodeId>) -> bool {
        let start = stack.iter().rposition(|&id| id == first).unwrap_or(0);
        let can_move =
            |id: &NodeId| self.todo[id.index()] == Todo::Rename && !self.is_aside[id.index()];
        let Some(at) = (start..stack.len()).find(|&at| can_move(&stack[at])) else {
            return false;
        };
        self.step_aside(stack[at]);
        if at > start {
            // Its own turn comes later.
            for id in stack.drain(at..) {
                self.is_waiting[id.index()] = false;
            }
        }
        true
    }

    /// What must be done before.
    fn blocker(&mut self, id: NodeId) -> Option<NodeId> {
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

    /// What is still in a directory that is gone.
    fn left_below(&mut self, dir: NodeId) -> Option<NodeId> {
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

    /// What is still at the name where something is to be.
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

    /// What is still to move on the way from a directory up to what it is in: nothing
    /// can be moved below itself.
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

    /// Makes the record, which nothing stands in the way of.
    fn execute(&mut self, id: NodeId) {
        let todo = std::mem::replace(&mut self.todo[id.index()], Todo::Nothing);
        let Node {
            kind,
            destination,
            new,
            entered,
            attributes,
            ..
        } = self.node(id).clone();
        match (todo, destination) {
            (Todo::Delete, _) => {
                let path = self.path(id);
                let old = self.node(id).old;
                self.leave(id);
                self.steps.push(Step::Deleted { kind, path, old });
            }
            (Todo::Rename, Some(to)) => self.rename(id, to),
            (Todo::Create, Some(to)) => {
                self.enter(id, to);
                let path = self.path(id);
                self.steps.push(Step::Created {
                    kind,
                    path,
                    content: new.unwrap_or_default(),
                    entered,
                    attributes,
                });
            }
            (Todo::Nothing | Todo::Rename | Todo::Create, _) => {}
        }
    }

    fn rename(&mut self, id: NodeId, to: Edge) {
        let from = self.path(id);
        let old = self.origins.get(&to).copied();
        let replaced = old.filter(|&old| old != id && self.now[old.index()] == Some(to));
        let replaced = replaced.map(|old| {
            self.leave(old);
            self.todo[old.index()] = Todo::Nothing;
            Replaced {
                kind: self.node(old).kind,
                digest: self.node(old).old,
            }
        });
        self.leave(id);
        self.enter(id, to);
        self.steps.push(Step::Renamed {
            kind: self.node(id).kind,
            from,
            path: self.path(id),
            replaced,
        });
    }

    fn leave(&mut self, id: NodeId) {
        if let Some(edge) = self.now[id.index()].take()
            && self.taken.get(&edge) == Some(&id)
        {
            self.taken.remove(&edge);
        }
    }

    fn enter(&mut self, id: NodeId, to: Edge) {
        self.now[id.index()] = Some(to);
        self.taken.insert(to, id);
    }

    /// Its path in the tree as it is now.
    fn path(&self, id: NodeId) -> Vec<u8> {
        let mut path = Vec::new();
        if let Some(edge) = self.now[id.index()] {
            self.net
                .write_path(edge, |id| self.now[id.index()], &mut path);
        }
        path
    }

    /// It goes to a free name for a while.
    fn step_aside(&mut self, id: NodeId) {
        self.is_aside[id.index()] = true;
        let free = self.free_edge(id);
        let to = free.unwrap_or_else(|| self.made_up_edge(id));
        self.rename(id, to);
    }

    /// A name in a directory that stays: best of all one whose file is gone, since it
    /// need not be deleted when it is replaced; else the first at which nothing is.
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

    /// Whether a rename of the one may replace the other, which is gone.
    fn can_replace(&mut self, id: NodeId, old: NodeId) -> bool {
        let is_directory = |id| self.node(id).kind == Kind::Directory;
        self.todo[old.index()] == Todo::Delete
            && is_directory(id) == is_directory(old)
            && self.left_below(old).is_none()
    }

    /// Names at which nothing was, and some that something leaves.
    fn candidates(&self, order: &[NodeId]) -> Vec<Edge> {
        let vacant = self.net.vacant.iter().map(|&edge| self.resolved(edge));
        let left = order.iter().filter_map(|&id| {
            let is_gone = self.todo[id.index()] == Todo::Delete;
            let origin = self.node(id).origin;
            origin.filter(|edge| is_gone || !self.destinations.contains_key(edge))
        });
        vacant.chain(left.take(CANDIDATES)).collect()
    }

    /// Whether a directory is there, stays, and is not below what waits to be moved.
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

    /// A name that, as far as can be known, nothing else has, in a directory that stays.
    fn made_up_edge(&mut self, id: NodeId) -> Edge {
        let Edge { mut parent, name } = self.now[id.index()].expect("what is in the way is there");
        while parent != NodeId::TOP && !self.can_hold(parent, id) {
            parent = self.now[parent.index()].map_or(NodeId::TOP, |edge| edge.parent);
        }
        let mut made_up = self.net.names.get(name).to_vec();
        loop {
            made_up.push(b'~');
            let edge = self.net.edge(parent, &made_up);
            let known = [&self.taken, &self.origins, &self.destinations];
            if !known.iter().any(|edges| edges.contains_key(&edge)) {
                return edge;
            }
        }
    }

    /// The records of a node that are not of its name, each with its path.
    fn rest(&self, id: NodeId) -> Vec<(Vec<u8>, Step)> {
        let node = self.node(id);
        let mut steps = Vec::new();
        if node.destination.is_none() || node.new.is_none() && node.notes.is_none() {
            return steps;
        }
        let path = self.path(id);
        let mut add = |step| steps.push((path.clone(), step));
        let is_new = node.origin.is_none();
        let content = node.new.filter(|_| node.kind == Kind::File && !is_new);
        let changed = content.filter(|new| new.digest.is_none() || new.digest != node.old);
        if let Some(content) = changed {
            let (path, old) = (path.clone(), node.old);
            add(Step::Changed { path, content, old });
        }
        let notes = node.notes.as_deref().cloned().unwrap_or_default();
        if let Some(content) = notes.closed {
            let path = path.clone();
            add(Step::Closed { path, content });
        }
        if let Some(mtime) = notes.mtime.filter(|_| changed.is_none() && !is_new) {
            let path = path.clone();
            add(Step::Touched { path, mtime });
        }
        if let Some((old, new)) = notes.attributes
            && !is_new
            && (old != Some(new) || !notes.xattrs.is_empty())
        {
            add(Step::Attributes {
                kind: node.kind,
                path: path.clone(),
                new,
                old,
                xattrs: notes.xattrs,
            });
        }
        steps
    }
}
