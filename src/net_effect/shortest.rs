//! Turns a [`Net`] into the shortest list of records that turns its first tree into the second.
//!
//! Each record is made once no other must come before it; in a cycle of renames one goes to a
//! temporary name first. What is gone is never emitted as renamed. Knows no disk.
//!
//! Invariants: each record holds in the tree that those before it have made; it is made when it is
//! asked for, so that no more than a few paths are in memory.

mod blockers;
mod content;
mod order;
mod temporary_name;

use std::collections::{HashMap, VecDeque};
use std::vec::IntoIter;

use super::merge::merge;
use super::net::{Edge, Net, Node, NodeId};
use crate::change::{Before, Change, Digest, Kind, OwnedChange};

/// What is still to be done with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Todo {
    Delete,
    Rename,
    Create,
    /// It stays, or is removed when a rename replaces it.
    Nothing,
}

/// The nodes whose records are still to be tried, in this order.
enum Stage {
    /// Records of names come first.
    Names(IntoIter<NodeId>),
    Content(IntoIter<NodeId>),
}

/// The records, in order.
pub(crate) struct Plan {
    net: Net,
    /// The node that was at an edge at the start.
    origins: HashMap<Edge, NodeId>,
    /// The node that is at an edge at the end.
    destinations: HashMap<Edge, NodeId>,
    /// Where each node is in the tree that the records so far have made.
    now: Vec<Option<Edge>>,
    todo: Vec<Todo>,
    /// For each directory that is gone: the nodes that were in it at the start, and may still be.
    below_gone: HashMap<NodeId, Vec<NodeId>>,
    /// The digest of the file that a rename replaced with this one.
    overwritten: HashMap<NodeId, Option<Digest>>,
    /// The node that was moved to an edge, or created there.
    taken: HashMap<Edge, NodeId>,
    /// Whether a node waits for another one, whose record must come first.
    is_waiting: Vec<bool>,
    /// Whether a node has been renamed to a temporary name.
    has_temporary_name: Vec<bool>,
    /// Edges that may be temporary names, each after the length of its path, the shortest first.
    free: Vec<(usize, Edge)>,
    /// No name in the first tree has more tildes at its end.
    tildes: usize,
    stage: Stage,
    /// The node whose record of a name is to be made next, on top of those that wait for it.
    stack: Vec<NodeId>,
    /// Records that are made.
    made: VecDeque<OwnedChange>,
}

impl Plan {
    /// `tildes`: no name in the first tree has more at its end, so that one that has is free wherever
    /// the net has nothing.
    pub(crate) fn new(net: Net, tildes: usize) -> Self {
        let (net, origins) = merge(net);
        let count = net.nodes.len();
        let destination = |id: NodeId| Some((net.nodes[id.index()].destination?, id));
        let mut plan = Self {
            destinations: net.ids().filter_map(destination).collect(),
            net,
            origins,
            now: Vec::with_capacity(count),
            todo: Vec::with_capacity(count),
            below_gone: HashMap::new(),
            overwritten: HashMap::new(),
            taken: HashMap::new(),
            is_waiting: vec![false; count],
            has_temporary_name: vec![false; count],
            free: Vec::new(),
            tildes,
            stage: Stage::Names(Vec::new().into_iter()),
            stack: Vec::new(),
            made: VecDeque::new(),
        };
        plan.list_todo();
        plan.sort_below_gone();
        let order = plan.in_order();
        plan.free = plan.candidates(&order);
        plan.stage = Stage::Names(order.into_iter());
        plan
    }

    /// Whether a node that the net had is created. It is not where it was merged with one that was
    /// there.
    pub(crate) fn creates(&self, id: NodeId) -> bool {
        self.node(id).is_new()
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.net.nodes[id.index()]
    }

    /// Sets what is to be done with each node, and lists what is in directories that are gone.
    fn list_todo(&mut self) {
        for id in self.net.ids() {
            let node = self.node(id);
            let todo = if node.is_moved() {
                Todo::Rename
            } else if node.is_new() || node.is_newly_shown() {
                Todo::Create
            } else if node.is_newly_hidden() || node.is_gone() && !self.is_replaced(id) {
                Todo::Delete
            } else {
                Todo::Nothing
            };
            let (origin, leaves) = (node.origin, node.destination != node.origin);
            self.todo.push(todo);
            self.now.push(origin);
            if let Some(edge) = origin.filter(|_| leaves)
                && edge.parent != NodeId::TOP
                && (self.node(edge.parent).is_gone() || self.node(edge.parent).is_newly_hidden())
            {
                self.below_gone.entry(edge.parent).or_default().push(id);
            }
        }
    }

    /// Sorts what is in directories that are gone by name, in reverse, since it is taken from the
    /// end.
    fn sort_below_gone(&mut self) {
        let (nodes, names) = (&self.net.nodes, &self.net.names);
        let name = |id: &NodeId| nodes[id.index()].origin.map(|edge| names.get(edge.name));
        for below in self.below_gone.values_mut() {
            below.sort_by(|left, right| name(right).cmp(&name(left)));
        }
    }

    /// Whether a rename replaces a node that is gone. rename(2) replaces directories by
    /// directories, and others by others. A file replaces another one only if its content is
    /// known, which is reported then, or is the same.
    fn is_replaced(&self, gone: NodeId) -> bool {
        let node = self.node(gone);
        let by = node.origin.and_then(|edge| self.destinations.get(&edge));
        by.is_some_and(|&id| {
            let by = self.node(id);
            by.is_moved()
                && (by.kind == Kind::Directory) == (node.kind == Kind::Directory)
                && (by.kind != Kind::File
                    || node.kind != Kind::File
                    || by.new.or(by.kept).is_some()
                    || self.has_replaced(id, gone)
                    || by.old.is_some() && by.old == node.old)
        })
    }

    /// Whether renames alone, without a change of content, put one file in the place of another: it
    /// has the same bytes.
    fn has_replaced(&self, by: NodeId, gone: NodeId) -> bool {
        let mut at = self.node(by).replaced;
        while let Some(id) = at.filter(|&id| self.node(id).new.is_none()) {
            if id == gone {
                return true;
            }
            at = self.node(id).replaced;
        }
        false
    }

    /// Makes the record of the node on top of the stack, or puts the node there whose record must
    /// come first.
    fn step(&mut self) {
        let Some(&id) = self.stack.last() else {
            return;
        };
        self.is_waiting[id.index()] = true;
        let blocker = self.blocker(id);
        let blocker = blocker.filter(|other| self.todo[other.index()] != Todo::Nothing);
        match blocker {
            Some(blocker) if self.is_waiting[blocker.index()] => {
                if !self.break_cycle(blocker) {
                    self.execute(id);
                }
            }
            Some(blocker) => self.stack.push(blocker),
            None => self.execute(id),
        }
        while let Some(&id) = self.stack.last()
            && self.todo[id.index()] == Todo::Nothing
        {
            self.is_waiting[id.index()] = false;
            self.stack.pop();
        }
    }

    /// Breaks a cycle: from `first` on, each node of the stack waits for the one above it, and the
    /// topmost for `first`. Renames one of them to a temporary name, so that the one that waits for
    /// it can be done. `false`: none is to be renamed, which no net of a real tree gives.
    fn break_cycle(&mut self, first: NodeId) -> bool {
        let stack = &self.stack;
        let start = stack.iter().rposition(|&id| id == first).unwrap_or(0);
        let can_move = |id: &NodeId| {
            self.todo[id.index()] == Todo::Rename && !self.has_temporary_name[id.index()]
        };
        let Some(at) = (start..stack.len()).find(|&at| can_move(&stack[at])) else {
            return false;
        };
        self.rename_to_temporary(stack[at]);
        if at > start {
            // It is done later, as are those that wait for it.
            for id in self.stack.drain(at..) {
                self.is_waiting[id.index()] = false;
            }
        }
        true
    }

    /// Makes the record of a node that waits for no other.
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
                let digest = self.node(id).old;
                if destination.is_none() {
                    self.leave(id);
                }
                let before = Before::new(kind, digest);
                self.add(Change::Deleted { kind, path }, Some(before));
            }
            (Todo::Rename, Some(to)) => self.rename(id, to),
            (Todo::Create, Some(to)) => {
                self.enter(id, to);
                if !self.node(id).is_shown {
                    return;
                }
                let path = self.path(id);
                let change = Change::Created {
                    kind,
                    path,
                    content: new.unwrap_or_default(),
                    entered,
                    attributes,
                };
                self.add(change, None);
            }
            (Todo::Nothing | Todo::Rename | Todo::Create, _) => {}
        }
    }

    fn rename(&mut self, id: NodeId, to: Edge) {
        let from = self.path(id);
        let old = self.origins.get(&to).copied();
        let replaced = old.filter(|&old| old != id && self.now[old.index()] == Some(to));
        self.overwritten.remove(&id);
        let replaced = replaced.map(|old| {
            self.leave(old);
            self.todo[old.index()] = Todo::Nothing;
            let Node {
                kind, old: digest, ..
            } = *self.node(old);
            if (kind, self.node(id).kind) == (Kind::File, Kind::File) {
                self.overwritten.insert(id, digest);
            }
            let renamed = self.node(id).old;
            Before {
                renamed,
                ..Before::new(kind, digest)
            }
        });
        self.leave(id);
        self.enter(id, to);
        let (kind, path) = (self.node(id).kind, self.path(id));
        self.add(Change::Renamed { kind, from, path }, replaced);
    }

    fn add(&mut self, change: Change<Vec<u8>>, before: Option<Before>) {
        self.made.push_back(OwnedChange { change, before });
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

    /// The path of a node in the tree that the records so far have made.
    fn path(&self, id: NodeId) -> Vec<u8> {
        let mut path = Vec::new();
        if let Some(edge) = self.now[id.index()] {
            self.net
                .write_path(edge, |id| self.now[id.index()], &mut path);
        }
        path
    }
}

impl Iterator for Plan {
    type Item = OwnedChange;

    fn next(&mut self) -> Option<OwnedChange> {
        loop {
            if let Some(made) = self.made.pop_front() {
                return Some(made);
            }
            if !self.stack.is_empty() {
                self.step();
                continue;
            }
            match &mut self.stage {
                Stage::Names(left) => match left.next() {
                    Some(id) => self.stack.push(id),
                    None => self.stage = Stage::Content(self.with_content().into_iter()),
                },
                Stage::Content(left) => {
                    let id = left.next()?;
                    self.made.extend(self.content_records(id));
                }
            }
        }
    }
}
