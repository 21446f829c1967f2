//! Serves the work queue: takes a key, compares what it names with the disk, and puts it back if
//! that fails. After some milliseconds of it the loop reads events again.

use super::Tracker;
use super::disk::{Disk, FsError, Inode, Target};
use super::hard_links::COMPARE_DELAY;
use super::model::Id;
use super::queue::{Detail, Key, ScanScope, Work};

/// How long a comparison that others may cause waits for each name that it compares:
/// 0.1 ms, some ten times as long as it takes.
pub(super) const PAUSE_PER_NAME: u64 = 100_000;

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

    /// Compares the names in a directory, but for its directories, in a while, since whoever writes to
    /// a file that has no name any longer can cause that as often as they like.
    pub(super) fn compare_files_later(&mut self, dir: Id) {
        let work = Work::scan(dir, ScanScope::Files);
        if self.queue.widen(&work) {
            return;
        }
        let names = self.model.children(dir).count() as u64;
        let pause = names.saturating_mul(PAUSE_PER_NAME).max(COMPARE_DELAY);
        self.queue
            .delay(work, self.clock.tick().saturating_add(pause));
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
        if self.lacks_poll_timer() {
            return Some(0);
        }
        self.queue.next_deadline()
    }
}

impl<D: Disk> Tracker<D> {
    /// Makes ready what is due by now: keys whose deadline has passed, and keys that were denied in
    /// directories whose permissions have changed. Begins to poll, where something is to be polled.
    /// Called in each turn of the loop.
    pub(crate) fn make_due_ready(&mut self) {
        self.cancel_readings();
        self.ensure_poll_timer();
        self.queue.advance();
        self.hasten_denied();
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
        self.cancel_readings();
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
                if let Detail::ReadAs { name, written } = detail {
                    self.enqueue_other_names(inode, name, written);
                }
            }
            Key::OtherAttributes(inode) => {
                if let Detail::StatedAs(name) = detail {
                    self.enqueue_names_with_other_attributes(inode, name);
                }
            }
            Key::TouchedNames(inode) => {
                if let Detail::StatedAs(name) = detail {
                    self.enqueue_touched_names(inode, name);
                }
            }
            Key::LinkedFiles => self.enqueue_linked_files(),
            Key::AllFiles => self.compare_next_files(),
            Key::Folding(dir) => self.schedule_scan_if_folding(dir),
            Key::MovedFrom => self.end_wait_for_moved_to(),
            // A rescan that is under way is completed first: else it would never end where that takes
            // longer than the time until the next, and what is gone would never be reported.
            Key::Overflow if self.queue.is_rescanning() => {
                self.queue.hold(Work::timer(Key::Overflow));
            }
            Key::Overflow => self.begin_rescan(),
            Key::Periodic => {
                if let Some(every) = self.settings.rescan {
                    let due = self.clock.tick().saturating_add(every);
                    self.queue.delay(Work::timer(Key::Periodic), due);
                    if !self.queue.is_rescanning() {
                        self.begin_rescan();
                    }
                }
            }
            Key::Poll => self.poll(),
            Key::EmptyRoots => {
                if let Detail::Interval(interval) = detail {
                    self.poll_empty_roots(interval);
                }
            }
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
            Err(FsError::NotFound) => {
                if let Detail::Unseen(since) = detail
                    && self.has_events_since(since)
                {
                    self.queue.recheck(Work {
                        detail,
                        ..Work::name(dir, name)
                    });
                }
            }
            Ok(_) | Err(_) => self.reconcile_name(dir, name),
        }
    }
}
