//! Lets programs and time go on as a test directs, and the watcher keep up with them.

use super::{MS, World};
use crate::stage_order::{self, Stages};
use crate::tracker::disk::Disk;
use crate::tracker::fake::Op;

impl World {
    pub(in crate::tracker::tests) fn does(&mut self, ops: &[Op]) {
        for op in ops {
            assert!(
                self.tracker.disk.perform(*op).is_some(),
                "{op:?} was possible"
            );
            while let Some(rest) = self.tracker.disk.pending.pop_front() {
                self.tracker.disk.perform(rest);
            }
        }
    }

    /// Performs a program's call, if it is possible, and the rest of it (as of `rm -rf`).
    pub(in crate::tracker::tests) fn perform(&mut self, op: Op) {
        self.tracker.disk.perform(op);
        while let Some(rest) = self.tracker.disk.pending.pop_front() {
            self.tracker.disk.perform(rest);
        }
    }

    /// Performs the calls, with the watcher's steps between them by chance.
    pub(in crate::tracker::tests) fn lives_through(&mut self, ops: &[Op]) {
        self.tracker.disk.pending.extend(ops);
        while !self.tracker.disk.pending.is_empty() {
            let some = 1 + self.tracker.disk.chance.below(8);
            match self.tracker.disk.chance.below(20) {
                0..6 => {
                    let op = self.tracker.disk.pending.pop_front().unwrap();
                    self.tracker.disk.perform(op);
                }
                6..10 => self.read(some),
                10..12 => self.read(usize::MAX),
                12..14 => self.apply_all(),
                14..16 => {
                    let Ok(_) = stage_order::run(self);
                    self.let_go(30);
                }
                16 => self.answer(some),
                17 => self.read_pending(some),
                18 => self.passes(some as u64 * MS / 2),
                _ => {
                    let span = [0, 4, 60, 60, 300, 2500][self.tracker.disk.chance.below(6)];
                    self.passes(span * MS);
                }
            }
        }
    }

    /// Does all work that is possible now, without any time passing.
    pub(in crate::tracker::tests) fn catches_up(&mut self) {
        self.tracker.disk.tell_late();
        for _ in 0..10_000 {
            self.read(usize::MAX);
            if !self.has_events() && self.tracker.is_idle() {
                self.tracker.disk.release();
                if self.tracker.disk.kernel.unread() == 0 {
                    return;
                }
            }
            self.apply_all();
            self.work(1);
        }
        panic!(
            "there is always more to do, after {:#?}",
            self.tracker.disk.journal
        );
    }

    /// Lets time pass, without any call, until no work is left.
    pub(in crate::tracker::tests) fn settles(&mut self) {
        self.tracker.disk.shut_all();
        while let Some(op) = self.tracker.disk.pending.pop_front() {
            self.tracker.disk.perform(op);
        }
        self.tracker.disk.shut_all();
        while !self.pending_reads.is_empty() {
            self.read_pending(0);
        }
        for _ in 0..1000 {
            self.catches_up();
            while !self.tracker.disk.tickets().is_empty() {
                self.answer(0);
            }
            self.work(1);
            if self.tracker.is_done() && self.tracker.disk.kernel.unread() == 0 {
                return;
            }
            if let Some(deadline) = self.tracker.deadline() {
                self.passes(deadline.saturating_sub(self.tick));
            }
        }
        panic!(
            "it never comes to rest, after {:#?}",
            self.tracker.disk.journal
        );
    }

    /// Lets the time pass until the next deadline.
    pub(in crate::tracker::tests) fn waits(&mut self) {
        let deadline = self.tracker.deadline().expect("something is due");
        self.passes(deadline.saturating_sub(self.tick));
        self.work(1);
        self.catches_up();
    }

    /// The records emitted since the last call.
    pub(in crate::tracker::tests) fn new_records(&mut self) -> Vec<String> {
        std::mem::take(&mut self.records)
    }
}
