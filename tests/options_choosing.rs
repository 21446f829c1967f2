//! Tests the options that decide what is watched.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use common::serve::refused;
use common::{Tree, Watch, eventually, namespace, serve};
use jiff::Timestamp;

/// Ends it after the records fold to the tree, without comparing the number of watches with that of
/// directories.
fn end(mut watch: Watch) {
    watch.silence();
    watch.settle();
    watch.check_violations();
    watch.stop();
}

#[test]
fn without_recursion_a_directory_there_and_a_new_one_are_reported_and_not_entered() {
    let tree = Tree::new();
    tree.mkdir("there");
    tree.write("there/unseen", "x");
    let mut watch = tree.watch().json().args(["--no-recursive", "--initial"]);
    watch = watch.without("./there/unseen").without("./new/unseen");
    let mut watch = watch.spawn();
    let before = watch.until("ready");
    assert_eq!(
        before,
        [
            "start",
            "existing directory .",
            "existing directory ./there"
        ]
    );
    tree.append("there/unseen", "y");
    tree.mkdir("new");
    tree.write("new/unseen", "x");
    watch.expect(&["created directory ./new"]);
    end(watch);
}

#[test]
fn what_is_moved_across_the_edge_of_the_depth_comes_and_goes() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    tree.write("a/b/f", "x");
    let mut watch = tree.watch().args(["--max-depth", "2"]).start();
    tree.rename("a/b/f", "a/f");
    watch.expect(&["New file: ./a/f"]);
    tree.rename("a/f", "a/b/f");
    watch.expect(&["Deleted: ./a/f"]);
    tree.mkdir("a/edge");
    watch.expect(&["New directory: ./a/edge"]);
    tree.touch("a/edge/unseen");
    watch.silence();
    watch.stop();
}

#[test]
fn no_depth_and_two_depths_are_refused() {
    refused(&["--max-depth", "0"]);
    refused(&["--max-depth", "-1"]);
    refused(&["--max-depth", "deep"]);
    refused(&["--max-depth", "2", "--no-recursive"]);
}

/// Has a tmpfs mounted on `mnt`, with a file in it, before the watcher begins.
const MOUNT: &str = "mount -t tmpfs none mnt && echo x > mnt/there";

#[test]
fn another_file_system_is_entered_unless_it_is_not_to_be() {
    for (args, is_entered) in [
        (&[][..], true),
        (&["-x"], false),
        (&["--one-file-system"], false),
    ] {
        let test = "another_file_system_is_entered…";
        let Some(wrapper) = namespace::mounting_first(test, MOUNT) else {
            return;
        };
        let tree = Tree::new();
        tree.mkdir("mnt");
        let watch = tree.watch().through(&wrapper).mounts().args(args);
        let mut watch = watch.start();
        let seen = namespace::seen(&watch, &tree.root());
        File::create(seen.join("mnt/new")).unwrap();
        File::create(seen.join("beside")).unwrap();
        if is_entered {
            watch.expect_in_any_order(&["New file: ./mnt/new", "New file: ./beside"]);
        } else {
            watch.expect(&["New file: ./beside"]);
        }
        watch.silence();
        watch.stop();
    }
}

/// A file in the tree whose other name is outside.
fn link_outside(tree: &Tree) -> PathBuf {
    let outside = tree.outside("other name");
    fs::write(&outside, "one").unwrap();
    tree.mkdir("d");
    tree.link(&outside, "d/f");
    outside
}

fn append(path: &PathBuf, text: &str) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_write_through_a_name_outside_the_tree_is_found_by_comparing() {
    for hash in ["eager", "off"] {
        let tree = Tree::new();
        let outside = link_outside(&tree);
        let args = ["--rescan", "0.2", "--hash", hash];
        let mut watch = tree.watch().args(args).start();
        // The first status is taken after `ready`; with hashing off that is not reported.
        let is_reported = || {
            append(&outside, "and more");
            watch.out.count() > 0
        };
        assert!(eventually(is_reported));
        watch.expect(&["Content changed: ./d/f"]);
        watch.sentinel();
        watch.stop();
    }
}

#[test]
fn without_comparing_a_write_through_a_name_outside_the_tree_is_not_seen() {
    let tree = Tree::new();
    let outside = link_outside(&tree);
    let mut watch = tree.watch().baseline().start();
    append(&outside, "two");
    watch.silence();
    watch.stop();
}

#[test]
fn an_interval_for_comparing_is_more_than_nothing() {
    for interval in ["0", "-1", "inf", "nan", "often", "", "1e300"] {
        refused(&[&format!("--rescan={interval}")]);
    }
    assert!(refused(&["--rescan", "0"]).contains("more than 0"));
}

#[test]
fn strictly_a_write_through_a_name_outside_the_tree_is_reported_at_once() {
    let tree = Tree::new();
    let outside = link_outside(&tree);
    let mut watch = tree.watch().json().args(["--strict"]).baseline().start();
    append(&outside, "two");
    watch.expect(&["changed file ./d/f"]);
    // So is one to a file that was linked in while it watched.
    let later = tree.outside("later");
    fs::write(&later, "one").unwrap();
    tree.link(&later, "later");
    watch.expect(&["created file ./later"]);
    watch.settle();
    append(&later, "two");
    watch.expect(&["changed file ./later"]);
    end(watch);
}

#[test]
fn strictly_a_file_that_is_saved_by_a_rename_has_a_watch() {
    let tree = Tree::new();
    tree.write("a", "one");
    let mut watch = tree.watch().args(["--strict"]).baseline().start();
    for number in 0..3 {
        // All of it is one batch of events.
        watch.freeze();
        tree.write("a.tmp", format!("{number}"));
        tree.rename("a.tmp", "a");
        watch.thaw();
        watch.expect(&[
            "New file: ./a.tmp",
            "Renamed: ./a.tmp -> ./a",
            "Content changed: ./a",
        ]);
        let outside = tree.outside(format!("{number}"));
        fs::hard_link(tree.path("a"), &outside).unwrap();
        append(&outside, "more");
        watch.expect(&["Content changed: ./a"]);
    }
    watch.stop();
}

#[test]
fn strictly_a_write_to_a_name_that_is_gone_is_reported_of_the_one_that_lives_on() {
    let tree = Tree::new();
    tree.mkdirs("one");
    tree.mkdirs("other");
    tree.write("one/a", "x");
    tree.link("one/a", "other/b");
    let mut watch = tree.watch().json().args(["--strict"]).baseline().start();
    let mut held = tree.open("one/a");
    tree.remove("one/a");
    watch.expect(&["deleted file ./one/a"]);
    held.write_all(b"y").unwrap();
    watch.expect(&["changed file ./other/b"]);
    drop(held);
    end(watch);
}

#[test]
fn strictly_each_file_has_a_watch_of_its_own() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.write("b", "x");
    tree.fifo("no regular file");
    let mut watch = tree
        .watch()
        .args(["--strict", "--stats"])
        .baseline()
        .start();
    tree.touch("c");
    watch.expect(&["New file: ./c"]);
    tree.remove("a");
    watch.expect(&["Deleted: ./a"]);
    watch.silence();
    let ended = watch.stop();
    // The watches of `.`, `b`, `c` and the sentinel.
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words == ["balerion:", "stats:", "watches", "4"]
    };
    assert!(ended.stderr.lines().any(row), "{}", ended.stderr);
}

#[test]
fn a_directory_that_is_not_there_yet_is_waited_for_again_and_again() {
    for path in ["later", "not/yet/there"] {
        let tree = Tree::new();
        let watch = tree.watch().args(["--wait-for-path"]).path(path);
        let mut watch = watch.start();
        watch.await_stderr("balerion: ready: 0 directories, 0 files");
        for _ in 0..3 {
            tree.mkdirs(path);
            watch.expect(&[&format!("Watching new directory: {path}")]);
            tree.touch(format!("{path}/a"));
            watch.expect(&[&format!("New file: {path}/a")]);
            let top = path.split('/').next().unwrap();
            tree.remove_all(top);
            watch.expect(&[
                &format!("Deleted: {path}/a"),
                &format!("Deleted directory: {path}"),
            ]);
        }
        watch.stop();
    }
}

#[test]
fn a_directory_moved_into_place_is_reported_with_all_that_is_in_it() {
    let tree = Tree::new();
    fs::create_dir_all(tree.outside("whole/below")).unwrap();
    fs::write(tree.outside("whole/below/f"), "x").unwrap();
    let watch = tree.watch().args(["--wait-for-path"]).path("later");
    let mut watch = watch.start();
    for _ in 0..2 {
        tree.rename(tree.outside("whole"), "later");
        watch.expect(&[
            "Watching new directory: later",
            "Watching new directory: later/below",
            "New file: later/below/f",
        ]);
        tree.rename("later", tree.outside("whole"));
        watch.expect(&[
            "Deleted: later/below/f",
            "Deleted directory: later/below",
            "Deleted directory: later",
        ]);
    }
    watch.stop();
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for_again_and_again() {
    for path in ["later.txt", "d/later.txt"] {
        let tree = Tree::new();
        let watch = tree.watch().args(["--wait-for-path"]).path(path);
        let mut watch = watch.start();
        for _ in 0..3 {
            tree.mkdirs("d");
            tree.touch("d/beside");
            tree.touch(path);
            watch.expect(&[&format!("New file: {path}")]);
            tree.append(path, "x");
            watch.expect(&[&format!("Content changed: {path}")]);
            tree.remove(path);
            watch.expect(&[&format!("Deleted: {path}")]);
            tree.remove_all("d");
        }
        watch.stop();
    }
}

#[test]
fn one_path_is_waited_for_while_another_is_watched() {
    let tree = Tree::new();
    tree.mkdir("here");
    let watch = tree.watch().args(["--wait-for-path"]);
    let mut watch = watch.path("here").path("later").start();
    tree.touch("here/a");
    watch.expect(&["New file: here/a"]);
    tree.mkdir("later");
    watch.expect(&["Watching new directory: later"]);
    tree.rename("here/a", "later/a");
    watch.expect(&["Renamed: here/a -> later/a"]);
    watch.silence();
    watch.stop();
}

#[test]
fn a_path_that_appears_is_reported_with_the_time_when_it_was_found() {
    let tree = Tree::new();
    let watch = tree.watch().json().args(["--wait-for-path"]);
    let mut watch = watch.path("later").start();
    for _ in 0..2 {
        let before = Timestamp::now();
        tree.mkdir("later");
        let found = watch.expect(&["created directory later"]);
        tree.remove_all("later");
        let lost = watch.expect(&["deleted directory later"]);
        for record in found.iter().chain(&lost) {
            let time: Timestamp = record.text("time").unwrap().parse().unwrap();
            assert!(time >= before, "{time}, made at {before}");
        }
    }
    watch.stop();
}

#[test]
fn waiting_in_vain_ends_with_the_timeout() {
    let tree = Tree::new();
    let args = ["--wait-for-path", "--timeout", "0.2", "never"];
    let output = serve::run(&tree, &args);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        serve::stderr_of(&output)
    );
    assert_eq!(output.stdout, b"");
}
