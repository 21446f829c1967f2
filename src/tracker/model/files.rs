//! What only regular files have: a fingerprint, an identity and a digest. Compares
//! nothing, and never asks whether they still hold.
//!
//! Invariant: once identities are indexed, a file is found by its own.

use super::{Flag, Id, Model};
use crate::change::{Digest, Kind};
use crate::tracker::table::{Table, hash};

/// Digests are kept by so many, so that where none is known none takes room.
const CHUNK: usize = 128;

/// The files' bodies: 12 bytes each, and 32 for a digest.
#[derive(Default)]
pub(super) struct Files {
    /// Fingerprints of inode, size and times; 0: never looked at.
    fingerprints: Vec<u64>,
    /// Of inode and birth: the same under another name; 0: never looked at.
    inode_keys: Vec<u32>,
    /// Digests, where one of the chunk is known.
    digests: Vec<Option<Box<[Digest; CHUNK]>>>,
    free: Vec<u32>,
    /// Entries by identity, from when that is first needed: most trees never do.
    by_inode_key: Option<Table>,
}

impl Files {
    /// A file of which nothing is known.
    pub(super) fn add(&mut self) -> u32 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        self.fingerprints.push(0);
        self.inode_keys.push(0);
        u32::try_from(self.fingerprints.len() - 1).expect("fewer than four billion names")
    }

    fn set_digest(&mut self, at: usize, digest: Digest) {
        if self.digests.len() <= at / CHUNK {
            self.digests.resize_with(at / CHUNK + 1, || None);
        }
        let chunk = self.digests[at / CHUNK].get_or_insert_with(|| Box::new([[0; 32]; CHUNK]));
        chunk[at % CHUNK] = digest;
    }
}

impl Model {
    fn file(&self, id: Id) -> usize {
        debug_assert_eq!(self.kind(id), Kind::File, "only a file has this");
        self.entry(id).body as usize
    }

    /// Forgets all that is known of it, and gives its body back.
    pub(super) fn forget_file(&mut self, id: Id) {
        self.set_fingerprint(id, 0, 0);
        self.set_digest(id, None);
        self.files.free.push(self.entry(id).body);
    }

    pub(crate) fn digest(&self, id: Id) -> Option<Digest> {
        let at = self.file(id);
        if !self.has(id, Flag::DIGESTED) {
            return None;
        }
        self.files
            .digests
            .get(at / CHUNK)?
            .as_ref()
            .map(|chunk| chunk[at % CHUNK])
    }

    pub(crate) fn set_digest(&mut self, id: Id, digest: Option<Digest>) {
        let at = self.file(id);
        if let Some(digest) = digest {
            self.files.set_digest(at, digest);
            self.set(id, Flag::DIGESTED);
        } else {
            self.clear(id, Flag::DIGESTED);
        }
    }

    /// Its fingerprint; 0 when it was never looked at.
    pub(crate) fn fingerprint(&self, id: Id) -> u64 {
        if self.has(id, Flag::BASELINE_PENDING) {
            0
        } else {
            self.files.fingerprints[self.file(id)]
        }
    }

    /// The walk has seen a file's name, and this inode number with it: 0 if it was not told.
    pub(crate) fn set_baseline_pending(&mut self, id: Id, ino: u64) {
        self.set(id, Flag::BASELINE_PENDING);
        let at = self.file(id);
        self.files.fingerprints[at] = ino;
    }

    /// The inode number under which the walk saw a file that nobody has read yet.
    pub(crate) fn seen_as(&self, id: Id) -> Option<u64> {
        let ino = self.files.fingerprints[self.file(id)];
        (self.has(id, Flag::BASELINE_PENDING) && ino != 0).then_some(ino)
    }

    /// Its identity under any name; 0 when it was never looked at.
    pub(crate) fn inode_key(&self, id: Id) -> u32 {
        self.files.inode_keys[self.file(id)]
    }

    /// Sets both: it was looked at.
    pub(crate) fn set_fingerprint(&mut self, id: Id, print: u64, inode_key: u32) {
        self.clear(id, Flag::BASELINE_PENDING);
        let at = self.file(id);
        self.files.fingerprints[at] = print;
        self.set_inode_key(id, inode_key);
    }

    pub(crate) fn set_inode_key(&mut self, id: Id, inode_key: u32) {
        let (at, old) = (self.file(id), self.inode_key(id));
        if old == inode_key {
            return;
        }
        self.files.inode_keys[at] = inode_key;
        let seed = self.seed;
        let Some(table) = &mut self.files.by_inode_key else {
            return;
        };
        if old != 0 {
            table.remove(hash(seed, old, b""), id.0);
        }
        if inode_key != 0 {
            table.insert(hash(seed, inode_key, b""), id.0);
        }
    }

    /// From now on files are found by their identity.
    pub(crate) fn index_inode_keys(&mut self) {
        if self.files.by_inode_key.is_some() {
            return;
        }
        let mut table = Table::default();
        for id in self.all().filter(|&id| self.kind(id) == Kind::File) {
            let inode_key = self.inode_key(id);
            if inode_key != 0 {
                table.insert(hash(self.seed, inode_key, b""), id.0);
            }
        }
        self.files.by_inode_key = Some(table);
    }

    /// The files of that identity, once they are indexed.
    pub(crate) fn with_inode_key(&self, inode_key: u32) -> Vec<Id> {
        let Some(table) = self.files.by_inode_key.as_ref().filter(|_| inode_key != 0) else {
            return Vec::new();
        };
        let found = table.find_all(hash(self.seed, inode_key, b""), |id| {
            self.inode_key(Id(id)) == inode_key
        });
        found.into_iter().map(Id).collect()
    }
}
