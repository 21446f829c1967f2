//! How a change of the model is emitted: paths and records.

use super::Tracker;
use super::disk::{Disk, Stat};
use super::model::{Flag, Id};
use super::queue::Key;
use crate::change::{Before, Change, Content, Digest, Kind, Span, Warning};

/// Bytes of paths that the removal of a subtree adds to a batch before it is written: 1 MiB,
/// and little in tests, whose trees are small.
const PIECE: usize = if cfg!(test) { 16 } else { 1 << 20 };

impl<D> Tracker<D> {
    /// Appends an entry's path as the user would reach it.
    pub(crate) fn write_path(&self, id: Id, path: &mut Vec<u8>) {
        let root = self.model.root(id);
        let shown = self.roots.iter().find(|at| at.entry == Some(root));
        let shown = shown.map_or(&b""[..], |root| root.shown.as_slice());
        match self.model.parent(id) {
            None if shown.is_empty() => path.push(b'/'),
            None => path.extend(shown),
            Some(dir) => {
                if self.model.has(dir, Flag::HAS_FILE_ROOT)
                    && let Some(named) = self.named_entry(dir, id)
                {
                    path.extend(named);
                    return;
                }
                path.extend(shown);
                path.push(b'/');
                self.model.write_relative_path(id, path);
            }
        }
    }

    fn named_entry(&self, dir: Id, id: Id) -> Option<&[u8]> {
        let name = self.model.name(id);
        let named = self
            .named
            .iter()
            .find(|named| named.dir == dir && named.name == name)?;
        Some(&named.shown)
    }

    /// Keeps an entry's path in the batch.
    pub(crate) fn path(&mut self, id: Id) -> Span {
        let mut batch = std::mem::take(&mut self.batch);
        let span = batch.path(|path| self.write_path(id, path));
        self.batch = batch;
        span
    }

    pub(crate) fn warn(&mut self, id: Id, warning: Warning) {
        let path = self.path(id);
        self.batch.warn(path, warning);
    }

    pub(super) fn emit_created(&mut self, id: Id, content: Content) {
        if self.model.has(id, Flag::HIDDEN) {
            return;
        }
        let kind = self.model.kind(id);
        let entered = kind == Kind::Directory && !self.model.is_not_entered(id);
        let path = self.path(id);
        self.batch.push(Change::Created {
            kind,
            path,
            content,
            entered,
            attributes: self.metadata.attributes(id),
        });
    }

    /// A name of a snapshot.
    pub(crate) fn emit_existing(&mut self, id: Id, content: Content) {
        if self.model.has(id, Flag::HIDDEN) {
            return;
        }
        let kind = self.model.kind(id);
        let path = self.path(id);
        self.batch.push(Change::Existing {
            kind,
            path,
            content,
            attributes: self.metadata.attributes(id),
        });
    }

    /// Emits that a file's bytes differ; `old`: from what was last reported, where that is
    /// known.
    pub(super) fn emit_changed(&mut self, id: Id, content: Content, old: Option<Digest>) {
        let path = self.path(id);
        let before = Before {
            kind: Kind::File,
            digest: old,
        };
        let change = Change::Changed { path, content };
        self.batch.push_over(change, Some(before));
        if let Some(dir) = self.model.parent(id)
            && self.filter.is_rule_file(self.model.name(id))
        {
            // Where no event reported it, that is how it is learned.
            self.rules_changed(dir);
        }
    }

    /// The mtime differs and the bytes do not.
    pub(super) fn emit_touched(&mut self, id: Id, stat: &Stat) {
        let path = self.path(id);
        let mtime = stat.mtime;
        self.batch.push(Change::Touched { path, mtime });
    }

    /// A writer closed the file, and it was read since: reported where it is asked for.
    pub(super) fn emit_closed(&mut self, id: Id, content: Content) {
        if self.settings.closed {
            let path = self.path(id);
            self.batch.push(Change::Closed { path, content });
        }
    }

    pub(super) fn emit_deleted(&mut self, id: Id) {
        if !self.model.has(id, Flag::HIDDEN) {
            let path = self.path(id);
            self.emit_deleted_as(id, path);
        }
    }

    fn emit_deleted_as(&mut self, id: Id, path: Span) {
        let kind = self.model.kind(id);
        let before = self.before(id);
        self.batch.push_over(Change::Deleted { kind, path }, before);
    }

    /// The path of an entry's directory, where it is the beginning of the entry's own path
    /// in the batch: it is not so for PATH `/`, nor beside a PATH that is a single file.
    fn path_of_parent(&self, id: Id, path: &Span) -> Option<(Id, Span)> {
        let dir = self.model.parent(id)?;
        let names_files = |dir: Id| self.model.has(dir, Flag::HAS_FILE_ROOT);
        if names_files(dir) || self.model.parent(dir).is_some_and(names_files) {
            return None;
        }
        let end = path.end - path.start - self.model.name(id).len();
        let length = end.checked_sub(1).filter(|length| *length > 0)?;
        Some((dir, path.start..path.start + length))
    }

    /// What an entry was last reported as; `None`: it never was.
    pub(super) fn before(&self, id: Id) -> Option<Before> {
        let kind = self.model.kind(id);
        let is_file = kind == Kind::File;
        let is_reported = !self.model.has(id, Flag::HIDDEN);
        is_reported.then(|| Before {
            kind,
            digest: is_file.then(|| self.model.digest(id)).flatten(),
        })
    }
}

impl<D: Disk> Tracker<D> {
    /// Takes an entry and all below it out of the model, each reported after what
    /// is in it, with their watches.
    pub(super) fn unlink(&mut self, id: Id) {
        self.remove_subtree(id, true, usize::MAX);
    }

    /// The same, but the entry itself is not reported: something replaces it.
    pub(super) fn unlink_replaced(&mut self, id: Id) {
        self.remove_subtree(id, false, usize::MAX);
    }

    /// The same as [`Turn::unlink`] of an entry that a look has found to be gone: where there
    /// is much below it, a part of that, and the entry is looked at again for the rest.
    pub(super) fn unlink_in_pieces(&mut self, id: Id) {
        if !self.remove_subtree(id, true, PIECE) {
            self.enqueue(id);
        }
    }

    /// Stops when so many bytes of paths were written; whether it is done. What is left then
    /// is as good as a directory that was not scanned. `enough`: but for the top, which is
    /// removed with the last of what is in it.
    /// From the leaves up, without recursion: trees can be deep. The path of a directory is
    /// written only if it is not the beginning of the last one below it: written in full,
    /// the paths of a deep tree take the square of its depth.
    fn remove_subtree(&mut self, top: Id, emit_top: bool, enough: usize) -> bool {
        let enough = self.batch.path_bytes().saturating_add(enough);
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
                path = Some((at, self.path(at)));
            }
            if let Some((_, path)) = path {
                above = self.path_of_parent(at, &path);
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
    /// in it, no event will say so: it is looked at in a moment.
    fn recheck_emptied_root(&mut self, dir: Id) {
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
            self.folding.forget(id);
            if let Some(wd) = self.model.take_watch(id) {
                self.disk.unwatch(wd);
            }
        }
        if let Some(wd) = self.file_watches.remove(id) {
            self.disk.unwatch(wd);
        }
        self.replaced.remove(&id);
        self.metadata.forget(id);
        self.reads.forget(id);
        self.missing.remove(&id);
        // Its number may soon be another's.
        self.queue.remove(&Key::Entry(id));
        self.queue.remove(&Key::Scan(id));
        if let Some(applying) = &mut self.applying {
            applying.read.remove(&id);
            applying.destinations.remove(&id);
        }
        if self.model.has(id, Flag::ROOT) {
            for root in self.roots.iter_mut().filter(|root| root.entry == Some(id)) {
                root.entry = None;
            }
        }
        self.model.remove(id);
    }
}
