//! `--since` and `--resume`: a JSON stream as the memory of what was there, and what the
//! disk holds now against it.
//!
//! Reads the stream and nothing else; the walk and the baseline read the disk. Invariant:
//! a digest is taken from the stream only for the inode, size and times that it was
//! reported with, long enough after the last change.

mod diff;
mod read_stream;
mod record;
mod tree;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::change::{Digest, InodeTimes, Kind};
use crate::escape::escaped;
use crate::file_status::message;
use crate::sys::file::{self, Open};
use crate::sys::stat::stat_fd;
pub(crate) use diff::{Comparison, Disk, diff};
use read_stream::{Folded, Folder, NoTree, plain};
use record::Start;
use tree::{Tree, TreeId};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// Times that are that much older than the record prove that nothing was written after:
/// the coarsest clock of a file system. 2 s, in nanoseconds.
const COARSEST: i64 = 2_000_000_000;

/// A stream that is being read.
pub(crate) struct Reader {
    file: File,
    /// How it is named to a person.
    shown: String,
    offset: u64,
    folder: Folder,
    buffer: Vec<u8>,
}

/// What was there, by a stream.
pub(crate) struct Since {
    tree: Tree,
    start: Start,
    /// Whether all files are read, whatever their times say.
    verifies: bool,
    /// Whether those are read whose digest the stream does not know.
    needs_digests: bool,
}

/// What reading a stream to its end gave.
pub(crate) struct Read {
    /// The tree; or a sentence that says why there is none.
    pub(crate) since: Result<Since, String>,
    /// Where the last record ends, if anything comes after it.
    pub(crate) torn_at: Option<u64>,
    /// Whether a session of ours may be appended to it.
    pub(crate) is_ours: bool,
    pub(crate) is_empty: bool,
}

impl Reader {
    /// Opens a stream: a regular file, whatever the path is by now.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn open(path: &Path) -> Result<(Self, String), String> {
        let shown = escaped(path.as_os_str().as_bytes());
        let open = || {
            let path = file::with_c_str(path.as_os_str().as_bytes(), |path| {
                file::open(file::here(), path, Open::Path)
            })?;
            let stat = stat_fd(path.as_fd())?;
            if stat.kind != Kind::File {
                return Ok(None);
            }
            crate::sys::noatime::open_for_reading(path.as_fd(), stat.attributes.uid).map(Some)
        };
        match open() {
            Ok(Some(fd)) => Ok((Self::new(File::from(fd), shown.clone()), shown)),
            Ok(None) => Err(format!(
                "cannot read {shown}: it is no regular file; give a file that --format json has written"
            )),
            Err(error) => Err(format!("cannot read {shown}: {}", message(&error))),
        }
    }

    /// Of a file that is open.
    pub(crate) fn new(file: File, shown: String) -> Self {
        Self {
            file,
            shown,
            offset: 0,
            folder: Folder::default(),
            buffer: vec![0; CHUNK],
        }
    }

    /// Reads a piece. `false`: that was the end.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn step(&mut self) -> Result<bool, String> {
        match self.file.read_at(&mut self.buffer, self.offset) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.offset += count as u64;
                self.folder.feed(&self.buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(format!("cannot read {}: {}", self.shown, message(&error))),
        }
    }

    /// All was read.
    pub(crate) fn finish(self, verifies: bool, needs_digests: bool) -> Read {
        let shown = self.shown;
        let torn_at = self.folder.is_torn().then(|| self.folder.end());
        let is_ours = self.folder.is_ours();
        let since = match self.folder.finish() {
            Ok(Folded { mut tree, start }) => {
                tree.index_inodes();
                Ok(Since {
                    tree,
                    start,
                    verifies,
                    needs_digests,
                })
            }
            Err(NoTree::NoStream) => Err(format!(
                "{shown} is no JSON stream of balerion's; make one with --format json --initial --stat"
            )),
            Err(NoTree::NoSession) => Err(format!(
                "{shown} holds no complete session: a snapshot (--initial), then ready, and every record since"
            )),
        };
        Read {
            since,
            torn_at,
            is_ours,
            is_empty: self.offset == 0,
        }
    }
}

impl Since {
    /// The session that is gone on from.
    pub(crate) fn session(&self) -> &str {
        &self.start.session
    }

    /// Whether it is about the same PATHs, as given and from the root.
    pub(crate) fn is_of(&self, paths: &[Vec<u8>], absolute: &[Vec<u8>]) -> bool {
        let pairs = |paths: &[Vec<u8>], absolute: &[Vec<u8>]| {
            let paths = paths.iter().map(|path| plain(path).to_vec());
            let mut pairs: Vec<_> = paths.zip(absolute.iter().cloned()).collect();
            pairs.sort();
            pairs
        };
        pairs(&self.start.paths, &self.start.absolute) == pairs(paths, absolute)
    }

    /// The PATHs, for a person.
    pub(crate) fn shown_paths(&self) -> String {
        let shown: Vec<_> = self
            .start
            .absolute
            .iter()
            .map(|path| escaped(path))
            .collect();
        shown.join(", ")
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether a file is as it was reported, and with which digest, if any: then it need
    /// not be read. `None`: it must be.
    pub(crate) fn unchanged(&self, size: u64, now: &InodeTimes) -> Option<Option<Digest>> {
        if self.verifies {
            return None;
        }
        let mut found = self.tree.with_inode(now.ino);
        let old = found.find(|&old| self.is_unchanged(old, size, now))?;
        let digest = self.tree.digest(old);
        (digest.is_some() || !self.needs_digests).then_some(digest)
    }

    fn is_unchanged(&self, old: TreeId, size: u64, now: &InodeTimes) -> bool {
        let Some(before) = self.tree.times(old) else {
            return false;
        };
        let births = (before.btime, now.btime);
        let is_other_birth = matches!(births, (Some(before), Some(now)) if before != now);
        let is_same = self.tree.size(old) == Some(size)
            && (before.mtime, before.ctime) == (now.mtime, now.ctime);
        is_same && !is_other_birth && !is_racy(&before, self.tree.time(old).unwrap_or(i64::MIN))
    }
}

/// Whether a file may have been written to after it was looked at, without any of its
/// times being another for it. A time that a program has set to the future proves
/// nothing, and a write would replace it.
fn is_racy(times: &InodeTimes, reported: i64) -> bool {
    let last = if times.mtime > reported {
        times.ctime
    } else {
        times.ctime.max(times.mtime)
    };
    last > reported.saturating_sub(COARSEST)
}

#[cfg(test)]
mod tests {
    use super::is_racy;
    use crate::change::InodeTimes;

    #[test]
    fn times_prove_nothing_within_two_seconds_of_a_change() {
        const SECOND: i64 = 1_000_000_000;
        let cases = [
            ("long ago", 10, 10, false),
            ("just written", 99, 99, true),
            ("just renamed", 10, 99, true),
            ("a future mtime, set long ago", 500, 10, false),
            ("a future mtime, set just now", 500, 99, true),
            ("a clock that is ahead", 500, 500, true),
            ("exactly two seconds", 98, 98, false),
        ];
        for (case, mtime, ctime, expected) in cases {
            let times = InodeTimes {
                ino: 1,
                mtime: mtime * SECOND,
                ctime: ctime * SECOND,
                btime: None,
            };
            assert_eq!(is_racy(&times, 100 * SECOND), expected, "{case}");
        }
    }
}
