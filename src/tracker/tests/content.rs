//! Tests that files are read when their bytes may have changed, and emitted when they have.

use super::super::Hashing;
use super::super::content::Read;
use super::super::fake::Op;
use super::super::model::Evidence;
use super::cases::{all, emits, touch, write};
use super::world::{BIRTH, MS, World, WorldOptions};
use crate::tracker::disk::FsClass;

/// Options of a world that reads files in that way.
pub(super) fn hashing(hashing: Hashing) -> WorldOptions {
    let mut options = WorldOptions::default();
    options.settings.hashing = hashing.into();
    options
}

#[test]
fn a_file_is_created_empty_and_then_changed() {
    emits(&[], &write("t/a", 1), &["created t/a 0", "changed t/a 4"]);
    emits(&[], &touch("t/a"), &["created t/a 0"]);
}

#[test]
fn the_same_bytes_again_are_no_change() {
    emits(&write("t/a", 1), &write("t/a", 1), &[]);
    emits(
        &write("t/a", 1),
        &[Op::Touch("t/a"), Op::Chmod("t/a", true)],
        &[],
    );
}

#[test]
fn a_file_that_is_never_closed_is_read_when_its_writer_pauses() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/log", 1));
    world.does(&[Op::Append(0, "t/log"), Op::Put(0, 2)]);
    world.catches_up();
    world.passes(49 * MS);
    world.work(1);
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new(), "it may go on");
    world.passes(MS);
    world.work(1);
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/log 8"]);
}

#[test]
fn a_writer_that_never_pauses_is_read_every_second() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/log", 1));
    world.does(&[Op::Append(0, "t/log")]);
    for _ in 0..99 {
        world.does(&[Op::Put(0, 2)]);
        world.catches_up();
        world.passes(10 * MS);
        world.work(1);
        assert_eq!(world.new_records(), Vec::<String>::new(), "it goes on");
    }
    world.does(&[Op::Put(0, 2)]);
    world.passes(10 * MS);
    world.catches_up();
    world.work(1);
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/log 404"]);
}

#[test]
fn a_large_log_that_is_never_quiet_is_read_for_a_tenth_of_the_time() {
    const SECOND: u64 = 1000 * MS;
    let mut world = World::quiet(&WorldOptions::default(), &write("t/log", 1));
    world.tracker.disk.odds.by_worker = 100;
    world.tracker.disk.reading_takes = SECOND;
    world.does(&[Op::Append(0, "t/log")]);
    let mut begun = Vec::new();
    while world.tick < 60 * SECOND {
        world.does(&[Op::Put(0, 2)]);
        world.catches_up();
        world.passes(25 * MS);
        world.work(1);
        if !world.tracker.disk.tickets().is_empty() {
            begun.push(world.tick);
            // It is written to while it is read.
            world.does(&[Op::Put(0, 2)]);
            world.catches_up();
            world.passes(SECOND);
            world.answer(0);
        }
    }
    assert!(begun.len() > 3, "{begun:?}");
    let pauses = begun.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.min() >= Some(10 * SECOND), "{begun:?}");
}

#[test]
fn a_large_file_that_changes_all_the_time_is_first_read_for_a_tenth_of_the_time() {
    const SECOND: u64 = 1000 * MS;
    let mut world = World::new(&WorldOptions::default(), &write("t/a", 1));
    world.tracker.disk.odds.by_worker = 100;
    world.tracker.disk.reading_takes = SECOND;
    let mut begun = Vec::new();
    while world.tick < 60 * SECOND {
        world.does(&[Op::Chmod("t/a", true)]);
        world.catches_up();
        world.passes(25 * MS);
        world.work(1);
        if !world.tracker.disk.tickets().is_empty() {
            begun.push(world.tick);
            world.passes(SECOND / 2);
            world.does(&[Op::Chmod("t/a", true)]);
            world.catches_up();
            world.passes(SECOND / 2);
            world.answer(0);
        }
    }
    assert!(begun.len() > 3, "{begun:?}");
    let pauses = begun.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.min() >= Some(10 * SECOND), "{begun:?}");
}

#[test]
fn a_truncation_by_name_is_seen() {
    emits(
        &write("t/a", 1),
        &[Op::BeginTruncate("t/a"), Op::EndTruncate],
        &["changed t/a 2"],
    );
}

#[test]
fn what_changes_while_it_is_read_is_read_again() {
    for seed in 0..200 {
        let mut world = World::quiet(
            &WorldOptions {
                seed,
                ..WorldOptions::default()
            },
            &write("t/a", 1),
        );
        world.does(&write("t/a", 2));
        world.tracker.disk.odds.race = 40;
        world.tracker.disk.pending.extend(write("t/a", 3));
        world.converges();
    }
}

#[test]
fn a_large_file_is_read_by_a_worker_and_reported_under_the_name_it_has_by_then() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 2));
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.does(&[Op::Rename("t/a", "t/b")]);
    world.catches_up();
    world.answer(0);
    assert_eq!(world.new_records(), ["renamed t/a -> t/b", "changed t/b 4"]);
    world.converges();
}

#[test]
fn the_reading_of_a_file_that_is_removed_ends_at_once() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 2));
    world.catches_up();
    let tickets = world.tracker.disk.tickets();
    assert_eq!(tickets.len(), 1);
    world.does(&[Op::Unlink("t/a")]);
    world.catches_up();
    assert_eq!(world.tracker.disk.cancelled, tickets);
}

#[test]
fn a_file_exchanged_while_it_is_read_by_a_worker_is_read_again() {
    let tree = all(&[write("t/a", 1), write("t/b", 2)]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 3));
    world.catches_up();
    world.does(&[Op::Exchange("t/a", "t/b")]);
    world.catches_up();
    world.converges();
}

/// As of a file that was mounted on the name, and is not any longer.
#[test]
fn a_reading_that_never_ends_hides_no_file_of_another_file_system_under_the_name() {
    for (device, hidden) in [(Some(2), false), (None, false), (Some(1), true)] {
        let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
        let id = world.tracker.entry_at(b"/t/a").unwrap();
        let reads = &mut world.tracker.reads;
        let ticket = reads.next_ticket();
        reads.begin(id, Read::new(ticket, device, Evidence::WRITE_EVENTS));
        world.does(&write("t/a", 2));
        world.catches_up();
        assert_eq!(world.new_records().is_empty(), hidden, "{device:?}");
    }
}

#[test]
fn a_lazy_watch_reads_a_file_when_something_happens_to_it() {
    let options = hashing(Hashing::Lazy);
    let mut world = World::quiet(&options, &all(&[write("t/a", 1), write("t/b", 1)]));
    assert_eq!(world.tracker.counters.hashes, 0);
    world.does(&write("t/a", 2));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    assert_eq!(world.tracker.counters.hashes, 1);
}

#[test]
fn a_doubt_about_bytes_that_were_never_read_is_reported() {
    let mut world = World::new(&WorldOptions::default(), &write("t/a", 1));
    world.does(&write("t/a", 1));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn a_file_replaced_before_the_baseline_came_to_it_is_not_taken_for_the_first() {
    let tree = all(&[write("t/a", 1), write("t/b", 2), write("o/c", 3)]);
    for op in [
        Op::Rename("t/b", "t/a"),
        Op::Rename("o/c", "t/a"),
        Op::Exchange("t/a", "t/b"),
    ] {
        let mut world = World::new(&WorldOptions::default(), &tree);
        world.does(&[op]);
        world.read_pending(0);
        world.read_pending(0);
        world.converges();
    }
}

#[test]
fn what_is_written_without_a_watch_before_the_baseline_reads_it_is_reported() {
    // The file systems' clock is behind the precise one, and a program may set times.
    for behind in [0, 4_000_000] {
        let tree = all(&[vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
        let options = WorldOptions {
            most_watches: 1,
            ..WorldOptions::default()
        };
        let mut world = World::new(&options, &tree);
        let coarse = world.tracker.clock.began() - behind;
        world.tracker.set_began_coarse(coarse);
        world.tracker.disk.set_time(coarse);
        world.does(&write("t/d/f", 2));
        world.read_pending(0);
        world.catches_up();
        assert_eq!(
            world.new_records(),
            ["changed t/d/f 4"],
            "{behind} ns behind"
        );
    }
}

#[test]
fn a_clock_that_is_years_behind_the_files_makes_no_change_of_them() {
    let year = 365 * 24 * 3600 * 1_000_000_000;
    let tree = all(&[write("t/a", 1), vec![Op::MakeDir("t/d")], write("t/d/f", 1)]);
    for most_watches in [usize::MAX, 1] {
        let options = WorldOptions {
            clock: BIRTH - 20 * year,
            most_watches,
            ..WorldOptions::default()
        };
        let mut world = World::quiet(&options, &tree);
        world.does(&write("t/a", 2));
        world.does(&write("t/d/f", 2));
        world.converges();
        world.passes(10_000 * MS);
        // The clock is set forward, as by a time server.
        world.clock += 20 * year;
        world.passes(10_000 * MS);
        world.work(1);
        world.converges();
        assert_eq!(world.new_records().len(), 2, "two files were written");
    }
    // The clock is set between the walk and the first reading.
    let options = WorldOptions {
        clock: BIRTH - 20 * year,
        ..WorldOptions::default()
    };
    let mut world = World::new(&options, &tree);
    world.passes(5000 * MS);
    world.work(1);
    world.clock += 21 * year;
    world.passes(5000 * MS);
    world.work(1);
    world.converges();
    assert_eq!(world.new_records(), Vec::<String>::new());
}

/// The lookups of names on the disk since the watch began, each without its directory.
pub(super) fn questions(world: &World) -> Vec<String> {
    let asked = world.tracker.disk.journal.iter().filter_map(|line| {
        let (question, _) = line.strip_prefix("      ")?.split_once(" is ")?;
        let (what, place) = question.split_once(' ')?;
        let (_, name) = place.split_once('/')?;
        Some(format!("{what} {name}"))
    });
    asked.collect()
}

#[test]
fn a_file_that_came_and_went_leaves_no_work_to_one_that_gets_its_number() {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
    let before = questions(&world).len();
    let ops = [write("t/a", 1), vec![Op::Unlink("t/a")], write("t/b", 2)];
    world.does(&all(&ops));
    world.converges();
    // What was gone may have been a hard link: the status of all files is compared, later.
    assert_eq!(questions(&world)[before..], ["read b", "stat b"]);
}

/// As the lock of a git(1) command that changes nothing.
#[test]
fn a_file_that_came_and_went_and_was_not_written_to_causes_no_comparison() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/b", 1));
    let before = questions(&world).len();
    world.does(&[Op::Open(0, "t/lock"), Op::Shut(0), Op::Unlink("t/lock")]);
    world.converges();
    assert_eq!(questions(&world)[before..], [""; 0]);
}

#[test]
fn a_new_file_that_is_renamed_in_its_batch_is_read_once_where_it_is() {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
    let before = questions(&world).len();
    let rename = [Op::Rename("t/a", "t/b"), Op::Rename("t/b", "t/d/c")];
    world.does(&all(&[write("t/a", 1), rename.to_vec(), write("t/e", 2)]));
    world.converges();
    assert_eq!(
        world.new_records(),
        [
            "created t/a 0",
            "renamed t/a -> t/b",
            "renamed t/b -> t/d/c",
            "changed t/d/c 4",
            "created t/e 0",
            "changed t/e 4",
        ]
    );
    // Another file may have the old name now. Later, other spellings are tried, once in each
    // directory.
    let asked = &questions(&world)[before..];
    assert_eq!(asked[..4], ["read c", "read e", "stat a", "stat b"]);
    let spellings = ["stat e", "stat E", "stat e", "stat d", "stat D"];
    assert_eq!(asked[4..9], spellings);
    assert_eq!(asked[9..], ["stat c", "stat C", "stat c"]);
}

#[test]
fn a_large_new_file_is_read_once() {
    for ops in [
        write("t/a", 1),
        all(&[write("t/tmp", 1), vec![Op::Rename("t/tmp", "t/a")]]),
    ] {
        let mut world = World::quiet(&WorldOptions::default(), &[]);
        world.tracker.disk.odds.by_worker = 100;
        let before = questions(&world).len();
        world.does(&ops);
        world.converges();
        let asked = questions(&world).split_off(before);
        let reads = asked.iter().filter(|line| *line == "read a").count();
        let first = asked.iter().find(|line| line.ends_with(" a")).unwrap();
        assert_eq!((reads, first.as_str()), (1, "read a"), "{asked:?}");
    }
}

#[test]
fn a_file_that_a_worker_still_cannot_read_is_asked_about_twice() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.tracker.disk.odds.by_worker = 100;
    world.does(&all(&[vec![Op::Chmod("t/a", false)], write("t/a", 2)]));
    world.settles();
    let before = questions(&world).len();
    world.waits();
    world.settles();
    assert_eq!(questions(&world)[before..], ["stat a", "read a"]);
}

#[test]
fn a_file_of_the_kernel_is_not_reported_because_it_has_the_time_of_the_first_look() {
    let mut world = World::new(&WorldOptions::default(), &write("t/a", 1));
    let dir = world.tracker.roots.entries().next().unwrap();
    let dev = world.tracker.model.inode(dir).dev;
    let class = FsClass::Pseudo("sysfs");
    world.tracker.file_systems.note(dev, class);
    world.passes(1000 * MS);
    // A new time without an event.
    world.does(&[Op::Touch("t/a")]);
    world.tracker.disk.kernel.read(usize::MAX);
    world.settles();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.does(&write("t/a", 2));
    world.settles();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}
