//! Simulates for the unit tests a disk in memory, and the kernel that watches it.
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
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::disk::{FsError, Inode, Stat, Target, Ticket, Xattr};
use crate::change::{Digest, Kind};
use crate::event::{ContentEvent, NameEvent};
use answers::WorkerRead;
pub(crate) use chance::Chance;
use kernel::Kernel;
pub(crate) use kernel::Queued;
use ops::{Handle, Truncation};
pub(crate) use ops::{Op, SLOTS};
pub(crate) use tree::Node;
use tree::{Dentry, Tree};

enum Note {
    Name {
        dir: Node,
        name: Vec<u8>,
        is_dir: bool,
        event: NameEvent,
    },
    /// An inode has moved.
    MoveSelf(Node),
    /// About the bytes or attributes of an inode.
    Content { node: Node, event: ContentEvent },
    /// An inode has lost what held it.
    Evict(Node),
}

/// An open directory.
pub(crate) struct Entered {
    inode: Inode,
    node: Node,
}

/// The chances of events, in percent.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Odds {
    /// That a program's operation happens before an answer.
    pub(crate) race: usize,
    pub(crate) late: usize,
    pub(crate) by_worker: usize,
    /// That what a thread has read is on the way for a while.
    pub(crate) slow_answer: usize,
    /// That a call is answered with an error.
    pub(crate) error: usize,
}

pub(crate) struct Fake {
    tree: Tree,
    pub(crate) kernel: Kernel,
    pub(crate) chance: Chance,
    pub(crate) odds: Odds,
    /// Errors injected so far.
    pub(crate) errors: usize,
    pub(crate) pending: VecDeque<Op>,
    /// How many of the next watches on files cannot be set.
    pub(crate) failing_file_watches: usize,
    /// How many listings succeed before one fails.
    pub(crate) lists_until_failure: Option<usize>,
    /// How long each reading takes, in nanoseconds.
    pub(crate) reading_takes: u64,
    /// Whether no file can be read now, as if each had a lease.
    pub(crate) is_busy: bool,
    /// The extended attributes of every entry, or why they cannot be read.
    pub(crate) xattrs: Result<Vec<Xattr>, FsError>,
    /// The readings that were ended.
    pub(crate) cancelled: Vec<Ticket>,
    /// Whether a write by a name that was removed must be reported under the other names too.
    pub(crate) expects_writes_by_unlinked_names: bool,
    /// What happened, in order: shown when a test fails.
    pub(crate) journal: Vec<String>,
    /// Changes whose events may be queued later than they happened.
    late: VecDeque<Note>,
    handles: [Option<Handle>; SLOTS],
    truncation: Option<Truncation>,
    /// The outermost PATHs, whatever their names are now.
    roots: Vec<Node>,
    held: Vec<Rc<Entered>>,
    /// Open directories, to be closed when nobody holds them any longer.
    closing: Vec<Rc<Entered>>,
    /// The limit of directories held open: one more closes all others.
    pub(crate) most_held: usize,
    worker_reads: BTreeMap<Ticket, WorkerRead>,
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

impl Fake {
    pub(crate) fn new(seed: u64, wall: i64) -> Self {
        Self {
            tree: Tree::new(wall),
            kernel: Kernel::new(),
            chance: Chance::new(seed),
            odds: Odds::default(),
            errors: 0,
            pending: VecDeque::new(),
            failing_file_watches: 0,
            lists_until_failure: None,
            reading_takes: 0,
            is_busy: false,
            xattrs: Ok(Vec::new()),
            cancelled: Vec::new(),
            expects_writes_by_unlinked_names: false,
            journal: Vec::new(),
            late: VecDeque::new(),
            handles: [None; SLOTS],
            truncation: None,
            roots: Vec::new(),
            held: Vec::new(),
            closing: Vec::new(),
            most_held: usize::MAX,
            worker_reads: BTreeMap::new(),
        }
    }

    fn note_down(&mut self, what: &str, at: Target<'_, Rc<Entered>>) {
        let name = match at {
            Target::Root(name) | Target::In(_, name) => String::from_utf8_lossy(name).into_owned(),
        };
        let dir = match at {
            Target::Root(_) => None,
            Target::In(dir, _) => Some(dir.inode.ino),
        };
        let found = self.find(at).map(|node| self.tree.inode(node).ino);
        self.journal
            .push(format!("      {what} {dir:?}/{name} is {found:?}"));
    }

    /// Names that differ in case alone are one from now on.
    pub(crate) fn ignore_case(&mut self) {
        self.tree.ignores_case = true;
    }

    /// The names that are there when the watch begins are known.
    pub(crate) fn see_all(&mut self) {
        self.tree.see_all();
    }

    pub(crate) fn set_time(&mut self, wall: i64) {
        self.end_long_truncation(wall);
        self.tree.wall = wall;
    }

    /// Makes what is at `path` now a PATH.
    pub(crate) fn build(&mut self, path: &[u8]) -> Option<Node> {
        let node = self.tree.at(path)?;
        let tree = &self.tree;
        self.roots.retain(|&root| !tree.is_within(root, node));
        self.roots.push(node);
        Some(node)
    }

    /// Whether a directory is below a PATH.
    fn shows_progress(&self, dir: Node) -> bool {
        self.roots
            .iter()
            .any(|root| self.tree.is_within(dir, *root))
    }

    // From operations to events.

    /// Queues the events of changed names at once: Linux keeps their directories locked until
    /// then.
    fn names(&mut self, notes: Vec<Note>) {
        self.tell_late();
        if self.chance.happens(self.odds.late) {
            self.late.extend(notes);
        } else {
            notes.into_iter().for_each(|note| self.note(note));
        }
    }

    /// Queues the events of changed bytes or attributes, perhaps later: Linux locks nothing, so
    /// the name in the event may be an old one when it comes.
    fn content(&mut self, dentry: Dentry, event: ContentEvent) {
        let body = self.tree.dentry(dentry);
        let (dir, name, node) = (body.dir, body.name.clone(), body.node);
        let is_reported_late = |note: &Note| matches!(note, Note::Name { dir: at, name: other, .. } if (*at, other) == (dir, &name));
        if self.late.iter().any(is_reported_late) {
            self.tell_late();
        }
        let is_dir = self.tree.is_dir(node);
        let notes = [
            Note::Name {
                dir,
                name,
                is_dir,
                event: NameEvent::Content(event),
            },
            Note::Content { node, event },
        ];
        if self.tree.node(node).nlink == 1 && self.chance.happens(self.odds.late) {
            self.late.extend(notes);
        } else {
            notes.into_iter().for_each(|note| self.note(note));
        }
    }

    pub(crate) fn tell_late(&mut self) {
        while let Some(note) = self.late.pop_front() {
            self.note(note);
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Name {
                dir,
                name,
                is_dir,
                event,
            } => self.kernel.name(dir, &name, is_dir, event),
            // Only the watch of a directory asks for IN_MOVE_SELF.
            Note::MoveSelf(node) if !self.tree.is_dir(node) => {}
            Note::MoveSelf(node) => self.kernel.move_self(node),
            Note::Content { node, event } => {
                let is_asked = match event {
                    ContentEvent::Attrib => true,
                    ContentEvent::Modify | ContentEvent::CloseWrite => !self.tree.is_dir(node),
                };
                if is_asked {
                    self.kernel.content(node, event);
                }
            }
            Note::Evict(node) => {
                if self.tree.evict(node) {
                    self.kernel.evict(node, self.tree.is_dir(node));
                }
            }
        }
    }

    /// Fails, by chance, with an error. "Not found" is among the errors only where the rules
    /// conclude nothing from it (`!is_conclusive`).
    fn fail(&mut self, is_conclusive: bool) -> Result<(), FsError> {
        if !self.chance.happens(self.odds.error) {
            return Ok(());
        }
        self.errors += 1;
        let error = match self.chance.below(if is_conclusive { 7 } else { 8 }) {
            0 => FsError::PermissionDenied,
            1 => FsError::WatchLimit,
            2 => FsError::Io("injected".into()),
            3 => FsError::Busy,
            4 => FsError::Stalled,
            5 => FsError::NoDescriptor,
            6 => FsError::Unanswered,
            _ => FsError::NotFound,
        };
        self.journal.push(format!("      fails: {error:?}"));
        Err(error)
    }

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

    pub(crate) fn shut_all(&mut self) {
        for slot in 0..SLOTS {
            self.perform(Op::Shut(slot));
        }
        self.tell_late();
    }

    /// All names below a PATH as they are on the disk: path, kind and inode.
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

    /// What a path from the root leads to.
    pub(crate) fn at(&self, path: &[u8]) -> Option<Node> {
        self.tree.at(path)
    }

    /// The names in a directory, in their order.
    pub(crate) fn list(&self, dir: Node) -> Vec<(Vec<u8>, Node)> {
        let names = self.tree.names(dir).into_iter().flatten();
        names
            .map(|(name, dentry)| (name.clone(), self.tree.dentry(*dentry).node))
            .collect()
    }

    pub(crate) fn time(&self) -> i64 {
        self.tree.wall
    }

    /// statx(2).
    pub(crate) fn stat(&self, node: Node) -> Stat {
        self.tree.stat(node)
    }

    pub(crate) fn is_readable(&self, node: Node) -> bool {
        self.tree.node(node).is_readable
    }

    /// Whether a file was changed by a name that is gone, and was never stat'ed.
    pub(crate) fn is_changed_unseen(&self, node: Node) -> bool {
        self.tree.node(node).is_changed_unseen
    }

    /// Whether no event could have shown that a file's bytes changed under all its names.
    pub(crate) fn is_excused(&self, node: Node) -> bool {
        self.tree.node(node).is_excused
    }

    /// Whether a file was written to, or its mode changed, while it had several names.
    pub(crate) fn is_changed_by_one_of_many(&self, node: Node) -> bool {
        let body = self.tree.node(node);
        body.has_mode_of_one || !body.writers.is_empty()
    }

    /// Its inode number, with that of the device.
    pub(crate) fn inode(&self, node: Node) -> Inode {
        self.tree.inode(node)
    }
}
