//! Compares all names of a directory, one at a time: those that the tree has, then those
//! that readdir(3) gives and the tree does not have. A listing proves nothing by itself,
//! since a rename meanwhile may hide a name or double it: each name is reconciled.

mod rescan;

use std::collections::HashSet;
use std::sync::Arc;

use super::Tracker;
use super::disk::{Disk, FsError, append_name};
use super::folded_names::Source;
use super::model::{Flag, Id};
use super::scan_scope::ScanScope;
use crate::change::{Kind, Warning};
use rescan::Rescan;

/// The scan under way, if any, and the rescan that it may be part of.
#[derive(Default)]
pub(super) struct Scans {
    active: Option<ActiveScan>,
    rescan: Rescan,
}

impl Scans {
    /// Whether names of some directory are still to be compared.
    pub(super) fn is_scanning(&self) -> bool {
        self.active.is_some()
    }

    /// Whether the names of this directory are being compared.
    fn is_scanning_of(&self, dir: Id) -> bool {
        self.active.as_ref().is_some_and(|scan| scan.dir == dir)
    }

    /// Whether neither a scan nor a rescan is under way.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_scanning() && !self.is_rescanning()
    }

    pub(super) fn is_rescanning(&self) -> bool {
        self.rescan.is_running
    }

    /// What a directory is marked with that is scanned now.
    pub(super) fn generation(&self) -> u16 {
        self.rescan.generation
    }

    /// What a directory is marked with that no rescan has seen.
    fn unscanned(&self) -> u16 {
        self.rescan.generation.wrapping_sub(1)
    }
}

/// A scan under way.
struct ActiveScan {
    dir: Id,
    scope: ScanScope,
    /// Entries of the directory, when the scan began.
    children: Vec<Id>,
    /// How many of them were compared.
    compared: usize,
    /// The names listed that the tree did not have, each after its length in two bytes.
    names: Vec<u8>,
    /// How many of their bytes were compared.
    read: usize,
    /// All names listed, where the directory ignores their case and the tree has others.
    listed: Option<Arc<HashSet<Box<[u8]>>>>,
}

/// What a scan compares next.
enum Next {
    Child(Id),
    Name(Box<[u8]>),
}

impl ActiveScan {
    fn next(&mut self) -> Option<Next> {
        if let Some(&child) = self.children.get(self.compared) {
            self.compared += 1;
            return Some(Next::Child(child));
        }
        let (length, rest) = self.names[self.read..].split_first_chunk()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        self.read += 2 + length;
        Some(Next::Name(rest[..length].into()))
    }
}

impl<D> Tracker<D> {
    /// A directory is due to be scanned when it is reconciled.
    pub(super) fn mark_unscanned(&mut self, dir: Id) {
        self.model.set_scanned(dir, self.scans.unscanned());
    }

    /// The same of it and of all above it, up to a directory; the last one.
    pub(super) fn mark_unscanned_up_to(&mut self, dir: Id, top: Id) -> Id {
        let mut at = dir;
        self.mark_unscanned(at);
        while at != top
            && let Some(parent) = self.model.parent(at)
        {
            at = parent;
            self.mark_unscanned(at);
        }
        at
    }

    /// Whether the names in a directory are being compared.
    pub(super) fn is_scanning(&self, dir: Id) -> bool {
        self.scans.is_scanning_of(dir)
    }

    /// Every directory from there down is scanned.
    pub(super) fn enqueue_directories(&mut self, top: Id) {
        let mut left = vec![top];
        while let Some(dir) = left.pop() {
            self.enqueue(dir);
            let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
            left.extend(self.model.children(dir).filter(is_dir));
        }
    }

    /// The entries of a directory that a scan of that kind compares.
    fn children_in(&self, dir: Id, scope: ScanScope) -> Vec<Id> {
        let is_meant = |child: &Id| match scope {
            ScanScope::New => false,
            ScanScope::Files => self.model.kind(*child) != Kind::Directory,
            ScanScope::All | ScanScope::Deep => true,
        };
        self.model.children(dir).filter(is_meant).collect()
    }
}

impl<D: Disk> Tracker<D> {
    /// The watch is in place: the directory is listed.
    pub(super) fn begin_scan(&mut self, dir: Id, scope: ScanScope) {
        let mut names = Vec::new();
        let mut known = 0;
        let listed = self.enter(dir).and_then(|opened| {
            let model = &self.model;
            let take = &mut |name: &[u8]| match model.find(dir, name) {
                Some(_) => known += 1,
                None => append_name(&mut names, name),
            };
            self.disk.list(&opened, take)
        });
        if let Err(why) = listed {
            return self.cannot_scan(dir, scope, &why);
        }
        // A rescan must see all of a directory, unless that came during the rescan.
        let is_unscanned = self.model.scanned(dir) == self.scans.unscanned();
        if scope >= ScanScope::All || scope == ScanScope::New && is_unscanned {
            let generation = self.scans.generation();
            self.model.set_scanned(dir, generation);
        }
        if scope >= ScanScope::All {
            self.model.clear(dir, Flag::UNREADABLE);
        }
        if scope == ScanScope::New && self.is_folding(dir) {
            // A rename while it is read may list a name in two spellings.
            self.rescan_folded(dir);
        }
        let children = self.children_in(dir, scope);
        let listed = match scope {
            ScanScope::New | ScanScope::Files => None,
            ScanScope::All | ScanScope::Deep if known >= children.len() => None,
            ScanScope::All | ScanScope::Deep => self.listed_names(dir).map(Arc::new),
        };
        self.scans.active = Some(ActiveScan {
            listed,
            dir,
            scope,
            children,
            compared: 0,
            names,
            read: 0,
        });
    }

    fn cannot_scan(&mut self, dir: Id, scope: ScanScope, why: &FsError) {
        let is_first = self.queue.retry_scan(dir, scope, why);
        match why {
            FsError::NotFound => {
                // It is scanned when it is found where it is.
                self.mark_unscanned(dir);
                self.enqueue(dir);
            }
            FsError::PermissionDenied => self.warn_unreadable(dir),
            FsError::Io(why) if is_first => self.warn(dir, Warning::Failed(why.clone())),
            FsError::Busy
            | FsError::NoDescriptor
            | FsError::Stalled
            | FsError::Io(_)
            | FsError::WatchLimit => {}
        }
    }

    /// Compares the next name of the scan under way.
    pub(super) fn scan_step(&mut self) {
        let Some(scan) = &mut self.scans.active else {
            return;
        };
        let (dir, scope, next) = (scan.dir, scan.scope, scan.next());
        let listed = scan.listed.clone();
        match next {
            None => self.scans.active = None,
            Some(_) if !self.is_directory(dir) => self.scans.active = None,
            Some(Next::Child(child)) => {
                // It may have moved, or gone, and its number may be another's.
                let is_here = |tracker: &Self| {
                    tracker.model.is_live(child) && tracker.model.parent(child) == Some(dir)
                };
                if let Some(listed) = listed
                    && is_here(self)
                {
                    self.correct_spelling(child, dir, &listed);
                }
                if self.is_emitting() {
                    // Nothing else changes the model until that is emitted.
                    if is_here(self) {
                        self.enqueue(child);
                    }
                } else if is_here(self) {
                    self.reconcile_entry(child);
                }
                if scope == ScanScope::Deep && is_here(self) && self.is_directory(child) {
                    self.queue.add_scan(child, ScanScope::Deep);
                }
            }
            Some(Next::Name(name)) => {
                if self.model.find(dir, &name).is_none() {
                    self.reconcile_as(dir, &name, Source::Listed);
                }
            }
        }
    }
}
