//! Bytes that change in unusual ways, and things that look like it and are not.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // Which of several cases fails has to be known.

mod common;

use common::{Tree, eventually, fork, sha256, skipped, sys};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn events_without_a_change_are_not_told() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.mkdir("d");
    let watch = tree.watch().baseline().start();
    drop(tree.open("a"));
    // A time of modification alone comes as IN_MODIFY, even for a directory.
    tree.redate("a");
    tree.redate("d");
    tree.redate(".");
    fs::read(tree.path("a")).unwrap();
    tree.truncate("a", 1);
    watch.finish();
}

#[test]
fn two_writers_of_one_file_are_both_told() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let mut one = tree.open("f");
    let mut other = tree.open("f");
    watch.expect(&["created file ./f"]);
    one.write_all(b"one\n").unwrap();
    drop(one);
    watch.expect(&["changed file ./f"]);
    other.write_all(b"other\n").unwrap();
    watch.expect(&["changed file ./f"]);
    watch.finish();
}

#[test]
fn what_a_killed_writer_has_written_is_told() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec > f; echo half; exec sleep 1000"])
        .current_dir(tree.root());
    let mut writer = fork::spawn(&mut shell).unwrap();
    watch.expect(&["created file ./f", "changed file ./f"]);
    writer.kill().unwrap();
    writer.wait().unwrap();
    watch.finish();
}

#[test]
fn a_file_written_while_it_is_read_ends_with_its_last_bytes() {
    let tree = Tree::new();
    let watch = tree.watch().json().start();
    let chunk = vec![b'x'; 1 << 20];
    let mut file = tree.open("growing");
    for number in 0..40_u32 {
        file.write_all(&chunk).unwrap();
        file.write_all(&number.to_le_bytes()).unwrap();
    }
    // Changed behind what has been read already, at an unchanged size.
    tree.overwrite("growing", "y");
    watch.finish();
}

#[test]
fn a_store_through_a_shared_mapping_is_told_when_the_file_is_closed() {
    let tree = Tree::new();
    tree.write("f", "mapped");
    let mut watch = tree.watch().json().baseline().start();
    let file = File::options()
        .read(true)
        .write(true)
        .open(tree.path("f"))
        .unwrap();
    sys::store_mapped(&file, b'M').unwrap();
    drop(file);
    let records = watch.expect(&["changed file ./f"]);
    assert_eq!(records[0].sha256(), Some(sha256(b"Mapped").as_str()));
    watch.finish();
}

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
    // This is told of a name that never was, in the directory of the opening.
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
fn a_write_through_a_name_that_is_gone_is_told_under_the_one_that_lives_on() {
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

/// What happens to `d/x`, right behind a write through it, before anyone has looked.
type Fate = fn(&Tree);

#[test]
fn a_write_through_one_hard_link_is_told_of_the_others_whatever_becomes_of_that_one() {
    let fates: [(&str, Fate); 6] = [
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
    for (fate, befall) in fates {
        eprintln!("the name is {fate}");
        let tree = Tree::new();
        tree.mkdirs("d");
        tree.mkdirs("e");
        tree.write("d/x", "one");
        tree.write("d/y", "other");
        tree.link("d/x", "e/linked");
        let mut watch = tree.watch().json().baseline().start();
        watch.freeze();
        tree.append("d/x", "two");
        befall(&tree);
        watch.thaw();
        watch.settle();
        watch.finish();
    }
}

#[test]
fn a_hard_link_written_between_two_exchanges_is_told_under_its_other_name() {
    let tree = Tree::new();
    tree.mkdirs("d");
    tree.mkdirs("e");
    for name in ["x", "y", "z"] {
        tree.write(format!("d/{name}"), name);
    }
    tree.link("d/x", "e/linked");
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    // The events alone lose one side of each exchange; what then turns up under a
    // name is a file whose other name is known with older bytes.
    tree.exchange("d/x", "d/y");
    tree.append("d/y", "more");
    tree.exchange("d/y", "d/z");
    watch.thaw();
    watch.settle();
    watch.finish();
}

#[test]
fn a_write_right_behind_the_removal_of_its_name_is_told_too() {
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

#[test]
fn bytes_that_the_kernel_moves_are_told() {
    let tree = Tree::new();
    fs::write(tree.outside("source"), "from elsewhere").unwrap();
    let mut watch = tree.watch().json().start();
    let mut source = File::open(tree.outside("source")).unwrap();
    let mut file = tree.open("f");
    // This is copy_file_range(2), where there is one.
    std::io::copy(&mut source, &mut file).unwrap();
    watch.expect(&["created file ./f", "changed file ./f"]);
    drop(file);
    let file = File::options().write(true).open(tree.path("f")).unwrap();
    match sys::punch(&file, 4) {
        Ok(()) => {
            let records = watch.expect(&["changed file ./f"]);
            let digest = sha256(b"\0\0\0\0 elsewhere");
            assert_eq!(records[0].sha256(), Some(digest.as_str()));
        }
        Err(error) => skipped("holes punched into a file", &error.to_string()),
    }
    watch.finish();
}

#[test]
fn a_fifo_is_never_opened_for_reading() {
    let tree = Tree::new();
    tree.fifo("there");
    let opened = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    let mut names = vec!["there".to_owned()];
    let mut watch = tree.watch().json().args(["--initial"]).start();
    for number in 0..5 {
        let name = format!("fifo{number}");
        tree.fifo(&name);
        names.push(name);
    }
    tree.write("file", "x");
    watch.settle();
    for name in &names {
        // The opening of a FIFO for writing waits until somebody reads from it.
        let (path, opened) = (tree.path(name), Arc::clone(&opened));
        writers.push(thread::spawn(move || {
            // It may have been renamed before this thread came to run.
            if File::options().write(true).open(path).is_ok() {
                opened.store(true, Ordering::SeqCst);
            }
        }));
    }
    tree.chmod("there", 0o600);
    tree.rename("fifo0", "renamed");
    tree.rename("fifo1", "file");
    tree.link("fifo2", "linked");
    tree.mkdir("d");
    tree.rename("fifo3", "d/fifo3");
    watch.settle();
    watch.sentinel();
    assert!(!opened.load(Ordering::SeqCst), "a FIFO was opened");
    // And now the writers are let go.
    for name in ["there", "renamed", "file", "linked", "d/fifo3", "fifo4"] {
        let reader = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(tree.path(name));
        reader.unwrap();
    }
    // A writer that had not come to its open(2) yet still waits; it ends with us.
    drop(writers);
    watch.finish();
}

#[test]
fn a_leased_file_is_read_when_the_lease_is_given_up() {
    let tree = Tree::new();
    tree.write("leased", "old");
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    tree.overwrite("leased", "new");
    let file = File::open(tree.path("leased")).unwrap();
    if let Err(error) = sys::lease(&file, true) {
        watch.thaw();
        skipped("a_leased_file…", &error.to_string());
        return;
    }
    watch.thaw();
    // An open(2) that waited for the lease would hold everything up. That the bytes
    // have changed may be told already, but not to what.
    watch.sentinel();
    sys::lease(&file, false).unwrap();
    watch.settle();
    watch.finish();
}

#[test]
fn its_own_reading_makes_no_events() {
    let tree = Tree::new();
    for number in 0..100 {
        tree.write(format!("f{number}"), format!("{number}"));
    }
    let mut watch = tree.watch().baseline().start();
    watch.silence();
    // A second one reads all of it as well.
    let other = tree.watch().baseline().start();
    watch.silence();
    other.stop();
    watch.finish();
}

#[test]
fn its_own_reading_leaves_the_time_of_the_last_reading_alone() {
    let tree = Tree::new();
    tree.write("there", "x");
    let mut watch = tree.watch().json().baseline().start();
    let read_at = || {
        fs::metadata(tree.path("there"))
            .unwrap()
            .accessed()
            .unwrap()
    };
    // The next reading after a write is the one that would be noted.
    let before = read_at();
    tree.overwrite("there", "y");
    watch.expect(&["changed file ./there"]);
    assert_eq!(read_at(), before, "it was read");
    watch.finish();
}

#[test]
fn a_file_appended_to_by_many_processes_is_told_to_the_last_line() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let children: Vec<_> = (0..4)
        .map(|number| {
            let script = format!("for i in 1 2 3 4 5 6 7 8 9; do echo {number} $i >> log; done");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).current_dir(tree.root());
            fork::spawn(&mut shell).unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    watch.settle();
    assert!(eventually(|| watch.count("changed") > 0));
    watch.finish();
}
