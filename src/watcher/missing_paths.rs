//! Finds which PATHs are there at the start, and makes each that appears later a root
//! (`--wait-for-path`, or after a symbolic link above it was switched).
//!
//! Watches no directory above a PATH: `ancestors` does. Invariant: of a PATH that cannot be
//! watched, one warning is written; where others make it come and go, ten in all.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use super::Watcher;
use super::path_survey::{Survey, is_there};
use super::surveyed_path::{PathState, SurveyedPath};
use crate::blocking_task::BlockingTask;
use crate::disk::remote::STALLED_AFTER;
use crate::error::Error;
use crate::escape::escaped;
use crate::root_builder::RootBuilder;
use crate::tracker::disk::FsError;
use crate::walk::{WalkContext, WalkProgress};

/// The result of watching a PATH that has appeared.
enum Appeared {
    /// It is watched, or is gone again.
    Settled,
    Refused,
    /// It cannot be watched now, of which a warning was written.
    Failed,
    /// Its file system has not answered yet.
    Later,
}

impl Watcher {
    /// The PATHs that are there; not those whose file system does not answer.
    pub(super) fn present(&self, paths: &[Vec<u8>]) -> Vec<Vec<u8>> {
        if !self.tracker.disk.mounts.may_stall() {
            let there = paths.iter().filter(|path| is_there(path));
            return there.cloned().collect();
        }
        let ask = |path: &Vec<u8>| {
            let path = path.clone();
            BlockingTask::start(move || is_there(&path), || {})
        };
        let asked: Vec<_> = paths.iter().map(ask).collect();
        let until = Instant::now() + STALLED_AFTER;
        let there = paths.iter().zip(asked).filter(|(_, asked)| {
            let answer = asked
                .as_ref()
                .and_then(|asked| self.await_task(asked, until));
            answer == Some(true)
        });
        there.map(|(path, _)| path.clone()).collect()
    }

    /// Watches a PATH for which nothing is watched yet, if the survey has found something there.
    pub(super) fn watch_if_there(&mut self, path: &mut SurveyedPath, found: &Survey) {
        let appeared = match &found.refused {
            _ if found.inode.is_some() => self.appear(path, found),
            Some(refused) => {
                self.warn_of_refusal(path, refused);
                Appeared::Refused
            }
            None => Appeared::Settled,
        };
        path.is_warned = matches!(appeared, Appeared::Refused | Appeared::Failed);
        match appeared {
            Appeared::Later | Appeared::Failed => path.set_retry(self.clock.tick()),
            Appeared::Settled | Appeared::Refused if !found.lacks_watches => path.set_settled(),
            Appeared::Settled | Appeared::Refused => {}
        }
    }

    /// Makes a PATH that has appeared a root, which emits it and all that is in it. If it cannot be
    /// watched, writes one warning.
    fn appear(&mut self, path: &SurveyedPath, found: &Survey) -> Appeared {
        let progress = WalkProgress::new(None);
        let context = WalkContext::new(&self.tracker.disk, &progress);
        let mut builder = RootBuilder::new(&mut self.tracker, context);
        let Err(error) = builder.appear(path.bytes(), &path.given, found.resolved.as_ref()) else {
            return Appeared::Settled;
        };
        let why = match &error {
            Error::Watch { why, .. } => Some(why),
            _ => None,
        };
        let appeared = match why {
            Some(FsError::NotFound) => return Appeared::Settled,
            Some(why) if why.is_transient() => return Appeared::Later,
            Some(FsError::PermissionDenied) | None => Appeared::Refused,
            Some(_) => Appeared::Failed,
        };
        if !path.is_warned {
            let error = error.with_path(&path.given);
            let now = self.clock.tick();
            self.stderr.warn_of_many(&format!("warning: {error}"), now);
        }
        appeared
    }

    fn warn_of_refusal(&mut self, path: &SurveyedPath, refused: &Path) {
        if !path.is_warned {
            let refused = escaped(refused.as_os_str().as_bytes());
            let path = escaped(&path.given);
            let text =
                format!("warning: {path} cannot be seen to appear: {refused} may not be read");
            self.stderr.warn_of_many(&text, self.clock.tick());
        }
    }

    pub(super) fn warn_of_no_answer(&mut self, path: &SurveyedPath) {
        let path = escaped(&path.given);
        let text =
            format!("warning: {path} cannot be followed: a file system on the way does not answer");
        self.stderr.warn_of_many(&text, self.clock.tick());
    }

    /// Whether a PATH may appear, though none is there.
    pub(super) fn waits_for_paths(&self) -> bool {
        self.is_survey_pending()
            || self.ancestors.as_ref().is_some_and(|above| {
                above.waits_for_missing || above.paths.iter().any(SurveyedPath::may_come_back)
            })
    }

    /// Surveys the PATHs after one has gone: it may be back already, and others may have led to the
    /// same.
    pub(super) fn survey_after_loss(&mut self) {
        if self.tracker.take_needs_survey() {
            self.find_paths();
        }
    }

    /// Whether the survey of a PATH that was there is incomplete: the PATH may be left.
    fn is_survey_pending(&self) -> bool {
        if self
            .ancestors
            .as_ref()
            .is_some_and(|above| above.is_outdated)
        {
            return true;
        }
        let mut paths = self.ancestors.iter().flat_map(|above| &above.paths);
        paths.any(|path| path.was_there() && !matches!(path.state, PathState::Idle))
    }

    /// The PATHs that are waited for.
    pub(super) fn missing_paths(&self) -> Vec<&[u8]> {
        let paths = self
            .ancestors
            .iter()
            .filter(|above| above.waits_for_missing);
        let paths = paths.flat_map(|above| &above.paths);
        // One that is there and not watched is reported by another PATH.
        let missing = paths.filter(|path| !path.was_there());
        missing.map(|path| path.given.as_slice()).collect()
    }
}
