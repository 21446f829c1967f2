//! Why a file is read: the flags of what happened to it, taken from the model for as
//! long as that takes, and given back if nothing comes of it.

use crate::tracker::Tracker;
use crate::tracker::model::{Flag, Id};

/// What happened to a file since it was read last.
#[derive(Clone, Copy, Default)]
pub(in crate::tracker) struct Why(u32);

impl Why {
    /// It was written to.
    pub(super) const WROTE: Self = Self(0b01);
    /// It was written to, and closed.
    pub(super) const CLOSED: Self = Self(0b11);
    /// Its flags.
    pub(super) const ALL: [Flag; 3] = [Flag::WROTE, Flag::CLOSED, Flag::TOUCHED];

    /// Whether this happened.
    pub(super) fn has(self, flag: Flag) -> bool {
        Self::ALL
            .iter()
            .position(|&each| each == flag)
            .is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    /// Whether somebody may have written.
    pub(super) fn is_written(self) -> bool {
        self.has(Flag::WROTE) || self.has(Flag::CLOSED)
    }
}

impl Tracker {
    /// Takes what happened to a file since it was last read. Where events were dropped, a
    /// touch does not account for the times that are found: a write may be among them.
    pub(super) fn take_why(&mut self, id: Id) -> Why {
        let mut why = 0;
        if self.has_lost_events() {
            self.model.clear(id, Flag::TOUCHED);
        }
        for (bit, flag) in Why::ALL.into_iter().enumerate() {
            why |= u32::from(self.model.clear(id, flag)) << bit;
        }
        Why(why)
    }

    /// Gives it back: the file was not read.
    pub(super) fn give_back(&mut self, id: Id, why: Why) {
        for flag in Why::ALL {
            if why.has(flag) {
                self.model.set(id, flag);
            }
        }
    }
}
