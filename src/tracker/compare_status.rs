//! Compares the status of all files with what is known of them, since one may have been written to by
//! a hard link that was gone before it was stat'ed: no event shows of which file that was.
//!
//! Others can cause that all the time: it goes in pieces, and after each comparison there is a pause
//! ten times as long. Emits nothing: a file that differs is enqueued.

use super::Tracker;
use super::disk::{Disk, FsClass, Stat};
use super::model::{self, Evidence, Id, Knowledge};
use super::queue::{Key, QUIET, Work};
use crate::change::Kind;

/// Files that are stat'ed at once.
const PIECE: usize = if cfg!(test) { 2 } else { 128 };

/// The pause after them: 1 ms, some two to three times as long as they take.
const PAUSE: u64 = 1_000_000;

/// How many times as long as a comparison the next one waits.
const FACTOR: u64 = 10;

/// The next one waits for 500 ms at least.
const MIN_INTERVAL: u64 = 500_000_000;

/// Where names come and go all the time, files are compared after 10 s.
const LONGEST_WAIT: u64 = 10_000_000_000;

#[derive(Default)]
pub(super) struct StatusComparison {
    state: State,
    /// When the next one may begin, on the monotonic clock, in nanoseconds.
    not_before: u64,
    /// What it is asked for, since when it began last.
    evidence: Evidence,
}

impl StatusComparison {
    /// Drops what is asked for, since a rescan begins, which compares all files.
    pub(super) fn leave_to_rescan(&mut self) {
        self.state = State::Idle;
        self.evidence = Evidence::default();
    }

    /// When a comparison begins that was asked for at these times.
    fn due(&self, first: u64, last: u64) -> u64 {
        let quiet = last.saturating_add(QUIET);
        let due = quiet.min(first.saturating_add(LONGEST_WAIT));
        due.max(self.not_before)
    }
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
        evidence: Evidence,
    },
}

impl<D> Tracker<D> {
    /// Compares all files once this has not been called for a while. With `--strict` each has a watch of
    /// its own, which shows such writes. `evidence`: what happened by the name that is gone.
    ///
    /// It is not worth what it costs without digests, nor for a file that was closed and not written to,
    /// such as the lock of each git(1) command: then those with several names are compared alone.
    pub(super) fn compare_all_files(&mut self, evidence: Evidence) {
        let settings = &self.settings;
        if settings.strict {
            return;
        }
        let is_changed = evidence.has(Evidence::MODIFIED)
            || settings.attributes && evidence.has(Evidence::ATTRIB);
        if settings.goes_by_events() || !is_changed {
            return self.compare_linked_files();
        }
        self.ask_for_comparison(evidence);
    }

    fn ask_for_comparison(&mut self, evidence: Evidence) {
        let now = self.clock.tick();
        let comparison = &mut self.status_comparison;
        comparison.evidence = comparison.evidence.union(evidence);
        match &mut comparison.state {
            // Another one follows, since some files were compared before.
            State::UnderWay { .. } => {}
            State::Asked { last, .. } => *last = now,
            State::Idle => {
                comparison.state = State::Asked {
                    first: now,
                    last: now,
                };
                let due = comparison.due(now, now);
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

    /// Whether a file has another status than is known. A new ctime counts only if the mtime may have been
    /// set back, which makes `IN_ATTRIB`: a link that is made outside the PATHs, for a backup, gives all
    /// files one.
    fn has_other_status(&self, id: Id, stat: &Stat, evidence: Evidence) -> bool {
        let new = model::fingerprint(stat);
        let has_ctime = self.model.digest(id).is_some();
        match self.model.knowledge(id) {
            Knowledge::Known { fingerprint, .. } if has_ctime && evidence.has(Evidence::ATTRIB) => {
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
        let (began, mut left, evidence) = match state {
            State::Idle => return,
            State::Asked { first, last } => {
                let due = self.status_comparison.due(first, last);
                if now < due {
                    self.status_comparison.state = state;
                    return self.queue.delay(Work::timer(Key::AllFiles), due);
                }
                let evidence = std::mem::take(&mut self.status_comparison.evidence);
                (now, self.files_by_directory(), evidence)
            }
            State::UnderWay {
                began,
                left,
                evidence,
            } => (began, left, evidence),
        };
        for id in left.split_off(left.len().saturating_sub(PIECE)) {
            self.compare_file_status(id, evidence);
        }
        if left.is_empty() {
            let pause = now.saturating_sub(began).saturating_mul(FACTOR);
            self.status_comparison.not_before = now.saturating_add(pause.max(MIN_INTERVAL));
            if !self.status_comparison.evidence.is_empty() {
                self.ask_for_comparison(Evidence::default());
            }
        } else {
            self.status_comparison.state = State::UnderWay {
                began,
                left,
                evidence,
            };
            let due = now.saturating_add(PAUSE);
            self.queue.delay(Work::timer(Key::AllFiles), due);
        }
    }

    /// Enqueues a file if its status is another one, or its attributes are, where these are reported. The
    /// events of a write by this name are applied before.
    fn compare_file_status(&mut self, id: Id, evidence: Evidence) {
        // The id may have been used again since.
        if !self.model.is_live(id) || self.model.kind(id) != Kind::File {
            return;
        }
        let Ok(stat) = self.stat_entry(id) else {
            return; // Events follow.
        };
        let known = self.last_reported.attributes(id);
        let has_other_attributes = known.is_some_and(|known| known != stat.attributes);
        if has_other_attributes || self.has_other_status(id, &stat, evidence) {
            self.debounce_file(id);
        }
    }
}
