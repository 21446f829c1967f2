//! Turns files into digests: here, or on worker threads that give way.
//!
//! Never decides what is read or whether it is news. Invariant: a digest comes with
//! what the file looked like before it was read, and whether that was still so after.

mod read_batch;
mod workers;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::change::Kind;
use crate::sys::bytes;
use crate::sys::file::{self, Open};
use crate::sys::fs_error;
use crate::sys::stat::stat_fd;
use crate::tracker::disk::{FileDigest, FsError, Stat};
pub(crate) use read_batch::ReadBatch;
pub(crate) use workers::{Done, Workers};

/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// Opens a name as a place, and again to read if it is a regular file: a FIFO's
/// writer must not notice us.
pub(crate) fn open_regular(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(Stat, OwnedFd), FsError> {
    let place = file::with_c_str(name, |name| file::open_name(dir, name, Open::Path));
    let place = place.map_err(|error| fs_error(&error))?;
    let raw = stat_fd(place.as_fd()).map_err(|error| fs_error(&error))?;
    if raw.kind != Kind::File {
        return Err(FsError::NotFound);
    }
    Ok((raw, place))
}

/// Reads what is open as a place.
pub(crate) fn digest_o_path(
    place: &OwnedFd,
    before: &Stat,
    buffer: &mut Vec<u8>,
) -> Result<FileDigest, FsError> {
    let opened =
        bytes::reopen(place.as_fd(), before.attributes.uid).map_err(|error| fs_error(&error))?;
    digest_file(&File::from(opened), before, buffer).map_err(|error| fs_error(&error))
}

/// Bytes that were read, of everything.
static READ: AtomicU64 = AtomicU64::new(0);

/// How many bytes were read until now, also of files that are not done.
pub(crate) fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// Reads an open file from its start.
fn digest_file(mut opened: &File, before: &Stat, buffer: &mut Vec<u8>) -> io::Result<FileDigest> {
    if buffer.len() < CHUNK {
        buffer.resize(CHUNK, 0);
    }
    // A byte more than there should be, so that a short read tells the end.
    let want = usize::try_from(before.size)
        .unwrap_or(CHUNK)
        .saturating_add(1)
        .min(CHUNK);
    let buffer = &mut buffer[..want];
    let began = Instant::now();
    let mut hasher = Sha256::new();
    let mut size = 0;
    loop {
        match opened.read(buffer) {
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
                READ.fetch_add(count as u64, Ordering::Relaxed);
                // A short read of a regular file is its last.
                if count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What one read gave in full was read at once, and a write since then has an event;
    // what took many reads is compared with what it was.
    let at_once = size == before.size && size < CHUNK as u64;
    let stable = at_once || {
        let after = stat_fd(opened.as_fd())?;
        (after.size, after.mtime) == (before.size, before.mtime)
    };
    // The size that belongs to the digest is that of the bytes.
    let stat = Stat { size, ..*before };
    Ok(FileDigest {
        stat,
        digest: Some(hasher.finalize().into()),
        stable,
        took: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
    })
}
