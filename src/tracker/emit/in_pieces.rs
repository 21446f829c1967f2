//! Emits a large subtree that is gone or, with `--no-renames`, has moved, in pieces, so that the
//! paths of all that is in it are never held at once.
//!
//! Until it is emitted no event is applied, and records that were made since are emitted after
//! it. Invariant: records are emitted in the order in which the model changed.

use std::collections::VecDeque;

use crate::change::{Batch, Content, Kind};
use crate::tracker::Tracker;
use crate::tracker::disk::Disk;
use crate::tracker::model::{Flag, Id};

/// Bytes of paths in a piece: 1 MiB, and little in tests, whose trees are small.
pub(in crate::tracker) const PIECE: usize = if cfg!(test) { 16 } else { 1 << 20 };

/// The paths that a subtree had before it moved or was removed.
pub(in crate::tracker) struct OldPath {
    pub(in crate::tracker) top: Id,
    /// The path of `top`.
    shown: Vec<u8>,
}

/// A subtree that is emitted in pieces.
pub(in crate::tracker) enum Emission {
    /// A subtree that leaves the model; its top is in a hidden directory meanwhile.
    Removal { old: OldPath, emit_top: bool },
    /// A subtree that has moved: emitted as deleted, and then as created.
    Moved {
        old: OldPath,
        /// Each entry after its directory.
        all: Vec<Id>,
        /// How many are emitted as deleted, from the end.
        deleted: usize,
        /// How many are emitted as created, from the beginning.
        created: usize,
    },
}

/// A part of what is emitted after the current batch.
enum Part {
    Emission(Emission),
    Records(Batch),
}

/// What is emitted after the current batch, in order.
#[derive(Default)]
pub(in crate::tracker) struct PendingRecords {
    parts: VecDeque<Part>,
    /// The batch that is emitted before them. The tracker's batch has the records after them
    /// meanwhile, until [`Tracker::order_batch`].
    ahead: Option<Batch>,
}

impl PendingRecords {
    fn push(&mut self, records: Batch) {
        if !records.is_empty() {
            self.parts.push_back(Part::Records(records));
        }
    }
}

impl<D> Tracker<D> {
    /// Whether changes of the model are left to be emitted.
    pub(crate) fn is_emitting(&self) -> bool {
        !self.pending_records.parts.is_empty()
    }

    /// Whether an entry is in a subtree that is being removed: it is to be emitted as deleted,
    /// wherever it is found.
    pub(in crate::tracker) fn is_leaving(&self, id: Id) -> bool {
        self.roots.with_entry(self.model.root(id)).is_none()
    }

    /// How many records are left beside those of the current batch.
    pub(crate) fn left_to_emit(&self) -> usize {
        let count = |part: &Part| match part {
            Part::Records(batch) => batch.changes().len(),
            Part::Emission(Emission::Removal { old, .. }) => self.model.subtree(old.top).len(),
            Part::Emission(Emission::Moved {
                all,
                deleted,
                created,
                ..
            }) => 2 * all.len() - deleted - created,
        };
        self.pending_records.parts.iter().map(count).sum()
    }

    /// Puts the records that were made after a subtree behind it, and makes the batch before it
    /// the current one again.
    pub(crate) fn order_batch(&mut self) {
        if let Some(ahead) = self.pending_records.ahead.take() {
            let last = std::mem::replace(&mut self.batch, ahead);
            self.pending_records.push(last);
        }
    }

    /// Adds a subtree; records from now on come after it.
    fn begin_emission(&mut self, emission: Emission) {
        let next = self.batch.successor();
        let last = std::mem::replace(&mut self.batch, next);
        if self.pending_records.ahead.is_none() {
            self.pending_records.ahead = Some(last);
        } else {
            self.pending_records.push(last);
        }
        self.pending_records
            .parts
            .push_back(Part::Emission(emission));
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

impl OldPath {
    /// Whether the paths below the top begin with the path of the top and a slash: not so for the
    /// PATH `/`.
    pub(in crate::tracker) fn is_plain(&self) -> bool {
        self.shown != b"/"
    }
}

impl<D: Disk> Tracker<D> {
    /// Removes the rest of a subtree that is gone from the model, in pieces. Its name is free at
    /// once.
    pub(in crate::tracker) fn remove_rest(&mut self, top: Id, emit_top: bool) {
        let old = self.old_path(top);
        self.forget_rules(top);
        match self.model.parent(top) {
            Some(dir) => {
                let nowhere = self.model.insert(None, b"", Kind::Directory);
                self.model.hide(nowhere);
                self.model.relink(top, nowhere, b"-");
                self.recheck_emptied_root(dir);
            }
            None => self.roots.forget_directory(top),
        }
        self.begin_emission(Emission::Removal { old, emit_top });
    }

    /// Emits a subtree that has moved as deleted and created: the first piece at once.
    pub(in crate::tracker) fn emit_moved(&mut self, old: OldPath, all: Vec<Id>) {
        let emission = Emission::Moved {
            old,
            all,
            deleted: 0,
            created: 0,
        };
        // The current batch comes after all that is left to be emitted.
        let enough = self.batch.path_bytes().saturating_add(PIECE);
        if let Some(rest) = self.emit_some(emission, enough) {
            self.begin_emission(rest);
        }
    }

    /// Emits the next piece of what is left.
    pub(crate) fn emit_piece(&mut self) {
        self.order_batch();
        let enough = self.batch.path_bytes().saturating_add(PIECE);
        while self.batch.path_bytes() < enough {
            match self.pending_records.parts.pop_front() {
                None => return,
                Some(Part::Records(records)) => self.batch.append(records),
                Some(Part::Emission(emission)) => {
                    if let Some(rest) = self.emit_some(emission, enough) {
                        self.pending_records.parts.push_front(Part::Emission(rest));
                    }
                }
            }
        }
    }

    /// Emits until the batch has `enough` bytes of paths; returns what is left.
    fn emit_some(&mut self, mut emission: Emission, enough: usize) -> Option<Emission> {
        match &mut emission {
            Emission::Removal { old, emit_top } => {
                let nowhere = self.model.parent(old.top);
                if !self.remove_subtree(old.top, *emit_top, enough, Some(old)) {
                    return Some(emission);
                }
                if let Some(nowhere) = nowhere {
                    self.model.remove(nowhere);
                }
                return None;
            }
            Emission::Moved {
                old,
                all,
                deleted,
                created,
            } => {
                while let Some(&id) = all.iter().rev().nth(*deleted) {
                    if self.batch.path_bytes() >= enough {
                        return Some(emission);
                    }
                    if !self.model.has(id, Flag::HIDDEN) {
                        let path = self.path_by(Some(old), id);
                        self.emit_deleted_as(id, path);
                    }
                    *deleted += 1;
                }
                while let Some(&id) = all.get(*created) {
                    if self.batch.path_bytes() >= enough {
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
        self.order_batch();
        while let Some(part) = self.pending_records.parts.pop_front() {
            if let Part::Emission(removal @ Emission::Removal { .. }) = part {
                let next = self.batch.successor();
                let batch = std::mem::replace(&mut self.batch, next);
                let mut left = Some(removal);
                while let Some(removal) = left.take() {
                    left = self.emit_some(removal, PIECE);
                    self.batch.clear();
                }
                self.batch = batch;
            }
        }
    }
}
