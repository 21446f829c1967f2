//! Passes the evidence of a name that is gone, or leads to another file, on to another name of its
//! file; where that is not known, the files that it may be about are compared.

use crate::tracker::Tracker;
use crate::tracker::model::{Evidence, Flag, Id};

impl<D> Tracker<D> {
    /// Serves the evidence of a name that is removed: another name of its file is read then.
    pub(in crate::tracker) fn pass_evidence_on(&mut self, id: Id) {
        let evidence = self.evidence_to_pass_on(id);
        if !evidence.is_empty() {
            self.compare_possible_files(id, evidence);
        }
        self.leave_inode(id, evidence);
    }

    /// Compares the files that the evidence of a name may be about.
    fn compare_possible_files(&mut self, id: Id, evidence: Evidence) {
        if !self.model.is_unread(id) {
            // Another file may have had the name since it was stat'ed, by an exchange.
            return self.compare_all_files(evidence);
        }
        // Its inode key is not known: any file may be its own that was stat'ed before that, or is yet to
        // be.
        self.compare_linked_files();
        if evidence.has(Evidence::WRITE_EVENTS) {
            self.links.note_lone_write();
        }
    }

    /// As [`Self::pass_evidence_on`], of a name that leads to another file by now: events of this name may
    /// have been about the old one, which has other names.
    pub(super) fn pass_doubt_on(&mut self, id: Id) {
        let evidence = self.unserved_evidence(id).union(Evidence::MODIFIED);
        // The first inode that is known of a name is no other one.
        if self.model.inode_key(id).is_some() {
            self.compare_all_files(evidence);
        }
        self.leave_inode(id, evidence);
    }

    /// What of the evidence of a name is about its other names, too: a write. With `IN_ATTRIB`, they may
    /// be readable now, or have other attributes.
    fn evidence_to_pass_on(&self, id: Id) -> Evidence {
        let evidence = self.unserved_evidence(id);
        let wants_attrib = self.settings.attributes || !self.links.unreadable.is_empty();
        if evidence.has(Evidence::WRITE_EVENTS) {
            evidence
        } else if wants_attrib && evidence.has(Evidence::ATTRIB) {
            Evidence::ATTRIB
        } else {
            Evidence::default()
        }
    }

    /// What happened to a file by this name since it was read, or since that began.
    fn unserved_evidence(&self, id: Id) -> Evidence {
        let being_read = self.reads.evidence(id).unwrap_or_default();
        being_read.union(self.model.evidence(id))
    }

    /// Takes a name from its inode, and gives the evidence to another one, which is enqueued.
    fn leave_inode(&mut self, id: Id, evidence: Evidence) {
        let is_linked = self.model.has(id, Flag::LINKED);
        let Some(key) = self.model.inode_key(id).filter(|_| is_linked) else {
            return;
        };
        let names = self.model.with_inode_key(key);
        let other = names.iter().copied().find(|&other| other != id);
        if self.links.unreadable(key) == Some(id) {
            let is_unreadable = |other: &&Id| **other != id && self.model.is_unreadable(**other);
            let next = names.iter().find(is_unreadable).copied();
            self.links.set_unreadable(key, next);
        }
        if names.len() <= 2 {
            self.links.readings.remove(&key);
        }
        let is_written = evidence.has(Evidence::WRITE_EVENTS);
        match other {
            Some(other) if !evidence.is_empty() => {
                let passed = if is_written {
                    Evidence::MODIFIED
                } else {
                    evidence
                };
                self.model.add_evidence(other, passed);
                self.enqueue(other);
            }
            None if is_written => self.links.note_lone_write(),
            Some(_) | None => {}
        }
    }
}
