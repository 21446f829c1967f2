//! Modes and owners, where they are told: what was last reported, and what differs.

use super::Tracker;
use super::disk::Stat;
use super::model::{Flag, Id};
use crate::change::{Attributes, Change};

impl Tracker {
    /// Remembers mode and owner, where they are told.
    pub(super) fn remember_attributes(&mut self, id: Id, stat: &Stat) {
        if self.settings.attributes {
            self.attributes.insert(id, stat.attributes);
            self.model.set(id, Flag::ATTRIBUTED);
        }
    }

    /// Tells a change of mode or owner, where that is asked for.
    pub(super) fn compare_attributes(&mut self, id: Id, stat: &Stat) {
        if !self.settings.attributes {
            return;
        }
        let old: Option<Attributes> = self.attributes.get(&id).copied();
        if old != Some(stat.attributes) {
            let (kind, path) = (self.model.kind(id), self.path(id));
            self.remember_attributes(id, stat);
            if old.is_some() && !self.model.has(id, Flag::HIDDEN) {
                self.batch.push(Change::AttributesChanged {
                    kind,
                    path,
                    new: stat.attributes,
                    old,
                });
            }
        }
    }
}
