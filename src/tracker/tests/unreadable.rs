//! Tests that files which may not be read for a while are read, and emitted, once they may be.

use super::super::disk::FsError;
use super::super::fake::Op;
use super::super::queue::Work;
use super::cases::{all, linked, touch, write};
use super::world::{MS, World, WorldOptions};
use crate::change::Warning;

#[test]
fn an_unreadable_file_is_read_once_it_may_be() {
    let tree = all(&[write("o/a", 1), vec![Op::Chmod("o/a", false)]]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/a", "t/a")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/a 4"]);
    assert_eq!(
        world.warnings,
        [("t/a".to_owned(), Warning::UnreadableFile)]
    );
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn an_unreadable_file_is_reported_once_however_often_its_name_is_emitted() {
    let tree = all(&[write("o/a", 1), vec![Op::Chmod("o/a", false)]]);
    let mut options = WorldOptions::default();
    options.settings.no_renames = true;
    let mut world = World::quiet(&options, &tree);
    world.does(&[Op::Rename("o/a", "t/a")]);
    world.catches_up();
    world.does(&[Op::Rename("t/a", "t/b")]);
    world.catches_up();
    let top = world.tracker.roots.entries().next().unwrap();
    let file = world.tracker.model.find(top, b"b").unwrap();
    let now = world.now();
    // As in a snapshot.
    let listed = world.tracker.at(now).known_content(file);
    assert_eq!(listed.bytes.unwrap().digest, None);
    world.catches_up();
    world.waits();
    assert_eq!(
        world.new_records(),
        ["created t/a 4", "deleted t/a", "created t/b 4"]
    );
    assert_eq!(
        world.warnings,
        [("t/a".to_owned(), Warning::UnreadableFile)]
    );
    world.does(&[Op::Chmod("t/b", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/b 4"]);
}

#[test]
fn a_known_file_that_was_unreadable_for_a_while_is_read_again() {
    let tree = all(&[
        write("t/a", 1),
        write("o/a", 2),
        vec![Op::Chmod("o/a", false)],
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/a", "t/a")]);
    world.catches_up();
    assert_eq!(
        world.new_records(),
        ["changed t/a 4"],
        "to what is not known"
    );
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn an_unreadable_file_that_replaces_another_one_is_a_change() {
    let tree = all(&[
        write("t/a", 1),
        write("t/b", 2),
        vec![Op::Chmod("t/b", false)],
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("t/b", "t/a")]);
    world.catches_up();
    assert_eq!(
        world.new_records(),
        ["renamed t/b -> t/a", "changed t/a 4"],
        "to what is not known"
    );
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn each_write_to_an_unreadable_file_is_a_change_and_so_is_its_becoming_readable() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.does(&[Op::Chmod("t/a", false)]);
    world.catches_up();
    world.passes(5000 * MS);
    world.work(1);
    assert_eq!(
        world.new_records(),
        Vec::<String>::new(),
        "nobody has written"
    );
    for byte in [2, 3] {
        world.does(&write("t/a", byte));
        world.catches_up();
        assert_eq!(world.new_records(), ["changed t/a 4"]);
        world.passes(5000 * MS);
        world.work(1);
        world.catches_up();
        assert_eq!(
            world.new_records(),
            Vec::<String>::new(),
            "it is tried again"
        );
    }
    assert_eq!(world.warnings.len(), 1, "and emitted once");
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn a_touch_of_an_unreadable_file_is_no_change() {
    let tree = all(&[write("t/a", 1), vec![Op::Chmod("t/a", false)]]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    for _ in 0..2 {
        world.passes(5000 * MS);
        world.does(&[Op::Touch("t/a")]);
        world.catches_up();
    }
    assert_eq!(world.new_records(), [""; 0]);
}

#[test]
fn a_file_that_is_unreadable_for_a_while_and_not_written_is_no_change() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    for is_readable in [false, true] {
        world.does(&[Op::Touch("t/a"), Op::Chmod("t/a", is_readable)]);
        world.catches_up();
        world.passes(5000 * MS);
        world.work(1);
        world.converges();
    }
    assert_eq!(world.new_records(), Vec::<String>::new());
}

#[test]
fn a_file_that_stays_busy_is_reported_once_and_tried_ever_more_rarely() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    world.tracker.disk.is_busy = true;
    world.does(&write("t/a", 2));
    world.catches_up();
    let began = world.tick;
    while world.tick < began + 8_000 * MS {
        world.waits();
    }
    assert_eq!(world.new_records(), Vec::<String>::new(), "it may be over");
    assert_eq!(world.warnings, []);
    while world.tick < began + 12_000 * MS {
        world.waits();
    }
    assert_eq!(world.new_records(), ["changed t/a 4"], "without a digest");
    assert_eq!(world.warnings.len(), 1);
    let began = (world.tick, world.tracker.disk.journal.len());
    while world.tick < began.0 + 600_000 * MS {
        world.waits();
    }
    let journal = &world.tracker.disk.journal[began.1..];
    let tries = journal.iter().filter(|line| line.contains("read ")).count();
    assert!((15..=30).contains(&tries), "{tries} in ten minutes");
    // Each write is a change, and reported when it comes.
    world.does(&write("t/a", 3));
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    assert_eq!(world.warnings.drain(..).count(), 1);
    world.tracker.disk.is_busy = false;
    world.waits();
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn a_name_that_was_unreadable_is_read_once_another_name_of_its_file_was() {
    let tree = linked();
    let mut options = WorldOptions::default();
    options.settings.no_renames = true;
    let mut world = World::new(&options, &tree);
    world.does(&[Op::Rename("t/a", "t/c"), Op::Chmod("t/b", false)]);
    world.read(2);
    world.apply_all();
    while world.tracker.queue.has_ready() {
        world.work(1);
    }
    assert_eq!(
        world.warnings,
        [("t/c".to_owned(), Warning::UnreadableFile)]
    );
    // The walk has found `t/b`, and nothing else is known of it.
    world.does(&[Op::Chmod("t/b", true)]);
    world.converges();
}

#[test]
fn what_failed_where_a_directory_had_been_is_tried_again_where_it_is() {
    let tree = all(&[
        vec![Op::MakeDir("t/d"), Op::MakeDir("t/d/e")],
        write("t/d/e/a", 1),
    ]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&write("t/d/e/a", 2));
    world.does(&[
        Op::Rename("t/d", "t/b"),
        Op::MakeDir("t/d"),
        Op::Chmod("t/d", false),
    ]);
    // The write, and not the rename.
    world.read(4);
    world.apply_all();
    while world.tracker.queue.has_ready() {
        world.work(1);
    }
    world.catches_up();
    assert_eq!(
        world.new_records(),
        ["renamed t/d/ -> t/b/", "created t/d/", "changed t/b/e/a 4"]
    );
    world.does(&[Op::Chmod("t/d", true)]);
    world.converges();
}

#[test]
fn what_failed_in_a_directory_that_is_gone_is_tried_again_when_permissions_change() {
    let tree = [Op::MakeDir("t/d"), Op::MakeDir("t/e")];
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    let top = world.tracker.roots.entries().next().unwrap();
    let gone = world.tracker.model.find(top, b"e").unwrap();
    let name = Work {
        group: Some(gone),
        ..Work::name(top, b"a")
    };
    let denied = FsError::PermissionDenied;
    world.tracker.queue.retry(name.clone(), &denied);
    world.does(&[Op::RemoveDir("t/e"), Op::Chmod("t/d", false)]);
    world.catches_up();
    assert!(!world.tracker.queue.has(&name.key));
}

#[test]
fn that_a_file_could_not_be_read_shows_nothing_of_another_that_has_its_name_by_then() {
    let tree = all(&[write("t/a", 1), write("o/b", 2)]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.tracker.disk.odds.by_worker = 100;
    world.does(&write("t/a", 3));
    world.catches_up();
    world.does(&[
        Op::Rename("t/a", "o/a"),
        Op::Rename("o/b", "t/a"),
        Op::Chmod("o/a", false),
    ]);
    world.catches_up();
    world.tracker.disk.odds.by_worker = 0;
    world.answer(0);
    assert_eq!(world.warnings, []);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

#[test]
fn an_empty_file_that_cannot_be_read_has_not_the_bytes_of_the_one_that_it_replaced() {
    let unreadable = [touch("o/e"), vec![Op::Chmod("o/e", false)]];
    let tree = all(&[write("t/a", 1), all(&unreadable)]);
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/e", "t/a")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 0"]);
    world.does(&[Op::Chmod("t/a", true)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 0"]);
}
