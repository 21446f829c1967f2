//! Finds the name in the model of a file that was made with O_TMPFILE: its events have the name
//! `#<inode>`, even once it has another one.
//!
//! Invariant: a bounded number of inodes is remembered, the latest ones.

use std::collections::VecDeque;

use super::Tracker;
use super::disk::{Inode, Stat};
use super::model::{self, Id, InodeKey};

/// How many inodes each list has at most.
const RECENT: usize = 256;

#[derive(Default)]
pub(super) struct Tmpfiles {
    /// New files, with their birth times: each may have been made with O_TMPFILE before it got its
    /// name.
    recent: VecDeque<(Inode, Option<i64>)>,
    /// Inode numbers of which there was an event named `#<inode>`.
    unnamed: VecDeque<u64>,
}

/// The file that an event is about whose name is `#<inode>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tmpfile {
    /// It has this name in the model.
    Named(Id),
    /// It is a new file that has no name in the model any longer.
    Unnamed,
    /// The event has another name, or no new file has that inode number.
    Unknown,
}

impl Tmpfiles {
    /// Whether there was an event named `#<inode>` of this inode number.
    pub(super) fn has(&self, ino: u64) -> bool {
        self.unnamed.contains(&ino)
    }

    fn add(&mut self, ino: u64) {
        if !self.has(ino) {
            self.unnamed.push_back(ino);
            if self.unnamed.len() > RECENT {
                self.unnamed.pop_front();
            }
        }
    }

    /// Remembers a new file: if it was made with O_TMPFILE, its events go on to have that name.
    pub(super) fn add_recent(&mut self, stat: &Stat) {
        self.recent.push_back((stat.inode, stat.btime));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// The latest new file with this inode number.
    fn recent(&self, ino: u64) -> Option<InodeKey> {
        let mut latest = self.recent.iter().rev();
        let &(inode, btime) = latest.find(|(recent, _)| recent.ino == ino)?;
        Some(model::inode_key_of(inode, btime))
    }
}

impl<D> Tracker<D> {
    /// Finds the file that an event of this name is about, if the name is `#<inode>`.
    pub(super) fn find_tmpfile(&mut self, name: &[u8]) -> Tmpfile {
        let Some(ino) = inode_in_name(name) else {
            return Tmpfile::Unknown;
        };
        self.links.tmpfiles.add(ino);
        let Some(key) = self.links.tmpfiles.recent(ino) else {
            return Tmpfile::Unknown;
        };
        self.model.index_inode_keys();
        match self.model.with_inode_key(key).first() {
            Some(&id) => Tmpfile::Named(id),
            None => Tmpfile::Unnamed,
        }
    }
}

/// The inode number in a name `#<inode>`.
fn inode_in_name(name: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
    digits.parse().ok()
}
