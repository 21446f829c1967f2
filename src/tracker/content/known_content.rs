//! Finds the content fields for a file whose name is emitted again: as `existing` in a snapshot,
//! or as deleted and created instead of renamed.
//!
//! Emits nothing. Invariant: a file that is emitted without the size or the digest that it should have
//! is put on the work queue, so that it is emitted as changed once it was read.

use super::{content, directory_content};
use crate::change::{Content, EMPTY};
use crate::tracker::disk::{Disk, Stat};
use crate::tracker::model::{self, Flag, Id, Knowledge};
use crate::tracker::queue::Written;
use crate::tracker::{Hashing, Tracker};

impl<D: Disk> Tracker<D> {
    /// The digest last emitted, and the status, if the file still has that content.
    pub(crate) fn known_content(&mut self, id: Id) -> Content {
        // What is emitted now is from now on what was last reported under this name.
        self.last_reported.take_replaced(id);
        let digest = self.model.digest(id);
        let stat = self.stat_entry(id).ok();
        let known = self.model.knowledge(id);
        // A new file that was reported as empty has no fingerprint: its size is compared.
        let is_same = |stat: &Stat| match known {
            _ if digest == Some(EMPTY) => stat.size == 0,
            Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint } => {
                fingerprint.is_same_under_another_name(model::fingerprint(stat))
            }
            Knowledge::Unread { .. } => true,
            Knowledge::Unverified => false,
        };
        match stat {
            Some(stat) if digest.is_none() || is_same(&stat) => {
                if digest.is_none() && self.is_digest_due(id, &stat) {
                    self.forget_digest(id);
                } else if self.goes_by_stat(&stat) {
                    self.store_emitted_status(id, &stat);
                }
                content(&stat, digest)
            }
            // It was written to, replaced or moved: size and digest would not match.
            _ => {
                self.forget_digest(id);
                Content::default()
            }
        }
    }

    /// Stores the status that is emitted now of a file that goes by it. A write that it shows is not
    /// reported again under this name, but of the other names of the file.
    fn store_emitted_status(&mut self, id: Id, stat: &Stat) {
        let new = model::fingerprint_without_ctime(stat);
        let written = match self.model.knowledge(id) {
            // It keeps whether it is racy: the event of a write may be unread.
            Knowledge::Known { fingerprint, .. } if fingerprint == new => return,
            Knowledge::Unread { .. } => self.written(id, stat),
            Knowledge::Known { .. } | Knowledge::Unreadable { .. } | Knowledge::Unverified => {
                Written::ByThisName
            }
        };
        let as_of = self.clock.wall();
        self.store_fingerprint(id, stat, new, as_of);
        if self.model.has(id, Flag::LINKED) {
            // What was emitted of another name may be older than a write whose event is unread.
            self.model.mark_racy(id);
        }
        self.note_reading_of(id, stat, as_of, written);
    }

    /// The content fields of a directory: inode number and times.
    pub(crate) fn known_directory(&mut self, id: Id) -> Content {
        let stat = self.stat_entry(id);
        stat.map_or_else(|_| Content::default(), |stat| directory_content(&stat))
    }

    /// Forgets the digest of a file, and puts it on the queue: it is read and reported. One that cannot
    /// be read is there already, and was reported.
    pub(in crate::tracker) fn forget_digest(&mut self, id: Id) {
        self.model.set_digest(id, None);
        if !self.model.is_unreadable(id) {
            self.model.set_knowledge(id, Knowledge::Unverified);
            self.enqueue(id);
        }
    }

    /// Whether a file should have a digest.
    fn is_digest_due(&self, id: Id, stat: &Stat) -> bool {
        let model = &self.model;
        let dev = model.parent(id).map_or(0, |dir| model.inode(dir).dev);
        self.hashing(dev) == Hashing::Eager && stat.size <= self.settings.hash_limit
    }
}
