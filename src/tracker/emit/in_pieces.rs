//! Emits a large subtree that is gone or, with `--no-renames`, has moved, in pieces, so that the
//! paths of all that is in it are never held at once.
//!
//! Until it is emitted no event is applied. Invariant: a piece has few more bytes of paths than it
//! may have.

use super::emission::{Emission, Emitted, OldPath, Rest};
use super::records::Part;
use crate::change::{Change, Content, Kind};
use crate::tracker::Tracker;
use crate::tracker::disk::Disk;
use crate::tracker::model::{Flag, Id};

impl<D> Tracker<D> {
    /// Whether changes of the model are left to be emitted.
    pub(crate) fn is_emitting(&self) -> bool {
        self.records.has_more()
    }

    /// How many changes are left beside those that may be written now, of those that `counts`.
    pub(crate) fn left_to_emit(&self, counts: impl Fn(&Change) -> bool) -> usize {
        let deleted = |id: Id| Change::Deleted {
            kind: self.model.kind(id),
            path: 0..0,
        };
        let created = |id: Id| Change::Created {
            kind: self.model.kind(id),
            path: 0..0,
            content: Content::default(),
            entered: false,
            attributes: None,
        };
        let is_shown = |id: &Id| !self.model.has(*id, Flag::HIDDEN);
        let in_emission = |Emission { old, rest, .. }: &Emission| match rest {
            Rest::Removal(emitted) => {
                let all = self.model.subtree(old.top).into_iter();
                let left = all.filter(|id| *emitted == Emitted::All || *id != old.top);
                left.filter(is_shown)
                    .filter(|id| counts(&deleted(*id)))
                    .count()
            }
            Rest::Moved {
                all,
                deleted: gone,
                created: made,
            } => {
                let old = all.iter().rev().skip(*gone).copied().filter(is_shown);
                let new = all.iter().skip(*made).copied().filter(is_shown);
                old.filter(|id| counts(&deleted(*id))).count()
                    + new.filter(|id| counts(&created(*id))).count()
            }
        };
        let count = |part: &Part| match part {
            Part::Buffer(buffer) => buffer.changes().iter().filter(|it| counts(it)).count(),
            Part::Emission(emission) => in_emission(emission),
        };
        self.records.left.iter().map(count).sum()
    }

    pub(in crate::tracker) fn old_path(&self, top: Id) -> OldPath {
        let mut shown = Vec::new();
        self.write_path(top, &mut shown);
        OldPath { top, shown }
    }

    /// Appends the path that an entry of a subtree had.
    pub(in crate::tracker) fn write_old_path(&self, old: &OldPath, id: Id, path: &mut Vec<u8>) {
        let (top, shown) = match self.file_root_above(id, Some(old.top)) {
            Some(file) => file,
            None => (old.top, old.shown.as_slice()),
        };
        path.extend(shown);
        if id != top {
            if !shown.ends_with(b"/") {
                path.push(b'/');
            }
            self.model.write_path_below(top, id, path);
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Removes the rest of a subtree that is gone from the model, in pieces. Its name is free at
    /// once.
    pub(in crate::tracker) fn remove_rest(&mut self, top: Id, emitted: Emitted) {
        let old = self.old_path(top);
        self.forget_rules(top);
        let is_root = self.model.parent(top).is_none();
        match self.model.parent(top) {
            Some(dir) => {
                let detached = self.model.insert(None, b"", Kind::Directory);
                self.model.hide(detached);
                self.model.relink(top, detached, b"-");
                self.recheck_emptied_root(dir);
            }
            None => self.roots.forget_directory(top),
        }
        let shown = is_root.then(|| old.shown.clone());
        let removal = self.emission(old, Rest::Removal(emitted));
        self.records.push(removal);
        if let Some(shown) = shown {
            self.show_followed(&shown);
        }
    }

    /// Emits a subtree that has moved as deleted and created: the first piece at once.
    pub(in crate::tracker) fn emit_moved(&mut self, old: OldPath, all: Vec<Id>) {
        let rest = Rest::Moved {
            all,
            deleted: 0,
            created: 0,
        };
        let emission = self.emission(old, rest);
        let max_path_bytes = self.records.piece_end();
        if let Some(emission) = self.emit_some(emission, max_path_bytes) {
            self.records.push(emission);
        }
    }

    /// A subtree that became known to have gone or moved now.
    fn emission(&self, old: OldPath, rest: Rest) -> Emission {
        let time = self.records.time();
        Emission { old, rest, time }
    }

    /// Emits the next piece of what is left.
    pub(crate) fn emit_piece(&mut self) {
        // Taken out, so that what is emitted now goes before it.
        let mut left = std::mem::take(&mut self.records.left);
        let max_path_bytes = self.records.piece_end();
        while self.records.ready.path_bytes() < max_path_bytes
            && let Some(part) = left.pop_front()
        {
            match part {
                Part::Buffer(buffer) => self.records.ready.append(buffer),
                Part::Emission(emission) => {
                    let now = self.records.set_time(emission.time);
                    if let Some(emission) = self.emit_some(emission, max_path_bytes) {
                        left.push_front(Part::Emission(emission));
                    }
                    self.records.set_time(now);
                }
            }
        }
        // What became known meanwhile follows.
        left.append(&mut self.records.left);
        self.records.left = left;
    }

    /// Emits until the current buffer has `max_path_bytes` bytes of paths; returns what is left.
    fn emit_some(&mut self, mut emission: Emission, max_path_bytes: usize) -> Option<Emission> {
        let Emission { old, rest, .. } = &mut emission;
        match rest {
            Rest::Removal(emitted) => {
                let detached = self.model.parent(old.top);
                if !self.remove_subtree(old.top, *emitted, max_path_bytes, Some(old)) {
                    return Some(emission);
                }
                if let Some(detached) = detached {
                    self.model.remove(detached);
                }
                return None;
            }
            Rest::Moved {
                all,
                deleted,
                created,
            } => {
                while let Some(&id) = all.iter().rev().nth(*deleted) {
                    if self.records.current().path_bytes() >= max_path_bytes {
                        return Some(emission);
                    }
                    if !self.model.has(id, Flag::HIDDEN) {
                        let path = self.path_by(Some(old), id);
                        self.emit_deleted_as(id, path);
                    }
                    *deleted += 1;
                }
                while let Some(&id) = all.get(*created) {
                    if self.records.current().path_bytes() >= max_path_bytes {
                        return Some(emission);
                    }
                    let content = match self.model.kind(id) {
                        Kind::File => self.known_content(id),
                        Kind::Directory => self.known_directory(id),
                        Kind::Symlink | Kind::Other => Content::default(),
                    };
                    self.emit_created(id, content);
                    *created += 1;
                }
            }
        }
        None
    }

    /// Drops what is left to be emitted, since a snapshot lists the tree as the model has it;
    /// subtrees that are gone are removed from the model.
    pub(crate) fn dismiss_emissions(&mut self) {
        for part in std::mem::take(&mut self.records.left) {
            match part {
                Part::Emission(emission) => {
                    if matches!(emission.rest, Rest::Removal(_)) {
                        self.remove_silently(emission);
                    }
                }
                // A warning is given once.
                Part::Buffer(buffer) => self.records.ready.append_warnings(&buffer),
            }
        }
    }

    /// Drops all records that were emitted: before a session begins, the model is what is there at its
    /// beginning.
    pub(crate) fn dismiss_records(&mut self) {
        self.dismiss_emissions();
        let mut warnings = self.records.ready.successor();
        warnings.append_warnings(&self.records.ready);
        self.records.ready = warnings;
    }

    /// Removes the rest of a subtree that is gone from the model, without a record.
    fn remove_silently(&mut self, removal: Emission) {
        let buffer = std::mem::take(&mut self.records.ready);
        let mut left = Some(removal);
        while let Some(removal) = left.take() {
            let max_path_bytes = self.records.piece_end();
            left = self.emit_some(removal, max_path_bytes);
            self.records.ready.clear();
        }
        self.records.ready = buffer;
    }
}
