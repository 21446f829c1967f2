//! Tests that after the kernel queue dropped events, the changes they were about are found.

use super::super::disk::Disk as _;
use super::super::fake::Op;
use super::super::polling::POLL;
use super::super::queue::WorkQueue;
use super::cases::{all, emits_with, touch, write};
use super::content::questions;
use super::world::{MS, World, WorldOptions};

/// Options with a kernel queue of so many events.
fn short(most_events: usize) -> WorldOptions {
    WorldOptions {
        most_events,
        ..WorldOptions::default()
    }
}

#[test]
fn what_an_overflow_dropped_is_made_up_for() {
    let tree = all(&[write("t/a", 1), write("t/b", 1)]);
    let ops = all(&[
        vec![Op::Unlink("t/a")],
        write("t/b", 2),
        vec![Op::MakeDir("t/d")],
        write("t/d/f", 1),
    ]);
    let emitted = [
        "deleted t/a",
        "overflow",
        "changed t/b 4",
        "created t/d/",
        "created t/d/f 4",
    ];
    emits_with(&short(1), &tree, &ops, &emitted);
}

#[test]
fn a_rename_that_was_dropped_is_found_as_one() {
    let tree = all(&[
        write("t/x", 1),
        write("t/a", 1),
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/e")],
        write("t/d/f", 2),
    ]);
    let ops = [
        Op::Touch("t/x"),
        Op::Rename("t/a", "t/b"),
        Op::Rename("t/d", "t/e/d"),
    ];
    let emitted = ["overflow", "renamed t/a -> t/b", "renamed t/d/ -> t/e/d/"];
    emits_with(&short(1), &tree, &ops, &emitted);
}

#[test]
fn one_half_of_a_rename_may_be_dropped() {
    let tree = write("t/a", 1);
    emits_with(
        &short(1),
        &tree,
        &[Op::Rename("t/a", "t/b")],
        &["overflow", "renamed t/a -> t/b"],
    );
}

#[test]
fn a_file_of_many_names_costs_a_rescan_few_questions_for_each() {
    const NAMES: usize = 300;
    let names = |dir: &str| -> Vec<&'static str> {
        let name = |number| &*format!("{dir}/{number}").leak();
        (0..NAMES).map(name).collect()
    };
    let (old, new) = (names("t"), names("t/d"));
    let link = |to: &&'static str| Op::Link("t/x", to);
    let rename = |(from, to): (&&'static str, &&'static str)| Op::Rename(from, to);
    let tree = all(&[
        write("t/x", 1),
        vec![Op::MakeDir("t/d")],
        old.iter().map(link).collect(),
    ]);
    let added: Vec<_> = new.iter().map(link).collect();
    let moved: Vec<_> = old.iter().zip(&new).map(rename).collect();
    for (ops, event) in [(added, "created"), (moved, "renamed")] {
        let mut world = World::quiet(&short(1), &tree);
        world.tracker.disk.journal.clear();
        world.does(&ops);
        world.converges();
        let asked = world.tracker.disk.journal.iter();
        let asked = asked.filter(|line| line.trim_start().starts_with("stat "));
        // For each name the one of its own, and a bounded number of others.
        let asked = asked.count();
        assert!(asked < 24 * 2 * NAMES, "{asked} for {event}");
        let records = world.new_records();
        let found = records.iter().filter(|record| record.starts_with(event));
        assert_eq!(found.count(), NAMES, "{event}");
    }
}

/// A name that came and went may have been a hard link of any file, and the rescan compares them all.
#[test]
fn a_rescan_makes_the_comparison_of_all_files_needless() {
    let mut world = World::quiet(&short(4), &write("t/c", 1));
    let before = questions(&world).len();
    let ops = [write("t/a", 2), vec![Op::Unlink("t/a"), Op::MakeDir("t/d")]];
    world.does(&all(&ops));
    world.converges();
    assert_eq!(world.tracker.counters.overflows, 1);
    let asked = questions(&world)[before..].to_vec();
    let of_c = asked.iter().filter(|question| *question == "stat c");
    assert_eq!(of_c.count(), 1, "{asked:?}");
}

#[test]
fn an_overflow_during_the_comparison_begins_it_again() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1), write("t/a", 1)]);
    let mut world = World::quiet(&short(2), &tree);
    world.does(&all(&[write("t/a", 2), write("t/d/f", 2)]));
    world.read(usize::MAX);
    world.apply_all();
    world.passes(1_000_000_000);
    world.work(2);
    assert_eq!(world.tracker.counters.rescans, 1);
    world.does(&all(&[
        vec![Op::RemoveTree("t/d"), Op::MakeDir("t/d")],
        write("t/d/g", 3),
    ]));
    world.converges();
    assert_eq!(world.tracker.counters.overflows, 2);
    assert_eq!(world.tracker.counters.rescans, 2);
}

#[test]
fn a_directory_replaced_while_events_were_dropped_is_watched_anew() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1), write("t/x", 1)]);
    let mut world = World::quiet(&short(1), &tree);
    world.does(&all(&[
        vec![Op::Touch("t/x"), Op::RemoveTree("t/d"), Op::MakeDir("t/d")],
        write("t/d/g", 1),
    ]));
    world.converges();
    world.new_records();
    world.does(&[Op::Unlink("t/d/g")]);
    world.converges();
    assert_eq!(world.new_records(), ["deleted t/d/g"]);
}

#[test]
fn comparisons_at_intervals_find_what_no_event_reported() {
    let mut options = WorldOptions::default();
    options.settings.rescan = Some(60_000_000_000);
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.does(&write("t/a", 2));
    world.tracker.disk.kernel.read(usize::MAX);
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.passes(60_000_000_000);
    world.work(1);
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn a_comparison_that_takes_longer_than_its_interval_is_completed() {
    let mut options = WorldOptions::default();
    options.settings.rescan = Some(MS);
    let mut world = World::quiet(&options, &filled("t/d", 12, touch));
    world.does(&[Op::Unlink("t/d/0")]);
    world.tracker.disk.kernel.read(usize::MAX);
    for _ in 0..1000 {
        world.work(4); // The beginning of the next one, and less than is left of this.
        world.passes(MS);
    }
    assert_eq!(world.new_records(), ["deleted t/d/0"]);
}

#[test]
fn a_directory_that_was_closed_is_opened_again_for_its_file_watch() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/e")],
        write("t/d/f", 1),
        write("t/x", 1),
    ]);
    let mut options = short(1);
    options.settings.strict = true;
    let mut world = World::quiet(&options, &tree);
    world.tracker.disk.most_held = 1;
    let before = world.tracker.file_watches();
    // The event is lost: the rescan looks at the old name before it takes the new one.
    world.does(&[Op::Touch("t/x"), Op::Link("t/d/f", "t/e/g")]);
    world.does(&[Op::Open(3, "t/e/h"), Op::Shut(3)]);
    world.converges();
    assert_eq!(world.tracker.file_watches(), before + 1);
}

#[test]
fn a_directory_that_could_not_be_read_while_all_events_were_dropped_is_listed_again() {
    let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/old", 1)]);
    let news = all(&[
        write("t/d/new", 1),
        vec![Op::MakeDir("t/d/e"), Op::MakeDir("t/e")],
        write("t/d/e/f", 1),
        write("t/e/g", 1),
    ]);
    // The file becomes unreadable before any of the steps, and readable after any later one.
    for most_events in 0..3 {
        for (locked, opened) in (0..24).flat_map(|at| [1, 2, 5, 60].map(|later| (at, later))) {
            let mut world = World::quiet(&short(most_events), &tree);
            world.does(&news);
            world.read(usize::MAX);
            world.apply_all();
            world.passes(1_000_000_000);
            world.work(locked);
            world.does(&[Op::Chmod("t/d", false)]);
            for _ in 0..opened {
                world.work(1);
                world.catches_up();
                world.passes(100_000_000);
            }
            world.does(&[Op::Chmod("t/d", true)]);
            world.converges();
        }
    }
}

#[test]
fn a_file_that_takes_the_name_of_its_large_directory_does_not_leave_a_hole_in_it() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e"), Op::MakeDir("o/d")],
        write("t/d/e/b", 1),
        write("t/d/e/a-long-name", 2),
        write("t/d/a", 3),
        touch("t/x"),
    ]);
    let mut world = World::quiet(&short(1), &tree);
    world.does(&[
        Op::Touch("t/x"),
        Op::Rename("t/d/a", "o/a"),
        Op::Rename("t/d", "o/d"),
        Op::Rename("o/a", "t/d"),
    ]);
    world.converges();
}

#[test]
fn a_poll_is_due_before_the_first_event() {
    let options = WorldOptions {
        most_watches: 1,
        ..WorldOptions::default()
    };
    let mut world = World::new(&options, &[Op::MakeDir("t/d")]);
    world.tracker.queue = WorkQueue::default();
    assert_eq!(world.tracker.deadline(), Some(0));
    world.work(1);
    assert_eq!(world.tracker.deadline(), Some(POLL));
}

#[test]
fn the_first_scan_of_a_directory_that_is_older_than_the_rescan_does_not_count_for_it() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    for ops in [vec![Op::MakeDir("t/d")], write("t/d/f", 1)] {
        world.does(&ops);
        world.read(usize::MAX);
        world.apply_all();
    }
    world.tracker.disk.kernel.most_events = 0;
    world.does(&write("t/d/f", 2));
    world.tracker.disk.kernel.most_events = usize::MAX;
    world.converges();
    assert_eq!(world.tracker.counters.overflows, 1);
}

/// Calls that make a directory with so many files or directories in it.
fn filled(dir: &'static str, count: usize, make: fn(&'static str) -> Vec<Op>) -> Vec<Op> {
    let entries = (0..count).flat_map(|number| make(format!("{dir}/{number}").leak()));
    [Op::MakeDir(dir)].into_iter().chain(entries).collect()
}

#[test]
fn names_in_a_directory_that_is_lost_do_not_each_wait_on_the_queue() {
    let tree = all(&[filled("t/d", 100, |name| write(name, 1)), touch("t/x")]);
    let mut world = World::quiet(&short(1), &tree);
    world.does(&[Op::Touch("t/x"), Op::Unlink("t/x")]);
    world.read(usize::MAX);
    world.apply_all();
    world.passes(1000 * MS);
    let dir = world.tracker.entry_at(b"/t/d").unwrap();
    while !world.tracker.is_scanning(dir) {
        world.work(1);
    }
    world.tracker.disk.release();
    world.does(&[Op::Rename("t/d", "o/d")]);
    let mut most = 0;
    while world.tracker.is_scanning(dir) {
        world.work(1);
        most = most.max(world.tracker.queue.delayed_names());
    }
    assert!(most > 0 && most < 5, "{most}");
    world.converges();
}

/// Each of them fails for as long as the rescan lasts, and the rescan for as long as one of them
/// is ready: what ends that is that each waits longer after each failure.
#[test]
fn polled_directories_in_a_removed_one_do_not_keep_the_rescan_going() {
    let options = WorldOptions {
        most_watches: 1,
        ..short(1)
    };
    let dirs = filled("t/d", 12, |name| vec![Op::MakeDir(name)]);
    let mut world = World::quiet(&options, &all(&[dirs, touch("t/x")]));
    world.does(&[Op::Touch("t/x"), Op::RemoveTree("t/d")]);
    world.passes(POLL);
    let mut steps = 0;
    loop {
        world.read(usize::MAX);
        world.apply_all();
        if world.tracker.counters.rescans > 0 && world.tracker.is_done() {
            break;
        }
        world.work(1);
        world.passes(MS);
        steps += 1;
        assert!(steps < 10_000, "{:#?}", world.records);
    }
    world.converges();
}
