//! Keeps a PATH as it was given, and the state of its survey; decides whether a survey has found it
//! to lead elsewhere.
//!
//! Asks no disk; time is a parameter, in nanoseconds on the loop's clock.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::path_survey::{Expected, Survey};
use crate::blocking_task::BlockingTask;
use crate::disk::remote::STALLED_AFTER;
use crate::event::Wd;
use crate::nanos::nanos;
use crate::sys::file::path_of_working_directory;
use crate::tracker::RootTarget;

/// A PATH whose file system does not answer is surveyed again after 20 ms, then after twice as long
/// each time.
const RETRY: u64 = 20_000_000;

/// The longest time between two surveys: 10 s.
const LATEST_RETRY: u64 = 10_000_000_000;

pub(super) struct SurveyedPath {
    pub(super) given: Vec<u8>,
    /// The absolute path, with its symbolic links, since the working directory may be left.
    pub(super) absolute: PathBuf,
    pub(super) expected: Expected,
    /// Whether there was a symbolic link on it.
    pub(super) has_links: bool,
    /// The working directory, if the path was relative: a mount above does not change what it means.
    directory: PathBuf,
    /// Whether a mount above it was made or has ended.
    was_remounted: bool,
    target: Target,
    /// Whether a warning was written that it cannot be watched.
    pub(super) is_warned: bool,
    /// Whether a watch on a directory above it was lacking, of which a warning was written.
    pub(super) lacks_watches: bool,
    pub(super) state: PathState,
    /// The watches of the last survey on directories above, for moves and for names.
    pub(super) move_watches: Vec<Wd>,
    name_watches: Vec<Wd>,
    /// Those for names of the last survey that found a symbolic link. If that is missing, it is still
    /// waited for where it was.
    link_watches: Vec<Wd>,
    /// How long the next retry waits, in nanoseconds.
    delay: u64,
}

/// Where a PATH leads, as far as surveys have shown.
#[derive(PartialEq, Eq)]
enum Target {
    NeverThere,
    /// It leads here, or has led here and leads to nothing.
    Known(RootTarget),
    /// It has led to this single file, which is gone, and whose directory stands.
    AbsentFile(RootTarget),
}

/// A relative path from a directory whose path has no symbolic links: `..` at its beginning is the
/// directory above, which is meant even if the first one is moved or removed.
fn join(mut directory: PathBuf, path: &Path) -> PathBuf {
    let mut rest = path.components();
    loop {
        let before = rest.clone();
        match rest.next() {
            Some(Component::CurDir) => {}
            Some(Component::ParentDir) => drop(directory.pop()),
            _ => return directory.join(before.as_path()),
        }
    }
}

/// The state of a PATH's survey.
pub(super) enum PathState {
    /// None is being made, and none is due.
    Idle,
    /// A thread makes it.
    UnderWay {
        survey: BlockingTask<Survey>,
        /// Whether an event has come since it began.
        is_outdated: bool,
        /// When to warn that it takes long; `None`: the warning was written.
        report_at: Option<u64>,
    },
    /// It is to be made at this time.
    Retry(u64),
}

impl SurveyedPath {
    pub(super) fn new(given: &[u8]) -> Self {
        let path = Path::new(OsStr::from_bytes(given));
        let here = path_of_working_directory();
        let last = given.rsplit(|&byte| byte == b'/').next();
        let (directory, absolute) = match here {
            Ok(here) if path.is_relative() => (here.clone(), join(here, path)),
            _ => (PathBuf::new(), path.to_path_buf()),
        };
        Self {
            given: given.to_vec(),
            // Drops a `.` at the end, which is no name of a single file.
            absolute: absolute.components().collect(),
            expected: match last {
                Some(b"" | b"." | b"..") => Expected::Directory,
                _ => Expected::Anything,
            },
            has_links: false,
            directory,
            was_remounted: false,
            target: Target::NeverThere,
            is_warned: false,
            lacks_watches: false,
            state: PathState::Idle,
            move_watches: Vec::new(),
            name_watches: Vec::new(),
            link_watches: Vec::new(),
            delay: RETRY,
        }
    }

    /// Notes that something was mounted or unmounted.
    pub(super) fn note_mount(&mut self, mount_point: &Path) {
        // A mount at the path itself is the tracker's.
        let mut above = self.absolute.ancestors().skip(1);
        self.was_remounted |=
            above.any(|above| above == mount_point) && !self.directory.starts_with(mount_point);
    }

    /// Whether it may lead elsewhere though no directory above it has moved.
    pub(super) fn may_be_switched(&self) -> bool {
        self.has_links || self.was_remounted
    }

    /// Whether a survey has found something else than what is watched for the PATH.
    pub(super) fn leads_to_another(&self, watched: &RootTarget, found: &Survey) -> bool {
        self.may_be_switched()
            && match watched {
                RootTarget::Directory(watched) => found.inode != Some(*watched),
                RootTarget::File(directory, name) => {
                    found.parent != Some(*directory) || found.name.as_ref() != Some(name)
                }
            }
    }

    /// Notes the watches on directories above.
    pub(super) fn note_watches(&mut self, found: &Survey) {
        self.move_watches.clone_from(&found.move_watches);
        self.name_watches.clone_from(&found.name_watches);
        if found.has_links {
            self.link_watches.clone_from(&found.name_watches);
        }
    }

    /// The watches for names that it needs.
    pub(super) fn name_watches(&self) -> impl Iterator<Item = Wd> {
        self.name_watches.iter().chain(&self.link_watches).copied()
    }

    /// Lets a survey that is under way be made again: it may have a watch that was removed.
    pub(super) fn repeat_survey(&mut self) {
        if let PathState::UnderWay { is_outdated, .. } = &mut self.state {
            *is_outdated = true;
        }
    }

    /// Notes where the PATH leads, if to something.
    pub(super) fn note_target(&mut self, found: &Survey) {
        let last = std::mem::replace(&mut self.target, Target::NeverThere);
        let is_only_file_absent = found.inode.is_none() && found.parent.is_some();
        self.target = match (found.target(), last) {
            (Some(target), _) => Target::Known(target),
            (None, Target::Known(file @ RootTarget::File(..)) | Target::AbsentFile(file))
                if is_only_file_absent =>
            {
                Target::AbsentFile(file)
            }
            (None, Target::AbsentFile(file)) => Target::Known(file),
            (None, last) => last,
        };
    }

    /// Whether it leads to nothing, and was a single file whose directory, or that of its symbolic
    /// link, stands: it may come back.
    pub(super) fn may_come_back(&self) -> bool {
        self.has_links && matches!(self.target, Target::AbsentFile(_))
    }

    /// Whether the PATH has led to something.
    pub(super) fn was_there(&self) -> bool {
        self.target != Target::NeverThere
    }

    /// Whether a survey has found the PATH to lead where it did: what is watched for it was lost
    /// with another PATH that led there, too.
    pub(super) fn is_unmoved(&self, found: &Survey) -> bool {
        match &self.target {
            Target::NeverThere => false,
            Target::Known(last) | Target::AbsentFile(last) => found.target().as_ref() == Some(last),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.absolute.as_os_str().as_bytes()
    }

    /// Notes that a thread makes the survey.
    pub(super) fn set_under_way(&mut self, survey: BlockingTask<Survey>, now: u64) {
        self.state = PathState::UnderWay {
            survey,
            is_outdated: false,
            report_at: Some(now.saturating_add(nanos(STALLED_AFTER))),
        };
    }

    /// Puts the survey off, since the file system has not answered.
    pub(super) fn set_retry(&mut self, now: u64) {
        self.state = PathState::Retry(now.saturating_add(self.delay));
        self.delay = (self.delay * 2).min(LATEST_RETRY);
    }

    /// Makes the next retry wait for the shortest time again.
    pub(super) fn set_settled(&mut self) {
        self.delay = RETRY;
    }

    /// When a survey is due, or a warning that it takes long.
    pub(super) fn deadline(&self) -> Option<u64> {
        match &self.state {
            PathState::Idle => None,
            PathState::UnderWay { report_at, .. } => *report_at,
            PathState::Retry(then) => Some(*then),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::join;

    #[test]
    fn what_is_above_the_working_directory_is_named_without_it() {
        for (given, absolute) in [
            (".", "/a/b"),
            ("..", "/a"),
            ("../c", "/a/c"),
            ("./../../c/../d", "/c/../d"),
            ("c/..", "/a/b/c/.."),
            ("../../../..", "/"),
            ("/x", "/x"),
            ("../", "/a"),
        ] {
            let joined = join(PathBuf::from("/a/b"), Path::new(given));
            assert_eq!(joined, PathBuf::from(absolute), "{given}");
        }
    }
}
