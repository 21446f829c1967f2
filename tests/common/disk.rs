//! Reads a tree on disk, to compare the records with, through one directory after another, so
//! that neither the length of a path nor a symbolic link matters.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `file`, `directory`, `symlink` or `other`.
    pub(crate) kind: &'static str,
    /// The digest of a file that can be read.
    pub(crate) sha256: Option<String>,
    /// The size of a file that can be read.
    pub(crate) size: Option<u64>,
}

/// Every name of one or several trees, by its path as balerion prints it.
pub(crate) type Snapshot = BTreeMap<Vec<u8>, Entry>;

/// Opens a directory without following a link in its last name.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(path)
}

/// The path of a name in an open directory, through /proc/self/fd: short at any depth.
pub(crate) fn within(directory: &File, name: impl AsRef<Path>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name)
}

pub(crate) fn kind_of(status: &Metadata) -> &'static str {
    let sort = status.file_type();
    if sort.is_file() {
        "file"
    } else if sort.is_dir() {
        "directory"
    } else if sort.is_symlink() {
        "symlink"
    } else {
        debug_assert!(
            sort.is_fifo() || sort.is_socket() || sort.is_char_device() || sort.is_block_device()
        );
        "other"
    }
}

/// Adds the tree at `root`, which is called `prefix`; a symbolic link is followed
/// here and nowhere below.
pub(crate) fn snapshot(root: &Path, prefix: &[u8], into: &mut Snapshot) {
    // Only a link is resolved: a path that leads through another process's root
    // would lose that process's mounts.
    let is_link = fs::symlink_metadata(root).is_ok_and(|status| status.is_symlink());
    let root = match fs::canonicalize(root) {
        Ok(resolved) if is_link => resolved,
        Ok(_) => root.to_owned(),
        Err(_) => return,
    };
    if let Ok(status) = fs::symlink_metadata(&root) {
        add(&root, &status, prefix.to_vec(), into);
    }
}

/// Adds one name and, if it is a directory, all below it. What is removed meanwhile is left out.
fn add(path: &Path, status: &Metadata, name: Vec<u8>, into: &mut Snapshot) {
    let kind = kind_of(status);
    let mut entry = Entry {
        kind,
        sha256: None,
        size: None,
    };
    if kind == "file"
        && let Ok((sha256, size)) = digest(path)
    {
        (entry.sha256, entry.size) = (Some(sha256), Some(size));
    }
    if kind == "directory"
        && let Ok(directory) = open_directory(path)
    {
        for_each(&directory, |child, below, status| {
            let mut name = name.clone();
            name.push(b'/');
            name.extend_from_slice(child);
            add(below, status, name, into);
        });
    }
    into.insert(name, entry);
}

/// Calls for each name in an open directory, with a path that reaches it.
fn for_each(directory: &File, mut each: impl FnMut(&[u8], &Path, &Metadata)) {
    let Ok(listing) = fs::read_dir(within(directory, "")) else {
        return;
    };
    for found in listing.flatten() {
        let path = within(directory, found.file_name());
        if let Ok(status) = fs::symlink_metadata(&path) {
            each(found.file_name().as_bytes(), &path, &status);
        }
    }
}

/// The size from which on files are not read, as balerion has it by default.
const LIMIT: u64 = 1 << 30;

/// The digest and size of a regular file.
fn digest(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.len() > LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut hasher = sha2::Sha256::new();
    let size = io::copy(&mut file, &mut hasher)?;
    Ok((hex::encode(hasher.finalize()), size))
}

/// The inodes that must have a watch, all directories of a tree, and those that may have one, its
/// files with several names.
#[derive(Default, Debug)]
pub(crate) struct Inodes {
    pub(crate) directories: Vec<u64>,
    /// Files that have more than one name.
    pub(crate) linked: Vec<u64>,
}

pub(crate) fn inodes(root: &Path, into: &mut Inodes) {
    let Ok(directory) = open_directory(root) else {
        return;
    };
    into.directories.push(directory.metadata().unwrap().ino());
    for_each(&directory, |_, path, status| {
        if status.is_dir() {
            inodes(path, into);
        } else if status.nlink() > 1 {
            into.linked.push(status.ino());
        }
    });
}
