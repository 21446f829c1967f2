//! Keeps what is left to be emitted of a subtree, in memory that does not grow with its paths.
//!
//! Emits nothing.

use crate::tracker::model::Id;

/// The paths that a subtree had before it moved or was removed.
pub(in crate::tracker) struct OldPath {
    pub(in crate::tracker) top: Id,
    /// The path of `top`.
    pub(super) shown: Vec<u8>,
}

impl OldPath {
    /// Whether the paths below the top begin with the path of the top and a slash: not so for the
    /// PATH `/`.
    pub(in crate::tracker) fn is_plain(&self) -> bool {
        self.shown != b"/"
    }
}

/// What is emitted of a subtree that is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum Emitted {
    All,
    /// All but the top, which a rename replaces.
    BelowTop,
}

/// A subtree that is emitted in pieces.
pub(super) struct Emission {
    pub(super) old: OldPath,
    pub(super) rest: Rest,
    /// When it became known, in nanoseconds since 1970.
    pub(super) time: i64,
}

/// What is left of a subtree.
pub(super) enum Rest {
    /// It leaves the model, from the leaves up; its top is in a hidden directory meanwhile.
    Removal(Emitted),
    /// It has moved: emitted as deleted, and then as created.
    Moved {
        /// Each entry after its directory.
        all: Vec<Id>,
        /// How many are emitted as deleted, from the end.
        deleted: usize,
        /// How many are emitted as created, from the beginning.
        created: usize,
    },
}
