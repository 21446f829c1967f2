//! The other names of a file: what was read under one of them is so under all, and is read
//! once for all. Reads nothing, and emits nothing itself.
//!
//! Invariant: an event costs the same however many names its file has; only news cost a
//! step for each of them.

use super::compare::is_racy;
use crate::change::Digest;
use crate::tracker::Tracker;
use crate::tracker::disk::{Disk, Stat};
use crate::tracker::hard_links::InodeReading;
use crate::tracker::model::{self, Evidence, Flag, Id};

impl<D: Disk> Tracker<D> {
    /// The file was read under one name. What was reported of the others may be older, since
    /// an event comes for one name only, and for none before its directory is watched: if
    /// this is not what was last read of the inode, they are reconciled. `is_written`: the
    /// bytes are younger than the watch.
    pub(in crate::tracker) fn enqueue_links(&mut self, id: Id, stat: &Stat, is_written: bool) {
        if !self.model.has(id, Flag::LINKED) {
            return;
        }
        let digest = self.model.digest(id);
        let reading = InodeReading {
            fingerprint: model::fingerprint(stat, !self.goes_by_stat(stat)),
            digest,
            is_racy: is_racy(stat, self.clock.wall()),
        };
        if !self.links.note_reading(model::inode_key(stat), reading) {
            return;
        }
        let names = self.model.with_inode_key(model::inode_key(stat)).to_vec();
        for other in names.into_iter().filter(|&other| other != id) {
            let known = self.model.digest(other);
            let is_older = match known {
                Some(_) => known != digest,
                None => is_written,
            };
            if is_older {
                self.model.add_evidence(other, Evidence::OTHER_NAME);
                self.enqueue(other);
            }
        }
    }

    /// An unreadable file can be read: under its other names, too.
    pub(super) fn retry_links(&mut self, stat: &Stat) {
        let key = model::inode_key(stat);
        if self.links.unreadable.remove(&key).is_some() {
            for other in self.model.with_inode_key(key).to_vec() {
                if self.model.is_unreadable(other) {
                    self.enqueue(other);
                }
            }
        }
    }
}

impl<D> Tracker<D> {
    /// The digest that was read by another name of the same inode, if it is still that of
    /// this file: nothing else has happened to it since, or its fingerprint proves it.
    pub(super) fn read_by_other_name(&self, id: Id, stat: &Stat, why: Evidence) -> Option<Digest> {
        if !self.model.has(id, Flag::LINKED) {
            return None;
        }
        let reading = self.links.reading(model::inode_key(stat))?;
        let is_same = reading.fingerprint == model::fingerprint(stat, true);
        let is_trusted = !reading.is_racy || why.is_only_other_name();
        reading.digest.filter(|_| is_same && is_trusted)
    }

    /// A name is going, or leads to another inode. What happened to the file through it, and
    /// was not read yet, is looked for under another of its names. `is_written`: something
    /// may have happened that the entry does not have as evidence.
    pub(in crate::tracker) fn pass_evidence_on(&mut self, id: Id, is_written: bool) {
        if !self.model.has(id, Flag::LINKED) {
            return;
        }
        let Some(key) = self.model.inode_key(id) else {
            return;
        };
        let names = self.model.with_inode_key(key);
        let other = names.iter().copied().find(|&other| other != id);
        let is_read = self.reads.evidence(id).is_some_and(Evidence::is_written);
        if self.links.unreadable.get(&key) == Some(&id) {
            let is_unreadable = |other: &&Id| **other != id && self.model.is_unreadable(**other);
            let next = names.iter().find(is_unreadable).copied();
            self.links.set_unreadable(key, next);
        }
        if names.len() <= 2 {
            self.links.forget_reading(key);
        }
        if let Some(other) = other
            && (is_written || is_read || self.is_written(id))
        {
            self.model.add_evidence(other, Evidence::MODIFIED);
            self.enqueue(other);
        }
    }
}
