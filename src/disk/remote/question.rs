//! Defines what the thread of a mount is asked, and what it answers.

use crate::change::Kind;
use crate::disk::path::RemotePath;
use crate::event::Wd;
use crate::file_status::{FsError, Inode, Stat};
use crate::sys::fs_error;
use crate::tracker::disk::{NameList, Watched};

/// What a question is about.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum RemoteTarget {
    Path(RemotePath),
    /// A name in a directory, which must be this inode.
    In(RemotePath, Inode, Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    Stat,
    /// Watch a directory.
    Watch,
    /// Watch a regular file.
    WatchFile,
    /// List the names in a directory.
    List,
    /// Watch a directory, then list its entries.
    Walk,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Question {
    pub(crate) ask: Ask,
    pub(crate) target: RemoteTarget,
}

/// A directory that was watched and then listed.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) watched: Watched,
    /// Kind, inode number and name of each.
    pub(crate) entries: Vec<(Kind, u64, Vec<u8>)>,
    /// Why the kind of a name could not be found out, which is left out.
    pub(crate) left_out: Option<FsError>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Stat(Stat),
    Watched(Watched),
    WatchedFile(Wd, Stat),
    Names(NameList),
    Walked(Walked),
}

impl Answer {
    /// The watch that was set for it.
    pub(super) fn watch(&self) -> Option<Wd> {
        match self {
            Self::Watched(watched) | Self::Walked(Walked { watched, .. }) => {
                watched.wd.clone().ok()
            }
            Self::WatchedFile(wd, _) => Some(*wd),
            Self::Stat(_) | Self::Names(_) => None,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoAnswer {
    Failed(FsError),
    /// The directory of the name has moved.
    DirectoryMoved,
}

impl NoAnswer {
    /// Whether it may come later.
    pub(crate) fn is_late(&self) -> bool {
        matches!(
            self,
            Self::Failed(FsError::Stalled | FsError::Unanswered | FsError::Busy)
        )
    }
}

impl From<FsError> for NoAnswer {
    fn from(error: FsError) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for NoAnswer {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(fs_error(&error))
    }
}

pub(crate) type Answered = Result<Answer, NoAnswer>;

impl Question {
    pub(super) fn mount(&self) -> u64 {
        self.target.mount()
    }
}

impl RemoteTarget {
    pub(super) fn mount(&self) -> u64 {
        match self {
            Self::Path(path) | Self::In(path, ..) => path.mount,
        }
    }
}
