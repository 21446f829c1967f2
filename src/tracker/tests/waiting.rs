//! Tests that what one user does, however much it is, does not keep the changes of others waiting.

use super::super::disk::{FsClass, FsError};
use super::super::fake::Op;
use super::super::queue::{ScanScope, Work};
use super::cases::{all, touch, write};
use super::world::{MS, World, WorldOptions};
use crate::change::Kind;
use crate::stage_order::Stages as _;

/// While the kernel queue is never empty, the other event of each may come.
#[test]
fn renames_out_of_the_tree_do_not_keep_other_files_waiting() {
    let names: Vec<&'static str> = (0..500).map(|each| &*format!("t/{each}").leak()).collect();
    let tree: Vec<Op> = names.iter().flat_map(|name| touch(name)).collect();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Open(0, "t/log")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/log 0"]);
    world.passes(MS);
    world.does(&[Op::Put(0, 1)]);
    let out = names.iter().map(|name| Op::Rename(name, "o/a"));
    world.does(&out.collect::<Vec<_>>());
    world.read(usize::MAX);
    world.apply_all();
    for _ in 0..3 {
        world.passes(60 * MS);
        world.work(40);
    }
    assert_eq!(world.new_records(), ["changed t/log 4"]);
    world.converges();
}

#[test]
fn each_of_many_renames_of_one_file_costs_the_same() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/a", 1));
    for _ in 0..30_000 {
        world.does(&[Op::Rename("t/a", "t/b"), Op::Rename("t/b", "t/a")]);
    }
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    let began = std::time::Instant::now();
    while world.tracker.apply_next() {}
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}

#[test]
fn a_removed_directory_is_reported_before_the_comparison_of_all_others_is_over() {
    let mut options = WorldOptions::default();
    options.settings.rescan = Some(60_000_000_000);
    let tree = all(&[write("t/a", 1), vec![Op::MakeDir("t/d")]]);
    let mut world = World::quiet(&options, &tree);
    world.passes(60_000_000_000);
    world.work(3);
    assert!(world.tracker.queue.is_rescanning());
    world.does(&[Op::RemoveDir("t/d")]);
    world.read(usize::MAX);
    world.apply_all();
    assert!(world.tracker.queue.is_rescanning());
    assert_eq!(world.new_records(), ["deleted t/d/"]);
    world.converges();
}

#[test]
fn a_large_directory_that_moves_in_does_not_keep_a_new_one_waiting() {
    let names = (0..1000).map(|each| Op::Fifo(format!("o/d/{each}").leak()));
    let tree: Vec<_> = [Op::MakeDir("o/d")].into_iter().chain(names).collect();
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    world.does(&[Op::Rename("o/d", "t/d")]);
    world.read(usize::MAX);
    world.apply_all();
    world.work(20);
    world.does(&[Op::MakeDir("t/v"), Op::Fifo("t/v/f")]);
    world.read(usize::MAX);
    world.apply_all();
    let mut records = 0;
    loop {
        world.work(8);
        let new = world.new_records();
        records += new.len();
        if new.iter().any(|record| record.starts_with("created t/v/f")) {
            break;
        }
    }
    assert!(records < 100, "after {records} records");
    world.converges();
}

#[test]
fn a_rescan_does_not_wait_for_new_directories_whose_modes_change() {
    let mut options = WorldOptions::default();
    options.settings.rescan = Some(60_000_000_000);
    let mut world = World::quiet(&options, &[Op::MakeDir("t/d")]);
    world.passes(60_000_000_000);
    for number in 0..50 {
        world.work(4);
        if number > 0 && !world.tracker.queue.is_rescanning() {
            return world.converges();
        }
        for part in 0..2 {
            let dir = format!("t/d/{number}-{part}").leak();
            world.does(&[
                Op::MakeDir(dir),
                Op::Chmod(dir, false),
                Op::Chmod(dir, true),
            ]);
        }
        world.read(usize::MAX);
        world.apply_all();
    }
    panic!("the rescan goes on");
}

/// How often the names in a directory of so many are compared in 12 s, while a file of it that
/// has no name any longer is written to every 60 ms.
fn comparisons(names: usize) -> usize {
    let names: Vec<_> = (0..names)
        .map(|each| Op::Fifo(format!("t/{each}").leak()))
        .collect();
    let mut world = World::quiet(&WorldOptions::default(), &names);
    world.does(&[Op::Open(0, "t/a"), Op::Unlink("t/a")]);
    world.catches_up();
    world.tracker.disk.journal.clear();
    for _ in 0..200 {
        world.does(&[Op::Put(0, 1)]);
        world.read(usize::MAX);
        world.apply_all();
        world.passes(60 * MS);
        world.work(usize::MAX); // It ends when the directory is listed.
        world.work(usize::MAX);
    }
    let journal = &world.tracker.disk.journal;
    let is_of_one =
        |line: &&String| line.trim_start().starts_with("stat") && line.contains("/7 is");
    journal.iter().filter(is_of_one).count()
}

#[test]
fn writes_by_an_unlinked_name_cost_a_bounded_part_of_the_time() {
    let (few, many) = (comparisons(10), comparisons(10_000));
    assert!(
        (20..25).contains(&few),
        "not twice a second, but {few} times"
    );
    assert!((8..13).contains(&many), "not each second, but {many} times");
}

#[test]
fn what_is_denied_deep_in_the_tree_costs_no_step_for_each_level_above_it() {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
    let tracker = &mut world.tracker;
    let mut dir = tracker.entry_at(b"/t").unwrap();
    for _ in 0..2000 {
        dir = tracker.model.insert(Some(dir), b"deep", Kind::Directory);
    }
    for number in 0..2000 {
        let name = format!("{number}");
        let id = tracker
            .model
            .insert(Some(dir), name.as_bytes(), Kind::Directory);
        let scan = Work::scan(id, ScanScope::All);
        tracker.queue.retry(scan, &FsError::PermissionDenied);
    }
    let reopened = tracker.entry_at(b"/t/d").unwrap();
    let began = std::time::Instant::now();
    for _ in 0..100 {
        tracker.retry_denied(reopened);
        tracker.hasten_denied();
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert!(!tracker.queue.has_ready());
    tracker.retry_denied(dir);
    tracker.hasten_denied();
    assert!(tracker.queue.has_ready());
}

#[test]
fn names_for_which_there_is_no_room_are_reported_once_there_is() {
    let mut world = World::quiet(&WorldOptions::default(), &write("t/b", 2));
    let model = &mut world.tracker.model;
    let top = model.insert(None, b"", Kind::Directory);
    let mut others = vec![top];
    while model.has_room() {
        let number = u8::try_from(others.len()).unwrap();
        others.push(model.insert(Some(top), &[number; 60_000], Kind::File));
    }
    others.iter().for_each(|&other| model.hide(other));
    world.does(&all(&[
        write("t/a", 1),
        vec![Op::MakeDir("t/d"), Op::Rename("t/b", "t/c")],
    ]));
    world.catches_up();
    assert_eq!(world.new_records(), ["deleted t/b"]);
    assert_eq!(std::mem::take(&mut world.warnings).len(), 1);
    for other in others.into_iter().rev() {
        world.tracker.model.remove(other);
    }
    world.passes(10_000 * MS);
    world.work(1);
    world.catches_up();
    let mut records = world.new_records();
    records.sort();
    assert_eq!(records, ["created t/a 4", "created t/c 4", "created t/d/"]);
    world.converges();
}

#[test]
fn nothing_is_polled_any_longer_once_a_remote_file_system_is_gone() {
    let mut world = World::quiet(&WorldOptions::default(), &[Op::MakeDir("t/d")]);
    let class = FsClass::Remote("FUSE");
    world.tracker.file_systems.note(u64::MAX, class);
    for _ in 0..3 {
        world.passes(11_000 * MS);
        world.settles();
    }
    assert_eq!(world.tracker.deadline(), None);
    // One that is there is polled for ever.
    let top = world.tracker.roots.entries().next().unwrap();
    let dev = world.tracker.model.inode(top).dev;
    world.tracker.file_systems.note(dev, class);
    for _ in 0..3 {
        world.passes(11_000 * MS);
        world.settles();
        assert!(world.tracker.deadline().is_some());
    }
}

#[test]
fn what_came_and_went_is_reported_however_late_its_last_event_is_read() {
    let mut world = World::quiet(&WorldOptions::default(), &[]);
    world.passes(MS);
    world.does(&[Op::Open(0, "t/a"), Op::Shut(0), Op::Unlink("t/a")]);
    // Something else has held up the loop since the first was read.
    world.read(1);
    world.apply_all();
    world.passes(300 * MS);
    world.work(100);
    world.converges();
    assert_eq!(world.new_records(), ["created t/a 0", "deleted t/a"]);
}

#[test]
fn exchanges_of_directories_do_not_have_them_watched_each_time() {
    let tree = [
        Op::MakeDir("t/d"),
        Op::Fifo("t/d/a"),
        Op::MakeDir("t/e"),
        Op::Fifo("t/e/b"),
    ];
    let mut world = World::quiet(&WorldOptions::default(), &tree);
    for _ in 0..50 {
        world.does(&[Op::Exchange("t/d", "t/e"), Op::Exchange("t/e", "t/d")]);
    }
    world.tracker.disk.journal.clear();
    world.converges();
    let is_watch = |line: &&String| line.trim_start().starts_with("watch");
    let watches = world.tracker.disk.journal.iter().filter(is_watch).count();
    assert!(watches < 10, "{watches} times");
}
