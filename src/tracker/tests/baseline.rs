//! Tests what the baseline or a thread has read, and what has happened until its answer is taken.

use super::super::Hashing;
use super::super::fake::Op;
use super::cases::{all, linked, write};
use super::world::{MS, World, WorldOptions};
use crate::stage_order::Stages;

/// A world of two names of a file, which the baseline has read; its answers are on the way.
fn read_before_it_is_written(hashing: Hashing) -> World {
    let tree = linked();
    let mut options = WorldOptions::default();
    options.settings.hashing = hashing.into();
    let mut world = World::new(&options, &tree);
    world.tracker.disk.odds.slow_answer = 100;
    world.read_pending(0);
    world.read_pending(0);
    world.tracker.disk.odds.slow_answer = 0;
    world
}

#[test]
fn a_write_that_is_known_before_another_name_of_the_file_is_reported_of_that_too() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let mut world = read_before_it_is_written(hashing);
        world.does(&write("t/a", 2));
        world.catches_up();
        assert_eq!(world.new_records(), ["changed t/a 4"], "{hashing:?}");
        world.settles();
        assert_eq!(world.new_records(), ["changed t/b 4"], "{hashing:?}");
    }
}

#[test]
fn a_file_that_changed_while_it_was_read_is_read_again_though_its_times_come_later() {
    let mut world = read_before_it_is_written(Hashing::Eager);
    // A file that is truncated has its new size first, and its new times when all is done.
    world.disturb_pending();
    world.read_pending(0);
    world.read_pending(0);
    world.work(100);
    world.does(&write("t/a", 2));
    world.catches_up();
    world.settles();
    assert_eq!(world.new_records(), ["changed t/a 4", "changed t/b 4"]);
}

#[test]
fn a_file_that_is_truncated_while_it_is_read_has_changed_though_its_times_come_later() {
    let mut world = read_before_it_is_written(Hashing::Eager);
    world.truncate_pending();
    world.read_pending(0);
    world.read_pending(0);
    world.settles();
    assert_eq!(world.new_records(), ["changed t/a 4", "changed t/b 4"]);
}

#[test]
fn bytes_that_were_there_before_their_times_are_reported_under_another_name() {
    let mut world = read_before_it_is_written(Hashing::Eager);
    world.does(&write("t/a", 2));
    world.renew_pending();
    world.catches_up();
    world.read_pending(0);
    world.read_pending(0);
    world.settles();
    assert_eq!(world.new_records(), ["changed t/a 4", "changed t/b 4"]);
}

#[test]
fn a_write_by_a_name_that_has_left_since_is_reported_of_another_name() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let mut world = read_before_it_is_written(hashing);
        world.does(&write("t/a", 2));
        world.catches_up();
        world.does(&[Op::Rename("t/a", "o/a")]);
        world.catches_up();
        world.waits();
        let expected = ["changed t/a 4", "deleted t/a"];
        assert_eq!(world.new_records(), expected, "{hashing:?}");
        world.settles();
        assert_eq!(world.new_records(), ["changed t/b 4"], "{hashing:?}");
    }
}

#[test]
fn a_touch_does_not_explain_what_was_written_by_a_name_that_has_left() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let mut world = read_before_it_is_written(hashing);
        world.read_pending(1);
        world.tracker.disk.odds.by_worker = 100;
        world.does(&write("t/a", 2));
        world.catches_up();
        world.does(&[Op::Unlink("t/a")]);
        world.catches_up();
        world.does(&[Op::Touch("t/b")]);
        world.settles();
        let records = world.new_records();
        assert!(
            records.contains(&"changed t/b 4".to_owned()),
            "{hashing:?} {records:?}"
        );
    }
}

#[test]
fn what_a_thread_has_read_before_a_write_does_not_stand_for_it_amid_the_events() {
    let tree = write("t/a", 1);
    for of_baseline in [true, false] {
        let mut world = World::new(&WorldOptions::default(), &tree);
        world.tracker.disk.odds.slow_answer = 100;
        if of_baseline {
            world.read_pending(0);
        } else {
            world.tracker.disk.odds.by_worker = 100;
            world.does(&[Op::Chmod("t/a", true), Op::Touch("t/a")]);
            world.catches_up();
            world.answer(0);
            world.tracker.disk.odds.by_worker = 0;
        }
        world.does(&write("t/a", 2));
        world.read(usize::MAX);
        let Ok(_) = world.begin_batch();
        if of_baseline {
            world.read_pending(0);
        } else {
            world.answer(0);
        }
        world.new_records();
        world.converges();
        assert_eq!(world.new_records(), ["changed t/a 4"]);
    }
}

#[test]
fn a_file_that_became_readable_while_the_refusal_was_on_its_way_is_read() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    let odds = &mut world.tracker.disk.odds;
    (odds.by_worker, odds.slow_answer) = (100, 100);
    world.does(&write("t/a", 2));
    world.does(&[Op::Chmod("t/a", false)]);
    world.catches_up();
    world.answer(0);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    world.work(100);
    world.answer(0);
    assert_eq!(world.new_records(), ["changed t/a 4"], "without a digest");
    world.tracker.disk.odds.by_worker = 0;
    world.work(100);
    assert_eq!(world.new_records(), ["changed t/a 4"], "with its digest");
}

#[test]
fn a_write_by_a_link_that_was_made_after_the_first_reading_is_not_lost_behind_its_answer() {
    let unlinked = vec![Op::Unlink("t/e")];
    for after in [vec![], unlinked] {
        let mut world = World::new(&WorldOptions::default(), &write("t/a", 1));
        world.tracker.disk.odds.slow_answer = 100;
        world.read_pending(0);
        world.does(&[Op::Link("t/a", "t/e")]);
        world.catches_up();
        world.does(&write("t/e", 2));
        world.catches_up();
        world.does(&after);
        world.catches_up();
        world.tracker.disk.odds.slow_answer = 0;
        world.converges();
        let records = world.new_records();
        assert!(records.contains(&"changed t/a 4".to_owned()), "{records:?}");
    }
}

#[test]
fn a_write_in_the_same_tick_is_seen_under_another_name_however_late_the_answer_comes() {
    let tree = linked();
    let mut options = WorldOptions::default();
    // So that each has a statx(2) before it is read.
    options.settings.attributes = true;
    let mut world = World::new(&options, &tree);
    world.converges();
    world.tracker.disk.odds.by_worker = 100;
    world.tracker.disk.odds.slow_answer = 100;
    world.does(&write("t/a", 2));
    world.catches_up();
    world.answer(0);
    // Size and times stay the same.
    world.does(&write("t/b", 3));
    (
        world.tracker.disk.odds.by_worker,
        world.tracker.disk.odds.slow_answer,
    ) = (0, 0);
    world.passes(3000 * MS);
    world.answer(0);
    world.new_records();
    world.converges();
    let records = world.new_records();
    assert!(records.contains(&"changed t/b 4".to_owned()), "{records:?}");
}

#[test]
fn what_is_written_between_the_status_and_the_first_reading_is_a_change() {
    for seed in 0..200 {
        let mut options = WorldOptions {
            seed,
            ..WorldOptions::default()
        };
        options.odds.race = 30;
        let mut world = World::new(&options, &write("t/a", 1));
        world.does(&[Op::Chmod("t/a", true)]);
        world.tracker.disk.pending.extend(write("t/a", 2));
        world.catches_up();
        let rest: Vec<_> = world.tracker.disk.pending.drain(..).collect();
        world.does(&rest);
        world.converges();
        let records = world.new_records();
        assert!(
            records.contains(&"changed t/a 4".to_owned()),
            "{seed}: {records:?}"
        );
    }
}

#[test]
fn what_is_read_amid_a_truncation_is_not_its_first_digest() {
    let mut world = World::new(&WorldOptions::default(), &write("t/a", 1));
    world.does(&[Op::BeginTruncate("t/a")]);
    world.read_pending(0);
    world.does(&[Op::EndTruncate]);
    world.settles();
    assert_eq!(world.new_records(), ["changed t/a 2"]);
}

#[test]
fn what_has_storage_beyond_its_end_is_read_twice_and_then_known() {
    let mut world = World::new(
        &WorldOptions::default(),
        &all(&[write("t/a", 1), vec![Op::Allocate("t/a")]]),
    );
    world.read_pending(0);
    world.settles();
    assert_eq!(world.tracker.counters.hashes, 2);
    world.does(&[Op::Append(0, "t/a"), Op::Shut(0)]);
    world.settles();
    world.converges();
    assert_eq!(world.new_records(), [""; 0]);
}
