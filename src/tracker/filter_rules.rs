//! Decides which names of the tree are hidden, and serves a change of that: rule files are read
//! again, and every name that they may hide or show is reconciled.

use super::apply::ReadWhen;
use super::disk::Disk;
use super::model::{Flag, Id};
use super::queue::{Key, Work};
use super::scan_scope::ScanScope;
use super::tmpfiles::Tmpfile;
use super::{Root, Tracker};
use crate::coalesce::{ContentEvents, NameChange, NameStep};

/// Rule files in directories that are not watched are checked at this interval: 1 s.
const RULES_INTERVAL: u64 = 1_000_000_000;

impl<D> Tracker<D> {
    /// Whether a name is hidden. A PATH never is.
    pub(crate) fn is_hidden(&self, dir: Id, name: &[u8], is_dir: bool) -> bool {
        let is_path = || self.roots.file(dir, name).is_some();
        if self.model.has(dir, Flag::PARTIAL) {
            return !is_path();
        }
        if self.filter.hides_nothing() {
            return false;
        }
        let Some((root, mut relative_path)) = self.root_and_relative_path(dir) else {
            return false;
        };
        if !relative_path.is_empty() {
            relative_path.push(b'/');
        }
        relative_path.extend(name);
        self.filter.hides(&root.absolute, &relative_path, is_dir) && !is_path()
    }

    /// The PATH that a directory is in, and its relative path there.
    fn root_and_relative_path(&self, dir: Id) -> Option<(&Root, Vec<u8>)> {
        let root = self.roots.with_entry(self.model.root(dir))?;
        let mut relative_path = Vec::with_capacity(128);
        self.model.write_relative_path(dir, &mut relative_path);
        Some((root, relative_path))
    }

    /// Forgets the rules of a directory and of those below it: it is gone or has moved, or they
    /// have changed.
    pub(super) fn forget_rules(&self, dir: Id) {
        if self.filter.reads_rules()
            && let Some((root, relative_path)) = self.root_and_relative_path(dir)
        {
            self.filter.forget(&root.absolute, &relative_path);
        }
    }

    /// Serves a change of the rules in a directory: names below it may be shown or hidden now.
    pub(super) fn rules_changed(&mut self, dir: Id) {
        self.forget_rules(dir);
        self.queue.add(Work::scan(dir, ScanScope::Deep));
    }

    /// Serves that a directory moved: the rules match other paths in it.
    pub(super) fn rules_moved(&mut self, dir: Id) {
        if !self.filter.hides_nothing() {
            self.rules_changed(dir);
        }
    }

    /// Checks the rule files in directories that are not watched; if one has changed, all rules
    /// are read again.
    pub(super) fn check_unwatched_rules(&mut self, now: u64) {
        self.queue
            .delay(Work::timer(Key::Rules), now.saturating_add(RULES_INTERVAL));
        if self.filter.has_unwatched_change() {
            self.filter.forget_all();
            for root in self.roots.entries() {
                self.queue.add(Work::scan(root, ScanScope::Deep));
            }
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Applies a step about a hidden name.
    pub(super) fn hidden_step(&mut self, dir: Id, name: &[u8], step: &NameStep) {
        if step.content != ContentEvents::default()
            && let Tmpfile::Named(id) = self.find_tmpfile(name)
        {
            // The file has a name that is not hidden.
            self.file_events(id, step.content, ReadWhen::Now);
        }
        if let NameChange::MovedTo(cookie) = step.change {
            self.moved_to_hidden(cookie);
        }
        if self.model.find(dir, name).is_some() {
            self.enqueue_name(dir, name);
        } else if self.model.has(dir, Flag::PARTIAL)
            && let Some(id) = self.path_spelled(dir, name)
        {
            // Another spelling of a PATH, where case is ignored.
            self.enqueue(id);
        }
        let is_touched =
            step.change == NameChange::Content && !step.content.modified && !step.content.closed;
        if !is_touched && self.filter.is_rule_file(name) {
            self.rules_changed(dir);
        }
    }
}
