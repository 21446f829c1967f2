//! Defines the keys of the work queue: each names one thing to be done.

use std::sync::Arc;

use crate::tracker::disk::Inode;
use crate::tracker::model::{Id, InodeKey};

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(in crate::tracker) enum Key {
    /// Reconciles an entry.
    Entry(Id),
    /// Reconciles a name that the model does not have.
    Name(Id, Arc<[u8]>),
    /// Compares the names of a directory with the disk.
    Scan(Id),
    /// Enqueues the other names of an inode whose bytes have changed.
    OtherNames(InodeKey),
    /// Enqueues the other names of an inode of which other attributes were last reported.
    OtherAttributes(InodeKey),
    /// Enqueues the other names of an inode to which a touch has given other times.
    TouchedNames(InodeKey),
    /// Enqueues the files with several names.
    LinkedFiles,
    /// Compares the status of all files.
    AllFiles,
    /// Finds out whether a directory ignores case.
    Folding(Id),
    /// Ends the wait for each `IN_MOVED_TO` whose time is over.
    MovedFrom,
    /// Begins a rescan, since events were dropped.
    Overflow,
    /// Begins a rescan at the interval of `--rescan`.
    Periodic,
    /// Enqueues what is polled: directories without a watch, and all on remote file systems.
    Poll,
    /// Enqueues the PATHs in which nothing is.
    EmptyRoots,
    /// Checks the rule files in directories that are not watched.
    Rules,
}

/// How much of a directory a scan compares. Each scope includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::tracker) enum ScanScope {
    /// Of a new directory: names that the model does not have. Events report the rest.
    New,
    /// Also the files that the model has.
    Files,
    /// All names.
    All,
    /// All names, and those of all directories below it.
    Deep,
}

/// The kinds of keys that take turns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Entry,
    Name,
    Scan,
    /// Served first: most have a deadline, and there are few.
    Timer,
}

impl Key {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Entry(_) => Class::Entry,
            Self::Name(..) => Class::Name,
            Self::Scan(_) => Class::Scan,
            Self::OtherNames(_)
            | Self::OtherAttributes(_)
            | Self::TouchedNames(_)
            | Self::LinkedFiles
            | Self::AllFiles
            | Self::Folding(_)
            | Self::MovedFrom
            | Self::Overflow
            | Self::Periodic
            | Self::Poll
            | Self::EmptyRoots
            | Self::Rules => Class::Timer,
        }
    }

    /// Whether it comes back for as long as the watch lasts.
    pub(super) fn is_standing(&self) -> bool {
        matches!(
            self,
            Self::Periodic | Self::Poll | Self::EmptyRoots | Self::Rules
        )
    }
}

/// Kept with a key, but no part of its identity. For what the disk has shown under a name there may
/// be an event that is yet unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tracker) enum Detail {
    Nothing,
    /// Of [`Key::Scan`].
    ScanScope(ScanScope),
    /// Of [`Key::Name`]: inode and ctime of what was found under the name. By the ctime,
    /// two files are distinguished that had the same inode number one after the other.
    Seen(Inode, i64),
    /// Of [`Key::Name`]: it was created, and had left the disk before it was read. Its `IN_DELETE` or
    /// `IN_MOVED_FROM` is unread. Since when, on the monotonic clock, that is known.
    Unseen(u64),
    /// Of [`Key::Entry`]: since when, on the monotonic clock, it is not found on disk. Its
    /// `IN_DELETE` or `IN_MOVED_FROM` is expected.
    MissingSince(u64),
    /// Of [`Key::OtherNames`]: the name under which the inode was read last, and when those bytes
    /// were written.
    ReadAs {
        name: Id,
        written: Written,
    },
    /// Of [`Key::OtherAttributes`] and [`Key::TouchedNames`]: the name under which the inode was stat'ed
    /// last.
    StatedAs(Id),
    /// Of [`Key::EmptyRoots`]: how long it has waited, in nanoseconds.
    Interval(u64),
}

/// When the bytes of a file were written that were read by one of its names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::tracker) enum Written {
    /// Before the watch began.
    Before,
    /// Since then, as the mtime shows, by whichever name: what has the same fingerprint under another
    /// one has the same bytes.
    SinceStart,
    /// By this name, just now: within the resolution of the clock the fingerprint may be the same.
    ByThisName,
}

impl Detail {
    /// The detail of a key that is added again with another one.
    pub(super) fn merge(self, new: Self) -> Self {
        match (self, new) {
            (Self::ScanScope(old), Self::ScanScope(new)) => Self::ScanScope(old.max(new)),
            (Self::ReadAs { written: old, .. }, Self::ReadAs { name, written }) => Self::ReadAs {
                name,
                written: written.max(old),
            },
            (old, Self::Nothing) => old,
            (_, new) => new,
        }
    }
}

/// A key with what is kept beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::tracker) struct Work {
    pub(in crate::tracker) key: Key,
    /// The directory with whose keys it shares a turn, and in or above which permissions keep it
    /// from being served. `None`: it is in none.
    pub(in crate::tracker) group: Option<Id>,
    /// Of [`Key::Scan`]: the user ID of the directory's owner, where it is known. Owners take turns.
    pub(in crate::tracker) owner: Option<u32>,
    pub(in crate::tracker) detail: Detail,
}

impl Work {
    /// `group`: the directory with whose keys it shares a turn.
    pub(super) fn new(key: Key, group: Option<Id>, detail: Detail) -> Self {
        let owner = None;
        Self {
            key,
            group,
            owner,
            detail,
        }
    }

    /// `interval`: how long it waits, in nanoseconds.
    pub(in crate::tracker) fn empty_roots(interval: u64) -> Self {
        Self {
            detail: Detail::Interval(interval),
            ..Self::timer(Key::EmptyRoots)
        }
    }

    /// `dir`: the directory that the entry is in; `None`: it is a PATH.
    pub(in crate::tracker) fn entry(id: Id, dir: Option<Id>) -> Self {
        Self::new(Key::Entry(id), dir, Detail::Nothing)
    }

    pub(in crate::tracker) fn name(dir: Id, name: &[u8]) -> Self {
        Self::new(Key::Name(dir, name.into()), Some(dir), Detail::Nothing)
    }

    pub(in crate::tracker) fn scan(dir: Id, scope: ScanScope) -> Self {
        Self::new(Key::Scan(dir), Some(dir), Detail::ScanScope(scope))
    }

    /// `owner`: the user ID of the directory's owner.
    pub(in crate::tracker) fn owned_by(self, owner: u32) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    /// `name`: the one under which the inode was read last.
    pub(in crate::tracker) fn other_names(inode: InodeKey, name: Id, written: Written) -> Self {
        Self {
            detail: Detail::ReadAs { name, written },
            ..Self::timer(Key::OtherNames(inode))
        }
    }

    /// `name`: the one under which the inode was stat'ed last.
    pub(in crate::tracker) fn other_attributes(inode: InodeKey, name: Id) -> Self {
        Self {
            detail: Detail::StatedAs(name),
            ..Self::timer(Key::OtherAttributes(inode))
        }
    }

    /// `name`: the one under which the inode was stat'ed last.
    pub(in crate::tracker) fn touched_names(inode: InodeKey, name: Id) -> Self {
        Self {
            detail: Detail::StatedAs(name),
            ..Self::timer(Key::TouchedNames(inode))
        }
    }

    pub(in crate::tracker) fn timer(key: Key) -> Self {
        Self::new(key, None, Detail::Nothing)
    }
}
