//! Reads files for the workers: one file for which an event came, or a part of the baseline, each
//! in steps, so that jobs can take turns.
//!
//! Holds no descriptor before its first step, and between two steps only that of a file that is
//! half read. Invariant: a directory is opened by its path from its root, over no symbolic link;
//! unless it is the inode that is expected, nothing is read.

mod batch;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use super::reader::Reader;
use super::regular_file::RegularFile;
use crate::change::Kind;
use crate::file_status::{FsError, Inode, Stat};
use crate::since::Since;
use crate::sys::file::{self, Open};
use crate::sys::process::coarse_nanos;
use crate::sys::stat::{stat_fd, stat_name};
use crate::tracker::disk::{FileDigest, Ticket, WhileRead};
use crate::tracker::model::Id;
pub(crate) use batch::Answers;
pub(super) use batch::BatchJob;

/// The path of a directory, and what is expected there.
#[derive(Clone)]
pub(crate) struct DirectoryPath {
    /// The path by which its root is opened.
    pub(crate) root: Vec<u8>,
    /// The path from there; empty for the root itself.
    pub(crate) relative: Vec<u8>,
    /// The directory that is expected.
    pub(crate) inode: Inode,
}

/// The root that was opened last, with its path: consecutive directories mostly have the same.
type OpenRoot = Option<(Vec<u8>, OwnedFd)>;

impl DirectoryPath {
    /// Opens it; with its status.
    fn open(&self, held: &mut OpenRoot) -> Result<(OwnedFd, Stat), FsError> {
        let root = match held {
            Some((path, root)) if *path == self.root => root,
            _ => {
                let opened = file::open(file::here(), &self.root, Open::Directory)?;
                &held.insert((self.root.clone(), opened)).1
            }
        };
        let path: &[u8] = if self.relative.is_empty() {
            b"."
        } else {
            &self.relative
        };
        let dir = file::open_path(root.as_fd(), path, Open::Directory)?;
        let stat = stat_fd(dir.as_fd())?;
        if stat.inode == self.inode {
            Ok((dir, stat))
        } else {
            Err(FsError::NotFound)
        }
    }

    /// Its status now.
    ///
    /// # Errors
    /// Those of openat(2); [`FsError::NotFound`] also where another directory is there.
    pub(crate) fn stat(&self) -> Result<Stat, FsError> {
        Ok(self.open(&mut None)?.1)
    }
}

/// The size up to which a file is [`Length::Short`], and mostly read in one step: 8 MiB.
pub(super) const SHORT_SIZE: u64 = 8 << 20;

/// About how long a file takes to read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Length {
    /// Up to [`SHORT_SIZE`].
    Short,
    /// Less than eight times as large.
    Medium,
    /// Less than 64 times as large: 512 MiB.
    Long,
    VeryLong,
}

impl Length {
    /// `size`: in bytes.
    fn of(size: u64) -> Self {
        match size / SHORT_SIZE {
            _ if size <= SHORT_SIZE => Self::Short,
            ..8 => Self::Medium,
            8..64 => Self::Long,
            _ => Self::VeryLong,
        }
    }
}

/// Files of one owner that are read one after the other: they take about as long.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Group {
    dir: Inode,
    length: Length,
}

/// Reads a file for which an event came.
pub(crate) struct FileJob {
    pub(super) ticket: Ticket,
    pub(super) dir: Arc<DirectoryPath>,
    name: Vec<u8>,
    /// The file that is expected.
    pub(super) inode: Inode,
    /// Its owner, a user ID, when it was put on the queue.
    pub(super) owner: u32,
    /// By its size when it was put on the queue, or when it was to be opened, if it had grown.
    pub(super) length: Length,
    /// A larger file is not read; in bytes.
    limit: u64,
    /// `None`: it is not open yet.
    reader: Option<Reader>,
}

impl FileJob {
    pub(crate) fn new(
        ticket: Ticket,
        dir: Arc<DirectoryPath>,
        name: &[u8],
        stat: &Stat,
        limit: u64,
    ) -> Self {
        Self {
            ticket,
            dir,
            name: name.to_vec(),
            inode: stat.inode,
            owner: stat.attributes.uid,
            length: Length::of(stat.size),
            limit,
            reader: None,
        }
    }

    pub(super) fn group(&self) -> Group {
        Group {
            dir: self.dir.inode,
            length: self.length,
        }
    }

    /// Whether it is half read, and so has an open descriptor.
    pub(super) fn is_begun(&self) -> bool {
        self.reader.is_some()
    }

    /// Reads until the time is up. `None`: there is more to read.
    pub(super) fn step(
        &mut self,
        until: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<FileDigest, FsError>> {
        let (began, as_of) = (Instant::now(), coarse_nanos());
        let mut step = || {
            if self.reader.is_none() {
                let (dir, _) = self.dir.open(&mut None)?;
                let file = RegularFile::open(dir.as_fd(), &self.name)?;
                if file.stat.inode != self.inode {
                    return Err(FsError::NotFound);
                }
                if file.stat.size > self.limit {
                    return Ok(Some(FileDigest::unread(file.stat, as_of)));
                }
                let length = Length::of(file.stat.size);
                if length > self.length {
                    self.length = length;
                    return Ok(None); // It waits among those that are as large.
                }
                self.reader = Some(file.reader(self.limit)?);
            }
            match &mut self.reader {
                Some(reader) => reader.step(began, until, buffer),
                None => Ok(None),
            }
        };
        step().transpose()
    }
}

/// Files of one directory that the baseline is to read.
pub(crate) struct ReadBatch {
    pub(crate) dir: DirectoryPath,
    /// Each entry with the end of its name in `names`.
    pub(crate) files: Vec<(Id, usize)>,
    pub(crate) names: Vec<u8>,
    /// Larger files are not read; in bytes. 0: none is read.
    pub(crate) limit: u64,
    /// Whether the directory has a watch, so that a write to one of them has an event.
    pub(crate) is_watched: bool,
    /// What was reported before this watch: a file that is unchanged since then is not read.
    pub(crate) since: Option<Arc<Since>>,
}

impl ReadBatch {
    fn name(&self, file: usize) -> &[u8] {
        let start = if file == 0 { 0 } else { self.files[file - 1].1 };
        &self.names[start..self.files[file].1]
    }

    /// The reported digest of a file that is as it was reported before this watch.
    fn unchanged(&self, dir: BorrowedFd<'_>, file: usize) -> Option<FileDigest> {
        let since = self.since.as_ref()?;
        let as_of = coarse_nanos();
        let stat = stat_name(dir, self.name(file)).ok()?;
        if stat.kind != Kind::File || stat.is_mount_root || stat.size > self.limit {
            return None;
        }
        let unchanged = since.unchanged(stat.size, &stat.times())?;
        Some(FileDigest {
            digest: unchanged.digest,
            ..FileDigest::unread(stat, as_of)
        })
    }

    /// Without a watch, a file is unchanged only if mtime and ctime are still the same after reading.
    fn verify(&self, dir: BorrowedFd<'_>, file: usize, read: &mut FileDigest) {
        let is_same = stat_name(dir, self.name(file)).is_ok_and(|after| {
            (after.inode, after.ctime, after.mtime)
                == (read.stat.inode, read.stat.ctime, read.stat.mtime)
        });
        if !is_same {
            read.while_read = WhileRead::MayHaveChanged;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)] // A test fails by panicking.

    use std::fs::File;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::*;

    const LIMIT: u64 = 1 << 30;

    pub(in crate::hash) fn dir_path(dir: &Path) -> DirectoryPath {
        let opened = File::open(dir).unwrap();
        DirectoryPath {
            root: dir.as_os_str().as_bytes().to_vec(),
            relative: Vec::new(),
            inode: stat_fd(opened.as_fd()).unwrap().inode,
        }
    }

    #[test]
    fn the_length_of_a_file_goes_by_powers_of_eight() {
        let lengths = [
            0,
            SHORT_SIZE,
            SHORT_SIZE + 1,
            SHORT_SIZE * 8 - 1,
            SHORT_SIZE * 8,
            SHORT_SIZE * 64,
        ]
        .map(Length::of);
        let [first, second, third, fourth, fifth, sixth] = lengths;
        assert_eq!((first, second), (Length::Short, Length::Short));
        assert_eq!((third, fourth), (Length::Medium, Length::Medium));
        assert_eq!((fifth, sixth), (Length::Long, Length::VeryLong));
    }

    #[test]
    fn a_file_that_has_grown_waits_for_its_turn_among_those_as_large() {
        let dir = tempfile::tempdir().unwrap();
        file_of(1, dir.path(), 0);
        let mut job = job(dir.path(), 0);
        file_of(SHORT_SIZE + 1, dir.path(), 0);
        let step = |job: &mut FileJob| job.step(Instant::now(), &mut Vec::new()).is_none();
        assert!(step(&mut job) && !job.is_begun());
        assert_eq!(job.length, Length::Medium);
        assert!(step(&mut job) && job.is_begun());
    }

    pub(in crate::hash) fn job(dir: &Path, number: u64) -> FileJob {
        let name = format!("f{number}").into_bytes();
        let opened = File::open(dir).unwrap();
        let file = RegularFile::open(opened.as_fd(), &name).unwrap();
        let dir = Arc::new(dir_path(dir));
        FileJob::new(Ticket(number), dir, &name, &file.stat, LIMIT)
    }

    pub(in crate::hash) fn file_of(bytes: u64, dir: &Path, number: u64) {
        let file = File::create(dir.join(format!("f{number}"))).unwrap();
        file.set_len(bytes).unwrap();
    }
}
