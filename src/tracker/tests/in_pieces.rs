//! Tests that a directory with much in it is emitted in pieces when it is gone, and loses nothing.

use super::super::emit::emission::Emitted;
use super::super::fake::Op;
use super::cases::{touch, write};
use super::world::{MS, World, WorldOptions};
use crate::change::Change;
use crate::stage_order::Stages;

const MANY: [&str; 12] = [
    "t/d/a", "t/d/b", "t/d/c", "t/d/e", "t/d/f", "t/d/g", "t/d/h", "t/d/i", "t/d/j", "t/d/k",
    "t/d/l", "t/d/m",
];

#[test]
fn a_directory_with_much_in_it_is_reported_as_gone_in_pieces() {
    let mut tree = vec![Op::MakeDir("t/d")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    for comes_back in [false, true] {
        let mut world = World::quiet(&WorldOptions::default(), &tree);
        world.does(&[Op::Rename("t/d", "o/d")]);
        world.catches_up();
        world.passes(60 * MS);
        let (mut all, mut pieces) = (Vec::new(), 0);
        while all.len() < 7 || !comes_back && all.len() < MANY.len() + 1 {
            world.work(1);
            let piece = world.new_records();
            assert!(piece.len() <= 4, "at once: {piece:?}");
            pieces += usize::from(!piece.is_empty());
            all.extend(piece);
        }
        assert!(pieces > 1);
        if comes_back {
            world.does(&[Op::Rename("o/d", "t/d")]);
        } else {
            assert_eq!(all.last().map(String::as_str), Some("deleted t/d/"));
        }
        world.converges();
    }
}

#[test]
fn what_was_reported_as_gone_far_below_a_directory_that_comes_back_is_found_again() {
    let mut tree = ["t/e", "t/e/f", "t/e/f/d"].map(Op::MakeDir).to_vec();
    for number in 0..MANY.len() {
        tree.extend(touch(format!("t/e/f/d/{number}").leak()));
    }
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("t/e", "o/e")]);
    world.catches_up();
    world.passes(60 * MS);
    let mut gone = 0;
    while gone == 0 {
        world.work(1);
        gone = world.new_records().len();
    }
    assert!(gone < MANY.len());
    world.does(&[Op::Rename("o/e", "t/e")]);
    world.converges();
}

/// Applies the queued events piece by piece, and asserts that the batch's paths never have more
/// bytes than a piece and one path, and that no record is missing.
fn applies_in_pieces(world: &mut World, records: usize) -> Vec<String> {
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    let (mut all, mut pieces) = (Vec::new(), 0);
    while world.tracker.is_applying() {
        world.tracker.apply_next();
        let bytes = world.tracker.records.ready.path_bytes();
        assert!(bytes < 16 + 2 * "t/d/10".len(), "{bytes} bytes");
        world.absorb();
        let piece = world.new_records();
        pieces += usize::from(!piece.is_empty());
        all.extend(piece);
    }
    assert_eq!(all.len(), records, "{all:?}");
    assert!(pieces > 2);
    all
}

/// A world in which a directory with much in it was renamed, which is emitted as deleted and created.
fn renamed_apart() -> World {
    let mut tree = vec![Op::MakeDir("t/d")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut options = WorldOptions::default();
    options.settings.no_renames = true;
    let mut world = World::quiet(&options, &tree);
    world.does(&[Op::Rename("t/d", "t/e")]);
    world
}

#[test]
fn a_directory_with_much_in_it_that_is_renamed_is_emitted_apart_in_pieces() {
    let mut world = renamed_apart();
    let count = MANY.len() + 1;
    let all = applies_in_pieces(&mut world, 2 * count);
    assert_eq!(all[count - 1], "deleted t/d/");
    assert_eq!(all[count], "created t/e/");
    world.converges();
    assert_eq!(world.new_records(), Vec::<String>::new());
}

#[test]
fn a_directory_that_is_renamed_there_and_back_is_not_emitted_apart_for_each_event() {
    let mut tree = vec![Op::MakeDir("t/d")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut options = WorldOptions::default();
    options.settings.no_renames = true;
    let mut world = World::quiet(&options, &tree);
    let renames = 101;
    for _ in 0..renames / 2 {
        world.does(&[Op::Rename("t/d", "t/e"), Op::Rename("t/e", "t/d")]);
    }
    world.does(&[Op::Rename("t/d", "t/e")]);
    world.converges();
    let records = world.new_records();
    let most = 2 * renames + 4 * (MANY.len() + 1);
    assert!(records.len() <= most, "{} records", records.len());
}

#[test]
fn a_directory_with_much_in_it_that_another_one_replaces_is_gone_in_pieces() {
    let mut tree = vec![Op::MakeDir("t/d"), Op::MakeDir("o/new")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("t/d", "o/d"), Op::Rename("o/new", "t/d")]);
    let all = applies_in_pieces(&mut world, MANY.len() + 2);
    assert_eq!(all[MANY.len()..], ["deleted t/d/", "created t/d/"]);
    world.does(&touch("t/d/new"));
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/new 0"]);
}

#[test]
fn a_directory_that_is_found_under_another_name_is_emitted_apart_one_piece_a_step() {
    let mut tree = vec![Op::MakeDir("t/d"), Op::MakeDir("t/x")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut options = WorldOptions {
        most_events: 1,
        ..WorldOptions::default()
    };
    options.settings.no_renames = true;
    let mut world = World::quiet(&options, &tree);
    // The events of the rename are dropped.
    world.does(&[Op::Chmod("t/x", true), Op::Rename("t/d", "t/e")]);
    world.read(usize::MAX);
    world.apply_all();
    let (mut all, mut pieces) = (0, 0);
    while all < 2 * (MANY.len() + 1) {
        world.passes(MS);
        world.work(1);
        let piece = world.new_records();
        // A step of the work queue, and the events that are read after it.
        assert!(piece.len() <= 8, "at once: {piece:?}");
        let names = piece.iter().filter(|line| *line != "overflow").count();
        (all, pieces) = (all + names, pieces + usize::from(names > 0));
    }
    assert!(pieces > 2);
    world.converges();
}

#[test]
fn a_directory_that_is_found_again_while_it_is_removed_is_new() {
    let mut tree = vec![Op::MakeDir("t/d")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Open(0, "t/e")]);
    world.catches_up();
    world.does(&[Op::Put(0, 1), Op::Shut(0)]);
    world.does(&write("t/tmp", 2));
    world.does(&[
        Op::Append(1, "t/tmp"),
        Op::Rename("t/tmp", "t/e"),
        Op::Shut(1),
    ]);
    world.read(usize::MAX);
    // From now on the directory has the name that these events give to the file.
    world.does(&[Op::Exchange("t/d", "t/e")]);
    world.apply_all();
    world.converges();
}

#[test]
fn what_was_emitted_before_a_session_begins_is_dropped() {
    let mut tree = vec![Op::MakeDir("t/d")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let top = world.tracker.roots.entries().next().unwrap();
    let dir = world.tracker.model.find(top, b"d").unwrap();
    world.tracker.remove_rest(dir, Emitted::All);
    world.tracker.records.current().push(Change::Overflow);
    assert!(world.tracker.is_emitting());
    world.tracker.dismiss_records();
    assert!(!world.tracker.is_emitting() && world.tracker.records.ready.is_empty());
    assert_eq!(world.tracker.model.find(top, b"d"), None);
}

/// How many are left of all changes, and of those of a kind.
fn left(world: &World, is_of_kind: impl Fn(&Change) -> bool) -> (usize, usize) {
    let tracker = &world.tracker;
    (
        tracker.left_to_emit(|_| true),
        tracker.left_to_emit(is_of_kind),
    )
}

#[test]
fn what_is_left_of_a_renamed_directory_is_counted_by_what_is_printed() {
    let mut world = renamed_apart();
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    while !world.tracker.is_emitting() {
        world.apply();
    }
    let count = MANY.len() + 1;
    let is_created = |change: &Change| matches!(change, Change::Created { .. });
    world.absorb();
    let gone = world.new_records().len();
    assert!(gone < count);
    assert_eq!(left(&world, is_created), (2 * count - gone, count));
    world.converges();
    assert_eq!(left(&world, is_created), (0, 0));
}

#[test]
fn what_is_left_of_a_removed_directory_is_counted_by_what_is_printed() {
    // The inner PATH is reported by itself.
    let mut tree = vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/x")];
    tree.extend(MANY.iter().flat_map(|name| touch(name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let top = world.tracker.roots.entries().next().unwrap();
    let dir = world.tracker.model.find(top, b"d").unwrap();
    let inner = world.tracker.model.find(dir, b"x").unwrap();
    world.tracker.model.hide(inner);
    world.tracker.remove_rest(dir, Emitted::All);
    let count = MANY.len() + 1;
    let is_deleted = |change: &Change| matches!(change, Change::Deleted { .. });
    assert_eq!(left(&world, is_deleted), (count, count));
    let is_created = |change: &Change| matches!(change, Change::Created { .. });
    assert_eq!(left(&world, is_created), (count, 0));
}
