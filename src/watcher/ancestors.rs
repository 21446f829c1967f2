//! Watches the directories above the PATHs: where one is renamed, which makes no event below,
//! where a symbolic link is switched, and where a PATH that is missing may appear.
//!
//! Turns such events into surveys of the directories and links that lead to a PATH, and what
//! these find into roots that are lost and roots that appear (`missing_paths`). Watches no name
//! inside a PATH. Invariant: where a file system may not answer, a thread makes the survey, one
//! for each PATH at most.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use super::Watcher;
use super::awaited_path::{AwaitedPath, PathState};
use super::path_survey::{Survey, SurveyRequest};
use super::poller::Wake;
use crate::blocking_task::BlockingTask;
use crate::disk::remote::STALLED_AFTER;
use crate::error::Error;
use crate::escape::escaped;
use crate::sys::epoll::Interest;
use crate::sys::inotify::Inotify;

/// Directories above PATHs in which names count, on a queue of their own: what is reported
/// there is no change of the tree.
pub(super) struct AncestorWatches {
    /// `None`: no name above counts.
    inotify: Option<Arc<Inotify>>,
    pub(super) paths: Vec<AwaitedPath>,
    /// Whether PATHs that are missing are waited for.
    pub(super) waits: bool,
    /// Whether one was missing when that was last checked.
    pub(super) is_missing: bool,
    /// Whether something has happened while the model had to stand still.
    is_outdated: bool,
}

impl Watcher {
    /// Waits before the loop begins, unless a signal asks for the end.
    pub(super) fn await_task<T: Send + 'static>(
        &self,
        task: &BlockingTask<T>,
        until: Instant,
    ) -> Option<T> {
        let left = until.saturating_duration_since(Instant::now());
        let interrupt = self.interrupt();
        task.wait(Some(left), || interrupt.is_pending())
    }

    /// From now on the way to each PATH is watched; `waits`: and what is missing.
    pub(super) fn watch_ancestors(&mut self, paths: &[Vec<u8>], waits: bool) -> Result<(), Error> {
        let mut above = AncestorWatches {
            inotify: None,
            paths: paths.iter().map(|path| AwaitedPath::new(path)).collect(),
            waits,
            is_missing: false,
            is_outdated: false,
        };
        self.survey_at_start(&mut above, |_| !waits);
        let is_needed =
            |path: &AwaitedPath| waits || path.has_links || !matches!(path.state, PathState::Known);
        if above.paths.iter().any(is_needed) {
            let inotify = Inotify::new().map_err(Error::inotify("wait for a PATH"))?;
            let inotify = Arc::new(inotify);
            self.poller
                .listen(inotify.as_fd(), Wake::Ancestors, Interest::Readable)?;
            above.inotify = Some(inotify);
            self.survey_at_start(&mut above, is_needed);
            self.ancestors = Some(above);
        }
        Ok(())
    }

    /// Surveys the way to PATHs, and waits a little for those that are late.
    fn survey_at_start(
        &mut self,
        above: &mut AncestorWatches,
        is_wanted: impl Fn(&AwaitedPath) -> bool,
    ) {
        for number in 0..above.paths.len() {
            if is_wanted(&above.paths[number]) {
                self.begin_survey(above, number);
            }
        }
        let until = Instant::now() + STALLED_AFTER;
        for number in 0..above.paths.len() {
            if let PathState::UnderWay { survey, .. } = &above.paths[number].state
                && let Some(found) = self.await_task(survey, until)
            {
                self.end_survey(above, number, found);
            }
        }
    }

    /// Surveys the way to a PATH: at once, or by a thread where a file system may not answer.
    fn begin_survey(&mut self, above: &mut AncestorWatches, number: usize) {
        let now = self.clock.tick();
        let path = &mut above.paths[number];
        if let PathState::UnderWay { is_outdated, .. } = &mut path.state {
            *is_outdated = true;
            return;
        }
        let awaits = above.waits && !self.tracker.is_rooted(&path.given);
        let request = SurveyRequest {
            path: path.absolute.clone(),
            named: if awaits { path.bytes() } else { &path.given }.to_vec(),
            names: above.inotify.clone(),
            moves: Arc::clone(self.events.inotify()),
            awaits,
        };
        if !self.tracker.disk.mounts.may_stall() {
            path.state = PathState::Known;
            return self.apply_survey(above, number, &request.survey());
        }
        let workers = self.workers.clone();
        match BlockingTask::start(move || request.survey(), move || workers.wake()) {
            Some(survey) => path.set_under_way(survey, now),
            None => path.set_retry(now),
        }
    }

    /// A thread has surveyed the way to a PATH.
    fn end_survey(&mut self, above: &mut AncestorWatches, number: usize, found: Survey) {
        let path = &mut above.paths[number];
        let state = std::mem::replace(&mut path.state, PathState::Known);
        // An event of a move that came before these watches were known was ignored.
        self.tracker.enqueue_path(path.bytes());
        self.apply_survey(above, number, &found);
        if let PathState::UnderWay {
            is_outdated: true, ..
        } = state
        {
            self.begin_survey(above, number);
        }
    }

    /// Where a PATH leads is known: what it has left is gone, what it names now appears.
    fn apply_survey(&mut self, above: &mut AncestorWatches, number: usize, found: &Survey) {
        let path = &mut above.paths[number];
        path.has_links |= found.has_links;
        for wd in &found.above {
            self.tracker.roots.add_ancestor_watch(*wd);
        }
        if let Some(watched) = self.tracker.watched_root(&path.given)
            && path.leads_to_another(watched, found)
        {
            let now = self.clock.now();
            self.tracker.at(now).lose_root(&path.given);
        }
        if !self.tracker.is_rooted(&path.given) && (above.waits || path.has_links) {
            self.watch_if_there(path, found);
        }
    }

    /// Something happened above a PATH.
    pub(super) fn ancestors_changed(&mut self) {
        if let Some(inotify) = self
            .ancestors
            .as_ref()
            .and_then(|above| above.inotify.as_ref())
        {
            self.events.discard(inotify);
        }
        self.find_paths();
    }

    /// Finds where the PATHs lead now.
    pub(super) fn find_paths(&mut self) {
        self.for_each_awaited(|watcher, above, number| {
            let path = &above.paths[number];
            if path.has_links || above.waits && !watcher.tracker.is_rooted(&path.given) {
                watcher.begin_survey(above, number);
            }
        });
    }

    /// Takes what threads have found, and tries again what is due.
    pub(super) fn find_late_paths(&mut self) {
        let now = self.clock.tick();
        if !self.tracker.is_emitting()
            && let Some(above) = &mut self.ancestors
            && std::mem::take(&mut above.is_outdated)
        {
            self.find_paths();
        }
        let mut paths = self.ancestors.iter().flat_map(|above| &above.paths);
        if paths.all(|path| matches!(path.state, PathState::Known)) {
            return;
        }
        self.for_each_awaited(|watcher, above, number| {
            let path = &mut above.paths[number];
            let is_due = path.deadline().is_some_and(|due| due <= now);
            match &mut path.state {
                PathState::Retry(_) if is_due => watcher.begin_survey(above, number),
                PathState::UnderWay {
                    survey, report_at, ..
                } => {
                    if let Some(found) = survey.take() {
                        watcher.end_survey(above, number, found);
                    } else if is_due {
                        *report_at = None;
                        watcher.warn_of_no_answer(path);
                    }
                }
                PathState::Known | PathState::Retry(_) => {}
            }
        });
    }

    fn for_each_awaited(&mut self, each: impl Fn(&mut Self, &mut AncestorWatches, usize)) {
        // A snapshot lists the tree as it is; this is called again at its end.
        if self.snapshots.is_listing() {
            return;
        }
        // What is left to emit was learned before.
        if self.tracker.is_emitting() {
            let above = self.ancestors.iter_mut();
            above.for_each(|above| above.is_outdated = true);
            return;
        }
        if let Some(mut above) = self.ancestors.take() {
            for number in 0..above.paths.len() {
                each(self, &mut above, number);
            }
            self.ancestors = Some(above);
        }
    }

    /// When it is to be found again where a PATH leads.
    pub(super) fn late_paths_due(&self) -> Option<u64> {
        let paths = self.ancestors.iter().flat_map(|above| &above.paths);
        paths.filter_map(AwaitedPath::deadline).min()
    }

    fn warn_of_no_answer(&self, path: &AwaitedPath) {
        let path = escaped(&path.given);
        self.stderr.warn(&format!(
            "warning: {path} cannot be followed: a file system on the way does not answer"
        ));
    }
}
