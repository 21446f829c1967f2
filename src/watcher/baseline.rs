//! The baseline as a part of the loop: fed, shown to whoever sits at a terminal, told
//! where that is asked for, and ended.

use std::collections::HashMap;

use super::Watcher;
use crate::change::{Change, Content, Kind};
use crate::error::Error;
use crate::stderr::erase_progress;
use crate::tracker::Hashing;
use crate::tracker::model::{Flag, Id};

impl Watcher {
    /// Reads every file before anything is told, and tells what there is.
    pub(super) fn read_all(&mut self) -> Result<(), Error> {
        let mut ready = Vec::new();
        while self.feed_baseline().is_some() {
            self.epoll
                .wait(self.until(self.progress_due()), &mut ready)
                .map_err(Error::system("wait for events"))?;
            self.check_signals();
            if self.ended.is_some() {
                return Ok(());
            }
            self.bell.silence();
            self.take_answers();
            self.show_progress();
            self.drain()?;
        }
        let sizes = self
            .baseline
            .as_mut()
            .and_then(|baseline| baseline.sizes.take());
        self.emit_existing(&sizes.unwrap_or_default())
    }

    /// Tells what was there when the watch began: parents before children.
    fn emit_existing(&mut self, sizes: &[(Id, u64)]) -> Result<(), Error> {
        let roots: Vec<_> = self
            .tracker
            .roots
            .iter()
            .filter_map(|root| root.entry)
            .collect();
        let mut stack: Vec<_> = roots.into_iter().rev().collect();
        let sizes: HashMap<_, _> = sizes.iter().copied().collect();
        while self.ended.is_none()
            && let Some(id) = stack.pop()
        {
            let model = &self.tracker.model;
            let kind = model.kind(id);
            stack.extend(model.children(id));
            if model.has(id, Flag::HIDDEN) {
                continue;
            }
            let mut content = Content::default();
            if kind == Kind::File {
                content = Content {
                    size: sizes.get(&id).copied(),
                    digest: model.digest(id),
                    stat: None,
                };
            }
            let dev = model.parent(id).map_or(0, |dir| model.inode(dir).dev);
            let reads_all = self.tracker.hashing(dev) == Hashing::Eager;
            let limit = self.tracker.settings.hash_limit;
            let is_owed = content.size.is_none_or(|size| size <= limit);
            if kind == Kind::File && content.digest.is_none() && reads_all && is_owed {
                // It moved before it was read: its digest is told as soon as it is known.
                self.tracker.model.set(id, Flag::UNREADABLE);
                self.tracker.enqueue(id);
            }
            let path = self.tracker.path(id);
            self.tracker.batch.push(Change::Existing {
                kind,
                path,
                content,
                attributes: None,
            });
            if self.tracker.batch.changes().len() >= 512 {
                self.write_all()?;
            }
        }
        self.write_all()
    }

    /// Keeps the workers busy with the baseline; `None`: it is over, or there is none.
    pub(super) fn feed_baseline(&mut self) -> Option<()> {
        let baseline = self.baseline.as_mut()?;
        baseline.feed(&self.tracker, &self.workers);
        (!baseline.is_complete()).then_some(())
    }

    /// Keeps the workers busy with the baseline, and tells its end.
    pub(super) fn go_on_with_baseline(&mut self) {
        if self.baseline.is_some() && self.feed_baseline().is_none() {
            erase_progress();
            self.end_baseline();
        }
    }

    /// When it is to be shown next how far the baseline is.
    pub(super) fn progress_due(&self) -> Option<u64> {
        // Part of a line may stand on a terminal that is also stdout: nothing after it.
        let may_show = self.baseline.is_some() && self.sink.waiting() == 0;
        self.stderr.progress_due().filter(|_| may_show)
    }

    /// Shows how far the baseline is, if it is time to.
    pub(super) fn show_progress(&mut self) {
        let now = self.clock.tick();
        if self.progress_due().is_some_and(|due| due <= now)
            && let Some(baseline) = &mut self.baseline
        {
            let text = baseline.text(&self.tracker);
            self.stderr.progress(now, &text);
        }
    }

    /// The baseline is complete, which is told if it has read anything.
    pub(super) fn end_baseline(&mut self) {
        let Some(baseline) = self.baseline.take() else {
            return;
        };
        if self.tracker.settings.hashing == Hashing::Eager {
            let (files, bytes) = (baseline.files, baseline.bytes);
            let millis = self.clock.tick() / 1_000_000;
            let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
            self.stderr.note(&format!(
                "baseline complete: {files} files, {bytes} bytes, {seconds} s"
            ));
        }
    }
}
