//! Tests names that are not UTF-8, paths longer than PATH_MAX, directories that may not be read,
//! and symbolic links that are switched.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Builder, Tree, Watch, disk, eventually, fork, skipped, sys};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// How many levels of [`long_name`] are more than PATH_MAX.
const LEVELS: usize = 24;

/// A name almost as long as a name may be.
fn long_name(level: usize) -> String {
    format!("{level:02}{}", "n".repeat(198))
}

/// Makes a chain of directories below an open one, and a file at its end.
fn dig(top: &File, levels: usize) {
    let _apart = fork::none();
    let mut directory = top.try_clone().unwrap();
    for level in 0..levels {
        let path = disk::within(&directory, long_name(level));
        fs::create_dir(&path).unwrap();
        directory = disk::open_directory(&path).unwrap();
        fs::write(disk::within(&directory, "f"), format!("{level}")).unwrap();
    }
}

/// The innermost directory of such a chain.
fn descend(top: &File, levels: usize) -> File {
    let mut directory = top.try_clone().unwrap();
    for level in 0..levels {
        directory = disk::open_directory(&disk::within(&directory, long_name(level))).unwrap();
    }
    directory
}

/// Appends to a file in an open directory.
fn append(directory: &File, name: &str) {
    let path = disk::within(directory, name);
    let file = File::options().append(true).create(true).open(path);
    file.unwrap().write_all(b"deep").unwrap();
}

#[test]
fn paths_longer_than_the_kernel_takes_are_watched_to_their_end() {
    let tree = Tree::new();
    tree.mkdir("there");
    let there = disk::open_directory(&tree.path("there")).unwrap();
    dig(&there, LEVELS);
    let mut watch = tree.watch().json().baseline().start();
    let bottom = descend(&there, LEVELS);
    append(&bottom, "f");
    watch.settle();
    append(&bottom, "new");
    fs::create_dir(disk::within(&bottom, "dir")).unwrap();
    watch.settle();
    // And the same, made while it is being watched.
    tree.mkdir("new");
    let new = disk::open_directory(&tree.path("new")).unwrap();
    dig(&new, LEVELS);
    watch.settle();
    tree.rename("new", "renamed");
    append(&descend(&new, LEVELS), "f");
    watch.settle();
    tree.remove_all("renamed");
    watch.finish();
}

#[test]
fn a_single_line_may_be_longer_than_a_path_may_be() {
    let tree = Tree::new();
    tree.mkdir("d");
    let top = disk::open_directory(&tree.path("d")).unwrap();
    dig(&top, LEVELS);
    let mut watch = tree.watch().start();
    let bottom = descend(&top, LEVELS);
    File::create(disk::within(&bottom, "end")).unwrap();
    let line = watch.next_line().text();
    assert!(line.starts_with("New file: ./d/00nnn"), "{line}");
    assert!(line.ends_with("/end"), "{line}");
    assert!(line.len() > 4096);
    watch.finish();
}

#[test]
fn names_may_be_any_bytes() {
    let names: [&[u8]; 9] = [
        b"\xff\xfe",
        b"new\nline",
        b"\x1b[2J",
        b"a -> b",
        b"-",
        b"--format",
        b" ",
        b"\"quoted\\\"",
        &[b'n'; 255],
    ];
    let tree = Tree::new();
    tree.mkdir(OsStr::from_bytes(b"d\xe9"));
    let mut watch = tree.watch().json().start();
    for name in names {
        let name = OsStr::from_bytes(name);
        let below = std::path::Path::new(OsStr::from_bytes(b"d\xe9")).join(name);
        tree.write(name, "x");
        tree.rename(name, &below);
        tree.mkdir(name);
        tree.write(std::path::Path::new(name).join("f"), "y");
    }
    watch.settle();
    tree.rename(OsStr::from_bytes(b"d\xe9"), OsStr::from_bytes(b"\xf0\x9f"));
    watch.finish();
}

#[test]
fn a_link_that_is_switched_is_never_followed() {
    let tree = Tree::new();
    tree.mkdir("one");
    tree.mkdir("two");
    tree.write("one/f", "x");
    tree.symlink("one", "link");
    tree.symlink(".", "self");
    let mut watch = tree.watch().json().baseline().start();
    // ln -sfn
    tree.symlink("two", "link.new");
    tree.rename("link.new", "link");
    watch.settle();
    tree.remove("link");
    tree.symlink("..", "link");
    watch.settle();
    tree.touch("link/beside the tree");
    tree.touch("self/reported once");
    watch.finish();
    drop(File::open(tree.path("self/self/self/reported once")).unwrap());
}

/// A watcher that runs as an ordinary user, to whom permissions apply, on a tree that it may read;
/// `None`, with a message on the terminal, where there is none.
fn bound(tree: &Tree, test: &str) -> Option<Watch> {
    let builder = tree.watch().json();
    if !sys::is_root() {
        return Some(builder.spawn());
    }
    match builder.user(65534).try_spawn() {
        Ok(watch) => Some(watch),
        Err(error) => {
            skipped(test, &format!("cannot run as another user: {error}"));
            None
        }
    }
}

#[test]
fn a_directory_that_may_not_be_read_is_reported_and_its_contents_when_it_may() {
    let tree = Tree::new();
    tree.mkdir("closed");
    tree.write("closed/f", "x");
    tree.chmod("closed", 0o000);
    let test = "a_directory_that_may_not_be_read…";
    let Some(mut watch) = bound(&tree, test) else {
        tree.chmod("closed", 0o755);
        return;
    };
    watch.wait_ready();
    // Only its owner may search it, from before it is scanned.
    watch.freeze();
    tree.mkdir("late");
    tree.write("late/g", "y");
    tree.chmod("late", 0o000);
    watch.thaw();
    watch.expect(&["created directory ./late"]);
    tree.chmod("late", 0o755);
    watch.expect(&["created file ./late/g"]);
    tree.chmod("closed", 0o755);
    watch.expect(&["created file ./closed/f"]);
    // From here on they are watched like any others.
    tree.append("closed/f", "more");
    watch.expect(&["changed file ./closed/f"]);
    tree.touch("late/h");
    watch.expect(&["created file ./late/h"]);
    watch.stop();
}

#[test]
fn a_directory_that_can_be_read_no_more_is_not_taken_for_empty() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/f", "x");
    let test = "a_directory_that_can_be_read_no_more…";
    let Some(mut watch) = bound(&tree, test) else {
        return;
    };
    watch.wait_ready();
    tree.chmod("d", 0o000);
    watch.silence();
    tree.chmod("d", 0o755);
    watch.silence();
    tree.touch("d/g");
    watch.expect(&["created file ./d/g"]);
    watch.stop();
}

#[test]
fn a_root_that_may_not_be_read_is_refused() {
    let tree = Tree::new();
    tree.mkdir("closed");
    tree.chmod("closed", 0o000);
    let test = "a_root_that_may_not_be_read_is_refused";
    let builder = tree.watch().path("closed");
    let builder = if sys::is_root() {
        builder.user(65534)
    } else {
        builder
    };
    match builder.try_spawn() {
        Ok(watch) => {
            let ended = watch.wait();
            assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
            assert!(ended.stderr.contains("closed"), "{}", ended.stderr);
            ended.stderr_is_ours();
        }
        Err(error) => skipped(test, &format!("cannot run as another user: {error}")),
    }
    tree.chmod("closed", 0o755);
}

#[test]
fn a_tree_deeper_than_is_held_open_is_watched_by_a_relative_path() {
    let tree = Tree::new();
    let route: Vec<String> = (0..300).map(|level| format!("n{level}")).collect();
    tree.mkdirs(route.join("/"));
    let watch = tree.watch().spawn();
    watch.await_stderr("balerion: ready: 301 directories, 0 files");
    watch.stop();
}

#[test]
fn while_a_link_is_missing_directories_in_its_place_take_no_more_watches() {
    let tree = Tree::new();
    tree.mkdirs("real");
    tree.mkdir("d");
    tree.symlink("../real", "d/link");
    let mut watch = tree.watch().args(["--wait-for-path", "d/link"]).start();
    tree.remove("d/link");
    watch.expect(&["Deleted directory: d/link"]);
    let mut counts = Vec::new();
    for number in 0..10 {
        tree.rename("d", format!("x{number}"));
        tree.mkdir("d");
        let inode = fs::metadata(tree.path("d")).unwrap().ino();
        assert!(eventually(|| watch.watched().contains(&inode)));
        counts.push(watch.watched().len());
    }
    assert!(counts[9] < counts[0] + 3, "{counts:?}");
    tree.symlink("../real", "d/link");
    watch.expect(&["Watching new directory: d/link"]);
    watch.stop();
}

#[test]
fn a_name_beside_many_missing_paths_costs_one_look_at_each() {
    let tree = Tree::new();
    tree.mkdir("d");
    let list: String = (0..4_000).map(|number| format!("d/p{number}\n")).collect();
    fs::write(tree.outside("list"), list).unwrap();
    let list = tree.outside("list");
    let builder = tree.watch().args(["--wait-for-path", "--paths-from"]);
    let mut watch = builder.args([list.to_str().unwrap()]).start();
    assert!(sys::becomes_idle(watch.pid()));
    let before = sys::cpu_ticks(watch.pid());
    tree.mkdir("d/other");
    tree.mkdir("d/p3999");
    watch.expect(&["Watching new directory: d/p3999"]);
    assert!(sys::becomes_idle(watch.pid()));
    let ticks = sys::cpu_ticks(watch.pid()) - before;
    // With a look at all watches for each, this takes some 2,000.
    assert!(ticks < 300, "{ticks} ticks of 10 ms");
    // However often there is one.
    let (before, began) = (sys::cpu_ticks(watch.pid()), Instant::now());
    while began.elapsed().as_secs() < 5 {
        tree.mkdir("d/again");
        tree.rmdir("d/again");
    }
    let ticks = sys::cpu_ticks(watch.pid()) - before;
    assert!(ticks < 130, "{ticks} ticks of 10 ms in 5 s");
    tree.mkdir("d/p0");
    watch.expect(&["Watching new directory: d/p0"]);
    watch.stop();
}

#[test]
fn many_paths_that_move_with_their_directory_are_looked_for_now_and_then() {
    let tree = Tree::new();
    let names: Vec<_> = (0..1_000).map(|number| format!("d/p{number}")).collect();
    names.iter().for_each(|name| tree.mkdirs(name));
    let builder = tree.watch().args(["--wait-for-path"]);
    let mut watch = names.iter().fold(builder, Builder::path).start();
    assert!(sys::becomes_idle(watch.pid()));
    let before = sys::cpu_ticks(watch.pid());
    tree.rename("d", "e");
    let expect = |watch: &mut Watch, what| {
        let lines = names.iter().map(|name| format!("{what} directory: {name}"));
        let lines: Vec<_> = lines.collect();
        watch.expect_in_any_order(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    expect(&mut watch, "Deleted");
    assert!(sys::becomes_idle(watch.pid()));
    let ticks = sys::cpu_ticks(watch.pid()) - before;
    // With a look at all of them each time that some are gone, this takes some 1,200.
    assert!(ticks < 600, "{ticks} ticks of 10 ms");
    tree.rename("e", "d");
    expect(&mut watch, "Watching new");
    watch.stop();
}

#[test]
fn a_path_that_goes_while_the_watch_is_made_is_waited_for() {
    let tree = Tree::new();
    let names: Vec<_> = (0..40).map(|number| format!("p{number}")).collect();
    let paths: Vec<_> = names.iter().map(|name| tree.path(name)).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let is_seen = Arc::clone(&is_over);
    let other = thread::spawn(move || {
        while !is_seen.load(Ordering::Relaxed) {
            paths.iter().for_each(|path| fs::create_dir(path).unwrap());
            paths.iter().for_each(|path| fs::remove_dir(path).unwrap());
        }
    });
    for _ in 0..10 {
        let builder = tree.watch().args(["--wait-for-path"]);
        let watch = names.iter().fold(builder, Builder::path).start();
        watch.stop();
    }
    is_over.store(true, Ordering::Relaxed);
    other.join().unwrap();
}
