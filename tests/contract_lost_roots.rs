//! Tests PATHs that go away: what is reported of each, and that the last one ends the watch
//! (contract, section 1).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::Tree;
use std::fs::{self, File};
use std::process::Command;

#[test]
fn the_root_deleted_is_reported_last_and_leaves_nothing_to_watch() {
    let tree = Tree::new();
    tree.mkdirs("root/sub");
    tree.write("root/sub/file", "x");
    let mut watch = tree.watch().json().path("root").start();
    fs::remove_dir_all(tree.path("root")).unwrap();
    watch.expect(&[
        "deleted file root/sub/file",
        "deleted directory root/sub",
        "deleted directory root",
    ]);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.stderr_is_ours();
    assert!(
        ended
            .stderr
            .lines()
            .any(|line| !line.contains("ready:") && !line.contains("baseline")),
        "it does not say why it ended: {}",
        ended.stderr
    );
}

#[test]
fn the_root_renamed_is_gone_with_everything_in_it() {
    let tree = Tree::new();
    tree.mkdirs("root/sub");
    tree.write("root/sub/file", "x");
    let mut watch = tree.watch().path("root").start();
    tree.rename("root", "elsewhere");
    watch.expect(&[
        "Deleted: root/sub/file",
        "Deleted directory: root/sub",
        "Deleted directory: root",
    ]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn the_parent_of_the_root_renamed_leaves_nothing_there_either() {
    let tree = Tree::new();
    tree.mkdirs("parent/root");
    tree.write("parent/root/file", "x");
    let mut watch = tree.watch().baseline().path("parent/root").start();
    // The rename of a directory above makes no event in the tree.
    tree.rename("parent", "elsewhere");
    watch.expect(&[
        "Deleted: parent/root/file",
        "Deleted directory: parent/root",
    ]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn what_a_link_leads_to_is_gone_with_the_directory_above_it() {
    for (target, gone) in [
        (
            "above/parent/root",
            &["Deleted: links/link/file", "Deleted directory: links/link"][..],
        ),
        ("above/parent/root/file", &["Deleted: links/link"]),
    ] {
        for (moved, to) in [("above", "elsewhere"), ("above/parent", "above/moved")] {
            let tree = Tree::new();
            tree.mkdirs("above/parent/root");
            tree.write("above/parent/root/file", "x");
            tree.mkdir("links");
            tree.symlink(format!("../{target}"), "links/link");
            let mut watch = tree.watch().baseline().path("links/link").start();
            // Not in the directory of the link, where every name is seen.
            tree.rename(moved, to);
            watch.expect(gone);
            assert_eq!(watch.wait().status.code(), Some(1), "{target}");
        }
    }
}

#[test]
fn a_file_in_the_place_of_the_parent_of_the_root_leaves_nothing_there_either() {
    for root in ["parent/root", "parent/root/file"] {
        let tree = Tree::new();
        tree.mkdirs("parent/root");
        tree.write("parent/root/file", "x");
        tree.touch("other");
        let root = tree.path(root);
        let root = root.to_str().unwrap();
        let mut watch = tree.watch().baseline().path(root).start();
        tree.exchange("parent", "other");
        let file = tree.path("parent/root/file");
        watch.expect(&[&format!("Deleted: {}", file.to_str().unwrap())]);
        assert_eq!(watch.wait().status.code(), Some(1), "{root}");
    }
}

#[test]
fn the_working_directory_removed_is_gone() {
    let tree = Tree::new();
    tree.mkdir("here");
    let mut watch = tree.watch().from("here").start();
    tree.rmdir("here");
    watch.expect(&["Deleted directory: ."]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn a_root_removed_while_somebody_stands_in_it_is_gone() {
    let tree = Tree::new();
    tree.mkdirs("root/sub");
    tree.mkdirs("here/sub");
    for (watch, root, shown) in [
        (tree.watch().path("root"), "root", "root"),
        (tree.watch().from("here"), "here", "."),
    ] {
        let mut watch = watch.start();
        let mut standing = Command::new("sleep");
        let standing = standing.arg("60").current_dir(tree.path(root));
        let mut standing = standing.spawn().unwrap();
        tree.remove_all(root);
        watch.expect(&[
            &format!("Deleted directory: {shown}/sub"),
            &format!("Deleted directory: {shown}"),
        ]);
        assert_eq!(watch.wait().status.code(), Some(1));
        standing.kill().unwrap();
        standing.wait().unwrap();
    }
}

#[test]
fn a_root_that_was_empty_when_it_was_removed_is_gone_though_somebody_has_it_open() {
    let tree = Tree::new();
    for (root, path, file, shown) in [
        ("never", ".", None, &["Deleted directory: ."][..]),
        ("none", "none", None, &["Deleted directory: none"]),
        (
            "emptied",
            "emptied",
            Some("emptied/file"),
            &["Deleted: emptied/file", "Deleted directory: emptied"],
        ),
        ("one", "one/file", Some("one/file"), &["Deleted: one/file"]),
    ] {
        tree.mkdir(root);
        if let Some(file) = file {
            tree.touch(file);
        }
        let from = if path == "." { root } else { "" };
        let mut watch = tree.watch().from(from).path(path).start();
        let open = File::open(tree.path(root)).unwrap();
        if let Some(file) = file {
            tree.remove(file);
            watch.expect(&shown[..1]);
        }
        tree.rmdir(root);
        tree.mkdir(root);
        watch.expect(&shown[usize::from(file.is_some())..]);
        assert_eq!(watch.wait().status.code(), Some(1), "{root}");
        drop(open);
    }
}

#[test]
fn names_beside_an_empty_root_leave_it_watched() {
    let tree = Tree::new();
    tree.mkdir("root");
    let mut watch = tree.watch().path("root").start();
    for name in ["a", "b"] {
        tree.mkdir("other");
        tree.rmdir("other");
        tree.touch(format!("root/{name}"));
        watch.expect(&[&format!("New file: root/{name}")]);
        tree.mkdir("other");
        tree.rmdir("other");
        tree.remove(format!("root/{name}"));
        watch.expect(&[&format!("Deleted: root/{name}")]);
    }
    watch.stop();
}

#[test]
fn a_directory_that_was_removed_before_is_missing_though_somebody_stands_in_it() {
    let tree = Tree::new();
    let removed_first = ["sh", "-c", "rmdir \"$PWD\"; exec \"$@\"", "sh"];
    for path in [".", "/proc/self/cwd"] {
        tree.mkdir("here");
        let watch = tree.watch().from("here").through(&removed_first);
        let ended = watch.path(path).spawn().wait();
        assert_eq!(ended.status.code(), Some(2));
        let why = format!("balerion: cannot watch {path}: No such file or directory; ");
        assert!(ended.stderr.starts_with(&why), "{}", ended.stderr);
    }
    tree.mkdir("here");
    let watch = tree.watch().from("here").through(&removed_first);
    let mut watch = watch.args(["--wait-for-path", "."]).spawn();
    watch.await_stderr("balerion: ready: 0 directories, 0 files; waiting for .");
    for name in ["one", "two"] {
        tree.mkdir("here");
        tree.touch(format!("here/{name}"));
        watch.expect(&["Watching new directory: .", &format!("New file: ./{name}")]);
        tree.remove_all("here");
        watch.expect(&[&format!("Deleted: ./{name}"), "Deleted directory: ."]);
    }
    watch.stop();
}

#[test]
fn a_link_of_proc_that_leads_to_a_removed_directory_leads_nowhere() {
    let tree = Tree::new();
    for options in [&[][..], &["--wait-for-path"]] {
        tree.mkdir("here");
        tree.touch("here/a");
        let mut standing = Command::new("sleep");
        let standing = standing.arg("60").current_dir(tree.path("here"));
        let mut standing = standing.spawn().unwrap();
        let path = format!("/proc/{}/cwd", standing.id());
        tree.mkdir("beside");
        let watch = tree.watch().args(options).path("beside");
        let mut watch = watch.path(&path).start();
        tree.remove_all("here");
        watch.expect(&[
            &format!("Deleted: {path}/a"),
            &format!("Deleted directory: {path}"),
        ]);
        watch.silence();
        watch.stop();
        tree.remove_all("beside");
        standing.kill().unwrap();
        standing.wait().unwrap();
    }
}

#[test]
fn the_working_directory_moved_counts_as_gone() {
    let tree = Tree::new();
    tree.mkdir("here");
    tree.touch("here/file");
    let mut watch = tree.watch().from("here").start();
    tree.rename("here", "there");
    watch.expect(&["Deleted: ./file", "Deleted directory: ."]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn what_is_beside_the_working_directory_stays_where_that_is_moved() {
    let tree = Tree::new();
    tree.mkdirs("here/sub");
    tree.mkdir("beside");
    tree.write("file", "x");
    tree.mkdir("deep");
    // `here/sub` keeps the watcher in the working directory.
    for paths in [
        &["../beside", "../file"][..],
        &["../beside", "../file", "sub"],
    ] {
        let watch = tree.watch().from("here").baseline().args(paths);
        let mut watch = watch.start();
        tree.rename("here", "deep/here");
        tree.append("file", "y");
        watch.expect(&["Content changed: ../file"]);
        tree.touch("beside/a");
        watch.expect(&["New file: ../beside/a"]);
        tree.remove("beside/a");
        watch.expect(&["Deleted: ../beside/a"]);
        tree.rmdir("beside");
        watch.expect(&["Deleted directory: ../beside"]);
        tree.mkdir("beside");
        tree.rename("deep/here", "here");
        watch.stop();
    }
}

#[test]
fn a_root_replaced_by_another_under_its_name_is_gone() {
    let tree = Tree::new();
    tree.mkdir("root");
    tree.mkdir("other");
    let mut watch = tree.watch().path("root").start();
    tree.exchange("root", "other");
    watch.expect(&["Deleted directory: root"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn it_goes_on_while_one_root_is_left() {
    let tree = Tree::new();
    tree.mkdir("one");
    tree.mkdir("two");
    let mut watch = tree.watch().path("one").path("two").start();
    tree.rmdir("one");
    watch.expect(&["Deleted directory: one"]);
    tree.touch("two/a");
    watch.expect(&["New file: two/a"]);
    tree.remove_all("two");
    watch.expect(&["Deleted: two/a", "Deleted directory: two"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}
