//! What is left to be done when no event is unread: names to look at, and directories to
//! scan.
//!
//! A scan concludes nothing itself; it nominates what readdir gives and what the
//! model has. Work is done a slice at a time: the queue is what must not fill.

mod rescan;
mod schedule;

use super::disk::FsError;
use super::model::{Flag, Id};
use super::{Tracker, Turn};
use crate::change::{Kind, Warning};
pub(super) use rescan::Rescan;
#[cfg(test)]
pub(super) use schedule::POLL;
pub(super) use schedule::{DueName, Schedule};

/// What of a directory a scan looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sweep {
    /// It is new: what the model does not have. Events tell of the rest.
    New,
    /// Also the files that the model has.
    Files,
    All,
    Deep,
}

/// Directories to scan, the youngest first, and the one being scanned.
#[derive(Default)]
pub(super) struct Scans {
    waiting: Vec<(Id, Sweep)>,
    dir: Option<Id>,
    /// Its names, each after its length in two bytes.
    names: Vec<u8>,
    /// How many of their bytes were looked at.
    at: usize,
}

impl Scans {
    pub(super) fn push(&mut self, dir: Id, sweep: Sweep) {
        if self.waiting.last() != Some(&(dir, sweep)) {
            self.waiting.push((dir, sweep));
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dir.is_none()
    }

    /// The next name of the directory being scanned.
    fn next(&mut self) -> Option<(Id, Box<[u8]>)> {
        let dir = self.dir?;
        let rest = &self.names[self.at..];
        let Some((length, rest)) = rest.split_first_chunk() else {
            self.dir = None;
            self.names.clear();
            self.names.shrink_to(4096);
            return None;
        };
        let length = usize::from(u16::from_ne_bytes(*length));
        self.at += 2 + length;
        Some((dir, rest[..length].into()))
    }
}

impl Tracker {
    /// A directory is due to be scanned when it is looked at.
    pub(super) fn mark_unscanned(&mut self, dir: Id) {
        self.model.set_scanned(dir, self.generation.wrapping_sub(1));
    }

    /// Every directory from there down is looked at.
    pub(super) fn enqueue_directories(&mut self, top: Id) {
        let mut left = vec![top];
        while let Some(dir) = left.pop() {
            self.enqueue(dir);
            let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
            left.extend(self.model.children(dir).filter(is_dir));
        }
    }

    /// Whether nothing is left to look at now.
    pub(crate) fn is_idle(&self) -> bool {
        self.entries_due.is_empty()
            && self.names_due.is_empty()
            && self.scans.is_empty()
            && self.rescan.is_none()
    }
}

impl Turn<'_> {
    /// Whether the number stands for a directory now.
    pub(super) fn is_directory(&self, id: Id) -> bool {
        self.t.model.is_live(id) && self.t.model.kind(id) == Kind::Directory
    }

    /// Looks at one name, or begins one scan. `false`: events should be read first,
    /// since they tell of what the scan has found.
    pub(crate) fn work(&mut self) -> bool {
        if let Some(id) = self.t.entries_due.pop_front() {
            if self.t.model.is_live(id) && self.t.model.clear(id, Flag::QUEUED) {
                self.reconcile_entry(id);
            }
            return true;
        }
        if let Some(due) = self.t.names_due.pop_front() {
            if self.is_directory(due.dir) {
                self.reconcile_missing(&due);
            }
            return true;
        }
        if let Some((dir, name)) = self.t.scans.next() {
            if self.is_directory(dir) && self.t.model.find(dir, &name).is_none() {
                self.reconcile_name(dir, &name);
            }
            return true;
        }
        if let Some((dir, sweep)) = self.t.scans.waiting.pop() {
            if self.is_directory(dir) && !self.t.model.has(dir, Flag::NOT_ENTERED) {
                self.scan(dir, sweep);
            }
            return false;
        }
        if let Some(rescan) = self.t.rescan.take() {
            for (dir, name) in rescan.lost {
                if self.is_directory(dir) {
                    self.t.enqueue_name(dir, &name);
                }
            }
        } else {
            self.t.schedule.back_off = 0;
        }
        false
    }

    /// Begins a scan: the watch is in place.
    fn scan(&mut self, dir: Id, sweep: Sweep) {
        let listed = self.enter(dir).and_then(|inode| {
            self.t.scans.names.clear();
            self.disk.list(inode, &mut self.t.scans.names)
        });
        match listed {
            Ok(()) => {
                self.t.scans.dir = Some(dir);
                self.t.scans.at = 0;
                // A comparison of everything is not served by less: it must see all of a
                // directory, unless that began during it.
                let changed_since_start =
                    self.t.model.scanned(dir) == self.t.generation.wrapping_sub(1);
                if matches!(sweep, Sweep::All | Sweep::Deep)
                    || sweep == Sweep::New && changed_since_start
                {
                    self.t.model.set_scanned(dir, self.t.generation);
                }
                if sweep != Sweep::New {
                    self.enqueue_children(dir, sweep);
                }
            }
            Err(FsError::NotFound) => {
                // It is scanned when it is found where it is.
                self.t.mark_unscanned(dir);
                self.t.enqueue(dir);
            }
            Err(FsError::PermissionDenied) => {
                self.t.warn_unreadable(dir);
                self.t.blocked.insert(dir);
            }
            Err(FsError::Busy | FsError::Stalled) => {
                self.t.mark_unscanned(dir);
                self.t.debounce(dir, self.now.tick);
            }
            Err(FsError::WatchLimit) => {}
            Err(FsError::Io(why)) => self.t.trouble(dir, Warning::Failed(why)),
        }
    }

    /// What the model has in a directory is looked at.
    fn enqueue_children(&mut self, dir: Id, sweep: Sweep) {
        for child in self.t.model.children(dir).collect::<Vec<_>>() {
            let is_dir = self.t.model.kind(child) == Kind::Directory;
            if !is_dir || sweep != Sweep::Files {
                self.t.enqueue(child);
            }
            if is_dir && sweep == Sweep::Deep {
                self.t.scans.push(child, Sweep::Deep);
            }
        }
    }
}
