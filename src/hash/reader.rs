//! Reads a regular file to its digest, in steps of bounded time.
//!
//! Opens nothing. Invariant: no more of a file is read than the size that it had before it was
//! opened, and one byte.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::file_status::{COARSEST_CLOCK, FsError, Stat};
use crate::nanos::nanos;
use crate::sys::process::coarse_nanos;
use crate::sys::stat::stat_fd;
use crate::tracker::disk::{FileDigest, WhileRead};

/// Bytes of one read(2): 32 KiB. More was measured to be slower by a quarter, since it does not
/// stay in the L1 cache until it is hashed.
const CHUNK: usize = 32 << 10;

/// The smallest size of a buffer, so that it need not grow for each small file.
const MIN_BUFFER: usize = 4096;

static READ: AtomicU64 = AtomicU64::new(0);

/// Bytes that the process has read until now, including files that are half read.
pub(crate) fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// A regular file that is being read.
pub(super) struct Reader {
    file: File,
    /// Its status before it was opened for reading.
    stat: Stat,
    /// A file that has become larger than this many bytes gets no digest.
    limit: u64,
    hasher: Sha256,
    /// Bytes in the digest so far.
    read: u64,
    /// Calls of read(2) so far.
    reads: u32,
    /// Whether there are more bytes than `stat` has.
    is_longer: bool,
    /// Whether its status is compared with that of now when all is read, however few bytes it has.
    is_strict: bool,
    /// Time spent so far, in nanoseconds.
    took: u64,
    /// When it was opened, in nanoseconds since 1970.
    as_of: i64,
}

impl Reader {
    /// Begins with an open file. `stat`: its status before that.
    pub(super) fn new(file: File, stat: Stat, limit: u64) -> Self {
        let (read, reads, is_longer) = (0, 0, false);
        Self {
            file,
            stat,
            limit,
            hasher: Sha256::new(),
            read,
            reads,
            is_longer,
            is_strict: false,
            took: 0,
            as_of: coarse_nanos(),
        }
    }

    /// Has the status compared in any case: an event of a write in between may not count any more.
    pub(super) fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// Reads until the end, however long that takes. `began`: since when the time counts.
    ///
    /// # Errors
    /// Those of read(2).
    pub(super) fn read_all(
        mut self,
        began: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<FileDigest, FsError> {
        self.read_until(None, buffer)?;
        self.took = nanos(began.elapsed());
        self.finish()
    }

    /// Reads until the end, or until the time is up. Gives `None` if there is more to read. `began`:
    /// since when the time counts that this takes.
    ///
    /// # Errors
    /// Those of read(2).
    pub(super) fn step(
        &mut self,
        began: Instant,
        until: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<FileDigest>, FsError> {
        let ended = self.read_until(Some(until), buffer);
        self.took += nanos(began.elapsed());
        if ended? {
            self.finish().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads until the end (`true`), or until the time is up (`false`).
    fn read_until(&mut self, until: Option<Instant>, buffer: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            // One byte more than is left is asked for, so that a short read means the end.
            let left = self.stat.size.saturating_sub(self.read);
            let want =
                usize::try_from(left).map_or(CHUNK, |left| left.saturating_add(1).min(CHUNK));
            if buffer.len() < want {
                buffer.resize(want.next_power_of_two().max(MIN_BUFFER), 0);
            }
            let count = match self.file.read(&mut buffer[..want]) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let known = usize::try_from(left).map_or(count, |left| left.min(count));
            self.hasher.update(&buffer[..known]);
            self.reads = self.reads.saturating_add(1);
            self.read += known as u64;
            self.is_longer = known < count;
            READ.fetch_add(count as u64, Ordering::Relaxed);
            // A read(2) of a regular file is short only at its end.
            if count < want || self.is_longer {
                return Ok(true);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
        }
    }

    /// Makes the digest. A file that one read(2) gave whole is unchanged: a write since then has an
    /// event. For one that took several, or is longer or shorter than its size was, the status is
    /// compared with that of now.
    fn finish(&mut self) -> Result<FileDigest, FsError> {
        let mut digest = FileDigest {
            stat: Stat {
                size: self.read,
                ..self.stat
            },
            digest: Some(self.hasher.finalize_reset().into()),
            while_read: WhileRead::Unchanged,
            took: self.took,
            as_of: self.as_of,
        };
        let is_whole = self.reads == 1 && self.read == self.stat.size && !self.is_longer;
        if is_whole && !self.is_strict {
            return Ok(digest);
        }
        let after = stat_fd(self.file.as_fd())?;
        let is_same = after.has_size_and_mtime_of(&self.stat);
        if self.is_longer && is_always_longer(&self.stat, &after, coarse_nanos()) {
            return Err(FsError::Io("it has more bytes than its size".to_owned()));
        }
        let has_same_ctime = !self.is_strict || after.ctime == self.stat.ctime;
        let is_unchanged = is_same && has_same_ctime && self.read == self.stat.size;
        digest.while_read = WhileRead::unchanged_if(is_unchanged);
        if after.size > self.limit {
            digest = FileDigest {
                took: self.took,
                ..FileDigest::unread(after, self.as_of)
            };
        }
        Ok(digest)
    }
}

/// Whether a file that gave more bytes than its size would do so again, as in some FUSE file
/// systems. One that was just truncated and written in turn may have the same size and mtime, too.
fn is_always_longer(before: &Stat, after: &Stat, now: i64) -> bool {
    let is_old = now.saturating_sub(after.mtime).saturating_abs() > COARSEST_CLOCK;
    is_old && after.has_size_and_mtime_of(before)
}

#[cfg(test)]
mod tests;
