//! Keeps what happened to a file since it was last read: a set in four bits, kept until a reading
//! takes it, and put back if that fails.

use super::bit_field::BitField;
use super::{Fingerprint, Id, Model};

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::tracker) struct Evidence(u32);

const ALL: BitField = BitField::new(4, 4);

impl Evidence {
    /// `IN_MODIFY`, or other evidence of a write.
    pub(in crate::tracker) const MODIFIED: Self = Self(1);
    /// `IN_CLOSE_WRITE`.
    pub(in crate::tracker) const CLOSED_WRITE: Self = Self(1 << 1);
    /// `IN_ATTRIB`.
    pub(in crate::tracker) const ATTRIB: Self = Self(1 << 2);
    /// Other bytes were read under another name of the same inode.
    pub(in crate::tracker) const OTHER_NAME: Self = Self(1 << 3);
    /// `IN_MODIFY` and `IN_CLOSE_WRITE`.
    pub(in crate::tracker) const WRITE_EVENTS: Self = Self::MODIFIED.union(Self::CLOSED_WRITE);

    pub(in crate::tracker) const OF_EVENTS: Self = Self::WRITE_EVENTS.union(Self::ATTRIB);

    pub(in crate::tracker) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it has any of these.
    pub(in crate::tracker) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(in crate::tracker) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(in crate::tracker) fn without_attrib(self) -> Self {
        self.without(Self::ATTRIB)
    }

    /// Whether the bytes may have been written. `IN_CLOSE_WRITE`, or a reading under another name,
    /// does not count together with `IN_ATTRIB`: touch(1) opens a file for writing, too.
    pub(in crate::tracker) fn may_be_written(self) -> bool {
        self.has(Self::MODIFIED) || self.is_more_than_attrib() && !self.has(Self::ATTRIB)
    }

    /// Whether a file differs from its fingerprint by more than `IN_ATTRIB`, if that came,
    /// explains, and by more than the ctime: a rename, or a hard link, sets that alone.
    pub(in crate::tracker) fn leaves_unexplained(self, old: Fingerprint, new: Fingerprint) -> bool {
        if self.has(Self::ATTRIB) {
            old.is_another(new)
        } else {
            !old.is_same_under_another_name(new)
        }
    }

    /// Whether nothing is known but that other bytes were read under another name.
    pub(in crate::tracker) fn is_only_other_name(self) -> bool {
        self == Self::OTHER_NAME
    }

    /// Whether there is anything but `IN_ATTRIB`: a write, or other bytes under another name.
    pub(in crate::tracker) fn is_more_than_attrib(self) -> bool {
        !self.without_attrib().is_empty()
    }
}

impl Model {
    pub(in crate::tracker) fn evidence(&self, id: Id) -> Evidence {
        Evidence(self.field(id, ALL))
    }

    pub(in crate::tracker) fn add_evidence(&mut self, id: Id, new: Evidence) {
        let all = self.evidence(id).union(new);
        self.set_field(id, ALL, all.0);
    }

    pub(in crate::tracker) fn take_evidence(&mut self, id: Id) -> Evidence {
        let all = self.evidence(id);
        self.set_field(id, ALL, 0);
        all
    }
}
