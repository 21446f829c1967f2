//! What is no directory, and what only regular files have: a fingerprint, an inode key and
//! a digest. Compares nothing, and never asks whether they still hold.
//!
//! Invariant: once inode keys are indexed, a file is found by its own.

use super::arena::Arena;
use super::by_inode::ByInode;
use super::fingerprint::{Fingerprint, InodeKey, SIZE_BITS, UNMATCHED};
use super::{Flag, Id, Model, Node};
use crate::change::{Digest, Kind};

/// Digests are kept by so many, so that where none is known none takes room.
const CHUNK: usize = 128;

/// The size's part of a file's fingerprint is in the highest bits of its node.
const SIZE_SHIFT: u32 = 32 - SIZE_BITS;

/// A file that nobody has looked at has no fingerprint.
const NEVER: u64 = 0;

/// Digests of consecutive files.
struct Chunk {
    /// How many are known.
    used: usize,
    digests: [Digest; CHUNK],
}

/// 20 bytes each, 16 for a fingerprint, and 32 for a digest.
#[derive(Default)]
pub(super) struct Leaves {
    pub(super) all: Arena<Node>,
    /// Of size and times.
    states: Vec<u64>,
    /// Inode keys; of files that nobody has looked at, the inode number that was listed.
    inodes: Vec<u64>,
    /// Digests, where one of the chunk is known.
    digests: Vec<Option<Box<Chunk>>>,
    /// From when it is first needed: most trees never do.
    by_inode: Option<ByInode>,
}

impl Leaves {
    /// An entry of which nothing is known but its node.
    pub(super) fn add(&mut self, node: Node) -> Id {
        let at = self.all.add(node);
        if at == self.states.len() {
            self.states.push(NEVER);
            self.inodes.push(0);
        } else {
            (self.states[at], self.inodes[at]) = (NEVER, 0);
        }
        Id::leaf(at)
    }

    /// Gives back what is kept for numbers that are no longer in use.
    fn shrink(&mut self) {
        let end = self.all.end();
        for column in [&mut self.states, &mut self.inodes] {
            column.truncate(end);
            column.shrink_to(end + end / 4);
        }
        self.digests.truncate(end.div_ceil(CHUNK));
    }

    fn set_digest(&mut self, at: usize, digest: Digest, is_first: bool) {
        if self.digests.len() <= at / CHUNK {
            self.digests.resize_with(at / CHUNK + 1, || None);
        }
        let chunk = self.digests[at / CHUNK].get_or_insert_with(|| {
            Box::new(Chunk {
                used: 0,
                digests: [[0; 32]; CHUNK],
            })
        });
        chunk.used += usize::from(is_first);
        chunk.digests[at % CHUNK] = digest;
    }

    fn forget_digest(&mut self, at: usize) {
        if let Some(slot) = self.digests.get_mut(at / CHUNK)
            && let Some(chunk) = slot
        {
            chunk.used -= 1;
            if chunk.used == 0 {
                *slot = None;
            }
        }
    }
}

impl Model {
    fn file(&self, id: Id) -> usize {
        debug_assert_eq!(self.kind(id), Kind::File, "only a file has this");
        id.index()
    }

    /// Forgets all that is known of it, and frees its slot.
    pub(super) fn remove_leaf(&mut self, id: Id) {
        if self.kind(id) == Kind::File {
            self.set_indexed_key(id, None);
            self.set_digest(id, None);
        }
        if self.leaves.all.remove(id.index()) {
            self.leaves.shrink();
        }
    }

    /// The digest last reported.
    pub(crate) fn digest(&self, id: Id) -> Option<Digest> {
        let at = self.file(id);
        if !self.has(id, Flag::DIGESTED) {
            return None;
        }
        let chunk = self.leaves.digests.get(at / CHUNK)?.as_ref();
        chunk.map(|chunk| chunk.digests[at % CHUNK])
    }

    pub(crate) fn set_digest(&mut self, id: Id, digest: Option<Digest>) {
        let at = self.file(id);
        let had_one = self.clear(id, Flag::DIGESTED);
        match digest {
            Some(digest) => {
                self.leaves.set_digest(at, digest, !had_one);
                self.set(id, Flag::DIGESTED);
            }
            None if had_one => self.leaves.forget_digest(at),
            None => {}
        }
    }

    /// Its fingerprint; `None` when it was never looked at.
    pub(in crate::tracker) fn fingerprint(&self, id: Id) -> Option<Fingerprint> {
        let at = self.file(id);
        let state = self.leaves.states[at];
        (state != NEVER).then(|| Fingerprint {
            inode: InodeKey(self.leaves.inodes[at]),
            state,
            size: (self.node(id).bits >> SIZE_SHIFT) as u8,
        })
    }

    /// It was looked at.
    pub(in crate::tracker) fn set_fingerprint(&mut self, id: Id, fingerprint: Fingerprint) {
        self.end_baseline_pending(id);
        self.set_indexed_key(id, Some(fingerprint.inode));
        self.set_state(id, fingerprint.state, fingerprint.size);
    }

    /// It was reported without a look at it.
    pub(in crate::tracker) fn set_unmatched(&mut self, id: Id) {
        self.end_baseline_pending(id);
        self.set_indexed_key(id, None);
        self.set_state(id, UNMATCHED, 0);
    }

    fn set_state(&mut self, id: Id, state: u64, size: u8) {
        let at = self.file(id);
        self.leaves.states[at] = state;
        let bits = &mut self.node_mut(id).bits;
        *bits &= (1 << SIZE_SHIFT) - 1;
        *bits |= u32::from(size) << SIZE_SHIFT;
    }

    /// The walk has seen a file's name, and this inode number with it: 0 if it was not told.
    pub(crate) fn set_baseline_pending(&mut self, id: Id, ino: u64) {
        let at = self.file(id);
        self.set(id, Flag::BASELINE_PENDING);
        self.leaves.inodes[at] = ino;
    }

    /// The number that the walk saw is kept no longer.
    fn end_baseline_pending(&mut self, id: Id) {
        if self.clear(id, Flag::BASELINE_PENDING) {
            self.leaves.inodes[id.index()] = 0;
        }
    }

    /// The inode number under which the walk saw a file that nobody has read yet.
    pub(crate) fn seen_as(&self, id: Id) -> Option<u64> {
        let ino = self.leaves.inodes[self.file(id)];
        (self.has(id, Flag::BASELINE_PENDING) && ino != 0).then_some(ino)
    }

    /// What its inode is known by under any name; `None` when it was never looked at.
    pub(in crate::tracker) fn inode_key(&self, id: Id) -> Option<InodeKey> {
        let key = self.leaves.inodes[self.file(id)];
        (!self.has(id, Flag::BASELINE_PENDING) && key != 0).then_some(InodeKey(key))
    }

    /// A look has told which inode it is, if not what it holds: the fingerprint of another
    /// one is void. Of a file that waits for the baseline, the number that the walk saw is
    /// kept instead.
    pub(in crate::tracker) fn set_inode_key(&mut self, id: Id, key: InodeKey) {
        if self.has(id, Flag::BASELINE_PENDING) {
            return;
        }
        let at = self.file(id);
        if self.leaves.states[at] != NEVER && self.inode_key(id) != Some(key) {
            self.leaves.states[at] = UNMATCHED;
        }
        self.set_indexed_key(id, Some(key));
    }

    fn set_indexed_key(&mut self, id: Id, key: Option<InodeKey>) {
        let old = self.inode_key(id);
        if old == key {
            return;
        }
        let Leaves {
            inodes, by_inode, ..
        } = &mut self.leaves;
        if let Some(index) = by_inode {
            if let Some(old) = old {
                index.remove(inodes, id, old);
            }
            inodes[id.index()] = key.map_or(0, |key| key.0);
            if let Some(key) = key {
                index.insert(inodes, id, key);
            }
        } else {
            inodes[id.index()] = key.map_or(0, |key| key.0);
        }
    }

    /// From now on files are found by their inodes.
    pub(crate) fn index_inode_keys(&mut self) {
        if self.leaves.by_inode.is_some() {
            return;
        }
        let mut index = ByInode::default();
        for (at, _) in self.leaves.all.live() {
            let id = Id::leaf(at);
            if self.kind(id) == Kind::File
                && let Some(key) = self.inode_key(id)
            {
                index.insert(&self.leaves.inodes, id, key);
            }
        }
        self.leaves.by_inode = Some(index);
    }

    /// The names of an inode, once they are indexed.
    pub(in crate::tracker) fn with_inode_key(&self, key: InodeKey) -> &[Id] {
        let index = self.leaves.by_inode.as_ref();
        index.map_or(&[], |index| index.names(&self.leaves.inodes, key))
    }
}
