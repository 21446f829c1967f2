//! Asks the disk for the rules of a directory: whether it is the root of a repository, and the
//! bytes of its rule files.
//!
//! Compiles no rules. Invariants: no symbolic link is followed, so that a path leads to the file
//! system that the mount table names; one that may not answer is waited for a bounded time; where a
//! lookup may mount something, there is nothing; and what could not be found out is an error, never
//! taken to be missing. A `.git` or `commondir` file of another user, which may name any path, leads
//! nowhere.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::bounded_io::BoundedIo;
use super::git_config;
use crate::file_status::FsError;
use crate::sys::file::{Open, here, open_path};
use crate::sys::fs_error;
use crate::sys::process::effective_user;
use crate::sys::read_regular::{Read, ReadFile, read_regular};

/// Most bytes of a `.git` or `commondir` file, which is one path: 8 KiB.
const MAX_POINTER: u64 = 8 << 10;

/// Why something is not known.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The file system has not answered; [`RuleSource::take_recovered`] is true once it has.
    Stalled,
    Failed(PathBuf, io::Error),
}

pub(super) struct RuleSource {
    io: BoundedIo,
    read_file: ReadFile,
}

/// What identifies a state of a rule file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum FileState {
    #[default]
    Missing,
    /// A repository: its times change with every use.
    Marker { inode: (u64, u64) },
    Rules {
        inode: (u64, u64),
        size: u64,
        /// mtime and ctime, in seconds and nanoseconds.
        times: [i64; 4],
    },
}

impl RuleSource {
    pub(super) fn new() -> Self {
        Self::reading_by(read_regular)
    }

    /// Reads files by a function that may fail as a test demands.
    pub(super) fn reading_by(read_file: ReadFile) -> Self {
        let io = BoundedIo::new();
        Self { io, read_file }
    }

    /// Whether a file system answers again that was late. True once for each time that it was.
    pub(super) fn take_recovered(&mut self) -> bool {
        self.io.take_recovered()
    }

    /// Whether a directory is the root of a repository, a work tree or a submodule.
    pub(super) fn is_repository(&mut self, dir: &Path) -> Result<bool, Unknown> {
        let state = self.state(&git_config::marker(dir))?;
        Ok(state != FileState::Missing)
    }

    /// The path of `info/exclude` of the repository whose root is `dir`.
    pub(super) fn excludes_file(&mut self, dir: &Path) -> Result<PathBuf, Unknown> {
        let git = git_config::marker(dir);
        let git = self.pointer(&git, b"gitdir:", dir)?.unwrap_or(git);
        let common = self.pointer(&git.join("commondir"), b"", &git)?;
        Ok(common.unwrap_or(git).join("info/exclude"))
    }

    /// The path that a file of the user's or of root's holds after `word`, from `base` if it is
    /// relative.
    fn pointer(
        &mut self,
        file: &Path,
        word: &[u8],
        base: &Path,
    ) -> Result<Option<PathBuf>, Unknown> {
        let read = self.read(file, MAX_POINTER)?;
        let read = read.filter(|read| [0, effective_user()].contains(&read.owner));
        let target = read.as_ref().and_then(|read| read.bytes.strip_prefix(word));
        let target = target.map(|target| OsStr::from_bytes(target.trim_ascii()));
        Ok(target.map(|target| without_dots(&base.join(target))))
    }

    /// The beginning of a rule file; `None` if there is no regular file.
    pub(super) fn read(&mut self, path: &Path, limit: u64) -> Result<Option<Read>, Unknown> {
        let (copy, read) = (path.to_owned(), self.read_file);
        self.ask(path, move || read(&copy, limit))
    }

    pub(super) fn state(&mut self, path: &Path) -> Result<FileState, Unknown> {
        let copy = path.to_owned();
        self.ask(path, move || FileState::of(&copy))
    }

    fn ask<T: Default + Send + 'static>(
        &mut self,
        path: &Path,
        question: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Unknown> {
        match self.io.run(path, Ok(T::default()), question) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(Unknown::Failed(path.to_owned(), error)),
            None => Err(Unknown::Stalled),
        }
    }
}

impl FileState {
    fn of(path: &Path) -> io::Result<Self> {
        let opened = open_path(here(), path.as_os_str().as_bytes(), Open::Path);
        let found = match opened.and_then(|opened| File::from(opened).metadata()) {
            Ok(found) => found,
            Err(error) if fs_error(&error) == FsError::NotFound => return Ok(Self::Missing),
            Err(error) => return Err(error),
        };
        let is_marker = path.file_name() == Some(OsStr::new(".git"));
        Ok(Self::of_found(&found, is_marker))
    }

    fn of_found(found: &Metadata, is_marker: bool) -> Self {
        let inode = (found.dev(), found.ino());
        if is_marker {
            return Self::Marker { inode };
        }
        Self::Rules {
            inode,
            size: found.size(),
            times: [
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ],
        }
    }
}

/// The path without `.` and `..`, which leads to the same where no symbolic link is followed.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            plain.pop();
        } else if component != Component::CurDir {
            plain.push(component);
        }
    }
    plain
}
