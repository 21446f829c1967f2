//! Reconciles one name: compares model and disk, and changes the model where they
//! differ. Concludes nothing from what could not be read.

mod directory;
mod relocated;
mod root;

use super::Tracker;
use super::disk::{Disk, FsError, Stat, Target};
use super::folded_names::Source;
use super::model::{Flag, Id, Presence};
use super::queue::RETRY_DELAY;
use super::scan_scope::ScanScope;
use crate::change::{Content, Kind, Warning};

impl<D: Disk> Tracker<D> {
    pub(super) fn reconcile_entry(&mut self, id: Id) {
        match self.model.parent(id) {
            Some(_) if self.is_written(id) && self.read_modified(id) => {}
            Some(dir) => {
                let name = self.model.name(id).to_vec();
                self.reconcile_known(dir, &name, Some(id), Source::Hint);
            }
            None => self.reconcile_root(id),
        }
    }

    /// Reconciles a name in a directory.
    pub(crate) fn reconcile_name(&mut self, dir: Id, name: &[u8]) {
        self.reconcile_as(dir, name, Source::Hint);
    }

    /// The same; `source`: what is known of it, if the model does not have it.
    pub(super) fn reconcile_as(&mut self, dir: Id, name: &[u8], source: Source) {
        let known = self.model.find(dir, name);
        self.reconcile_known(dir, name, known, source);
    }

    /// The same; `known`: the entry that the model has of it.
    fn reconcile_known(&mut self, dir: Id, name: &[u8], known: Option<Id>, source: Source) {
        if known.is_some_and(|id| self.model.is_moved_from(id)) {
            return; // The second half of the rename, or its absence, enqueues it.
        }
        let inode = match self.enter(dir) {
            Ok(inode) => inode,
            Err(FsError::NotFound) => return self.find_stale_ancestor(dir, name),
            Err(why) => return self.cannot_enter(dir, dir, name, &why),
        };
        match self.disk.stat(Target::In(&inode, name)) {
            Ok(stat) => self.reconcile_present((dir, name), known, &stat, source),
            Err(FsError::NotFound) => self.reconcile_absent(dir, name),
            Err(why) => self.cannot_stat(dir, name, &why),
        }
    }

    /// The directory is not where the model has it: the edge that is wrong is found
    /// and reconciled, and the name again afterwards.
    fn find_stale_ancestor(&mut self, dir: Id, name: &[u8]) {
        let at = match self.uppermost_lost(dir) {
            Ok(at) => at,
            Err((above, why)) => return self.cannot_enter(above, dir, name, &why),
        };
        // Where its rename is half read, it will soon be known where it is.
        if !self.is_moved_from(at) {
            self.reconcile_entry(at);
        }
        if self.is_directory(dir) {
            self.defer_to_scan(dir, name, at);
        }
    }

    /// Of a directory that is not where the model has it and those above it, the uppermost of
    /// which that is so; or the one that cannot be entered, and why. Whatever is below one that
    /// is lost is lost, too, so few of a deep path are asked about.
    fn uppermost_lost(&mut self, dir: Id) -> Result<Id, (Id, FsError)> {
        let up = |at: &Id| self.model.parent(*at);
        let chain: Vec<Id> = std::iter::successors(Some(dir), up).collect();
        let mut is_lost = |at: Id| match self.enter(at) {
            Ok(_) => Ok(false),
            Err(FsError::NotFound) => Ok(true),
            Err(why) => Err((at, why)),
        };
        let (mut lost, mut found) = (0, chain.len());
        let mut step = 1;
        while lost + 1 < found {
            // By twice as many at a time; once one is found, halfway.
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

    /// A directory may not be entered now, so that a name below it cannot be reconciled:
    /// that directory is scanned when it can, or the name tried again where it is another.
    fn cannot_enter(&mut self, blocked: Id, dir: Id, name: &[u8], why: &FsError) {
        let is_first = self.queue.retry_scan(blocked, ScanScope::All, why);
        if blocked != dir {
            self.queue.retry_scan(dir, ScanScope::All, why);
            self.mark_unscanned(dir);
        }
        let is_listed = self.model.find(dir, name).is_some();
        if !is_listed {
            self.mark_unscanned(dir);
        }
        self.warn_blocked(blocked, why, is_first);
    }

    fn warn_blocked(&mut self, dir: Id, why: &FsError, is_first: bool) {
        match why {
            FsError::Io(text) if is_first => self.warn(dir, Warning::Failed(text.clone())),
            FsError::PermissionDenied => self.warn_unreadable(dir),
            // That no descriptor is free, or that a whole file system does not answer, is
            // reported once.
            FsError::Io(_)
            | FsError::Busy
            | FsError::NoDescriptor
            | FsError::NotFound
            | FsError::Stalled
            | FsError::WatchLimit => {}
        }
    }

    /// The directory was entered, and the name cannot be reconciled.
    fn cannot_stat(&mut self, dir: Id, name: &[u8], why: &FsError) {
        let is_first = match why {
            // It may be listed, and not searched: so it is with all names in it.
            FsError::PermissionDenied => self.queue.retry_scan(dir, ScanScope::All, why),
            _ => self.retry_later(dir, name, why),
        };
        self.warn_blocked(dir, why, is_first);
    }

    /// The name is not there. The event for where it went may be on its way, and
    /// emits it as what it is: a rename, above all. So only what is still not there a
    /// moment later, and was not moved meanwhile, is emitted by the reconcile.
    pub(super) fn reconcile_absent(&mut self, dir: Id, name: &[u8]) {
        let Some(known) = self.model.find(dir, name) else {
            return;
        };
        let now = self.clock.tick();
        let awaits_event = match self.model.presence(known) {
            Presence::There | Presence::MovedFrom => self.model.wd(dir).is_some(),
            Presence::ConfirmDelete => false,
        };
        if awaits_event {
            let since = self.awaited.missing_since(known, now);
            if now < since.saturating_add(RETRY_DELAY) {
                self.queue.recheck_entry(known, Some(dir));
                return;
            }
        }
        if self.scans.is_rescanning() {
            self.queue.hold(dir, name);
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
        if let Some(known) = known {
            let has_left = self.model.presence(known) == Presence::ConfirmDelete;
            self.clear_missing(known);
            if has_left || self.model.kind(known) != stat.kind {
                self.check_folded(dir, name);
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
                    self.reconcile_content(id, stat);
                }
                return;
            }
            Some(id) => self.unlink(id),
            None => {}
        }
        if stat.kind == Kind::File {
            self.create_whole(dir, name, stat);
        } else {
            let id = self.model.insert(Some(dir), name, stat.kind);
            self.remember_attributes(id, stat);
            self.emit_created(id, Content::default());
        }
    }
}

impl<D> Tracker<D> {
    /// An entry that may have been missed is where it was.
    pub(super) fn clear_missing(&mut self, id: Id) {
        self.model.set_presence(id, Presence::There);
        self.awaited.clear_missing(id);
    }

    /// Warns once that a directory may not be read.
    pub(super) fn warn_unreadable(&mut self, id: Id) {
        if !self.model.has(id, Flag::UNREADABLE) {
            self.model.set(id, Flag::UNREADABLE);
            self.warn(id, Warning::UnreadableDirectory);
        }
    }
}
