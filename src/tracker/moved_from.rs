//! Keeps the `IN_MOVED_FROM` events whose `IN_MOVED_TO` is awaited, by their cookie. `rename` joins
//! them.
//!
//! Knows neither the tree nor the time.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::model::Id;
use crate::event::{Cookie, Wd};

/// Whether the model has an entry for what is moving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moving {
    Entry,
    /// It has no entry: the name was created, and had left the disk before it was read. With the
    /// watch of its directory, whose id may be used again.
    Unseen(Wd),
}

/// The old name, and what is moving.
#[derive(Debug)]
pub(super) struct MovedFrom {
    pub(super) dir: Id,
    pub(super) name: Box<[u8]>,
    pub(super) moving: Moving,
    /// When it was applied, on the monotonic clock.
    pub(super) since: u64,
}

#[derive(Default)]
pub(super) struct MovedFromEvents {
    by_cookie: HashMap<Cookie, MovedFrom>,
    /// In the order in which they were applied. One that was joined stays until those before it were.
    order: VecDeque<Cookie>,
}

impl MovedFromEvents {
    pub(super) fn insert(&mut self, cookie: Cookie, from: MovedFrom) {
        self.by_cookie.insert(cookie, from);
        self.order.push_back(cookie);
    }

    /// The one that has waited for the longest time, and since when it does.
    pub(super) fn oldest(&mut self) -> Option<(Cookie, u64)> {
        loop {
            let cookie = *self.order.front()?;
            if let Some(from) = self.by_cookie.get(&cookie) {
                return Some((cookie, from.since));
            }
            self.order.pop_front();
        }
    }

    pub(super) fn take(&mut self, cookie: Cookie) -> Option<MovedFrom> {
        let from = self.by_cookie.remove(&cookie);
        if self.by_cookie.is_empty() {
            self.order.clear();
        }
        from
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_cookie.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_joined_by_its_cookie_and_once() {
        let mut moves = MovedFromEvents::default();
        let from = |name: &[u8], moving| MovedFrom {
            dir: Id(0),
            name: name.into(),
            moving,
            since: 0,
        };
        moves.insert(Cookie(2), from(b"b", Moving::Entry));
        moves.insert(Cookie(1), from(b"a", Moving::Unseen(Wd(3))));
        let from = moves.take(Cookie(1)).expect("it waits");
        assert_eq!((from.dir, &*from.name), (Id(0), &b"a"[..]));
        assert_eq!(from.moving, Moving::Unseen(Wd(3)));
        assert!(moves.take(Cookie(1)).is_none());
        assert!(!moves.is_empty());
    }

    #[test]
    fn the_oldest_is_the_first_that_still_waits() {
        let mut moves = MovedFromEvents::default();
        for number in 1..=3 {
            let from = MovedFrom {
                dir: Id(0),
                name: b"a"[..].into(),
                moving: Moving::Entry,
                since: number.into(),
            };
            moves.insert(Cookie(number), from);
        }
        assert_eq!(moves.oldest(), Some((Cookie(1), 1)));
        moves.take(Cookie(2));
        moves.take(Cookie(1));
        assert_eq!(moves.oldest(), Some((Cookie(3), 3)));
        moves.take(Cookie(3));
        assert_eq!(moves.oldest(), None);
    }
}
