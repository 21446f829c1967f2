//! What an entry is, in one word: its kind in the lowest two bits, and what is a fact about it
//! or not, a bit each. `presence`, of directories `case_folding` and, of files, `evidence`,
//! `knowledge` and the size of the fingerprint have bits in it, too. What follows from a flag
//! is for the rules to know.

use super::{Id, Model};
use crate::change::Kind;

/// Facts about an entry that are one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flag(u32);

impl Flag {
    pub(crate) const ROOT: Self = Self(1 << 2);
    /// In the index of files with several names.
    pub(crate) const LINKED: Self = Self(1 << 8);
    /// Never emitted.
    pub(crate) const HIDDEN: Self = Self(1 << 13);
    /// A directory that may not be read, which has been reported. It may have a watch: the
    /// permissions may have changed since that was set.
    pub(crate) const UNREADABLE: Self = Self(1 << 14);
    /// A directory of which only some names are watched (a PATH that is a file).
    pub(crate) const PARTIAL: Self = Self(1 << 17);
    /// A name in the directory is a PATH, and is shown as that.
    pub(crate) const HAS_FILE_ROOT: Self = Self(1 << 21);
    pub(crate) const DIGESTED: Self = Self(1 << 24);
}

impl Model {
    pub(crate) fn kind(&self, id: Id) -> Kind {
        match self.node(id).bits & 3 {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Symlink,
            _ => Kind::Other,
        }
    }

    pub(crate) fn has(&self, id: Id, flag: Flag) -> bool {
        self.node(id).bits & flag.0 != 0
    }

    pub(crate) fn set(&mut self, id: Id, flag: Flag) {
        self.node_mut(id).bits |= flag.0;
    }

    /// Clears a flag; whether it was set.
    pub(crate) fn clear(&mut self, id: Id, flag: Flag) -> bool {
        let was = self.has(id, flag);
        self.node_mut(id).bits &= !flag.0;
        was
    }
}

pub(super) fn kind_bits(kind: Kind) -> u32 {
    match kind {
        Kind::File => 0,
        Kind::Directory => 1,
        Kind::Symlink => 2,
        Kind::Other => 3,
    }
}
