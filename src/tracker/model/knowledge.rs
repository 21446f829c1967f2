//! Keeps what is known of a regular file's content, as one state in a few bits. Decides nothing.
//!
//! Invariant: the listed inode number is kept in `Unread` only, and a fingerprint counts in `Known`
//! and `Unreadable` only; the inode key is kept until another inode has the name.

use super::bit_field::BitField;
use super::fingerprint::{Fingerprint, InodeKey};
use super::{Id, Model};

/// Who reads a file for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum FirstReader {
    Baseline,
    /// The baseline does not, or what it read does not count.
    WorkQueue,
}

/// Beside it, [`Model::digest`] is the digest last reported, and [`Evidence`](super::Evidence) what
/// has happened since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum Knowledge {
    /// It was reported without a statx(2), or another inode has its name by now: it is to be read,
    /// whatever its status is.
    Unverified,
    /// The first walk found it in a listing, with this inode number (0: unknown).
    Unread { ino: u64, reader: FirstReader },
    /// It was stat'ed, and read if there is a digest. Racy: so soon after its last change that
    /// the same fingerprint does not prove the same content.
    Known {
        fingerprint: Fingerprint,
        is_racy: bool,
    },
    /// The last reading failed. The fingerprint is without ctime.
    Unreadable { fingerprint: Fingerprint },
}

impl Knowledge {
    /// The fingerprint of a file that was stat'ed.
    pub(in crate::tracker) fn fingerprint(self) -> Option<Fingerprint> {
        match self {
            Self::Known { fingerprint, .. } | Self::Unreadable { fingerprint } => Some(fingerprint),
            Self::Unverified | Self::Unread { .. } => None,
        }
    }
}

const STATE: BitField = BitField::new(25, 2);

/// [`STATE`] of [`Knowledge::Unread`].
const UNREAD: u32 = 1;

/// [`STATE`] of [`Knowledge::Unreadable`].
const UNREADABLE: u32 = 3;

/// Set for [`FirstReader::WorkQueue`], and for `is_racy`.
const DOUBT: BitField = BitField::new(15, 1);

impl Model {
    pub(in crate::tracker) fn knowledge(&self, id: Id) -> Knowledge {
        let doubt = self.field(id, DOUBT) != 0;
        match self.field(id, STATE) {
            0 => Knowledge::Unverified,
            UNREAD => Knowledge::Unread {
                ino: self.listed_ino(id),
                reader: if doubt {
                    FirstReader::WorkQueue
                } else {
                    FirstReader::Baseline
                },
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
            Knowledge::Unverified => (0, false),
            Knowledge::Unread { ino, reader } => {
                self.set_key(id, None);
                self.set_listed_ino(id, ino);
                (UNREAD, reader == FirstReader::WorkQueue)
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

    /// Whether nothing is stored of it but the inode number that the first walk listed.
    pub(crate) fn is_unread(&self, id: Id) -> bool {
        self.field(id, STATE) == UNREAD
    }

    pub(crate) fn is_unreadable(&self, id: Id) -> bool {
        self.field(id, STATE) == UNREADABLE
    }

    /// If a file waits for the baseline, leaves it to be read when it is reconciled.
    pub(in crate::tracker) fn leave_to_work_queue(&mut self, id: Id) {
        if self.is_unread(id) {
            self.set_field(id, DOUBT, 1);
        }
    }

    /// Marks the fingerprint of a file as racy.
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

    /// Sets the inode of a file; forgets what is known if that was of another one. Does nothing to
    /// a file that waits for the baseline, of which the listed inode number is kept instead.
    pub(in crate::tracker) fn set_inode_key(&mut self, id: Id, key: InodeKey) {
        if self.is_unread(id) || self.inode_key(id) == Some(key) {
            return;
        }
        self.set_knowledge(id, Knowledge::Unverified);
        self.set_key(id, Some(key));
    }
}
