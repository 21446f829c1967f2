//! Tests PATHs that lie in a directory of another PATH: each name is reported once, and what such
//! a PATH reported is deleted before anything else takes its path.

use super::super::fake::Op;
use super::cases::{all, touch, write};
use super::world::{World, WorldOptions};
use crate::filter::{Filter, FilterOptions};
use crate::stage_order::Stages;

fn tree() -> Vec<Op> {
    let dirs = vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e"), Op::MakeDir("o/x")];
    all(&[dirs, write("t/d/e/a", 1), write("t/f", 2)])
}

/// What happens to the innermost of these PATHs; asserts that these records come.
fn emits(roots: &[&'static str], ops: &[Op], expected: &[&str]) {
    let options = WorldOptions {
        roots: roots.to_vec(),
        ..WorldOptions::default()
    };
    let mut world = World::quiet(&options, &tree());
    world.does(ops);
    world.converges();
    assert_eq!(world.new_records(), expected, "{ops:?}");
}

#[test]
fn a_directory_made_again_under_the_name_of_a_path_is_created_after_that_is_deleted() {
    emits(
        &["t/d", "t"],
        &[Op::RemoveTree("t/d"), Op::MakeDir("t/d")],
        &[
            "deleted t/d/e/a",
            "deleted t/d/e/",
            "deleted t/d/",
            "created t/d/",
        ],
    );
}

#[test]
fn a_path_is_deleted_before_a_directory_above_it_is_renamed() {
    emits(
        &["t/d/e", "t"],
        &[Op::Rename("t/d", "t/x")],
        &[
            "deleted t/d/e/a",
            "deleted t/d/e/",
            "renamed t/d/ -> t/x/",
            "created t/x/e/",
            "created t/x/e/a 4",
        ],
    );
}

#[test]
fn a_path_that_moved_is_gone_though_it_came_back() {
    let options = WorldOptions {
        roots: vec!["t/d/e", "t"],
        ..WorldOptions::default()
    };
    let mut world = World::quiet(&options, &tree());
    world.does(&[Op::Exchange("t/d/e", "t/f"), Op::Exchange("t/d/e", "t/f")]);
    world.converges();
    let records = world.new_records();
    assert_eq!(records[..2], ["deleted t/d/e/a", "deleted t/d/e/"]);
}

/// In the PATH that both are in, neither is a name that is reported.
#[test]
fn two_paths_in_another_one_that_are_exchanged_are_deleted_before_others_take_their_names() {
    let options = WorldOptions {
        roots: vec!["t/d/e", "t/x", "t"],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), vec![Op::MakeDir("t/x")], touch("t/x/b")]);
    for ends in [("t/d/e", "t/x"), ("t/x", "t/d/e")] {
        let mut world = World::quiet(&options, &tree);
        world.does(&[Op::Exchange(ends.0, ends.1)]);
        world.converges();
        let records = world.new_records();
        let made = records
            .iter()
            .position(|record| record.starts_with("created"));
        let mut gone: Vec<_> = records[..made.unwrap()].to_vec();
        gone.sort();
        let expected = [
            "deleted t/d/e/",
            "deleted t/d/e/a",
            "deleted t/x/",
            "deleted t/x/b",
        ];
        assert_eq!(gone, expected, "{records:?}");
    }
}

#[test]
fn a_directory_that_is_removed_takes_the_paths_in_it_along() {
    emits(
        &["t/d/e", "t"],
        &[Op::Rename("t/d", "o/d")],
        &["deleted t/d/e/a", "deleted t/d/e/", "deleted t/d/"],
    );
}

#[test]
fn a_file_whose_name_is_not_hidden_takes_the_place_of_a_path_that_is() {
    let options = WorldOptions {
        roots: vec!["t/d", "t"],
        exclude: vec!["d/"],
        ..WorldOptions::default()
    };
    let cases = [
        (vec![Op::Rename("t/f", "t/d")], "renamed t/f -> t/d"),
        (touch("t/d"), "created t/d 0"),
        (vec![Op::Symlink("t/d")], "created t/d"),
    ];
    for (file, emitted) in cases {
        let mut world = World::quiet(&options, &tree());
        world.does(&[Op::Rename("t/d", "o/d")]);
        world.does(&file);
        world.converges();
        let expected = ["deleted t/d/e/a", "deleted t/d/e/", "deleted t/d/", emitted];
        assert_eq!(world.new_records(), expected);
    }
}

#[test]
fn a_file_of_a_path_takes_its_place() {
    emits(
        &["t/d/e", "t"],
        &[Op::Rename("t/d/e", "o/e"), Op::Rename("o/e/a", "t/d/e")],
        &["deleted t/d/e/a", "deleted t/d/e/", "created t/d/e 4"],
    );
}

#[test]
fn at_the_limit_of_the_depth_a_path_is_replaced_by_a_directory_that_is_not_entered() {
    let mut options = WorldOptions {
        roots: vec!["t/d", "t"],
        ..WorldOptions::default()
    };
    options.settings.max_depth = Some(1);
    let mut world = World::quiet(&options, &tree());
    world.does(&[
        Op::Rename("t/d", "o/d"),
        Op::MakeDir("t/d"),
        Op::MakeDir("t/d/x"),
    ]);
    world.converges();
    assert_eq!(
        world.new_records(),
        ["deleted t/d/e/", "deleted t/d/", "created t/d/"]
    );
}

#[test]
fn a_path_stays_while_a_filter_hides_it_in_another_one() {
    let filter = |exclude: &[String]| {
        let options = FilterOptions {
            exclude,
            exclude_from: &[],
            include: &[],
            gitignore: false,
        };
        Filter::new(&options).unwrap()
    };
    for max_depth in [None, Some(1)] {
        let mut options = WorldOptions {
            roots: vec!["t/d", "t"],
            ..WorldOptions::default()
        };
        options.settings.max_depth = max_depth;
        let mut world = World::quiet(&options, &tree());
        let top = world.tracker.roots.entries().last().unwrap();
        for exclude in [vec!["d/".to_owned()], vec![]] {
            world.tracker.filter = filter(&exclude);
            world.tracker.enqueue_name(top, b"d");
            world.settles();
            assert_eq!(world.new_records(), Vec::<String>::new());
        }
        world.does(&write("t/d/x", 1));
        world.converges();
        assert_eq!(world.new_records(), ["created t/d/x 0", "changed t/d/x 4"]);
    }
}

#[test]
fn a_path_whose_watch_is_gone_without_an_event_is_polled_at_the_limit_of_watches() {
    let options = WorldOptions {
        roots: vec!["t/d", "t"],
        ..WorldOptions::default()
    };
    let mut world = World::quiet(&options, &tree());
    let root = world.tracker.roots.entries().next().unwrap();
    let wd = world.tracker.model.wd(root).unwrap();
    world.tracker.disk.kernel.most_watches = 1;
    world.tracker.disk.kernel.unwatch(wd);
    world.tracker.disk.kernel.read(usize::MAX); // IN_IGNORED is lost.
    world.tracker.enqueue(root);
    world.settles();
    assert_eq!(world.tracker.model.wd(root), None);
    world.does(&write("t/d/x", 1));
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/x 4"]);
}

/// Applies the events before a survey finds what the PATHs lead to.
pub(super) fn applies_unsurveyed(world: &mut World) {
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    while world.is_applying() {
        world.apply();
        world.absorb();
    }
}

#[test]
fn a_directory_takes_the_place_of_the_link_that_led_to_a_path_in_it() {
    let mut options = WorldOptions {
        links: vec![("t/x", "t/d/e")],
        ..WorldOptions::default()
    };
    options.settings.max_depth = Some(1);
    let tree = all(&[tree(), vec![Op::Symlink("t/x")]]);
    let replaced = [Op::Unlink("t/x"), Op::Rename("t/d", "t/x")];
    for ops in [&replaced[..], &[Op::Exchange("t/d", "t/x")]] {
        let mut world = World::quiet(&options, &tree);
        world.does(ops);
        applies_unsurveyed(&mut world);
        world.converges();
        let expected = ["deleted t/x/a", "deleted t/x/", "renamed t/d/ -> t/x/"];
        assert_eq!(world.new_records()[..3], expected, "{ops:?}");
    }
}

#[test]
fn a_directory_is_removed_with_a_path_in_it_and_one_above_it_that_leads_through_that() {
    let options = WorldOptions {
        roots: vec!["t/d/e"],
        links: vec![("t/d/e/x", "t")],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), vec![Op::Symlink("t/d/e/x")]]);
    for op in [
        Op::Rename("t/d", "o/d"),
        Op::Rename("t/d", "t/y"),
        Op::RemoveTree("t/d"),
    ] {
        let mut world = World::quiet(&options, &tree);
        world.does(&[op]);
        applies_unsurveyed(&mut world);
        world.settles();
        assert!(!world.tracker.is_alive());
        assert!(world.fold.names.is_empty());
    }
}

#[test]
fn the_directory_of_a_path_that_appears_becomes_a_part_of_the_path_that_it_is_in() {
    let mut world = World::quiet(&WorldOptions::default(), &tree());
    let again = [Op::RemoveTree("t/d"), Op::MakeDir("t/d")];
    world.does(&all(&[again.to_vec(), write("t/d/f", 3)]));
    // A survey finds it before the events are applied.
    world.add_file("t/d/f");
    world.converges();
    assert_eq!(
        world.new_records(),
        [
            "deleted t/d/e/a",
            "deleted t/d/e/",
            "deleted t/d/",
            "created t/d/",
            "created t/d/f 4"
        ]
    );
}

#[test]
fn a_path_is_deleted_before_a_directory_that_it_leads_through_is_renamed_or_replaced() {
    let options = WorldOptions {
        links: vec![("t/d/x", "o/x")],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), write("o/x/f", 4), vec![Op::Symlink("t/d/x")]]);
    let inside = [Op::Rename("o/x/f", "t/d/f"), Op::Rename("t/d", "t/y")];
    let cases: [(&[Op], &str); 4] = [
        (&[Op::Rename("t/d", "t/y")], "renamed t/d/ -> t/y/"),
        (&[Op::Rename("t/d", "o/x/d")], "deleted t/d/e/a"),
        (&[Op::Exchange("t/d", "o/x/f")], "deleted t/d/e/a"),
        (&inside, "renamed t/d/x/f -> t/d/f"),
    ];
    for (ops, next) in cases {
        let mut world = World::quiet(&options, &tree);
        world.does(ops);
        applies_unsurveyed(&mut world);
        world.converges();
        let records = world.new_records();
        let at = records
            .iter()
            .position(|record| record == "deleted t/d/x/")
            .unwrap();
        assert!(records.contains(&next.to_owned()), "{records:?}");
        let moved =
            |record: &String| record.starts_with("renamed t/d/ ") || record == "deleted t/d/";
        assert!(records[at..].iter().any(moved), "{records:?}");
    }
}

#[test]
fn a_path_is_deleted_before_a_directory_is_created_where_the_link_to_it_was() {
    let options = WorldOptions {
        links: vec![("t/x", "o/x")],
        ..WorldOptions::default()
    };
    let tree = all(&[tree(), vec![Op::Symlink("t/x")]]);
    let made = [Op::Unlink("t/x"), Op::MakeDir("t/x")];
    let moved = [Op::Unlink("t/x"), Op::Rename("t/d", "t/x")];
    for (ops, record) in [(&made, "created t/x/"), (&moved, "renamed t/d/ -> t/x/")] {
        let mut world = World::quiet(&options, &tree);
        world.does(ops);
        applies_unsurveyed(&mut world);
        world.converges();
        assert_eq!(world.new_records(), ["deleted t/x/", record]);
    }
}

#[test]
fn a_path_whose_link_a_directory_replaces_is_deleted_though_a_file_in_that_is_a_path() {
    let mut options = WorldOptions {
        links: vec![("t/x", "o/x")],
        files: vec!["t/d/a"],
        ..WorldOptions::default()
    };
    options.settings.max_depth = Some(1);
    let tree = all(&[tree(), touch("t/d/a"), vec![Op::Symlink("t/x")]]);
    let mut world = World::new(&options, &tree);
    world.converges();
    world.new_records();
    world.does(&[
        Op::Unlink("t/x"),
        Op::Rename("t/d", "o/d"),
        Op::Rename("o/d", "t/x"),
    ]);
    applies_unsurveyed(&mut world);
    world.converges();
    let records = world.new_records();
    let at = |record: &str| records.iter().position(|other| other == record);
    assert!(at("deleted t/x/") < at("created t/x/"), "{records:?}");
}
