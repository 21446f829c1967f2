//! Tests names that something else takes: by a rename, by a move from outside, or by a switched
//! link.

use super::super::fake::Op;
use super::super::model::{FirstReader, Knowledge};
use super::cases::{all, emits, touch, write};
use super::world::{World, WorldOptions};

#[test]
fn an_atomic_save_is_a_rename_and_then_a_change() {
    let ops = all(&[write("t/f.tmp", 2), vec![Op::Rename("t/f.tmp", "t/f")]]);
    emits(
        &write("t/f", 1),
        &ops,
        &[
            "created t/f.tmp 0",
            "renamed t/f.tmp -> t/f",
            "changed t/f 4",
        ],
    );
}

#[test]
fn an_atomic_save_of_the_same_bytes_changes_nothing() {
    let ops = all(&[write("t/f.tmp", 1), vec![Op::Rename("t/f.tmp", "t/f")]]);
    let mut world = World::quiet(&WorldOptions::default(), &write("t/f", 1));
    world.does(&write("t/f.tmp", 1));
    world.catches_up();
    assert_eq!(
        world.new_records(),
        ["created t/f.tmp 0", "changed t/f.tmp 4"]
    );
    world.does(&[Op::Rename("t/f.tmp", "t/f")]);
    world.converges();
    assert_eq!(world.new_records(), ["renamed t/f.tmp -> t/f"]);
    let all_at_once = [
        "created t/f.tmp 0",
        "changed t/f.tmp 4",
        "renamed t/f.tmp -> t/f",
    ];
    emits(&write("t/f", 1), &ops, &all_at_once);
    // A file that was there, and is written and renamed at once.
    let tree = all(&[write("t/f", 1), write("t/g", 2)]);
    let ops = all(&[write("t/g", 1), vec![Op::Rename("t/g", "t/f")]]);
    emits(&tree, &ops, &["changed t/g 4", "renamed t/g -> t/f"]);
}

#[test]
fn a_directory_renamed_onto_an_empty_one_keeps_its_watch() {
    let tree = all(&[
        vec![Op::MakeDir("t/src"), Op::MakeDir("t/dst")],
        write("t/src/f", 1),
    ]);
    let ops = all(&[vec![Op::Rename("t/src", "t/dst")], write("t/dst/f", 2)]);
    emits(
        &tree,
        &ops,
        &["renamed t/src/ -> t/dst/", "changed t/dst/f 4"],
    );
}

#[test]
fn a_link_that_takes_the_place_of_what_moved_is_reported() {
    let tree = all(&[vec![Op::MakeDir("t/foo")], write("t/foo/f", 1)]);
    let ops = [Op::Rename("t/foo", "t/bar"), Op::Symlink("t/foo")];
    emits(&tree, &ops, &["renamed t/foo/ -> t/bar/", "created t/foo"]);
}

#[test]
fn a_file_moved_in_onto_a_name_is_a_change() {
    let tree = all(&[write("t/a", 1), write("o/a", 2)]);
    emits(&tree, &[Op::Rename("o/a", "t/a")], &["changed t/a 4"]);
}

#[test]
fn a_file_moved_in_onto_the_same_bytes_is_no_change() {
    let tree = all(&[write("t/a", 1), write("o/a", 1)]);
    emits(&tree, &[Op::Rename("o/a", "t/a")], &[]);
}

#[test]
fn an_editor_that_keeps_a_backup_renames_and_creates() {
    let ops = all(&[
        vec![Op::Rename("t/f", "t/f~")],
        write("t/f", 2),
        vec![Op::Unlink("t/f~")],
    ]);
    emits(
        &write("t/f", 1),
        &ops,
        &[
            "renamed t/f -> t/f~",
            "created t/f 0",
            "changed t/f 4",
            "deleted t/f~",
        ],
    );
}

#[test]
fn an_empty_file_renamed_over_another_replaces_its_bytes() {
    let tree = all(&[write("t/a", 1), touch("t/b")]);
    emits(
        &tree,
        &[Op::Rename("t/b", "t/a")],
        &["renamed t/b -> t/a", "changed t/a 0"],
    );
}

/// The records of `ln -sfn` over an existing link, with the events read in pieces of these sizes.
fn switched_link(pieces: &[usize]) -> Vec<String> {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::Symlink("t/current")]);
    let all = [Op::Symlink("t/tmp"), Op::Rename("t/tmp", "t/current")];
    world.does(&all);
    for &piece in pieces {
        world.read(piece);
        world.apply_all();
        world.work(10);
    }
    world.converges();
    world.new_records()
}

#[test]
fn a_link_that_is_switched_is_never_taken_for_a_file() {
    let records = ["created t/tmp", "renamed t/tmp -> t/current"];
    assert_eq!(switched_link(&[]), records, "all at once");
    assert_eq!(switched_link(&[1]), records, "its creation first");
    assert_eq!(switched_link(&[1, 1]), records, "each event by itself");
    assert_eq!(switched_link(&[2]), records, "half the rename");
}

#[test]
fn an_answer_about_the_file_that_had_the_old_name_next_does_not_count() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/b", 1));
    world.does(&write("t/tmp", 2));
    world.read(usize::MAX);
    world.does(&[Op::Rename("t/tmp", "t/b")]);
    world.does(&write("t/tmp", 3));
    world.tracker.disk.odds.by_worker = 100;
    world.apply_all(); // The second file is read for the first one.
    world.tracker.disk.odds.by_worker = 0;
    world.read(usize::MAX);
    world.apply_all();
    world.converges();
}

/// As on a file system whose inode numbers show nothing.
#[test]
fn a_file_moved_in_onto_a_name_that_was_never_read_is_a_change_whatever_its_times() {
    let tree = all(&[write("t/a", 1), write("o/b", 2)]);
    let mut world = World::new(&WorldOptions::default(), &tree);
    let id = world.tracker.entry_at(b"/t/a").unwrap();
    let unread = Knowledge::Unread {
        ino: 0,
        reader: FirstReader::Baseline,
    };
    world.tracker.model.set_knowledge(id, unread);
    world.does(&[Op::Rename("o/b", "t/a")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    world.converges();
}

/// Calls that write to the file that has a name, as its second writer does.
fn append(path: &'static str) -> Vec<Op> {
    vec![Op::Append(1, path), Op::Put(1, 7), Op::Shut(1)]
}

#[test]
fn a_late_write_to_a_deleted_log_does_not_hide_how_the_new_one_was_made() {
    let late = [Op::Append(1, "t/log"), Op::Unlink("t/log"), Op::Put(1, 7)];
    let ops = all(&[late.to_vec(), vec![Op::Shut(1)], write("t/log", 2)]);
    emits(
        &write("t/log", 1),
        &ops,
        &["deleted t/log", "created t/log 0", "changed t/log 4"],
    );
}

#[test]
fn a_late_write_to_a_deleted_log_does_not_create_what_is_renamed_to_its_name() {
    let late = [Op::Append(1, "t/log"), Op::Unlink("t/log"), Op::Put(1, 7)];
    let ops = all(&[
        late.to_vec(),
        vec![Op::Shut(1), Op::Rename("t/new", "t/log")],
    ]);
    emits(
        &all(&[write("t/log", 1), write("t/new", 2)]),
        &ops,
        &["deleted t/log", "renamed t/new -> t/log"],
    );
}

#[test]
fn what_replaces_a_file_that_was_just_written_is_not_taken_for_its_bytes() {
    let mut options = WorldOptions::default();
    options.settings.closed = true;
    let tree = all(&[write("t/f", 1), write("t/g", 2), vec![Op::Symlink("t/l")]]);
    for (from, expected) in [
        ("t/g", &["renamed t/g -> t/f", "changed t/f 4"][..]),
        ("t/l", &["renamed t/l -> t/f"]),
    ] {
        let mut world = World::quiet(&options, &tree);
        world.does(&all(&[append("t/f"), vec![Op::Rename(from, "t/f")]]));
        world.converges();
        assert_eq!(world.new_records(), expected);
    }
    // The same of a file that was just made.
    let mut world = World::quiet(&options, &tree);
    world.does(&all(&[write("t/h", 3), vec![Op::Rename("t/g", "t/h")]]));
    world.converges();
    assert_eq!(
        world.new_records(),
        ["created t/h 0", "renamed t/g -> t/h", "changed t/h 4"]
    );
}
