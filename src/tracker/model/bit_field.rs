//! Packs a small number into some bits of an entry's word, beside its flags.

use super::{Id, Model};

/// Consecutive bits of the word.
#[derive(Clone, Copy)]
pub(super) struct BitField {
    shift: u32,
    /// Not shifted.
    mask: u32,
}

impl BitField {
    pub(super) const fn new(shift: u32, bits: u32) -> Self {
        let mask = (1 << bits) - 1;
        Self { shift, mask }
    }
}

impl Model {
    pub(super) fn field(&self, id: Id, field: BitField) -> u32 {
        self.node(id).bits >> field.shift & field.mask
    }

    pub(super) fn set_field(&mut self, id: Id, field: BitField, value: u32) {
        debug_assert_eq!(value & !field.mask, 0, "it fits");
        let bits = &mut self.node_mut(id).bits;
        *bits = *bits & !(field.mask << field.shift) | value << field.shift;
    }
}
