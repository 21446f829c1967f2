//! Keeps whether a directory ignores case, as far as that was found out, as one state in two bits.
//! `folded_names` acts on it.

use super::bit_field::BitField;
use super::{Id, Model};

/// What is known of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum CaseFolding {
    Untried,
    /// A name is found in other spellings, too.
    Ignored,
    /// A name is found in one spelling only.
    Distinguished,
}

const STATE: BitField = BitField::new(18, 2);

impl Model {
    pub(in crate::tracker) fn case_folding(&self, dir: Id) -> CaseFolding {
        match self.field(dir, STATE) {
            0 => CaseFolding::Untried,
            1 => CaseFolding::Ignored,
            _ => CaseFolding::Distinguished,
        }
    }

    pub(in crate::tracker) fn set_case_folding(&mut self, dir: Id, new: CaseFolding) {
        self.set_field(dir, STATE, new as u32);
    }
}
