//! Modes, owners and mtimes, where changes of them are asked for: what was last reported,
//! and what differs.

use super::Tracker;
use super::disk::Stat;
use super::model::{Flag, Id};
use crate::change::{Attributes, Change, Kind};

impl Tracker {
    /// Remembers mode and owner, where they are told.
    pub(super) fn remember_attributes(&mut self, id: Id, stat: &Stat) {
        if stat.kind == Kind::File {
            self.remember_mtime(id, stat);
        }
        if self.settings.attributes {
            self.attributes.insert(id, stat.attributes);
            self.model.set(id, Flag::ATTRIBUTED);
        }
    }

    /// Remembers the mtime of a file, where changes of it are asked for.
    pub(super) fn remember_mtime(&mut self, id: Id, stat: &Stat) {
        if self.settings.touched {
            self.mtimes.insert(id, stat.mtime);
        }
    }

    /// Whether a file's mtime is known and another now.
    pub(super) fn has_new_mtime(&self, id: Id, stat: &Stat) -> bool {
        let old = self.mtimes.get(&id);
        old.is_some_and(|&old| old != stat.mtime)
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
                    xattrs: 0..0,
                });
            }
        }
    }
}
