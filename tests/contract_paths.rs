//! Tests which PATHs can be watched, how they are printed, and renames between them
//! (contract, section 1).

mod common;

use std::io::Write as _;

use common::{Tree, Watch};

/// Waits for a note on stderr that names both.
fn noted(watch: &Watch, one: &str, other: &str) {
    watch.await_stderr_where(&format!("a note on {one} and {other}"), |line| {
        line.starts_with("balerion: ") && line.contains(one) && line.contains(other)
    });
}

#[test]
fn a_path_is_printed_as_it_was_given() {
    let tree = Tree::new();
    tree.mkdirs("src/deep");
    let absolute = tree.path("src");
    for (given, printed) in [
        ("src", "src"),
        ("src/", "src"),
        ("src///", "src"),
        ("./src", "./src"),
        ("src/deep/..", "src/deep/.."),
        ("../tree/src", "../tree/src"),
        (
            absolute.to_str().unwrap_or_default(),
            absolute.to_str().unwrap_or_default(),
        ),
    ] {
        let mut watch = tree.watch().path(given).start();
        tree.touch("src/a.txt");
        watch.expect(&[&format!("New file: {printed}/a.txt")]);
        tree.rename("src/a.txt", "src/deep/b.txt");
        watch.expect(&[&format!("Renamed: {printed}/a.txt -> {printed}/deep/b.txt")]);
        tree.remove("src/deep/b.txt");
        watch.expect(&[&format!("Deleted: {printed}/deep/b.txt")]);
        watch.stop();
    }
}

#[test]
fn a_path_that_is_a_link_is_followed_and_printed_as_the_link() {
    let tree = Tree::new();
    tree.mkdir("real");
    tree.mkdir("watched");
    tree.symlink("../real", "watched/inner");
    tree.symlink("watched", "link");
    let mut watch = tree.watch().path("link").start();
    tree.touch("watched/a");
    watch.expect(&["New file: link/a"]);
    // Below the PATH no link is followed.
    tree.touch("real/unseen");
    watch.finish();
}

#[test]
fn a_link_to_a_single_file_is_followed_too() {
    let tree = Tree::new();
    tree.write("real", "x");
    tree.symlink("real", "link");
    let mut watch = tree.watch().baseline().path("link").start();
    tree.append("real", "y");
    watch.expect(&["Content changed: link"]);
    watch.stop();
}

#[test]
fn several_paths_are_watched_at_once() {
    let tree = Tree::new();
    tree.mkdir("a");
    tree.mkdir("b");
    tree.mkdir("c");
    tree.write("file", "x");
    let mut watch = tree.watch().json().path("a").path("b").path("file").start();
    tree.touch("b/x");
    watch.expect(&["created file b/x"]);
    tree.touch("a/x");
    watch.expect(&["created file a/x"]);
    tree.touch("c/unseen");
    tree.append("file", "y");
    watch.expect(&["changed file file"]);
    watch.settle();
    watch.silence();
    watch.check_violations();
    watch.stop();
}

#[test]
fn a_move_from_one_path_to_another_is_a_rename() {
    let tree = Tree::new();
    tree.mkdir("a");
    tree.mkdir("b");
    tree.write("a/file", "x");
    tree.mkdirs("a/dir/sub");
    tree.write("a/dir/sub/f", "y");
    let mut watch = tree.watch().json().baseline().path("a").path("b").start();
    tree.rename("a/file", "b/file");
    watch.expect(&["renamed file a/file -> b/file"]);
    tree.rename("a/dir", "b/dir");
    watch.expect(&["renamed directory a/dir -> b/dir"]);
    tree.append("b/dir/sub/f", "z");
    watch.expect(&["changed file b/dir/sub/f"]);
    watch.finish();
}

#[test]
fn a_path_below_another_is_reported_once_under_the_first() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    let absolute = tree.path("a/b");
    let inner = absolute.to_str().unwrap_or_default();
    let mut watch = tree.watch().path("a").path(inner).start();
    noted(&watch, "a", inner);
    tree.touch("a/b/f");
    watch.expect(&["New file: a/b/f"]);
    tree.touch("a/g");
    watch.expect(&["New file: a/g"]);
    watch.finish();
}

#[test]
fn the_inner_path_given_first_keeps_what_it_reaches() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    let absolute = tree.path("a/b");
    let inner = absolute.to_str().unwrap_or_default();
    let mut watch = tree.watch().path(inner).path("a").start();
    noted(&watch, "a", inner);
    tree.touch("a/b/f");
    watch.expect(&[&format!("New file: {inner}/f")]);
    tree.touch("a/g");
    watch.expect(&["New file: a/g"]);
    watch.finish();
}

#[test]
fn the_same_directory_by_two_names_is_reported_once() {
    for (first, second) in [("a", "a"), ("a", "./a"), ("a", "link"), ("link", "a")] {
        let tree = Tree::new();
        tree.mkdir("a");
        tree.symlink("a", "link");
        let mut watch = tree.watch().path(first).path(second).start();
        noted(&watch, first, second);
        tree.touch("a/f");
        watch.expect(&[&format!("New file: {first}/f")]);
        tree.remove("a/f");
        watch.expect(&[&format!("Deleted: {first}/f")]);
        watch.finish();
    }
}

#[test]
fn a_file_within_another_path_is_reported_once() {
    let tree = Tree::new();
    tree.mkdir("a");
    tree.write("a/f", "x");
    let mut watch = tree.watch().baseline().path("a").path("./a/f").start();
    noted(&watch, "a", "./a/f");
    tree.append("a/f", "y");
    watch.expect(&["Content changed: a/f"]);
    watch.finish();
}

#[test]
fn a_single_file_is_watched_without_what_is_beside_it() {
    let tree = Tree::new();
    tree.write("file", "x");
    tree.write("beside", "x");
    let mut watch = tree.watch().baseline().path("file").start();
    tree.append("beside", "unseen");
    tree.touch("new beside");
    tree.append("file", "y");
    watch.expect(&["Content changed: file"]);
    watch.stop();
}

#[test]
fn a_single_file_survives_atomic_saves() {
    let tree = Tree::new();
    tree.write("file", "0");
    let mut watch = tree.watch().json().baseline().path("file").start();
    for number in 1..4 {
        tree.write("half", format!("{number}"));
        tree.rename("half", "file");
        watch.expect(&["changed file file"]);
    }
    tree.append("file", "still watched");
    watch.expect(&["changed file file"]);
    watch.settle();
    watch.check_violations();
    watch.stop();
}

#[test]
fn a_single_file_that_goes_away_may_come_back() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/file", "x");
    let mut watch = tree.watch().json().baseline().path("d/file").start();
    tree.remove("d/file");
    watch.expect(&["deleted file d/file"]);
    tree.write("d/file", "y");
    watch.expect(&["created file d/file", "changed file d/file"]);
    tree.rename("d/file", "d/away");
    watch.expect(&["deleted file d/file"]);
    tree.rename("d/away", "d/file");
    watch.expect(&["created file d/file"]);
    watch.settle();
    watch.check_violations();
    watch.stop();
}

#[test]
fn the_link_to_a_single_file_may_come_back_as_long_as_its_directory_stands() {
    let tree = Tree::new();
    tree.write("file", "x");
    tree.mkdir("links");
    let link = || tree.symlink("../file", "links/link");
    link();
    let mut watch = tree.watch().baseline().path("links/link").start();
    tree.remove("links/link");
    watch.expect(&["Deleted: links/link"]);
    link();
    watch.expect(&["New file: links/link"]);
    tree.write("file", "other");
    watch.expect(&["Content changed: links/link"]);
    tree.remove_all("links");
    watch.expect(&["Deleted: links/link"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn what_must_be_a_directory_is_waited_for_while_it_is_a_file() {
    let tree = Tree::new();
    let watch = tree.watch().args(["--wait-for-path"]);
    let mut watch = watch.path("d/").path("later").start();
    tree.write("d", "x");
    tree.mkdir("later");
    watch.expect(&["Watching new directory: later"]);
    // By the time that a file kept open is read, the other one was found.
    let mut held = tree.open("later/x");
    held.write_all(b"x").expect("room for a byte");
    watch.expect(&["New file: later/x", "Content changed: later/x"]);
    tree.remove("d");
    tree.mkdir("d");
    tree.touch("d/a");
    watch.expect(&["Watching new directory: d", "New file: d/a"]);
    watch.stop();
}

#[test]
fn a_single_file_is_gone_with_its_directory() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/file", "x");
    let mut watch = tree.watch().path("d/file").start();
    tree.remove_all("d");
    watch.expect(&["Deleted: d/file"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn a_single_file_whose_directory_is_moved_away_is_gone() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/file", "x");
    let mut watch = tree.watch().path("d/file").start();
    tree.rename("d", "elsewhere");
    watch.expect(&["Deleted: d/file"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn a_path_may_be_neither_file_nor_directory() {
    let tree = Tree::new();
    tree.fifo("pipe");
    let mut watch = tree.watch().path("pipe").start();
    tree.rename("pipe", "other");
    watch.expect(&["Deleted: pipe"]);
    tree.rename("other", "pipe");
    watch.expect(&["New file: pipe"]);
    watch.stop();
}
