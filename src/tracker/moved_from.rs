//! Keeps the `IN_MOVED_FROM` events whose `IN_MOVED_TO` is awaited, by their cookie. `rename` joins
//! them.
//!
//! Knows neither the tree nor the time.

use foldhash::HashMap;

use super::model::Id;
use crate::event::Cookie;

/// Whether the model has an entry for what is moving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moving {
    Entry,
    /// It has no entry: the name was created, and had left the disk before it was read.
    Unseen,
}

/// The old name, and what is moving.
#[derive(Debug)]
pub(super) struct MovedFrom {
    pub(super) dir: Id,
    pub(super) name: Box<[u8]>,
    pub(super) moving: Moving,
}

#[derive(Default)]
pub(super) struct MovedFromEvents {
    by_cookie: HashMap<Cookie, MovedFrom>,
}

impl MovedFromEvents {
    pub(super) fn insert(&mut self, cookie: Cookie, dir: Id, name: &[u8], moving: Moving) {
        let name = name.into();
        self.by_cookie
            .insert(cookie, MovedFrom { dir, name, moving });
    }

    pub(super) fn take(&mut self, cookie: Cookie) -> Option<MovedFrom> {
        self.by_cookie.remove(&cookie)
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
        moves.insert(Cookie(2), Id(0), b"b", Moving::Entry);
        moves.insert(Cookie(1), Id(0), b"a", Moving::Unseen);
        let from = moves.take(Cookie(1)).expect("it waits");
        assert_eq!((from.dir, &*from.name), (Id(0), &b"a"[..]));
        assert_eq!(from.moving, Moving::Unseen);
        assert!(moves.take(Cookie(1)).is_none());
        assert!(!moves.is_empty());
    }
}
