//! What is known of a regular file's content, as one state in a few bits. What follows from
//! it is for the rules to know.
//!
//! Invariant: every number kept with a file belongs to the state it is in; leaving a state
//! leaves none of its behind.

use super::bit_field::BitField;
use super::fingerprint::{Fingerprint, InodeKey};
use super::{Id, Model};

/// Beside it, `Model::digest` is what was last reported, and `Evidence` what has
/// happened since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum Knowledge {
    /// Reported without a stat(2), or its name leads to another inode by now: whatever is
    /// found there is another.
    Unseen,
    /// The first walk listed it, with that inode number (0: unknown). The baseline
    /// reads it, unless it was missed there.
    Unread { ino: u64, is_missed: bool },
    /// Stat'ed, and read if there is a digest. Racy: so soon after its last change that
    /// the fingerprint proves nothing.
    Known {
        fingerprint: Fingerprint,
        is_racy: bool,
    },
    /// The last reading failed; the fingerprint is without ctime.
    Unreadable { fingerprint: Fingerprint },
}

const STATE: BitField = BitField::new(25, 2);

/// [`STATE`] of [`Knowledge::Unread`].
const UNREAD: u32 = 1;

/// [`STATE`] of [`Knowledge::Unreadable`].
const UNREADABLE: u32 = 3;

/// Missed, or racy.
const DOUBT: BitField = BitField::new(15, 1);

impl Model {
    pub(in crate::tracker) fn knowledge(&self, id: Id) -> Knowledge {
        let doubt = self.field(id, DOUBT) != 0;
        match self.field(id, STATE) {
            0 => Knowledge::Unseen,
            UNREAD => Knowledge::Unread {
                ino: self.listed_ino(id),
                is_missed: doubt,
            },
            2 => Knowledge::Known {
                fingerprint: self.fingerprint(id),
                is_racy: doubt,
            },
            _ => Knowledge::Unreadable {
                fingerprint: self.fingerprint(id),
            },
        }
    }

    pub(in crate::tracker) fn set_knowledge(&mut self, id: Id, new: Knowledge) {
        if self.is_unread(id) {
            self.forget_listed_ino(id);
        }
        let (state, doubt) = match new {
            Knowledge::Unseen => (0, false),
            Knowledge::Unread { ino, is_missed } => {
                self.set_key(id, None);
                self.set_listed_ino(id, ino);
                (UNREAD, is_missed)
            }
            Knowledge::Known {
                fingerprint,
                is_racy,
            } => {
                self.set_fingerprint(id, fingerprint);
                (2, is_racy)
            }
            Knowledge::Unreadable { fingerprint } => {
                self.set_fingerprint(id, fingerprint);
                (UNREADABLE, false)
            }
        };
        self.set_field(id, STATE, state);
        self.set_field(id, DOUBT, u32::from(doubt));
    }

    /// Whether it was never stat'ed since the first walk listed it.
    pub(crate) fn is_unread(&self, id: Id) -> bool {
        self.field(id, STATE) == UNREAD
    }

    pub(crate) fn is_unreadable(&self, id: Id) -> bool {
        self.field(id, STATE) == UNREADABLE
    }

    /// If it waits for the baseline, it is read when it is reconciled instead.
    pub(crate) fn mark_missed(&mut self, id: Id) {
        if self.is_unread(id) {
            self.set_field(id, DOUBT, 1);
        }
    }

    /// Its fingerprint proves nothing.
    pub(in crate::tracker) fn mark_racy(&mut self, id: Id) {
        if let Knowledge::Known { fingerprint, .. } = self.knowledge(id) {
            let is_racy = true;
            self.set_knowledge(
                id,
                Knowledge::Known {
                    fingerprint,
                    is_racy,
                },
            );
        }
    }

    /// Its inode is known, if not what it holds: what is known of another one
    /// is void. Of a file that waits for the baseline, the listed number is kept instead.
    pub(in crate::tracker) fn set_inode_key(&mut self, id: Id, key: InodeKey) {
        if self.is_unread(id) || self.inode_key(id) == Some(key) {
            return;
        }
        self.set_knowledge(id, Knowledge::Unseen);
        self.set_key(id, Some(key));
    }
}
