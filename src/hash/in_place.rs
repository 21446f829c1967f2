//! Decides which files the loop reads itself, and reads them: small ones, so that records come in
//! the order of the events.
//!
//! Invariants: a file that could not be read, and for a minute any file of a device on which a
//! small one took long, is left to the workers; but for a first part of a burst, the larger ones of
//! the small files take no more than half of the time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::regular_file::RegularFile;
use crate::file_status::{FsError, Inode, Stat};
use crate::tracker::disk::FileDigest;

/// Larger files are read by workers: 256 KiB take a fraction of a millisecond.
const LARGEST: u64 = 256 << 10;

/// A file up to this size is read in place whatever is left of [`BUDGET`]: 16 KiB take some tens of
/// microseconds.
const UNBUDGETED_SIZE: u64 = 16 << 10;

/// What reading files larger than [`UNBUDGETED_SIZE`] may take at once: 100 ms. Half of the time that
/// passes is given back.
const BUDGET: Duration = Duration::from_millis(100);

/// A device on which a small file takes longer is slow: 500 ms, well above what reading the page
/// cache takes on a busy processor.
const SLOW_READ: Duration = Duration::from_millis(500);

/// How long a device counts as slow: 1 min.
const SLOW_FOR: Duration = Duration::from_secs(60);

/// When so many files could not be read, they are forgotten.
const MAX_FAILED: usize = 64 << 10;

/// A buffer up to this size is kept while the loop is idle: 16 KiB.
const KEPT_BUFFER: usize = 16 << 10;

#[derive(Default)]
pub(crate) struct InPlace {
    /// Slow devices, and until when they count as such.
    slow: Vec<(u64, Instant)>,
    /// Files that could not be read.
    failed: HashSet<Inode>,
    /// How much of [`BUDGET`] was used, at a time.
    used: Option<(Duration, Instant)>,
    buffer: Vec<u8>,
}

impl InPlace {
    pub(crate) fn allows(&self, stat: &Stat, now: Instant) -> bool {
        let is_slow = |(device, until): &(u64, Instant)| *device == stat.inode.dev && now < *until;
        let has_time = || self.used(now) < BUDGET;
        (stat.size <= UNBUDGETED_SIZE || stat.size <= LARGEST && has_time())
            && !self.slow.iter().any(is_slow)
            && (self.failed.is_empty() || !self.failed.contains(&stat.inode))
    }

    /// How much of [`BUDGET`] is used.
    fn used(&self, now: Instant) -> Duration {
        let Some((used, at)) = self.used else {
            return Duration::ZERO;
        };
        used.saturating_sub(now.duration_since(at) / 2)
    }

    /// Reads a file for which [`allows`](Self::allows) is true at the same time.
    pub(crate) fn digest(
        &mut self,
        file: &RegularFile,
        limit: u64,
        now: Instant,
    ) -> Result<FileDigest, FsError> {
        let read = file.digest(limit, now, &mut self.buffer);
        let ended = match &read {
            Ok(read) => now + Duration::from_nanos(read.took),
            Err(_) => Instant::now(),
        };
        self.note(&file.stat, read.as_ref().err(), now, ended);
        read
    }

    fn note(&mut self, stat: &Stat, error: Option<&FsError>, began: Instant, ended: Instant) {
        let (inode, took) = (stat.inode, ended.duration_since(began));
        if stat.size > UNBUDGETED_SIZE {
            self.used = Some((self.used(ended) + took, ended));
        }
        if let Some(FsError::Io(_) | FsError::Stalled) = error {
            if self.failed.len() >= MAX_FAILED {
                self.failed = HashSet::new();
            }
            self.failed.insert(inode);
        }
        if took > SLOW_READ {
            self.slow.retain(|(device, _)| *device != inode.dev);
            self.slow.push((inode.dev, ended + SLOW_FOR));
        }
    }

    /// Frees a large buffer; called when the loop is idle.
    pub(crate) fn release(&mut self) {
        if self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dev: u64, ino: u64, size: u64) -> Stat {
        Stat::file(Inode { dev, ino }, size)
    }

    #[test]
    fn small_files_are_read_in_place_and_large_ones_are_not() {
        let now = Instant::now();
        let rules = InPlace::default();
        assert!(rules.allows(&file(1, 1, LARGEST), now));
        assert!(!rules.allows(&file(1, 1, LARGEST + 1), now));
    }

    #[test]
    fn many_large_ones_of_the_small_files_leave_the_loop_half_of_its_time() {
        let mut now = Instant::now();
        let mut rules = InPlace::default();
        let (mut read, began) = (Duration::ZERO, now);
        let step = Duration::from_millis(1);
        while now < began + Duration::from_secs(10) {
            if rules.allows(&file(1, 1, LARGEST), now) {
                rules.note(&file(1, 1, LARGEST), None, now, now + step);
                read += step;
            }
            rules.note(&file(1, 2, UNBUDGETED_SIZE), None, now, now + step);
            now += step;
        }
        rules.note(&file(1, 1, LARGEST), None, now, now + BUDGET);
        now += BUDGET;
        assert!(!rules.allows(&file(1, 1, UNBUDGETED_SIZE + 1), now));
        assert!(
            rules.allows(&file(1, 2, UNBUDGETED_SIZE), now),
            "short ones are read"
        );
        let half = Duration::from_secs(5) + BUDGET;
        assert!(read <= half + 2 * step, "{read:?}");
        assert!(read >= half - 2 * step, "{read:?}");
        assert!(rules.allows(&file(1, 1, LARGEST), now + 2 * BUDGET));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_to_the_workers_and_a_busy_one_is_not() {
        let now = Instant::now();
        let mut rules = InPlace::default();
        let (failed, busy) = (file(1, 1, 1), file(1, 2, 1));
        rules.note(
            &failed,
            Some(&FsError::Io("input/output error".into())),
            now,
            now,
        );
        rules.note(&busy, Some(&FsError::Busy), now, now);
        assert!(!rules.allows(&failed, now));
        assert!(rules.allows(&busy, now));
    }

    #[test]
    fn a_slow_device_is_left_to_the_workers_for_a_while() {
        let now = Instant::now();
        let mut rules = InPlace::default();
        let late = now + Duration::from_secs(2);
        rules.note(&file(1, 1, 1), None, now, late);
        assert!(!rules.allows(&file(1, 2, 1), late), "another file of it");
        assert!(rules.allows(&file(2, 1, 1), late), "another device");
        assert!(rules.allows(&file(1, 2, 1), late + SLOW_FOR));
    }

    #[test]
    fn files_that_cannot_be_read_are_not_remembered_without_a_bound() {
        let now = Instant::now();
        let mut rules = InPlace::default();
        for ino in 0..=MAX_FAILED as u64 {
            rules.note(
                &file(1, ino, 1),
                Some(&FsError::Io(String::new())),
                now,
                now,
            );
        }
        assert_eq!(rules.failed.len(), 1);
    }
}
