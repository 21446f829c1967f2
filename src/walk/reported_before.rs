//! Finds what was reported before this watch (`--since`) of the names that are walked: an
//! unchanged file need not be read.
//!
//! Stats files only, each once. Invariant: a file is stat'ed only after its directory has a watch,
//! so that a later write to it has an event.

use std::os::fd::BorrowedFd;

use crate::change::{Digest, Kind};
use crate::disk::RealTracker;
use crate::file_status::Stat;
use crate::since::{Since, TreeId};
use crate::sys::listing::Dirent;
use crate::sys::stat::stat_name_cached;
use crate::tracker::model::Id;

/// The entry of a directory that was reported before, if it was.
pub(super) type OldDirectory = Option<TreeId>;

/// What was reported before of a name that was found.
pub(super) enum ReportedBefore {
    Directory(TreeId),
    /// An unchanged file.
    File {
        old: TreeId,
        stat: Stat,
        digest: Option<Digest>,
    },
}

impl ReportedBefore {
    /// Finds what was reported before of the entries of a directory, in their order.
    pub(super) fn find_all<'a>(
        since: &Since,
        dir: TreeId,
        fd: BorrowedFd<'_>,
        entries: impl Iterator<Item = Dirent<'a>>,
        found: &mut Vec<Option<Self>>,
    ) {
        let mut near = None;
        found.extend(entries.map(|entry| Self::find(since, dir, &mut near, fd, entry)));
    }

    /// `near`: the last entry of the directory that was found.
    fn find(
        since: &Since,
        dir: TreeId,
        near: &mut Option<TreeId>,
        fd: BorrowedFd<'_>,
        entry: Dirent<'_>,
    ) -> Option<Self> {
        let kind = entry.kind?;
        if !matches!(kind, Kind::File | Kind::Directory) {
            return None;
        }
        let tree = since.tree();
        let old = tree.child_near(dir, entry.name, *near)?;
        *near = Some(old);
        if tree.kind(old).is_some_and(|before| before != kind) {
            return None;
        }
        if kind == Kind::Directory {
            return Some(Self::Directory(old));
        }
        let stat = stat_name_cached(fd, entry.name).ok()?;
        // A mounted file is left to the baseline: its file system may not answer.
        if stat.is_mount_root {
            return None;
        }
        let digest = since.unchanged_at(old, &stat)?.digest;
        Some(Self::File { old, stat, digest })
    }

    /// Takes over what was reported into an entry that was just added. Returns the reported entry
    /// of a directory.
    pub(super) fn apply(
        self,
        since: Option<&Since>,
        tracker: &mut RealTracker,
        id: Id,
    ) -> OldDirectory {
        match self {
            Self::Directory(old) => Some(old),
            Self::File { old, stat, digest } => {
                if tracker.add_unchanged(id, &stat, digest)
                    && let Some(since) = since
                {
                    since.mark_unchanged(old);
                }
                None
            }
        }
    }
}

/// The reported entry of a PATH.
pub(super) fn old_root(since: Option<&Since>, tracker: &RealTracker, root: Id) -> OldDirectory {
    let mut path = Vec::new();
    tracker.write_path(root, &mut path);
    since?.at_path(&path)
}
