//! Tests files that go by inode, size and times: without hashing, or over the limit.

use super::super::Hashing;
use super::super::disk::Stat;
use super::super::fake::Op;
use super::super::model::fingerprint_without_ctime;
use super::cases::{all, emits_with, linked, write};
use super::content::hashing;
use super::world::{MS, World, WorldOptions};
use crate::event::Wd;
use crate::stage_order::Stages;

#[test]
fn without_hashing_a_write_is_a_change_and_a_touch_is_not() {
    let options = hashing(Hashing::Off);
    emits_with(
        &options,
        &write("t/a", 1),
        &write("t/a", 1),
        &["changed t/a 4"],
    );
    emits_with(&options, &write("t/a", 1), &[Op::Touch("t/a")], &[]);
    emits_with(
        &options,
        &[],
        &write("t/a", 1),
        &["created t/a 0", "changed t/a 4"],
    );
}

#[test]
fn a_file_over_the_limit_goes_by_its_size_and_times() {
    let mut options = WorldOptions::default();
    options.settings.hash_limit = 3;
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.does(&write("t/a", 1));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    world.does(&[Op::BeginTruncate("t/a"), Op::EndTruncate]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 2"]);
}

#[test]
fn an_unreadable_file_that_grows_over_the_limit_is_a_change_whatever_its_size_hashes_to() {
    let mut options = WorldOptions::default();
    options.settings.hash_limit = 6;
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.does(&[Op::Chmod("t/a", false)]);
    world.does(&write("t/a", 2));
    world.catches_up();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
    let top = world.tracker.roots.entries().next().unwrap();
    let stat = world.tracker.stat_in(top, b"a").unwrap();
    let has_same_hash = |size: &u64| {
        let grown = fingerprint_without_ctime(&Stat {
            size: *size,
            ..stat
        });
        !fingerprint_without_ctime(&stat).is_another(grown)
    };
    let size = (8..).step_by(4).find(has_same_hash).unwrap();
    // Its IN_ATTRIB, too, which explains new times.
    world.does(&[Op::Touch("t/a"), Op::Append(0, "t/a")]);
    for _ in (4..size).step_by(4) {
        world.does(&[Op::Put(0, 3)]);
    }
    world.does(&[Op::Shut(0)]);
    world.converges();
    assert_eq!(world.new_records(), [format!("changed t/a {size}")]);
}

#[test]
fn without_hashing_a_write_counts_though_its_times_were_seen_before_its_event() {
    let mut world = World::quiet(&hashing(Hashing::Off), &write("t/a", 1));
    let top = world.tracker.roots.entries().next().unwrap();
    world.does(&[Op::Chmod("t/a", true)]);
    world.does(&write("t/a", 2));
    world.read(1); // IN_ATTRIB, which explains other times.
    world.apply_all();
    world.work(8);
    world.passes(5000 * MS);
    world.tracker.enqueue_name(top, b"a");
    world.work(8);
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 4"]);
}

/// A file that was never read, in a directory, with its watch.
fn unread_file() -> (World, Wd) {
    let setup = [&[Op::MakeDir("t/d")][..], &write("t/d/a", 1)].concat();
    let world = World::quiet(&hashing(Hashing::Lazy), &setup);
    let model = &world.tracker.model;
    let dir = model.find(world.tracker.roots.entries().next().unwrap(), b"d");
    let wd = model.wd(dir.unwrap()).unwrap();
    (world, wd)
}

#[test]
fn new_permissions_explain_no_new_times_once_the_watch_is_lost() {
    let (mut world, wd) = unread_file();
    world.does(&[Op::Chmod("t/d/a", true)]);
    world.tracker.disk.kernel.most_watches = 1;
    world.tracker.disk.kernel.unwatch(wd);
    world.does(&write("t/d/a", 2));
    world.converges();
    assert_eq!(world.new_records(), ["changed t/d/a 4"]);
}

#[test]
fn what_happened_before_a_watch_was_lost_is_applied_though_that_is_known_before() {
    let (mut world, wd) = unread_file();
    let dir = world.tracker.model.watched(wd).unwrap();
    world.does(&[Op::Chmod("t/d/a", true)]);
    world.read(1);
    world.does(&write("t/d/a", 2));
    world.apply_all();
    world.work(usize::MAX); // IN_ATTRIB explains the new times for now.
    world.tracker.disk.kernel.most_watches = 1;
    world.tracker.disk.kernel.unwatch(wd);
    world.tracker.enqueue(dir);
    world.work(usize::MAX);
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.converges();
    assert_eq!(world.new_records(), ["changed t/d/a 4"]);
}

#[test]
fn without_hashing_a_size_that_a_rename_has_emitted_is_what_was_last_reported() {
    let mut options = hashing(Hashing::Off);
    options.settings.no_renames = true;
    let tree = all(&[
        write("t/a", 1),
        vec![Op::MakeDir("t/d"), Op::Link("t/a", "t/d/b")],
    ]);
    let mut world = World::quiet(&options, &tree);
    world.does(&write("t/a", 2));
    world.settles();
    world.does(&[Op::Rename("t/d", "t/e"), Op::Open(0, "t/a")]);
    world.read(usize::MAX);
    let Ok(_) = world.begin_batch();
    world.tracker.apply_next(); // IN_MOVED_FROM
    world.tracker.apply_next(); // IN_MOVED_TO
    // The same size and times as before.
    world.does(&[Op::Put(0, 3), Op::Shut(0)]);
    world.converges();
}

#[test]
fn without_hashing_a_touch_of_one_of_two_names_is_no_change() {
    let options = hashing(Hashing::Off);
    let tree = linked();
    let touch = [Op::Append(0, "t/a"), Op::Touch("t/a"), Op::Shut(0)];
    emits_with(&options, &tree, &touch, &[]);
    emits_with(&options, &tree, &[Op::Touch("t/a")], &[]);
    let both = all(&[write("t/b", 1), vec![Op::Touch("t/a")]]);
    emits_with(&options, &tree, &both, &["changed t/b 4", "changed t/a 4"]);
    emits_with(
        &options,
        &tree,
        &write("t/a", 1),
        &["changed t/a 4", "changed t/b 4"],
    );
}

/// Files that go by inode, size and times, for each reason why they do.
pub(super) fn by_status() -> [WorldOptions; 2] {
    let mut limited = WorldOptions::default();
    limited.settings.hash_limit = 1;
    [hashing(Hashing::Off), limited]
}

/// Files without a digest, for each reason why they have none.
fn without_digests() -> [WorldOptions; 3] {
    let [off, limited] = by_status();
    [off, hashing(Hashing::Lazy), limited]
}

#[test]
fn without_a_digest_a_rename_is_no_change_of_the_bytes() {
    for options in without_digests() {
        let mut world = World::quiet(&options, &write("t/a", 1));
        world.passes(400 * MS);
        world.does(&[Op::Rename("t/a", "t/c")]);
        world.converges();
        world.does(&[Op::Chmod("t/c", true)]);
        world.converges();
        world.does(&[Op::Rename("t/c", "t/e")]);
        world.converges();
        let expected = ["renamed t/a -> t/c", "renamed t/c -> t/e"];
        assert_eq!(world.new_records(), expected, "{options:?}");
    }
}

#[test]
fn without_a_digest_a_touch_and_then_a_link_are_no_change_of_the_bytes() {
    for options in without_digests() {
        let mut world = World::quiet(&options, &write("t/a", 1));
        world.does(&[Op::Touch("t/a")]);
        world.converges();
        world.passes(400 * MS);
        world.does(&[Op::Link("t/a", "t/b")]);
        world.converges();
        world.does(&[Op::Unlink("t/b")]);
        world.converges();
        assert_eq!(
            world.new_records(),
            ["created t/b 4", "deleted t/b"],
            "{options:?}"
        );
    }
}

#[test]
fn each_write_within_the_resolution_of_the_clock_is_a_change_of_all_hard_links() {
    for options in by_status() {
        let setup = linked();
        let mut world = World::quiet(&options, &setup);
        for bytes in 2..5 {
            world.does(&write("t/b", bytes));
            world.converges();
            let mut changed = world.new_records();
            changed.sort();
            assert_eq!(changed, ["changed t/a 4", "changed t/b 4"]);
        }
    }
}

#[test]
fn a_touch_by_one_name_is_one_of_all_hard_links_and_explains_their_times() {
    for mut options in without_digests() {
        options.settings.touched = true;
        let setup = linked();
        let mut world = World::quiet(&options, &setup);
        world.passes(5000 * MS);
        world.does(&[Op::Touch("t/a")]);
        world.converges();
        let mut touched = world.new_records();
        touched.sort();
        assert_eq!(touched, ["touched t/a", "touched t/b"]);
        // Its other names are compared.
        world.does(&[Op::Link("t/a", "t/c")]);
        world.converges();
        assert_eq!(world.new_records(), ["created t/c 4"]);
    }
}

#[test]
fn a_hard_link_that_replaces_a_file_is_no_write_of_the_other_links() {
    for options in without_digests() {
        let setup = all(&[
            write("t/a", 1),
            vec![Op::Link("t/a", "t/b")],
            write("t/c", 2),
        ]);
        let mut world = World::quiet(&options, &setup);
        world.does(&[Op::Chmod("t/b", true)]); // So that a status is known, and just now.
        world.converges();
        world.does(&write("t/b", 3));
        world.catches_up();
        world.new_records();
        world.does(&[Op::Rename("t/a", "t/c")]);
        world.converges();
        assert_eq!(world.new_records(), ["renamed t/a -> t/c", "changed t/c 4"]);
    }
}

#[test]
fn a_name_that_was_touched_may_be_gone_when_the_other_hard_links_follow() {
    for options in without_digests() {
        let setup = linked();
        let mut world = World::quiet(&options, &setup);
        world.does(&[Op::Touch("t/a")]);
        world.read(usize::MAX);
        world.apply_all();
        world.work(1);
        // Its number in the model is used again.
        world.does(&[Op::Unlink("t/a"), Op::Fifo("t/c")]);
        world.converges();
        assert_eq!(world.new_records(), ["deleted t/a", "created t/c"]);
    }
}
