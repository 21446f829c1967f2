//! Runs the steps of the main loop singly, so that chance can put them in any order.
//!
//! Each step takes the records that the rules emitted before it ends, so that every promise is
//! checked then.

use super::{PendingRead, World};
use std::convert::Infallible;

use crate::stage_order::{Stages, Time};
use crate::tracker::disk::{Disk, FileDigest, FsError, WhileRead};
use crate::tracker::fake::Queued;

impl World {
    /// Reads some of the queued events.
    pub(in crate::tracker::tests) fn read(&mut self, most: usize) {
        let was_empty = !self.has_events();
        let read = self.tracker.disk.kernel.read(most);
        if read.is_empty() && was_empty {
            let now = self.now();
            self.tracker.queue_was_empty(now);
        }
        self.unread.extend(read);
    }

    /// Applies all events that were read.
    pub(in crate::tracker::tests) fn apply_all(&mut self) {
        self.survey();
        if !self.is_applying() {
            let Ok(_) = self.begin_batch();
        }
        while self.is_applying() {
            self.apply();
            self.absorb();
        }
        self.absorb();
        self.let_go(30);
    }

    /// Does at most so many pieces of the queue's work.
    pub(in crate::tracker::tests) fn work(&mut self, most: usize) {
        self.survey();
        self.begin_work();
        let mut left = most;
        while left > 0 && Stages::work(self) {
            left -= 1;
        }
        self.absorb();
        self.let_go(30);
    }

    /// Emits all records that the model is ahead of, as the loop does before it takes answers.
    fn emit_all(&mut self) {
        while self.tracker.is_emitting() {
            self.work(1);
        }
    }

    /// Closes the held directories, by chance: the loop holds them while there is more to do.
    pub(super) fn let_go(&mut self, percent: usize) {
        if self.tracker.disk.chance.happens(percent) {
            self.tracker.disk.release();
        }
    }

    /// Delivers a worker's answer about a large file; `which` of those under way.
    pub(in crate::tracker::tests) fn answer(&mut self, which: usize) {
        self.emit_all();
        let tickets = self.tracker.disk.tickets();
        let Some(ticket) = tickets.get(which % tickets.len().max(1)) else {
            return;
        };
        let Some(answer) = self.tracker.disk.answer(*ticket) else {
            return;
        };
        let now = self.now();
        self.tracker.at(now).answered(*ticket, answer);
        self.absorb();
    }

    /// Reads a file for the baseline, or delivers what was read of it before; `which` of those that
    /// are left.
    pub(in crate::tracker::tests) fn read_pending(&mut self, which: usize) {
        self.emit_all();
        if self.pending_reads.is_empty() {
            return;
        }
        let mut pending = self
            .pending_reads
            .swap_remove(which % self.pending_reads.len());
        let read = match pending.read.take() {
            Some(read) => read,
            None => {
                let read = self.read_for_baseline(&pending);
                let disk = &mut self.tracker.disk;
                if disk.chance.happens(disk.odds.slow_answer) {
                    pending.read = Some(read);
                    self.pending_reads.push(pending);
                    return;
                }
                read
            }
        };
        let now = self.now();
        self.tracker.at(now).take_baseline(pending.id, read);
        self.absorb();
    }

    /// Lets all files that the baseline has read have changed meanwhile.
    pub(in crate::tracker::tests) fn disturb_pending(&mut self) {
        let reads = self.pending_reads.iter_mut();
        for read in reads.filter_map(|pending| pending.read.as_mut()?.as_mut().ok()) {
            read.while_read = WhileRead::MayHaveChanged;
        }
    }

    /// Lets all files that the baseline has read have been truncated meanwhile, their times being yet
    /// to come.
    pub(in crate::tracker::tests) fn truncate_pending(&mut self) {
        self.disturb_pending();
        let reads = self.pending_reads.iter_mut();
        for read in reads.filter_map(|pending| pending.read.as_mut()?.as_mut().ok()) {
            read.stat.size += 4;
        }
    }

    /// Lets all files that the baseline has read have had their bytes of now, and the status that was
    /// found.
    pub(in crate::tracker::tests) fn renew_pending(&mut self) {
        for mut pending in std::mem::take(&mut self.pending_reads) {
            let now = self.read_for_baseline(&pending);
            if let (Some(Ok(read)), Ok(now)) = (&mut pending.read, now) {
                read.digest = now.digest;
            }
            self.pending_reads.push(pending);
        }
    }

    fn read_for_baseline(&mut self, pending: &PendingRead) -> Result<FileDigest, FsError> {
        let PendingRead {
            root,
            relative_path,
            inode,
            name,
            ..
        } = pending;
        let settings = &self.tracker.settings;
        let limit = if settings.hashing.is_eager() {
            settings.hash_limit
        } else {
            0
        };
        let disk = &mut self.tracker.disk;
        let at = [&relative_path[..], b"/", name].concat();
        disk.journal
            .push(format!("  baseline reads {}", String::from_utf8_lossy(&at)));
        disk.read_for_baseline(root, relative_path, *inode, name, limit)
    }
}

/// The stages of the loop, except that chance decides when their time is up.
impl Stages for World {
    type Error = Infallible;

    fn has_events(&self) -> bool {
        self.tracker.is_applying() || !self.unread.is_empty()
    }

    fn is_applying(&self) -> bool {
        self.tracker.is_applying()
    }

    fn is_full(&self) -> bool {
        false
    }

    fn drain(&mut self) -> Result<(), Infallible> {
        self.read(usize::MAX);
        Ok(())
    }

    fn begin_batch(&mut self) -> Result<usize, Infallible> {
        let events: Vec<_> = self.unread.drain(..).collect();
        let notes = events.iter().map(|event| format!("  {event:?}"));
        self.tracker.disk.journal.extend(notes);
        let now = self.now();
        self.tracker
            .at(now)
            .begin_batch(events.iter().map(Queued::event));
        Ok(events.len())
    }

    fn apply(&mut self) {
        let stride = 1 + self.tracker.disk.chance.below(4);
        let now = self.now();
        let tracker = self.tracker.at(now);
        for _ in 0..stride {
            tracker.apply_next();
        }
    }

    /// Answers come at any time, by [`World::answer`].
    fn are_answers_late(&self) -> bool {
        false
    }

    fn take_answers(&mut self) {
        if self.tracker.disk.chance.happens(20) {
            self.answer(0);
        }
    }

    fn begin_work(&mut self) {
        let now = self.now();
        self.tracker.at(now).make_due_ready();
    }

    fn work(&mut self) -> bool {
        !self.tracker.is_idle() && self.tracker.work()
    }

    fn emit(&mut self) -> Result<(), Infallible> {
        self.absorb();
        Ok(())
    }

    fn begin_time(&mut self) {}

    fn time(&mut self) -> Time {
        match self.tracker.disk.chance.below(8) {
            0 => Time::Up,
            1 | 2 => Time::Pause,
            _ => Time::Left,
        }
    }
}
