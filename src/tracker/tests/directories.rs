//! Tests that directories that appear and disappear are watched before they are listed, emitted
//! once, and forgotten with their watches.

use std::collections::BTreeSet;

use super::super::emit::emission::Emitted;
use super::super::fake::Op;
use super::cases::{all, emits, emits_with, write};
use super::lines::line;
use super::world::{World, WorldOptions};
use crate::change::{Change, Warning};

#[test]
fn a_path_of_directories_made_at_once_is_watched_to_its_end() {
    let ops = all(&[
        vec![
            Op::MakeDir("t/a"),
            Op::MakeDir("t/a/b"),
            Op::MakeDir("t/a/b/c"),
        ],
        write("t/a/b/c/f", 1),
    ]);
    emits(
        &[],
        &ops,
        &[
            "created t/a/",
            "created t/a/b/",
            "created t/a/b/c/",
            "created t/a/b/c/f 4",
        ],
    );
}

#[test]
fn what_a_scan_and_an_event_both_see_is_reported_once() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    world.does(&[Op::MakeDir("t/d")]);
    world.read(1);
    world.apply_all();
    world.does(&write("t/d/f", 1));
    world.work(1);
    world.work(1);
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/", "created t/d/f 4"]);
}

#[test]
fn a_tree_removed_and_made_again_at_once_is_the_new_one() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e")],
        write("t/d/e/f", 1),
    ]);
    let ops = all(&[
        vec![
            Op::RemoveTree("t/d"),
            Op::MakeDir("t/d"),
            Op::MakeDir("t/d/e"),
        ],
        write("t/d/e/g", 1),
    ]);
    emits(
        &tree,
        &ops,
        // Inode numbers are used again at once: the new e is first taken for one in the old d.
        &[
            "deleted t/d/e/f",
            "deleted t/d/e/",
            "created t/d/e/",
            "deleted t/d/e/",
            "deleted t/d/",
            "created t/d/",
            "created t/d/e/",
            "created t/d/e/g 4",
        ],
    );
}

#[test]
fn a_directory_that_gets_the_number_of_a_removed_one_is_another() {
    let ops = all(&[
        vec![Op::RemoveDir("t/d"), Op::MakeDir("t/e")],
        write("t/e/f", 1),
    ]);
    emits(
        &[Op::MakeDir("t/d")],
        &ops,
        &["deleted t/d/", "created t/e/", "created t/e/f 4"],
    );
}

#[test]
fn a_file_where_a_directory_was_is_reported_after_it() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    let ops = all(&[vec![Op::RemoveTree("t/d")], write("t/d", 2)]);
    emits(
        &tree,
        &ops,
        &["deleted t/d/f", "deleted t/d/", "created t/d 4"],
    );
}

#[test]
fn a_directory_where_a_file_was_is_reported_after_it() {
    let ops = all(&[
        vec![Op::Unlink("t/a"), Op::MakeDir("t/a")],
        write("t/a/f", 2),
    ]);
    emits(
        &write("t/a", 1),
        &ops,
        &["deleted t/a", "created t/a/", "created t/a/f 4"],
    );
}

#[test]
fn without_a_watch_to_spare_a_directory_is_polled() {
    let mut world = World::quiet(
        &WorldOptions {
            most_watches: 1,
            ..WorldOptions::default()
        },
        &[],
    );
    world.does(&[Op::MakeDir("t/d")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/d/"]);
    assert_eq!(world.warnings, [("t/d".to_owned(), Warning::NoWatch)]);
    world.does(&write("t/d/f", 1));
    world.catches_up();
    assert_eq!(
        world.new_records(),
        Vec::<String>::new(),
        "there is no event"
    );
    world.waits();
    assert_eq!(world.new_records(), ["created t/d/f 4"]);
    world.tracker.disk.kernel.most_watches = 2;
    world.converges();
    world.does(&write("t/d/f", 2));
    world.converges();
    assert_eq!(
        world.new_records(),
        ["changed t/d/f 4"],
        "it has a watch by now"
    );
}

#[test]
fn an_unreadable_directory_is_reported_and_scanned_once_it_is_readable() {
    let tree = all(&[
        vec![Op::MakeDir("o/d")],
        write("o/d/f", 1),
        vec![Op::Chmod("o/d", false)],
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/d", "t/d")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/d/"]);
    assert_eq!(
        world.warnings,
        [("t/d".to_owned(), Warning::UnreadableDirectory)]
    );
    world.does(&[Op::Chmod("t/d", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/f 4"]);
}

#[test]
fn a_path_that_goes_away_takes_everything_with_it() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    for (op, rest) in [(Op::Rename("t", "x"), ""), (Op::RemoveTree("t"), "at once")] {
        let mut world = World::quiet(&WorldOptions::default(), &tree);
        world.does(&[op]);
        world.settles();
        let mut records = world.new_records();
        records.sort();
        assert_eq!(
            records,
            ["deleted t/", "deleted t/d/", "deleted t/d/f"],
            "{rest}"
        );
        assert!(!world.tracker.is_alive());
        assert_eq!(world.tracker.disk.kernel.watches().len(), 0);
    }
}

#[test]
fn a_path_that_is_made_again_is_gone_all_the_same() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/f", 1));
    world.does(&[Op::RemoveTree("t"), Op::MakeDir("t")]);
    world.settles();
    assert_eq!(world.new_records(), ["deleted t/f", "deleted t/"]);
    assert!(!world.tracker.is_alive());
}

#[test]
fn a_second_name_of_a_directory_that_holds_is_not_entered() {
    let mut options = WorldOptions::default();
    options.settings.rescan = Some(60_000_000_000);
    let mut world = World::quiet(
        &options,
        &all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]),
    );
    world.does(&[Op::Bind("t/d", "t/e")]);
    world.passes(60_000_000_000);
    world.work(1);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/e/"]);
    world.does(&write("t/d/f", 2));
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/d/f 4"], "emitted once");
}

#[test]
fn the_second_name_of_a_directory_is_entered_once_the_first_has_left() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Bind("t/d", "t/e")]);
    let top = world.tracker.roots.entries().next().unwrap();
    world.tracker.enqueue_name(top, b"e"); // mount(2) makes no event.
    world.settles();
    assert_eq!(world.new_records(), ["created t/e/"]);
    world.does(&[Op::Rename("t/d", "o/f")]);
    world.converges();
    let expected = [
        "deleted t/d/f",
        "deleted t/d/",
        "deleted t/e/",
        "created t/e/",
        "created t/e/f 4",
    ];
    assert_eq!(world.new_records(), expected);
    world.does(&write("t/e/f", 2));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/e/f 4"]);
}

#[test]
fn an_unmounted_directory_is_compared_again() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let watched = world.tracker.disk.kernel.watches();
    world.tracker.disk.kernel.unmount(watched[1].0);
    world.converges();
    assert_eq!(
        world.new_records(),
        Vec::<String>::new(),
        "it is still there, and watched again"
    );
    world.does(&write("t/d/f", 2));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/d/f 4"]);
}

#[test]
fn a_thing_that_is_no_file_has_a_name_alone() {
    let ops = [
        Op::Symlink("t/l"),
        Op::Fifo("t/p"),
        Op::Rename("t/l", "t/m"),
        Op::Unlink("t/p"),
    ];
    emits_with(
        &WorldOptions::default(),
        &[],
        &ops,
        &[
            "created t/l",
            "created t/p 0",
            "renamed t/l -> t/m",
            "deleted t/p",
        ],
    );
}

/// The records of the removal of a PATH, and the number of paths written in full.
fn removal(shown: &str) -> (Vec<String>, usize) {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e")],
        write("t/d/e/f", 1),
        write("t/g", 1),
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.tracker.roots.show_first_as(shown);
    let root = world.tracker.roots.entries().next().unwrap();
    let now = world.now();
    let tracker = world.tracker.at(now);
    assert!(tracker.remove_subtree(root, Emitted::All, usize::MAX, None));
    let batch = &world.tracker.records.ready;
    let mut starts = BTreeSet::new();
    for change in batch.changes() {
        if let Change::Deleted { path, .. } = change {
            starts.insert(path.start);
        }
    }
    let lines = batch.changes().iter().map(|change| line(batch, change));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    (lines, starts.len())
}

#[test]
fn the_removal_of_a_deep_tree_writes_no_path_again_that_begins_another() {
    let (lines, written) = removal("t");
    let reported = ["t/", "t/d/", "t/d/e/", "t/d/e/f", "t/g"].map(|path| format!("deleted {path}"));
    assert_eq!(lines, reported);
    assert_eq!(written, 2, "that of each file");

    // The paths of the children of PATH `/` do not begin with `//`.
    let (lines, _) = removal("");
    let reported = ["//", "/d/", "/d/e/", "/d/e/f", "/g"].map(|path| format!("deleted {path}"));
    assert_eq!(lines, reported);
}

#[test]
fn what_a_path_reports_is_gone_before_the_path_through_which_it_was_given() {
    let options = WorldOptions {
        roots: vec!["t", "u"],
        ..WorldOptions::default()
    };
    let tree = all(&[write("t/a", 1), write("u/b", 1)]);
    let mut world = World::quiet(&options, &tree);
    world.tracker.roots.show_first_as("u/t");
    world.tracker.lose_root(b"u/");
    let batch = &world.tracker.records.ready;
    let lines = batch.changes().iter().map(|change| line(batch, change));
    let expected = ["deleted u/t/a", "deleted u/t/", "deleted u/b", "deleted u/"];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
