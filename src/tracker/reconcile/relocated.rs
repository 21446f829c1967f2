//! Reconciles a directory that is found under one name and known under another: it moved without an
//! event, or it has two names. Invariant: it is entered under one of them only.

use crate::change::Kind;
use crate::tracker::Tracker;
use crate::tracker::content::directory_content;
use crate::tracker::disk::{Disk, FsError, Stat};
use crate::tracker::model::{CaseFolding, Flag, Id};

impl<D: Disk> Tracker<D> {
    /// Reconciles a directory that is known as `other`.
    pub(super) fn reconcile_relocated(&mut self, other: Id, dir: Id, name: &[u8], stat: &Stat) {
        if self.is_being_removed(other) {
            // Its watch is removed with it: then it is found as new.
            return self.enqueue_name(dir, name);
        }
        let is_still_there = match self.is_still_at(other) {
            Ok(is_still_there) => is_still_there,
            Err(error) => {
                let mut work = self.work_of_name(dir, name);
                // Permissions matter where it was.
                work.group = Some(other);
                self.queue.retry(work, &error);
                return;
            }
        };
        let is_within_itself = self.model.is_within(dir, other);
        if is_still_there && self.is_file_parent(other) && !is_within_itself {
            self.adopt_partial(other, dir, name, stat);
        } else if is_still_there {
            // A bind mount, or a PATH within another one: not entered twice.
            self.alias(other, dir, name, stat);
            if self.model.is_live(other) && self.model.parent(other) == Some(dir) {
                self.model.set_case_folding(dir, CaseFolding::Untried);
                self.schedule_scan_if_other_spelling(dir, name);
            }
        } else if is_within_itself {
            // It cannot be within itself: the model is out of date somewhere above the name.
            let mut at = Some(dir);
            while let Some(id) = at {
                self.enqueue(id);
                at = if id == other {
                    None
                } else {
                    self.model.parent(id)
                };
            }
            self.queue.retry_soon(self.work_of_name(dir, name));
        } else if self.model.has(other, Flag::ROOT) {
            self.reconcile_root(other);
            self.queue.retry_soon(self.work_of_name(dir, name));
        } else {
            self.relocate(other, dir, name);
        }
    }

    /// Renames a directory that moved without an event: its watch descriptor proves that it is the
    /// same.
    fn relocate(&mut self, other: Id, dir: Id, name: &[u8]) {
        if !self.remove_other_at(dir, name, other) {
            return;
        }
        self.model.end_moved_from(other);
        self.rename_relocated(other, dir, name);
        if self.model.is_live(other) && self.model.scanned(other) != self.queue.generation() {
            self.add_rescan(other);
        }
    }

    /// Removes what has the name under which a directory was found that is known as `other`.
    /// `false`: that was removed, too, as it was in what had the name, or was its PATH; or the
    /// directory of the name was. It is found again as new.
    pub(in crate::tracker) fn remove_other_at(&mut self, dir: Id, name: &[u8], other: Id) -> bool {
        let Some(known) = self.model.find(dir, name) else {
            return true;
        };
        let holds_it = self.model.is_within(other, known);
        self.unlink(known);
        let both_remain = !holds_it && self.is_in_tree(other) && self.is_in_tree(dir);
        if !both_remain {
            self.queue.retry_soon(self.work_of_name(dir, name));
        }
        both_remain
    }

    /// Whether a directory is still where the model has it.
    ///
    /// # Errors
    /// Why that is not known.
    fn is_still_at(&mut self, id: Id) -> Result<bool, FsError> {
        let inode = self.model.inode(id);
        match self.stat_entry(id) {
            Ok(stat) => Ok(stat.kind == Kind::Directory && stat.inode == inode),
            Err(FsError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds a second name of a directory, which is not entered.
    fn alias(&mut self, other: Id, dir: Id, name: &[u8], stat: &Stat) {
        let is_of_root = self.model.has(other, Flag::ROOT);
        let known = self.model.find(dir, name);
        if let Some(known) = known.filter(|&known| self.model.is_alias(known)) {
            self.model.set_alias(known, other);
            if !is_of_root && self.model.has(known, Flag::HIDDEN) {
                self.model.unhide(known);
                self.emit_created(known, directory_content(stat));
            }
            return;
        }
        if !self.remove_other_at(dir, name, other) {
            return;
        }
        let Some(id) = self.new_directory(dir, name, stat) else {
            return;
        };
        self.model.set_alias(id, other);
        if is_of_root {
            self.model.hide(id);
        }
        self.emit_created(id, directory_content(stat));
    }

    /// Decides about a name of a directory that the walk found under another one, too: if it is
    /// still there as well, the name is a part of the tree from the start.
    pub(crate) fn confirm_alias(&mut self, id: Id, other: Id) {
        if self.is_still_at(other) == Ok(true) {
            self.model.set_alias(id, other);
            self.model.unhide(id);
        }
    }

    /// Enqueues the other names of a directory that is removed: one of them is entered then.
    pub(in crate::tracker) fn enqueue_aliases(&mut self, removed: Id) {
        for alias in self.model.take_aliases(removed) {
            self.enqueue(alias);
        }
    }
}

impl<D> Tracker<D> {
    /// Marks a directory that the walk found under two names: a bind mount, a PATH within another
    /// one, or one that moved meanwhile. It is hidden until that is known.
    pub(crate) fn mark_alias(&mut self, id: Id, of: Id) {
        self.model.set_alias(id, of);
        self.model.hide(id);
        self.enqueue(id);
    }
}
