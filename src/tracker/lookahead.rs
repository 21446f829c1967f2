//! What the events at hand will take away. They were read after it happened: a name
//! that leaves in one of them has left the disk already, and is not looked for.
//!
//! A hint only: what it says of a name is also right of none, and leaves the name to be
//! looked at.

use std::hash::BuildHasher;

use crate::event::{Event, NameEvent, Wd};
use foldhash::HashMap;
use foldhash::fast::RandomState;

/// The names that leave in the events at hand.
#[derive(Default)]
pub(super) struct Lookahead {
    /// In which event each is last taken away, by a hash of watch and name.
    last: HashMap<u64, u32>,
    state: RandomState,
    /// The event that is being applied, counted from one.
    at: u32,
}

impl Lookahead {
    /// Reads the events, none of which has been applied.
    pub(super) fn read<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) {
        self.last.clear();
        self.at = 0;
        for (event, at) in events.zip(1..) {
            if let Event::Name { wd, name, what, .. } = event
                && matches!(what, NameEvent::Delete | NameEvent::MovedFrom(_))
            {
                self.last.insert(self.state.hash_one((wd, name)), at);
            }
        }
    }

    pub(super) fn go_on(&mut self) {
        self.at += 1;
    }

    /// Whether this event, or one after it, takes the name away.
    pub(super) fn takes(&self, wd: Wd, name: &[u8]) -> bool {
        !self.last.is_empty()
            && self
                .last
                .get(&self.state.hash_one((wd, name)))
                .is_some_and(|&last| last >= self.at)
    }
}
