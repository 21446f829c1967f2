//! Tests watches on files themselves (`--strict`).

use super::super::fake::Op;
use super::cases::{all, touch, write};
use super::world::{World, WorldOptions};

/// Options of a world with a watch on each file.
fn strict() -> WorldOptions {
    let mut options = WorldOptions::default();
    options.settings.strict = true;
    options
}

#[test]
fn a_watch_on_the_file_itself_sees_what_other_names_do() {
    let mut world = World::quiet(&strict(), &write("t/a", 1));
    world.does(&[
        Op::Append(0, "t/a"),
        Op::Rename("t/a", "o/a"),
        Op::Link("o/a", "t/a"),
    ]);
    world.catches_up();
    world.converges();
    assert_eq!(world.tracker.file_watches(), 1);
}

#[test]
fn a_file_that_could_not_be_watched_is_watched_once_it_can_be() {
    for failures in 1..5 {
        let mut world = World::quiet(&strict(), &[]);
        world.tracker.disk.failing_file_watches = failures;
        world.does(&[Op::Open(0, "t/a"), Op::Put(0, 1)]);
        world.catches_up();
        world.does(&[Op::Put(0, 2), Op::Shut(0)]);
        world.catches_up();
        world.does(&[Op::Append(0, "t/a"), Op::Put(0, 3)]);
        world.converges();
        assert_eq!(world.tracker.file_watches(), 1, "{failures}");
    }
}

#[test]
fn a_file_saved_by_a_rename_or_with_a_used_number_is_watched_by_itself() {
    let saved = all(&[write("t/tmp", 2), vec![Op::Rename("t/tmp", "t/a")]]);
    let renewed = all(&[
        vec![Op::Rename("t/a", "o/a"), Op::Unlink("o/a")],
        write("t/a", 2),
    ]);
    for ops in [saved, renewed] {
        let mut world = World::quiet(&strict(), &write("t/a", 1));
        world.does(&ops);
        world.converges();
        assert_eq!(world.tracker.file_watches(), 1);
    }
}

#[test]
fn a_file_that_is_found_after_it_has_left_is_watched_though_it_has_the_same_inode_number() {
    let mut world = World::quiet(&strict(), &[]);
    world.does(&touch("t/a"));
    world.catches_up();
    world.does(&[Op::Rename("t/a", "o/b")]);
    world.read(usize::MAX);
    // Within the same tick of the clock, so that the birth time is the same, too.
    world.does(&all(&[vec![Op::Unlink("o/b")], touch("t/a")]));
    world.tracker.disk.kernel.read(usize::MAX); // These events are dropped.
    world.converges();
    assert_eq!(world.tracker.file_watches(), 1);
}
