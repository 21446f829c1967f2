//! Whether a directory ignores the case of names, as far as that was found out, as one state in
//! two bits. What follows from it is in `folded_names`.

use super::bit_field::BitField;
use super::{Id, Model};

/// What is known of the names in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum CaseFolding {
    Untried,
    /// The work queue will stat a name in another spelling.
    Pending,
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
            1 => CaseFolding::Pending,
            2 => CaseFolding::Ignored,
            _ => CaseFolding::Distinguished,
        }
    }

    pub(in crate::tracker) fn set_case_folding(&mut self, dir: Id, new: CaseFolding) {
        let state = match new {
            CaseFolding::Untried => 0,
            CaseFolding::Pending => 1,
            CaseFolding::Ignored => 2,
            CaseFolding::Distinguished => 3,
        };
        self.set_field(dir, STATE, state);
    }
}
