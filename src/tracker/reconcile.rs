//! Reconciles one name: compares model and disk, and changes the model where they differ.
//! Invariant: no error of the disk but [`FsError::NotFound`] adds, moves or removes an entry.

mod directory;
mod relocated;
mod root;

use super::Tracker;
use super::disk::{Disk, FsError, Stat, Target};
use super::folded_names::Source;
use super::model::{Id, Presence};
use super::queue::{Detail, RETRY_DELAY};
use crate::change::{Content, Kind};

impl<D: Disk> Tracker<D> {
    pub(super) fn reconcile_entry(&mut self, id: Id) {
        if self.is_being_removed(id) {
            return; // It is to be emitted as deleted, in its turn.
        }
        let Some(dir) = self.model.parent(id) else {
            return self.reconcile_root(id);
        };
        if self.has_write_events(id) && self.read_modified(id) {
            return;
        }
        let name = self.model.name(id).to_vec();
        self.reconcile_known(dir, &name, Some(id), Source::Hint);
    }

    pub(crate) fn reconcile_name(&mut self, dir: Id, name: &[u8]) {
        self.reconcile_as(dir, name, Source::Hint);
    }

    /// `source`: how the name came to be reconciled, if the model does not have it.
    pub(super) fn reconcile_as(&mut self, dir: Id, name: &[u8], source: Source) {
        let known = self.model.find(dir, name);
        self.reconcile_known(dir, name, known, source);
    }

    /// `known`: the entry of the name in the model.
    fn reconcile_known(&mut self, dir: Id, name: &[u8], known: Option<Id>, source: Source) {
        if known.is_some_and(|id| self.model.is_moved_from(id)) {
            return; // It is enqueued when IN_MOVED_TO comes, or does not come in time.
        }
        let opened = match self.enter(dir) {
            Ok(opened) => opened,
            Err(FsError::NotFound) => return self.find_stale_ancestor(dir, name),
            Err(error) => return self.cannot_enter(dir, dir, name, &error),
        };
        match self.disk.stat(Target::In(&opened, name)) {
            Ok(stat) => self.reconcile_present((dir, name), known, &stat, source),
            Err(FsError::NotFound) => self.reconcile_absent(dir, name),
            Err(error) => self.cannot_stat(dir, name, &error),
        }
    }

    /// Serves a name whose directory is not where the model has it: finds and reconciles the
    /// uppermost directory of which that is so, and the name again afterwards.
    fn find_stale_ancestor(&mut self, dir: Id, name: &[u8]) {
        let at = match self.uppermost_lost(dir) {
            Ok(at) => at,
            Err((above, error)) => return self.cannot_enter(above, dir, name, &error),
        };
        // If its IN_MOVED_TO is awaited, that shows where it is.
        if !self.is_moved_from(at) {
            self.reconcile_entry(at);
        }
        if self.is_directory(dir) {
            self.defer_to_scan(dir, name, at);
        }
    }

    /// Of a directory that is not where the model has it and those above it, the uppermost one of
    /// which that is so.
    ///
    /// All directories below a lost one are lost, too, so that a binary search finds it.
    ///
    /// # Errors
    /// A directory that cannot be entered, and why.
    fn uppermost_lost(&mut self, dir: Id) -> Result<Id, (Id, FsError)> {
        let up = |at: &Id| self.model.parent(*at);
        let chain: Vec<Id> = std::iter::successors(Some(dir), up).collect();
        let mut is_lost = |at: Id| match self.enter(at) {
            Ok(_) => Ok(false),
            Err(FsError::NotFound) => Ok(true),
            Err(error) => Err((at, error)),
        };
        let (mut lost, mut found) = (0, chain.len());
        let mut step = 1;
        while lost + 1 < found {
            // Steps that double until one is found that is not lost; then halfway.
            let next = if found == chain.len() {
                (lost + step).min(chain.len() - 1)
            } else {
                usize::midpoint(lost, found)
            };
            step *= 2;
            if is_lost(chain[next])? {
                lost = next;
            } else {
                found = next;
            }
        }
        Ok(chain[lost])
    }

    /// Reconciles a name that is not there. An event about that may be unread, which shows whether
    /// it was renamed. So it is emitted as deleted only if it is still not there after
    /// [`RETRY_DELAY`], and was not moved meanwhile; at once if its directory has no watch, if
    /// `IN_DELETE` has come, or if `IN_MOVED_TO` did not come in time.
    pub(super) fn reconcile_absent(&mut self, dir: Id, name: &[u8]) {
        let Some(known) = self.model.find(dir, name) else {
            return;
        };
        let now = self.clock.tick();
        let mut entry = self.work_of(known);
        let presence = self.model.presence(known);
        let awaits_event = match presence {
            Presence::There | Presence::MovedFrom => self.model.wd(dir).is_some(),
            Presence::ConfirmDelete | Presence::Deleted => false,
        };
        if awaits_event {
            let since = self.queue.missing_since(known).unwrap_or(now);
            if now < since.saturating_add(RETRY_DELAY) {
                entry.detail = Detail::MissingSince(since);
                return self.queue.recheck(entry);
            }
            // Until it is removed, and all that is in it.
            self.model.set_presence(known, Presence::ConfirmDelete);
        }
        if self.queue.is_rescanning() && presence != Presence::Deleted {
            self.queue.hold(entry);
        } else {
            self.unlink_in_pieces(known);
        }
    }

    fn reconcile_present(
        &mut self,
        (dir, name): (Id, &[u8]),
        known: Option<Id>,
        stat: &Stat,
        source: Source,
    ) {
        let is_dir = stat.kind == Kind::Directory;
        let mut was_missing = false;
        if let Some(known) = known {
            let presence = self.model.presence(known);
            was_missing = matches!(presence, Presence::ConfirmDelete | Presence::Deleted);
            self.clear_missing(known);
            if was_missing || self.model.kind(known) != stat.kind {
                self.schedule_scan_if_other_spelling(dir, name);
            }
        }
        if self.disk.is_self_output(stat.inode) || self.is_hidden(dir, name, is_dir) {
            if let Some(known) = known {
                self.unlink_in_pieces(known);
            }
            return;
        }
        if stat.is_mount_root {
            let class = self.disk.class(stat);
            self.file_systems.note(stat.inode.dev, class);
        }
        let is_hint = match source {
            Source::Listed => false,
            Source::Made => !is_dir,
            Source::Hint => true,
        };
        if known.is_none() && is_hint && self.defer_folded(dir, name, stat) {
            return;
        }
        if is_dir {
            return self.reconcile_present_directory(dir, name, stat);
        }
        match known {
            Some(id) if self.model.kind(id) == stat.kind => {
                self.compare_attributes(id, stat);
                if stat.kind == Kind::File {
                    self.watch_file_inode(id, dir, name, stat);
                    if was_missing {
                        self.renew_file_watch(id, dir, name, stat);
                    }
                    self.reconcile_content(id, stat);
                }
                return;
            }
            Some(id) => self.unlink(id),
            None => {}
        }
        if !self.is_in_tree(dir) {
            return; // It has gone with the PATHs in what had the name.
        }
        if stat.kind == Kind::File {
            self.create_whole(dir, name, stat);
        } else if let Some(id) = self.insert(dir, name, stat.kind) {
            self.remember_attributes(id, stat);
            self.emit_created(id, Content::default());
        }
    }
}

impl<D> Tracker<D> {
    /// Notes that an entry is where the model has it.
    pub(super) fn clear_missing(&mut self, id: Id) {
        self.model.set_presence(id, Presence::There);
        self.queue.forget_missing(id);
    }
}
