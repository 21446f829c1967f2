//! Tests writes to a file that has no name yet, several, or another one than it was opened by.
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // Which of several cases fails has to be known.

mod common;

use common::{Tree, skipped, sys};
use std::io::Write as _;

/// Opens a file without a name in a directory, gives it one, and goes on writing.
fn write_before_and_after_naming(directory: &str) {
    let tree = Tree::new();
    tree.mkdir("d");
    let mut watch = tree.watch().json().start();
    let mut file = match sys::nameless(&tree.path(directory)) {
        Ok(file) => file,
        Err(error) => {
            skipped("a_file_made_without_a_name…", &error.to_string());
            return;
        }
    };
    file.write_all(b"one").unwrap();
    sys::link_open(&file, &tree.path("t")).unwrap();
    watch.settle();
    // This event has the name `#<inode>`, in the directory where the file was made.
    file.write_all(b"two").unwrap();
    watch.settle();
    file.write_all(b"three").unwrap();
    drop(file);
    watch.finish();
}

#[test]
fn a_file_made_without_a_name_is_followed_under_the_one_it_gets() {
    write_before_and_after_naming(".");
}

#[test]
fn a_file_made_without_a_name_is_followed_into_another_directory() {
    write_before_and_after_naming("d");
}

#[test]
fn a_write_through_a_name_that_is_gone_is_reported_under_the_one_that_lives_on() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let mut file = tree.open("tmp");
    watch.settle();
    tree.link("tmp", "final");
    tree.remove("tmp");
    watch.settle();
    file.write_all(b"after").unwrap();
    watch.settle();
    file.write_all(b"wards").unwrap();
    drop(file);
    watch.finish();
}

/// The link may be gone before its events are read: that no event shows of which file it was.
#[test]
fn a_write_through_a_link_that_is_made_and_gone_at_once_is_reported_of_the_file() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("c", "");
    let mut watch = tree.watch().json().start();
    for round in 0..10 {
        tree.link("c", "d/x");
        tree.append("d/x", "more");
        if round % 2 == 0 {
            tree.remove("d/x");
        } else {
            tree.write("new", "another");
            tree.rename("new", "d/x");
            tree.remove("d/x");
        }
        watch.settle();
    }
    watch.finish();
}

/// An operation on `d/x` right after a write through it, before an event is read.
type Change = fn(&Tree);

#[test]
fn a_write_through_one_hard_link_is_reported_of_the_others_whatever_becomes_of_that_one() {
    let changes: [(&str, Change); 6] = [
        ("kept", |_| {}),
        ("renamed", |tree| tree.rename("d/x", "d/z")),
        ("exchanged", |tree| tree.exchange("d/x", "d/y")),
        ("removed", |tree| tree.remove("d/x")),
        ("replaced", |tree| tree.rename("d/y", "d/x")),
        ("exchanged, written to and removed", |tree| {
            tree.exchange("d/x", "d/y");
            tree.append("d/y", "three");
            tree.remove("d/y");
        }),
    ];
    for (what, change) in changes {
        eprintln!("the name is {what}");
        let tree = Tree::new();
        tree.mkdirs("d");
        tree.mkdirs("e");
        tree.write("d/x", "one");
        tree.write("d/y", "other");
        tree.link("d/x", "e/linked");
        let mut watch = tree.watch().json().baseline().start();
        watch.freeze();
        tree.append("d/x", "two");
        change(&tree);
        watch.thaw();
        watch.settle();
        watch.finish();
    }
}

#[test]
fn a_hard_link_written_between_two_exchanges_is_reported_under_its_other_name() {
    let tree = Tree::new();
    tree.mkdirs("d");
    tree.mkdirs("e");
    for name in ["x", "y", "z"] {
        tree.write(format!("d/{name}"), name);
    }
    tree.link("d/x", "e/linked");
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    // Of each exchange the events show one rename only; the file that is then found under a name
    // has another name, which is known with older bytes.
    tree.exchange("d/x", "d/y");
    tree.append("d/y", "more");
    tree.exchange("d/y", "d/z");
    watch.thaw();
    watch.settle();
    watch.finish();
}

#[test]
fn a_write_right_behind_the_removal_of_its_name_is_reported_too() {
    let tree = Tree::new();
    let watch = tree.watch().json().start();
    for number in 0..50 {
        let mut file = tree.open("tmp");
        tree.link("tmp", format!("final{number}"));
        tree.remove("tmp");
        write!(file, "{number}").unwrap();
    }
    watch.finish();
}
