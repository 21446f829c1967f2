//! Tests renames, replacements, and moves out of and into the tree (contract, section 4, rules 2,
//! 5, 6 and 9).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, sha256};
use std::fs;

#[test]
fn a_directory_that_moves_takes_everything_along_in_one_record() {
    let tree = Tree::new();
    tree.mkdirs("a/b/c");
    tree.mkdir("d");
    tree.write("a/b/c/f", "x");
    let mut watch = tree.watch().json().baseline().start();
    tree.rename("a", "d/e");
    watch.expect(&["renamed directory ./a -> ./d/e"]);
    tree.append("d/e/b/c/f", "y");
    watch.expect(&["changed file ./d/e/b/c/f"]);
    tree.rename("d/e/b", "b");
    watch.expect(&["renamed directory ./d/e/b -> ./b"]);
    tree.touch("b/c/g");
    watch.expect(&["created file ./b/c/g"]);
    watch.finish();
}

#[test]
fn a_rename_onto_a_file_is_a_rename_and_then_a_change_of_its_bytes() {
    let tree = Tree::new();
    tree.write("new", "new bytes");
    tree.write("old", "old bytes");
    let mut watch = tree.watch().json().baseline().start();
    tree.rename("new", "old");
    let records = watch.expect(&["renamed file ./new -> ./old", "changed file ./old"]);
    assert_eq!(records[1].sha256(), Some(sha256(b"new bytes").as_str()));
    watch.finish();
}

#[test]
fn a_rename_onto_the_same_bytes_is_a_rename_alone() {
    let tree = Tree::new();
    tree.write("new", "same");
    tree.write("old", "same");
    let mut watch = tree.watch().baseline().start();
    tree.rename("new", "old");
    watch.expect(&["Renamed: ./new -> ./old"]);
    watch.finish();
}

#[test]
fn an_atomic_save_reports_the_new_bytes_under_the_old_name() {
    let tree = Tree::new();
    tree.write("f", "1");
    let mut watch = tree.watch().baseline().start();
    for content in ["2", "3"] {
        tree.write("f.tmp", content);
        watch.expect(&["New file: ./f.tmp", "Content changed: ./f.tmp"]);
        tree.rename("f.tmp", "f");
        watch.expect(&["Renamed: ./f.tmp -> ./f", "Content changed: ./f"]);
    }
    watch.finish();
}

#[test]
fn an_atomic_save_of_the_same_bytes_changes_nothing_under_the_old_name() {
    let tree = Tree::new();
    tree.write("f", "same");
    let mut watch = tree.watch().baseline().start();
    tree.write("f.tmp", "same");
    watch.expect(&["New file: ./f.tmp", "Content changed: ./f.tmp"]);
    tree.rename("f.tmp", "f");
    watch.expect(&["Renamed: ./f.tmp -> ./f"]);
    // Before anyone could look at the file under its first name, whether it was there or not.
    for is_there in [false, true] {
        if is_there {
            tree.write("f.tmp", "other");
            watch.expect(&["New file: ./f.tmp", "Content changed: ./f.tmp"]);
        }
        watch.freeze();
        tree.write("f.tmp", "same");
        tree.rename("f.tmp", "f");
        watch.thaw();
        if !is_there {
            watch.expect(&["New file: ./f.tmp"]);
        }
        watch.expect(&["Content changed: ./f.tmp", "Renamed: ./f.tmp -> ./f"]);
    }
    watch.finish();
}

#[test]
fn an_atomic_save_without_a_pause_converges_on_the_saved_bytes() {
    let tree = Tree::new();
    tree.write("f", "0");
    let mut watch = tree.watch().json().baseline().start();
    for number in 1..200 {
        tree.write("f.tmp", format!("{}", number / 3));
        tree.rename("f.tmp", "f");
    }
    watch.settle();
    watch.finish();
}

#[test]
fn another_file_moved_in_onto_a_name_is_a_change_alone() {
    let tree = Tree::new();
    tree.write("f", "old");
    fs::write(tree.outside("one"), "new").unwrap();
    fs::write(tree.outside("two"), "new").unwrap();
    let mut watch = tree.watch().baseline().start();
    tree.rename(tree.outside("one"), "f");
    watch.expect(&["Content changed: ./f"]);
    // Another file with the same bytes: nothing is reported.
    tree.rename(tree.outside("two"), "f");
    watch.finish();
}

#[test]
fn a_move_out_of_the_tree_is_a_deletion_from_the_inside_outwards() {
    let tree = Tree::new();
    tree.mkdirs("d/sub");
    tree.write("d/sub/f", "x");
    tree.write("file", "x");
    let mut watch = tree.watch().start();
    tree.rename("file", tree.outside("file"));
    watch.expect(&["Deleted: ./file"]);
    tree.rename("d", tree.outside("d"));
    watch.expect(&[
        "Deleted: ./d/sub/f",
        "Deleted directory: ./d/sub",
        "Deleted directory: ./d",
    ]);
    // Its watches are removed: changes there are not reported.
    fs::write(tree.outside("d/sub/f"), "unseen").unwrap();
    fs::create_dir(tree.outside("d/unseen")).unwrap();
    watch.finish();
}

#[test]
fn a_move_into_the_tree_is_a_creation_from_the_outside_inwards() {
    let tree = Tree::new();
    fs::create_dir_all(tree.outside("d/sub")).unwrap();
    fs::write(tree.outside("d/sub/f"), "x").unwrap();
    let mut watch = tree.watch().json().start();
    tree.rename(tree.outside("d"), "d");
    let records = watch.expect(&[
        "created directory ./d",
        "created directory ./d/sub",
        "created file ./d/sub/f",
    ]);
    assert_eq!(records[2].sha256(), Some(sha256(b"x").as_str()));
    tree.append("d/sub/f", "y");
    watch.expect(&["changed file ./d/sub/f"]);
    watch.finish();
}

#[test]
fn what_left_and_comes_back_is_created_anew() {
    let tree = Tree::new();
    tree.mkdirs("d/sub");
    tree.write("d/sub/f", "x");
    let mut watch = tree.watch().json().start();
    tree.rename("d", tree.outside("d"));
    watch.expect(&[
        "deleted file ./d/sub/f",
        "deleted directory ./d/sub",
        "deleted directory ./d",
    ]);
    fs::write(tree.outside("d/sub/f"), "changed outside").unwrap();
    tree.rename(tree.outside("d"), "e");
    watch.expect(&[
        "created directory ./e",
        "created directory ./e/sub",
        "created file ./e/sub/f",
    ]);
    watch.finish();
}

#[test]
fn two_names_exchanged_fold_to_the_truth() {
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("b", "2");
    tree.mkdirs("d/inner");
    tree.mkdirs("e/other");
    tree.write("d/inner/f", "3");
    let mut watch = tree.watch().json().baseline().start();
    tree.exchange("a", "b");
    watch.settle();
    tree.exchange("d", "e");
    watch.settle();
    tree.exchange("a", "d");
    watch.settle();
    tree.append("e/inner/f", "4");
    watch.finish();
}

#[test]
fn a_name_given_to_something_else_at_once_is_reported_as_both() {
    let tree = Tree::new();
    tree.write("name", "a file");
    let mut watch = tree.watch().json().baseline().start();
    tree.remove("name");
    tree.mkdir("name");
    tree.write("name/f", "x");
    watch.settle();
    tree.remove_all("name");
    tree.symlink("nowhere", "name");
    watch.settle();
    tree.remove("name");
    tree.write("name", "a file");
    watch.finish();
}

#[test]
fn a_file_that_came_and_went_before_it_was_stated_is_reported() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    watch.freeze();
    tree.touch("a");
    tree.rename("a", "b");
    tree.remove("b");
    watch.thaw();
    watch.expect(&["New file: ./a", "Renamed: ./a -> ./b", "Deleted: ./b"]);
    watch.finish();
}

#[test]
fn a_chain_of_renames_is_reported_link_by_link() {
    let tree = Tree::new();
    tree.write("a", "x");
    let mut watch = tree.watch().baseline().start();
    watch.freeze();
    tree.rename("a", "b");
    tree.rename("b", "c");
    tree.rename("c", "d");
    watch.thaw();
    watch.expect(&[
        "Renamed: ./a -> ./b",
        "Renamed: ./b -> ./c",
        "Renamed: ./c -> ./d",
    ]);
    watch.finish();
}

#[test]
fn a_rename_that_does_nothing_is_not_reported() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.link("a", "b");
    tree.mkdirs("full/inner");
    tree.mkdir("d");
    let watch = tree.watch().baseline().start();
    // A rename to itself, one onto a hard link of the same file, and one that fails.
    tree.rename("a", "a");
    tree.rename("a", "b");
    assert!(fs::rename(tree.path("d"), tree.path("full")).is_err());
    assert!(fs::rename(tree.path("d"), tree.path("d/below")).is_err());
    watch.finish();
}

#[test]
fn a_name_that_a_filter_hides_is_outside_the_tree() {
    let tree = Tree::new();
    tree.write("f", "x");
    tree.mkdirs("d/sub");
    tree.touch("d/g");
    let mut watch = tree.watch().args(["--exclude", "*.hidden"]).start();
    tree.touch("a.hidden");
    tree.rename("f", "f.hidden");
    watch.expect(&["Deleted: ./f"]);
    tree.append("f.hidden", "unseen");
    tree.rename("f.hidden", "f");
    watch.expect(&["New file: ./f"]);
    tree.rename("d", "d.hidden");
    watch.expect_in_any_order(&["Deleted: ./d/g", "Deleted directory: ./d/sub"]);
    watch.expect(&["Deleted directory: ./d"]);
    tree.touch("d.hidden/unseen");
    watch.finish();
}

#[test]
fn what_is_done_the_moment_the_last_change_is_reported_reads_as_it_happened() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    for _ in 0..200 {
        // Each step comes while the one before is still being reconciled.
        tree.write("a", "x");
        watch.expect(&["New file: ./a", "Content changed: ./a"]);
        tree.rename("a", "b");
        watch.expect(&["Renamed: ./a -> ./b"]);
        tree.rename("b", "a");
        watch.expect(&["Renamed: ./b -> ./a"]);
        tree.remove("a");
        watch.expect(&["Deleted: ./a"]);
    }
    watch.finish();
}
