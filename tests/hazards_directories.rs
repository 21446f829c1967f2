//! Tests directories that appear, disappear and are exchanged while they are being scanned.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, Watch, eventually, sys};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn deep_directories_made_at_once_are_found_with_their_files() {
    let tree = Tree::new();
    let watch = tree.watch().json().start();
    for chain in 0..60 {
        let mut path = tree.path(format!("chain{chain}"));
        for depth in 0..4 + chain % 12 {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("f"), format!("{depth}")).unwrap();
            path.push(format!("d{depth}"));
        }
        fs::create_dir_all(path.join("x/y/z")).unwrap();
        fs::write(path.join("x/y/z/last"), "bottom").unwrap();
    }
    watch.finish();
}

#[test]
fn what_both_a_scan_and_an_event_have_seen_is_reported_once() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    watch.freeze();
    tree.mkdirs("d/e");
    tree.write("d/f", "1");
    tree.write("d/e/g", "2");
    watch.thaw();
    watch.settle();
    // It was not watched when it was written: the scan found it with its bytes.
    let mut reported = watch.reported();
    reported.sort();
    let expected = [
        "created directory ./d",
        "created directory ./d/e",
        "created file ./d/e/g",
        "created file ./d/f",
        "ready",
    ];
    assert_eq!(reported, expected);
    watch.finish();
}

#[test]
fn a_link_that_takes_the_place_of_a_directory_leads_nowhere() {
    let tree = Tree::new();
    fs::create_dir(tree.outside("secret")).unwrap();
    fs::write(tree.outside("secret/never reported"), "x").unwrap();
    let watch = tree.watch().json().start();
    for number in 0..150 {
        let real = format!("d{number}");
        tree.mkdir(&real);
        tree.write(format!("{real}/f"), "x");
        symlink(tree.outside("secret"), tree.path("link")).unwrap();
        tree.exchange(&real, "link");
        if number % 3 == 0 {
            tree.exchange(&real, "link");
        }
        tree.rename("link", format!("l{number}"));
    }
    let ended = watch.finish();
    let reported = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(!reported.contains("never reported"));
}

#[test]
fn a_listing_torn_by_renames_leaves_nothing_out() {
    let tree = Tree::new();
    let full = tree.outside("full");
    fs::create_dir(&full).unwrap();
    for number in 0..3000 {
        File::create(full.join(format!("file-{number}"))).unwrap();
    }
    let watch = tree.watch().json().start();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..4 {
                for number in (0..3000).step_by(7) {
                    let name = |round: i32| match round {
                        0 => full_name(&tree, number),
                        _ => tree.path(format!("full/moved-{number}-{round}")),
                    };
                    fs::rename(name(round), name(round + 1)).unwrap();
                }
            }
        });
        // It is being scanned while the other thread renames.
        fs::rename(&full, tree.path("full")).unwrap();
    });
    watch.finish();
}

/// The path of a file of the full directory before its first rename: the directory may or may not
/// be in the tree yet.
fn full_name(tree: &Tree, number: i32) -> std::path::PathBuf {
    let inside = tree.path(format!("full/file-{number}"));
    while !inside.exists() {
        thread::yield_now();
    }
    inside
}

#[test]
fn inode_numbers_used_again_at_once_do_not_hide_a_change() {
    let tree = Tree::new();
    tree.write("f", "0");
    tree.mkdir("d");
    let mut watch = tree.watch().json().baseline().start();
    for number in 0..60 {
        if number % 2 == 0 {
            watch.freeze();
        }
        tree.remove("f");
        tree.write("f", format!("{}", number % 10));
        tree.remove_all("d");
        tree.mkdir("d");
        tree.write(format!("d/f{number}"), "x");
        watch.thaw();
        if number % 10 == 0 {
            watch.settle();
        }
    }
    watch.finish();
}

#[test]
fn a_tree_removed_and_made_anew_at_once_is_watched_to_its_leaves() {
    let tree = Tree::new();
    tree.mkdirs("d/e");
    tree.write("d/e/f", "old");
    let mut watch = tree.watch().json().start();
    for number in 0..40 {
        if number % 2 == 0 {
            watch.freeze();
        }
        tree.remove_all("d");
        tree.mkdirs("d/e");
        watch.thaw();
        watch.settle();
        tree.write("d/e/f", format!("{number}"));
    }
    watch.finish();
}

#[test]
fn a_directory_that_someone_holds_open_is_deleted_when_it_is() {
    let tree = Tree::new();
    tree.mkdirs("d/e");
    let mut watch = tree.watch().start();
    let held = [File::open(tree.path("d")), File::open(tree.path("d/e"))];
    tree.remove_all("d");
    // The kernel sends IN_DELETE_SELF once the descriptors are closed.
    watch.expect(&["Deleted directory: ./d/e", "Deleted directory: ./d"]);
    tree.mkdir("d");
    watch.expect(&["Watching new directory: ./d"]);
    drop(held);
    watch.silence();
    tree.touch("d/f");
    watch.expect(&["New file: ./d/f"]);
    watch.finish();
}

/// Directories made and removed again, most of them.
fn churn(tree: &Tree, top: &str, count: usize) {
    tree.mkdir(top);
    for number in 0..count {
        let path = format!("{top}/c{}", number % 50);
        tree.mkdir(&path);
        if number % 2 == 1 {
            tree.write(format!("{path}/f"), "short-lived");
            tree.remove(format!("{path}/f"));
        }
        if number + 20 < count {
            tree.rmdir(&path);
        }
    }
}

#[test]
fn after_any_churn_there_is_one_watch_for_each_directory() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    thread::scope(|scope| {
        scope.spawn(|| churn(&tree, "one", 1000));
        churn(&tree, "two", 1000);
    });
    watch.settle();
    watch.watches_match();
    tree.remove_all("one");
    watch.settle();
    watch.watches_match();
    watch.finish();
}

#[test]
fn a_tree_removed_while_it_is_being_filled_is_reported_to_the_end() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    for round in 0..4 {
        for number in 0..60 {
            tree.mkdirs(format!("gone/{}/{number}", number % 8));
            tree.write(format!("gone/{}/{number}/f", number % 8), "x");
        }
        tree.remove_all("gone");
        if round == 2 {
            watch.settle();
            only_the_root_is_left(&watch);
        }
    }
    watch.settle();
    only_the_root_is_left(&watch);
    watch.finish();
}

/// Asserts that no directory but the root is watched in the end.
fn only_the_root_is_left(watch: &Watch) {
    assert!(eventually(|| watch.watched().len() == 1));
}

/// Reads an output and counts its bytes, without keeping them.
fn count_bytes(output: OwnedFd) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        let mut output = File::from(output);
        let mut some = vec![0; 64 << 10];
        while let Ok(length @ 1..) = output.read(&mut some) {
            counted.fetch_add(length, Ordering::Relaxed);
        }
    });
    count
}

/// Makes directories in one another, each with a name of 255 bytes and with a file in it, from
/// the innermost on: the path of the whole would be longer than a call takes. `top` is the
/// outermost.
fn nest(tree: &Tree, depth: usize, top: &Path) {
    let name = "n".repeat(255);
    tree.mkdir("inner");
    tree.write("inner/f", "");
    for _ in 1..depth {
        tree.mkdir("outer");
        tree.write("outer/f", "");
        tree.rename("inner", format!("outer/{name}"));
        tree.rename("outer", "inner");
    }
    tree.rename("inner", top);
}

/// Removes the directories of [`nest`], again by short paths.
fn unnest(tree: &Tree, top: &Path) {
    let (inner, name) = (tree.path("inner"), "n".repeat(255));
    loop {
        fs::remove_file(top.join("f")).unwrap();
        let is_last = fs::rename(top.join(&name), &inner).is_err();
        fs::remove_dir(top).unwrap();
        if is_last {
            return;
        }
        fs::rename(&inner, top).unwrap();
    }
}

/// The peak of the resident memory, in MiB, once so deep a tree was renamed away and reported.
/// Each of its directories has a path of its own in memory, and its file another.
fn peak_of_a_deep_tree_that_goes(depth: usize, args: &[&str]) -> u64 {
    let tree = Tree::new();
    let top = "t".repeat(255);
    let (inside, outside) = (tree.path(&top), tree.outside(&top));
    nest(&tree, depth, &inside);
    let (stdout, writer) = sys::pipe().unwrap();
    let args = ["--format", "paths", "--print0"].iter().chain(args);
    let watch = tree.watch().args(args).stdout(writer).start();
    let read = count_bytes(stdout);
    tree.rename(&inside, &outside);
    let all = (1..=depth).map(|level| ".\0./f\0".len() + 2 * level * 256);
    let all = all.sum();
    let is_reported = eventually(|| read.load(Ordering::Relaxed) >= all);
    let peak = watch.peak_memory() >> 10;
    unnest(&tree, &outside);
    assert!(is_reported, "{read:?} of {all} bytes");
    watch.stop();
    peak
}

#[test]
fn long_paths_of_a_tree_that_is_gone_are_never_all_in_memory() {
    // All paths together have 156 MiB.
    let peak = peak_of_a_deep_tree_that_goes(800, &[]);
    assert!(peak < 50, "{peak} MiB");
}

#[test]
fn long_paths_of_a_tree_that_is_gone_are_held_for_a_while_up_to_a_bound() {
    // All paths together have 88 MiB.
    let peak = peak_of_a_deep_tree_that_goes(600, &["--settle", "1"]);
    assert!(peak < 95, "{peak} MiB");
}
