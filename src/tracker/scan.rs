//! Compares the names of a directory, one at a time: those that the model has, as far as the scope
//! includes them, then those that readdir(3) gives and the model does not have. Each name is
//! reconciled, since a rename during readdir(3) may hide a name or list it twice.

use std::sync::Arc;

use super::Tracker;
use super::disk::{Disk, FsError, ListedNames, NameList};
use super::folded_names::Source;
use super::model::{Flag, Id};
use super::queue::{ActiveScan, Next, ScanScope, ScanStep, Work};
use crate::change::Kind;

impl<D> Tracker<D> {
    /// Marks a directory to be scanned when it is reconciled. If a rescan waits for it, it does so on.
    pub(super) fn mark_unscanned(&mut self, dir: Id) {
        if !self.queue.is_due_for_rescan(self.model.scanned(dir)) {
            self.mark_new(dir);
        }
    }

    /// Marks a new directory to be scanned: a rescan that is under way does not wait for it.
    pub(super) fn mark_new(&mut self, dir: Id) {
        self.model.set_scanned(dir, self.queue.unscanned());
    }

    /// Adds a scan of all names in a directory. The rescan waits for it, unless it has been scanned
    /// since that began, or is new.
    pub(super) fn add_rescan(&mut self, dir: Id) {
        let scan = Work::scan(dir, ScanScope::All);
        self.queue.add_rescan(scan, self.model.scanned(dir));
    }

    /// Marks a directory and those above it, up to `top`, to be scanned when they are reconciled;
    /// returns the uppermost one.
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

    /// Whether a directory is being scanned.
    pub(super) fn is_scanning(&self, dir: Id) -> bool {
        self.queue.is_scanning_in(dir)
    }

    /// Whether an id that was listed as that of a child is one still: the entry may have moved or
    /// been deleted since, and its id been used again.
    fn is_child(&self, child: Id, dir: Id) -> bool {
        self.model.is_live(child) && self.model.parent(child) == Some(dir)
    }

    /// The entries in a directory that a scan of this scope compares.
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
    /// Lists a directory, whose watch is set unless it is polled, and begins to compare its names.
    pub(super) fn begin_scan(&mut self, dir: Id, scope: ScanScope) {
        if self.is_scanning(dir) {
            return self.queue.scan_again(dir, scope);
        }
        let mut names = NameList::default();
        let mut known = 0;
        let mut owner = None;
        let listed = self.enter(dir).and_then(|opened| {
            owner = self.disk.owner(&opened);
            let model = &self.model;
            let mut last = None;
            let take = &mut |name: &[u8]| match model.find_near(dir, name, last) {
                Some(found) => {
                    known += 1;
                    last = Some(found);
                }
                None => names.push(name),
            };
            self.disk.list(&opened, take)
        });
        if let Err(error) = listed {
            return self.cannot_scan(dir, scope, &error);
        }
        let children = self.children_in(dir, scope);
        let listed = match self.listed_for_scan(dir, scope, known >= children.len()) {
            Ok(listed) => listed,
            Err(error) => return self.cannot_scan(dir, scope, &error),
        };
        // For a rescan only a scan of all names counts; for a directory that was added during the
        // rescan, its first scan does.
        let is_unscanned = self.model.scanned(dir) == self.queue.unscanned();
        if scope >= ScanScope::All || scope == ScanScope::New && is_unscanned {
            let generation = self.queue.generation();
            self.model.set_scanned(dir, generation);
        }
        if scope >= ScanScope::All {
            self.model.clear(dir, Flag::UNREADABLE);
        }
        if scope == ScanScope::New && self.is_folding(dir) {
            // A rename during readdir(3) may have listed a name in two spellings.
            self.rescan_folded(dir);
        }
        let scan = ActiveScan::new(dir, scope, owner, listed, children, names);
        self.queue.begin_scan(scan);
    }

    /// The names that are listed, if a scan of this scope is to remove others from the model.
    /// `are_all_listed`: those that the model has.
    fn listed_for_scan(
        &mut self,
        dir: Id,
        scope: ScanScope,
        are_all_listed: bool,
    ) -> Result<Option<Arc<ListedNames>>, FsError> {
        if scope < ScanScope::All || are_all_listed {
            return Ok(None);
        }
        Ok(self.listed_names(dir)?.map(Arc::new))
    }

    /// Compares the next name of the scans under way.
    pub(super) fn scan_step(&mut self) {
        let Some(step) = self.queue.scan_step() else {
            return;
        };
        let ScanStep {
            dir,
            scope,
            listed,
            next,
        } = step;
        match next {
            Next::End => self.queue.end_scan(dir),
            _ if !self.is_directory(dir) || self.model.is_not_entered(dir) => {
                self.queue.end_scan(dir);
            }
            Next::Child(child) => {
                if let Some(listed) = listed
                    && self.is_child(child, dir)
                {
                    self.correct_spelling(child, dir, &listed);
                }
                if self.is_child(child, dir) {
                    // A large subtree must be emitted before the model changes again.
                    if self.is_emitting() {
                        self.enqueue(child);
                    } else {
                        self.reconcile_entry(child);
                    }
                }
                if scope == ScanScope::Deep && self.is_child(child, dir) && self.is_directory(child)
                {
                    self.queue.add(Work::scan(child, ScanScope::Deep));
                }
            }
            Next::Name(name) => {
                if self.model.find(dir, &name).is_none() {
                    self.reconcile_as(dir, &name, Source::Listed);
                }
            }
        }
    }
}
