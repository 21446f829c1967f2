//! Decides when a file that changed while it was read is read again: once it has been quiet for as
//! long as the reading took, and for 50 ms at least; if it never is, after ten times as long, and
//! after 1 s at least. So a large log costs a tenth of a thread.
//!
//! Times are of the monotonic clock, in nanoseconds.

use foldhash::HashMap;

use crate::tracker::model::Id;
use crate::tracker::queue::QUIET;

/// A file that is never quiet is read again after this at the earliest: 1 s.
const MIN_INTERVAL: u64 = 1_000_000_000;

/// A file that is never quiet is read again after this many times as long as the last reading
/// took.
const FACTOR: u64 = 10;

/// With more files than this, those whose time has passed are removed whenever their number has
/// doubled.
const MANY: usize = 64;

struct RereadDelay {
    /// How long it must be quiet.
    quiet: u64,
    last_event: u64,
    /// When it is read at the latest.
    until: u64,
}

impl RereadDelay {
    fn due(&self) -> u64 {
        self.last_event.saturating_add(self.quiet).min(self.until)
    }
}

#[derive(Default)]
pub(in crate::tracker) struct RereadDelays {
    files: HashMap<Id, RereadDelay>,
    /// With more files than this they are looked through.
    most: usize,
}

impl RereadDelays {
    /// Notes that a file changed while it was read, which took `took`; or that it is being truncated,
    /// which takes that.
    pub(super) fn note(&mut self, id: Id, now: u64, took: u64) {
        if self.files.len() > self.most.max(MANY) {
            self.files.retain(|_, file| file.until > now);
            self.most = self.files.len() * 2;
        }
        let interval = took.saturating_mul(FACTOR).max(MIN_INTERVAL);
        let file = RereadDelay {
            quiet: took.max(QUIET),
            last_event: now,
            until: now.saturating_add(interval),
        };
        self.files.insert(id, file);
    }

    /// Notes an event about a file: it must be quiet from now on. Called for each event, since
    /// the file comes to [`Self::wait`] only when its own debounce is over.
    pub(in crate::tracker) fn note_event(&mut self, id: Id, now: u64) {
        if self.files.is_empty() {
            return;
        }
        if let Some(file) = self.files.get_mut(&id) {
            file.last_event = now;
        }
    }

    /// Forgets a file that was read without being written to, or is gone.
    pub(super) fn remove(&mut self, id: Id) {
        self.files.remove(&id);
    }

    pub(super) fn is_waiting(&self, id: Id, now: u64) -> bool {
        self.files.get(&id).is_some_and(|file| now < file.due())
    }

    /// When a file may be read; `None`: now.
    pub(super) fn wait(&mut self, id: Id, now: u64) -> Option<u64> {
        let due = self.files.get(&id)?.due();
        if now >= due {
            self.files.remove(&id);
            return None;
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const FILE: Id = Id(7);

    #[test]
    fn a_file_that_becomes_quiet_is_read_after_as_long_as_it_took() {
        for (took, quiet) in [(5 * MS, 50 * MS), (400 * MS, 400 * MS)] {
            let mut files = RereadDelays::default();
            files.note(FILE, 0, took);
            files.note_event(FILE, 10 * MS);
            assert_eq!(files.wait(FILE, 10 * MS), Some(10 * MS + quiet));
            assert!(files.is_waiting(FILE, 9 * MS + quiet));
            assert_eq!(files.wait(FILE, 10 * MS + quiet), None);
            assert!(files.files.is_empty());
        }
    }

    #[test]
    fn a_file_that_is_never_quiet_is_read_after_ten_times_as_long_and_after_a_second() {
        for (took, interval) in [(5 * MS, 1000 * MS), (400 * MS, 4000 * MS)] {
            let mut files = RereadDelays::default();
            files.note(FILE, 0, took);
            let step = 20 * MS;
            let served = (0..1000).find(|n| {
                files.note_event(FILE, n * step);
                files.wait(FILE, n * step).is_none()
            });
            assert_eq!(served.map(|n| n * step), Some(interval));
        }
    }

    #[test]
    fn files_that_are_gone_do_not_stay() {
        let mut files = RereadDelays::default();
        for number in 0..10_000 {
            files.note(Id(number), u64::from(number) * 100 * MS, 5 * MS);
        }
        assert!(files.files.len() <= MANY + 1);
    }

    #[test]
    fn times_that_overflow_saturate() {
        let mut files = RereadDelays::default();
        files.note(FILE, 1, u64::MAX);
        assert_eq!(files.wait(FILE, 2), Some(u64::MAX));
    }
}
