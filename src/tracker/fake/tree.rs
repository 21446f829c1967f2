//! Keeps a file system in memory: inodes, and the names (dentries) that lead to them.
//!
//! Inode numbers are used again as soon as they are free, and clocks are coarse, as on
//! a real disk. An open file keeps the dentry by which it was opened, even after that is
//! removed, since that is the name that its events carry.

mod lookup;
mod stat;

use std::collections::{BTreeMap, BTreeSet};

/// An inode's index, which is never used again, unlike its inode number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Node(pub(super) usize);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Dentry(usize);

pub(crate) enum Body {
    Directory(BTreeMap<Vec<u8>, Dentry>),
    File(Vec<u8>),
    Symlink,
    Other,
}

pub(crate) struct InodeBody {
    pub(crate) body: Body,
    ino: u64,
    btime: i64,
    /// How many bytes of its storage are beyond its end.
    pub(crate) beyond_end: u64,
    /// The last change of its bytes.
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
    /// Whether it may be read, and entered.
    pub(crate) is_readable: bool,
    /// How often its mode has changed.
    pub(crate) chmods: u32,
    pub(crate) nlink: u32,
    pub(crate) pins: u32,
    /// Whether it is gone and its inode number free.
    pub(crate) is_evicted: bool,
    /// The names by which it was written to, or its mode was changed, while it had others.
    pub(crate) writers: BTreeSet<Dentry>,
    /// Whether its mode was changed by a name while it had others.
    pub(crate) has_mode_of_one: bool,
    /// Whether it was changed by a name that is gone, and was never stat'ed.
    pub(crate) is_changed_unseen: bool,
    /// When the watcher last stat'ed or read it, by the file system's coarse clock.
    last_seen: i64,
    /// Whether one of `writers` is gone, and the watcher stat'ed the file at the same coarse time: neither
    /// an event nor the times may show the bytes.
    pub(crate) is_excused: bool,
}

pub(crate) struct DentryBody {
    /// The directory that it is, or last was, in.
    pub(crate) dir: Node,
    pub(crate) name: Vec<u8>,
    pub(crate) node: Node,
    pub(crate) is_live: bool,
    /// Whether the watcher has stat'ed or read it.
    is_seen: bool,
}

pub(crate) struct Tree {
    nodes: Vec<InodeBody>,
    dentries: Vec<DentryBody>,
    /// Inode numbers to use again, the most recently freed last.
    free: Vec<u64>,
    /// The time, in nanoseconds since 1970.
    pub(crate) wall: i64,
    /// Whether names that differ in case alone are one.
    pub(crate) ignores_case: bool,
}

/// The granularity of the file system's clock: 4 ms.
const TICK: i64 = 4_000_000;

impl Tree {
    pub(crate) fn new(wall: i64) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            dentries: Vec::new(),
            free: Vec::new(),
            wall,
            ignores_case: false,
        };
        let top = tree.make(Body::Directory(BTreeMap::new()));
        tree.node_mut(top).nlink = 1;
        tree
    }

    pub(crate) fn top(&self) -> Node {
        Node(0)
    }

    /// The time by the file system's coarse clock.
    pub(crate) fn time(&self) -> i64 {
        self.wall - self.wall % TICK
    }

    pub(crate) fn make(&mut self, body: Body) -> Node {
        let fresh = self.nodes.len() as u64 + 100;
        let now = self.time();
        self.nodes.push(InodeBody {
            body,
            ino: self.free.pop().unwrap_or(fresh),
            btime: now,
            beyond_end: 0,
            mtime: now,
            ctime: now,
            is_readable: true,
            chmods: 0,
            nlink: 0,
            pins: 0,
            is_evicted: false,
            writers: BTreeSet::new(),
            has_mode_of_one: false,
            is_changed_unseen: false,
            last_seen: i64::MIN,
            is_excused: false,
        });
        Node(self.nodes.len() - 1)
    }

    pub(crate) fn node(&self, node: Node) -> &InodeBody {
        &self.nodes[node.0]
    }

    pub(crate) fn node_mut(&mut self, node: Node) -> &mut InodeBody {
        &mut self.nodes[node.0]
    }

    pub(crate) fn dentry(&self, dentry: Dentry) -> &DentryBody {
        &self.dentries[dentry.0]
    }

    /// Makes a dentry that is in no directory: of a file without a name.
    pub(crate) fn unlinked_dentry(&mut self, dir: Node, name: &[u8], node: Node) -> Dentry {
        self.dentries.push(DentryBody {
            dir,
            name: name.to_vec(),
            node,
            is_live: false,
            is_seen: false,
        });
        Dentry(self.dentries.len() - 1)
    }

    /// Makes another spelling of a live dentry, for events to carry.
    pub(crate) fn respelled(&mut self, dentry: Dentry, name: &[u8]) -> Dentry {
        let DentryBody { dir, node, .. } = self.dentries[dentry.0];
        if self.dentries[dentry.0].name == name {
            return dentry;
        }
        self.unlinked_dentry(dir, name, node)
    }

    /// Gives an inode a name, which must be free.
    pub(crate) fn hash(&mut self, dir: Node, name: &[u8], node: Node) -> Dentry {
        let dentry = self.unlinked_dentry(dir, name, node);
        self.node_mut(node).nlink += 1;
        self.put(dentry);
        dentry
    }

    /// Enters a dentry in its directory.
    fn put(&mut self, dentry: Dentry) {
        let DentryBody { dir, name, .. } = &self.dentries[dentry.0];
        if let Body::Directory(names) = &mut self.nodes[dir.0].body {
            names.insert(name.clone(), dentry);
        }
        self.dentries[dentry.0].is_live = true;
    }

    /// Takes a dentry out of its directory; it keeps its name.
    fn take(&mut self, dentry: Dentry) {
        let DentryBody { dir, name, .. } = &self.dentries[dentry.0];
        if let Body::Directory(names) = &mut self.nodes[dir.0].body {
            names.remove(name);
        }
        self.dentries[dentry.0].is_live = false;
    }

    /// Removes a name from its directory and its inode.
    pub(crate) fn unhash(&mut self, dentry: Dentry) {
        self.take(dentry);
        self.lose_sight(dentry);
        let now = self.time();
        let node = self.dentry(dentry).node;
        let body = self.node_mut(node);
        body.nlink -= 1;
        body.ctime = now;
    }

    /// Excuses the file if it was written to by this name, which is gone or outside now, and the watcher
    /// has stat'ed the file at the same coarse time.
    pub(crate) fn lose_sight(&mut self, dentry: Dentry) {
        let DentryBody { node, is_seen, .. } = self.dentries[dentry.0];
        let now = self.time();
        let body = self.node_mut(node);
        let is_changed = body.writers.contains(&dentry);
        body.is_changed_unseen |= is_changed && !is_seen;
        body.is_excused |= is_changed && body.last_seen == now;
    }

    /// Notes that the watcher knows all names.
    pub(crate) fn see_all(&mut self) {
        for dentry in &mut self.dentries {
            dentry.is_seen = true;
        }
    }

    /// Notes that the watcher stats or reads a name.
    pub(crate) fn see(&mut self, dir: Node, name: &[u8]) {
        if let Some(dentry) = self.find(dir, name) {
            self.dentries[dentry.0].is_seen = true;
            let (node, now) = (self.dentry(dentry).node, self.time());
            self.node_mut(node).last_seen = now;
        }
    }

    /// Moves a dentry to a free name.
    pub(crate) fn shift(&mut self, dentry: Dentry, dir: Node, name: &[u8]) {
        self.take(dentry);
        self.dentries[dentry.0].dir = dir;
        self.dentries[dentry.0].name = name.to_vec();
        self.put(dentry);
        let now = self.time();
        let node = self.dentry(dentry).node;
        self.node_mut(node).ctime = now;
    }

    pub(crate) fn exchange(&mut self, one: Dentry, other: Dentry) {
        let (a, b) = (one.0, other.0);
        self.take(one);
        self.take(other);
        let (dir, name) = (self.dentries[a].dir, self.dentries[a].name.clone());
        self.dentries[a].dir = self.dentries[b].dir;
        self.dentries[a].name = std::mem::replace(&mut self.dentries[b].name, name);
        self.dentries[b].dir = dir;
        let now = self.time();
        for dentry in [one, other] {
            self.put(dentry);
            let node = self.dentry(dentry).node;
            self.node_mut(node).ctime = now;
        }
    }

    /// Frees the inode number if nothing holds the inode; returns whether it did.
    pub(crate) fn evict(&mut self, node: Node) -> bool {
        let body = self.node_mut(node);
        if body.nlink > 0 || body.pins > 0 || body.is_evicted {
            return false;
        }
        body.is_evicted = true;
        let ino = body.ino;
        self.free.push(ino);
        true
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.nodes.len()).map(Node)
    }
}
