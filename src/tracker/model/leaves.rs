//! Holds the entries that are no directories, and what only regular files have: fingerprint, inode
//! key and digest. Compares nothing, and never asks whether they still hold.
//!
//! Invariant: once inode keys are indexed, every file is found by its own.

use super::arena::Arena;
use super::bit_field::BitField;
use super::by_inode::ByInode;
use super::fingerprint::{Fingerprint, InodeKey, SIZE_BITS};
use super::{Flag, Id, Knowledge, Model, Node};
use crate::change::{Digest, Kind};

/// Digests are allocated for this many files together, so that they take no memory where none is
/// known.
const CHUNK: usize = 128;

/// The size's part of a file's fingerprint is in the highest bits of its node.
const SIZE: BitField = BitField::new(32 - SIZE_BITS, SIZE_BITS);

/// The value of an inode key for a file whose status was never stored.
const NO_KEY: u64 = 0;

/// Digests of consecutive files.
struct Chunk {
    /// How many are known.
    used: usize,
    digests: [Digest; CHUNK],
}

/// For each entry 20 bytes, and 16 for fingerprint and inode key, which only files use; 32 bytes
/// for a digest, allocated by [`CHUNK`].
#[derive(Default)]
pub(super) struct Leaves {
    pub(super) all: Arena<Node>,
    /// [`Fingerprint::state`] of each.
    states: Vec<u64>,
    /// The inode key of each; of a file that waits for the baseline, its listed inode number.
    inodes: Vec<u64>,
    /// `None`: no digest of the chunk is known.
    digests: Vec<Option<Box<Chunk>>>,
    /// Made when it is first needed, which most trees never do.
    by_inode: Option<ByInode>,
}

impl Leaves {
    /// Adds an entry of which nothing is known but its node.
    pub(super) fn add(&mut self, node: Node) -> Id {
        let at = self.all.add(node);
        if at == self.states.len() {
            self.states.push(0);
            self.inodes.push(NO_KEY);
        } else {
            (self.states[at], self.inodes[at]) = (0, NO_KEY);
        }
        Id::leaf(at)
    }

    /// Gives back the memory of slots that are no longer in use.
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

    /// Forgets all that is known of an entry, and frees its slot.
    pub(super) fn remove_leaf(&mut self, id: Id) {
        if self.kind(id) == Kind::File {
            self.set_knowledge(id, Knowledge::Unverified);
            self.set_key(id, None);
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

    pub(in crate::tracker) fn set_digest(&mut self, id: Id, digest: Option<Digest>) {
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

    /// The fingerprint of a file that was stat'ed.
    pub(super) fn fingerprint(&self, id: Id) -> Fingerprint {
        let at = self.file(id);
        Fingerprint {
            inode: InodeKey(self.leaves.inodes[at]),
            state: self.leaves.states[at],
            size: u8::try_from(self.field(id, SIZE)).expect("it has four bits"),
        }
    }

    pub(super) fn set_fingerprint(&mut self, id: Id, fingerprint: Fingerprint) {
        self.set_key(id, Some(fingerprint.inode));
        let at = self.file(id);
        self.leaves.states[at] = fingerprint.state;
        self.set_field(id, SIZE, fingerprint.size.into());
    }

    /// The listed inode number of a file that waits for the baseline.
    pub(super) fn listed_ino(&self, id: Id) -> u64 {
        self.leaves.inodes[self.file(id)]
    }

    pub(super) fn set_listed_ino(&mut self, id: Id, ino: u64) {
        let at = self.file(id);
        self.leaves.inodes[at] = ino;
    }

    pub(super) fn forget_listed_ino(&mut self, id: Id) {
        self.set_listed_ino(id, NO_KEY);
    }

    /// `None`: the status of the file was never stored.
    pub(in crate::tracker) fn inode_key(&self, id: Id) -> Option<InodeKey> {
        let key = self.leaves.inodes[self.file(id)];
        (!self.is_unread(id) && key != NO_KEY).then_some(InodeKey(key))
    }

    /// Sets the inode key of a file, in the index, too.
    pub(super) fn set_key(&mut self, id: Id, key: Option<InodeKey>) {
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
            inodes[id.index()] = key.map_or(NO_KEY, |key| key.0);
            if let Some(key) = key {
                index.insert(inodes, id, key);
            }
        } else {
            inodes[id.index()] = key.map_or(NO_KEY, |key| key.0);
        }
    }

    /// Whether a file may have several names: then there is an index by inode key.
    pub(in crate::tracker) fn has_linked_files(&self) -> bool {
        self.leaves.by_inode.is_some()
    }

    /// Makes the index of files by inode key, if there is none yet.
    pub(in crate::tracker) fn index_inode_keys(&mut self) {
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

    /// The names of an inode; none before the index is made.
    pub(in crate::tracker) fn with_inode_key(&self, key: InodeKey) -> &[Id] {
        let index = self.leaves.by_inode.as_ref();
        index.map_or(&[], |index| index.names(&self.leaves.inodes, key))
    }

    /// A name of an inode, at each call the one after that of the last call.
    pub(in crate::tracker) fn next_with_inode_key(&mut self, key: InodeKey) -> Option<Id> {
        let index = self.leaves.by_inode.as_mut()?;
        index.next_name(&self.leaves.inodes, key)
    }
}
