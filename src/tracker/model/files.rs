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
    prints: Vec<u64>,
    /// Of inode and birth: the same under another name; 0: never looked at.
    idents: Vec<u32>,
    /// Digests, where one of the chunk is known.
    digests: Vec<Option<Box<[Digest; CHUNK]>>>,
    /// Places that are free.
    free: Vec<u32>,
    /// Entries by identity, from when that is first needed: most trees never do.
    by_ident: Option<Table>,
}

impl Files {
    /// A file of which nothing is known.
    pub(super) fn add(&mut self) -> u32 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        self.prints.push(0);
        self.idents.push(0);
        u32::try_from(self.prints.len() - 1).expect("fewer than four billion names")
    }

    /// Keeps a digest.
    fn set_digest(&mut self, at: usize, digest: Digest) {
        if self.digests.len() <= at / CHUNK {
            self.digests.resize_with(at / CHUNK + 1, || None);
        }
        let chunk = self.digests[at / CHUNK].get_or_insert_with(|| Box::new([[0; 32]; CHUNK]));
        chunk[at % CHUNK] = digest;
    }
}

impl Model {
    /// Where a file's body is.
    fn file(&self, id: Id) -> usize {
        debug_assert_eq!(self.kind(id), Kind::File, "only a file has this");
        self.entry(id).body as usize
    }

    /// Forgets all that is known of it, and gives its body back.
    pub(super) fn forget_file(&mut self, id: Id) {
        self.set_print(id, 0, 0);
        self.set_digest(id, None);
        self.files.free.push(self.entry(id).body);
    }

    /// The digest last reported.
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

    /// Sets it.
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
    pub(crate) fn print(&self, id: Id) -> u64 {
        if self.has(id, Flag::AWAITED) {
            0
        } else {
            self.files.prints[self.file(id)]
        }
    }

    /// The walk has seen a file's name, and this inode number with it: 0 if it was not told.
    pub(crate) fn await_reading(&mut self, id: Id, ino: u64) {
        self.set(id, Flag::AWAITED);
        let at = self.file(id);
        self.files.prints[at] = ino;
    }

    /// The inode number under which the walk saw a file that nobody has read yet.
    pub(crate) fn seen_as(&self, id: Id) -> Option<u64> {
        let ino = self.files.prints[self.file(id)];
        (self.has(id, Flag::AWAITED) && ino != 0).then_some(ino)
    }

    /// Its identity under any name; 0 when it was never looked at.
    pub(crate) fn ident(&self, id: Id) -> u32 {
        self.files.idents[self.file(id)]
    }

    /// Sets both: it was looked at.
    pub(crate) fn set_print(&mut self, id: Id, print: u64, ident: u32) {
        self.clear(id, Flag::AWAITED);
        let at = self.file(id);
        self.files.prints[at] = print;
        self.set_ident(id, ident);
    }

    /// Sets its identity alone.
    pub(crate) fn set_ident(&mut self, id: Id, ident: u32) {
        let (at, old) = (self.file(id), self.ident(id));
        if old == ident {
            return;
        }
        self.files.idents[at] = ident;
        let seed = self.seed;
        let Some(table) = &mut self.files.by_ident else {
            return;
        };
        if old != 0 {
            table.remove(hash(seed, old, b""), id.0);
        }
        if ident != 0 {
            table.insert(hash(seed, ident, b""), id.0);
        }
    }

    /// From now on files are found by their identity.
    pub(crate) fn index_idents(&mut self) {
        if self.files.by_ident.is_some() {
            return;
        }
        let mut table = Table::default();
        for id in self.all().filter(|&id| self.kind(id) == Kind::File) {
            let ident = self.ident(id);
            if ident != 0 {
                table.insert(hash(self.seed, ident, b""), id.0);
            }
        }
        self.files.by_ident = Some(table);
    }

    /// The files of that identity, once they are indexed.
    pub(crate) fn with_ident(&self, ident: u32) -> Vec<Id> {
        let Some(table) = self.files.by_ident.as_ref().filter(|_| ident != 0) else {
            return Vec::new();
        };
        let found = table.find_all(hash(self.seed, ident, b""), |id| {
            self.ident(Id(id)) == ident
        });
        found.into_iter().map(Id).collect()
    }
}
