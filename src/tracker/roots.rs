//! Holds the PATHs: directories and single files, and what is watched for each. Opens none:
//! `reconcile` does, and, for a PATH that is missing, the watcher. Only the tracker changes them.
//!
//! Invariant: a directory whose entry has gone from the model is not here, and no single file in
//! it is a PATH any more.

mod adding;
mod directory_roots;
mod file_roots;
mod path_index;

use std::collections::HashSet;

use super::Tracker;
use super::content::directory_content;
use super::disk::{Disk, Stat};
use super::model::{Flag, Id};
use super::paths::{leads_through, path_below, without_slashes};
use super::queue::{ScanScope, Work};
use crate::change::Kind;
use crate::event::Wd;
use crate::file_status::{FsClass, Inode};
pub(crate) use adding::NewRoot;
use directory_roots::DirectoryRoots;
use file_roots::FileRoots;

/// A directory that is in no other directory of the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Root {
    pub(crate) kind: RootKind,
    /// The path by which it is opened.
    pub(crate) open: Vec<u8>,
    /// The path by which it is reported: without slashes at its end.
    pub(crate) shown: Vec<u8>,
    /// The absolute path that it had at the start.
    pub(crate) absolute: Vec<u8>,
    /// The class of the file system that it was on at the start.
    pub(crate) class: FsClass,
    pub(crate) entry: Id,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RootKind {
    /// It is a PATH: all names in it are reported.
    Path,
    /// It is the directory of PATHs that are single files: its other names are not reported.
    FileParent,
}

/// A PATH that is a single file: a name in a directory, reported by the path that was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileRoot {
    pub(crate) dir: Id,
    pub(crate) name: Vec<u8>,
    pub(crate) shown: Vec<u8>,
}

impl FileRoot {
    pub(super) fn is(&self, dir: Id, name: &[u8]) -> bool {
        self.dir == dir && self.name == name
    }
}

/// What a PATH leads to: the inode that is watched for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RootTarget {
    Directory(Inode),
    /// The directory of a single file, and its name there.
    File(Inode, Vec<u8>),
}

/// All PATHs, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Roots {
    directories: DirectoryRoots,
    files: FileRoots,
    /// Watches on directories above the PATHs, for moves of these.
    ancestor_watches: HashSet<Wd>,
    /// Whether a PATH was lost, or may lead elsewhere, since that was last asked.
    needs_survey: bool,
}

impl Roots {
    pub(super) fn add_file(&mut self, root: FileRoot) {
        self.files.add(root);
    }

    pub(crate) fn directories(&self) -> &DirectoryRoots {
        &self.directories
    }

    pub(crate) fn files(&self) -> &FileRoots {
        &self.files
    }

    /// Those that are PATHs themselves.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Root> {
        self.directories.paths()
    }

    pub(crate) fn with_entry(&self, entry: Id) -> Option<&Root> {
        self.directories.with_entry(entry)
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = Id> {
        self.directories.iter().map(|root| root.entry)
    }

    /// The entry of the PATH that is a directory and is reported by this path.
    fn path_shown_as(&self, shown: &[u8]) -> Option<Id> {
        self.directories.with_path(shown).map(|root| root.entry)
    }

    /// The PATH that is this name in this directory.
    pub(crate) fn file(&self, dir: Id, name: &[u8]) -> Option<&FileRoot> {
        self.files.get(dir, name)
    }

    pub(super) fn is_ancestor_watch(&self, wd: Wd) -> bool {
        self.ancestor_watches.contains(&wd)
    }

    /// Notes that an entry is gone from the model.
    pub(super) fn forget(&mut self, entry: Id) {
        self.forget_directory(entry);
        self.files.remove_in(entry);
        self.needs_survey = true;
    }

    /// Notes that a directory is gone, while the single files in it are still in the model.
    pub(super) fn forget_directory(&mut self, entry: Id) {
        self.needs_survey |= self.directories.remove(entry).is_some();
    }

    /// The paths of the PATHs that end with an entry.
    pub(super) fn shown_of(&self, entry: Id) -> Vec<Vec<u8>> {
        let roots = self.directories.with_entry(entry).into_iter();
        let files = self.files.in_directory(entry);
        let shown = roots.map(|root| &root.shown);
        shown
            .chain(files.map(|file| &file.shown))
            .cloned()
            .collect()
    }

    pub(super) fn forget_file(&mut self, file: &FileRoot) {
        self.files.remove(file.dir, &file.name);
        self.needs_survey = true;
    }

    #[cfg(test)]
    pub(super) fn show_first_as(&mut self, shown: &str) {
        let entry = self.entries().next().expect("a PATH");
        self.directories.promote(entry, b"t", shown.as_bytes());
    }
}

impl<D: Disk> Tracker<D> {
    /// Removes the watches on directories above the PATHs that are not needed. Returns whether there
    /// were any.
    pub(crate) fn retain_ancestor_watches(&mut self, needed: &HashSet<Wd>) -> bool {
        let watches = &mut self.roots.ancestor_watches;
        let unneeded: Vec<_> = watches.extract_if(|wd| !needed.contains(wd)).collect();
        for &wd in &unneeded {
            self.unwatch_unneeded(wd);
        }
        !unneeded.is_empty()
    }

    /// Removes what was watched for a PATH, since that leads to another inode now. The PATHs that
    /// are given through it lead elsewhere, too: what they report is removed first.
    pub(crate) fn lose_root(&mut self, given: &[u8]) {
        let shown = without_slashes(given);
        // Those that are directories are removed with it.
        let is_through = |file: &&FileRoot| leads_through(&file.shown, shown);
        let through = self.roots.files.iter().filter(is_through);
        for file in through.cloned().collect::<Vec<_>>() {
            self.lose_file_root(&file.shown);
        }
        if let Some(id) = self.roots.path_shown_as(shown) {
            self.unlink(id);
        }
        self.lose_file_root(shown);
    }

    fn lose_file_root(&mut self, shown: &[u8]) {
        if let Some(file) = self.roots.files.with_path(shown) {
            let file = file.clone();
            let (dir, name) = (file.dir, &file.name);
            // Before the PATH is removed, by whose path it is reported.
            if let Some(id) = self.model.find(dir, name) {
                self.unlink(id);
            }
            self.roots.forget_file(&file);
            self.show_followed(shown);
            let has_other_file = self.roots.files.in_directory(dir).next().is_some();
            if !self.is_in_tree(dir) {
                // It has gone with a PATH in a directory that had the name of the file.
            } else if !self.is_file_parent(dir) {
                // The PATH that its directory is in may report it now.
                self.enqueue_name(dir, name);
            } else if !has_other_file {
                self.unlink(dir);
            }
        }
    }
}

impl<D> Tracker<D> {
    /// Notes watches on directories above the PATHs: they stay until they are not needed.
    pub(crate) fn add_ancestor_watches(&mut self, watches: &[Wd]) {
        self.roots.ancestor_watches.extend(watches);
    }

    /// Opens the PATHs for which `is_meant` is true by their absolute paths from now on.
    pub(crate) fn open_by_absolute_paths(&mut self, is_meant: impl Fn(&Root) -> bool) {
        self.roots.directories.open_by_absolute_paths(is_meant);
    }

    /// Whether a PATH was lost, or may lead elsewhere, since the last call.
    pub(crate) fn take_needs_survey(&mut self) -> bool {
        std::mem::take(&mut self.roots.needs_survey)
    }

    /// What is watched for a PATH as it was given; `None`: nothing.
    pub(crate) fn watched_root(&self, given: &[u8]) -> Option<RootTarget> {
        let shown = without_slashes(given);
        if let Some(file) = self.roots.files.with_path(shown) {
            let directory = self.model.inode(file.dir);
            return Some(RootTarget::File(directory, file.name.clone()));
        }
        let id = self.roots.path_shown_as(shown)?;
        Some(RootTarget::Directory(self.model.inode(id)))
    }

    /// Notes that a PATH leads elsewhere, if a symbolic link is in the place of a single file that is
    /// one.
    pub(super) fn note_symlink_at_path(&mut self, id: Id) {
        if self.model.kind(id) == Kind::Symlink
            && let Some(dir) = self.model.parent(id)
            && self.model.has(dir, Flag::HAS_FILE_ROOT)
            && self.roots.file(dir, self.model.name(id)).is_some()
        {
            self.roots.needs_survey = true;
        }
    }

    /// Whether a symbolic link is in the place of a PATH that was a single file.
    pub(crate) fn is_replaced_by_symlink(&self, given: &[u8]) -> bool {
        let file = self.roots.files.with_path(without_slashes(given));
        let entry = file.and_then(|file| self.model.find(file.dir, &file.name));
        entry.is_some_and(|id| self.model.kind(id) == Kind::Symlink)
    }

    /// Whether only single files in a directory are PATHs.
    pub(crate) fn is_file_parent(&self, dir: Id) -> bool {
        let is_it = |root: &Root| root.kind == RootKind::FileParent;
        self.model.has(dir, Flag::ROOT) && self.roots.with_entry(dir).is_some_and(is_it)
    }

    /// Whether a PATH is left.
    pub(crate) fn is_alive(&self) -> bool {
        self.roots.entries().next().is_some()
    }

    /// The entry at an absolute path, as the absolute paths of the PATHs were at the start.
    pub(crate) fn entry_at(&self, path: &[u8]) -> Option<Id> {
        self.roots.directories.iter().find_map(|root| {
            let rest = path_below(path, &root.absolute)?;
            self.model.at_path(root.entry, rest)
        })
    }

    /// Enqueues the entry at an absolute path.
    pub(crate) fn enqueue_path(&mut self, path: &[u8]) {
        if let Some(id) = self.entry_at(path) {
            self.enqueue(id);
        }
    }

    /// Whether something is watched for a PATH as it was given.
    pub(crate) fn is_rooted(&self, given: &[u8]) -> bool {
        self.watched_root(given).is_some()
    }

    pub(super) fn enqueue_roots(&mut self) {
        for root in self.roots.entries() {
            self.queue.add(Work::entry(root, None));
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Makes the directory of a single file, which was found in a PATH, a part of that.
    pub(super) fn adopt_partial(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) {
        if !self.remove_other_at(dir, name, id) {
            return;
        }
        self.roots.directories.remove(id);
        self.model.clear(id, Flag::ROOT);
        self.model.relink(id, dir, name);
        self.model.unhide(id);
        self.remember_attributes(id, stat);
        self.inherit_folding(id);
        self.mark_new(id);
        self.emit_created(id, directory_content(stat));
        self.queue.add(Work::scan(id, ScanScope::New));
    }
}
