//! Files with several names, and files whose name the kernel tells otherwise.
//!
//! An event names the one name that was used; this index finds the others. A file
//! made with O_TMPFILE is called `#<inode>` in events, even once it has a name.

use std::collections::VecDeque;

use super::disk::Stat;
use super::model::{Flag, Id};
use super::numbers::Numbers;
use super::{Tracker, model};
use crate::event::Wd;

/// How many of the youngest files are remembered by inode number.
const RECENT: usize = 256;

/// What is known of them beside the model's index by identity.
#[derive(Default)]
pub(super) struct Links {
    /// The youngest files: inode number and identity.
    recent: VecDeque<(u64, u32)>,
    /// Inode numbers that were written to without a name.
    unnamed: VecDeque<u64>,
    /// Watches on files themselves (`--strict`).
    guards: Numbers<Wd, Vec<Id>>,
    guarded: Numbers<Id, Wd>,
}

impl Links {
    /// Whether an inode was written to before it had a name.
    pub(super) fn was_tmpfile(&self, ino: u64) -> bool {
        self.unnamed.contains(&ino)
    }

    pub(super) fn add_file_watch(&mut self, wd: Wd, id: Id) {
        self.guards.entry(wd).or_default().push(id);
        self.guarded.insert(id, wd);
    }

    /// Forgets it; the watch, if no other name of the file needs it.
    pub(super) fn remove_file_watch(&mut self, id: Id) -> Option<Wd> {
        let wd = self.guarded.remove(&id)?;
        let names = self.guards.get_mut(&wd)?;
        names.retain(|&other| other != id);
        if names.is_empty() {
            self.guards.remove(&wd);
            return Some(wd);
        }
        None
    }

    /// The names of the file with that watch.
    pub(super) fn behind(&self, wd: Wd) -> Vec<Id> {
        self.guards.get(&wd).cloned().unwrap_or_default()
    }

    pub(super) fn file_watches(&self) -> usize {
        self.guards.len()
    }
}

impl Tracker {
    /// Notes what a look at a file told of its names.
    pub(super) fn note_links(&mut self, id: Id, stat: &Stat) {
        self.model.set_inode_key(id, model::inode_key(stat));
        if stat.nlink > 1 || self.links.was_tmpfile(stat.inode.ino) {
            self.model.index_inode_keys();
            self.model.set(id, Flag::LINKED);
            for other in self.model.with_inode_key(model::inode_key(stat)) {
                self.model.set(other, Flag::LINKED);
            }
        } else if self.model.has(id, Flag::LINKED) {
            // What was read aside may have been looked at before the other name came.
            let names = self.model.with_inode_key(model::inode_key(stat));
            if names.iter().all(|&other| other == id) {
                self.model.clear(id, Flag::LINKED);
            }
        }
    }

    /// Remembers a young file, which may yet be written to under no name.
    pub(super) fn remember_recent(&mut self, stat: &Stat) {
        self.links
            .recent
            .push_back((stat.inode.ino, model::inode_key(stat)));
        if self.links.recent.len() > RECENT {
            self.links.recent.pop_front();
        }
    }

    /// An event named `#<inode>`: the names that this inode has.
    pub(super) fn names_of_tmpfile(&mut self, name: &[u8]) -> Option<Vec<Id>> {
        let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
        let ino = digits.parse().ok()?;
        if !self.links.unnamed.contains(&ino) {
            self.links.unnamed.push_back(ino);
            if self.links.unnamed.len() > RECENT {
                self.links.unnamed.pop_front();
            }
        }
        let inode_key = self
            .links
            .recent
            .iter()
            .rev()
            .find(|(young, _)| *young == ino)?
            .1;
        self.model.index_inode_keys();
        Some(self.model.with_inode_key(inode_key))
    }

    pub(crate) fn file_watches(&self) -> usize {
        self.links.file_watches()
    }
}
