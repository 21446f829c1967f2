//! Tests that the watches of directories above PATHs stay, whatever happens to other entries of the
//! same directories.

use super::super::fake::{Node, Op};
use super::world::{World, WorldOptions};

/// The watch of a directory that is needed above a PATH.
fn watch_above(world: &mut World, path: &[u8]) -> Node {
    let node = world.tracker.disk.at(path).unwrap();
    let wd = world.tracker.disk.kernel.watch(node).unwrap();
    world.tracker.add_ancestor_watches(&[wd]);
    node
}

#[test]
fn a_watch_above_a_path_stays_when_its_directory_is_found_at_another_path() {
    let options = WorldOptions {
        roots: vec!["t", "u"],
        ..WorldOptions::default()
    };
    let mut world = World::quiet(&options, &[Op::MakeDir("o/x")]);
    let above = watch_above(&mut world, b"o/x");
    world.does(&[Op::Rename("u", "o/u"), Op::Rename("o/x", "u")]);
    world.settles();
    assert_eq!(world.new_records(), ["deleted u/"]);
    assert!(world.tracker.disk.kernel.is_watched(above));
}

#[test]
fn a_watch_above_a_path_stays_when_its_directory_moves_to_the_limit_of_depth() {
    let mut options = WorldOptions::default();
    options.settings.max_depth = Some(2);
    let mut world = World::quiet(&options, &[Op::MakeDir("t/d"), Op::MakeDir("t/e")]);
    let above = watch_above(&mut world, b"t/d");
    world.does(&[Op::Rename("t/d", "t/e/d")]);
    world.settles();
    assert!(world.tracker.disk.kernel.is_watched(above));
}
