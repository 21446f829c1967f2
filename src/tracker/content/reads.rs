//! Keeps which files workers are reading for the tracker.
//!
//! Invariant: a file is read by one worker at a time, and only the answer to its last
//! ticket counts.

use foldhash::HashMap;

use super::reread_delay::RereadDelays;
use crate::tracker::disk::{Stat, Ticket};
use crate::tracker::model::{Evidence, Id};

/// A file that is being read.
pub(in crate::tracker) struct Read {
    ticket: Ticket,
    /// The device that it is on; `None`: that of some remote file system.
    dev: Option<u64>,
    /// What happened to it before it was begun to be read.
    pub(super) evidence: Evidence,
    /// Whether it was to be reconciled meanwhile: another file may have its name by now.
    pub(super) is_stale: bool,
    /// Consecutive times that it could not be read before.
    pub(super) failures: u8,
    /// Its status before it was tried again.
    pub(super) stat: Option<Box<Stat>>,
}

impl Read {
    pub(in crate::tracker) fn new(ticket: Ticket, dev: Option<u64>, evidence: Evidence) -> Self {
        Self {
            ticket,
            dev,
            evidence,
            is_stale: false,
            failures: 0,
            stat: None,
        }
    }

    /// Sets that it could not be read before, if `failures` is not 0. `stat`: its status since then.
    pub(super) fn after(mut self, failures: u8, stat: Option<&Stat>) -> Self {
        self.failures = failures;
        let stat = stat.filter(|_| failures > 0);
        self.stat = stat.map(|stat| Box::new(*stat));
        self
    }
}

#[derive(Default)]
pub(in crate::tracker) struct Reads {
    files: HashMap<Id, Read>,
    tickets: HashMap<Ticket, Id>,
    /// Tickets whose answers are not waited for any longer.
    cancelled: Vec<Ticket>,
    /// The last ticket.
    last: u64,
    pub(in crate::tracker) delays: RereadDelays,
}

impl Reads {
    pub(in crate::tracker) fn next_ticket(&mut self) -> Ticket {
        self.last += 1;
        self.last_ticket()
    }

    pub(in crate::tracker) fn last_ticket(&self) -> Ticket {
        Ticket(self.last)
    }

    pub(in crate::tracker) fn begin(&mut self, id: Id, read: Read) {
        self.forget(id);
        self.tickets.insert(read.ticket, id);
        self.files.insert(id, read);
    }

    /// Removes and returns a file for which an answer has come. `None`: the ticket is not the
    /// file's last one.
    pub(super) fn end(&mut self, ticket: Ticket) -> Option<(Id, Read)> {
        let id = self.tickets.remove(&ticket)?;
        Some((id, self.files.remove(&id)?))
    }

    /// Forgets a file that is being read from a file system that its name has left, which may never
    /// answer; and returns what happened to it before. `dev`, `is_remote`: of the one that the name
    /// is on now.
    pub(super) fn forget_other_device(
        &mut self,
        id: Id,
        dev: u64,
        is_remote: bool,
    ) -> Option<Evidence> {
        let read = self.files.get(&id)?;
        let is_same = read.dev.map_or(is_remote, |read| read == dev);
        let evidence = (!is_same).then_some(read.evidence)?;
        self.forget(id);
        Some(evidence)
    }

    /// Forgets a file that is gone: its answer will be dropped.
    pub(in crate::tracker) fn forget(&mut self, id: Id) {
        if let Some(read) = self.files.remove(&id) {
            self.tickets.remove(&read.ticket);
            self.cancelled.push(read.ticket);
        }
        self.delays.remove(id);
    }

    /// The tickets of files that were forgotten since the last call.
    pub(in crate::tracker) fn take_cancelled(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.cancelled)
    }

    pub(in crate::tracker) fn has(&self, id: Id) -> bool {
        self.files.contains_key(&id)
    }

    /// What happened to a file before it was begun to be read; `None`: it is not being read.
    pub(in crate::tracker) fn evidence(&self, id: Id) -> Option<Evidence> {
        self.files.get(&id).map(|read| read.evidence)
    }

    /// Notes that a file is to be reconciled after it was read. `false`: it is not being read.
    pub(super) fn mark_stale(&mut self, id: Id) -> bool {
        let read = self.files.get_mut(&id);
        read.map(|read| read.is_stale = true).is_some()
    }

    pub(in crate::tracker) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIDENCE: Evidence = Evidence::WRITE_EVENTS;

    #[test]
    fn an_answer_counts_once_and_has_whether_the_name_was_reconciled_meanwhile() {
        let mut reads = Reads::default();
        let (first, second) = (reads.next_ticket(), reads.next_ticket());
        reads.begin(Id(1), Read::new(first, None, EVIDENCE));
        reads.begin(Id(2), Read::new(second, None, EVIDENCE));
        assert!(reads.mark_stale(Id(2)) && !reads.mark_stale(Id(3)));
        let ended = |reads: &mut Reads, ticket| {
            let (id, read) = reads.end(ticket)?;
            Some((id, read.is_stale))
        };
        assert_eq!(ended(&mut reads, first), Some((Id(1), false)));
        assert_eq!(ended(&mut reads, first), None);
        assert_eq!(ended(&mut reads, second), Some((Id(2), true)));
        assert!(reads.is_empty());
    }

    #[test]
    fn an_answer_for_a_file_that_is_gone_counts_for_none_that_gets_its_number() {
        let mut reads = Reads::default();
        let (old, new) = (reads.next_ticket(), reads.next_ticket());
        reads.begin(Id(1), Read::new(old, None, EVIDENCE));
        reads.forget(Id(1));
        reads.begin(Id(1), Read::new(new, None, EVIDENCE));
        assert!(reads.end(old).is_none());
        assert!(reads.end(new).is_some());
    }
}
