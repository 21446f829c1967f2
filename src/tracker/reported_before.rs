//! Takes what was reported before this watch began (`--since`) over into the model, and finds what
//! the model does not know yet.
//!
//! Emits nothing. Invariant: a digest is taken over only for a file that is unchanged by its
//! status, or will be compared.

use super::Tracker;
use super::disk::{Inode, Stat};
use super::model::{DirectoryState, Evidence, Id, Knowledge};
use super::queue::{ScanScope, Work};
use crate::change::{Attributes, Digest, InodeTimes, Kind};

/// A regular file as it was last reported; by default nothing is known of it.
#[derive(Default)]
pub(crate) struct Reported {
    pub(crate) size: Option<u64>,
    pub(crate) times: Option<InodeTimes>,
    pub(crate) digest: Option<Digest>,
    /// Whether its times are racily clean: a write since then may have left them the same.
    pub(crate) is_racy: bool,
}

impl Reported {
    /// A status from which a fingerprint can be made; its other fields have no meaning.
    fn stat(&self, dev: u64) -> Option<Stat> {
        let times = self.times?;
        Some(Stat {
            kind: Kind::File,
            inode: Inode {
                dev,
                ino: times.ino,
            },
            nlink: 1,
            size: self.size?,
            allocated: self.size?,
            mtime: times.mtime,
            ctime: times.ctime,
            btime: times.btime,
            attributes: Attributes {
                mode: 0,
                uid: 0,
                gid: 0,
            },
            mount: 0,
            is_mount_root: false,
            is_automount: false,
        })
    }
}

impl<D> Tracker<D> {
    /// Initializes a file that the walk has just added and that is as it was reported, so that the
    /// baseline need not stat it. `false`: it must, since the file may have changed since the watch
    /// began.
    pub(crate) fn add_unchanged(&mut self, id: Id, stat: &Stat, digest: Option<Digest>) -> bool {
        let is_unread = self.model.kind(id) == Kind::File && self.model.is_unread(id);
        if !is_unread || self.clock.has_shown(stat.ctime) || self.changed_since_start(id, stat) {
            return false;
        }
        let by_stat = self.goes_by_stat(stat);
        self.model.set_digest(id, digest.filter(|_| !by_stat));
        self.store_fingerprint(id, stat, self.fingerprint(stat), self.clock.began());
        self.remember_mtime(id, stat);
        self.warn_over_limit(id, stat);
        true
    }

    /// Whether what is known of a file is of that size and these times, which the baseline found:
    /// since then it may have been read again, or its id been used for another file.
    pub(crate) fn is_known_as(&self, id: Id, size: u64, times: InodeTimes) -> bool {
        let found = Reported {
            size: Some(size),
            times: Some(times),
            digest: None,
            is_racy: false,
        };
        let dev = self.model.parent(id).map(|dir| self.model.inode(dir).dev);
        let Some(stat) = dev.and_then(|dev| found.stat(dev)) else {
            return false;
        };
        let found = self.fingerprint(&stat);
        self.model.knowledge(id).fingerprint() == Some(found)
    }

    /// Whether a file is still to be read: the baseline could not read it, or events have come
    /// since.
    pub(crate) fn is_to_be_read(&self, id: Id) -> bool {
        self.model.knowledge(id).fingerprint().is_none()
            || self.model.evidence(id).has(Evidence::OF_EVENTS)
    }

    /// Takes over what was reported of a file that the baseline could not read, and enqueues it:
    /// a difference is emitted once it was read.
    pub(crate) fn expect(&mut self, id: Id, reported: &Reported) {
        if self.model.kind(id) == Kind::File && self.model.digest(id).is_none() {
            self.set_reported(id, reported);
            self.enqueue(id);
        }
    }

    fn set_reported(&mut self, id: Id, reported: &Reported) {
        let known = self.known_before(id, reported);
        self.model.set_digest(id, reported.digest);
        self.model
            .set_knowledge(id, known.unwrap_or(Knowledge::Unverified));
    }

    /// On a polled file system, where the baseline reads no files, a file with the reported times
    /// is unchanged.
    fn known_before(&self, id: Id, reported: &Reported) -> Option<Knowledge> {
        let dev = self.model.inode(self.model.parent(id)?).dev;
        if !self.file_systems.is_polled(dev) {
            return None;
        }
        let stat = reported.stat(dev)?;
        Some(Knowledge::Known {
            fingerprint: self.fingerprint(&stat),
            is_racy: reported.is_racy,
        })
    }

    /// Whether the walk has found a directory and could not list it, or not to its end.
    pub(crate) fn is_unlisted(&self, dir: Id) -> bool {
        self.model.directory_state(dir) == DirectoryState::Unwatched
            || self.model.scanned(dir) == self.queue.unscanned()
    }

    pub(crate) fn unlisted_directories(&self) -> Vec<Id> {
        let all = self.model.all();
        let directories = all.filter(|&id| self.model.kind(id) == Kind::Directory);
        directories.filter(|&dir| self.is_unlisted(dir)).collect()
    }

    /// Widens the scan of a directory that is on the queue to all names, since those that were reported
    /// in it are added: of a PATH that has appeared, it would compare new ones alone.
    pub(crate) fn compare_reported_in(&mut self, dir: Id) {
        self.queue.widen(&Work::scan(dir, ScanScope::All));
    }

    /// Adds a name that was reported in a directory that the walk could not list: it is kept until
    /// a scan compares all names. `None`: a filter hides it now.
    pub(crate) fn add_reported(
        &mut self,
        dir: Id,
        name: &[u8],
        kind: Kind,
        reported: &Reported,
    ) -> Option<Id> {
        if self.is_hidden(dir, name, kind == Kind::Directory) {
            return None;
        }
        let id = self.add_listed(dir, name, kind)?;
        match kind {
            Kind::File => self.set_reported(id, reported),
            Kind::Directory => {
                let dev = self.model.inode(dir).dev;
                self.set_device(id, dev);
                self.init_walked(id, dir, 0);
            }
            Kind::Symlink | Kind::Other => {}
        }
        Some(id)
    }

    /// Mode and owner, where they are reported.
    pub(crate) fn known_attributes(&self, id: Id) -> Option<Attributes> {
        self.last_reported.attributes(id)
    }
}
