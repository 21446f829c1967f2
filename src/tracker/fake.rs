//! A disk in memory that answers the rules, and the kernel that watches it.
//!
//! Everything is deterministic from a seed, races included: before each answer, with
//! some probability, a program's next operation happens. Invariant: an event is queued
//! after its change can be seen, and never before.

mod answers;
mod chance;
mod kernel;
mod ops;
mod tree;

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest as _, Sha256};

use super::port::{At, Inode, Stat, Ticket};
use crate::change::{Digest, Kind};
use crate::event::{NameEvent, OwnEvent};
pub(crate) use chance::Chance;
use kernel::Kernel;
pub(crate) use kernel::Queued;
use ops::Handle;
pub(crate) use ops::{Op, SLOTS};
pub(crate) use tree::Node;
use tree::{Dentry, Tree};

/// What an operation tells the kernel.
enum Note {
    /// Something happened to a name.
    Name {
        /// The directory.
        dir: Node,
        /// The name as it was then.
        name: Vec<u8>,
        /// Whether it is a directory.
        is_dir: bool,
        /// What happened.
        what: NameEvent,
    },
    /// Something happened to an inode.
    Own {
        /// The inode.
        node: Node,
        /// What happened.
        what: OwnEvent,
    },
    /// An inode has lost what held it.
    Evict(Node),
}

/// A file that is read aside.
struct Aside {
    /// The file.
    node: Node,
    /// As it was before it was read.
    stat: Stat,
}

/// How often what happens, in a hundred.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Odds {
    /// An operation before an answer.
    pub(crate) race: usize,
    /// An event later than its change.
    pub(crate) late: usize,
    /// A file read aside.
    pub(crate) aside: usize,
}

/// The disk.
pub(crate) struct Fake {
    /// The file system.
    tree: Tree,
    /// The kernel.
    pub(crate) kernel: Kernel,
    /// What is left to chance.
    pub(crate) chance: Chance,
    /// How often.
    pub(crate) odds: Odds,
    /// What programs will do.
    pub(crate) pending: VecDeque<Op>,
    /// Whether a write by a dead name must be told under the other names too.
    pub(crate) is_strict_about_dead_names: bool,
    /// What happened, in order: shown when a test fails.
    pub(crate) journal: Vec<String>,
    /// What may be told later than it happened.
    late: VecDeque<Note>,
    /// Open files.
    handles: [Option<Handle>; SLOTS],
    /// The PATHs, whatever their names are now.
    roots: Vec<Node>,
    /// Directories that have been entered.
    held: Vec<(Inode, Node)>,
    /// Files that are read aside.
    aside: BTreeMap<Ticket, Aside>,
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

impl Fake {
    /// An empty disk.
    pub(crate) fn new(seed: u64, wall: i64) -> Self {
        Self {
            tree: Tree::new(wall),
            kernel: Kernel::new(),
            chance: Chance::new(seed),
            odds: Odds::default(),
            pending: VecDeque::new(),
            is_strict_about_dead_names: false,
            journal: Vec::new(),
            late: VecDeque::new(),
            handles: [None; SLOTS],
            roots: Vec::new(),
            held: Vec::new(),
            aside: BTreeMap::new(),
        }
    }

    /// Keeps something for the journal.
    fn note_down(&mut self, what: &str, at: At<'_>) {
        let name = match at {
            At::Root(name) | At::In(_, name) => String::from_utf8_lossy(name).into_owned(),
        };
        let dir = match at {
            At::Root(_) => None,
            At::In(inode, _) => Some(inode.ino),
        };
        let found = self.find(at).map(|node| self.tree.inode(node).ino);
        self.journal
            .push(format!("      {what} {dir:?}/{name} is {found:?}"));
    }

    /// It is that late.
    pub(crate) fn set_time(&mut self, wall: i64) {
        self.tree.wall = wall;
    }

    /// What is there now is a PATH.
    pub(crate) fn plant(&mut self, path: &[u8]) -> Option<Node> {
        let node = self.tree.at(path)?;
        self.roots.push(node);
        Some(node)
    }

    /// Whether a directory is below a PATH.
    fn is_seen(&self, dir: Node) -> bool {
        self.roots
            .iter()
            .any(|root| self.tree.is_within(dir, *root))
    }

    // From operations to events.

    /// Something happened to names: their directories are locked until it is told.
    fn names(&mut self, notes: Vec<Note>) {
        self.tell_late();
        if self.chance.happens(self.odds.late) {
            self.late.extend(notes);
        } else {
            notes.into_iter().for_each(|note| self.note(note));
        }
    }

    /// Something happened to bytes or attributes: nothing is locked, so the name in the
    /// event may be an old one when it comes.
    fn content(&mut self, dentry: Dentry, what: NameEvent, own: OwnEvent) {
        let body = self.tree.dentry(dentry);
        let (dir, name, node) = (body.dir, body.name.clone(), body.node);
        let is_told_late = |note: &Note| matches!(note, Note::Name { dir: at, name: other, .. } if (*at, other) == (dir, &name));
        if self.late.iter().any(is_told_late) {
            self.tell_late();
        }
        let is_dir = self.tree.is_dir(node);
        let notes = [
            Note::Name {
                dir,
                name,
                is_dir,
                what,
            },
            Note::Own { node, what: own },
        ];
        if self.tree.node(node).nlink == 1 && self.chance.happens(self.odds.late) {
            self.late.extend(notes);
        } else {
            notes.into_iter().for_each(|note| self.note(note));
        }
    }

    /// Everything that waits is told.
    pub(crate) fn tell_late(&mut self) {
        while let Some(note) = self.late.pop_front() {
            self.note(note);
        }
    }

    /// Tells the kernel.
    fn note(&mut self, note: Note) {
        match note {
            Note::Name {
                dir,
                name,
                is_dir,
                what,
            } => self.kernel.name(dir, &name, is_dir, what),
            Note::Own { node, what } => {
                let is_dir = self.tree.is_dir(node);
                let is_asked = match what {
                    OwnEvent::Attrib => true,
                    OwnEvent::MoveSelf => is_dir,
                    _ => !is_dir,
                };
                if is_asked {
                    self.kernel.own(node, what);
                }
            }
            Note::Evict(node) => {
                if self.tree.evict(node) {
                    self.kernel.evict(node, self.tree.is_dir(node));
                }
            }
        }
    }

    /// A program gets its turn, perhaps.
    fn race(&mut self) {
        if self.chance.happens(30)
            && let Some(note) = self.late.pop_front()
        {
            self.note(note);
        }
        while self.chance.happens(self.odds.race)
            && let Some(op) = self.pending.pop_front()
        {
            self.perform(op);
        }
    }

    /// Every open file is closed.
    pub(crate) fn shut_all(&mut self) {
        for slot in 0..SLOTS {
            self.perform(Op::Shut(slot));
        }
        self.tell_late();
    }

    /// All names below a PATH as they are: path, kind, inode and bytes.
    pub(crate) fn truth(&self, root: &[u8]) -> Vec<(Vec<u8>, Kind, Node)> {
        let mut all = Vec::new();
        let mut stack: Vec<(Vec<u8>, Node)> = Vec::new();
        stack.extend(self.tree.at(root).map(|node| (root.to_vec(), node)));
        while let Some((path, node)) = stack.pop() {
            for (name, dentry) in self.tree.names(node).into_iter().flatten() {
                stack.push((
                    [&path, &b"/"[..], name].concat(),
                    self.tree.dentry(*dentry).node,
                ));
            }
            all.push((path, self.tree.kind(node), node));
        }
        all
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, node: Node) -> &[u8] {
        self.tree.bytes(node)
    }

    /// Whether an inode may be read.
    pub(crate) fn is_readable(&self, node: Node) -> bool {
        self.tree.node(node).is_readable
    }

    /// Whether no event could tell the bytes of all of a file's names.
    pub(crate) fn is_excused(&self, node: Node) -> bool {
        self.tree.node(node).is_excused
    }

    /// Which inode it is, by its number.
    pub(crate) fn inode(&self, node: Node) -> Inode {
        self.tree.inode(node)
    }
}
