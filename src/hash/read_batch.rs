//! Turns a part of the baseline into what was read of its files.
//!
//! Never takes another directory for the one meant. Invariant: only where no name has
//! changed since the walk is one opened to be read at once; elsewhere it is opened as a
//! place first, since it may be anything by now.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{digest_file, digest_o_path, open_regular};
use crate::change::Kind;
use crate::file_status::Stat;
use crate::sys::bytes;
use crate::sys::file::{self, Open};
use crate::sys::fs_error;
use crate::sys::stat::{stat_fd, stat_name};
use crate::tracker::disk::{FileDigest, FsError, Inode};
use crate::tracker::model::Id;

/// Some files of one directory, to be read behind the running watch.
pub(crate) struct ReadBatch {
    pub(crate) root: Vec<u8>,
    pub(crate) route: Vec<u8>,
    /// Which directory must be found there.
    pub(crate) inode: Inode,
    /// The entries, and where their names end among the bytes.
    pub(crate) files: Vec<(Id, usize)>,
    pub(crate) names: Vec<u8>,
    /// Larger files are not read; in bytes. 0: none is.
    pub(crate) limit: u64,
    /// When the watch began, in nanoseconds since 1970.
    pub(crate) began: i64,
    pub(crate) is_watched: bool,
}

pub(super) fn run(
    batches: &[ReadBatch],
    buffer: &mut Vec<u8>,
) -> Vec<(Id, Result<FileDigest, FsError>)> {
    let mut read = Vec::with_capacity(batches.iter().map(|batch| batch.files.len()).sum());
    let mut root = None;
    for batch in batches {
        let dir = open_directory(batch, &mut root);
        run_one(batch, dir, buffer, &mut read);
    }
    read
}

fn run_one(
    batch: &ReadBatch,
    dir: Result<(OwnedFd, Stat), FsError>,
    buffer: &mut Vec<u8>,
    read: &mut Vec<(Id, Result<FileDigest, FsError>)>,
) {
    let dir = dir.map(|(dir, raw)| {
        (
            dir,
            is_settled(&raw, batch.began).then_some(raw.attributes.uid),
        )
    });
    let mut start = 0;
    for &(id, end) in &batch.files {
        let name = &batch.names[start..end];
        start = end;
        let result = match &dir {
            Ok((dir, owner)) => {
                let read = read_one(dir.as_fd(), name, batch.limit, *owner, buffer);
                if batch.is_watched {
                    read
                } else {
                    read.map(|read| doubt(dir.as_fd(), name, read))
                }
            }
            Err(fault) => Err(fault.clone()),
        };
        read.push((id, result));
    }
}

/// Where no event tells of a write, what was read is stable only if nothing at all has
/// happened to the file since the look before it.
fn doubt(dir: BorrowedFd<'_>, name: &[u8], read: FileDigest) -> FileDigest {
    let after = file::with_c_str(name, |name| stat_name(dir, name));
    let is_same = after.is_ok_and(|after| {
        (after.inode.ino, after.ctime, after.mtime)
            == (read.stat.inode.ino, read.stat.ctime, read.stat.mtime)
    });
    FileDigest {
        stable: read.stable && is_same,
        ..read
    }
}

/// Opens the directory of an errand by its way from a PATH, which is kept open for the
/// next one; what is found must be the one meant.
fn open_directory<'e>(
    batch: &'e ReadBatch,
    held: &mut Option<(&'e [u8], OwnedFd)>,
) -> Result<(OwnedFd, Stat), FsError> {
    let mut open = || {
        let root = match held {
            Some((path, root)) if *path == batch.root => root,
            _ => {
                let opened = file::with_c_str(&batch.root, |path| {
                    file::open(file::here(), path, Open::Directory)
                })?;
                &held.insert((&batch.root, opened)).1
            }
        };
        let way: &[u8] = if batch.route.is_empty() {
            b"."
        } else {
            &batch.route
        };
        let dir = file::open_path(root.as_fd(), way, Open::Directory)?;
        let found = stat_fd(dir.as_fd())?;
        Ok((dir, found))
    };
    let (dir, found) = open().map_err(|error: io::Error| fs_error(&error))?;
    if found.inode == batch.inode {
        Ok((dir, found))
    } else {
        Err(FsError::NotFound)
    }
}

/// Whether no name in a directory has changed since before the watch began, nor for two
/// seconds, which is the coarsest clock of a file system.
fn is_settled(dir: &Stat, began: i64) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    now.min(began) - dir.mtime.max(dir.ctime) > 2_000_000_000
}

/// One file of the baseline. `owner`: of its directory, where that is settled.
fn read_one(
    dir: BorrowedFd<'_>,
    name: &[u8],
    limit: u64,
    owner: Option<u32>,
    buffer: &mut Vec<u8>,
) -> Result<FileDigest, FsError> {
    if limit == 0 {
        let raw = file::with_c_str(name, |name| stat_name(dir, name))
            .map_err(|error| fs_error(&error))?;
        return Ok(FileDigest::unread(raw));
    }
    let (raw, opened) = match owner {
        Some(owner) => open_settled(dir, name, owner)?,
        None => open_regular(dir, name)?,
    };
    if raw.size > limit {
        return Ok(FileDigest::unread(raw));
    }
    if owner.is_some() {
        return digest_file(&File::from(opened), &raw, buffer).map_err(|error| fs_error(&error));
    }
    digest_o_path(&opened, &raw, buffer)
}

/// Opens a name to read it, in a directory in which no name has changed since the walk
/// saw a regular file there. `owner`: the directory's.
fn open_settled(dir: BorrowedFd<'_>, name: &[u8], owner: u32) -> Result<(Stat, OwnedFd), FsError> {
    let opened = file::with_c_str(name, |name| bytes::open(dir, name, owner));
    let opened = opened.map_err(|error| fs_error(&error))?;
    let raw = stat_fd(opened.as_fd()).map_err(|error| fs_error(&error))?;
    if raw.kind != Kind::File {
        return Err(FsError::NotFound);
    }
    Ok((raw, opened))
}
