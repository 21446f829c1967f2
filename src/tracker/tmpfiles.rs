//! Files made with O_TMPFILE, whose events are called `#<inode>`, even once they have a name:
//! finds the name that such an inode has in the model.
//!
//! Invariant: a bounded number of inodes is remembered, the latest ones.

use std::collections::VecDeque;

use super::Tracker;
use super::disk::Stat;
use super::model::{self, Id, InodeKey};

/// How many inodes are remembered, of each kind.
const RECENT: usize = 256;

#[derive(Default)]
pub(super) struct Tmpfiles {
    /// Files that were new under a name: one of them may have been written to before.
    recent: VecDeque<(u64, InodeKey)>,
    /// Inode numbers of which there was an event without a name.
    unnamed: VecDeque<u64>,
}

impl Tmpfiles {
    /// Whether there was an event of an inode before it had a name.
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

    fn add_recent(&mut self, stat: &Stat) {
        let key = model::inode_key(stat);
        self.recent.push_back((stat.inode.ino, key));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// The last new file with that inode number.
    fn recent(&self, ino: u64) -> Option<InodeKey> {
        let mut recent = self.recent.iter().rev();
        Some(recent.find(|(recent, _)| *recent == ino)?.1)
    }
}

impl<D> Tracker<D> {
    /// Remembers a new file, which may yet be written to under no name.
    pub(super) fn remember_recent(&mut self, stat: &Stat) {
        self.tmpfiles.add_recent(stat);
    }

    /// An event named `#<inode>`: a name that this inode has, if the model has one.
    pub(super) fn name_of_tmpfile(&mut self, name: &[u8]) -> Option<Option<Id>> {
        let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
        let ino = digits.parse().ok()?;
        self.tmpfiles.add(ino);
        let key = self.tmpfiles.recent(ino)?;
        self.model.index_inode_keys();
        Some(self.model.with_inode_key(key).first().copied())
    }
}
