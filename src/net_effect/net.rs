//! Two trees as one set of nodes: where each was, and where it is.
//!
//! Only what differs is a node, and the directories on the way to it; the rest of the
//! tree moves with its directory. Knows no disk. Invariant: no two nodes have the same
//! origin, and no two the same destination.

use std::collections::HashMap;

use crate::change::{Attributes, Content, Digest, Kind};

/// A node's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(super) u32);

impl NodeId {
    /// What the PATHs are in.
    pub(crate) const TOP: Self = Self(u32::MAX);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Edge {
    pub(super) parent: NodeId,
    pub(super) name: u32,
}

/// One file or directory, under whatever name.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where it was; none: it came since.
    pub(super) origin: Option<Edge>,
    /// Where it is; none: it is gone.
    pub(super) destination: Option<Edge>,
    /// The digest that was last reported before, where there was one.
    pub(super) old: Option<Digest>,
    /// Its content, where that was reported since.
    pub(super) new: Option<Content>,
    /// What a file holds all the same, where a rename may put that over other bytes.
    pub(super) kept: Option<Content>,
    /// The node that it replaced by a rename of the records, as the last one.
    pub(super) replaced: Option<NodeId>,
    /// Of a directory: whether it is entered.
    pub(super) entered: bool,
    /// Mode and owner of what came, where they are reported.
    pub(super) attributes: Option<Attributes>,
    /// What was reported of it besides.
    pub(super) notes: Option<Box<Notes>>,
}

/// What changes neither a name nor what it holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Notes {
    /// Mode and owner as they were, where that is known, and as they are.
    pub(super) attributes: Option<(Option<Attributes>, Attributes)>,
    /// Names of extended attributes, each ended by NUL.
    pub(super) xattrs: Vec<u8>,
    /// What it held when a writer last closed it.
    pub(super) closed: Option<Content>,
    pub(super) mtime: Option<i64>,
}

impl Node {
    pub(super) fn is_moved(&self) -> bool {
        self.origin.is_some() && self.destination.is_some() && self.origin != self.destination
    }

    pub(super) fn is_gone(&self) -> bool {
        self.origin.is_some() && self.destination.is_none()
    }

    pub(super) fn is_new(&self) -> bool {
        self.origin.is_none() && self.destination.is_some()
    }
}

/// The nodes, and their names.
#[derive(Default)]
pub(crate) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) names: Names,
    /// Names at which nothing was at the start: two files that exchange names need one.
    pub(super) vacant: Vec<Edge>,
}

/// Names, each once.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
}

impl Names {
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.bytes.len()).expect("fewer than four billion names");
        self.bytes.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        &self.bytes[number as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Net {
    pub(crate) fn edge(&mut self, parent: NodeId, name: &[u8]) -> Edge {
        let name = self.names.number(name);
        Edge { parent, name }
    }

    /// The numbers of all nodes.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u32::try_from(self.nodes.len()).expect("numbers of nodes have 32 bits");
        (0..count).map(NodeId)
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("fewer than four billion names");
        self.nodes.push(node);
        NodeId(id)
    }

    /// What was there, and is until more is known.
    pub(crate) fn add_old(&mut self, at: Edge, kind: Kind, old: Option<Digest>) -> NodeId {
        self.push(Node {
            kind,
            origin: Some(at),
            destination: Some(at),
            old,
            new: None,
            kept: None,
            replaced: None,
            entered: true,
            attributes: None,
            notes: None,
        })
    }

    /// What came.
    pub(crate) fn add_new(
        &mut self,
        at: Edge,
        kind: Kind,
        content: Content,
        entered: bool,
    ) -> NodeId {
        self.push(Node {
            kind,
            origin: None,
            destination: Some(at),
            old: None,
            new: Some(content),
            kept: None,
            replaced: None,
            entered,
            attributes: None,
            notes: None,
        })
    }

    pub(crate) fn set_attributes(&mut self, id: NodeId, attributes: Option<Attributes>) {
        self.nodes[id.index()].attributes = attributes;
    }

    pub(super) fn notes(&mut self, id: NodeId) -> &mut Notes {
        self.nodes[id.index()].notes.get_or_insert_default()
    }

    /// What came has another mode or owner than it came with.
    pub(super) fn renew_attributes(&mut self, id: NodeId, attributes: Attributes) {
        let node = &mut self.nodes[id.index()];
        if node.origin.is_none() && node.attributes.is_some() {
            node.attributes = Some(attributes);
        }
    }

    pub(crate) fn set_content(&mut self, id: NodeId, content: Content) {
        self.nodes[id.index()].new = Some(content);
    }

    pub(crate) fn set_kept_content(&mut self, id: NodeId, content: Content) {
        self.nodes[id.index()].kept = Some(content);
    }

    /// A record of a rename replaced a node.
    pub(super) fn replace(&mut self, id: NodeId, replaced: NodeId) {
        self.nodes[id.index()].replaced = Some(replaced);
    }

    /// A record gives a node's digest before it; that of the first one counts.
    pub(super) fn learn_old(&mut self, id: NodeId, digest: Option<Digest>) {
        let node = &mut self.nodes[id.index()];
        if node.origin.is_some() && node.new.is_none() {
            node.old = node.old.or(digest);
        }
    }

    pub(crate) fn set_destination(&mut self, id: NodeId, to: Option<Edge>) {
        self.nodes[id.index()].destination = to;
    }

    /// A name at which nothing is, neither before nor after.
    pub(crate) fn add_vacant(&mut self, at: Edge) {
        self.vacant.push(at);
    }

    /// Appends the path that leads over some edges to an edge.
    pub(super) fn write_path(
        &self,
        at: Edge,
        edge_of: impl Fn(NodeId) -> Option<Edge>,
        path: &mut Vec<u8>,
    ) {
        let mut names = vec![at.name];
        let mut parent = at.parent;
        // No path has more names than there are nodes, and one more.
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
