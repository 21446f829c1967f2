//! Tests files with several names, and with none: a write by one name is emitted for all of them.

use super::super::Hashing;
use super::super::fake::Op;
use super::cases::{all, emits, emits_with, folds, linked, write};
use super::content::hashing;
use super::world::{MS, World, WorldOptions};
use crate::stage_order::Stages;

#[test]
fn a_file_without_a_name_is_reported_when_it_gets_one() {
    let ops = [
        Op::Unnamed(0, "t"),
        Op::Put(0, 1),
        Op::LinkOpen(0, "t/a"),
        Op::Put(0, 2),
        Op::Shut(0),
    ];
    emits(&[], &ops, &["created t/a 8"]);
}

#[test]
fn a_write_after_the_unnamed_file_got_its_name_is_reported_under_it() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    world.does(&[Op::Unnamed(0, "t"), Op::LinkOpen(0, "t/a")]);
    world.catches_up();
    world.does(&[Op::Put(0, 1), Op::Shut(0)]);
    world.converges();
    assert_eq!(world.new_records(), ["created t/a 0", "changed t/a 4"]);
}

#[test]
fn a_file_without_a_name_that_gets_one_in_another_directory_is_followed_there() {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
    world.does(&[Op::Unnamed(0, "t"), Op::Put(0, 1), Op::LinkOpen(0, "t/d/a")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/d/a 4"]);
    world.does(&[Op::Put(0, 2), Op::Shut(0)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/d/a 8"]);
}

#[test]
fn a_write_by_an_unlinked_name_is_found_in_its_directory() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    world.tracker.disk.expects_writes_by_unlinked_names = true;
    world.does(&[
        Op::Open(0, "t/tmp"),
        Op::Link("t/tmp", "t/final"),
        Op::Unlink("t/tmp"),
    ]);
    world.catches_up();
    world.passes(5000 * MS);
    world.new_records();
    world.does(&[Op::Put(0, 1)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/final 4"]);
}

/// The events have a name that leads to another file when it is stat'ed first.
#[test]
fn what_happened_to_a_file_that_was_replaced_before_its_first_reading_is_reported_of_its_links() {
    let setup = all(&[
        write("t/a", 1),
        vec![Op::Link("t/a", "t/b")],
        write("t/c", 2),
    ]);
    let cases = [
        (write("t/a", 3), "changed t/b 4"),
        (vec![Op::Chmod("t/a", false)], "attributes t/b 0"),
    ];
    for (happens, reported) in cases {
        let mut options = WorldOptions::default();
        options.settings.attributes = true;
        let mut world = World::new(&options, &setup);
        world.read_pending(1);
        world.does(&happens);
        world.does(&[Op::Rename("t/c", "t/a")]);
        world.read_pending(0);
        world.work(8);
        world.settles();
        let records = world.new_records();
        assert!(
            records.iter().any(|record| record == reported),
            "{records:?} {:#?}",
            world.tracker.disk.journal
        );
    }
}

#[test]
fn a_link_whose_attributes_cannot_be_read_causes_no_work_while_the_file_is_read() {
    let setup = all(&[
        write("t/a", 1),
        vec![
            Op::Link("t/a", "t/b"),
            Op::MakeDir("t/d"),
            Op::Link("t/a", "t/d/a"),
        ],
    ]);
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let mut world = World::quiet(&options, &setup);
    world.does(&[Op::Chmod("t/a", false)]);
    world.settles();
    world.does(&[Op::Chmod("t/d", false), Op::Chmod("t/a", true)]);
    world.settles();
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 2));
    world.catches_up();
    world.tracker.disk.odds.by_worker = 0;
    world.does(&write("t/b", 3));
    world.catches_up();
    world.does(&[Op::Chmod("t/d", true)]);
    world.converges();
}

/// What has the name is another file when its events are read, or none.
#[test]
fn what_is_done_by_a_link_that_is_gone_at_once_is_reported_of_the_file() {
    let setup = all(&[
        write("t/a", 1),
        write("t/c", 2),
        vec![Op::MakeDir("o/d"), Op::MakeDir("t/d")],
    ]);
    let cases = [
        (write("t/d/x", 3), "changed t/c 4"),
        (
            all(&[write("t/d/x", 3), vec![Op::Touch("t/d/x")]]),
            "changed t/c 4",
        ),
        (vec![Op::Chmod("t/d/x", false)], "attributes t/c 0"),
    ];
    let ends = [
        vec![Op::Rename("t/a", "t/d/x")],
        vec![Op::Unlink("t/d/x")],
        vec![Op::Rename("t/d/x", "o/a")],
        vec![Op::Exchange("t/d/x", "t/a")],
        vec![Op::Exchange("t/d/x", "o/d")],
        vec![Op::Rename("t/d/x", "t/x"), Op::Unlink("t/x")],
        vec![Op::Unlink("t/d/x"), Op::Rename("t/d", "o/e")],
    ];
    for (happens, reported) in cases {
        for (end, no_renames) in ends.iter().flat_map(|end| [(end, false), (end, true)]) {
            let mut options = WorldOptions::default();
            options.settings.attributes = true;
            options.settings.no_renames = no_renames;
            let mut world = World::quiet(&options, &setup);
            world.does(&[Op::Link("t/c", "t/d/x")]);
            world.does(&happens);
            world.does(end);
            world.settles();
            let records = world.new_records();
            let is_reported = records.iter().any(|record| record == reported);
            assert!(is_reported, "{happens:?} {end:?} {records:?}");
        }
    }
}

#[test]
fn a_write_by_a_link_that_is_exchanged_and_gone_at_once_is_reported_of_the_others() {
    let setup = all(&[
        write("t/a", 1),
        write("t/b", 2),
        vec![Op::Link("t/b", "t/c")],
    ]);
    let ends = [
        vec![Op::Unlink("t/a")],
        vec![Op::Rename("t/a", "t/b"), Op::Rename("o/d", "t/b")],
        vec![Op::Rename("t/b", "t/a")],
    ];
    for end in ends {
        let setup = [&setup[..], &write("o/d", 4)].concat();
        let mut world = World::quiet(&WorldOptions::default(), &setup);
        world.does(&[Op::Exchange("t/a", "t/b")]);
        world.does(&write("t/a", 3));
        world.does(&end);
        world.converges();
        assert!(world.new_records().contains(&"changed t/c 4".to_owned()));
    }
}

/// What was there before has the name again, and was read before the event of the write is applied.
#[test]
fn a_write_by_a_name_that_an_exchange_lends_to_a_file_is_reported_of_its_others() {
    let setup = all(&[
        write("t/a", 1),
        write("t/b", 2),
        vec![Op::Link("t/b", "o/b")],
    ]);
    for how in [Hashing::Eager, Hashing::Lazy] {
        let mut world = World::quiet(&hashing(how), &setup);
        world.does(&[Op::Append(0, "o/b"), Op::Exchange("o/b", "t/a")]);
        world.does(&[Op::Put(0, 3), Op::Rename("o/b", "t/a")]);
        world.converges();
        let records = world.new_records();
        assert!(records.contains(&"changed t/b 8".to_owned()), "{records:?}");
    }
}

/// A touch explained the times of that write when the other name was stat'ed.
#[test]
fn a_write_by_a_link_that_was_never_stated_is_reported_of_one_that_was_touched() {
    let links = vec![Op::Link("t/a", "t/b"), Op::Link("t/a", "o/c")];
    let mut world = World::new(&hashing(Hashing::Lazy), &all(&[write("t/a", 1), links]));
    world.read_pending(1);
    world.does(&[Op::Touch("t/b")]);
    world.read(usize::MAX);
    world.does(&write("t/a", 2));
    world.apply_all();
    world.work(usize::MAX);
    assert_eq!(world.new_records(), [""; 0]);
    world.does(&[Op::Unlink("t/a")]);
    world.converges();
    assert_eq!(world.new_records(), ["deleted t/a", "changed t/b 4"]);
}

#[test]
fn a_write_whose_event_is_lost_with_a_path_is_reported_of_a_link_that_is_touched() {
    let options = WorldOptions {
        roots: vec!["t/d", "t"],
        ..hashing(Hashing::Off)
    };
    let tree = all(&[
        vec![Op::MakeDir("t/d")],
        write("t/a", 1),
        vec![Op::Link("t/a", "t/d/a")],
    ]);
    let mut world = World::new(&options, &tree);
    world.does(&[Op::Touch("t/d")]);
    world.read(usize::MAX);
    world.apply_all();
    world.does(&write("t/d/a", 2));
    world.does(&[Op::Touch("t/a"), Op::RemoveTree("t/d")]);
    world.work(usize::MAX);
    world.converges();
    let records = world.new_records();
    assert!(records.contains(&"changed t/a 4".to_owned()), "{records:?}");
}

/// A touch does not explain its new times.
#[test]
fn a_write_by_a_link_that_is_gone_before_the_first_status_of_the_other_is_reported() {
    let setup = linked();
    let options = hashing(Hashing::Off);
    for is_seen in [true, false] {
        let mut world = World::new(&options, &setup);
        world.does(&write("t/b", 2));
        if is_seen {
            world.catches_up();
            assert_eq!(world.new_records(), ["changed t/b 4"]);
        }
        world.does(&[Op::Touch("t/a"), Op::Unlink("t/b")]);
        world.settles();
        assert!(world.new_records().contains(&"changed t/a 4".to_owned()));
    }
}

/// The event has a name that is found later.
#[test]
fn a_link_that_could_not_be_read_is_read_once_a_new_name_of_the_file_was() {
    let setup = all(&[
        write("t/a", 1),
        vec![Op::Link("t/a", "t/c")],
        write("t/b", 2),
    ]);
    let ops = [
        write("t/a", 3),
        vec![Op::Exchange("t/c", "t/b"), Op::Chmod("t/b", false)],
        vec![Op::Chmod("t/b", true)],
    ];
    for seed in 0..400 {
        let mut options = WorldOptions {
            seed,
            ..WorldOptions::default()
        };
        options.settings.hashing = Hashing::Lazy.into();
        let mut world = World::quiet(&options, &setup);
        world.lives_through(&all(&ops));
        world.converges();
    }
}

/// A file system sets the size before the times: the first reading seems to be of what was there before.
#[test]
fn a_truncation_by_a_new_link_is_reported_of_a_file_that_was_never_read() {
    let options = hashing(Hashing::Lazy);
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.does(&[Op::Link("t/a", "t/b"), Op::BeginTruncate("t/b")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/b 2"]);
    world.does(&[Op::EndTruncate]);
    world.converges();
}

/// Within a tick of the clock.
#[test]
fn the_late_answer_of_a_thread_does_not_replace_what_was_read_by_another_name() {
    let setup = linked();
    let mut world = World::quiet(&WorldOptions::default(), &setup);
    let reads_by_worker = |world: &mut World, percent| {
        world.tracker.disk.odds.by_worker = percent;
        world.tracker.disk.odds.slow_answer = percent;
    };
    reads_by_worker(&mut world, 100);
    world.does(&write("t/b", 2));
    world.read(usize::MAX);
    world.apply_all();
    world.answer(0); // It has read the bytes, and its answer is on the way.
    assert_eq!(world.tracker.disk.tickets().len(), 1);
    reads_by_worker(&mut world, 0);
    world.does(&write("t/a", 3));
    world.read(usize::MAX);
    world.apply_all();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    world.answer(0);
    world.converges();
}

/// Else each reading would look older than the one before, and the file be read again and again.
#[test]
fn a_clock_that_is_set_back_between_two_readings_of_hard_links_makes_no_third_one() {
    let setup = linked();
    let mut world = World::quiet(&WorldOptions::default(), &setup);
    world.does(&[Op::Open(0, "t/a"), Op::Put(0, 2), Op::Shut(0)]);
    world.converges();
    world.new_records();
    world.clock -= 3_600_000_000_000;
    world.passes(MS);
    let before = world.tracker.counters.hashes;
    world.does(&[Op::Open(0, "t/b"), Op::Put(0, 3), Op::Shut(0)]);
    world.converges();
    let read = world.tracker.counters.hashes - before;
    assert!(read <= 4, "{read} readings");
}

#[test]
fn a_write_is_reported_under_all_names_of_the_file() {
    let tree = all(&[
        write("t/a", 1),
        vec![Op::MakeDir("t/d"), Op::Link("t/a", "t/d/b")],
    ]);
    emits(
        &tree,
        &write("t/a", 2),
        &["changed t/a 4", "changed t/d/b 4"],
    );
}

#[test]
fn a_link_is_created_with_its_content() {
    emits(
        &write("t/a", 1),
        &[Op::Link("t/a", "t/b")],
        &["created t/b 4"],
    );
}

#[test]
fn a_file_that_is_made_written_and_linked_at_once_is_created_empty() {
    let ops = linked();
    let emitted = ["created t/a 0", "changed t/a 4", "created t/b 4"];
    emits(&[], &ops, &emitted);
    // With `--strict` it is created by its status.
    let mut by_status = WorldOptions::default();
    by_status.settings.strict = true;
    emits_with(&by_status, &[], &ops, &emitted);
    // Its first name is in the model already.
    let ops = all(&[ops, vec![Op::Append(3, "t/b"), Op::Put(3, 2), Op::Shut(3)]]);
    emits(
        &[],
        &ops,
        &["created t/a 0", "changed t/a 8", "created t/b 8"],
    );
}

#[test]
fn a_write_that_cannot_be_read_at_once_is_reported_under_all_names() {
    let tree = linked();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&write("t/a", 2));
    world.catches_up();
    // Of the same size, in the same tick of the file system's clock.
    world.does(&write("t/a", 3));
    world.does(&[Op::Chmod("t/a", false)]);
    world.catches_up();
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
}

#[test]
fn a_file_that_could_never_be_read_is_tried_when_another_of_its_names_is_touched() {
    let tree = linked();
    let mut world = World::new(&WorldOptions::default(), &tree);
    world.passes(5000 * MS);
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 2));
    world.catches_up();
    world.answer(0);
    world.tracker.disk.odds.by_worker = 0;
    world.does(&[Op::Chmod("t/a", false)]);
    world.settles();
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
}

#[test]
fn a_write_by_a_name_that_no_watch_saw_is_reported_under_the_others() {
    let ops = all(&[
        vec![Op::MakeDir("t/d"), Op::Link("t/a", "t/d/b")],
        write("t/a", 2),
    ]);
    emits(
        &write("t/a", 1),
        &ops,
        &["created t/d/", "changed t/a 4", "created t/d/b 4"],
    );
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.does(&[
        Op::MakeDir("o/d"),
        Op::Link("t/a", "o/d/b"),
        Op::Rename("o/d", "t/d"),
    ]);
    world.read(usize::MAX);
    world.catches_up();
    world.converges();
    assert_eq!(world.new_records(), ["created t/d/", "created t/d/b 4"]);
}

#[test]
fn a_link_that_could_not_be_read_is_read_once_the_file_may_be() {
    let tree = all(&[
        write("t/a", 1),
        vec![Op::MakeDir("t/d"), Op::Link("t/a", "t/d/b")],
    ]);
    let ops = [
        Op::Chmod("t/a", false),
        Op::Link("t/a", "t/c"),
        Op::Chmod("t/d/b", true),
    ];
    folds(&tree, &ops);
}

#[test]
fn a_write_by_one_of_many_names_is_read_once_and_reported_of_all() {
    let mut tree = write("t/a", 1);
    let names: Vec<&'static str> = (0..500).map(|each| &*format!("t/{each}").leak()).collect();
    tree.extend(names.iter().map(|name| Op::Link("t/a", name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let before = world.tracker.counters.hashes;
    world.does(&write("t/7", 2));
    world.converges();
    let mut records = world.new_records();
    assert_eq!(records[0], "changed t/7 4");
    records.sort();
    records.dedup();
    assert_eq!(records.len(), 501);
    assert_eq!(world.tracker.counters.hashes, before + 1);
}

#[test]
fn a_write_by_a_name_that_is_gone_before_it_is_read_is_reported_of_the_others() {
    let tree = linked();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&write("t/a", 2));
    world.does(&[Op::Unlink("t/a")]);
    world.converges();
    assert_eq!(world.new_records(), ["deleted t/a", "changed t/b 4"]);
}

#[test]
fn a_write_by_a_name_that_another_file_has_before_it_is_read_is_reported_of_the_others() {
    let tree = all(&[
        write("t/a", 1),
        write("t/b", 3),
        vec![Op::MakeDir("t/d"), Op::Link("t/a", "t/d/a")],
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Append(0, "t/a"), Op::Put(0, 2), Op::Shut(0)]);
    world.does(&[Op::Rename("t/b", "t/a")]);
    world.converges();
    assert!(world.new_records().contains(&"changed t/d/a 8".to_owned()));
}

#[test]
fn a_write_to_an_unreadable_file_is_reported_of_all_its_names() {
    let tree = linked();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Chmod("t/a", false)]);
    world.does(&write("t/a", 2));
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 4", "changed t/b 4"]);
    world.does(&[Op::Chmod("t/b", true)]);
    world.converges();
    let mut records = world.new_records();
    records.sort();
    assert_eq!(records, ["changed t/a 4", "changed t/b 4"]);
}

#[test]
fn writes_to_a_file_with_many_names_take_one_step_for_each_name_in_all() {
    let names = ["t/a", "t/b", "t/c", "t/d"];
    let mut tree = write(names[0], 1);
    tree.extend(names[1..].iter().map(|name| Op::Link(names[0], name)));
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    for (name, byte) in [("t/a", 2), ("t/b", 3)] {
        world.does(&write(name, byte));
        world.read(usize::MAX);
        world.apply_all();
    }
    assert!(!world.tracker.queue.has_ready(), "before all is applied");
    world.converges();
    let mut records = world.new_records();
    records.sort();
    let all = ["a", "a", "b", "c", "d"].map(|name| format!("changed t/{name} 4"));
    assert_eq!(records, all);
}

#[test]
fn a_digest_read_under_another_name_before_a_write_does_not_count_as_read_after_it() {
    let tree = linked();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&write("t/a", 2));
    world.read(usize::MAX);
    world.apply_all();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    // The same size, within the same tick of the clock.
    world.does(&all(&[vec![Op::Fifo("t/f")], write("t/b", 3)]));
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    world.tracker.apply_next();
    world.work(8);
    world.converges();
}

#[test]
fn a_name_that_could_not_be_read_and_is_gone_is_not_tried_when_the_file_gets_another_one() {
    let tree = all(&[write("o/a", 1), vec![Op::Chmod("o/a", false)]]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let ops = all(&[
        write("t/z", 2),
        vec![Op::Rename("o/a", "t/a"), Op::Link("t/a", "t/b")],
        vec![Op::Unlink("t/a"), Op::Rename("t/b", "o/b")],
        // No name in the model has the slot of `t/b` or a later one.
        vec![Op::Unlink("t/z"), Op::Chmod("o/b", true)],
        vec![Op::Link("o/b", "t/c"), Op::Chmod("t/c", false)],
    ]);
    for op in ops {
        world.does(&[op]);
        world.catches_up();
        // The next try of what cannot be read; the end of the wait for IN_MOVED_TO.
        world.passes(5000 * MS);
        world.work(usize::MAX);
    }
    world.converges();
}

#[test]
fn an_unreadable_file_is_tried_when_its_new_name_becomes_readable_before_that_is_found() {
    let tree = all(&[write("o/a", 1), vec![Op::Chmod("o/a", false)]]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/a", "t/a")]);
    world.catches_up();
    world.does(&[Op::Link("t/a", "t/b"), Op::Chmod("t/b", true)]);
    world.converges();
    assert_eq!(
        world.new_records(),
        ["created t/a 4", "created t/b 4", "changed t/a 4"]
    );
}

#[test]
fn a_write_by_a_name_that_is_gone_before_the_baseline_is_reported_of_the_others() {
    let tree = linked();
    for (how, first) in [(Hashing::Eager, 0), (Hashing::Off, 1)] {
        let mut world = World::new(&hashing(how), &tree);
        world.read_pending(first);
        let [read, unread] = if first == 0 {
            ["t/a", "t/b"]
        } else {
            ["t/b", "t/a"]
        };
        world.does(&write(unread, 2));
        world.does(&[Op::Rename(unread, "o/a")]);
        world.settles();
        let expected = [format!("deleted {unread}"), format!("changed {read} 4")];
        assert_eq!(world.new_records(), expected);
    }
}

#[test]
fn an_unreadable_file_is_tried_when_a_name_is_gone_that_became_readable_before_the_baseline() {
    let tree = linked();
    let mut world = World::new(&WorldOptions::default(), &tree);
    world.does(&write("t/a", 2));
    world.does(&[Op::Chmod("t/a", false)]);
    world.catches_up();
    world.does(&[Op::Chmod("t/b", true), Op::Unlink("t/b")]);
    world.converges();
    assert_eq!(
        world.new_records(),
        ["changed t/a 4", "deleted t/b", "changed t/a 4"]
    );
}

#[test]
fn a_write_by_a_hidden_name_is_reported_under_the_others() {
    let options = WorldOptions {
        exclude: vec!["b"],
        ..WorldOptions::default()
    };
    let tree = linked();
    emits_with(&options, &tree, &write("t/b", 2), &["changed t/a 4"]);
    // What the hidden name leads to now is another file.
    let ops = all(&[
        write("o/c", 3),
        vec![Op::Rename("o/c", "t/b")],
        write("t/b", 2),
    ]);
    emits_with(&options, &tree, &ops, &[]);
}
