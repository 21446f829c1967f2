//! Files with several names (hard links), and files whose events carry another name than
//! the tree has (O_TMPFILE).
//!
//! An event names the one name that was used; this index finds the others. A file
//! made with O_TMPFILE is called `#<inode>` in events, even once it has a name.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::disk::Stat;
use super::model::{Fingerprint, Flag, Id, InodeKey};
use super::{Tracker, model};
use crate::change::Digest;

/// How many of the youngest files are remembered by inode number.
const RECENT: usize = 256;

/// What is known of them beside the model's index by identity.
#[derive(Default)]
pub(super) struct Links {
    /// The youngest files: inode number and identity.
    recent: VecDeque<(u64, InodeKey)>,
    /// What was last read of inodes with several names.
    readings: HashMap<InodeKey, InodeReading>,
    /// One name each of inodes with several names that could not be read.
    pub(super) unreadable: HashMap<InodeKey, Id>,
    /// Inode numbers that were written to without a name.
    unnamed: VecDeque<u64>,
}

/// What a reading of an inode gave, under whichever of its names.
#[derive(Clone, Copy)]
pub(super) struct InodeReading {
    pub(super) fingerprint: Fingerprint,
    /// None where it goes by inode, size and times, or could not be read.
    pub(super) digest: Option<Digest>,
    pub(super) is_racy: bool,
}

impl Links {
    pub(super) fn reading(&self, key: InodeKey) -> Option<&InodeReading> {
        self.readings.get(&key)
    }

    /// Keeps what was read; whether it is another than what was read before.
    pub(super) fn note_reading(&mut self, key: InodeKey, new: InodeReading) -> bool {
        let Some(old) = self.readings.insert(key, new) else {
            return true;
        };
        match (old.digest, new.digest) {
            (Some(old), Some(new)) => old != new,
            (None, None) => old.fingerprint != new.fingerprint,
            // What the same fingerprint stood for between the two is not known: it is as
            // coarse as the clock of the file system.
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    pub(super) fn forget_reading(&mut self, key: InodeKey) {
        self.readings.remove(&key);
    }

    /// A name of the inode that could not be read.
    pub(super) fn unreadable(&self, key: InodeKey) -> Option<Id> {
        self.unreadable.get(&key).copied()
    }

    pub(super) fn set_unreadable(&mut self, key: InodeKey, name: Option<Id>) {
        match name {
            Some(name) => self.unreadable.insert(key, name),
            None => self.unreadable.remove(&key),
        };
    }

    /// Whether an inode was written to before it had a name.
    pub(super) fn was_tmpfile(&self, ino: u64) -> bool {
        self.unnamed.contains(&ino)
    }
}

impl<D> Tracker<D> {
    /// Notes the links that statx(2) counts.
    pub(super) fn note_links(&mut self, id: Id, stat: &Stat) {
        if self.model.is_unread(id) {
            return; // It is noted with its fingerprint.
        }
        let key = model::inode_key(stat);
        if self.model.inode_key(id) != Some(key) {
            // Another file, by now. What happened through this name may have happened to the
            // one before, which has other names.
            self.pass_evidence_on(id, true);
            self.model.clear(id, Flag::LINKED);
            self.model.set_inode_key(id, key);
        }
        if stat.nlink > 1 || self.links.was_tmpfile(stat.inode.ino) {
            self.model.index_inode_keys();
            self.model.set(id, Flag::LINKED);
            // Of more than two, all but this one are known to be linked.
            if let &[one, other] = self.model.with_inode_key(key) {
                self.model.set(one, Flag::LINKED);
                self.model.set(other, Flag::LINKED);
            }
        } else if self.model.has(id, Flag::LINKED) && self.model.with_inode_key(key).len() <= 1 {
            // More than one: what was read aside was stat'ed before the other name came.
            self.model.clear(id, Flag::LINKED);
            self.links.forget_reading(key);
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

    /// An event named `#<inode>`: a name that this inode has, if the model has one.
    pub(super) fn name_of_tmpfile(&mut self, name: &[u8]) -> Option<Option<Id>> {
        let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
        let ino = digits.parse().ok()?;
        if !self.links.unnamed.contains(&ino) {
            self.links.unnamed.push_back(ino);
            if self.links.unnamed.len() > RECENT {
                self.links.unnamed.pop_front();
            }
        }
        let recent = self.links.recent.iter().rev();
        let key = recent.clone().find(|(recent, _)| *recent == ino)?.1;
        self.model.index_inode_keys();
        Some(self.model.with_inode_key(key).first().copied())
    }
}
