//! Keeps whether a rescan is under way, and when the next one may begin. What is gone is kept until
//! its end, since it may have moved to a directory that is yet to be scanned.
//!
//! Invariant: a rescan is over when every directory was scanned that could be.

use super::{Detail, Key, ScanScope, State, Work, WorkQueue};

/// How long a rescan waits that follows another one: 20 ms, and twice as long each time, up to
/// 1 s.
const FIRST_WAIT: u64 = 20_000_000;
const LONGEST_WAIT: u64 = 1_000_000_000;

#[derive(Default)]
pub(super) struct Rescan {
    is_running: bool,
    /// Counts rescans, in steps of two. The mark of a directory is the generation of its last scan,
    /// or one more, if it is to be scanned for another reason than a rescan. With an older mark a
    /// rescan waits for it.
    generation: u16,
    /// How long the next rescan waits, in nanoseconds.
    wait: u64,
    /// Keys that wait for its end.
    held: Vec<Key>,
}

impl Rescan {
    pub(super) fn holds_keys(&self) -> bool {
        !self.held.is_empty()
    }
}

impl WorkQueue {
    pub(in crate::tracker) fn is_rescanning(&self) -> bool {
        self.rescan.is_running
    }

    /// Whether events were dropped, and the rescan that makes up for them is not over.
    pub(in crate::tracker) fn has_lost_events(&self) -> bool {
        self.is_rescanning() || self.has(&Key::Overflow)
    }

    /// The mark of a directory that is scanned now.
    pub(in crate::tracker) fn generation(&self) -> u16 {
        self.rescan.generation
    }

    /// The mark of a directory that is to be scanned, and that no rescan waits for.
    pub(in crate::tracker) fn unscanned(&self) -> u16 {
        self.rescan.generation.wrapping_add(1)
    }

    /// Whether the rescan waits for a directory with this mark: it is not scanned, and was there when
    /// the rescan began.
    pub(in crate::tracker) fn is_due_for_rescan(&self, mark: u16) -> bool {
        mark != self.generation() && mark != self.unscanned()
    }

    /// Requests a rescan, since events were dropped: at once, unless there was one lately.
    pub(in crate::tracker) fn request_rescan(&mut self) {
        let next = (self.rescan.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        let wait = std::mem::replace(&mut self.rescan.wait, next);
        self.delay(Work::timer(Key::Overflow), self.now.saturating_add(wait));
    }

    pub(in crate::tracker) fn set_rescanning(&mut self) {
        self.rescan.generation = self.rescan.generation.wrapping_add(2);
        self.rescan.is_running = true;
    }

    /// Adds a scan of all names in a directory with this mark. The rescan is not over before it, if it
    /// waits for it.
    pub(in crate::tracker) fn add_rescan(&mut self, scan: Work, mark: u16) {
        self.add(scan.clone());
        self.ensure_rescan(scan, mark);
    }

    /// As [`Self::add_rescan`], but a scan that is on the queue keeps its time, unless it is one of
    /// files alone, which may wait for long.
    pub(in crate::tracker) fn ensure_rescan(&mut self, scan: Work, mark: u16) {
        let key = scan.key.clone();
        let queued = self.items.get(&key);
        let is_of_files =
            queued.is_some_and(|item| item.detail == Detail::ScanScope(ScanScope::Files));
        if is_of_files || self.get_or_insert(&scan).state == State::New {
            self.add(scan);
        }
        if self.is_due_for_rescan(mark) {
            self.count_for_rescan(&key);
        }
    }

    /// Scans that others cause, by changes of rules or by new directories, say, are not counted: they
    /// could keep a rescan going for ever.
    pub(super) fn count_for_rescan(&mut self, scan: &Key) {
        if let Some(item) = self.items.get_mut(scan)
            && !std::mem::replace(&mut item.is_of_rescan, true)
        {
            self.rescan_scans += usize::from(item.state == State::Ready);
        }
    }

    /// Keeps a key until the rescan is over.
    pub(in crate::tracker) fn hold(&mut self, work: Work) {
        let item = self.get_or_insert(&work);
        if item.state == State::New {
            item.state = State::Held;
            self.rescan.held.push(work.key);
        }
    }

    /// Ends the rescan, if it is over: makes the keys ready that were held.
    pub(super) fn end_rescan_if_over(&mut self) {
        if self.scans.has_rescan() || self.rescan_scans > 0 {
            return;
        }
        if std::mem::take(&mut self.rescan.is_running) {
            for key in std::mem::take(&mut self.rescan.held) {
                if let Some(item) = self.items.get(&key)
                    && item.state == State::Held
                {
                    let group = item.group;
                    self.add(Work::new(key, group, Detail::Nothing));
                }
            }
        } else if !self.is_scanning() && !self.has_ready() && !self.has(&Key::Overflow) {
            self.rescan.wait = 0;
        }
    }
}
