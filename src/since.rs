//! Folds a JSON stream (`--since`, `--resume`) to the tree that it reported last, and compares
//! the model of the disk with that tree.
//!
//! Reads the stream and nothing else; the walk and the baseline read the disk. Invariant:
//! a digest is taken from the stream only for the inode, size and times that it was
//! reported with, long enough after the last change.

mod diff;
mod line;
mod lines;
mod read_ahead;
mod record;
mod sessions;
mod time;
mod tree;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::change::{Digest, InodeTimes, Kind};
use crate::escape::escaped;
use crate::file_status::{Stat, message};
use crate::sys::file::{self, Open};
use crate::sys::stat::stat_fd;
use crate::tracker::{Reported, without_slashes};
pub(crate) use diff::{Comparison, diff};
use read_ahead::ReadAhead;
use record::Start;
use sessions::{Folded, Sessions};
use tree::Tree;
pub(crate) use tree::TreeId;

/// Names with the same inode number, times and size that are compared with a file. All of them
/// mostly have the same birth time, too.
const MOST_NAMES: usize = 16;

/// A stream that is being read.
pub(crate) struct Reader {
    items: ReadAhead,
    sessions: Sessions,
    /// Its path as messages show it.
    shown: String,
}

/// Which files are read, beside those whose status is another one.
#[derive(Clone, Copy)]
pub(crate) struct Reads {
    /// All files, whatever their times are (`--verify`).
    pub(crate) all: bool,
    /// Those for which the stream has no digest.
    pub(crate) without_digest: bool,
}

/// The tree that a stream reported last.
pub(crate) struct Since {
    tree: Tree,
    start: Start,
    reads: Reads,
    /// A bit for each entry: whether the walk found the file as it was reported.
    unchanged: Vec<AtomicU64>,
}

/// A file that is as it was reported, so that it need not be read.
pub(crate) struct Unchanged {
    pub(crate) digest: Option<Digest>,
}

/// What reading a stream to its end gave.
pub(crate) struct StreamEnd {
    /// The tree; or the reason why there is none, for the user.
    pub(crate) since: Result<Since, String>,
    /// Where the last record ends, if anything comes after it.
    pub(crate) torn_at: Option<u64>,
    /// The byte that ends each record, if there is one.
    pub(crate) separator: Option<u8>,
    /// Whether a session may be appended: it is a stream of balerion, or empty.
    pub(crate) may_be_appended_to: bool,
    pub(crate) is_empty: bool,
}

impl Reader {
    /// Opens a stream, which must be a regular file.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let shown = escaped(path.as_os_str().as_bytes());
        let open = || {
            let path = file::open(file::here(), path.as_os_str().as_bytes(), Open::Path)?;
            let stat = stat_fd(path.as_fd())?;
            if stat.kind != Kind::File {
                return Ok(None);
            }
            crate::sys::open_for_reading::open_for_reading(path.as_fd(), stat.attributes.uid)
                .map(Some)
        };
        match open() {
            Ok(Some(fd)) => Self::new(File::from(fd), shown),
            Ok(None) => Err(format!(
                "cannot read {shown}: it is no regular file; give a file that --format json has written"
            )),
            Err(error) => Err(format!(
                "{}; give a file that --format json has written",
                unreadable(&shown, &error)
            )),
        }
    }

    /// Reads a stream from a file that is open.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) fn new(file: File, shown: String) -> Result<Self, String> {
        let items = ReadAhead::new(file).map_err(|error| unreadable(&shown, &error))?;
        Ok(Self {
            items,
            sessions: Sessions::default(),
            shown,
        })
    }

    /// The path of the stream as messages show it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Reads a piece. `false`: that was the end.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) fn step(&mut self) -> Result<bool, String> {
        let items = self.items.next();
        let items = items.map_err(|error| unreadable(&self.shown, &error))?;
        let Some(items) = items else {
            return Ok(false);
        };
        items.for_each(|item| self.sessions.apply(item));
        Ok(true)
    }

    /// Gives the tree, once [`step`](Self::step) has given `false`.
    pub(crate) fn finish(self, reads: Reads) -> StreamEnd {
        let shown = self.shown;
        let lines = self.items.finish();
        let since = match self.sessions.finish() {
            _ if lines.is_mixed() => Err(format!(
                "{shown} was written with --print0 and without it, and cannot be read; give another file"
            )),
            _ if !lines.has_records() => Err(format!(
                "{shown} is no JSON stream of balerion's; make one with --format json --initial --stat"
            )),
            Err(why) => Err(format!(
                "{shown} holds no complete session (a snapshot by --initial, then ready, and every record since): {why}"
            )),
            Ok(folded) => Ok(Since::new(folded, reads)),
        };
        StreamEnd {
            since,
            torn_at: lines.torn_at(),
            separator: lines.separator(),
            may_be_appended_to: lines.may_be_appended_to() && !lines.is_mixed(),
            is_empty: lines.is_empty(),
        }
    }
}

fn unreadable(shown: &str, error: &io::Error) -> String {
    format!("cannot read {shown}: {}", message(error))
}

impl Since {
    fn new(Folded { tree, start }: Folded, reads: Reads) -> Self {
        let words = tree.end().div_ceil(64);
        Self {
            unchanged: (0..words).map(|_| AtomicU64::new(0)).collect(),
            tree,
            start,
            reads,
        }
    }

    /// The id of the session that is resumed.
    pub(crate) fn session(&self) -> &str {
        &self.start.session
    }

    /// Whether it is about the same PATHs: as they were given, and as absolute paths.
    pub(crate) fn is_of(&self, paths: &[Vec<u8>], absolute: &[Vec<u8>]) -> bool {
        let pairs = |paths: &[Vec<u8>], absolute: &[Vec<u8>]| {
            let paths = paths.iter().map(|path| without_slashes(path).to_vec());
            let mut pairs: Vec<_> = paths.zip(absolute.iter().cloned()).collect();
            pairs.sort();
            pairs
        };
        pairs(&self.start.paths, &self.start.absolute) == pairs(paths, absolute)
    }

    /// The PATHs as messages show them, with their absolute paths where these differ.
    pub(crate) fn shown_paths(&self) -> String {
        let both = self.start.paths.iter().zip(&self.start.absolute);
        let shown: Vec<_> = both
            .map(|(given, absolute)| match escaped(absolute) {
                absolute if without_slashes(given) == absolute.as_bytes() => absolute,
                absolute => format!("{} ({absolute})", escaped(given)),
            })
            .collect();
        shown.join(", ")
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What was reported at a path. The PATH `/` is the entry whose name is empty, since paths
    /// in it begin with a slash.
    pub(crate) fn at_path(&self, path: &[u8]) -> Option<TreeId> {
        self.tree.at(if path == b"/" { b"" } else { path })
    }

    /// A file that is as it was reported, under whatever name. `None`: it must be read.
    pub(crate) fn unchanged(&self, size: u64, now: &InodeTimes) -> Option<Unchanged> {
        if self.reads.all {
            return None;
        }
        let mut found = self.tree.with_times(size, now).take(MOST_NAMES);
        let old = found.find(|&old| self.is_unchanged(old, size, now))?;
        self.with_digest(old)
    }

    /// A file that is as it was reported under this name. `None`: it must be read, or is no regular
    /// file.
    pub(crate) fn unchanged_at(&self, old: TreeId, stat: &Stat) -> Option<Unchanged> {
        let is_file = stat.kind == Kind::File && !stat.is_mount_root && !self.reads.all;
        let is_unchanged = is_file && self.is_unchanged(old, stat.size, &stat.times());
        is_unchanged.then(|| self.with_digest(old)).flatten()
    }

    /// A file as it was reported; without times where all files are to be read.
    pub(crate) fn reported(&self, old: TreeId) -> Reported {
        let digest = self.tree.digest(old);
        let may_be_trusted = !self.reads.all || digest.is_none();
        Reported {
            size: self.tree.size(old),
            times: self.tree.times(old).filter(|_| may_be_trusted),
            digest,
            is_racy: self.tree.is_racy(old),
        }
    }

    /// `None`: it has no digest, and one is needed.
    fn with_digest(&self, old: TreeId) -> Option<Unchanged> {
        let digest = self.tree.digest(old);
        (digest.is_some() || !self.reads.without_digest).then_some(Unchanged { digest })
    }

    fn is_unchanged(&self, old: TreeId, size: u64, now: &InodeTimes) -> bool {
        let (Some(before), Some(inode)) = (self.tree.times(old), self.tree.inode(old)) else {
            return false;
        };
        inode.may_be(now)
            && self.tree.size(old) == Some(size)
            && (before.mtime, before.ctime) == (now.mtime, now.ctime)
            && !self.tree.is_racy(old)
    }

    /// Marks a file that the walk found as it was reported: it is not compared again.
    pub(crate) fn mark_unchanged(&self, old: TreeId) {
        let bits = &self.unchanged[old.index() / 64];
        bits.fetch_or(1 << (old.index() % 64), Ordering::Relaxed);
    }

    fn is_marked_unchanged(&self, old: TreeId) -> bool {
        let bits = self.unchanged[old.index() / 64].load(Ordering::Relaxed);
        bits & 1 << (old.index() % 64) != 0
    }

    /// Size and times of a file that the walk found as it was reported.
    pub(crate) fn size_and_times_if_unchanged(&self, old: TreeId) -> Option<(u64, InodeTimes)> {
        let is_unchanged = self.is_marked_unchanged(old);
        is_unchanged.then_some((self.tree.size(old)?, self.tree.times(old)?))
    }

    /// How many files the walk found as they were reported.
    pub(crate) fn count_unchanged(&self) -> u64 {
        let words = self.unchanged.iter();
        words
            .map(|bits| u64::from(bits.load(Ordering::Relaxed).count_ones()))
            .sum()
    }
}
