//! Compares the status of all files with what is known of them, since one may have been written to by
//! a hard link that was gone before it was stat'ed: no event shows of which file that was.
//!
//! Others can cause that all the time: it goes in pieces, and after each comparison there is a pause
//! ten times as long. Emits nothing: a file that differs is enqueued.

use super::disk::{Disk, FsClass, Stat};
use super::model::{self, Evidence, Id, Knowledge};
use super::queue::{Key, QUIET, Work};
use super::{HashPolicy, Tracker};
use crate::change::Kind;

/// Files that are stat'ed at once.
const PIECE: usize = if cfg!(test) { 2 } else { 512 };

/// The pause after them: 4 ms, some four times as long as they take.
const PAUSE: u64 = 4_000_000;

/// How many times as long as a comparison the next one waits.
const FACTOR: u64 = 10;

/// The next one waits for 500 ms at least.
const MIN_INTERVAL: u64 = 500_000_000;

/// Where names come and go all the time, files are compared after 10 s.
const LONGEST_WAIT: u64 = 10_000_000_000;

#[derive(Default)]
pub(super) struct StatusComparison {
    state: State,
    /// When the next one may begin, in ticks of the clock.
    not_before: u64,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// It was asked for at these times, and begins once it is not any more.
    Asked { first: u64, last: u64 },
    UnderWay {
        began: u64,
        /// The files that are left, those of a directory together.
        left: Vec<Id>,
        /// Whether another one is to follow, since some were compared before it was asked for.
        is_needed_again: bool,
    },
}

impl<D> Tracker<D> {
    /// Compares all files once this has not been called for a while. With `--strict` each has a watch of
    /// its own, which shows such writes. Without digests it is not worth what it costs: those with several
    /// names are compared alone.
    pub(super) fn compare_all_files(&mut self) {
        let now = self.clock.tick();
        let settings = &self.settings;
        if settings.strict {
            return;
        }
        if settings.hashing == HashPolicy::Off && !settings.attributes {
            return self.compare_linked_files();
        }
        match &mut self.status_comparison.state {
            State::UnderWay {
                is_needed_again, ..
            } => *is_needed_again = true,
            State::Asked { last, .. } => *last = now,
            state @ State::Idle => {
                *state = State::Asked {
                    first: now,
                    last: now,
                };
                let due = now.saturating_add(QUIET);
                let due = due.max(self.status_comparison.not_before);
                self.queue.delay(Work::timer(Key::AllFiles), due);
            }
        }
    }

    /// All files whose changes inotify reports, those of a directory together.
    fn files_by_directory(&self) -> Vec<Id> {
        let model = &self.model;
        let is_meant = |dir: &Id| {
            let class = |dir| self.file_systems.class(model.inode(dir).dev);
            model.kind(*dir) == Kind::Directory && matches!(class(*dir), FsClass::Local)
        };
        let children = model.all().filter(is_meant);
        let children = children.flat_map(|dir| model.children(dir));
        children
            .filter(|id| model.kind(*id) == Kind::File)
            .collect()
    }

    /// Whether a file has another status than is known. Not by its ctime, if events explain that: with
    /// `IN_ATTRIB` it is not read again.
    fn has_other_status(&self, id: Id, stat: &Stat) -> bool {
        let new = model::fingerprint(stat);
        let is_explained = self.model.evidence(id).has(Evidence::ATTRIB);
        match self.model.knowledge(id) {
            Knowledge::Known { fingerprint, .. }
                if self.model.digest(id).is_some() && !is_explained =>
            {
                fingerprint != new
            }
            Knowledge::Known { fingerprint, .. } | Knowledge::Unreadable { fingerprint } => {
                !fingerprint.is_same_under_another_name(new)
            }
            Knowledge::Unread { .. } => self.changed_since_start(id, stat),
            // It is on the work queue.
            Knowledge::Unverified => false,
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// Compares the next files, unless names still come and go.
    pub(super) fn compare_next_files(&mut self) {
        let now = self.clock.tick();
        let state = std::mem::take(&mut self.status_comparison.state);
        let (began, mut left, is_needed_again) = match state {
            State::Idle => return,
            State::Asked { first, last } => {
                let due = last.saturating_add(QUIET);
                let due = due.min(first.saturating_add(LONGEST_WAIT));
                if now < due {
                    self.status_comparison.state = state;
                    return self.queue.delay(Work::timer(Key::AllFiles), due);
                }
                (now, self.files_by_directory(), false)
            }
            State::UnderWay {
                began,
                left,
                is_needed_again,
            } => (began, left, is_needed_again),
        };
        for id in left.split_off(left.len().saturating_sub(PIECE)) {
            self.compare_file_status(id);
        }
        if left.is_empty() {
            let pause = now.saturating_sub(began).saturating_mul(FACTOR);
            self.status_comparison.not_before = now.saturating_add(pause.max(MIN_INTERVAL));
            if is_needed_again {
                self.compare_all_files();
            }
        } else {
            self.status_comparison.state = State::UnderWay {
                began,
                left,
                is_needed_again,
            };
            let due = now.saturating_add(PAUSE);
            self.queue.delay(Work::timer(Key::AllFiles), due);
        }
    }

    /// Enqueues a file if its status is another one, or its attributes are, where these are reported. The
    /// events of a write by this name are applied before.
    fn compare_file_status(&mut self, id: Id) {
        // The id may have been used again since.
        if !self.model.is_live(id) || self.model.kind(id) != Kind::File {
            return;
        }
        let Ok(stat) = self.stat_entry(id) else {
            return; // Events follow.
        };
        let known = self.last_reported.attributes(id);
        let has_other_attributes = known.is_some_and(|known| known != stat.attributes);
        if has_other_attributes || self.has_other_status(id, &stat) {
            self.debounce_file(id);
        }
    }
}
