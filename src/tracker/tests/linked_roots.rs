//! Tests PATHs that lead through a symbolic link in another PATH, some of them in a circle: to a
//! directory above the link.

use super::super::fake::Op;
use super::cases::{all, touch, write};
use super::nested_roots::applies_unsurveyed;
use super::world::{MS, World, WorldOptions};
use crate::stage_order::Stages;

fn tree() -> Vec<Op> {
    let dirs = ["t/d", "t/d/e", "o/x", "u/p"].map(Op::MakeDir);
    all(&[dirs.to_vec(), write("t/f", 2), write("o/x/f", 4)])
}

/// A PATH in a directory that another PATH leads to, which is given through the first one; and
/// others.
fn circle() -> WorldOptions {
    WorldOptions {
        roots: vec!["t/d/e", "u/p", "u"],
        links: vec![("t/d/e/x", "t")],
        ..WorldOptions::default()
    }
}

/// Does all that is due, before a survey finds what the PATHs lead to and the next events are read.
fn works_unsurveyed(world: &mut World) {
    world.passes(10 * MS);
    world.begin_work();
    while Stages::work(world) {}
    world.absorb();
}

/// Asserts that both PATHs of the circle have gone after these calls.
fn ends_circle(options: &WorldOptions, more: &[Op], ops: &[Op]) {
    let tree = all(&[tree(), more.to_vec(), vec![Op::Symlink("t/d/e/x")]]);
    let mut world = World::quiet(options, &tree);
    world.does(ops);
    applies_unsurveyed(&mut world);
    works_unsurveyed(&mut world);
    world.settles();
    let left: Vec<_> = world.fold.names.keys().collect();
    assert_eq!(left, [&b"u"[..], b"u/p"], "{ops:?}");
}

#[test]
fn what_takes_the_name_of_a_directory_with_a_circle_in_it_ends_the_path_that_it_is_in() {
    let takes = [
        touch("t/d"),
        write("t/d", 1),
        vec![Op::Symlink("t/d")],
        vec![Op::MakeDir("t/d")],
        vec![Op::Rename("t/f", "t/d")],
        vec![Op::Symlink("t/y"), Op::Rename("t/y", "t/d")],
        vec![Op::Fifo("t/d"), Op::Rename("t/d", "t/y")],
    ];
    for take in takes {
        for exclude in [vec![], vec!["d/"]] {
            for max_depth in [None, Some(1)] {
                let mut options = WorldOptions {
                    exclude: exclude.clone(),
                    ..circle()
                };
                options.settings.max_depth = max_depth;
                ends_circle(
                    &options,
                    &[],
                    &all(&[vec![Op::Rename("t/d", "o/d")], take.clone()]),
                );
            }
        }
    }
    ends_circle(&circle(), &[], &[Op::Whiteout("t/d", "o/d")]);
    ends_circle(&circle(), &[], &[Op::Exchange("t/d", "o/x")]);
}

#[test]
fn a_path_that_is_removed_in_pieces_is_not_reconciled_by_what_is_left_of_an_event() {
    let tree = all(&[write("t/d/a", 1), write("t/d/b", 1), write("t/g", 1)]);
    let moved = [Op::Rename("o/x/f", "t/d/a"), Op::Append(0, "t/d/a")];
    let written = [Op::Put(0, 2), Op::Shut(0), Op::Rename("t/d", "o/d")];
    ends_circle(
        &circle(),
        &tree,
        &[&moved[..], &written, &touch("t/d")].concat(),
    );
}

#[test]
fn a_name_that_was_never_found_is_not_emitted_in_another_directory_with_the_id_of_its_own() {
    let mut world = World::quiet(&WorldOptions::default(), &tree());
    world.does(&all(&[
        touch("t/d/e/new"),
        vec![Op::Rename("t/d/e/new", "o/new")],
    ]));
    world.read(1);
    applies_unsurveyed(&mut world);
    world.does(&[Op::RemoveTree("t/d/e"), Op::MakeDir("t/y")]);
    world.converges();
    let records = world.new_records();
    assert_eq!(records, ["deleted t/d/e/", "created t/y/"]);
}

#[test]
fn a_file_that_takes_the_name_of_a_hidden_directory_ends_the_paths_through_that() {
    let options = WorldOptions {
        links: vec![("t/d/x", "o/x")],
        exclude: vec!["d/"],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), vec![Op::Symlink("t/d/x")]]);
    let mut world = World::quiet(&options, &tree);
    world.does(&[Op::Rename("t/d", "u/d"), Op::Rename("o/x/f", "t/d")]);
    applies_unsurveyed(&mut world);
    world.converges();
    assert_eq!(
        world.new_records(),
        ["deleted t/d/x/f", "deleted t/d/x/", "created t/d 4"]
    );
}

#[test]
fn a_link_that_is_renamed_or_replaced_ends_the_paths_through_it_before() {
    let deleted = ["deleted t/l/x/f", "deleted t/l/x/"];
    let cases: [(&[Op], &[&str], &str); 2] = [
        (&[Op::Rename("t/l", "t/m")], &[], "renamed t/l -> t/m"),
        (
            &[Op::Symlink("t/m"), Op::Rename("t/m", "t/l")],
            &["created t/m"],
            "renamed t/m -> t/l",
        ),
    ];
    for (ops, before, renamed) in cases {
        let tree = all(&[tree(), vec![Op::Symlink("t/l")]]);
        let mut world = World::quiet(&WorldOptions::default(), &tree);
        world.tops.push("t/l/x");
        world.build(b"o/x", b"t/l/x");
        world.does(ops);
        applies_unsurveyed(&mut world);
        world.settles();
        let expected = [before, &deleted, &[renamed]].concat();
        assert_eq!(world.new_records(), expected);
    }
}

#[test]
fn a_new_directory_with_the_inode_number_of_a_path_takes_the_place_of_the_link_to_it() {
    let options = WorldOptions {
        links: vec![("t/d/x", "o/x")],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), vec![Op::Symlink("t/d/x")]]);
    let mut world = World::quiet(&options, &tree);
    world.does(&[Op::Unlink("t/d/x")]);
    world.read(usize::MAX);
    world.does(&[Op::RemoveTree("o/x"), Op::MakeDir("t/d/x")]);
    let Ok(_) = world.begin_batch();
    while world.is_applying() {
        world.apply();
    }
    works_unsurveyed(&mut world);
    world.converges();
    let records = world.new_records();
    let at = |record: &str| records.iter().position(|other| other == record);
    assert!(at("deleted t/d/x/") < at("created t/d/x/"), "{records:?}");
}

#[test]
fn a_write_in_a_path_that_ends_before_it_is_read_is_reported_of_other_names() {
    let options = WorldOptions {
        links: vec![("t/x", "o/x")],
        ..WorldOptions::default()
    };
    let links = vec![Op::Symlink("t/x"), Op::Link("o/x/f", "t/g")];
    let mut world = World::quiet(&options, &all(&[tree(), links]));
    world.does(&all(&[write("o/x/f", 1), vec![Op::Unlink("t/x")]]));
    world.converges();
    let records = world.new_records();
    assert_eq!(records[..2], ["deleted t/x/f", "deleted t/x/"]);
    assert!(records.contains(&"changed t/g 4".to_owned()), "{records:?}");
}
