//! Evidence a file is read: the flags of what happened to it, taken from the model for as
//! long as that takes, and given back if nothing comes of it.

use crate::tracker::Tracker;
use crate::tracker::disk::Stat;
use crate::tracker::model::{self, Fingerprint, Flag, Id};

/// What happened to a file since it was read last.
#[derive(Clone, Copy, Default)]
pub(in crate::tracker) struct Evidence(u32);

impl Evidence {
    pub(super) const MODIFIED: Self = Self(0b01);
    pub(super) const CLOSED_WRITE: Self = Self(0b11);
    pub(super) const ALL: [Flag; 4] = [
        Flag::MODIFIED,
        Flag::CLOSED_WRITE,
        Flag::ATTRIB,
        Flag::OTHER_NAME,
    ];

    pub(super) fn has(self, flag: Flag) -> bool {
        Self::ALL
            .iter()
            .position(|&each| each == flag)
            .is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    pub(super) fn without_attrib(self) -> Self {
        Self(self.0 & !(1 << 2))
    }

    /// Whether an event tells of a write, and of none that is only an open file touched.
    pub(super) fn says_written(self) -> bool {
        self.has(Flag::MODIFIED) || self.is_written() && !self.has(Flag::ATTRIB)
    }

    /// Whether a file differs from its fingerprint in more than an `IN_ATTRIB` accounts for.
    pub(super) fn leaves_unexplained(self, old: Fingerprint, stat: &Stat, ctime: bool) -> bool {
        let new = model::fingerprint(stat, ctime);
        if self.has(Flag::ATTRIB) {
            old.is_another(new)
        } else {
            old != new
        }
    }

    /// Whether the file is only known to have been read by another name.
    pub(super) fn is_only_other_name(self) -> bool {
        self.0 == 1 << 3
    }

    pub(super) fn is_written(self) -> bool {
        self.has(Flag::MODIFIED) || self.has(Flag::CLOSED_WRITE) || self.has(Flag::OTHER_NAME)
    }
}

impl Tracker {
    /// Takes what happened to a file since it was last read. Where events were dropped, a
    /// touch does not account for the times that are found: a write may be among them.
    pub(super) fn take_evidence(&mut self, id: Id) -> Evidence {
        let mut why = 0;
        if self.has_lost_events() {
            self.model.clear(id, Flag::ATTRIB);
        }
        for (bit, flag) in Evidence::ALL.into_iter().enumerate() {
            why |= u32::from(self.model.clear(id, flag)) << bit;
        }
        Evidence(why)
    }

    /// Gives it back: the file was not read.
    pub(super) fn restore_evidence(&mut self, id: Id, why: Evidence) {
        for flag in Evidence::ALL {
            if why.has(flag) {
                self.model.set(id, flag);
            }
        }
    }
}
