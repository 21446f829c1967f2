//! Queues what is to be compared with the disk: keys, each once, some of them not before a
//! deadline; with the scans and the rescan under way. Knows neither the tree nor the disk.
//!
//! Ready keys take turns. What fails is put back by `retry`, with a longer delay each time.
//!
//! Invariant: a key that was added is ready, delayed, debounced or held until it is taken or removed.

mod active_scan;
mod active_scans;
mod back_off;
mod delayed;
mod denied;
mod key;
mod rescan_state;
mod turns;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;

use foldhash::HashMap;

use super::disk::FsError;
use super::model::Id;
pub(super) use active_scan::{ActiveScan, Next, ScanStep};
use active_scans::ActiveScans;
use back_off::{Failure, FailureKind};
use denied::Denied;
pub(super) use key::{Detail, Key, ScanScope, Work, Written};
use rescan_state::Rescan;
use turns::{KEPT_KEYS, Turn, Turns};

/// A millisecond, in nanoseconds.
const MS: u64 = 1_000_000;

/// A writer that has paused for this long is taken to be done: 50 ms.
pub(super) const QUIET: u64 = 50 * MS;

/// The delay after which something is tried again that changed while it was compared, or failed
/// for the first time: 2 ms.
pub(super) const RETRY_DELAY: u64 = 2 * MS;

/// How long a writer that never pauses is waited for: 1 s.
pub(super) const CEILING: u64 = 1_000_000_000;

/// When a key is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It was just added: what adds it decides.
    New,
    Ready,
    /// Not before this time, or earlier if it is added again.
    Delayed {
        due: u64,
        /// The failure that it waits after, if there was one.
        failure: Option<Failure>,
    },
    /// Once nothing has happened for [`QUIET`] since `last`, and by `latest` in any case.
    Debounced {
        last: u64,
        latest: u64,
    },
    /// Once the rescan is over.
    Held,
}

impl State {
    fn due(self) -> Option<u64> {
        match self {
            Self::New | Self::Ready | Self::Held => None,
            Self::Delayed { due, .. } => Some(due),
            Self::Debounced { last, latest } => Some(last.saturating_add(QUIET).min(latest)),
        }
    }

    /// The failure that it waits after, if there was one.
    fn failure(self) -> Option<Failure> {
        match self {
            Self::Delayed { failure, .. } => failure,
            Self::New | Self::Ready | Self::Debounced { .. } | Self::Held => None,
        }
    }

    fn waits_after(self, kind: FailureKind) -> bool {
        self.failure().is_some_and(|failure| failure.kind == kind)
    }
}

/// What came of the last tries of a key.
#[derive(Clone, Copy, Default)]
struct Tries {
    /// Consecutive failures.
    failures: u8,
    /// Consecutive times that its file system had not answered yet, which is no failure.
    unanswered: u8,
}

struct Item {
    state: State,
    /// The deadline in the heap that is valid.
    in_heap: u64,
    /// The directory with whose keys it shares a turn, if it is in one.
    group: Option<Id>,
    tries: Tries,
    /// Whether it is a scan for which the end of the rescan waits.
    is_of_rescan: bool,
    detail: Detail,
}

#[derive(Default)]
pub(super) struct WorkQueue {
    items: HashMap<Key, Item>,
    /// The keys that are ready. One that was removed or served since stays until its turn.
    turns: Turns,
    /// The next one first. A deadline that is no longer valid stays until it has passed.
    deadlines: BinaryHeap<Reverse<(u64, Key)>>,
    denied: Denied,
    /// The number of scans that are ready and belong to the rescan.
    rescan_scans: usize,
    /// The number of names that are delayed.
    delayed_names: usize,
    /// On the monotonic clock, in nanoseconds.
    now: u64,
    serving: Option<Serving>,
    scans: ActiveScans,
    rescan: Rescan,
}

/// A key that is being served: if it is put back, its tries count.
struct Serving {
    key: Key,
    tries: Tries,
    is_of_rescan: bool,
    detail: Detail,
}

impl WorkQueue {
    /// Sets the time of what follows.
    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    // Adding keys that are ready.

    /// Adds a key. If the scan of a directory is on the queue, the wider of the two scopes counts.
    pub(super) fn add(&mut self, work: Work) {
        let item = self.get_or_insert(&work);
        if item.state == State::Ready {
            return;
        }
        let old = std::mem::replace(&mut item.state, State::Ready);
        let is_of_rescan = item.is_of_rescan;
        let Work {
            key, group, owner, ..
        } = work;
        self.leave_state(&key, old);
        self.rescan_scans += usize::from(is_of_rescan);
        self.turns.push(group, owner, key);
    }

    /// The item of a key, which is added, as new, if it is not on the queue: the caller gives it another
    /// state.
    fn get_or_insert(&mut self, work: &Work) -> &mut Item {
        let (group, detail) = (work.group, work.detail);
        let item = match self.items.entry(work.key.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let serving = self.serving.as_ref();
                let serving = serving.filter(|serving| serving.key == work.key);
                let new = Item {
                    state: State::New,
                    in_heap: 0,
                    group,
                    tries: serving.map_or_else(Tries::default, |serving| serving.tries),
                    is_of_rescan: false,
                    detail,
                };
                return entry.insert(new);
            }
        };
        item.group = group;
        item.detail = item.detail.merge(detail);
        item
    }

    /// Updates counts and `denied` for a key that leaves a state.
    fn leave_state(&mut self, key: &Key, old: State) {
        if matches!(old, State::Delayed { .. }) && matches!(key, Key::Name(..)) {
            self.delayed_names -= 1;
        }
        self.denied.remove(key);
    }

    /// Removes a key whose entry or name is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(item) = self.items.remove(key) {
            self.rescan_scans -= usize::from(item.state == State::Ready && item.is_of_rescan);
            self.leave_state(key, item.state);
        }
    }

    /// Removes the keys of an entry that is gone, and its scan: its id may be used again.
    pub(super) fn forget(&mut self, id: Id) {
        for key in [Key::Entry(id), Key::Scan(id), Key::Folding(id)] {
            self.remove(&key);
        }
        self.scans.end(id);
    }

    // Taking keys.

    pub(super) fn has_ready(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(super) fn is_scanning(&self) -> bool {
        !self.scans.is_empty()
    }

    /// Whether nothing is ready or due, and no scan or rescan is under way.
    pub(super) fn is_idle(&self) -> bool {
        let is_due = self.next_deadline().is_some_and(|due| due <= self.now);
        !self.has_ready() && !is_due && !self.is_scanning() && !self.is_rescanning()
    }

    /// The number of names that are delayed.
    pub(super) fn delayed_names(&self) -> usize {
        self.delayed_names
    }

    /// Whether nothing is on the queue but keys that come back for as long as the watch lasts,
    /// and keys that have failed and are not expected to work soon.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_stuck = |item: &Item| item.state.failure().is_some_and(|failure| failure.is_stuck);
        let mut items = self.items.iter();
        items.all(|(key, item)| key.is_standing() || is_stuck(item))
    }

    /// Whether a key on it has failed.
    #[cfg(test)]
    pub(super) fn has_failed(&self) -> bool {
        self.items.values().any(|item| item.tries.failures > 0)
    }

    /// Whether an entry is delayed after an I/O error, or has failed and is to be tried next.
    pub(super) fn backs_off(&self, id: Id) -> bool {
        let item = self.items.get(&Key::Entry(id));
        item.is_some_and(|item| match item.state {
            State::Ready => item.tries.failures > 0,
            state => state.waits_after(FailureKind::Io),
        })
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.items.contains_key(key)
    }

    /// Takes the next key. `None`: nothing is ready, or it is the turn of the scans under way.
    pub(super) fn take(&mut self) -> Option<Work> {
        loop {
            let key = match self.turns.next(self.is_scanning()) {
                Some(Turn::Key(key)) => key,
                Some(Turn::ActiveScans) => {
                    self.serving = None;
                    return None;
                }
                None => {
                    self.give_back();
                    return None;
                }
            };
            // It may have been removed or served since it was queued.
            let is_ready = |item: &Item| item.state == State::Ready;
            if !self.items.get(&key).is_some_and(is_ready) {
                continue;
            }
            let item = self.items.remove(&key)?;
            self.rescan_scans -= usize::from(item.is_of_rescan);
            let Item {
                group,
                tries,
                is_of_rescan,
                detail,
                ..
            } = item;
            self.serving = Some(Serving {
                key: key.clone(),
                tries,
                is_of_rescan,
                detail,
            });
            return Some(Work::new(key, group, detail));
        }
    }

    /// Gives back the memory that a burst took.
    fn give_back(&mut self) {
        if self.items.capacity() > KEPT_KEYS && self.items.len() < self.items.capacity() / 8 {
            self.items.shrink_to(KEPT_KEYS);
        }
        if self.deadlines.capacity() > KEPT_KEYS
            && self.deadlines.len() < self.deadlines.capacity() / 8
        {
            self.deadlines.shrink_to(KEPT_KEYS);
        }
        self.turns.give_back();
    }

    /// The consecutive failures of an entry, if it is being served; else 0.
    pub(super) fn failures_of(&self, id: Id) -> u8 {
        let serving = self.serving_entry(id);
        serving.map_or(0, |serving| serving.tries.failures)
    }

    fn serving_entry(&self, id: Id) -> Option<&Serving> {
        let serving = self.serving.as_ref();
        serving.filter(|serving| serving.key == Key::Entry(id))
    }

    /// Whether an error of the entry that is being served shows that it stays busy.
    pub(super) fn is_long_busy(&self, id: Id, error: &FsError) -> bool {
        back_off::is_long_busy(error, self.failures_of(id))
    }

    /// Sets an entry as being served again, since an answer for it has come; with its consecutive
    /// failures, in case the answer is an error.
    pub(super) fn resume(&mut self, id: Id, failures: u8) {
        self.serving = Some(Serving {
            key: Key::Entry(id),
            tries: Tries {
                failures,
                ..Tries::default()
            },
            is_of_rescan: false,
            detail: Detail::Nothing,
        });
    }

    /// Ends the serving of a key: if it fails from here on, that is its first failure.
    pub(super) fn served(&mut self) {
        self.serving = None;
        self.end_rescan_if_over();
    }
}

#[cfg(test)]
mod tests;
