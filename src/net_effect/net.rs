//! Holds the difference between two trees as a set of nodes, each with the edge where it was and
//! the edge where it is.
//!
//! Only what differs is a node, and the directories above it; the rest of the tree moves with its
//! directory. Knows no disk. Invariant: no two nodes have the same origin, and no two the same
//! destination.

use std::collections::{BTreeSet, HashMap};

use crate::change::{Attributes, Before, Content, Digest, Kind};

/// The index of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(super) u32);

impl NodeId {
    /// The root above all PATHs.
    pub(crate) const TOP: Self = Self(u32::MAX);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A directory and a name in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Edge {
    pub(super) parent: NodeId,
    /// The index of the name in [`Names`].
    pub(super) name: u32,
}

/// One file or directory, under whatever name.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where it was; `None`: it is new.
    pub(super) origin: Option<Edge>,
    /// Where it is; `None`: it is gone.
    pub(super) destination: Option<Edge>,
    /// The digest that was reported before the first change, if there was one.
    pub(super) old: Option<Digest>,
    /// Its content, if a change has it.
    pub(super) new: Option<Content>,
    /// The content of a file that was renamed and did not change, if it is known: it may replace a file
    /// of which another one was reported.
    pub(super) kept: Option<Content>,
    /// The node that it replaced by its last rename.
    pub(super) replaced: Option<NodeId>,
    /// Of a directory: whether it is entered.
    pub(super) entered: bool,
    /// Whether it was in the tree at the start. A directory that filters hide, and that has a PATH below
    /// it, is not, and has a place for the sake of the paths in it.
    pub(super) was_shown: bool,
    /// Whether it is in the tree now.
    pub(super) is_shown: bool,
    /// Mode and owner of a new node, if they are reported.
    pub(super) attributes: Option<Attributes>,
    /// What else the changes have of it.
    pub(super) notes: Option<Box<Notes>>,
}

/// What changes neither a name nor its content.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Notes {
    /// Mode and owner before the first change, if they are known.
    pub(super) old_attributes: Option<Attributes>,
    /// Mode and owner, if a change has them.
    pub(super) attributes: Option<Attributes>,
    /// Names of changed extended attributes, each ended by NUL.
    pub(super) xattrs: BTreeSet<Box<[u8]>>,
    /// Its content when a writer last closed it.
    pub(super) closed: Option<Content>,
    pub(super) mtime: Option<i64>,
}

impl Notes {
    /// Mode and owner now, if they are known.
    pub(super) fn last_attributes(&self) -> Option<Attributes> {
        self.attributes.or(self.old_attributes)
    }
}

impl Node {
    pub(super) fn is_moved(&self) -> bool {
        self.origin.is_some() && self.destination.is_some() && self.origin != self.destination
    }

    pub(super) fn is_gone(&self) -> bool {
        self.origin.is_some() && self.destination.is_none() && self.was_shown
    }

    /// Whether it stays where it is, and filters hide it now, as they did not before.
    pub(super) fn is_newly_hidden(&self) -> bool {
        self.has_stayed() && self.was_shown && !self.is_shown
    }

    /// Whether it stays where it is, and filters hide it no longer.
    pub(super) fn is_newly_shown(&self) -> bool {
        self.has_stayed() && !self.was_shown && self.is_shown
    }

    fn has_stayed(&self) -> bool {
        self.origin.is_some() && self.origin == self.destination
    }

    pub(super) fn is_new(&self) -> bool {
        self.origin.is_none() && self.destination.is_some()
    }
}

#[derive(Default)]
pub(crate) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) names: Names,
    /// Edges at which nothing was at the start: exchanging two names needs a third one.
    pub(super) vacant: Vec<Edge>,
    pub(super) source: Source,
}

/// Where a net comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Source {
    /// Records: what they report as deleted and created was made anew.
    #[default]
    Records,
    /// Two trees, which show the kind alone of what is neither a file nor a directory.
    Trees,
}

/// Names, each once, with an index.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<Box<[u8]>>,
    indices: HashMap<Box<[u8]>, u32>,
}

impl Names {
    /// The index of a name, which is added if it is new.
    pub(super) fn index(&mut self, name: &[u8]) -> u32 {
        if let Some(&index) = self.indices.get(name) {
            return index;
        }
        let index = u32::try_from(self.bytes.len()).expect("fewer than four billion names");
        self.bytes.push(name.into());
        self.indices.insert(name.into(), index);
        index
    }

    pub(super) fn get(&self, index: u32) -> &[u8] {
        &self.bytes[index as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Net {
    /// A net for the difference between two trees.
    pub(crate) fn of_trees() -> Self {
        Self {
            source: Source::Trees,
            ..Self::default()
        }
    }

    pub(crate) fn edge(&mut self, parent: NodeId, name: &[u8]) -> Edge {
        let name = self.names.index(name);
        Edge { parent, name }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u32::try_from(self.nodes.len()).expect("fewer than four billion nodes");
        (0..count).map(NodeId)
    }

    fn push(&mut self, kind: Kind, origin: Option<Edge>, destination: Edge) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("fewer than four billion names");
        self.nodes.push(Node {
            kind,
            origin,
            destination: Some(destination),
            old: None,
            new: None,
            kept: None,
            replaced: None,
            entered: true,
            was_shown: true,
            is_shown: true,
            attributes: None,
            notes: None,
        });
        NodeId(id)
    }

    /// Adds what was there at the start, and still is.
    pub(crate) fn add_old(&mut self, at: Edge, kind: Kind, old: Option<Digest>) -> NodeId {
        let id = self.push(kind, Some(at), at);
        self.nodes[id.index()].old = old;
        id
    }

    /// Adds what was not there at the start.
    pub(crate) fn add_new(
        &mut self,
        at: Edge,
        kind: Kind,
        content: Option<Content>,
        entered: bool,
    ) -> NodeId {
        let id = self.push(kind, None, at);
        let node = &mut self.nodes[id.index()];
        (node.new, node.entered) = (content, entered);
        id
    }

    /// Adds a directory that was not there at the start, and that filters hide.
    pub(super) fn add_hidden(&mut self, at: Edge) -> NodeId {
        let id = self.push(Kind::Directory, None, at);
        self.nodes[id.index()].is_shown = false;
        id
    }

    /// Sets mode and owner of a node that is created, if they are reported.
    pub(crate) fn set_attributes(&mut self, id: NodeId, attributes: Option<Attributes>) {
        let node = &mut self.nodes[id.index()];
        if node.origin.is_none() || !node.was_shown {
            node.attributes = attributes;
        } else if let Some(attributes) = attributes {
            self.notes(id).attributes = Some(attributes);
        }
    }

    pub(super) fn notes(&mut self, id: NodeId) -> &mut Notes {
        self.nodes[id.index()].notes.get_or_insert_default()
    }

    /// Sets mode and owner of a new node.
    pub(super) fn renew_attributes(&mut self, id: NodeId, attributes: Attributes) {
        let node = &mut self.nodes[id.index()];
        if node.origin.is_none() {
            node.attributes = Some(attributes);
        }
    }

    pub(crate) fn set_content(&mut self, id: NodeId, content: Content) {
        let node = &mut self.nodes[id.index()];
        node.new = Some(content);
        // What a writer closed is what a file holds, until it holds something else; and the mtime is of
        // the content that was touched.
        if let Some(notes) = &mut node.notes {
            notes.mtime = None;
            notes.closed = notes.closed.filter(|it| it.bytes == content.bytes);
        }
    }

    pub(crate) fn set_kept_content(&mut self, id: NodeId, content: Content) {
        self.nodes[id.index()].kept = Some(content);
    }

    /// Notes a rename, and the node that it replaced. If that changed to the bytes that the renamed file
    /// has, no change of content follows, and this is where its content is known from. If the bytes
    /// differ, the change may follow only after the net effect is taken.
    pub(super) fn note_rename(&mut self, id: NodeId, replaced: Option<NodeId>) {
        let reported = replaced.and_then(|other| {
            let other = &self.nodes[other.index()];
            other.new.or(other.kept)
        });
        let node = &mut self.nodes[id.index()];
        let has_same_bytes = |content: &Content| node.old.is_some() && content.digest() == node.old;
        node.kept = reported.filter(has_same_bytes);
        node.replaced = replaced;
    }

    /// Notes what was reported before a change; only what was before the first one counts.
    pub(super) fn learn_old(&mut self, id: NodeId, before: Before) {
        let node = &mut self.nodes[id.index()];
        if node.origin.is_some() && node.new.is_none() {
            node.old = node.old.or(before.digest);
        }
        if let Some(attributes) = before.attributes {
            self.learn_old_attributes(id, attributes);
        }
    }

    /// Notes mode and owner before a change; only those before the first one count.
    pub(crate) fn learn_old_attributes(&mut self, id: NodeId, attributes: Attributes) {
        if self.nodes[id.index()].origin.is_some() {
            let notes = self.notes(id);
            if notes.attributes.is_none() {
                notes.old_attributes.get_or_insert(attributes);
            }
        }
    }

    pub(crate) fn set_destination(&mut self, id: NodeId, to: Option<Edge>) {
        self.nodes[id.index()].destination = to;
    }

    /// Adds an edge at which nothing is, neither before nor after.
    pub(crate) fn add_vacant(&mut self, at: Edge) {
        self.vacant.push(at);
    }

    /// Appends the path of an edge; `edge_of` gives the edges of the directories above it.
    pub(super) fn write_path(
        &self,
        at: Edge,
        edge_of: impl Fn(NodeId) -> Option<Edge>,
        path: &mut Vec<u8>,
    ) {
        let mut names = vec![at.name];
        let mut parent = at.parent;
        // A path has at most one name more than there are nodes.
        while parent != NodeId::TOP && names.len() <= self.nodes.len() {
            let Some(edge) = edge_of(parent) else { break };
            names.push(edge.name);
            parent = edge.parent;
        }
        let start = path.len();
        for (at, &name) in names.iter().rev().enumerate() {
            if at > 0 {
                path.push(b'/');
            }
            path.extend(self.names.get(name));
        }
        if path.len() == start {
            path.push(b'/'); // The PATH `/`, whose name is empty.
        }
    }
}
