//! Tests `--settle`: the net effect of changes, once the tree has been quiet (contract, section 5).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, load};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What vim does with `backup` and a swap file.
fn save_as_vim(tree: &Tree, name: &str, data: &str) {
    let swap = format!(".{name}.swp");
    tree.write(&swap, "swap");
    tree.write("4913", "");
    tree.remove("4913");
    tree.rename(name, format!("{name}~"));
    tree.write(name, data);
    tree.append(&swap, "more");
    tree.remove(format!("{name}~"));
    tree.remove(&swap);
}

#[test]
fn what_an_editor_does_is_a_line() {
    let tree = Tree::new();
    tree.write("f", "1");
    let args = ["--settle", "1s"];
    let mut watch = tree.watch().args(args).baseline().start();
    save_as_vim(&tree, "f", "2");
    watch.expect(&["Content changed: ./f"]);
    // The same bytes again: no record.
    save_as_vim(&tree, "f", "2");
    tree.write("g", "1");
    tree.append("g", "2");
    tree.rename("g", "h");
    watch.expect(&["New file: ./h"]);
    tree.rename("h", "i");
    tree.rename("i", "j");
    watch.expect(&["Renamed: ./h -> ./j"]);
    watch.stop();
}

#[test]
fn every_format_takes_it_and_count_counts_what_is_printed() {
    let tree = Tree::new();
    tree.write("f", "1");
    let args = ["--settle", "0.5", "--count", "2"];
    let mut watch = tree.watch().json().args(args).baseline().start();
    tree.write("t", "2");
    tree.append("t", "3");
    tree.rename("t", "f");
    watch.expect(&["changed file ./f"]);
    tree.write("g", "1");
    watch.expect(&["created file ./g"]);
    assert_eq!(watch.wait().status.code(), Some(0));
    let mut watch = tree
        .watch()
        .args(["--format", "paths", "--settle", "0.2"])
        .start();
    tree.rename("f", "x");
    tree.rename("x", "y");
    watch.expect(&["./y"]);
    watch.stop();
}

#[test]
fn a_rename_over_other_bytes_is_a_change_of_those_under_the_name() {
    let tree = Tree::new();
    for (name, bytes) in [("a", "1"), ("t", "2"), ("same", "1"), ("u", "1")] {
        tree.write(name, bytes);
    }
    let args = ["--settle", "0.5"];
    let mut watch = tree.watch().json().args(args).baseline().start();
    tree.rename("t", "a");
    tree.rename("u", "same");
    watch.expect(&[
        "renamed file ./t -> ./a",
        "renamed file ./u -> ./same",
        "changed file ./a",
    ]);
    watch.stop();
}

#[test]
fn a_name_that_is_there_is_not_used_to_exchange_two_others() {
    let tree = Tree::new();
    for name in ["a", "a~", "b"] {
        tree.write(name, name);
    }
    tree.mkdirs("d");
    let mut watch = tree.watch().args(["--settle", "1"]).start();
    tree.rename("a", "d/a");
    tree.rename("b", "a");
    tree.rename("d/a", "b");
    tree.rmdir("d");
    watch.expect(&[
        "Renamed: ./a -> ./a~~",
        "Renamed: ./b -> ./a",
        "Renamed: ./a~~ -> ./b",
        "Deleted directory: ./d",
    ]);
    watch.stop();
}

#[test]
fn an_end_prints_what_is_held() {
    let tree = Tree::new();
    let mut watch = tree.watch().args(["--settle", "1h"]).start();
    tree.write("f", "1");
    tree.append("f", "2");
    // Within the hour of quiet, only the end prints it.
    watch.signal(libc::SIGTERM);
    watch.expect(&["New file: ./f"]);
    assert_eq!(watch.wait().status.code(), Some(0));
    let mut watch = tree
        .watch()
        .args(["--settle", "1h", "--until-quiet", "0.3"])
        .start();
    tree.remove("f");
    watch.expect(&["Deleted: ./f"]);
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn a_count_that_is_reached_by_the_end_of_the_last_path_is_reached() {
    let tree = Tree::new();
    tree.mkdir("w");
    tree.touch("w/f");
    let args = ["--settle", "30", "--count", "2"];
    let mut watch = tree.watch().path("w").args(args).start();
    tree.remove("w/f");
    tree.rmdir("w");
    watch.expect(&["Deleted: w/f", "Deleted directory: w"]);
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn a_tree_that_is_never_quiet_is_printed_after_ten_times_as_long() {
    let tree = Tree::new();
    let mut watch = tree.watch().args(["--settle", "0.3"]).start();
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !ends.load(Ordering::Relaxed) {
                fs::write(tree.path(format!("f{}", number % 3)), format!("{number}")).unwrap();
                number += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let first: Vec<_> = (0..3).map(|_| watch.next_line().text()).collect();
        ends.store(true, Ordering::Relaxed);
        assert_eq!(
            first,
            ["New file: ./f0", "New file: ./f1", "New file: ./f2"]
        );
    });
    watch.stop();
}

#[test]
fn net_effects_fold_to_the_disk_under_the_storm() {
    let tree = Tree::new();
    tree.mkdirs("shared/a/b");
    let args = ["--settle", "0.2"];
    let mut watch = tree.watch().json().args(args).baseline().start();
    let outside = tree.outside("elsewhere");
    fs::create_dir(&outside).unwrap();
    for writer in load::unleash(&tree.root(), &outside, 7, 3, 80) {
        writer.join().unwrap();
    }
    watch.settle();
    watch.check_violations();
    watch.finish();
}
