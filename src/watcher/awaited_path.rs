//! A PATH as it was given, and how far it is known where that leads.
//!
//! Asks nothing; time is a parameter, in nanoseconds on the loop's clock.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::path_survey::Survey;
use crate::blocking_task::BlockingTask;
use crate::disk::remote::STALLED_AFTER;
use crate::tracker::WatchedRoot;

/// A PATH that could not be watched in time is tried again after 20 ms, then after twice as
/// long each time.
const RETRY: u64 = 20_000_000;

/// The longest time between two tries: 10 s.
const LATEST_RETRY: u64 = 10_000_000_000;

/// A PATH as it was given, and where that was when the watch began.
pub(super) struct AwaitedPath {
    pub(super) given: Vec<u8>,
    /// The absolute path, symbolic links and all: the working directory may be left.
    pub(super) absolute: PathBuf,
    pub(super) has_links: bool,
    /// Whether it was warned that it cannot be watched.
    pub(super) is_warned: bool,
    pub(super) state: PathState,
    /// How long the next try waits, in nanoseconds.
    delay: u64,
}

/// Whether it is known where a PATH leads.
pub(super) enum PathState {
    Known,
    UnderWay {
        survey: BlockingTask<Survey>,
        /// Whether something has happened on the way since it began.
        is_outdated: bool,
        /// When it is reported that it takes long, where that is yet to be.
        report_at: Option<u64>,
    },
    /// To be surveyed again then.
    Retry(u64),
}

impl AwaitedPath {
    pub(super) fn new(given: &[u8]) -> Self {
        let path = Path::new(OsStr::from_bytes(given));
        let absolute = std::env::current_dir().map(|here| here.join(path));
        let absolute = absolute.unwrap_or_else(|_| path.to_path_buf());
        Self {
            given: given.to_vec(),
            // `.` at the end is no name; it would be one of a file, too.
            absolute: absolute.components().collect(),
            has_links: false,
            is_warned: false,
            state: PathState::Known,
            delay: RETRY,
        }
    }

    /// Whether something else than what is watched for it was found.
    pub(super) fn leads_to_another(&self, watched: WatchedRoot<'_>, found: &Survey) -> bool {
        self.has_links
            && match watched {
                WatchedRoot::Directory(watched) => found.inode != Some(watched),
                WatchedRoot::File(directory, name) => {
                    found.parent != Some(directory) || found.name.as_deref() != Some(name)
                }
            }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.absolute.as_os_str().as_bytes()
    }

    /// A thread surveys the path to it.
    pub(super) fn set_under_way(&mut self, survey: BlockingTask<Survey>, now: u64) {
        let patience = u64::try_from(STALLED_AFTER.as_nanos()).unwrap_or(u64::MAX);
        self.state = PathState::UnderWay {
            survey,
            is_outdated: false,
            report_at: Some(now.saturating_add(patience)),
        };
    }

    /// Its file system has not answered, or cannot be asked.
    pub(super) fn set_retry(&mut self, now: u64) {
        self.state = PathState::Retry(now.saturating_add(self.delay));
        self.delay = (self.delay * 2).min(LATEST_RETRY);
    }

    /// It is known what is there.
    pub(super) fn set_settled(&mut self) {
        self.delay = RETRY;
    }

    /// When something is to be done about it.
    pub(super) fn deadline(&self) -> Option<u64> {
        match &self.state {
            PathState::Known => None,
            PathState::UnderWay { report_at, .. } => *report_at,
            PathState::Retry(then) => Some(*then),
        }
    }
}
