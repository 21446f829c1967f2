//! The PATHs: where each is, and whether it is there. Never opens one: that is for reconcile,
//! and, where one is waited for, for those outside.

use super::Tracker;
use super::disk::Disk;
use super::model::{Flag, Id};
use super::scan_scope::ScanScope;
use crate::change::{Content, Kind};
use crate::file_status::{FsClass, Inode};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Root {
    pub(crate) open: Vec<u8>,
    /// How it is shown, without trailing slashes.
    pub(crate) shown: Vec<u8>,
    /// Where it was at the start, as an absolute path.
    pub(crate) absolute: Vec<u8>,
    /// What it was on at the start.
    pub(crate) class: FsClass,
    pub(crate) entry: Option<Id>,
}

/// A single file that is a PATH: a name in a directory, shown in its own way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileRoot {
    pub(crate) dir: Id,
    pub(crate) name: Vec<u8>,
    pub(crate) shown: Vec<u8>,
}

/// What is watched for a PATH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RootPlace<'a> {
    Directory(Inode),
    /// A name in a directory.
    File(Inode, &'a [u8]),
}

fn without_slashes(given: &[u8]) -> &[u8] {
    let end = given.iter().rposition(|&byte| byte != b'/');
    &given[..end.map_or(0, |last| last + 1)]
}

impl<D: Disk> Tracker<D> {
    /// A PATH leads elsewhere: what was watched for it is gone.
    pub(crate) fn lose_root(&mut self, given: &[u8]) {
        let shown = without_slashes(given);
        let roots = self.roots.iter();
        let root = roots
            .filter(|root| root.shown == shown)
            .find_map(|root| root.entry);
        let is_path = |id: &Id| !self.model.has(*id, Flag::PARTIAL);
        if let Some(id) = root.filter(is_path) {
            self.unlink(id);
        }
        let is_lost = |named: &FileRoot| named.shown == shown;
        if let Some(number) = self.named.iter().position(is_lost) {
            let dir = self.named[number].dir;
            if let Some(id) = self.model.find(dir, &self.named[number].name) {
                self.unlink(id);
            }
            self.named.remove(number);
            let is_left = self.named.iter().any(|named| named.dir == dir);
            if !is_left && self.model.is_live(dir) && self.model.has(dir, Flag::PARTIAL) {
                self.unlink(dir);
            }
        }
        self.forget_lost_roots();
    }
}

impl<D> Tracker<D> {
    /// What is watched for a PATH as it was given; `None`: nothing.
    pub(crate) fn place_of_root(&self, given: &[u8]) -> Option<RootPlace<'_>> {
        let shown = without_slashes(given);
        let mut named = self.named.iter().filter(|named| named.shown == shown);
        if let Some(named) = named.find(|named| self.model.is_live(named.dir)) {
            let directory = self.model.inode(named.dir);
            return Some(RootPlace::File(directory, &named.name));
        }
        let mut roots = self.roots.iter().filter(|root| root.shown == shown);
        let id = roots.find_map(|root| root.entry)?;
        Some(RootPlace::Directory(self.model.inode(id)))
    }

    /// Whether a PATH is left to watch.
    pub(crate) fn is_alive(&self) -> bool {
        self.roots.iter().any(|root| root.entry.is_some())
    }

    /// The entry at an absolute path, as far as the PATHs' own were known at the start.
    pub(crate) fn entry_at(&self, path: &[u8]) -> Option<Id> {
        self.roots.iter().find_map(|root| {
            let rest = path.strip_prefix(root.absolute.as_slice())?;
            let mut id = root.entry?;
            if !rest.is_empty() && root.absolute != b"/" && rest[0] != b'/' {
                return None;
            }
            for name in rest
                .split(|&byte| byte == b'/')
                .filter(|name| !name.is_empty())
            {
                id = self.model.find(id, name)?;
            }
            Some(id)
        })
    }

    /// What is at an absolute path is reconciled.
    pub(crate) fn enqueue_path(&mut self, path: &[u8]) {
        if let Some(id) = self.entry_at(path) {
            self.enqueue(id);
        }
    }

    /// Whether a PATH as it was given is watched now.
    pub(crate) fn is_rooted(&self, given: &[u8]) -> bool {
        let shown = without_slashes(given);
        let alive = |dir: Id| self.model.is_live(dir) && self.model.kind(dir) == Kind::Directory;
        self.roots
            .iter()
            .any(|root| root.entry.is_some() && root.shown == shown)
            || self
                .named
                .iter()
                .any(|named| named.shown == shown && alive(named.dir))
    }

    pub(super) fn enqueue_roots(&mut self) {
        let roots: Vec<Id> = self.roots.iter().filter_map(|root| root.entry).collect();
        for root in roots {
            self.enqueue(root);
        }
    }

    /// A PATH that was waited for is there: it is emitted, with all below it.
    pub(crate) fn root_appeared(&mut self, id: Id) {
        self.mark_unscanned(id);
        self.emit_created(id, Content::default());
        self.queue.add_scan(id, ScanScope::New);
    }

    /// PATHs that are gone, and single files in directories that are, are forgotten.
    pub(crate) fn forget_lost_roots(&mut self) {
        self.roots.retain(|root| root.entry.is_some());
        let model = &self.model;
        self.named
            .retain(|named| model.is_live(named.dir) && model.kind(named.dir) == Kind::Directory);
    }
}
