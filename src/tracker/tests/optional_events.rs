//! Tests the events that are emitted only where they are asked for: attributes, closed, touched.

use super::super::disk::{FsError, Xattr};
use super::super::fake::Op;
use super::super::{HashPolicy, Hashing, Settings};
use super::cases::{emits_with, write};
use super::content::hashing;
use super::world::{MS, World, WorldOptions};

#[test]
fn attributes_are_reported_where_they_are_asked_for() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.does(&[Op::Chmod("t/a", false)]);
    world.catches_up();
    assert_eq!(world.new_records(), ["attributes t/a 0"]);
}

#[test]
fn attributes_that_changed_before_a_rename_are_reported_after_it() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let tree = [write("t/a", 1), vec![Op::MakeDir("t/d")]].concat();
    for (old, new) in [("t/a", "t/b"), ("t/d", "t/e")] {
        // With the halves of the rename in one batch, and in two.
        for first in [usize::MAX, 3, 2, 1] {
            let mut world = World::quiet(&options, &tree);
            world.does(&[Op::Chmod(old, false), Op::Rename(old, new)]);
            world.read(first);
            world.apply_all();
            world.work(100);
            world.converges();
            let records = world.new_records();
            let changed = format!("attributes {new} 0");
            let before = format!("attributes {old} 0");
            let is_it = |record: &String| *record == changed || *record == before;
            let reported = records.iter().filter(|record| is_it(record)).count();
            assert_eq!(reported, 1, "{first} at first: {records:#?}");
            let is_renamed = |record: &String| record.starts_with("renamed ");
            assert!(records.iter().any(is_renamed), "{records:#?}");
        }
    }
}

#[test]
fn extended_attributes_that_could_not_be_read_at_first_are_no_change() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let errors = [
        FsError::NoDescriptor,
        FsError::Io("it cannot be read".into()),
    ];
    for error in errors {
        let mut world = World::quiet(&options, &[]);
        world.tracker.disk.xattrs = Err(error.clone());
        world.does(&write("t/a", 1));
        world.catches_up();
        world.new_records();
        let xattr = |value| Xattr {
            name: (*b"user.a").into(),
            value,
        };
        world.tracker.disk.xattrs = Ok(vec![xattr(1)]);
        world.does(&[Op::Chmod("t/a", true)]);
        world.catches_up();
        assert_eq!(world.new_records(), Vec::<String>::new(), "{error:?}");
        world.tracker.disk.xattrs = Ok(vec![xattr(2)]);
        world.does(&[Op::Chmod("t/a", true)]);
        world.catches_up();
        assert_eq!(world.new_records(), ["attributes t/a 644"], "{error:?}");
    }
}

/// Else the names of a file would be compared with each other for ever.
#[test]
fn extended_attributes_that_are_known_of_one_hard_link_alone_are_no_change() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let mut world = World::quiet(&options, &write("t/a", 1));
    let xattr = |value| {
        let name = (*b"user.a").into();
        Ok(vec![Xattr { name, value }])
    };
    world.tracker.disk.xattrs = xattr(1);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    world.new_records();
    world.tracker.disk.xattrs = Err(FsError::Io("it cannot be read".into()));
    world.does(&[Op::Link("t/a", "t/b")]);
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/b 4"]);
    world.does(&[Op::Chmod("t/b", true)]);
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.tracker.disk.xattrs = xattr(2);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    assert_eq!(world.new_records(), ["attributes t/a 644"]);
    world.tracker.disk.xattrs = xattr(3);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    let all = ["attributes t/a 644", "attributes t/b 644"];
    assert_eq!(world.new_records(), all);
}

#[test]
fn extended_attributes_that_cannot_be_read_for_a_while_are_read_later() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let mut world = World::quiet(&options, &write("t/a", 1));
    world.tracker.disk.xattrs = Err(FsError::NoDescriptor);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    assert_eq!(world.new_records(), Vec::<String>::new());
    world.tracker.disk.xattrs = Ok(vec![Xattr {
        name: (*b"user.a").into(),
        value: 1,
    }]);
    world.waits();
    assert_eq!(world.new_records(), ["attributes t/a 644"]);
}

fn asking(read: Hashing, ask: fn(&mut Settings)) -> WorldOptions {
    let mut options = hashing(read);
    ask(&mut options.settings);
    options
}

#[test]
fn a_file_that_a_writer_closed_is_reported_with_what_it_holds_whether_that_has_changed_or_not() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let options = asking(hashing, |settings| settings.closed = true);
        let mut world = World::quiet(&options, &write("t/a", 1));
        world.does(&write("t/a", 2));
        world.catches_up();
        assert_eq!(world.new_records(), ["changed t/a 4", "closed t/a 4"]);
        world.does(&[Op::Append(0, "t/a"), Op::Shut(0)]);
        world.converges();
        assert_eq!(world.new_records(), ["closed t/a 4"], "{hashing:?}");
        world.does(&[Op::Append(0, "t/a"), Op::Put(0, 3)]);
        world.catches_up();
        world.waits();
        assert_eq!(world.new_records(), ["changed t/a 8"], "it is not closed");
        world.converges();
        assert_eq!(world.new_records(), ["closed t/a 8"]);
    }
}

#[test]
fn a_new_file_is_reported_as_closed_after_its_bytes() {
    let options = asking(Hashing::Eager, |settings| settings.closed = true);
    emits_with(
        &options,
        &[],
        &write("t/a", 1),
        &["created t/a 0", "changed t/a 4", "closed t/a 4"],
    );
}

#[test]
fn a_file_that_comes_by_a_rename_and_is_closed_after_it_is_reported_as_closed() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let options = asking(hashing, |settings| settings.closed = true);
        let mut world = World::quiet(&options, &write("o/a", 1));
        world.does(&[
            Op::Append(0, "o/a"),
            Op::Put(0, 3),
            Op::Rename("o/a", "t/a"),
            Op::Shut(0),
        ]);
        world.catches_up();
        let expected = ["created t/a 8", "closed t/a 8"];
        assert_eq!(world.new_records(), expected, "{hashing:?}");
    }
}

#[test]
fn a_file_that_comes_by_a_hard_link_and_is_closed_after_it_is_reported_as_closed() {
    for hashing in [Hashing::Eager, Hashing::Lazy] {
        let options = asking(hashing, |settings| settings.closed = true);
        let mut world = World::quiet(&options, &write("o/a", 1));
        world.does(&[
            Op::Link("o/a", "t/a"),
            Op::Append(0, "t/a"),
            Op::Put(0, 3),
            Op::Shut(0),
        ]);
        world.catches_up();
        let expected = ["created t/a 8", "closed t/a 8"];
        assert_eq!(world.new_records(), expected, "{hashing:?}");
    }
}

#[test]
fn a_large_file_that_comes_by_a_hard_link_is_read_once() {
    let options = asking(Hashing::Eager, |settings| settings.closed = true);
    let mut world = World::quiet(&options, &write("o/a", 1));
    world.tracker.disk.odds.by_worker = 100;
    let written = [Op::Append(0, "t/a"), Op::Put(0, 3), Op::Shut(0)];
    world.does(&[vec![Op::Link("o/a", "t/a")], written.to_vec()].concat());
    world.catches_up();
    assert_eq!(world.new_records(), ["created t/a 8"]);
    assert_eq!(world.tracker.disk.tickets().len(), 1);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/a 8", "closed t/a 8"]);
}

#[test]
fn a_new_mtime_with_the_same_bytes_is_reported_where_it_is_asked_for() {
    for hashing in [Hashing::Eager, Hashing::Lazy, Hashing::Off] {
        let options = asking(hashing, |settings| settings.touched = true);
        let mut world = World::quiet(&options, &write("t/a", 1));
        world.does(&[Op::Touch("t/a")]);
        world.catches_up();
        assert_eq!(world.new_records(), ["touched t/a"], "{hashing:?}");
        world.passes(5000 * MS);
        world.does(&[Op::Chmod("t/a", true)]);
        world.catches_up();
        assert_eq!(world.new_records(), Vec::<String>::new(), "{hashing:?}");
        world.does(&write("t/a", 2));
        world.converges();
        assert_eq!(world.new_records(), ["changed t/a 4"], "{hashing:?}");
    }
    let options = asking(Hashing::Eager, |settings| settings.touched = true);
    emits_with(
        &options,
        &write("t/a", 1),
        &write("t/a", 1),
        &["touched t/a"],
    );
}

#[test]
fn extended_attributes_are_compared_in_order() {
    const NAMES: usize = 60_000;
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let mut world = World::quiet(&options, &write("t/a", 1));
    let xattrs = |changed: usize| {
        let xattr = |number: usize| Xattr {
            name: format!("user.{number}").into_bytes().into(),
            value: u64::from(number == changed),
        };
        Ok((0..NAMES).map(xattr).collect())
    };
    world.tracker.disk.xattrs = xattrs(NAMES);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    world.new_records();
    // With a comparison of each with each this takes a minute.
    let began = std::time::Instant::now();
    world.tracker.disk.xattrs = xattrs(NAMES - 1);
    world.does(&[Op::Chmod("t/a", true)]);
    world.catches_up();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(world.new_records(), ["attributes t/a 644"]);
}

#[test]
fn what_was_renamed_before_it_was_looked_at_is_created_with_its_attributes() {
    let mut options = WorldOptions::default();
    options.settings.attributes = true;
    let ops = [write("t/a", 1), vec![Op::Rename("t/a", "t/b")]].concat();
    let emitted = ["created t/a 0", "renamed t/a -> t/b", "changed t/b 4"];
    emits_with(&options, &[], &ops, &emitted);
}

#[test]
fn a_close_that_two_watches_report_is_one() {
    let mut options = WorldOptions::default();
    options.settings.strict = true;
    options.settings.closed = true;
    let mut world = World::quiet(&options, &write("t/f", 1));
    world.does(&[Op::Append(1, "t/f"), Op::Put(1, 7), Op::Shut(1)]);
    world.converges();
    assert_eq!(world.new_records(), ["changed t/f 8", "closed t/f 8"]);
}

#[test]
fn what_two_watches_report_is_one_write_and_one_close() {
    let linked = [&write("t/f", 1)[..], &[Op::Link("t/f", "t/e")]].concat();
    for hashing in [HashPolicy::Eager, HashPolicy::Off] {
        for tree in [write("t/f", 1), linked.clone()] {
            let mut options = WorldOptions::default();
            options.settings.hashing = hashing;
            options.settings.strict = true;
            options.settings.closed = true;
            let mut world = World::quiet(&options, &tree);
            let is_linked = tree.len() > 3;
            let names = if is_linked {
                &["t/e", "t/f"][..]
            } else {
                &["t/f"]
            };
            for &name in names {
                world.does(&[Op::Append(1, name), Op::Put(1, 7), Op::Shut(1)]);
                world.converges();
                let (closed, mut changed): (Vec<_>, Vec<_>) = world
                    .new_records()
                    .into_iter()
                    .map(|record| record.rsplit_once(' ').unwrap().0.to_owned())
                    .partition(|record| record.starts_with("closed"));
                changed.sort();
                let all = names.iter().map(|name| format!("changed {name}"));
                assert_eq!(changed, all.collect::<Vec<_>>(), "{hashing:?}");
                assert_eq!(closed, [format!("closed {name}")], "{hashing:?}");
            }
        }
    }
}
