//! The work queue: keys of what is to be compared with the disk, each once, some of them
//! not before a deadline. It knows neither the tree nor the disk.
//!
//! Ready keys are served first in, first out, in turns between kinds and between
//! directories, so that no flood of one sort keeps the rest waiting. What fails is put
//! back by `retry_entry`, `retry_name` or `retry_scan`, later each time.
//!
//! Invariant: a key that was added is ready, delayed or held until it is taken or removed.

mod back_off;
mod delayed;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;

use super::disk::{FsError, Inode};
use super::model::Id;
use super::scan_scope::ScanScope;
use crate::event::Cookie;
use crate::fair_queue::FairQueue;

/// A millisecond, in the clock's unit.
const MS: u64 = 1_000_000;

/// A writer that paused for this long is taken to be done: 50 ms.
pub(super) const QUIET: u64 = 50 * MS;

/// What changed while it was compared, or failed for the first time, is tried again after
/// 2 ms.
pub(super) const RETRY_DELAY: u64 = 2 * MS;

/// How long a writer that never pauses is waited for: 1 s.
pub(super) const CEILING: u64 = 1_000_000_000;

/// Keys of one directory that are served in a row while those of others wait.
const GROUP_ROW: u32 = 8;

/// Keys of one kind that are served in a row while others wait.
const ROW: u32 = 16;

/// Keys for which memory is kept when fewer are on the queue.
const KEPT: usize = 1024;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// An entry is compared with the disk.
    Entry(Id),
    /// A name that is not in the tree is reconciled.
    Name(Id, Arc<[u8]>),
    /// All names of a directory are compared.
    Scan(Id),
    /// The other half of a rename has not come.
    MovedFrom(Cookie),
    /// Events were dropped: all is compared.
    Overflow,
    /// All is compared because the user asked for it.
    Periodic,
    /// Directories without a watch are compared.
    Poll,
    /// Rule files outside the tree are checked.
    Rules,
}

/// The kinds between which the queue takes turns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Entry,
    Name,
    Scan,
    /// What is due at a time, and costs little: served first.
    Timer,
}

impl Key {
    fn class(&self) -> Class {
        match self {
            Self::Entry(_) => Class::Entry,
            Self::Name(..) => Class::Name,
            Self::Scan(_) => Class::Scan,
            Self::MovedFrom(_) | Self::Overflow | Self::Periodic | Self::Poll | Self::Rules => {
                Class::Timer
            }
        }
    }

    /// Whether it comes back for as long as the watch lasts.
    fn is_standing(&self) -> bool {
        matches!(self, Self::Periodic | Self::Poll | Self::Rules)
    }
}

/// What is known of a key beside its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detail {
    Nothing,
    /// How much of a directory is compared.
    ScanScope(ScanScope),
    /// What was found under a name: which inode, and its ctime. Numbers are used again at
    /// once, but not with the same time.
    Seen(Inode, i64),
}

/// When a key is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Ready,
    /// Not before this time.
    Delayed(u64),
    /// When its writer has paused, and at `latest` if it never does.
    Debounced {
        last: u64,
        latest: u64,
    },
    /// When the rescan is over.
    Held,
}

impl State {
    fn due(self) -> Option<u64> {
        match self {
            Self::Ready | Self::Held => None,
            Self::Delayed(due) => Some(due),
            Self::Debounced { last, latest } => Some(last.saturating_add(QUIET).min(latest)),
        }
    }
}

struct Item {
    state: State,
    /// The deadline under which the heap has it: any other is out of date.
    in_heap: u64,
    /// With whom it shares its turn: a directory.
    group: u32,
    /// How often it has failed in a row.
    failures: u8,
    /// It has failed, and is not expected to work soon.
    is_stuck: bool,
    /// It has failed with an I/O error: to try it sooner than planned is of no use.
    backs_off: bool,
    detail: Detail,
}

/// A key that was taken off the queue, to be served now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Work {
    pub(super) key: Key,
    pub(super) detail: Detail,
}

/// See the module.
#[derive(Default)]
pub(super) struct WorkQueue {
    items: HashMap<Key, Item>,
    entries: FairQueue<u32, Key, GROUP_ROW>,
    names: FairQueue<u32, Key, GROUP_ROW>,
    scans: VecDeque<Key>,
    timers: VecDeque<Key>,
    /// Deadlines, the next one first.
    later: BinaryHeap<Reverse<(u64, Key)>>,
    /// Keys that wait for the end of a rescan.
    held: Vec<Key>,
    /// Keys that permissions keep from being served, each with the directory in which it is: they
    /// are tried again when those of one above change.
    denied: HashMap<Key, Id>,
    /// How many scans of a whole directory are ready.
    full_scans: usize,
    /// How many names are delayed.
    delayed_names: usize,
    /// On the monotonic clock, in nanoseconds.
    now: u64,
    /// The key being served, and how often it has failed.
    serving: Option<(Key, u8)>,
    /// How often each kind may still be served in this round.
    left_in_round: [u32; 3],
}

/// Whether a scan compares all that is in a directory.
fn is_full(detail: Detail) -> bool {
    matches!(detail, Detail::ScanScope(ScanScope::All | ScanScope::Deep))
}

impl WorkQueue {
    /// It is that late.
    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    // What is to be done now.

    pub(super) fn add_entry(&mut self, id: Id, dir: Option<Id>) {
        let group = dir.map_or(u32::MAX, |dir| dir.0);
        self.make_ready(Key::Entry(id), group, Detail::Nothing);
    }

    pub(super) fn add_name(&mut self, dir: Id, name: &[u8]) {
        self.make_ready(Key::Name(dir, name.into()), dir.0, Detail::Nothing);
    }

    /// A directory that is on the queue is compared as fully as any of those who asked.
    pub(super) fn add_scan(&mut self, dir: Id, scope: ScanScope) {
        self.make_ready(Key::Scan(dir), dir.0, Detail::ScanScope(scope));
    }

    /// Adds a scan that no one else has asked for: one that failed keeps its time.
    pub(super) fn ensure_scan(&mut self, dir: Id, scope: ScanScope) {
        if self.items.contains_key(&Key::Scan(dir)) {
            self.item(&Key::Scan(dir), dir.0, Detail::ScanScope(scope));
        } else {
            self.add_scan(dir, scope);
        }
    }

    pub(super) fn add_timer(&mut self, key: Key, due: u64) {
        self.delay(key, u32::MAX, Detail::Nothing, due);
    }

    fn make_ready(&mut self, key: Key, group: u32, detail: Detail) {
        let item = self.item(&key, group, detail);
        if item.state == State::Ready {
            return;
        }
        let old = std::mem::replace(&mut item.state, State::Ready);
        let (group, is_full) = (item.group, is_full(item.detail));
        self.left(&key, old);
        self.full_scans += usize::from(is_full);
        match key.class() {
            Class::Entry => self.entries.push(group, key),
            Class::Name => self.names.push(group, key),
            Class::Scan => self.scans.push_back(key),
            Class::Timer => self.timers.push_back(key),
        }
    }

    /// The key's item; a new one is held until its state is set.
    fn item(&mut self, key: &Key, group: u32, detail: Detail) -> &mut Item {
        let failures = match &self.serving {
            Some((serving, failures)) if serving == key => *failures,
            _ => 0,
        };
        let item = self.items.entry(key.clone()).or_insert(Item {
            state: State::Held,
            in_heap: 0,
            group,
            failures,
            is_stuck: false,
            backs_off: false,
            detail,
        });
        item.group = group;
        match (item.detail, detail) {
            (Detail::ScanScope(old), Detail::ScanScope(new)) => {
                let was_full = is_full(item.detail);
                item.detail = Detail::ScanScope(old.max(new));
                if item.state == State::Ready && is_full(item.detail) && !was_full {
                    self.full_scans += 1;
                }
            }
            (_, Detail::Nothing) => {}
            (_, new) => item.detail = new,
        }
        item
    }

    /// A key leaves a state: the counts follow.
    fn left(&mut self, key: &Key, old: State) {
        if matches!(old, State::Delayed(_)) && matches!(key, Key::Name(..)) {
            self.delayed_names -= 1;
        }
        if !self.denied.is_empty() {
            self.denied.remove(key);
        }
    }

    /// Its entry or name is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(item) = self.items.remove(key) {
            self.full_scans -= usize::from(item.state == State::Ready && is_full(item.detail));
            self.left(key, item.state);
        }
    }

    // What is next.

    pub(super) fn has_ready(&self) -> bool {
        !self.entries.is_empty()
            || !self.names.is_empty()
            || !self.scans.is_empty()
            || !self.timers.is_empty()
    }

    /// Whether whole directories are ready to be compared.
    pub(super) fn has_full_scans(&self) -> bool {
        self.full_scans > 0
    }

    /// How many names wait for their next try.
    pub(super) fn delayed_names(&self) -> usize {
        self.delayed_names
    }

    /// Whether nothing is on the queue but what comes back for as long as the watch lasts,
    /// and what fails and is not expected to work soon.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_at_rest = |(key, item): (&Key, &Item)| key.is_standing() || item.is_stuck;
        self.items.iter().all(is_at_rest)
    }

    /// Whether anything on it has failed.
    #[cfg(test)]
    pub(super) fn has_failed(&self) -> bool {
        self.items.values().any(|item| item.failures > 0)
    }

    /// Whether an entry waits for its time after an I/O error.
    pub(super) fn backs_off(&self, id: Id) -> bool {
        let waits = |item: &Item| item.backs_off && matches!(item.state, State::Delayed(_));
        self.items.get(&Key::Entry(id)).is_some_and(waits)
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.items.contains_key(key)
    }

    /// Takes the next key; `None`: of all kinds, it is the turn of the scan under way,
    /// or nothing is ready.
    pub(super) fn take(&mut self, is_scanning: bool) -> Option<Work> {
        loop {
            let Some(class) = self.next_class(is_scanning) else {
                self.give_back();
                return None;
            };
            let key = match class {
                Class::Timer => self.timers.pop_front(),
                Class::Entry => self.entries.pop(),
                Class::Name => self.names.pop(),
                // The scan under way is served before another begins.
                Class::Scan if is_scanning => {
                    self.serving = None;
                    return None;
                }
                Class::Scan => self.scans.pop_front(),
            }?;
            // Out of date if it was removed, or served already.
            let is_ready = |item: &Item| item.state == State::Ready;
            if !self.items.get(&key).is_some_and(is_ready) {
                continue;
            }
            let item = self.items.remove(&key)?;
            self.full_scans -= usize::from(is_full(item.detail));
            self.serving = Some((key.clone(), item.failures));
            let detail = item.detail;
            return Some(Work { key, detail });
        }
    }

    /// Gives back the memory that a burst took.
    fn give_back(&mut self) {
        if self.items.capacity() > KEPT && self.items.len() < self.items.capacity() / 8 {
            self.items.shrink_to(KEPT);
        }
        if self.later.capacity() > KEPT && self.later.len() < self.later.capacity() / 8 {
            self.later.shrink_to(KEPT);
        }
        self.scans.shrink_to(KEPT);
        self.timers.shrink_to(KEPT);
    }

    /// How often the entry being served has failed in a row.
    pub(super) fn failures_of(&self, id: Id) -> u8 {
        match &self.serving {
            Some((Key::Entry(serving), failures)) if *serving == id => *failures,
            _ => 0,
        }
    }

    /// The answer for an entry that was served before has come: if it is an error, it follows
    /// so many.
    pub(super) fn resume(&mut self, id: Id, failures: u8) {
        self.serving = Some((Key::Entry(id), failures));
    }

    /// What is served next is served no longer: a retry from here on is a first one.
    pub(super) fn served(&mut self) {
        self.serving = None;
    }

    /// The kind whose turn it is: in a round each may be served `ROW` times.
    fn next_class(&mut self, is_scanning: bool) -> Option<Class> {
        if !self.timers.is_empty() {
            return Some(Class::Timer);
        }
        let ready = [
            (Class::Entry, !self.entries.is_empty()),
            (Class::Name, !self.names.is_empty()),
            (Class::Scan, is_scanning || !self.scans.is_empty()),
        ];
        for _ in 0..2 {
            for (left, (class, is_ready)) in self.left_in_round.iter_mut().zip(ready) {
                if is_ready && *left > 0 {
                    *left -= 1;
                    return Some(class);
                }
            }
            self.left_in_round = [ROW; 3];
        }
        None
    }
}

#[cfg(test)]
mod tests;
