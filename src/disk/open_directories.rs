//! Opens the directories that the tracker enters (O_PATH), and keeps each open until the loop is
//! idle. After that, no descriptor keeps a file system from being unmounted.
//!
//! Invariant: a directory is opened by its path from a PATH, following no symbolic link, and is
//! the expected inode; the number of open ones has a limit.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use foldhash::{HashMap, HashSet};

use super::path::{self, Opened, RemotePath};
use crate::hash::DirectoryPath;
use crate::mounts::MountTable;
use crate::sys::file::Links;
use crate::sys::{is_short_of_descriptors, process};
use crate::tracker::disk::{FsError, Inode, PathWriter, Stat};

/// Most directories that are open, PATHs included.
const MOST: usize = 256;

/// Most directories of which it is kept that they have moved.
const MOST_MOVED: usize = 4096;

/// They take at most one part in so many of the limit of descriptors.
const SHARE: u64 = 4;

/// A directory that has been entered.
pub(crate) enum Directory {
    Here(OpenDirectory),
    /// The thread of its mount asks about names in it, and checks each time that it is this inode.
    Remote(Inode, RemotePath),
}

impl Directory {
    pub(super) fn inode(&self) -> Inode {
        match self {
            Self::Here(dir) => dir.stat.inode,
            Self::Remote(inode, _) => *inode,
        }
    }
}

/// A directory that is open (O_PATH), and the path by which it was found.
pub(crate) struct OpenDirectory {
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    pub(super) path: Arc<DirectoryPath>,
}

pub(super) struct OpenDirectories {
    held: HashMap<Inode, Arc<Directory>>,
    /// The most that may be held, PATHs included.
    most: usize,
    /// Open PATHs, each with the path by which it is opened.
    roots: Vec<(Vec<u8>, Opened)>,
    /// Remote directories that have moved: entering one fails, once. Some may never be entered, since
    /// they are gone.
    moved: HashSet<Inode>,
    path_buffer: Vec<u8>,
    paths: SharedPaths,
}

/// The paths of directories that are held, or in which files wait to be read: one copy of each,
/// however many files that are.
#[derive(Default)]
struct SharedPaths {
    paths: HashMap<Inode, Weak<DirectoryPath>>,
    /// How many there may be until those that nobody has any longer are removed.
    most: usize,
}

impl SharedPaths {
    fn share(&mut self, root: &[u8], relative: &[u8], inode: Inode) -> Arc<DirectoryPath> {
        if let Some(path) = self.paths.get(&inode).and_then(Weak::upgrade)
            && (&*path.root, &*path.relative) == (root, relative)
        {
            return path;
        }
        if self.paths.len() >= self.most {
            self.paths.retain(|_, path| path.strong_count() > 0);
            self.most = 2 * self.paths.len() + MOST;
        }
        let path = Arc::new(DirectoryPath {
            root: root.to_vec(),
            relative: relative.to_vec(),
            inode,
        });
        self.paths.insert(inode, Arc::downgrade(&path));
        path
    }
}

impl OpenDirectories {
    pub(super) fn new() -> Self {
        let share = process::descriptor_limit() / SHARE;
        Self {
            held: HashMap::default(),
            most: usize::try_from(share).map_or(MOST, |share| share.clamp(1, MOST)),
            roots: Vec::new(),
            moved: HashSet::default(),
            path_buffer: Vec::new(),
            paths: SharedPaths::default(),
        }
    }

    pub(super) fn release(&mut self) {
        self.held.clear();
        self.roots.clear();
    }

    /// Closes all that is held, if it is at the limit.
    fn make_room(&mut self) {
        if self.held.len() + self.roots.len() >= self.most {
            self.release();
        }
    }

    /// Notes that the mount of a remote directory has answered that it is not where it was.
    pub(super) fn mark_moved(&mut self, inode: Inode) {
        self.held.remove(&inode);
        // One that is forgotten is asked about once more, and noted again.
        if self.moved.len() >= MOST_MOVED {
            self.moved.clear();
        }
        self.moved.insert(inode);
    }

    /// Opens a directory, unless it is open. `write_path` is called if its path is needed.
    pub(super) fn enter<'a>(
        &mut self,
        mounts: &MountTable,
        inode: Inode,
        write_path: &PathWriter<'_, 'a>,
    ) -> Result<Arc<Directory>, FsError> {
        if let Some(dir) = self.held.get(&inode) {
            return Ok(Arc::clone(dir));
        }
        if self.moved.remove(&inode) {
            return Err(FsError::NotFound);
        }
        let mut path = std::mem::take(&mut self.path_buffer);
        path.clear();
        let opened = match write_path(&mut path) {
            Some(root) => self.open(mounts, inode, root, &path),
            None => Err(FsError::NotFound),
        };
        self.path_buffer = path;
        let dir = Arc::new(opened?);
        self.make_room();
        self.held.insert(inode, Arc::clone(&dir));
        Ok(dir)
    }

    /// Opens a directory, which must be this inode.
    fn open(
        &mut self,
        mounts: &MountTable,
        inode: Inode,
        root: &[u8],
        relative: &[u8],
    ) -> Result<Directory, FsError> {
        if self.roots.is_empty()
            && let Some(dir) = self.open_only(mounts, inode, root, relative)
        {
            return Ok(Directory::Here(dir));
        }
        let mut opened = self.open_relative(mounts, root, relative);
        if opened.as_ref().is_err_and(is_short_of_descriptors) {
            // Closing those that are held may make room.
            self.release();
            opened = self.open_relative(mounts, root, relative);
        }
        match opened? {
            Opened::Here(_, stat) if stat.inode != inode => Err(FsError::NotFound),
            Opened::Here(fd, stat) => Ok(Directory::Here(OpenDirectory {
                fd,
                stat,
                path: self.paths.share(root, relative, inode),
            })),
            Opened::Remote(path) => Ok(Directory::Remote(inode, path)),
        }
    }

    /// Opens the first directory that is needed, which is often the only one, by one call. Its PATH
    /// is not kept open.
    fn open_only(
        &mut self,
        mounts: &MountTable,
        inode: Inode,
        root: &[u8],
        relative: &[u8],
    ) -> Option<OpenDirectory> {
        if !self.held.is_empty() {
            return None;
        }
        let (fd, stat) = if relative.is_empty() {
            path::open_cached(mounts, root, Links::Followed)?
        } else {
            path::open_cached(mounts, &[root, relative].join(&b'/'), Links::Refused)?
        };
        (stat.inode == inode).then(|| OpenDirectory {
            fd,
            stat,
            path: self.paths.share(root, relative, inode),
        })
    }

    /// Opens a directory by its path from a PATH.
    fn open_relative(
        &mut self,
        mounts: &MountTable,
        root: &[u8],
        relative: &[u8],
    ) -> io::Result<Opened> {
        let known = self.roots.iter().position(|(path, _)| path == root);
        let index = match known {
            Some(index) => index,
            None => {
                let opened = path::open(mounts, root)?;
                self.make_room();
                self.roots.push((root.to_vec(), opened));
                self.roots.len() - 1
            }
        };
        match &self.roots[index].1 {
            Opened::Here(fd, stat) if relative.is_empty() => {
                Ok(Opened::Here(fd.try_clone()?, *stat))
            }
            Opened::Here(fd, stat) => path::open_below(mounts, fd.as_fd(), stat, relative),
            Opened::Remote(path) => Ok(Opened::Remote(path.join(relative))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test fails by panicking.

    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::*;
    use crate::sys::stat::stat_path;

    fn enter(open: &mut OpenDirectories, mounts: &MountTable, root: &Path, relative: &[u8]) {
        let root = root.as_os_str().as_bytes();
        let inode = stat_path(&[root, relative].join(&b'/')).unwrap().inode;
        let write_path = |path: &mut Vec<u8>| {
            path.extend(relative);
            Some(root)
        };
        open.enter(mounts, inode, &write_path).unwrap();
    }

    #[test]
    fn a_path_is_kept_once_and_only_while_it_is_needed() {
        let mut paths = SharedPaths::default();
        let inode = |ino| Inode { dev: 1, ino };
        let kept = paths.share(b"r", b"a", inode(1));
        assert!(Arc::ptr_eq(&kept, &paths.share(b"r", b"a", inode(1))));
        let moved = paths.share(b"r", b"b", inode(1));
        assert_eq!((&*kept.relative, &*moved.relative), (&b"a"[..], &b"b"[..]));
        for ino in 2..10_000 {
            paths.share(b"r", b"c", inode(ino));
        }
        assert!(paths.paths.len() <= 2 + 2 * MOST);
        assert!(Arc::ptr_eq(&moved, &paths.share(b"r", b"b", inode(1))));
    }

    #[test]
    fn the_open_directories_and_paths_have_a_limit_together() {
        let tree = tempfile::tempdir().unwrap();
        let mounts = MountTable::new();
        let mut open = OpenDirectories::new();
        open.most = 8;
        for number in 0..40 {
            let root = tree.path().join(number.to_string());
            fs::create_dir_all(root.join("d")).unwrap();
            enter(&mut open, &mounts, &root, b"d");
            enter(&mut open, &mounts, &root, b"");
            assert!(open.held.len() + open.roots.len() <= 8, "{number}");
        }
    }

    #[test]
    fn directories_that_have_moved_are_not_kept_without_limit() {
        let mounts = MountTable::new();
        let mut open = OpenDirectories::new();
        let inode = |ino| Inode { dev: 1, ino };
        for number in 0..100_000 {
            open.mark_moved(inode(number));
            assert!(open.moved.len() <= MOST_MOVED, "{number}");
        }
        // Entering one fails, once.
        let asked = std::cell::Cell::new(false);
        let write_path = |_: &mut Vec<u8>| {
            asked.set(true);
            None
        };
        for is_asked in [false, true] {
            let entered = open.enter(&mounts, inode(99_999), &write_path);
            assert!(entered.is_err());
            assert_eq!(asked.get(), is_asked);
        }
    }
}
