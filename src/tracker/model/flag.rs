//! Keeps the kind of an entry, in the lowest two bits of its word, and its flags, a bit each.
//! Decides nothing. The bits of the word, with the file that has each field:
//!
//! | bits | | bits | |
//! | --- | --- | --- | --- |
//! | 0, 1 | kind | 18, 19 | `case_folding` (directories) |
//! | 2 | `ROOT` | 20 | `SHARED` |
//! | 4 to 7 | `evidence` (files) | 21 | `HAS_FILE_ROOT` |
//! | 8 | `LINKED` | 22, 23 | `presence` |
//! | 13, 14 | `HIDDEN`, `UNREADABLE` | 24 | `DIGESTED` |
//! | 15 | `knowledge` (doubt) | 25, 26 | `knowledge` (state) |
//! | | | 28 to 31 | `leaves` (size of the fingerprint) |

use super::{Id, Model};
use crate::change::Kind;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flag(u32);

impl Flag {
    /// A PATH, or the directory of one that is a single file.
    pub(crate) const ROOT: Self = Self(1 << 2);
    /// A file that may have other names: its link count is above 1, or it was made with O_TMPFILE.
    pub(crate) const LINKED: Self = Self(1 << 8);
    /// It is not emitted.
    pub(crate) const HIDDEN: Self = Self(1 << 13);
    /// A directory that may not be read, about which a warning was written. It may have a watch: the
    /// permissions may have changed since that was set.
    pub(crate) const UNREADABLE: Self = Self(1 << 14);
    /// A directory in which a name is a PATH, and is reported by that.
    pub(crate) const HAS_FILE_ROOT: Self = Self(1 << 21);
    /// A directory to which, or to a file in which, a PATH leads that another PATH reports.
    pub(crate) const SHARED: Self = Self(1 << 20);
    /// A file whose digest is known.
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

    pub(in crate::tracker) fn set(&mut self, id: Id, flag: Flag) {
        self.node_mut(id).bits |= flag.0;
    }

    /// Clears a flag; whether it was set.
    pub(in crate::tracker) fn clear(&mut self, id: Id, flag: Flag) -> bool {
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
