//! Keeps whether an entry is where the model has it, as one state in two bits. Asks no disk, and
//! decides nothing.

use super::bit_field::BitField;
use super::{Id, Model};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    /// Nothing else is known.
    There,
    /// `IN_MOVED_FROM` has come, and `IN_MOVED_TO` is awaited. What the disk has under its name is
    /// another file.
    MovedFrom,
    /// It was not found, or no `IN_MOVED_TO` has come: if its name is not found when it is reconciled
    /// next, it is deleted without a second try, once no rescan can find it elsewhere.
    ConfirmDelete,
    /// `IN_DELETE` has come: as before, but it need not be looked for elsewhere.
    Deleted,
}

const STATE: BitField = BitField::new(22, 2);

impl Model {
    pub(crate) fn presence(&self, id: Id) -> Presence {
        match self.field(id, STATE) {
            0 => Presence::There,
            1 => Presence::MovedFrom,
            2 => Presence::ConfirmDelete,
            _ => Presence::Deleted,
        }
    }

    pub(in crate::tracker) fn set_presence(&mut self, id: Id, new: Presence) {
        self.set_field(id, STATE, new as u32);
    }

    pub(crate) fn is_moved_from(&self, id: Id) -> bool {
        self.presence(id) == Presence::MovedFrom
    }

    /// Notes an `IN_DELETE`. If the entry is moved from, the event is about another one, which had
    /// its name since.
    pub(in crate::tracker) fn mark_deleted(&mut self, id: Id) {
        match self.presence(id) {
            Presence::There | Presence::ConfirmDelete => self.set_presence(id, Presence::Deleted),
            Presence::MovedFrom | Presence::Deleted => {}
        }
    }

    /// Ends that `IN_MOVED_TO` is awaited; whether it was.
    pub(in crate::tracker) fn end_moved_from(&mut self, id: Id) -> bool {
        match self.presence(id) {
            Presence::MovedFrom => {
                self.set_presence(id, Presence::There);
                true
            }
            Presence::There | Presence::ConfirmDelete | Presence::Deleted => false,
        }
    }
}
