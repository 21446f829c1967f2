//! Folds changes into their net effect: what was created and changed is created, what
//! was created and deleted is nothing, a chain of renames is one.
//!
//! Pure: no disk, no clock. Invariant: the records that come out fold to the same tree
//! as those that went in, and no shorter list of true records does.

mod hidden;
mod merge;
mod net;
mod shortest;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::change::{Attributes, Before, Change, Content, Kind, OwnedChange};
pub(crate) use net::{Edge, Net, NodeId};
pub(crate) use shortest::Plan;

/// With more nodes and names than this, the net effect is full and is to be taken.
const MOST: usize = 250_000;

/// With more bytes of paths than this, it is full, too: 32 MiB, and few in tests.
const MOST_BYTES: usize = if cfg!(test) { 4 << 10 } else { 32 << 20 };

/// Bytes that the name of an extended attribute takes beside its own.
const XATTR_BYTES: usize = 64;

/// Free names that are remembered: to exchange the names of two files, a third name is needed.
const VACANT: usize = 64;

/// The net effect of the changes since it was last taken.
#[derive(Default)]
pub(crate) struct NetEffect {
    net: Net,
    /// The node that is at an edge now.
    current: HashMap<Edge, NodeId>,
    /// The node that was at an edge at the start; `None`: nothing was.
    origins: HashMap<Edge, Option<NodeId>>,
    /// The number of nodes in each directory now.
    children: HashMap<NodeId, usize>,
    /// Bytes of all paths in the changes, and of the names of extended attributes that are kept.
    path_bytes: usize,
    /// By how many bytes renames of directories may have made the path of a node longer.
    growth: usize,
}

/// The net effect of a list of changes in a tree in which no name has more tildes at its end.
#[cfg(test)]
fn net_effect(changes: &[OwnedChange], tildes: usize) -> Vec<OwnedChange> {
    let mut effect = NetEffect::default();
    for change in changes {
        effect.apply(change.clone());
    }
    effect.take(tildes).collect()
}

/// What is at a path.
enum At {
    Node(NodeId),
    Nothing(Edge),
    /// No change has named the path yet, so that it may have been there at the start.
    Unknown(Edge),
}

impl NetEffect {
    /// Whether it is so large that it is to be taken now.
    pub(crate) fn is_full(&self) -> bool {
        let nodes = self.net.nodes.len();
        let bytes = nodes.saturating_mul(self.growth);
        nodes + self.net.names.len() > MOST || self.path_bytes.saturating_add(bytes) > MOST_BYTES
    }

    /// Returns the net effect of all changes that were applied, and begins anew. `tildes`: no name
    /// in the tree has more at its end.
    pub(crate) fn take(&mut self, tildes: usize) -> Plan {
        Plan::new(std::mem::take(self).net, tildes)
    }

    /// A record that is no change of the tree has no effect.
    pub(crate) fn apply(&mut self, OwnedChange { change, before }: OwnedChange) {
        match change {
            Change::Created {
                kind,
                path,
                content,
                entered,
                attributes,
            } => {
                let id = self.created(&path, kind, content, entered);
                self.net.set_attributes(id, attributes);
            }
            Change::Changed { path, content } => {
                if let Some(id) = self.known(&path, Kind::File, before) {
                    self.net.set_content(id, content);
                }
            }
            Change::Deleted { kind, path } => {
                if let Some(id) = self.known(&path, kind, before) {
                    self.deleted(id);
                }
            }
            Change::Renamed { kind, from, path } => {
                if kind == Kind::Directory {
                    self.growth += path.len().saturating_sub(from.len());
                }
                self.renamed(&from, &path, kind, before);
            }
            Change::Closed { path, content } => {
                if let Some(id) = self.known(&path, Kind::File, None) {
                    self.net.notes(id).closed = Some(content);
                }
            }
            Change::Touched { path, mtime } => {
                if let Some(id) = self.known(&path, Kind::File, None) {
                    self.net.notes(id).mtime = Some(mtime);
                }
            }
            Change::AttributesChanged {
                kind,
                path,
                new,
                old,
                xattrs,
            } => {
                if let Some(id) = self.known(&path, kind, None) {
                    self.attributes(id, new, old, &xattrs);
                }
            }
            Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => {}
        }
    }

    /// Notes a change of mode and owner, or of the extended attributes with these names.
    fn attributes(&mut self, id: NodeId, new: Attributes, old: Option<Attributes>, xattrs: &[u8]) {
        self.net.renew_attributes(id, new);
        if let Some(old) = old {
            self.net.learn_old_attributes(id, old);
        }
        let notes = self.net.notes(id);
        notes.attributes = Some(new);
        for name in xattrs.split_inclusive(|&byte| byte == 0) {
            if !notes.xattrs.contains(name) {
                notes.xattrs.insert(name.into());
                self.path_bytes += name.len() + XATTR_BYTES;
            }
        }
    }

    fn created(&mut self, path: &[u8], kind: Kind, content: Content, entered: bool) -> NodeId {
        let edge = match self.find(path) {
            At::Node(id) => {
                let edge = self.edge_of(id);
                self.note_hidden_at_start(id);
                if kind == Kind::Directory && self.net.nodes[id.index()].kind == kind {
                    self.note_shown(id, content, entered);
                    return id;
                }
                self.remove(id);
                edge
            }
            At::Nothing(edge) => {
                if kind == Kind::Directory
                    && let Some(id) = self.bring_back(edge)
                {
                    return id;
                }
                edge
            }
            At::Unknown(edge) => {
                self.origins.insert(edge, None);
                self.note_vacant(edge);
                edge
            }
        };
        let id = self.net.add_new(edge, kind, Some(content), entered);
        self.enter(id, edge);
        id
    }

    fn renamed(&mut self, from: &[u8], path: &[u8], kind: Kind, replaced: Option<Before>) {
        let digest = replaced.and_then(|before| before.renamed);
        let Some(id) = self.known(from, kind, Some(Before::new(kind, digest))) else {
            return;
        };
        let id = self.make_new_if_hidden(id);
        let (to, replaced) = match self.find(path) {
            At::Node(other) if other == id => return,
            At::Node(other) => {
                let edge = self.edge_of(other);
                if let Some(replaced) = replaced {
                    self.net.learn_old(other, replaced);
                }
                self.remove(other);
                (edge, Some(other))
            }
            At::Nothing(edge) => (edge, None),
            At::Unknown(edge) => {
                let replaced = replaced.map(|before| {
                    let other = self.net.add_old(edge, before.kind, None);
                    self.net.learn_old(other, before);
                    self.net.set_destination(other, None);
                    other
                });
                self.origins.insert(edge, replaced);
                if replaced.is_none() {
                    self.note_vacant(edge);
                }
                (edge, replaced)
            }
        };
        self.net.note_rename(id, replaced);
        if !self.is_within(to.parent, id) {
            self.leave(id);
            self.net.set_destination(id, Some(to));
            self.enter(id, to);
        }
    }

    /// Remembers a free name, if its directory was there at the start.
    fn note_vacant(&mut self, edge: Edge) {
        let is_old =
            edge.parent == NodeId::TOP || self.net.nodes[edge.parent.index()].origin.is_some();
        if is_old && self.net.vacant.len() < VACANT {
            self.net.add_vacant(edge);
        }
    }

    /// The node at a path that a change names as present. `before`: what was reported of it.
    fn known(&mut self, path: &[u8], kind: Kind, before: Option<Before>) -> Option<NodeId> {
        let id = match self.find(path) {
            At::Node(id) => id,
            At::Nothing(edge) if self.origins.contains_key(&edge) => return None,
            At::Nothing(edge) => {
                // It has, or is in, a PATH that stayed while filters hid the directory.
                self.note_part_of_path(edge.parent);
                self.add_old(edge, kind)
            }
            At::Unknown(edge) => self.add_old(edge, kind),
        };
        if let Some(before) = before {
            self.net.learn_old(id, before);
        }
        Some(id)
    }

    fn add_old(&mut self, edge: Edge, kind: Kind) -> NodeId {
        let id = self.net.add_old(edge, kind, None);
        self.origins.insert(edge, Some(id));
        self.enter(id, edge);
        id
    }

    /// What is at a path; makes nodes of the directories above it.
    fn find(&mut self, path: &[u8]) -> At {
        self.path_bytes += path.len();
        let path = if path == b"/" { b"" } else { path };
        let mut parent = NodeId::TOP;
        let mut names = path.split(|&byte| byte == b'/').peekable();
        loop {
            let name = names.next().unwrap_or_default();
            let edge = self.net.edge(parent, name);
            let at = self.at(edge);
            if names.peek().is_none() {
                return at;
            }
            parent = match at {
                At::Node(id) => id,
                At::Unknown(edge) => self.add_old(edge, Kind::Directory),
                At::Nothing(edge) => self.add_hidden(edge),
            };
        }
    }

    fn at(&self, edge: Edge) -> At {
        if let Some(&id) = self.current.get(&edge) {
            return At::Node(id);
        }
        let is_new =
            edge.parent != NodeId::TOP && self.net.nodes[edge.parent.index()].origin.is_none();
        if is_new || self.origins.contains_key(&edge) {
            At::Nothing(edge)
        } else {
            At::Unknown(edge)
        }
    }

    fn edge_of(&self, id: NodeId) -> Edge {
        let edge = self.net.nodes[id.index()].destination;
        edge.expect("what is found at an edge has one")
    }

    fn enter(&mut self, id: NodeId, edge: Edge) {
        self.current.insert(edge, id);
        *self.children.entry(edge.parent).or_default() += 1;
    }

    fn leave(&mut self, id: NodeId) {
        let edge = self.edge_of(id);
        self.current.remove(&edge);
        if let Some(count) = self.children.get_mut(&edge.parent) {
            *count -= 1;
        }
    }

    fn has_children(&self, id: NodeId) -> bool {
        self.children.get(&id).is_some_and(|&count| count > 0)
    }

    /// The nodes that are in a directory now.
    fn children_of(&self, id: NodeId) -> Vec<NodeId> {
        if !self.has_children(id) {
            return Vec::new();
        }
        let inside = self.current.iter().filter(|(edge, _)| edge.parent == id);
        inside.map(|(_, &child)| child).collect()
    }

    /// Notes that a node is gone, and all that is still in it.
    fn remove(&mut self, id: NodeId) {
        let mut gone = vec![id];
        while let Some(id) = gone.pop() {
            gone.extend(self.children_of(id));
            self.leave(id);
            self.net.set_destination(id, None);
        }
    }

    /// Whether `dir` is the node `id`, or below it.
    fn is_within(&self, dir: NodeId, id: NodeId) -> bool {
        let mut at = dir;
        while at != NodeId::TOP {
            if at == id {
                return true;
            }
            let Some(edge) = self.net.nodes[at.index()].destination else {
                return false;
            };
            at = edge.parent;
        }
        false
    }
}
