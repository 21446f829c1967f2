//! The files that workers read for the tracker, and when one that is written to all the
//! time is read again.
//!
//! Invariant: a file is read by one worker at a time, and only the answer to its last
//! ticket counts.

use foldhash::HashMap;

use super::reread_delay::RereadDelays;
use crate::tracker::disk::Ticket;
use crate::tracker::model::{Evidence, Id};

/// A file that is being read.
struct Read {
    ticket: Ticket,
    /// What happened to it before.
    why: Evidence,
    /// It was reconciled meanwhile: another file may be there by now.
    is_stale: bool,
    /// How often it could not be read before, in a row.
    failures: u8,
}

/// The answer that was waited for.
pub(super) struct Answered {
    pub(super) id: Id,
    pub(super) why: Evidence,
    /// Whether the name is to be reconciled again.
    pub(super) is_stale: bool,
    /// How often it could not be read before, in a row.
    pub(super) failures: u8,
}

#[derive(Default)]
pub(in crate::tracker) struct Reads {
    files: HashMap<Id, Read>,
    tickets: HashMap<Ticket, Id>,
    last: u64,
    pub(super) delays: RereadDelays,
}

impl Reads {
    pub(in crate::tracker) fn next_ticket(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    pub(in crate::tracker) fn begin(&mut self, ticket: Ticket, id: Id, why: Evidence) {
        self.forget(id);
        let is_stale = false;
        let read = Read {
            ticket,
            why,
            is_stale,
            failures: 0,
        };
        self.files.insert(id, read);
        self.tickets.insert(ticket, id);
    }

    /// The same of a file that could not be read so often in a row.
    pub(super) fn begin_again(&mut self, ticket: Ticket, id: Id, why: Evidence, failures: u8) {
        self.begin(ticket, id, why);
        if let Some(read) = self.files.get_mut(&id) {
            read.failures = failures;
        }
    }

    pub(super) fn end(&mut self, ticket: Ticket) -> Option<Answered> {
        let id = self.tickets.remove(&ticket)?;
        let Read {
            why,
            is_stale,
            failures,
            ..
        } = self.files.remove(&id)?;
        Some(Answered {
            id,
            why,
            is_stale,
            failures,
        })
    }

    /// The file is gone: the answer will be dropped.
    pub(in crate::tracker) fn forget(&mut self, id: Id) {
        if let Some(read) = self.files.remove(&id) {
            self.tickets.remove(&read.ticket);
        }
        self.delays.remove(id);
    }

    pub(in crate::tracker) fn has(&self, id: Id) -> bool {
        self.files.contains_key(&id)
    }

    /// What happened to a file before it began to be read.
    pub(in crate::tracker) fn evidence(&self, id: Id) -> Option<Evidence> {
        self.files.get(&id).map(|read| read.why)
    }

    /// Its name is reconciled while it is being read; `false`: it is not.
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

    const WHY: Evidence = Evidence::COMPLETED;

    #[test]
    fn an_answer_counts_once_and_has_whether_the_name_was_reconciled_meanwhile() {
        let mut reads = Reads::default();
        let (first, second) = (reads.next_ticket(), reads.next_ticket());
        reads.begin(first, Id(1), WHY);
        reads.begin(second, Id(2), WHY);
        assert!(reads.mark_stale(Id(2)) && !reads.mark_stale(Id(3)));
        let ended = |reads: &mut Reads, ticket| {
            let answered = reads.end(ticket)?;
            Some((answered.id, answered.is_stale))
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
        reads.begin(old, Id(1), WHY);
        reads.forget(Id(1));
        reads.begin(new, Id(1), WHY);
        assert!(reads.end(old).is_none());
        assert!(reads.end(new).is_some());
    }
}
