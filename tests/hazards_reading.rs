//! Tests what other users can do while files are read: no thread or descriptor is left, a FIFO
//! takes a file's name, one directory is flooded, the reader of stdout goes away.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, eventually, skipped, sys};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, chown};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A user that no other test runs as: RLIMIT_NPROC counts all processes of a user.
const USER: u32 = 65_531;

/// Creates a sparse file that differs from others.
fn sparse(path: PathBuf, size: u64, mark: usize) {
    let file = File::create(path).unwrap();
    file.set_len(size).unwrap();
    file.write_all_at(&mark.to_ne_bytes(), size / 2).unwrap();
}

/// A tree with small and large files that another user may write to.
fn tree_of_another_user() -> Tree {
    let tree = Tree::new();
    chown(tree.root(), Some(USER), Some(USER)).unwrap();
    for number in 0..100 {
        tree.write(format!("small{number}"), format!("{number}"));
    }
    sparse(tree.path("large"), 9 << 20, 1);
    tree
}

#[test]
fn without_threads_all_is_read_and_signals_are_served() {
    if !sys::is_root() {
        skipped("a limit on processes", "another user is needed");
        return;
    }
    let tree = tree_of_another_user();
    let mut watch = tree
        .watch()
        .json()
        .user(USER)
        .through(&["prlimit", "--nproc=1"])
        .baseline()
        .start();
    tree.write("small1", "changed");
    watch.expect(&["changed file ./small1"]);
    sparse(tree.path("large"), 10 << 20, 2);
    sparse(tree.path("new"), 1 << 20, 3);
    watch.settle();
    watch.finish();
}

#[test]
fn without_threads_a_snapshot_is_complete() {
    if !sys::is_root() {
        skipped("a limit on processes", "another user is needed");
        return;
    }
    let tree = tree_of_another_user();
    let watch = tree
        .watch()
        .json()
        .early()
        .user(USER)
        .through(&["prlimit", "--nproc=1"])
        .start();
    watch.finish();
}

#[test]
fn a_fifo_that_takes_the_name_of_a_file_is_not_opened_by_the_baseline() {
    const FILES: usize = 64;
    let tree = Tree::new();
    for number in 0..FILES {
        sparse(tree.path(format!("f{number}")), 16 << 20, number);
        let fifo = tree.outside(format!("fifo{number}"));
        sys::fifo(&fifo).unwrap();
        // A hard link keeps a name of the FIFO, by which its writer opens it.
        fs::hard_link(&fifo, tree.outside(format!("writer{number}"))).unwrap();
    }
    // Longer than the coarsest resolution of file timestamps: no fingerprint is racy.
    thread::sleep(std::time::Duration::from_millis(2500));
    let (begun, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..FILES)
        .map(|number| {
            let path = tree.outside(format!("writer{number}"));
            let (begun, opened) = (Arc::clone(&begun), Arc::clone(&opened));
            // The opening of a FIFO for writing waits until somebody reads from it.
            thread::spawn(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                let _end = File::options().write(true).open(path).unwrap();
                opened.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    assert!(eventually(|| begun.load(Ordering::SeqCst) == FILES));
    let mut watch = tree.watch().json().start();
    // The directory is open by now, and most of its files are still to be read.
    let is_reading = || {
        watch
            .open_in(&tree.root())
            .iter()
            .any(|path| *path != tree.root())
    };
    assert!(eventually(is_reading), "it reads nothing");
    for number in 0..FILES {
        let (file, fifo) = (
            tree.path(format!("f{number}")),
            tree.outside(format!("fifo{number}")),
        );
        sys::rename_with(&file, &fifo, sys::RENAME_EXCHANGE).unwrap();
    }
    watch.await_stderr("balerion: baseline complete: ");
    watch.settle();
    let opened_by_it = opened.load(Ordering::SeqCst);
    let readers: Vec<_> = (0..FILES)
        .map(|number| {
            let mut options = File::options();
            let options = options.read(true).custom_flags(libc::O_NONBLOCK);
            options.open(tree.path(format!("f{number}"))).unwrap()
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    drop(readers);
    assert_eq!(opened_by_it, 0, "FIFOs were opened");
    watch.finish();
}

#[test]
fn more_large_files_at_once_than_descriptors_are_all_read() {
    let tree = Tree::new();
    let mut watch = tree
        .watch()
        .json()
        .through(&["prlimit", "--nofile=64:64"])
        .baseline()
        .start();
    watch.freeze();
    for number in 0..300 {
        sparse(tree.path(format!("f{number}")), 300 << 10, number);
    }
    for number in 0..8 {
        sparse(tree.path(format!("large{number}")), 9 << 20, number);
    }
    watch.thaw();
    // A file that is moved in from outside has one event; after a failed stat it is retried.
    for number in 0..100 {
        sparse(tree.outside(format!("in{number}")), 3 << 20, number);
        tree.rename(tree.outside(format!("in{number}")), format!("in{number}"));
    }
    watch.settle();
    watch.finish();
}

#[test]
fn a_lack_of_descriptors_is_reported_once_and_made_up_for() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/old", "before");
    let watch = tree
        .watch()
        .json()
        .through(&["prlimit", "--nofile=64:1024"]);
    let mut watch = watch.baseline().start();
    let limit = |soft: u32| {
        let limit = format!("--nofile={soft}:1024");
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &watch.pid().to_string(), &limit]);
        assert!(prlimit.status().unwrap().success());
    };
    limit(4);
    tree.write("d/old", "after");
    tree.write("d/new", "x");
    tree.mkdirs("deep/deeper");
    tree.write("deep/deeper/file", "y");
    watch.await_stderr("balerion: warning: too many files are open (this process may have 4");
    limit(64);
    watch.settle();
    let ended = watch.stop();
    let warnings = ended.stderr.matches("warning").count();
    assert_eq!(warnings, 1, "{}", ended.stderr);
}

#[test]
fn a_lack_of_descriptors_at_the_start_is_no_fault_of_any_file() {
    let tree = Tree::new();
    for number in 0..100 {
        tree.mkdirs(format!("d{number}/e/f"));
        tree.write(format!("d{number}/e/f/small"), "small");
        sparse(tree.path(format!("d{number}/large")), 300 << 10, number);
    }
    // The number of descriptors at the start depends on the parent process.
    let watches: Vec<_> = (8..28)
        .step_by(2)
        .map(|count| {
            let limit = format!("--nofile={count}:{count}");
            let watch = tree.watch().through(&["prlimit", &limit]);
            watch.args(["--timeout", "1"]).spawn()
        })
        .collect();
    let mut lacking = 0;
    for watch in watches {
        let ended = watch.wait();
        let reason = "Too many open files; raise the limit of this process, ulimit -n";
        match ended.stderr.lines().last() {
            Some(last) if last.starts_with("balerion: cannot watch") => {
                assert!(last.ends_with(reason), "{last}");
            }
            _ => {}
        }
        for warning in ended
            .stderr
            .lines()
            .filter(|line| line.contains("warning: "))
        {
            let expected = "balerion: warning: too many files are open (";
            assert!(warning.starts_with(expected), "{}", ended.stderr);
            lacking += 1;
        }
    }
    assert!(lacking > 0, "no watch had too few descriptors");
}

#[test]
fn a_flood_of_large_files_does_not_keep_one_of_another_directory_waiting() {
    const FLOOD: usize = 150;
    let tree = Tree::new();
    tree.mkdir("flood");
    tree.mkdir("quiet");
    let mut names = Vec::new();
    for number in 0..FLOOD {
        names.push(format!("flood/f{number}"));
    }
    // One is written before and one after the flood.
    names.insert(0, "quiet/first".to_owned());
    names.push("quiet/last".to_owned());
    for name in &names {
        sparse(tree.path(name), 1 << 20, 0);
    }
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    for name in &names {
        let size = if name.starts_with("flood") {
            4 << 20
        } else {
            1 << 20
        };
        sparse(tree.path(name), size, 1);
    }
    watch.thaw();
    let mut order = Vec::new();
    while order.len() < FLOOD + 2 {
        let line = watch.next_line();
        let text = line.text();
        // What is truncated first and written then may be reported twice.
        if let Some(name) = names
            .iter()
            .find(|name| text.contains(&format!("{name}\"")))
            && !order.contains(name)
        {
            order.push(name.clone());
        }
    }
    for quiet in ["quiet/first", "quiet/last"] {
        let at = order.iter().position(|name| name == quiet).unwrap();
        assert!(at < FLOOD / 4, "{quiet} came as number {at}");
    }
    watch.finish();
}

#[test]
fn a_snapshot_ends_at_once_when_nobody_reads_it() {
    let tree = Tree::new();
    for number in 0..40 {
        sparse(tree.path(format!("f{number}")), 900 << 20, number);
    }
    let (read, write) = sys::pipe().unwrap();
    let watch = tree
        .watch()
        .args(["--format", "json", "--initial"])
        .stdout(write)
        .spawn();
    drop(read);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("baseline complete"));
    assert!(!ended.stderr.contains("ready: "), "{}", ended.stderr);
}

#[test]
fn what_is_read_is_left_between_files() {
    let tree = Tree::new();
    sparse(tree.path("there"), 9 << 20, 1);
    tree.write("small", "text");
    let mut watch = tree.watch().json().baseline().start();
    let open = watch.open_in(&tree.root());
    let is_file = |path: &&PathBuf| **path != tree.root();
    assert_eq!(open.iter().filter(is_file).count(), 0, "{open:?}");
    sparse(tree.path("large"), 9 << 20, 0);
    watch.settle();
    watch.sentinel();
    let is_left = || watch.open_in(&tree.root()).is_empty();
    assert!(eventually(is_left), "{:?}", watch.open_in(&tree.root()));
    watch.finish();
}
