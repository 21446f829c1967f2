//! Turns a PATH into what it leads to, without waiting for a file system that does not
//! answer for longer than the user wants.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::RootBuilder;
use crate::blocking_task::BlockingTask;
use crate::change::Kind;
use crate::disk::path::{self, Opened};
use crate::disk::remote::{Answer, Ask, NoAnswer, Question, RemoteTarget, STALLED_AFTER, watch};
use crate::error::Error;
use crate::escape::escaped;
use crate::file_status::{FsError, Stat};
use crate::stderr::message;
use crate::sys::file::{self, Open};
use crate::tracker::disk::Watched;

/// What a PATH leads to.
pub(super) struct Found {
    opened: Opened,
    pub(super) stat: Stat,
}

/// A directory to be walked.
pub(super) enum Listing {
    Local(OwnedFd),
    Remote(path::RemotePath),
}

impl RootBuilder<'_> {
    /// Finds what a PATH leads to; symbolic links are followed.
    pub(super) fn find(&mut self, given: &[u8]) -> Result<Found, Error> {
        let opened = path::open(&self.context.mounts, given);
        let opened = opened.map_err(|error| Error::watch(given, error))?;
        let stat = match &opened {
            Opened::Here(_, stat) => *stat,
            Opened::Remote(path) => match self.ask(given, Ask::Stat, path)? {
                Answer::Stat(stat) => stat,
                _ => return Err(Error::cannot_watch(given, FsError::Unanswered)),
            },
        };
        // As in path_resolution(7): a slash at the end demands a directory. The kernel does not
        // check it here, since the path was opened name by name.
        if given.ends_with(b"/") && stat.kind != Kind::Directory {
            let why = io::ErrorKind::NotADirectory.into();
            return Err(Error::watch(given, why));
        }
        Ok(Found { opened, stat })
    }

    /// [`RootBuilder::find`]. `None`: it may be missing, and is.
    pub(super) fn find_unless_missing(&mut self, given: &[u8]) -> Result<Option<Found>, Error> {
        let found = self.find(given);
        self.unless_missing(found)
    }

    /// `None`: a PATH that may be missing has gone meanwhile.
    pub(super) fn unless_missing<T>(&self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Err(Error::Watch {
                why: FsError::NotFound,
                ..
            }) if self.skips_missing => Ok(None),
            other => other.map(Some),
        }
    }

    /// Watches a directory that was found. Why it cannot be watched is part of [`Watched`].
    ///
    /// # Errors
    /// Its file system does not answer.
    pub(super) fn watch(&mut self, given: &[u8], found: &Found) -> Result<Watched, Error> {
        match &found.opened {
            Opened::Here(fd, stat) => {
                let (inotify, mounts) = (&self.context.inotify, &self.context.mounts);
                Ok(watch(inotify, mounts, fd.as_fd(), stat))
            }
            Opened::Remote(path) => match self.ask(given, Ask::Watch, path)? {
                Answer::Watched(watched) => Ok(watched),
                _ => Err(Error::cannot_watch(given, FsError::Unanswered)),
            },
        }
    }

    /// Opens a directory to be walked.
    pub(super) fn open_listing(&self, given: &[u8], found: Found) -> Result<Listing, Error> {
        match found.opened {
            Opened::Here(fd, _) => {
                let opened = file::open_name(fd.as_fd(), b".", Open::Listing);
                let opened = opened.map_err(|error| Error::watch(given, error))?;
                Ok(Listing::Local(opened))
            }
            Opened::Remote(path) => Ok(Listing::Remote(path)),
        }
    }

    /// Calls [`resolve`], on a thread where a file system may not answer, and waits until a signal
    /// comes.
    pub(super) fn resolve(&self, given: &[u8]) -> Result<Resolved, Error> {
        let failed = |error| Error::watch(given, error);
        if !self.context.mounts.may_stall() {
            return resolve(given).map_err(failed);
        }
        let copy = given.to_vec();
        let progress = self.context.progress;
        let is_over = || {
            progress.check_interrupt();
            progress.is_ended()
        };
        let resolved = BlockingTask::start(move || resolve(&copy), || {});
        let resolved = resolved.and_then(|resolved| resolved.wait(None, is_over));
        match resolved {
            Some(resolved) => resolved.map_err(failed),
            None => Err(Error::cannot_watch(given, FsError::Stalled)),
        }
    }

    /// Asks the threads of a mount that may not answer. Before the loop begins: waits until a
    /// signal comes, with a message on stderr when it takes long.
    fn ask(&mut self, given: &[u8], ask: Ask, path: &path::RemotePath) -> Result<Answer, Error> {
        let target = RemoteTarget::Path(path.clone());
        let question = Question { ask, target };
        let progress = self.context.progress;
        let is_over = || {
            progress.check_interrupt();
            progress.is_ended()
        };
        let remotes = &mut self.tracker.disk.remotes;
        let mut answer = if self.may_wait {
            remotes.ask_patiently(question.clone(), Some(STALLED_AFTER), is_over)
        } else {
            remotes.ask(question.clone())
        };
        let is_late = answer.as_ref().is_err_and(NoAnswer::is_late);
        if is_late && self.may_wait && !progress.is_ended() {
            let path = escaped(given);
            message(&format!(
                "{path} does not answer: waiting for its file system"
            ));
            answer = remotes.ask_patiently(question, None, is_over);
        }
        answer.map_err(|why| match why {
            NoAnswer::Failed(error) => Error::cannot_watch(given, error),
            NoAnswer::DirectoryMoved => Error::cannot_watch(given, FsError::NotFound),
        })
    }
}

impl Found {
    /// Its absolute path, from /proc: no file system is asked.
    pub(super) fn absolute(&self) -> Vec<u8> {
        match &self.opened {
            Opened::Here(fd, _) => file::path_of(fd.as_fd()).unwrap_or_default(),
            Opened::Remote(path) => path.absolute(),
        }
    }

    pub(super) fn is_remote(&self) -> bool {
        matches!(self.opened, Opened::Remote(_))
    }
}

/// A single file, which is watched through its directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resolved {
    pub(super) parent: Vec<u8>,
    pub(super) name: Vec<u8>,
}

/// The directory of a file and its name there; a symbolic link is followed. May wait for a file
/// system.
///
/// # Errors
/// Those of realpath(3); `NotFound` for a path that ends in no name.
pub(crate) fn resolve(given: &[u8]) -> io::Result<Resolved> {
    let path = Path::new(OsStr::from_bytes(given));
    let path = if path.is_symlink() {
        path.canonicalize()?
    } else {
        path.to_path_buf()
    };
    let name = path.file_name().map(|name| name.as_bytes().to_vec());
    let name = name.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let parent = path.parent().map(|parent| parent.as_os_str().as_bytes());
    let parent = parent.filter(|parent| !parent.is_empty()).unwrap_or(b".");
    Ok(Resolved {
        parent: parent.to_vec(),
        name,
    })
}
