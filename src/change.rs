//! Defines what is reported: changes, in the past tense, and warnings about paths.

mod buffer;
#[cfg(test)]
pub(crate) mod fold;

use std::ops::Range;

pub(crate) use buffer::ChangeBuffer;

/// A SHA-256 digest.
pub(crate) type Digest = [u8; 32];

/// The digest of an empty file.
pub(crate) const EMPTY: Digest = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A symbolic link, never followed.
    Symlink,
    /// A FIFO, socket or device, never opened.
    Other,
}

/// What is known of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Content {
    pub(crate) bytes: Option<Bytes>,
    /// Also of a directory; as it was when it was last compared.
    pub(crate) stat: Option<InodeTimes>,
}

/// Size and digest of the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bytes {
    pub(crate) size: u64,
    /// `None`: they were not read.
    pub(crate) digest: Option<Digest>,
}

impl Content {
    pub(crate) fn size(&self) -> Option<u64> {
        self.bytes.map(|bytes| bytes.size)
    }

    pub(crate) fn digest(&self) -> Option<Digest> {
        self.bytes.and_then(|bytes| bytes.digest)
    }
}

/// Inode number and times, in nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InodeTimes {
    pub(crate) ino: u64,
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
    /// The birth time, if the file system has it.
    pub(crate) btime: Option<i64>,
}

/// Mode and owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attributes {
    /// The permission bits, `07777`.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

pub(crate) type Span = Range<usize>;

/// `Path`: a span of the bytes of a [`ChangeBuffer`], or the bytes themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change<Path = Span> {
    /// A session begins.
    Start,
    Existing {
        kind: Kind,
        path: Path,
        content: Content,
        /// Where changes of them are asked for.
        attributes: Option<Attributes>,
    },
    Ready {
        /// The number of directories in the tree, PATHs included.
        directories: u64,
        files: u64,
    },
    Created {
        kind: Kind,
        path: Path,
        content: Content,
        /// For a directory: whether it is entered.
        entered: bool,
        /// Where changes of them are asked for.
        attributes: Option<Attributes>,
    },
    /// The bytes of a file differ from those last reported.
    Changed {
        path: Path,
        content: Content,
    },
    /// A writer closed a file, and this is its content. Only if it is asked for.
    Closed {
        path: Path,
        content: Content,
    },
    /// The mtime of a file changed and its bytes did not. Only if it is asked for.
    Touched {
        path: Path,
        /// In nanoseconds since 1970.
        mtime: i64,
    },
    /// A name moved, with all below it.
    Renamed {
        kind: Kind,
        from: Path,
        path: Path,
    },
    Deleted {
        kind: Kind,
        path: Path,
    },
    AttributesChanged {
        kind: Kind,
        path: Path,
        new: Attributes,
        /// Those before, if they are known.
        old: Option<Attributes>,
        /// Names of the extended attributes that were added, removed or changed, each ended by NUL
        /// as listxattr(2) gives them.
        xattrs: Path,
    },
    /// The kernel dropped events; the records that follow make up for them.
    Overflow,
}

impl<Path> Change<Path> {
    /// Whether it is a change of the tree; the other records are about the stream.
    pub(crate) fn is_of_the_tree(&self) -> bool {
        match self {
            Self::Created { .. }
            | Self::Changed { .. }
            | Self::Renamed { .. }
            | Self::Deleted { .. }
            | Self::AttributesChanged { .. }
            | Self::Closed { .. }
            | Self::Touched { .. } => true,
            Self::Start | Self::Existing { .. } | Self::Ready { .. } | Self::Overflow => false,
        }
    }

    /// Replaces its paths, and its list of extended attributes.
    pub(crate) fn map<To>(self, mut to: impl FnMut(Path) -> To) -> Change<To> {
        match self {
            Self::Start => Change::Start,
            Self::Existing {
                kind,
                path,
                content,
                attributes,
            } => Change::Existing {
                kind,
                path: to(path),
                content,
                attributes,
            },
            Self::Ready { directories, files } => Change::Ready { directories, files },
            Self::Created {
                kind,
                path,
                content,
                entered,
                attributes,
            } => Change::Created {
                kind,
                path: to(path),
                content,
                entered,
                attributes,
            },
            Self::Changed { path, content } => Change::Changed {
                path: to(path),
                content,
            },
            Self::Closed { path, content } => Change::Closed {
                path: to(path),
                content,
            },
            Self::Touched { path, mtime } => Change::Touched {
                path: to(path),
                mtime,
            },
            Self::Renamed { kind, from, path } => Change::Renamed {
                kind,
                from: to(from),
                path: to(path),
            },
            Self::Deleted { kind, path } => Change::Deleted {
                kind,
                path: to(path),
            },
            Self::AttributesChanged {
                kind,
                path,
                new,
                old,
                xattrs,
            } => Change::AttributesChanged {
                kind,
                path: to(path),
                new,
                old,
                xattrs: to(xattrs),
            },
            Self::Overflow => Change::Overflow,
        }
    }
}

/// The interval at which that is polled for which inotify reports no events, in seconds.
pub(crate) const POLL_SECONDS: u64 = 10;

/// A warning about a path. The watch goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Warning {
    /// A directory that may not be read.
    UnreadableDirectory,
    /// A file that may not be read.
    UnreadableFile,
    /// The limit of watches is reached: this directory is polled.
    NoWatch,
    OverLimit,
    /// Any other error, with its message.
    Failed(String),
}

/// What was reported under a name before a change, from which --settle computes the net effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Before {
    pub(crate) kind: Kind,
    /// The digest last reported, if there was one.
    pub(crate) digest: Option<Digest>,
    /// Mode and owner last reported, if they are.
    pub(crate) attributes: Option<Attributes>,
    /// Of a rename: the digest of the file that was renamed.
    pub(crate) renamed: Option<Digest>,
}

impl Before {
    pub(crate) fn new(kind: Kind, digest: Option<Digest>) -> Self {
        Self {
            kind,
            digest,
            attributes: None,
            renamed: None,
        }
    }
}

/// A change that is in no buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnedChange {
    pub(crate) change: Change<Vec<u8>>,
    /// What was reported before at its path, as far as that is known; of a rename, what it
    /// replaced.
    pub(crate) before: Option<Before>,
}
