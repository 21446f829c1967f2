//! Defines what is reported: changes, in the past tense, and warnings about paths.
//!
//! A batch keeps all its paths in one buffer, so that a change costs no
//! allocation of its own.

use std::ops::Range;

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
    /// In bytes.
    pub(crate) size: Option<u64>,
    /// `None`: it was not read.
    pub(crate) digest: Option<Digest>,
    /// Also of a directory; as it was when it was last compared.
    pub(crate) stat: Option<InodeTimes>,
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

/// `Path`: a span of the bytes of a [`Batch`], or the bytes themselves.
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
}

/// A change out of any batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnedChange {
    pub(crate) change: Change<Vec<u8>>,
    /// What was reported before at its path, as far as that is known; of a rename, what it
    /// replaced.
    pub(crate) before: Option<Before>,
}

/// Changes and warnings, in order.
#[derive(Default)]
pub(crate) struct Batch {
    /// The paths, one after the other.
    bytes: Vec<u8>,
    changes: Vec<Change>,
    /// What was reported before some of the changes, with the index of each.
    before: Vec<(usize, Before)>,
    /// Whether `before` is kept.
    keeps_before: bool,
    warnings: Vec<(Span, Warning)>,
}

impl Batch {
    /// An empty batch that keeps the same.
    pub(crate) fn successor(&self) -> Self {
        Self {
            keeps_before: self.keeps_before,
            ..Self::default()
        }
    }

    /// Appends another batch.
    pub(crate) fn append(&mut self, mut next: Self) {
        let (bytes, changes) = (self.bytes.len(), self.changes.len());
        self.bytes.append(&mut next.bytes);
        let shift = |span: Span| span.start + bytes..span.end + bytes;
        self.changes
            .extend(next.changes.into_iter().map(|change| change.map(shift)));
        let before = next.before.into_iter();
        self.before
            .extend(before.map(|(number, before)| (number + changes, before)));
        let warnings = next.warnings.into_iter();
        self.warnings
            .extend(warnings.map(|(path, warning)| (shift(path), warning)));
    }

    /// Adds the path that `write` appends.
    pub(crate) fn path(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }

    /// The number of bytes of all paths.
    pub(crate) fn path_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Adds a change with a copy of its paths.
    pub(crate) fn push_owned(&mut self, owned: OwnedChange) {
        let change = owned
            .change
            .map(|path| self.path(|bytes| bytes.extend(path)));
        self.push(change);
    }

    /// Keeps what was reported before each change from now on.
    pub(crate) fn keep_before(&mut self) {
        self.keeps_before = true;
    }

    /// Adds a change, with what was reported before at its path; for a rename, what it replaced.
    pub(crate) fn push_over(&mut self, change: Change, before: Option<Before>) {
        if let Some(before) = before.filter(|_| self.keeps_before) {
            self.before.push((self.changes.len(), before));
        }
        self.changes.push(change);
    }

    /// Takes all changes out; their paths stay.
    pub(crate) fn take_changes(&mut self) -> Vec<(Change, Option<Before>)> {
        let mut before = std::mem::take(&mut self.before).into_iter().peekable();
        let changes = std::mem::take(&mut self.changes).into_iter().enumerate();
        let pair = |(number, change)| {
            let found = before.next_if(|(other, _)| *other == number);
            (change, found.map(|(_, before)| before))
        };
        changes.map(pair).collect()
    }

    pub(crate) fn warn(&mut self, path: Span, warning: Warning) {
        self.warnings.push((path, warning));
    }

    pub(crate) fn bytes(&self, span: &Span) -> &[u8] {
        &self.bytes[span.clone()]
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(crate) fn warnings(&self) -> &[(Span, Warning)] {
        &self.warnings
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.warnings.is_empty()
    }

    /// Removes everything, and gives memory back after a burst.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.changes.clear();
        self.before.clear();
        self.warnings.clear();
        self.bytes.shrink_to(64 << 10);
        self.changes.shrink_to(512);
    }
}
