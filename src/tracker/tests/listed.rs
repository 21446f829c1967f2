//! Tests what a snapshot lists of a file that was reported as empty: a size and a digest that it has,
//! or none, and then `changed` follows; and that of what has other names, or goes by its status, nothing
//! follows where nothing happened.

use super::super::fake::Op;
use super::by_stat::by_status;
use super::cases::{linked, touch, write};
use super::world::{BIRTH, MS, World, WorldOptions};
use crate::change::{Content, EMPTY};

/// What is listed of `t/a` now.
fn listed(world: &mut World) -> Content {
    listed_as(world, b"a")
}

/// What is listed of a name in `t` now.
fn listed_as(world: &mut World, name: &[u8]) -> Content {
    let top = world.tracker.roots.entries().next().unwrap();
    let file = world.tracker.model.find(top, name).unwrap();
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

/// A world that begins a moment after a file with two names was made.
fn young_links(mut options: WorldOptions) -> World {
    options.clock = BIRTH + 1_000_000;
    World::new(&options, &linked())
}

#[test]
fn young_hard_links_that_go_by_their_status_are_listed_and_no_change_follows() {
    for options in by_status() {
        let mut world = young_links(options);
        listed_as(&mut world, b"a");
        listed_as(&mut world, b"b");
        world.converges();
        assert_eq!(world.new_records(), Vec::<String>::new());
        listed_as(&mut world, b"a"); // Of `--snapshot`.
        world.converges();
        assert_eq!(world.new_records(), Vec::<String>::new());
    }
}

#[test]
fn a_write_between_the_listings_of_two_hard_links_is_a_change_of_the_first() {
    for pause in [0, MS, 5000 * MS] {
        for options in by_status() {
            let mut world = young_links(options);
            listed_as(&mut world, b"a");
            world.does(&write("t/b", 2));
            world.passes(pause);
            listed_as(&mut world, b"b");
            world.converges();
            let records = world.new_records();
            assert!(
                records.iter().any(|it| it == "changed t/a 4"),
                "{records:?}"
            );
        }
    }
}

#[test]
fn a_file_with_new_times_and_the_same_bytes_is_listed_with_its_digest_under_all_names() {
    let mut options = WorldOptions::default();
    options.settings.emits_again = true;
    let mut world = World::quiet(&options, &linked());
    world.does(&write("t/a", 2));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4", "changed t/b 4"]);
    for ops in [vec![Op::Touch("t/a")], write("t/a", 2)] {
        world.passes(5000 * MS);
        world.does(&ops);
        world.converges();
        for name in [&b"a"[..], b"b"] {
            let bytes = listed_as(&mut world, name).bytes;
            assert!(bytes.is_some_and(|bytes| bytes.digest.is_some()));
        }
        world.converges();
        assert_eq!(world.new_records(), Vec::<String>::new(), "{ops:?}");
    }
}

#[test]
fn a_file_that_goes_by_its_status_and_is_not_found_when_it_is_listed_is_a_change() {
    for options in by_status() {
        let mut world = World::quiet(&options, &write("t/a", 1));
        world.does(&[Op::Rename("t/a", "t/b")]);
        assert!(listed(&mut world).bytes.is_none());
        world.converges();
        let records = world.new_records();
        assert_eq!(records, ["renamed t/a -> t/b", "changed t/b 4"]);
    }
}
