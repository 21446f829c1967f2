//! Serves PATHs that lie in a directory of another PATH, when that moves or is removed.
//!
//! Invariant: what is reported by the path of such a PATH is emitted as deleted before the
//! directory above it is emitted as renamed or deleted.

use super::disk::{Disk, Inode};
use super::model::Id;
use super::paths::{leads_through, path_below};
use super::{FileRoot, Root, Tracker};
use crate::change::Kind;

impl<D: Disk> Tracker<D> {
    /// Ends the PATHs below a directory that is about to be removed, since it is gone. They stay
    /// if it is only hidden now, since no filter hides a PATH. `false`: the directory was removed
    /// with one of them, since it is in a PATH that leads through that.
    pub(super) fn remove_roots_within(&mut self, top: Id) -> bool {
        let within = self.roots_within(top);
        if within.is_empty() {
            return true;
        }
        let parent = self.model.parent(top);
        let may_stay = parent.is_some_and(|dir| self.is_hidden(dir, self.model.name(top), true));
        for root in within {
            if !(may_stay && self.confirm_root(root)) {
                self.lose_roots(&[root]);
            }
        }
        self.is_in_tree(top)
    }

    /// Ends the PATHs at or below a name, since something else has the name now.
    pub(super) fn lose_roots_at(&mut self, dir: Id, name: &[u8]) {
        self.lose_roots(&self.roots_at(dir, name));
    }

    /// Ends the PATHs below a directory that is about to move: each leads elsewhere then.
    pub(super) fn lose_roots_within(&mut self, top: Id) {
        self.lose_roots(&self.roots_within(top));
        self.lose_file_roots(top);
    }

    /// Ends the PATHs that were given as a path through this one, since a rename is about to move or
    /// to replace what has it.
    pub(super) fn lose_roots_through(&mut self, path: &[u8]) {
        self.lose_roots(&self.roots_through(path));
        let is_through = |file: &&FileRoot| leads_through(&file.shown, path);
        let files = self.roots.files().iter().filter(is_through).cloned();
        for file in files.collect::<Vec<_>>() {
            self.lose_root(&file.shown);
        }
    }

    /// Removes what is watched for PATHs, as far as it has not gone with another one of them.
    fn lose_roots(&mut self, roots: &[Id]) {
        for &root in roots {
            if self.roots.with_entry(root).is_some() {
                self.unlink(root);
            }
        }
    }

    /// Ends the PATHs that are single files in a directory that is about to move, or below it: each
    /// leads elsewhere then. A file that has another path without its PATH is removed, and is found
    /// as new after the move.
    fn lose_file_roots(&mut self, top: Id) {
        let (model, files) = (&self.model, self.roots.files().iter());
        let is_lost = |file: &&FileRoot| model.is_within(file.dir, top);
        for file in files.filter(is_lost).cloned().collect::<Vec<_>>() {
            if !self.roots.files().contains(&file) {
                continue; // It was lost with another one.
            }
            self.roots.forget_file(&file);
            let Some(id) = self.model.find(file.dir, &file.name) else {
                continue;
            };
            let mut path = Vec::new();
            self.write_path(id, &mut path);
            let is_dir = self.model.kind(id) == Kind::Directory;
            if path != file.shown || self.is_hidden(file.dir, &file.name, is_dir) {
                self.roots.add_file(file.clone());
                self.lose_root(&file.shown);
            }
        }
    }
}

impl<D> Tracker<D> {
    /// Hides a directory that is not entered if it is a PATH, which is reported by itself.
    pub(super) fn hide_if_root(&mut self, id: Id, inode: Inode) {
        if let Some(root) = self.path_with_inode(inode) {
            self.model.set_alias(id, root);
            self.model.hide(id);
        }
    }

    /// The entry of the PATH that is this directory.
    pub(super) fn path_with_inode(&self, inode: Inode) -> Option<Id> {
        let mut paths = self.roots.paths().map(|root| root.entry);
        paths.find(|&root| self.model.inode(root) == inode)
    }

    /// Hides the directories that are not entered and are PATHs, which are reported by themselves.
    /// Returns each, with the entry of the PATH.
    pub(crate) fn hide_roots_not_entered(&mut self) -> Vec<(Id, Id)> {
        let mut hidden = Vec::new();
        if self.roots.directories().len() < 2 {
            return hidden;
        }
        for Root {
            absolute, entry, ..
        } in self.roots.paths().cloned().collect::<Vec<_>>()
        {
            let cut = absolute.iter().rposition(|&byte| byte == b'/');
            let Some(cut) = cut else {
                continue;
            };
            let dir = self.entry_at(if cut == 0 { b"/" } else { &absolute[..cut] });
            let found = dir.and_then(|dir| self.model.find(dir, &absolute[cut + 1..]));
            if let Some(id) = found
                && self.model.is_not_entered(id)
                && !self.model.is_alias(id)
            {
                self.mark_alias(id, entry);
                hidden.push((id, entry));
            }
        }
        hidden
    }

    /// The PATHs at or below the path of an entry, and those that lead through it.
    fn roots_within(&self, top: Id) -> Vec<Id> {
        if self.roots.directories().len() < 2 || self.model.kind(top) != Kind::Directory {
            return Vec::new();
        }
        let mut roots = match self.model.parent(top) {
            Some(dir) => self.roots_at(dir, self.model.name(top)),
            None => Vec::new(),
        };
        // Another name of a directory is not where the others are reported.
        if !self.model.is_alias(top) {
            let mut path = Vec::new();
            self.write_path(top, &mut path);
            roots.extend(self.roots_through(&path));
        }
        roots
    }

    /// The PATHs that were given as a path through this one.
    fn roots_through(&self, path: &[u8]) -> Vec<Id> {
        let is_through = |root: &&Root| leads_through(&root.shown, path);
        let through = self.roots.directories().iter().filter(is_through);
        through.map(|root| root.entry).collect()
    }

    /// The PATHs at or below a name in a directory of another PATH, by their absolute paths at the
    /// start.
    pub(super) fn roots_at(&self, dir: Id, name: &[u8]) -> Vec<Id> {
        if self.roots.directories().len() < 2 {
            return Vec::new();
        }
        let Some((top, relative_path)) = self.root_and_path_of_name(dir, name) else {
            return Vec::new();
        };
        let is_within = |root: &&Root| {
            let below = path_below(&root.absolute, &top.absolute);
            let below = below.map(|rest| rest.strip_prefix(b"/").unwrap_or(rest));
            below.is_some_and(|rest| path_below(rest, &relative_path).is_some())
        };
        let within = self.roots.directories().iter().filter(is_within);
        within.map(|root| root.entry).collect()
    }
}
