//! Watches the directories above the PATHs: where one is renamed, which makes no event below,
//! where a symbolic link is switched, and where a PATH that is missing may appear.
//!
//! Turns such events, and changes of the mount table, into surveys of the directories and links
//! that lead to a PATH, and what these find into roots that are lost and roots that appear
//! (`missing_paths`). Watches no name inside a PATH. Invariant: where a file system may not answer,
//! a thread makes the survey, one for each PATH at most.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Watcher;
use super::path_survey::{Survey, SurveyRequest};
use super::poller::Wake;
use super::surveyed_path::{PathState, SurveyedPath};
use crate::blocking_task::BlockingTask;
use crate::change::Warning;
use crate::disk::remote::STALLED_AFTER;
use crate::error::Error;
use crate::event::Wd;
use crate::sys::epoll::Interest;
use crate::sys::inotify::Inotify;

/// After the surveys of all PATHs there are none for so many times as long as they took, so that
/// whoever makes names beside them, or moves them, takes no more than a tenth of the time.
const PAUSE_FACTOR: u64 = 9;

/// The shortest time, in nanoseconds, of surveys of all PATHs that are followed by a pause: 1 ms.
const PAUSE_AFTER: u64 = 1_000_000;

/// Watches on directories above PATHs, for the names in them.
pub(super) struct AncestorWatches {
    /// A kernel queue of its own, since these events are no changes of the tree. `None`: no PATH
    /// needs such a watch.
    inotify: Option<Arc<Inotify>>,
    pub(super) paths: Vec<SurveyedPath>,
    /// Watches for names, of which a later survey may have shown that they are not needed.
    name_watches: HashSet<Wd>,
    /// Whether missing PATHs are waited for (`--wait-for-path`).
    pub(super) waits_for_missing: bool,
    /// Whether a survey was served since [`Watcher::remove_unneeded`].
    may_have_unneeded: bool,
    /// Whether an event has come, or a PATH was lost, while no survey could be served.
    pub(super) is_outdated: bool,
    /// Until when no events are read and no surveys of all PATHs are made, in nanoseconds on the loop's
    /// clock. `None`: they are.
    paused_until: Option<u64>,
}

impl Watcher {
    /// Waits for a task before the loop begins; `None`: it takes too long, or a signal asks for the
    /// end.
    pub(super) fn await_task<T: Send + 'static>(
        &self,
        task: &BlockingTask<T>,
        until: Instant,
    ) -> Option<T> {
        let left = until.saturating_duration_since(Instant::now());
        let interrupt = self.interrupt();
        task.wait(Some(left), || interrupt.is_pending())
    }

    /// Watches the directories above each PATH. `waits_for_missing`: missing PATHs are waited for.
    pub(super) fn watch_ancestors(
        &mut self,
        paths: &[Vec<u8>],
        waits_for_missing: bool,
    ) -> Result<(), Error> {
        let mut above = AncestorWatches {
            inotify: None,
            paths: paths.iter().map(|path| SurveyedPath::new(path)).collect(),
            name_watches: HashSet::new(),
            waits_for_missing,
            may_have_unneeded: false,
            is_outdated: false,
            paused_until: None,
        };
        self.survey_at_start(&mut above, |_| !waits_for_missing);
        let is_needed = |path: &SurveyedPath| {
            waits_for_missing || path.has_links || !matches!(path.state, PathState::Idle)
        };
        // What leads to one of two PATHs may be switched or unmounted.
        let is_shared = paths.iter().any(|path| !self.tracker.is_rooted(path));
        if is_shared || above.paths.iter().any(is_needed) {
            self.add_name_queue(&mut above)?;
            self.survey_at_start(&mut above, is_needed);
        }
        self.ancestors = Some(above);
        Ok(())
    }

    /// Makes the kernel queue for names in directories above.
    fn add_name_queue(&mut self, above: &mut AncestorWatches) -> Result<(), Error> {
        let inotify = Inotify::new().map_err(Error::inotify("wait for a PATH"))?;
        let inotify = Arc::new(inotify);
        self.poller
            .listen(inotify.as_fd(), Wake::Ancestors, Interest::Readable)?;
        above.inotify = Some(inotify);
        Ok(())
    }

    /// Surveys PATHs for which `is_wanted` is true, and waits for [`STALLED_AFTER`] where a file
    /// system does not answer.
    fn survey_at_start(
        &mut self,
        above: &mut AncestorWatches,
        is_wanted: impl Fn(&SurveyedPath) -> bool,
    ) {
        for index in 0..above.paths.len() {
            if is_wanted(&above.paths[index]) {
                self.begin_survey(above, index);
            }
        }
        let until = Instant::now() + STALLED_AFTER;
        for index in 0..above.paths.len() {
            if let PathState::UnderWay { survey, .. } = &above.paths[index].state
                && let Some(found) = self.await_task(survey, until)
            {
                self.end_survey(above, index, found);
            }
        }
        self.remove_unneeded(above);
    }

    /// Surveys a PATH: at once, or by a thread where a file system may not answer.
    fn begin_survey(&mut self, above: &mut AncestorWatches, index: usize) {
        let now = self.clock.tick();
        let path = &mut above.paths[index];
        if let PathState::UnderWay { is_outdated, .. } = &mut path.state {
            *is_outdated = true;
            return;
        }
        let waits_for_missing = above.waits_for_missing && !self.tracker.is_rooted(&path.given);
        let request = SurveyRequest {
            path: path.absolute.clone(),
            moved_path: if waits_for_missing {
                path.bytes()
            } else {
                &path.given
            }
            .to_vec(),
            name_queue: above.inotify.clone(),
            move_queue: Arc::clone(self.events.inotify()),
            waits_for_missing,
            expected: path.expected,
        };
        if !self.tracker.disk.mounts.may_stall() {
            path.state = PathState::Idle;
            return self.apply_survey(above, index, &request.survey());
        }
        let workers = self.workers.clone();
        match BlockingTask::start(move || request.survey(), move || workers.wake()) {
            Some(survey) => path.set_under_way(survey, now),
            None => path.set_retry(now),
        }
    }

    /// Serves the survey that a thread has made.
    fn end_survey(&mut self, above: &mut AncestorWatches, index: usize, found: Survey) {
        let path = &mut above.paths[index];
        let state = std::mem::replace(&mut path.state, PathState::Idle);
        // An event of the new watches that came before now was ignored, since they were not known.
        self.tracker.enqueue_path(path.bytes());
        self.apply_survey(above, index, &found);
        if let PathState::UnderWay {
            is_outdated: true, ..
        } = state
        {
            self.begin_survey(above, index);
        }
    }

    /// Serves a survey: if a PATH leads to another inode now, the old one is gone, and the new one
    /// appears.
    fn apply_survey(&mut self, above: &mut AncestorWatches, index: usize, found: &Survey) {
        let now = self.clock.now();
        self.tracker.at(now);
        let path = &mut above.paths[index];
        path.has_links |= found.has_links;
        path.note_watches(found);
        above.name_watches.extend(&found.name_watches);
        self.tracker.add_ancestor_watches(&found.move_watches);
        if let Some(watched) = self.tracker.watched_root(&path.given)
            && path.leads_to_another(&watched, found)
        {
            self.tracker.lose_root(&path.given);
        }
        let may_appear =
            above.waits_for_missing || path.may_be_switched() || path.is_unmoved(found);
        if !self.tracker.is_rooted(&path.given) && may_appear {
            self.watch_if_there(path, found);
        }
        path.note_target(found);
        let is_to_watch = above.waits_for_missing || self.tracker.is_rooted(&path.given);
        if found.lacks_watches && is_to_watch && matches!(path.state, PathState::Idle) {
            // What appears or is switched is found by the next survey, every 10 s in the end.
            let now = self.clock.tick();
            path.set_retry(now);
            if !std::mem::replace(&mut path.lacks_watches, true) {
                self.stderr.warning(&path.given, &Warning::NoWatch, now);
            }
        }
        above.may_have_unneeded = true;
    }

    /// Removes the watches that no path's last survey has: whoever may switch a link could have ever
    /// more of them set. Those of a survey that is being made are not known yet, so that it is
    /// repeated.
    fn remove_unneeded(&mut self, above: &mut AncestorWatches) {
        if !std::mem::take(&mut above.may_have_unneeded) {
            return;
        }
        let needed = above.paths.iter().flat_map(SurveyedPath::name_watches);
        let needed: HashSet<Wd> = needed.collect();
        let mut has_removed = false;
        for wd in above.name_watches.extract_if(|wd| !needed.contains(wd)) {
            above.inotify.iter().for_each(|names| names.unwatch(wd));
            has_removed = true;
        }
        let needed = above.paths.iter().flat_map(|path| &path.move_watches);
        let needed: HashSet<Wd> = needed.copied().collect();
        has_removed |= self.tracker.retain_ancestor_watches(&needed);
        if has_removed {
            above.paths.iter_mut().for_each(SurveyedPath::repeat_survey);
        }
    }

    /// Serves events about directories above the PATHs.
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

    /// Leaves events about directories above the PATHs unread until a time, or (`None`) no longer.
    fn pause_ancestors(&mut self, until: Option<u64>) {
        if let Some(above) = &mut self.ancestors
            && let Some(inotify) = &above.inotify
        {
            let interest = until.map_or(Interest::Readable, |_| Interest::HangUp);
            let set = self
                .poller
                .set_interest(inotify.as_fd(), Wake::Ancestors, interest);
            above.paused_until = until.filter(|_| set.is_ok());
        }
    }

    /// Serves a change of the mount table: a mount may lead a PATH elsewhere, or have it appear.
    pub(super) fn find_remounted(&mut self, mount_points: &[Vec<u8>]) {
        for path in self.ancestors.iter_mut().flat_map(|above| &mut above.paths) {
            for mount_point in mount_points {
                path.note_mount(Path::new(OsStr::from_bytes(mount_point)));
            }
        }
        self.find_paths();
    }

    /// Surveys the PATHs that are missing, or may be switched; after a pause, if one was begun.
    pub(super) fn find_paths(&mut self) {
        if let Some(above) = &mut self.ancestors
            && above.paused_until.is_some()
        {
            above.is_outdated = true;
            return;
        }
        let began = self.clock.tick();
        self.survey_paths();
        let now = self.clock.tick();
        if now - began >= PAUSE_AFTER {
            self.pause_ancestors(Some(now + (now - began) * PAUSE_FACTOR));
        }
    }

    fn survey_paths(&mut self) {
        self.for_each_path(|watcher, above, index| {
            let path = &above.paths[index];
            let is_link_now =
                !path.has_links && watcher.tracker.is_replaced_by_symlink(&path.given);
            if is_link_now {
                watcher.ensure_name_queue(above);
            }
            let path = &above.paths[index];
            let has_queue = above.inotify.is_some();
            let may_appear = has_queue && (above.waits_for_missing || path.was_there());
            let is_wanted = path.may_be_switched() || is_link_now && has_queue;
            if is_wanted || may_appear && !watcher.tracker.is_rooted(&path.given) {
                watcher.begin_survey(above, index);
            }
        });
    }

    /// Makes the kernel queue for names, if there is none; warns if that cannot be done.
    fn ensure_name_queue(&mut self, above: &mut AncestorWatches) {
        if above.inotify.is_none()
            && let Err(error) = self.add_name_queue(above)
        {
            let now = self.clock.tick();
            self.stderr.warn_of_many(&format!("warning: {error}"), now);
        }
    }

    /// Takes the surveys that threads have made, and makes those that are due.
    pub(super) fn find_late_paths(&mut self) {
        let now = self.clock.tick();
        let paused_until = self.ancestors.as_ref().and_then(|above| above.paused_until);
        if paused_until.is_some_and(|until| until <= now) {
            self.pause_ancestors(None);
        }
        if !self.surveys_wait()
            && let Some(above) = &mut self.ancestors
            && above.paused_until.is_none()
            && std::mem::take(&mut above.is_outdated)
        {
            self.find_paths();
        }
        let mut paths = self.ancestors.iter().flat_map(|above| &above.paths);
        if paths.all(|path| matches!(path.state, PathState::Idle)) {
            return;
        }
        self.for_each_path(|watcher, above, index| {
            let path = &mut above.paths[index];
            let is_due = path.deadline().is_some_and(|due| due <= now);
            match &mut path.state {
                PathState::Retry(_) if is_due => watcher.begin_survey(above, index),
                PathState::UnderWay {
                    survey, report_at, ..
                } => {
                    if let Some(found) = survey.take() {
                        watcher.end_survey(above, index, found);
                    } else if is_due {
                        *report_at = None;
                        watcher.warn_of_no_answer(path);
                    }
                }
                PathState::Idle | PathState::Retry(_) => {}
            }
        });
    }

    fn for_each_path(&mut self, each: impl Fn(&mut Self, &mut AncestorWatches, usize)) {
        if self.surveys_wait() {
            let above = self.ancestors.iter_mut();
            above.for_each(|above| above.is_outdated = true);
            return;
        }
        if let Some(mut above) = self.ancestors.take() {
            for index in 0..above.paths.len() {
                each(self, &mut above, index);
            }
            self.remove_unneeded(&mut above);
            self.ancestors = Some(above);
        }
    }

    /// Whether no survey can be served: the model must not change, since it is listed for a snapshot
    /// or a large subtree is emitted, or there is no room for records.
    fn surveys_wait(&self) -> bool {
        self.snapshots.is_listing() || self.tracker.is_emitting() || self.output.is_full()
    }

    /// When a survey is due, or a warning that one takes long.
    pub(super) fn late_paths_due(&self) -> Option<u64> {
        if self.surveys_wait() {
            return None;
        }
        let above = self.ancestors.as_ref()?;
        let due = above.paths.iter().filter_map(SurveyedPath::deadline);
        due.chain(above.paused_until).min()
    }
}
