//! Defines what the tracker asks of the disk, as a trait: the real disk and the tests' fake
//! implement it. An answer may be out of date when it is read.

use std::collections::HashSet;

use crate::change::Digest;
use crate::event::Wd;
pub(crate) use crate::file_status::{FsClass, FsError, Inode, Stat};

/// What a call is about.
pub(crate) enum Target<'a, Directory> {
    /// A PATH.
    Root(&'a [u8]),
    /// A name in an open directory.
    In(&'a Directory, &'a [u8]),
}

impl<Directory> Clone for Target<'_, Directory> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Directory> Copy for Target<'_, Directory> {}

/// An extended attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Xattr {
    pub(crate) name: Box<[u8]>,
    /// A keyed hash of its value, or of its length where a file has too many bytes of them.
    pub(crate) value: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Watched {
    /// The watch, or why there is none.
    pub(crate) wd: Result<Wd, FsError>,
    pub(crate) inode: Inode,
    pub(crate) class: FsClass,
}

/// What became of a file while it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhileRead {
    Unchanged,
    /// Its digest may be that of no state that it had.
    MayHaveChanged,
}

impl WhileRead {
    pub(crate) fn unchanged_if(is_unchanged: bool) -> Self {
        if is_unchanged {
            Self::Unchanged
        } else {
            Self::MayHaveChanged
        }
    }
}

/// What reading a regular file gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileDigest {
    /// With a digest: its status before it was opened for reading, but `size` is the number of bytes
    /// read. Else its status as it was last found.
    pub(crate) stat: Stat,
    /// `None`: only its status was wanted, or it is, or has grown, larger than the limit.
    pub(crate) digest: Option<Digest>,
    pub(crate) while_read: WhileRead,
    /// How long the reading took, without waiting for its turn; in nanoseconds.
    pub(crate) took: u64,
    /// A time before that, in nanoseconds since 1970: the answer of a thread may come much later.
    pub(crate) as_of: i64,
}

impl FileDigest {
    /// A file that was stat'ed after `as_of` and not read.
    pub(crate) fn unread(stat: Stat, as_of: i64) -> Self {
        Self {
            stat,
            digest: None,
            while_read: WhileRead::Unchanged,
            took: 0,
            as_of,
        }
    }

    /// A file with the digest that its inode had after `as_of`, when it had this status.
    pub(crate) fn known(stat: Stat, digest: Digest, as_of: i64) -> Self {
        Self {
            digest: Some(digest),
            ..Self::unread(stat, as_of)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Done(FileDigest),
    /// It is large or slow: a worker reads it, and answers under the ticket. Its status before
    /// that; `None`: a remote file system would have had to be waited for.
    Later(Ticket, Option<Stat>),
}

/// Identifies a reading by a worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(pub(crate) u64);

/// Appends the relative path of a directory, and returns its root.
pub(crate) type PathWriter<'w, 'a> = dyn Fn(&mut Vec<u8>) -> Option<&'a [u8]> + 'w;

/// The names that are listed in a directory, in one buffer: the length of each in two bytes, and its
/// bytes.
#[derive(Default, Debug)]
pub(crate) struct NameList(Vec<u8>);

impl NameList {
    pub(crate) fn push(&mut self, name: &[u8]) {
        let length = u16::try_from(name.len()).unwrap_or(0);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(name);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut offset = 0;
        std::iter::from_fn(move || self.next_at(&mut offset))
    }

    /// The name at an offset, which is moved behind it; `None` at the end.
    pub(crate) fn next_at(&self, offset: &mut usize) -> Option<&[u8]> {
        let (length, rest) = self.0.get(*offset..)?.split_first_chunk()?;
        let name = rest.get(..usize::from(u16::from_ne_bytes(*length)))?;
        *offset += length.len() + name.len();
        Some(name)
    }
}

/// All names that are listed in a directory, each to be looked up.
pub(crate) type ListedNames = HashSet<Box<[u8]>>;

pub(crate) trait Disk {
    /// A handle of an open directory.
    type Directory;

    /// Opens a directory, which must be `inode`. `write_path` is called if its path is needed.
    fn enter<'a>(
        &mut self,
        inode: Inode,
        write_path: &PathWriter<'_, 'a>,
    ) -> Result<Self::Directory, FsError>;
    /// The user ID of the owner of a directory, where it is known.
    fn owner(&self, dir: &Self::Directory) -> Option<u32>;
    fn stat(&mut self, at: Target<'_, Self::Directory>) -> Result<Stat, FsError>;
    /// The class of the file system that a file is on.
    fn class(&mut self, stat: &Stat) -> FsClass;
    /// Opens a directory, and watches it.
    fn watch(&mut self, at: Target<'_, Self::Directory>) -> Result<Watched, FsError>;
    /// Watches what is found there, and returns its status: it need not be what was found before.
    fn watch_file(&mut self, at: Target<'_, Self::Directory>) -> Result<(Wd, Stat), FsError>;
    fn unwatch(&mut self, wd: Wd);
    /// Gives each name in a directory to `take`.
    fn list(&mut self, dir: &Self::Directory, take: &mut dyn FnMut(&[u8])) -> Result<(), FsError>;
    /// Reads a regular file of at most `limit` bytes; a large one on a worker, under `ticket`.
    fn read(
        &mut self,
        at: Target<'_, Self::Directory>,
        limit: u64,
        ticket: Ticket,
    ) -> Result<Reading, FsError>;
    /// The answers to these tickets are not waited for any longer, and need not come.
    fn cancel(&mut self, tickets: &[Ticket]);
    /// The extended attributes of a name in a directory.
    fn xattrs(&mut self, at: Target<'_, Self::Directory>) -> Result<Vec<Xattr>, FsError>;
    /// Whether it is one of balerion's own outputs.
    fn is_self_output(&self, inode: Inode) -> bool;
    /// Closes directories and frees buffers that were kept for the next calls.
    fn release(&mut self);
}

#[cfg(test)]
mod tests {
    use super::NameList;

    #[test]
    fn the_names_of_a_list_come_in_their_order_and_end() {
        let names: [&[u8]; 3] = [b"a", &[b'n'; 255], b"\xff"];
        let mut list = NameList::default();
        names.iter().for_each(|name| list.push(name));
        assert!(list.iter().eq(names));
        let mut offset = 0;
        for name in names {
            assert_eq!(list.next_at(&mut offset), Some(name));
        }
        assert_eq!(list.next_at(&mut offset), None);
    }
}
