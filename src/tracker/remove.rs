//! Removes an entry and all below it from the model, and emits it as deleted: what is in a
//! directory before the directory itself.
//!
//! Invariant: nothing else that is kept by an entry's number outlives the entry.

use super::Tracker;
use super::disk::Disk;
use super::emit::in_pieces::{OldPath, PIECE};
use super::model::{Flag, Id};
use super::queue::Key;
use crate::change::{Kind, Span};

impl<D: Disk> Tracker<D> {
    /// Takes an entry and all below it out of the model, each reported after what
    /// is in it, with their watches: in pieces, where that is much.
    pub(super) fn unlink(&mut self, id: Id) {
        self.remove(id, true);
    }

    /// The same, but the entry itself is not reported: something replaces it.
    pub(super) fn unlink_replaced(&mut self, id: Id) {
        self.remove(id, false);
    }

    fn remove(&mut self, top: Id, emit_top: bool) {
        let enough = self.batch.path_bytes().saturating_add(PIECE);
        if !self.remove_subtree(top, emit_top, enough, None) {
            self.remove_rest(top, emit_top);
        }
    }

    /// [`Tracker::unlink`] of an entry that is gone from the disk: where there is much below
    /// it, a part of that, and the entry goes back on the work queue for the rest.
    pub(super) fn unlink_in_pieces(&mut self, id: Id) {
        let enough = self.batch.path_bytes().saturating_add(PIECE);
        if !self.remove_subtree(id, true, enough, None) {
            self.enqueue(id);
        }
    }

    /// From the leaves up, without recursion: trees can be deep. The path of a directory is
    /// written only if it is not the beginning of the last one below it: written in full,
    /// the paths of a deep tree take the square of its depth.
    ///
    /// Stops when the batch has `enough` bytes of paths; `false`: something is left, of a
    /// directory that counts as not scanned. The top goes with the last of what is in it.
    /// `old`: the paths are those that the subtree had.
    pub(super) fn remove_subtree(
        &mut self,
        top: Id,
        emit_top: bool,
        enough: usize,
        old: Option<&OldPath>,
    ) -> bool {
        let mut at = top;
        let mut above: Option<(Id, Span)> = None;
        loop {
            while let Some(child) = self.model.first_child(at) {
                at = child;
            }
            let parent = self.model.parent(at);
            let is_reported = (at != top || emit_top) && !self.model.has(at, Flag::HIDDEN);
            let mut path = above.take().filter(|(dir, _)| *dir == at);
            if is_reported && path.is_none() {
                path = Some((at, self.path_by(old, at)));
            }
            if let Some((_, path)) = path {
                above = self.path_of_parent(at, &path);
                let is_other = |old: &&OldPath| !old.is_plain();
                if let Some(old) = old.filter(is_other) {
                    above = above.filter(|(dir, _)| *dir != old.top());
                }
                if is_reported {
                    self.emit_deleted_as(at, path);
                }
            }
            self.forget(at);
            match parent {
                Some(parent) if at != top => at = parent,
                Some(parent) => {
                    self.recheck_emptied_root(parent);
                    return true;
                }
                None => return true,
            }
            if self.batch.path_bytes() >= enough {
                self.mark_unscanned_up_to(at, top);
                return false;
            }
        }
    }

    /// A PATH in which nothing is left may be on its way out, too. If some process stands
    /// in it, that makes no event: it is compared in a moment.
    pub(super) fn recheck_emptied_root(&mut self, dir: Id) {
        let is_empty = self.model.first_child(dir).is_none();
        if is_empty && self.model.has(dir, Flag::ROOT) && !self.model.has(dir, Flag::PARTIAL) {
            self.debounce(dir);
        }
    }

    /// Takes one entry, which has no children, out of the model and of all that
    /// knows its number.
    fn forget(&mut self, id: Id) {
        if self.model.kind(id) == Kind::File {
            self.pass_evidence_on(id, false);
        }
        if self.model.kind(id) == Kind::Directory {
            self.forget_rules(id);
            if let Some(wd) = self.model.take_watch(id) {
                self.disk.unwatch(wd);
            }
        }
        self.unwatch_file(id);
        self.last_reported.forget(id);
        self.reads.forget(id);
        self.awaited.clear_missing(id);
        // Its number may soon be another's.
        self.queue.remove(&Key::Entry(id));
        self.queue.remove(&Key::Scan(id));
        if let Some(applying) = &mut self.applying {
            applying.read.remove(&id);
            applying.destinations.remove(&id);
        }
        if self.model.has(id, Flag::ROOT) {
            self.roots.forget(id);
        }
        self.model.remove(id);
    }
}
