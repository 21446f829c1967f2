//! Hides a symbolic link that leads from one PATH to another: what has the path of a PATH is reported
//! by that, and the link is not reported, too.
//!
//! Follows no link. Invariant: of all names with one path, one is reported.

use super::Tracker;
use super::disk::{Disk, Inode};
use super::model::{Flag, Id};
use super::paths::path_below;
use crate::change::Kind;

impl<D> Tracker<D> {
    /// Whether a name of what is no directory has the path of a PATH that leads elsewhere.
    pub(super) fn is_followed(&self, dir: Id, name: &[u8]) -> bool {
        let (directories, files) = (self.roots.directories(), self.roots.files());
        if !directories.has_name(name) && !files.has_name(name) {
            return false;
        }
        let path = self.path_of_name(dir, name);
        if files
            .with_path(&path)
            .is_some_and(|file| !file.is(dir, name))
        {
            return true;
        }
        let directory = directories.with_path(&path);
        directory.is_some_and(|root| !self.roots_at(dir, name).contains(&root.entry))
    }

    /// The path of a name in a directory, as it is reported.
    pub(super) fn path_of_name(&self, dir: Id, name: &[u8]) -> Vec<u8> {
        let mut path = Vec::new();
        self.write_path(dir, &mut path);
        if !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend(name);
        path
    }

    /// The directory in another PATH in which a path is a name.
    fn directory_of<'a>(&self, shown: &'a [u8]) -> Option<(Id, &'a [u8])> {
        let cut = shown.iter().rposition(|&byte| byte == b'/')?;
        let (above, name) = (&shown[..cut], &shown[cut + 1..]);
        let dir = self.roots.paths().find_map(|root| {
            let rest = path_below(above, &root.shown)?;
            let found = self.model.at_path(root.entry, rest)?;
            (self.model.kind(found) == Kind::Directory).then_some(found)
        })?;
        Some((dir, name))
    }

    /// What has the path of a PATH, as an entry of another one.
    fn with_path(&self, shown: &[u8]) -> Option<Id> {
        let (dir, name) = self.directory_of(shown)?;
        self.model.find(dir, name)
    }

    /// The link that has the path of a PATH, as an entry of another one.
    fn followed_link(&self, shown: &[u8]) -> Option<Id> {
        let link = self.with_path(shown)?;
        (self.model.kind(link) == Kind::Symlink).then_some(link)
    }

    /// Whether another PATH has this directory at a path. Its watch may be missing.
    pub(crate) fn has_directory_at(&self, shown: &[u8], inode: Inode) -> bool {
        self.directory_with_path(shown, inode).is_some()
    }

    fn directory_with_path(&self, shown: &[u8], inode: Inode) -> Option<Id> {
        let is_it =
            |id: &Id| self.model.kind(*id) == Kind::Directory && self.model.inode(*id) == inode;
        self.with_path(shown).filter(is_it)
    }

    /// Whether another PATH has this directory at a path and reports less of it than a PATH of its own
    /// would: nothing, or no more than its own depth allows.
    pub(crate) fn cuts_directory_at(&self, shown: &[u8], inode: Inode) -> bool {
        self.directory_with_path(shown, inode).is_some_and(|id| {
            let is_boundary = self.model.is_not_entered(id) && !self.model.is_alias(id);
            is_boundary || self.has_max_depth()
        })
    }

    /// Hides the link that leads to a PATH which was found before the loop begins.
    pub(crate) fn hide_followed(&mut self, shown: &[u8]) {
        if let Some(link) = self.followed_link(shown) {
            self.model.hide(link);
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Removes what another PATH has at the path of one that has appeared: the link that leads
    /// there, or what was there before. Events about that may be unread.
    pub(crate) fn remove_earlier_at(&mut self, shown: &[u8]) {
        if let Some(id) = self.with_path(shown) {
            self.unlink(id);
        }
    }

    /// Ends the PATH that has the path of a name where a directory was found: the link that led to
    /// the PATH is gone. A survey may not have shown that yet.
    pub(super) fn lose_followed(&mut self, dir: Id, name: &[u8]) {
        if self.is_followed(dir, name) {
            self.lose_root(&self.path_of_name(dir, name));
        }
    }

    /// Lets the PATH in which a lost one is a name report that again.
    pub(super) fn show_followed(&mut self, shown: &[u8]) {
        let link = self.followed_link(shown);
        if let Some(link) = link.filter(|&link| self.model.has(link, Flag::HIDDEN)) {
            self.unlink(link);
        }
        if let Some((dir, name)) = self.directory_of(shown) {
            self.enqueue_name(dir, name);
        }
    }
}
