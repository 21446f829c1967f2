//! Reads a part of the baseline: batches of files, each by the directory that they are in, in
//! pieces, so that a worker can turn to other jobs.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::ReadBatch;
use crate::change::Kind;
use crate::file_status::FsError;
use crate::hash::reader::Reader;
use crate::hash::regular_file::RegularFile;
use crate::sys::process::coarse_nanos;
use crate::sys::stat::stat_name;
use crate::tracker::disk::FileDigest;
use crate::tracker::model::Id;

/// What was read of each file.
pub(crate) type Answers = Vec<(Id, Result<FileDigest, FsError>)>;

/// A part of the baseline.
pub(in crate::hash) struct BatchJob {
    batches: Vec<ReadBatch>,
    /// The index of the batch that is next.
    batch: usize,
    /// The index of the file in it that is next.
    file: usize,
    /// That file, if it is half read.
    reader: Option<Reader>,
    pub(in crate::hash) answers: Answers,
}

impl BatchJob {
    pub(in crate::hash) fn new(batches: Vec<ReadBatch>) -> Self {
        let count = batches.iter().map(|batch| batch.files.len()).sum();
        Self {
            batches,
            batch: 0,
            file: 0,
            reader: None,
            answers: Vec::with_capacity(count),
        }
    }

    pub(in crate::hash) fn device(&self) -> u64 {
        self.batches.first().map_or(0, |batch| batch.dir.inode.dev)
    }

    /// Reads until all is read (`true`), or until the time is up (`false`).
    pub(in crate::hash) fn step(&mut self, until: Instant, buffer: &mut Vec<u8>) -> bool {
        let mut root = None;
        while let Some(batch) = self.batches.get(self.batch) {
            let dir = batch.dir.open(&mut root);
            while let Some((id, _)) = batch.files.get(self.file) {
                let read = match &dir {
                    Ok((dir, _)) => {
                        let file = BatchFile {
                            batch,
                            index: self.file,
                            dir: dir.as_fd(),
                        };
                        file.read(&mut self.reader, until, buffer)
                    }
                    Err(error) => Err(error.clone()),
                };
                if let Some(read) = read.transpose() {
                    self.answers.push((*id, read));
                    self.reader = None;
                    self.file += 1;
                }
                if Instant::now() >= until {
                    return false;
                }
            }
            self.file = 0;
            self.batch += 1;
        }
        true
    }
}

/// A file of a batch, which is in an open directory.
struct BatchFile<'a> {
    batch: &'a ReadBatch,
    index: usize,
    dir: BorrowedFd<'a>,
}

impl BatchFile<'_> {
    /// Reads the file, or goes on reading it with the `reader` of the last call. `None`: there is
    /// more to read.
    fn read(
        &self,
        reader: &mut Option<Reader>,
        until: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<FileDigest>, FsError> {
        let (began, as_of) = (Instant::now(), coarse_nanos());
        let Self { batch, index, dir } = *self;
        let name = batch.name(index);
        if batch.limit == 0 {
            let stat = stat_name(dir, name)?;
            return match stat.kind {
                Kind::File => Ok(Some(FileDigest::unread(stat, as_of))),
                _ => Err(FsError::NotFound),
            };
        }
        let reader = match reader {
            Some(reader) => reader,
            None => {
                if let Some(found) = batch.unchanged(dir, index) {
                    return Ok(Some(found));
                }
                let opened = RegularFile::open(dir, name)?;
                if opened.stat.is_mount_root {
                    // Another mount, which may stall: the entry is reconciled, which asks the mount
                    // table first.
                    return Err(FsError::NotFound);
                }
                if opened.stat.size > batch.limit {
                    return Ok(Some(FileDigest::unread(opened.stat, as_of)));
                }
                reader.insert(opened.reader(batch.limit)?.strict())
            }
        };
        let mut read = reader.step(began, until, buffer)?;
        if let Some(read) = &mut read
            && !batch.is_watched
        {
            batch.verify(dir, index, read);
        }
        Ok(read)
    }
}
