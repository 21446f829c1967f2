//! Tests what a snapshot lists of a file that was reported as empty: a size and a digest that it has,
//! or none, and then `changed` follows.

use super::super::fake::Op;
use super::cases::{touch, write};
use super::world::{World, WorldOptions};
use crate::change::{Content, EMPTY};

/// What is listed of `t/a` now.
fn listed(world: &mut World) -> Content {
    let top = world.tracker.roots.entries().next().unwrap();
    let file = world.tracker.model.find(top, b"a").unwrap();
    let now = world.now();
    world.tracker.at(now).known_content(file)
}

#[test]
fn a_new_file_that_is_being_read_is_listed_without_size_and_digest() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 1));
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/a 0"]);
    assert!(listed(&mut world).bytes.is_none());
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn a_new_file_that_is_being_written_is_listed_without_size_and_digest() {
    for ops in [&[Op::Open(0, "t/a")][..], &touch("t/a")] {
        let mut world = World::quiet(&WorldOptions::default(), &[]);
        world.does(ops);
        world.catches_up();
        assert_eq!(world.new_records(), ["created t/a 0"]);
        world.does(&[Op::Append(1, "t/a"), Op::Put(1, 1)]);
        assert!(listed(&mut world).bytes.is_none(), "{ops:?}");
        world.converges();
        assert_eq!(world.new_records(), ["changed t/a 4"]);
    }
}

#[test]
fn a_file_that_is_empty_is_listed_as_empty() {
    for ops in [&[Op::Open(0, "t/a")][..], &touch("t/a")] {
        let mut world = World::quiet(&WorldOptions::default(), &[]);
        world.does(ops);
        world.catches_up();
        assert_eq!(world.new_records(), ["created t/a 0"]);
        let bytes = listed(&mut world).bytes.unwrap();
        assert_eq!((bytes.size, bytes.digest), (0, Some(EMPTY)));
        world.converges();
        assert_eq!(world.new_records(), Vec::<String>::new());
    }
}
