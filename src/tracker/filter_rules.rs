//! Decides which names of the tree are hidden, and serves a change of that: rule files are read
//! again, and every name that they may hide or show is reconciled.

use super::apply::ReadWhen;
use super::disk::Disk;
use super::model::Id;
use super::queue::{Key, ScanScope, Work};
use super::tmpfiles::Tmpfile;
use super::{Root, Tracker, model};
use crate::change::Kind;
use crate::coalesce::{ContentEvents, NameChange, NameStep};
use crate::filter::{LONGEST_PATH, RuleChanges};

/// Rule files in directories that are not watched are checked at this interval: 1 s.
const RULES_INTERVAL: u64 = 1_000_000_000;

impl<D> Tracker<D> {
    /// Whether a name is hidden. A PATH never is.
    pub(crate) fn is_hidden(&self, dir: Id, name: &[u8], is_dir: bool) -> bool {
        let is_path = || self.roots.file(dir, name).is_some();
        if self.is_file_parent(dir) {
            return !is_path();
        }
        if !is_dir && self.is_followed(dir, name) {
            return true;
        }
        if self.filter.hides_nothing() {
            return false;
        }
        if let Some(mut end) = self.model.end_of_long_path(dir, LONGEST_PATH) {
            end.push(b'/');
            end.extend(name);
            return self.filter.hides_below(&end, is_dir) && !is_path();
        }
        let Some((root, relative_path)) = self.root_and_path_of_name(dir, name) else {
            return false;
        };
        self.filter.hides(&root.absolute, &relative_path, is_dir) && !is_path()
    }

    /// The PATH that a directory is in, and its relative path there.
    fn root_and_relative_path(&self, dir: Id) -> Option<(&Root, Vec<u8>)> {
        let root = self.roots.with_entry(self.model.root(dir))?;
        let mut relative_path = Vec::with_capacity(128);
        self.model.write_relative_path(dir, &mut relative_path);
        Some((root, relative_path))
    }

    /// The PATH that a directory is in, and the relative path there of a name in the directory.
    pub(super) fn root_and_path_of_name(&self, dir: Id, name: &[u8]) -> Option<(&Root, Vec<u8>)> {
        let (root, mut relative_path) = self.root_and_relative_path(dir)?;
        if !relative_path.is_empty() {
            relative_path.push(b'/');
        }
        relative_path.extend(name);
        Some((root, relative_path))
    }

    /// Forgets the rules of a directory and of those below it: it is gone or has moved.
    pub(super) fn forget_rules(&self, dir: Id) {
        if self.filter.reads_rules()
            && let Some((root, relative_path)) = self.root_and_relative_path(dir)
        {
            self.filter.remove(&root.absolute, &relative_path);
        }
    }

    /// Serves a change of the rules in a directory: names below it may be shown or hidden now.
    pub(super) fn rules_changed(&mut self, dir: Id) {
        if self.filter.reads_rules()
            && let Some((root, relative_path)) = self.root_and_relative_path(dir)
        {
            self.filter.forget(&root.absolute, &relative_path);
        }
        self.queue.add(Work::scan(dir, ScanScope::Deep));
    }

    /// Serves that a name has other bytes, or is created, moved or deleted, if it is a rule file's.
    pub(super) fn rule_file_changed(&mut self, dir: Id, name: &[u8]) {
        if self.filter.is_rule_file(name) {
            self.rules_changed(dir);
        }
    }

    /// Serves events about the bytes or attributes of a name, if that is a rule file's: one that
    /// could not be read may be readable by new attributes.
    pub(super) fn rule_file_events(&mut self, dir: Id, name: &[u8], content: ContentEvents) {
        if content.has_write() {
            self.rule_file_changed(dir, name);
        } else if self.filter.is_rule_file(name) {
            self.filter.hasten_retries();
        }
    }

    /// Serves that a directory moved: the rules match other paths in it.
    pub(super) fn rules_moved(&mut self, dir: Id) {
        if !self.filter.hides_nothing() {
            self.rules_changed(dir);
        }
    }

    /// Checks the rule files in directories that are not watched, and those that could not be read.
    /// If one of the former has changed, the rules of the directories that have rules of it are read
    /// again; all, if these are above a PATH.
    pub(super) fn check_unwatched_rules(&mut self, now: u64) {
        self.queue
            .delay(Work::timer(Key::Rules), now.saturating_add(RULES_INTERVAL));
        match self.filter.find_changes() {
            RuleChanges::All => {
                self.filter.forget_all();
                for root in self.roots.entries() {
                    self.queue.add(Work::scan(root, ScanScope::Deep));
                }
            }
            RuleChanges::In(directories) => {
                for (root, relative_path) in directories {
                    if let Some(dir) = self.directory_at(&root, &relative_path) {
                        self.rules_changed(dir);
                    }
                }
            }
        }
    }

    /// The entry of a directory, by the absolute path of its PATH and its path from there.
    fn directory_at(&self, root: &[u8], relative_path: &[u8]) -> Option<Id> {
        let mut roots = self.roots.directories().iter();
        let top = roots.find(|known| known.absolute == root)?;
        let at = self.model.at_path(top.entry, relative_path)?;
        (self.model.kind(at) == Kind::Directory).then_some(at)
    }
}

impl<D: Disk> Tracker<D> {
    /// Applies a step about a hidden name.
    pub(super) fn hidden_step(&mut self, dir: Id, name: &[u8], step: &NameStep) {
        if step.content != ContentEvents::default()
            && let Some(id) = self.reported_name(dir, name)
        {
            self.file_events(id, step.content, ReadWhen::Now);
        }
        if let NameChange::MovedTo(cookie) = step.change {
            self.expire_moved_from(cookie);
        }
        if !self.is_directory(dir) {
            return; // It was found to be gone.
        }
        // What a glob of directories hides may have left a whiteout behind, without an event.
        let may_be_whiteout = || {
            step.is_dir
                && matches!(step.change, NameChange::MovedFrom(_))
                && !self.is_hidden(dir, name, false)
        };
        if self.model.find(dir, name).is_some() || may_be_whiteout() {
            self.enqueue_name(dir, name);
        } else if self.is_file_parent(dir)
            && let Some(id) = self.path_spelled(dir, name)
        {
            // Another spelling of a PATH, where case is ignored.
            self.enqueue(id);
        }
        if step.change == NameChange::Content {
            self.rule_file_events(dir, name, step.content);
        } else {
            self.rule_file_changed(dir, name);
        }
    }

    /// A name that is not hidden of the file that a hidden one leads to.
    fn reported_name(&mut self, dir: Id, name: &[u8]) -> Option<Id> {
        if let Tmpfile::Named(id) = self.find_tmpfile(name) {
            return Some(id);
        }
        if !self.model.has_linked_files() {
            return None;
        }
        let stat = self.stat_in(dir, name).ok()?;
        let names = self.model.with_inode_key(model::inode_key(&stat));
        names.first().copied().filter(|_| stat.nlink > 1)
    }
}
