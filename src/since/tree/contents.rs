//! Holds what records have of entries beside their names, in few bytes: 48 for a file and 32 for
//! its digest, 32 for a directory, none for the rest.
//!
//! Knows no names. Invariant: no two entries share a slot.

use super::slots::Slots;
use crate::change::{Digest, InodeTimes, Kind};
use crate::since::record::State;

/// The index that stands for no entry.
pub(super) const NONE: u32 = u32::MAX;

/// The kind of an entry, and the slot with the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// The entry was removed.
    Free,
    /// A PATH, or a directory above one, that no record has named; taken for a directory until
    /// one does.
    Unreported(u32),
    Directory(u32),
    File(u32),
    Symlink,
    Other,
}

/// Inode number and birth time, by which a file is found again under another name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OldInode {
    pub(crate) ino: u64,
    pub(crate) btime: Option<i64>,
}

impl OldInode {
    /// Whether it may be the same file: by inode number and, where both are known, birth time.
    pub(crate) fn may_be(self, now: &InodeTimes) -> bool {
        let is_birth = self.btime.is_none() || now.btime.is_none() || self.btime == now.btime;
        self.ino == now.ino && is_birth
    }
}

pub(super) struct Directory {
    /// The first of its children, or [`NONE`].
    pub(super) first: u32,
    pub(super) inode: Option<OldInode>,
}

/// `known` has a bit for each field that is known; the others are 0.
struct File {
    ino: u64,
    size: u64,
    mtime: i64,
    ctime: i64,
    btime: i64,
    known: u8,
}

const SIZE: u8 = 1;
const TIMES: u8 = 1 << 1;
const BTIME: u8 = 1 << 2;
const DIGEST: u8 = 1 << 3;
const RACY: u8 = 1 << 4;

#[derive(Default)]
pub(super) struct Contents {
    pub(super) directories: Slots<Directory>,
    files: Slots<File>,
    /// By the slot of the file; only as long as the last file with a digest needs.
    digests: Vec<Digest>,
}

impl Contents {
    pub(super) fn new_directory(&mut self) -> u32 {
        let (first, inode) = (NONE, None);
        self.directories.add(Directory { first, inode })
    }

    /// Stores the state of a new entry.
    pub(super) fn add(&mut self, state: &State) -> Content {
        let mut content = match state.kind {
            Kind::Directory => Content::Directory(self.new_directory()),
            Kind::File => Content::File(self.files.add(File::of(state))),
            Kind::Symlink => Content::Symlink,
            Kind::Other => Content::Other,
        };
        self.replace(&mut content, state);
        content
    }

    /// Stores another state of the same kind. `false`: it is of another kind.
    pub(super) fn replace(&mut self, content: &mut Content, state: &State) -> bool {
        match (*content, state.kind) {
            (Content::Directory(at) | Content::Unreported(at), Kind::Directory) => {
                *content = Content::Directory(at);
                self.directories[at].inode = state.times.map(|times| OldInode {
                    ino: times.ino,
                    btime: times.btime,
                });
            }
            (Content::File(at), Kind::File) => {
                self.files[at] = File::of(state);
                if let Some(digest) = state.digest {
                    self.set_digest(at, digest);
                }
            }
            (Content::Symlink, Kind::Symlink) | (Content::Other, Kind::Other) => {}
            _ => return false,
        }
        true
    }

    /// Stores another mtime of a file, if its times are known. `false`: it is no file.
    pub(super) fn set_mtime(&mut self, content: Content, mtime: i64) -> bool {
        let Content::File(at) = content else {
            return false;
        };
        let file = &mut self.files[at];
        if file.known & TIMES != 0 {
            file.mtime = mtime;
        }
        true
    }

    fn set_digest(&mut self, at: u32, digest: Digest) {
        let at = at as usize;
        if self.digests.len() <= at {
            self.digests.resize(at + 1, [0; 32]);
        }
        self.digests[at] = digest;
    }

    pub(super) fn remove(&mut self, content: Content) {
        match content {
            Content::Directory(at) | Content::Unreported(at) => self.directories.remove(at),
            Content::File(at) => self.files.remove(at),
            Content::Free | Content::Symlink | Content::Other => {}
        }
    }

    pub(super) fn inode(&self, content: Content) -> Option<OldInode> {
        match content {
            Content::Directory(at) => self.directories[at].inode,
            Content::File(_) => self.times(content).map(|times| OldInode {
                ino: times.ino,
                btime: times.btime,
            }),
            _ => None,
        }
    }

    fn file(&self, content: Content, field: u8) -> Option<&File> {
        let Content::File(at) = content else {
            return None;
        };
        Some(&self.files[at]).filter(|file| file.known & field != 0)
    }

    pub(super) fn size(&self, content: Content) -> Option<u64> {
        self.file(content, SIZE).map(|file| file.size)
    }

    pub(super) fn times(&self, content: Content) -> Option<InodeTimes> {
        self.file(content, TIMES).map(|file| InodeTimes {
            ino: file.ino,
            mtime: file.mtime,
            ctime: file.ctime,
            btime: (file.known & BTIME != 0).then_some(file.btime),
        })
    }

    pub(super) fn is_racy(&self, content: Content) -> bool {
        self.file(content, RACY).is_some()
    }

    pub(super) fn digest(&self, content: Content) -> Option<Digest> {
        self.file(content, DIGEST)?;
        let Content::File(at) = content else {
            return None;
        };
        self.digests.get(at as usize).copied()
    }
}

impl File {
    fn of(state: &State) -> Self {
        let bit = |is_known, bit| if is_known { bit } else { 0 };
        let times = state.times;
        let btime = times.and_then(|times| times.btime);
        Self {
            ino: times.map_or(0, |times| times.ino),
            size: state.size.unwrap_or(0),
            mtime: times.map_or(0, |times| times.mtime),
            ctime: times.map_or(0, |times| times.ctime),
            btime: btime.unwrap_or(0),
            known: bit(state.size.is_some(), SIZE)
                | bit(times.is_some(), TIMES)
                | bit(btime.is_some(), BTIME)
                | bit(state.digest.is_some(), DIGEST)
                | bit(state.is_racy, RACY),
        }
    }
}
