//! The steps of a batch: as tables, and against the events applied one by one.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// An event that owns nothing: watch, name, whether it is a directory, what.
type RawEvent = (i32, &'static str, bool, NameEvent);

fn steps(events: &[RawEvent]) -> Steps {
    Steps::of(events.iter().map(|&(wd, name, is_dir, event)| Event::Name {
        wd: Wd(wd),
        name: name.as_bytes(),
        is_dir,
        event,
    }))
}

fn moved(wd: i32, name: &str) -> Outcome<'_> {
    Outcome::Moved {
        wd: Wd(wd),
        name: name.as_bytes(),
    }
}

/// Each step in short: its name, what happened, its content events, `-` if it leaves.
fn shown(steps: &Steps) -> Vec<String> {
    let show = |at: usize| match steps.step(at) {
        Step::Name(step) => {
            let what = match step.change {
                NameChange::Created => "created",
                NameChange::Deleted => "deleted",
                NameChange::MovedFrom(_) => "from",
                NameChange::MovedTo(_) => "to",
                NameChange::Content => "content",
            };
            let ContentEvents {
                modified,
                closed,
                attrib,
            } = step.content;
            let mut line = format!("{what} {}", String::from_utf8_lossy(steps.name(at)));
            for (came, letter) in [(modified, " m"), (closed, " c"), (attrib, " a")] {
                line.push_str(if came { letter } else { "" });
            }
            line + if step.is_gone_later { " -" } else { "" }
        }
        other => format!("{other:?}"),
    };
    (0..steps.slots.len()).map(show).collect()
}

use NameEvent::{Create, Delete, MovedFrom, MovedTo};

const MODIFY: NameEvent = NameEvent::Content(ContentEvent::Modify);
const CLOSE_WRITE: NameEvent = NameEvent::Content(ContentEvent::CloseWrite);
const ATTRIB: NameEvent = NameEvent::Content(ContentEvent::Attrib);

const C1: Cookie = Cookie(1);
const C2: Cookie = Cookie(2);

#[test]
fn a_file_that_is_made_written_and_closed_is_one_step() {
    let events = [
        (1, "a", false, Create),
        (1, "b", false, Create),
        (1, "a", false, MODIFY),
        (1, "a", false, MODIFY),
        (1, "b", false, ATTRIB),
        (1, "a", false, CLOSE_WRITE),
    ];
    assert_eq!(shown(&steps(&events)), ["created a m c", "created b a"]);
}

#[test]
fn an_atomic_save_leaves_its_first_name_in_the_batch() {
    let events = [
        (1, "tmp", false, Create),
        (1, "tmp", false, MODIFY),
        (1, "tmp", false, CLOSE_WRITE),
        (1, "tmp", false, MovedFrom(C1)),
        (2, "f", false, MovedTo(C1)),
        (2, "f", false, ATTRIB),
    ];
    let steps = steps(&events);
    assert_eq!(shown(&steps), ["created tmp m c -", "from tmp", "to f a"]);
    assert_eq!(steps.outcome(0), moved(2, "f"));
}

#[test]
fn where_a_name_ends_is_known_through_all_its_renames_or_not_at_all() {
    let chain = [
        (1, "a", false, Create),
        (1, "a", false, MovedFrom(C1)),
        (1, "b", false, MovedTo(C1)),
        (1, "b", false, MovedFrom(C2)),
        (1, "c", false, MovedTo(C2)),
        (1, "a", false, Create),
    ];
    assert_eq!(steps(&chain).outcome(0), moved(1, "c"));
    assert_eq!(steps(&chain).outcome(5), Outcome::Stays);
    assert_eq!(steps(&chain[..4]).outcome(0), Outcome::Unknown);
    let removed = [chain[0], chain[1], chain[2], (1, "b", false, Delete)];
    assert_eq!(steps(&removed).outcome(0), Outcome::Removed);
}

#[test]
fn nothing_is_coalesced_across_a_removal_or_a_rename_of_the_name() {
    let events = [
        (1, "a", false, MODIFY),
        (1, "a", false, Delete),
        (1, "a", false, MODIFY),
        (1, "a", false, Create),
        (1, "a", false, CLOSE_WRITE),
    ];
    let lines = ["content a m -", "deleted a", "content a m", "created a c"];
    assert_eq!(shown(&steps(&events)), lines);
}

#[test]
fn nothing_is_coalesced_across_a_rename_or_removal_of_a_directory() {
    for what in [MovedFrom(C1), MovedTo(C1), Delete] {
        let events = [
            (1, "a", false, MODIFY),
            (2, "d", true, what),
            (1, "a", false, CLOSE_WRITE),
        ];
        assert_eq!(shown(&steps(&events))[0], "content a m");
        assert_eq!(shown(&steps(&events))[2], "content a c");
    }
}

#[test]
fn nothing_is_coalesced_across_an_overflow() {
    let modify = Event::Name {
        wd: Wd(1),
        name: b"a",
        is_dir: false,
        event: MODIFY,
    };
    let steps = Steps::of([modify, Event::QueueOverflow, modify].into_iter());
    assert_eq!(shown(&steps), ["content a m", "Overflow", "content a m"]);
}

/// A model of names: which object stands where, and what happened to its bytes.
#[derive(Default, PartialEq, Eq, Debug)]
struct Names {
    at: BTreeMap<(Wd, Vec<u8>), usize>,
    moving: BTreeMap<Cookie, usize>,
    content: Vec<(bool, bool, bool)>,
    /// Content events of names that were not there.
    dead: BTreeMap<(Wd, Vec<u8>), (bool, bool, bool)>,
}

impl Names {
    fn apply(&mut self, wd: Wd, name: &[u8], what: NameChange, content: ContentEvents) {
        let key = (wd, name.to_vec());
        match what {
            NameChange::Created => {
                self.content.push(Default::default());
                self.at.insert(key.clone(), self.content.len() - 1);
            }
            NameChange::Deleted => drop(self.at.remove(&key)),
            NameChange::MovedFrom(cookie) => {
                if let Some(object) = self.at.remove(&key) {
                    self.moving.insert(cookie, object);
                }
            }
            NameChange::MovedTo(cookie) => {
                let object = self.moving.remove(&cookie).unwrap_or_else(|| {
                    self.content.push(Default::default());
                    self.content.len() - 1
                });
                self.at.insert(key.clone(), object);
            }
            NameChange::Content => {}
        }
        if content != ContentEvents::default() {
            let seen = match self.at.get(&key) {
                Some(&object) => &mut self.content[object],
                None => self.dead.entry(key).or_default(),
            };
            seen.0 |= content.modified;
            seen.1 |= content.closed;
            seen.2 |= content.attrib;
        }
    }
}

fn one_by_one(events: &[RawEvent]) -> Names {
    let mut names = Names::default();
    for &event in events {
        let steps = steps(&[event]);
        let Step::Name(step) = steps.step(0) else {
            unreachable!("an event about a name");
        };
        names.apply(step.wd, steps.name(0), step.change, step.content);
    }
    names
}

fn coalesced(events: &[RawEvent]) -> Names {
    let steps = steps(events);
    let mut names = Names::default();
    for at in 0..steps.slots.len() {
        if let Step::Name(step) = steps.step(at) {
            names.apply(step.wd, steps.name(at), step.change, step.content);
        }
    }
    names
}

fn raw_event() -> impl Strategy<Value = RawEvent> {
    let event = prop_oneof![
        1 => Just(Create),
        1 => Just(Delete),
        3 => Just(MODIFY),
        2 => Just(CLOSE_WRITE),
        1 => Just(ATTRIB),
        1 => (0..3_u32).prop_map(|cookie| MovedFrom(Cookie(cookie))),
        1 => (0..3_u32).prop_map(|cookie| MovedTo(Cookie(cookie))),
    ];
    let name = (0..3_usize).prop_map(|at| ["a", "b", "c"][at]);
    (
        1..3_i32,
        name,
        prop_oneof![4 => Just(false), 1 => Just(true)],
        event,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn applying_the_steps_is_applying_the_events_one_by_one(
        events in proptest::collection::vec(raw_event(), 0..40)
    ) {
        prop_assert_eq!(coalesced(&events), one_by_one(&events));
    }

    #[test]
    fn a_step_is_gone_later_if_a_later_event_takes_its_name_away(
        events in proptest::collection::vec(raw_event(), 0..40)
    ) {
        let steps = steps(&events);
        for at in 0..steps.slots.len() {
            let Step::Name(step) = steps.step(at) else { continue };
            let is_taken = (at + 1..steps.slots.len()).any(|later| {
                matches!(steps.step(later), Step::Name(other) if other.wd == step.wd
                    && steps.name(later) == steps.name(at)
                    && matches!(other.change, NameChange::Deleted
                        | NameChange::MovedFrom(_) | NameChange::MovedTo(_)))
            });
            prop_assert_eq!(step.is_gone_later, is_taken);
        }
    }
}
