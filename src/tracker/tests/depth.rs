//! Tests the limit of `--max-depth`: a directory there is reported, and what is in it is not.

use super::super::fake::Op;
use super::super::queue::ScanScope;
use super::super::queue::Work;
use super::cases::{all, write};
use super::world::{World, WorldOptions};

#[test]
fn below_the_last_level_a_directory_is_reported_and_not_entered() {
    let mut options = WorldOptions::default();
    options.settings.max_depth = Some(1);
    let mut world = World::quiet(&options, &[]);
    world.does(&all(&[
        vec![Op::MakeDir("t/d")],
        write("t/d/f", 1),
        write("t/a", 1),
    ]));
    world.settles();
    assert_eq!(
        world.new_records(),
        ["created t/d/", "created t/a 0", "changed t/a 4"]
    );
    assert_eq!(world.tracker.disk.kernel.watches().len(), 1);
}

#[test]
fn a_directory_that_moves_across_the_last_level_is_there_all_the_time() {
    let mut options = WorldOptions::default();
    options.settings.max_depth = Some(2);
    let mut world = World::quiet(&options, &[]);
    let made = ["t/d", "t/d/e", "t/d/e/g"].map(Op::MakeDir).to_vec();
    world.does(&all(&[made, write("t/d/e/f", 1)]));
    world.settles();
    assert_eq!(world.new_records(), ["created t/d/", "created t/d/e/"]);
    world.does(&[Op::Rename("t/d/e", "t/e")]);
    world.settles();
    let mut up = world.new_records();
    up[1..].sort();
    assert_eq!(
        up,
        [
            "renamed t/d/e/ -> t/e/",
            "created t/e/f 4",
            "created t/e/g/"
        ]
    );
    world.does(&[Op::Rename("t/e", "t/d/e")]);
    world.settles();
    let mut back = world.new_records();
    back[1..].sort();
    assert_eq!(
        back,
        [
            "renamed t/e/ -> t/d/e/",
            "deleted t/d/e/f",
            "deleted t/d/e/g/"
        ]
    );
    assert_eq!(world.tracker.disk.kernel.watches().len(), 2);
}

#[test]
fn directories_far_below_one_that_moves_reach_the_last_level_or_leave_it() {
    let mut options = WorldOptions::default();
    options.settings.max_depth = Some(4);
    let made = ["t/d", "t/d/e", "t/d/e/g", "t/d/e/g/k"].map(Op::MakeDir);
    let tree = all(&[made.to_vec(), write("t/d/e/g/k/f", 1)]);
    let mut world = World::quiet(&options, &tree);
    world.does(&[Op::Rename("t/d/e", "t/e")]);
    world.settles();
    assert_eq!(
        world.new_records(),
        ["renamed t/d/e/ -> t/e/", "created t/e/g/k/f 4"]
    );
    world.does(&[Op::Rename("t/e", "t/d/e")]);
    world.settles();
    assert_eq!(
        world.new_records(),
        ["renamed t/e/ -> t/d/e/", "deleted t/d/e/g/k/f"]
    );
}

#[test]
fn what_is_left_to_compare_in_a_directory_beyond_the_last_level_is_not_compared() {
    for is_scanning in [false, true] {
        let mut options = WorldOptions::default();
        options.settings.max_depth = Some(2);
        let tree = [Op::MakeDir("t/d"), Op::MakeDir("t/e")];
        let mut world = World::quiet(&options, &tree);
        let top = world.tracker.roots.entries().next().unwrap();
        let dir = world.tracker.model.find(top, b"d").unwrap();
        world.does(&write("t/d/f", 1));
        world.tracker.disk.kernel.read(usize::MAX); // These events are lost.
        if is_scanning {
            world.tracker.queue.add(Work::scan(dir, ScanScope::All));
            world.work(1);
        }
        world.does(&[Op::Rename("t/d", "t/e/d")]);
        world.read(usize::MAX);
        world.apply_all();
        if !is_scanning {
            world.work(8);
            world.tracker.enqueue_name(dir, b"f");
        }
        world.settles();
        assert_eq!(world.new_records(), ["renamed t/d/ -> t/e/d/"]);
    }
}
