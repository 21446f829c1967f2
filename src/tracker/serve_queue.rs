//! Serves the work queue: takes a key, compares what it names with the disk, and puts it back if
//! that fails. Events are read between any two keys.

use super::Tracker;
use super::disk::{Disk, FsError, Inode, Target};
use super::model::{DirectoryState, Id};
use super::queue::{Detail, Key, ScanScope, Work};
use crate::change::Kind;

/// The interval at which directories are scanned that have no watch, or whose file system does
/// not report all changes: 10 s.
pub(super) const POLL: u64 = 10_000_000_000;

/// The number of names that may wait, each by itself, for their directory to be found; fewer in
/// tests, which have few names.
const MAX_DELAYED_NAMES: usize = if cfg!(test) { 2 } else { 16 };

impl<D> Tracker<D> {
    /// Reconciles a file once nothing has happened to it for a while.
    pub(super) fn debounce_file(&mut self, id: Id) {
        self.queue.debounce(self.work_of(id));
    }

    /// Compares the names in a directory, but for its directories, once nothing has happened to it
    /// for a while.
    pub(super) fn debounce_file_scan(&mut self, dir: Id) {
        self.queue.debounce(Work::scan(dir, ScanScope::Files));
    }

    /// Puts a name back that could not be reconciled. Whether that is to be reported.
    pub(super) fn retry_later(&mut self, dir: Id, name: &[u8], error: &FsError) -> bool {
        self.queue.retry(self.work_of_name(dir, name), error)
    }

    /// Puts an entry back that could not be reconciled. Whether that is to be reported.
    pub(super) fn retry_entry(&mut self, id: Id, error: &FsError) -> bool {
        self.queue.retry(self.work_of(id), error)
    }

    /// Delays a name in a directory that is not where the model has it, since `lost`, which is the
    /// directory or above it, is not: until that is found. With many such names, the directory is
    /// to be scanned instead: trying each of them again and again would leave no time to find it.
    pub(super) fn defer_to_scan(&mut self, dir: Id, name: &[u8], lost: Id) {
        if self.queue.delayed_names() < MAX_DELAYED_NAMES {
            self.queue.retry(Work::name(dir, name), &FsError::NotFound);
            return;
        }
        let last = self.mark_unscanned_up_to(dir, lost);
        self.retry_entry(last, &FsError::NotFound);
    }

    /// Whether nothing is left to reconcile now.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_idle() && !self.is_emitting()
    }

    /// Whether nothing is left to reconcile, now or soon.
    pub(crate) fn is_done(&self) -> bool {
        self.is_idle()
            && self.queue.is_at_rest()
            && self.reads.is_empty()
            && !self.filter.are_rules_late()
    }

    /// When [`make_due_ready`](Self::make_due_ready) is to be called next, on the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<u64> {
        if self.needs_poll() && !self.queue.has(&Key::Poll) {
            return Some(0);
        }
        self.queue.next_deadline()
    }

    fn needs_poll(&self) -> bool {
        self.model.polled_directories() > 0 || self.file_systems.has_polled()
    }

    /// Enqueues what has no watch, or is on a file system that does not report all changes.
    fn poll(&mut self) {
        let is_dir = |id: &Id| self.model.kind(*id) == Kind::Directory;
        let is_polled = |id: &Id| {
            self.model.directory_state(*id) == DirectoryState::Polled
                || self.file_systems.is_polled(self.model.inode(*id).dev)
        };
        let dirs = self.model.all().filter(is_dir).filter(is_polled);
        for id in dirs.collect::<Vec<_>>() {
            self.enqueue(id);
            self.queue.add(Work::scan(id, ScanScope::All));
        }
        // A file of such a file system may be mounted in a directory that is not polled.
        let file_systems = &self.file_systems;
        for id in self
            .file_watches
            .on_devices(|dev| file_systems.is_polled(dev))
        {
            self.enqueue(id);
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Whether a directory has this id now.
    pub(super) fn is_directory(&self, id: Id) -> bool {
        self.model.is_live(id) && self.model.kind(id) == Kind::Directory
    }

    /// Makes ready what is due by now: keys whose deadline has passed, and keys that were denied in
    /// directories whose permissions have changed. Begins to poll, where something is to be polled.
    /// Called when no event is unread.
    pub(crate) fn make_due_ready(&mut self) {
        if self.needs_poll() && !self.queue.has(&Key::Poll) {
            let due = self.clock.tick().saturating_add(POLL);
            self.queue.delay(Work::timer(Key::Poll), due);
        }
        self.queue.advance();
        self.hasten_denied();
    }

    /// Makes keys ready that failed for want of permissions, in and below directories whose
    /// permissions have changed or that have moved. For all these directories at once: another user
    /// may have made many of both.
    fn hasten_denied(&mut self) {
        let reopened = self.queue.denied.take_reopened();
        if reopened.is_empty() {
            return;
        }
        let model = &self.model;
        let is_within = |dir| {
            let mut above = std::iter::successors(Some(dir), |at| model.parent(*at));
            // One that is gone since may have been in any of them.
            !model.is_live(dir) || above.any(|at| reopened.contains(&at))
        };
        self.queue.hasten_denied(is_within);
    }

    /// Emits the next piece of a large subtree, if one is left; else serves one key, or one name of
    /// the current scan. `false`: nothing is ready, or a directory was listed: events should be read
    /// before its names are compared.
    pub(crate) fn work(&mut self) -> bool {
        if self.is_emitting() {
            self.emit_piece();
            return true;
        }
        let goes_on = match self.queue.take() {
            Some(work) => self.serve(work),
            None if self.queue.is_scanning() => {
                self.scan_step();
                true
            }
            None => false,
        };
        self.queue.served();
        goes_on
    }

    fn serve(&mut self, Work { key, detail, .. }: Work) -> bool {
        match key {
            Key::Entry(id) => {
                if self.model.is_live(id) {
                    self.reconcile_entry(id);
                }
            }
            Key::Name(dir, name) => {
                // It may have moved to the limit of --max-depth since.
                if self.is_directory(dir) && !self.model.is_not_entered(dir) {
                    self.reconcile_unknown_name(dir, &name, detail);
                }
            }
            Key::Scan(dir) => {
                if let Detail::ScanScope(scope) = detail
                    && self.is_directory(dir)
                    && !self.model.is_not_entered(dir)
                    // It may have moved to the limit of --max-depth since.
                    && self.levels_left(dir) != Some(0)
                {
                    self.begin_scan(dir, scope);
                }
                return false;
            }
            Key::OtherNames(inode) => {
                if let Detail::ReadAs { name, is_written } = detail {
                    self.enqueue_other_names(inode, name, is_written);
                }
            }
            Key::Folding(dir) => self.check_folded_source(dir),
            Key::MovedFrom(cookie) => self.expire_moved_from(cookie),
            Key::Overflow => self.begin_rescan(),
            Key::Periodic => {
                if let Some(every) = self.settings.rescan {
                    let due = self.clock.tick().saturating_add(every);
                    self.queue.delay(Work::timer(Key::Periodic), due);
                    self.begin_rescan();
                }
            }
            Key::Poll => self.poll(),
            Key::Rules => self.check_unwatched_rules(self.clock.tick()),
        }
        true
    }

    /// Reconciles a name that the model does not have. If something is there, an event about that
    /// may be unread, which shows whether it was renamed or made by open(2). So it is emitted as
    /// created only if the same is still there after a delay.
    fn reconcile_unknown_name(&mut self, dir: Id, name: &[u8], detail: Detail) {
        if self.model.find(dir, name).is_some() {
            return self.reconcile_name(dir, name);
        }
        let is_seen = |inode: Inode, ctime| detail == Detail::Seen(inode, ctime);
        let Ok(parent) = self.enter(dir) else {
            return self.reconcile_name(dir, name);
        };
        match self.disk.stat(Target::In(&parent, name)) {
            Ok(stat) if !is_seen(stat.inode, stat.ctime) => {
                let mut name = Work::name(dir, name);
                name.detail = Detail::Seen(stat.inode, stat.ctime);
                self.queue.recheck(name);
            }
            Err(FsError::NotFound) => {}
            Ok(_) | Err(_) => self.reconcile_name(dir, name),
        }
    }
}
