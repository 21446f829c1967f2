//! Tests renames of all kinds: the name moves, a replaced file goes, and both names are looked up.

use super::super::Hashing;
use super::super::fake::Op;
use super::cases::{all, emits, emits_with, folds, touch, write};
use super::content::hashing;
use super::world::{MS, World, WorldOptions};
use crate::stage_order::Stages;

#[test]
fn two_names_exchanged_fold_to_the_truth() {
    let tree = all(&[write("t/a", 1), write("t/b", 2)]);
    folds(&tree, &[Op::Exchange("t/a", "t/b")]);
}

#[test]
fn two_directories_exchanged_fold_to_the_truth() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/e")],
        write("t/d/f", 1),
        write("t/e/g", 2),
    ]);
    folds(&tree, &[Op::Exchange("t/d", "t/e")]);
}

#[test]
fn a_file_and_a_directory_exchanged_fold_to_the_truth() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1), write("t/a", 2)]);
    folds(&tree, &[Op::Exchange("t/d", "t/a")]);
}

#[test]
fn a_whiteout_stands_where_the_file_was() {
    emits(
        &write("t/a", 1),
        &[Op::Whiteout("t/a", "t/b")],
        &["renamed t/a -> t/b", "created t/a"],
    );
}

#[test]
fn a_whiteout_is_reported_where_a_directory_was_hidden() {
    let options = WorldOptions {
        exclude: vec!["d/"],
        ..WorldOptions::default()
    };
    let tree = [Op::MakeDir("t/d")];
    emits_with(
        &options,
        &tree,
        &[Op::Whiteout("t/d", "t/e")],
        &["created t/e/", "created t/d"],
    );
}

#[test]
fn a_directory_that_moved_out_and_was_made_again_is_the_new_one() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/old", 1)]);
    let ops = all(&[
        vec![Op::Rename("t/d", "o/d"), Op::MakeDir("t/d")],
        write("t/d/new", 2),
        write("o/d/foreign", 1),
    ]);
    emits(
        &tree,
        &ops,
        &[
            "deleted t/d/old",
            "deleted t/d/",
            "created t/d/",
            "created t/d/new 4",
        ],
    );
}

#[test]
fn a_directory_that_moved_out_and_back_is_found_with_what_it_got_there() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    let ops = all(&[
        vec![Op::Rename("t/d", "o/d")],
        write("o/d/g", 2),
        vec![Op::Rename("o/d", "t/e")],
    ]);
    emits(&tree, &ops, &["renamed t/d/ -> t/e/", "created t/e/g 4"]);
}

#[test]
fn a_tree_that_moves_in_is_reported_from_the_top() {
    let tree = all(&[
        vec![Op::MakeDir("o/d"), Op::MakeDir("o/d/e")],
        write("o/d/e/f", 1),
    ]);
    emits(
        &tree,
        &[Op::Rename("o/d", "t/d")],
        &["created t/d/", "created t/d/e/", "created t/d/e/f 4"],
    );
}

#[test]
fn a_tree_that_moves_out_is_deleted_from_the_leaves() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e")],
        write("t/d/e/f", 1),
    ]);
    emits(
        &tree,
        &[Op::Rename("t/d", "o/d")],
        &["deleted t/d/e/f", "deleted t/d/e/", "deleted t/d/"],
    );
}

#[test]
fn a_chain_of_renames_is_reported_link_by_link() {
    let ops = [
        Op::Rename("t/a", "t/c"),
        Op::Rename("t/c", "t/d"),
        Op::Rename("t/d", "t/e"),
    ];
    emits(
        &write("t/a", 1),
        &ops,
        &[
            "renamed t/a -> t/c",
            "renamed t/c -> t/d",
            "renamed t/d -> t/e",
        ],
    );
}

#[test]
fn a_swap_through_a_temporary_name_is_three_renames() {
    let tree = all(&[write("t/a", 1), write("t/b", 2)]);
    let ops = [
        Op::Rename("t/a", "t/x"),
        Op::Rename("t/b", "t/a"),
        Op::Rename("t/x", "t/b"),
    ];
    emits(
        &tree,
        &ops,
        &[
            "renamed t/a -> t/x",
            "renamed t/b -> t/a",
            "renamed t/x -> t/b",
        ],
    );
}

#[test]
fn a_directory_made_renamed_and_filled_at_once_is_watched() {
    let ops = all(&[
        vec![Op::MakeDir("t/n"), Op::Rename("t/n", "t/m")],
        write("t/m/f", 1),
    ]);
    emits(&[], &ops, &["created t/m/", "created t/m/f 4"]);
}

#[test]
fn what_came_moved_and_went_is_reported() {
    let ops = all(&[
        write("t/a", 1),
        vec![Op::Rename("t/a", "t/b"), Op::Unlink("t/b")],
    ]);
    emits(
        &[],
        &ops,
        &["created t/a 0", "renamed t/a -> t/b", "deleted t/b"],
    );
}

#[test]
fn a_file_that_moves_while_it_is_compared_has_moved() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/f", 1));
    world.does(&write("t/tmp", 2));
    world.read(usize::MAX);
    world.does(&[Op::Rename("t/tmp", "t/f")]);
    world.apply_all();
    world.converges();
    assert_eq!(
        world.new_records(),
        ["created t/tmp 0", "renamed t/tmp -> t/f", "changed t/f 4"]
    );
}

#[test]
fn the_two_events_of_a_rename_may_be_read_apart() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.does(&[Op::Rename("t/a", "t/b")]);
    world.read(1);
    world.apply_all();
    world.work(10);
    world.passes(20_000_000);
    assert_eq!(
        world.new_records(),
        Vec::<String>::new(),
        "it waits for the MOVED_TO event"
    );
    world.converges();
    assert_eq!(world.new_records(), ["renamed t/a -> t/b"]);
}

#[test]
fn a_rename_whose_second_event_waits_to_be_applied_is_one_however_long_that_takes() {
    // In the batch that is being applied, and in one that was read and is not begun.
    for is_in_batch in [true, false] {
        let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
        world.passes(MS);
        world.does(&[Op::Rename("t/a", "t/b")]);
        if is_in_batch {
            world.read(usize::MAX);
            let Ok(_) = world.begin_batch();
            world.tracker.apply_next();
        } else {
            world.read(1);
            world.apply_all();
            world.read(usize::MAX);
        }
        assert!(world.has_events(), "the other half is to come");
        for _ in 0..5 {
            world.passes(60 * MS);
            world.work(10);
        }
        world.converges();
        assert_eq!(world.new_records(), ["renamed t/a -> t/b"], "{is_in_batch}");
    }
}

#[test]
fn a_file_that_moved_out_is_a_deletion_however_many_events_come() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.passes(MS);
    world.does(&[Op::Rename("t/a", "o/a")]);
    let began = world.tick;
    while world.new_records().is_empty() {
        assert!(world.tick < began + 1100 * MS, "it is awaited for too long");
        world.does(&[Op::Touch("t")]);
        world.read(1);
        world.apply_all();
        world.does(&[Op::Touch("t")]);
        world.read(1);
        world.passes(30 * MS);
        world.work(10);
    }
    world.converges();
}

#[test]
fn a_moved_from_event_that_stays_alone_is_a_deletion_after_a_grace() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.does(&[Op::Rename("t/a", "o/a")]);
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.waits();
    assert_eq!(world.new_records(), ["deleted t/a"]);
}

#[test]
fn what_moved_out_before_its_name_was_made_again_is_deleted_and_created() {
    let link = vec![Op::Symlink("t/a")];
    let move_out = vec![Op::Rename("t/a", "o/a")];
    for (make, created) in [(link, "created t/a"), (touch("t/a"), "created t/a 0")] {
        emits(
            &make,
            &all(&[move_out.clone(), make.clone()]),
            &["deleted t/a", created],
        );
        let again = all(&[
            move_out.clone(),
            make.clone(),
            vec![Op::Rename("t/a", "t/b")],
        ]);
        emits(
            &make,
            &again,
            &["deleted t/a", created, "renamed t/a -> t/b"],
        );
        let mut world = World::quiet(&WorldOptions::default(), &make);
        world.does(&move_out);
        world.does(&make);
        world.converges();
        assert_eq!(world.new_records(), ["deleted t/a", created]);
    }
}

#[test]
fn a_move_from_one_path_to_another_is_a_rename() {
    let options = WorldOptions {
        roots: vec!["t", "u"],
        ..WorldOptions::default()
    };
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    emits_with(
        &options,
        &tree,
        &[Op::Rename("t/d", "u/d")],
        &["renamed t/d/ -> u/d/"],
    );
}

#[test]
fn what_was_made_and_left_the_tree_unseen_is_reported_so() {
    emits(
        &[],
        &[Op::Symlink("t/l"), Op::Rename("t/l", "o/l")],
        &["created t/l 0", "deleted t/l"],
    );
}

#[test]
fn a_rename_that_is_emitted_as_created_has_no_size_that_is_not_that_of_its_digest() {
    let mut options = WorldOptions::default();
    options.settings.no_renames = true;
    // Of 16 sizes, about one has the same short hash as that of the empty file.
    for blocks in 1..64 {
        let puts = |slot| vec![Op::Put(slot, 1); blocks];
        let tree = all(&[vec![Op::Open(0, "t/a")], puts(0)]);
        let mut world = World::quiet(&options, &tree);
        world.does(&[Op::Rename("t/a", "t/b"), Op::Open(0, "t/b")]);
        world.read(usize::MAX);
        let Ok(_) = world.begin_batch();
        world.tracker.apply_next(); // IN_MOVED_FROM
        world.tracker.apply_next(); // IN_MOVED_TO
        world.does(&puts(0));
        world.apply_all();
        world.converges();
    }
}

#[test]
fn no_directory_is_moved_into_itself_or_onto_one_that_it_is_in() {
    let tree = [Op::MakeDir("t/d"), Op::MakeDir("t/d/e")];
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let [top, d, e] = ["/t", "/t/d", "/t/d/e"].map(|path| {
        let found = world.tracker.entry_at(path.as_bytes());
        found.unwrap()
    });
    world.tracker.rename(d, e, b"x");
    world.tracker.rename(e, top, b"d");
    world.tracker.rename(d, top, b"d");
    world.settles();
    assert_eq!(world.new_records(), Vec::<String>::new());
    assert_eq!(world.tracker.entry_at(b"/t/d/e"), Some(e));
}

#[test]
fn a_file_that_was_written_to_outside_is_changed_though_it_was_touched_before() {
    for how in [Hashing::Lazy, Hashing::Off] {
        let mut world = World::quiet(&hashing(how), &write("t/a", 1));
        world.does(&[Op::Chmod("t/a", true), Op::Rename("t/a", "o/a")]);
        world.does(&write("o/a", 2));
        world.does(&[Op::Rename("o/a", "t/a")]);
        world.converges();
        assert_eq!(world.new_records(), ["changed t/a 4"], "{how:?}");
    }
}
