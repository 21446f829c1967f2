//! What is known of a file whose name is emitted again: as `existing` in a snapshot, or in two
//! records of a rename.
//!
//! Emits nothing. Invariant: a digest that should be known and is not will be emitted as
//! changed once it is.

use super::{content, directory_content};
use crate::change::{Content, EMPTY};
use crate::tracker::disk::{Disk, Stat};
use crate::tracker::model::{self, Id, Knowledge};
use crate::tracker::{Hashing, Tracker};

impl<D: Disk> Tracker<D> {
    /// The digest last emitted, and the status of the file that holds these bytes.
    pub(crate) fn known_content(&mut self, id: Id) -> Content {
        // From here on this is what was last reported under the name.
        self.last_reported.take_replaced(id);
        let digest = self.model.digest(id);
        if digest == Some(EMPTY) {
            return Content {
                size: Some(0),
                digest,
                stat: self.stat_entry(id).ok().map(|stat| stat.times()),
            };
        }
        let stat = self.stat_entry(id).ok();
        let known = self.model.knowledge(id);
        let is_same = |stat: &Stat| match known {
            Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint } => {
                !fingerprint.is_another(model::fingerprint(stat, true))
            }
            Knowledge::Unread { .. } => true,
            Knowledge::Unseen => false,
        };
        match stat {
            Some(stat) if digest.is_none() || is_same(&stat) => {
                if digest.is_none() && self.is_digest_due(id, Some(&stat)) {
                    self.owe_digest(id);
                }
                content(&stat, digest)
            }
            // It was written to, replaced or moved: the size would be that of other bytes.
            _ => {
                if digest.is_some() || self.is_digest_due(id, None) {
                    self.owe_digest(id);
                }
                Content::default()
            }
        }
    }

    /// What identifies a directory, whatever its name.
    pub(crate) fn known_directory(&mut self, id: Id) -> Content {
        let stat = self.stat_entry(id);
        stat.map_or_else(|_| Content::default(), |stat| directory_content(&stat))
    }

    /// It is emitted without a digest, which will follow.
    fn owe_digest(&mut self, id: Id) {
        self.model.set_digest(id, None);
        self.model.set_knowledge(id, Knowledge::Unseen);
        self.enqueue(id);
    }

    /// Whether a file without a digest is one that is to have one.
    fn is_digest_due(&self, id: Id, stat: Option<&Stat>) -> bool {
        let model = &self.model;
        let dev = model.parent(id).map_or(0, |dir| model.inode(dir).dev);
        let limit = self.settings.hash_limit;
        self.hashing(dev) == Hashing::Eager && stat.is_none_or(|stat| stat.size <= limit)
    }
}
