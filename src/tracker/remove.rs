//! Removes an entry and all below it from the model, and emits it as deleted: what is in a
//! directory before the directory itself.
//!
//! Invariant: what is kept of an entry by its id is removed with it. An id that is kept as that of a
//! directory, or of another name, is checked when it is used.

use super::Tracker;
use super::disk::Disk;
use super::emit::emission::{Emitted, OldPath};
use super::model::{Flag, Id};
use crate::change::{Kind, Span};
use crate::event::Wd;

impl<D: Disk> Tracker<D> {
    /// Removes an entry and all below it, with their watches, and emits each after what is in it:
    /// in pieces, if that is much.
    pub(super) fn unlink(&mut self, id: Id) {
        self.remove(id, Emitted::All);
    }

    /// As [`Self::unlink`], but may leave out the record of the entry itself.
    pub(super) fn remove(&mut self, top: Id, emitted: Emitted) {
        if !self.remove_roots_within(top) {
            return;
        }
        let max_path_bytes = self.records.piece_end();
        if !self.remove_subtree(top, emitted, max_path_bytes, None) {
            self.remove_rest(top, emitted);
        }
    }

    /// Removes an entry that is gone from the disk, and all below it. If that is much, removes a
    /// part, and puts the entry back on the work queue for the rest.
    pub(super) fn unlink_in_pieces(&mut self, id: Id) {
        if !self.remove_roots_within(id) {
            return;
        }
        let max_path_bytes = self.records.piece_end();
        if !self.remove_subtree(id, Emitted::All, max_path_bytes, None) {
            self.enqueue(id);
        }
    }

    /// Removes a subtree from the leaves up, without recursion, since trees can be deep. The path
    /// of a directory is a span of the last one below it, if that begins with it: written in full,
    /// the paths of a deep tree would take the square of its depth.
    ///
    /// Stops when the batch has `max_path_bytes` bytes of paths; `false`: something is left, in a
    /// directory that is marked as unscanned. The top is removed last. `old`: the paths that the
    /// subtree had.
    pub(super) fn remove_subtree(
        &mut self,
        top: Id,
        emitted: Emitted,
        max_path_bytes: usize,
        old: Option<&OldPath>,
    ) -> bool {
        let mut at = top;
        let mut above: Option<(Id, Span)> = None;
        loop {
            while let Some(child) = self.model.first_child(at) {
                at = child;
            }
            let parent = self.model.parent(at);
            let is_left_out = at == top && emitted == Emitted::BelowTop;
            let is_reported = !is_left_out && !self.model.has(at, Flag::HIDDEN);
            let mut path = above.take().filter(|(dir, _)| *dir == at);
            if is_reported && path.is_none() {
                path = Some((at, self.path_by(old, at)));
            }
            if let Some((_, path)) = path {
                above = self.path_of_parent(at, &path);
                let is_other = |old: &&OldPath| !old.is_plain();
                if let Some(old) = old.filter(is_other) {
                    above = above.filter(|(dir, _)| *dir != old.top);
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
            if self.records.current().path_bytes() >= max_path_bytes {
                self.mark_unscanned_up_to(at, top);
                return false;
            }
        }
    }

    /// Enqueues a PATH in which nothing is left, since it may be removed, too, now or later. While some
    /// process has it open, that makes no event.
    pub(super) fn recheck_emptied_root(&mut self, dir: Id) {
        if self.model.has(dir, Flag::ROOT) && self.is_empty_root(dir) {
            self.begin_to_poll_empty_roots();
            if !self.is_file_parent(dir) {
                self.debounce_file_scan(dir);
            }
        }
    }

    /// Removes a watch, unless the model has its directory or file, or it is needed above a PATH.
    pub(crate) fn unwatch_unneeded(&mut self, wd: Wd) {
        if self.model.watched(wd).is_none()
            && !self.roots.is_ancestor_watch(wd)
            && !self.file_watches.has(wd)
        {
            self.disk.unwatch(wd);
        }
    }

    /// Removes one entry, which has no children, from the model and from all that keeps its id.
    fn forget(&mut self, id: Id) {
        if self.model.kind(id) == Kind::File {
            self.pass_evidence_on(id);
        }
        if self.model.kind(id) == Kind::Directory {
            self.forget_rules(id);
            if let Some(wd) = self.model.take_watch(id) {
                self.unwatch_unneeded(wd);
            }
            self.enqueue_aliases(id);
        }
        self.unwatch_file(id);
        self.last_reported.forget(id);
        self.reads.forget(id);
        self.queue.forget(id);
        if let Some(applying) = &mut self.applying {
            applying.forget(id);
        }
        let flags = [Flag::ROOT, Flag::HAS_FILE_ROOT, Flag::SHARED];
        let mut lost = Vec::new();
        if flags.iter().any(|&flag| self.model.has(id, flag)) {
            lost = self.roots.shown_of(id);
            if self.model.has(id, Flag::ROOT) {
                self.note_dropped_events();
            }
            self.roots.forget(id);
        }
        self.model.remove(id);
        for shown in lost {
            self.show_followed(&shown);
        }
    }
}
