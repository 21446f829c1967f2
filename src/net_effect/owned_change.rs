//! A change that owns its paths, where [`Change`] has spans of a batch: taken out of one batch,
//! and put into another.

use crate::change::{Attributes, Batch, Before, Change, Content, Digest, Kind};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OwnedChange {
    Deleted {
        kind: Kind,
        path: Vec<u8>,
        /// The digest reported before, where that is known.
        old: Option<Digest>,
    },
    Renamed {
        kind: Kind,
        from: Vec<u8>,
        path: Vec<u8>,
        /// What stood at `path`, and its digest.
        replaced: Option<Replaced>,
    },
    Created {
        kind: Kind,
        path: Vec<u8>,
        content: Content,
        entered: bool,
        attributes: Option<Attributes>,
    },
    Changed {
        path: Vec<u8>,
        content: Content,
        /// The digest reported before, where that is known.
        old: Option<Digest>,
    },
    Closed {
        path: Vec<u8>,
        content: Content,
    },
    Touched {
        path: Vec<u8>,
        mtime: i64,
    },
    Attributes {
        kind: Kind,
        path: Vec<u8>,
        new: Attributes,
        old: Option<Attributes>,
        /// Names, each ended by NUL.
        xattrs: Vec<u8>,
    },
}

/// What a rename replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Replaced {
    pub(crate) kind: Kind,
    pub(crate) digest: Option<Digest>,
}

impl OwnedChange {
    /// The path of what it is about, after the change.
    pub(super) fn path(&self) -> &[u8] {
        match self {
            Self::Deleted { path, .. }
            | Self::Renamed { path, .. }
            | Self::Created { path, .. }
            | Self::Changed { path, .. }
            | Self::Closed { path, .. }
            | Self::Touched { path, .. }
            | Self::Attributes { path, .. } => path,
        }
    }

    /// Copies a change out of a batch. `before`: what stood at its path, as far as that is known.
    /// `None`: it is about the stream, and not about the tree.
    pub(crate) fn of(batch: &Batch, change: &Change, before: Option<Before>) -> Option<Self> {
        let path = |span| batch.bytes(span).to_vec();
        let old = before.and_then(|before| before.digest);
        Some(match change {
            Change::Created {
                kind,
                path: at,
                content,
                entered,
                attributes,
            } => Self::Created {
                kind: *kind,
                path: path(at),
                content: *content,
                entered: *entered,
                attributes: *attributes,
            },
            Change::Changed { path: at, content } => Self::Changed {
                path: path(at),
                content: *content,
                old,
            },
            Change::Renamed {
                kind,
                from,
                path: at,
            } => Self::Renamed {
                kind: *kind,
                from: path(from),
                path: path(at),
                replaced: before.map(|Before { kind, digest }| Replaced { kind, digest }),
            },
            Change::Deleted { kind, path: at } => Self::Deleted {
                kind: *kind,
                path: path(at),
                old,
            },
            Change::Closed { path: at, content } => Self::Closed {
                path: path(at),
                content: *content,
            },
            Change::Touched { path: at, mtime } => Self::Touched {
                path: path(at),
                mtime: *mtime,
            },
            Change::AttributesChanged {
                kind,
                path: at,
                new,
                old,
                xattrs,
            } => Self::Attributes {
                kind: *kind,
                path: path(at),
                new: *new,
                old: *old,
                xattrs: path(xattrs),
            },
            Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => {
                return None;
            }
        })
    }

    /// Appends it to a batch.
    pub(crate) fn push(self, batch: &mut Batch) {
        let mut keep = |path: Vec<u8>| batch.path(|bytes| bytes.extend(path));
        let change = match self {
            Self::Deleted { kind, path, .. } => Change::Deleted {
                kind,
                path: keep(path),
            },
            Self::Renamed {
                kind, from, path, ..
            } => Change::Renamed {
                kind,
                from: keep(from),
                path: keep(path),
            },
            Self::Created {
                kind,
                path,
                content,
                entered,
                attributes,
            } => Change::Created {
                kind,
                path: keep(path),
                content,
                entered,
                attributes,
            },
            Self::Changed { path, content, .. } => Change::Changed {
                path: keep(path),
                content,
            },
            Self::Closed { path, content } => Change::Closed {
                path: keep(path),
                content,
            },
            Self::Touched { path, mtime } => Change::Touched {
                path: keep(path),
                mtime,
            },
            Self::Attributes {
                kind,
                path,
                new,
                old,
                xattrs,
            } => Change::AttributesChanged {
                kind,
                path: keep(path),
                new,
                old,
                xattrs: keep(xattrs),
            },
        };
        batch.push(change);
    }
}
