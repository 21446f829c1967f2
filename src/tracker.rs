//! Turns events and the state of the disk into changes, by a model of the tree.
//!
//! Two steps: *apply* changes the model by an event, in the order of the kernel queue; *reconcile*
//! takes a name from the work queue, compares it with the disk, and corrects the model where
//! they differ. The disk is a parameter (a [`Disk`]), and so is time; rule files of `--gitignore`
//! are read by the filter. Invariant: every change of the model emits exactly its delta, so that the
//! stream folds to the model.

mod apply;
mod applying;
mod attributes;
mod baseline_result;
mod clock;
mod compare_status;
pub(crate) mod content;
mod create;
mod directory_watches;
pub(crate) mod disk;
mod emit;
mod file_watches;
mod filter_rules;
mod folded_names;
mod fs_classes;
mod hard_links;
mod hidden_links;
mod in_tree;
mod last_reported;
pub(crate) mod model;
mod moved_from;
mod nested_roots;
mod paths;
mod polling;
mod queue;
mod reconcile;
mod remove;
mod rename;
mod renamed_in_batch;
mod reported_before;
mod rescan;
mod retry;
mod roots;
mod scan;
mod serve_queue;
mod settings;
mod tmpfiles;
mod walked;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use crate::change::Warning;
use crate::filter::Filter;
use crate::names::MOST_BYTES;
use applying::Applying;
use clock::Clock;
use compare_status::StatusComparison;
use content::Reads;
use disk::{Disk, FsError, Reading, Stat, Target};
use emit::records::Records;
use file_watches::FileWatches;
use fs_classes::FileSystems;
use hard_links::HardLinks;
use last_reported::LastReported;
use model::{Id, Model};
use moved_from::MovedFromEvents;
pub(crate) use paths::{is_above, is_dots, path_below, without_slashes};
use queue::{Key, ScanScope, Work, WorkQueue};
pub(crate) use reported_before::Reported;
pub(crate) use roots::{FileRoot, NewRoot, Root, RootTarget, Roots};
pub(crate) use settings::{Counters, HashPolicy, Hashing, Settings};

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Timestamps {
    /// On the monotonic clock, in nanoseconds.
    pub(crate) tick: u64,
    /// Since 1970, in nanoseconds.
    pub(crate) wall: i64,
}

/// What is reported once no more names can be kept.
fn names_are_full() -> String {
    format!(
        "all names have {} MiB, so that no more are kept: what is new here or elsewhere is reported \
         once some are gone. Give fewer PATHs, or --exclude",
        MOST_BYTES >> 20
    )
}

pub(crate) struct Tracker<D> {
    pub(crate) disk: D,
    clock: Clock,
    pub(crate) model: Model,
    pub(crate) settings: Settings,
    pub(crate) filter: Filter,
    pub(crate) roots: Roots,
    /// Records and warnings not yet emitted.
    pub(crate) records: Records,
    pub(crate) counters: Counters,
    queue: WorkQueue,
    moves: MovedFromEvents,
    /// `None`: no batch is being applied.
    applying: Option<Applying>,
    links: HardLinks,
    status_comparison: StatusComparison,
    file_watches: FileWatches,
    reads: Reads,
    last_reported: LastReported,
    /// Classes of the watched file systems, by device.
    pub(crate) file_systems: FileSystems,
    /// Whether it was reported that there is no room for more names.
    is_full: bool,
}

impl<D> Tracker<D> {
    pub(crate) fn new(disk: D, settings: Settings, filter: Filter, began: Timestamps) -> Self {
        let mut queue = WorkQueue::default();
        let now = began.tick;
        queue.set_now(now);
        if let Some(every) = settings.rescan {
            queue.delay(Work::timer(Key::Periodic), now.saturating_add(every));
        }
        if filter.reads_rules() {
            queue.delay(Work::timer(Key::Rules), now);
        }
        Self {
            disk,
            clock: Clock::new(began),
            model: Model::default(),
            settings,
            filter,
            roots: Roots::default(),
            records: Records::new(began.wall),
            counters: Counters::default(),
            queue,
            moves: MovedFromEvents::default(),
            applying: None,
            links: HardLinks::default(),
            status_comparison: StatusComparison::default(),
            file_watches: FileWatches::default(),
            reads: Reads::default(),
            last_reported: LastReported::default(),
            file_systems: FileSystems::default(),
            is_full: false,
        }
    }

    /// Sets the first time of the coarse clock, from which file systems take their times, after the
    /// walk, in nanoseconds since 1970: where a directory has no watch, what was written then counts.
    pub(crate) fn set_began_coarse(&mut self, time: i64) {
        self.clock.set_began_coarse(time);
    }

    /// When the watch began, in nanoseconds since 1970: what has this or a later mtime may have been
    /// written since.
    pub(crate) fn began(&self) -> i64 {
        self.clock.began()
    }

    /// Sets the time of what follows.
    pub(crate) fn at(&mut self, now: Timestamps) -> &mut Self {
        self.queue.set_now(now.tick);
        self.clock.set(now);
        self.records.set_time(now.wall);
        self
    }

    /// Notes that the kernel queue was empty at this time, and that all events were applied.
    pub(crate) fn queue_was_empty(&mut self, at: Timestamps) {
        self.clock.set_queue_empty(at);
    }

    /// An entry as a key of the work queue.
    fn work_of(&self, id: Id) -> Work {
        Work::entry(id, self.model.parent(id))
    }

    /// Puts an entry on the work queue.
    pub(crate) fn enqueue(&mut self, id: Id) {
        self.queue.add(self.work_of(id));
    }

    /// A name as a key of the work queue: its entry, if the model has it.
    fn work_of_name(&self, dir: Id, name: &[u8]) -> Work {
        let known = self.model.find(dir, name);
        known.map_or_else(|| Work::name(dir, name), |id| self.work_of(id))
    }

    /// Puts a name on the work queue.
    pub(crate) fn enqueue_name(&mut self, dir: Id, name: &[u8]) {
        self.queue.add(self.work_of_name(dir, name));
    }

    /// Whether there is room for another name in a directory. If not, that is reported once, and the
    /// directory is scanned again and again, as one for which there is no watch.
    fn has_room_in(&mut self, dir: Id) -> bool {
        if self.model.has_room() {
            return true;
        }
        if !std::mem::replace(&mut self.is_full, true) {
            self.warn(dir, Warning::Failed(names_are_full()));
        }
        let scan = Work::scan(dir, ScanScope::All);
        self.queue.retry(scan, &FsError::WatchLimit);
        false
    }

    /// Whether `--max-depth` or `--no-recursive` is set.
    pub(crate) fn has_max_depth(&self) -> bool {
        self.settings.max_depth.is_some()
    }

    /// Whether the directories in `dir` are at the limit of `--max-depth`: reported, but not entered.
    fn is_at_max_depth(&self, dir: Id) -> bool {
        self.levels_left(dir).is_some_and(|left| left <= 1)
    }

    /// How many levels below `dir` are reported; `None`: all. They are counted from the PATH, which
    /// was a single file if its directory is a root for that alone.
    fn levels_left(&self, dir: Id) -> Option<u32> {
        let most = self.settings.max_depth?;
        let above_path = u32::from(self.is_file_parent(self.model.root(dir)));
        Some(
            most.saturating_add(above_path)
                .saturating_sub(self.model.depth(dir)),
        )
    }
}

impl<D: Disk> Tracker<D> {
    /// Opens a directory of the model. It is found at the path that it has in the model, and is
    /// the same inode.
    fn enter(&mut self, dir: Id) -> Result<D::Directory, FsError> {
        let model = &self.model;
        let inode = model.inode(dir);
        let roots = &self.roots;
        self.disk.enter(inode, &|path| {
            model.write_relative_path(dir, path);
            let root = roots.with_entry(model.root(dir))?;
            Some(root.open.as_slice())
        })
    }

    /// The status of a name in a directory.
    fn stat_in(&mut self, dir: Id, name: &[u8]) -> Result<Stat, FsError> {
        let dir = self.enter(dir)?;
        self.disk.stat(Target::In(&dir, name))
    }

    /// The status of what is at the path that an entry has in the model.
    fn stat_entry(&mut self, id: Id) -> Result<Stat, FsError> {
        if let Some(dir) = self.model.parent(id) {
            let name = self.model.name(id).to_vec();
            return self.stat_in(dir, &name);
        }
        let open = self.open_path_of(id).ok_or(FsError::NotFound)?;
        self.disk.stat(Target::Root(&open))
    }

    /// Ends the readings of files that are gone: after a batch of events, and after each key of the work
    /// queue, since either may remove some, and nothing more may come.
    fn cancel_readings(&mut self) {
        let cancelled = self.reads.take_cancelled();
        if !cancelled.is_empty() {
            self.disk.cancel(&cancelled);
        }
    }

    /// Reads the regular file of that name, up to the size limit.
    fn read_in(&mut self, dir: Id, name: &[u8]) -> Result<Reading, FsError> {
        let dir = self.enter(dir)?;
        let limit = self.settings.hash_limit;
        let ticket = self.reads.next_ticket();
        self.disk.read(Target::In(&dir, name), limit, ticket)
    }
}
