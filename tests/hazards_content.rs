//! Tests unusual ways to change a file's bytes, and operations that only look like a change.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

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
fn events_without_a_change_are_not_reported() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.mkdir("d");
    let watch = tree.watch().baseline().start();
    drop(tree.open("a"));
    // utimensat(2) of the mtime alone makes an IN_MODIFY, even for a directory.
    tree.redate("a");
    tree.redate("d");
    tree.redate(".");
    fs::read(tree.path("a")).unwrap();
    tree.truncate("a", 1);
    watch.finish();
}

#[test]
fn two_writers_of_one_file_are_both_reported() {
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
fn what_a_killed_writer_has_written_is_reported() {
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
    // Bytes that were already read change, at the same size.
    tree.overwrite("growing", "y");
    watch.finish();
}

#[test]
fn a_store_through_a_shared_mapping_is_reported_when_the_file_is_closed() {
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

#[test]
fn bytes_that_the_kernel_moves_are_reported() {
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
            // The FIFO may have been renamed before this thread ran.
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
    // Ends the wait of the writers.
    for name in ["there", "renamed", "file", "linked", "d/fifo3", "fifo4"] {
        let reader = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(tree.path(name));
        reader.unwrap();
    }
    // A writer that had not called open(2) yet still waits; it ends with the process.
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
    // An open(2) that waited for the lease would stop the loop. The change may be reported already,
    // without a digest.
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
    // A second watcher reads the same file.
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
    // The access time would change at the first reading after a write.
    let before = read_at();
    tree.overwrite("there", "y");
    watch.expect(&["changed file ./there"]);
    assert_eq!(read_at(), before, "it was read");
    watch.finish();
}

#[test]
fn a_file_appended_to_by_many_processes_is_reported_to_the_last_line() {
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
