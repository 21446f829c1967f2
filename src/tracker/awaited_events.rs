//! Keeps names about which an event is expected that is yet unread, so that nothing is concluded
//! from what the disk shows of them now. Knows neither the tree nor the disk.
//!
//! Invariant: each is taken out by its event, by the entry's removal, or, when it has waited
//! for long enough, by the work queue.

use foldhash::{HashMap, HashSet};

use super::model::Id;
use super::moved_from::{MovedFromEvents, Moving};
use crate::event::Cookie;

#[derive(Default)]
pub(super) struct AwaitedEvents {
    pub(super) moves: MovedFromEvents,
    /// Names that were created, and had left the disk before they were read: their `IN_DELETE` or
    /// `IN_MOVED_FROM` is unread.
    unseen: HashSet<(Id, Box<[u8]>)>,
    /// Entries that were not found on disk, and since when, on the monotonic clock: their
    /// `IN_DELETE` or `IN_MOVED_FROM` is expected.
    missing: HashMap<Id, u64>,
}

impl AwaitedEvents {
    /// Keeps an `IN_MOVED_FROM`, with the entry of its name if there is one. `false`: nothing of
    /// that name is known, so its `IN_MOVED_TO` is not awaited.
    pub(super) fn begin_move(
        &mut self,
        cookie: Cookie,
        (dir, name): (Id, &[u8]),
        known: Option<Id>,
    ) -> bool {
        let is_unseen = self.take_unseen(dir, name);
        let moving = match known {
            Some(id) => {
                self.missing.remove(&id);
                Moving::Entry
            }
            None if is_unseen => Moving::Unseen,
            None => return false,
        };
        self.moves.insert(cookie, dir, name, moving);
        true
    }

    /// Adds a name that was created, and had left the disk before it was read.
    pub(super) fn add_unseen(&mut self, dir: Id, name: &[u8]) {
        self.unseen.insert((dir, name.into()));
    }

    /// Removes such a name; whether it was one.
    pub(super) fn take_unseen(&mut self, dir: Id, name: &[u8]) -> bool {
        !self.unseen.is_empty() && self.unseen.remove(&(dir, name.into()))
    }

    /// Notes that an entry was not found on disk; since when that is so.
    pub(super) fn missing_since(&mut self, id: Id, now: u64) -> u64 {
        *self.missing.entry(id).or_insert(now)
    }

    /// Forgets an entry that was found on disk, or has left the model.
    pub(super) fn clear_missing(&mut self, id: Id) {
        self.missing.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_never_known_awaits_no_second_half() {
        let mut awaited = AwaitedEvents::default();
        assert!(!awaited.begin_move(Cookie(1), (Id(0), b"a"), None));
        assert!(awaited.moves.is_empty());
    }

    #[test]
    fn a_new_name_that_moves_is_awaited_as_moved_and_no_longer_as_made() {
        let mut awaited = AwaitedEvents::default();
        awaited.add_unseen(Id(0), b"a");
        awaited.add_unseen(Id(0), b"b");
        assert!(awaited.begin_move(Cookie(1), (Id(0), b"a"), None));
        assert!(!awaited.take_unseen(Id(0), b"a"));
        assert!(awaited.moves.take(Cookie(1), Moving::Unseen).is_some());
        assert!(awaited.take_unseen(Id(0), b"b"));
        assert!(awaited.unseen.is_empty());
    }

    #[test]
    fn an_entry_that_moves_is_missing_no_longer() {
        let mut awaited = AwaitedEvents::default();
        assert_eq!(awaited.missing_since(Id(7), 10), 10);
        assert_eq!(awaited.missing_since(Id(7), 20), 10);
        assert!(awaited.begin_move(Cookie(1), (Id(0), b"a"), Some(Id(7))));
        assert_eq!(awaited.missing_since(Id(7), 30), 30);
        assert!(awaited.moves.take(Cookie(1), Moving::Entry).is_some());
    }
}
