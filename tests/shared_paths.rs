//! Tests PATHs that lead to the same, or into one another: each name is reported by one of them,
//! and goes on to be when the other one is lost (contract, section 1).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::Tree;

/// `r1/f` and `r2/h`; `cur` leads to `r1`, and `file` to `r1/f`.
fn releases() -> Tree {
    let tree = Tree::new();
    tree.mkdir("r1");
    tree.mkdir("r2");
    tree.write("r1/f", "x");
    tree.write("r2/h", "x");
    tree.symlink("r1", "cur");
    tree.symlink("r1/f", "file");
    tree
}

#[test]
fn a_link_to_a_file_in_an_earlier_path_is_reported_by_that() {
    let tree = releases();
    for (first, second, shown) in [("r1", "file", "r1/f"), ("file", "r1", "file")] {
        let mut watch = tree.watch().baseline().path(first).path(second).start();
        tree.append("r1/f", "y");
        watch.expect(&[&format!("Content changed: {shown}")]);
        watch.stop();
    }
}

#[test]
fn what_two_paths_led_to_goes_on_under_the_other_one() {
    for (other, deleted, created) in [
        (
            "r1",
            ["Deleted: cur/f", "Deleted directory: cur"],
            &["Watching new directory: r1", "New file: r1/f"][..],
        ),
        (
            "r1/f",
            ["Deleted: cur/f", "Deleted directory: cur"],
            &["New file: r1/f"],
        ),
    ] {
        let tree = releases();
        let watch = tree.watch().baseline().path("cur").path(other);
        let mut watch = watch.start();
        tree.remove("cur");
        watch.expect(&deleted);
        watch.expect(created);
        tree.append("r1/f", "y");
        watch.expect(&["Content changed: r1/f"]);
        watch.stop();
    }
}

#[test]
fn a_file_that_is_a_path_outlives_the_link_to_its_directory() {
    let tree = releases();
    let watch = tree.watch().baseline().path("r1/f").path("cur");
    let mut watch = watch.start();
    tree.remove("cur");
    watch.expect(&["Deleted: r1/f", "Deleted directory: cur", "New file: r1/f"]);
    tree.append("r1/f", "y");
    watch.expect(&["Content changed: r1/f"]);
    watch.stop();
}

#[test]
fn a_file_is_part_of_its_directory_again_once_the_link_to_it_is_gone() {
    let tree = releases();
    tree.write("r1/g", "x");
    let watch = tree.watch().baseline().path("file").path("r1");
    let mut watch = watch.start();
    tree.symlink("r2/h", "next");
    tree.rename("next", "file");
    watch.expect_in_any_order(&["Deleted: file", "New file: file", "New file: r1/f"]);
    tree.append("r1/f", "y");
    watch.expect(&["Content changed: r1/f"]);
    watch.stop();
}

#[test]
fn a_directory_is_part_of_the_one_above_it_again_once_the_link_to_it_is_gone() {
    let tree = releases();
    tree.mkdirs("r1/sub");
    tree.write("r1/sub/g", "x");
    tree.mkdirs("r2/sub");
    let watch = tree.watch().baseline().path("cur/sub").path("r1");
    let mut watch = watch.start();
    tree.symlink("r2", "next");
    tree.rename("next", "cur");
    watch.expect(&["Deleted: cur/sub/g", "Deleted directory: cur/sub"]);
    watch.expect_in_any_order(&[
        "Watching new directory: cur/sub",
        "Watching new directory: r1/sub",
        "New file: r1/sub/g",
    ]);
    watch.stop();
}

#[test]
fn a_file_that_is_a_path_moves_with_its_directory() {
    for (file, moved) in [
        ("a/b/f", &["Renamed directory: a/b -> a/c"][..]),
        (
            "link",
            &[
                "Deleted: link",
                "Renamed directory: a/b -> a/c",
                "New file: a/c/f",
            ],
        ),
    ] {
        let tree = Tree::new();
        tree.mkdirs("a/b");
        tree.write("a/b/f", "x");
        tree.symlink("a/b/f", "link");
        let mut watch = tree.watch().baseline().path(file).path("a").start();
        tree.rename("a/b", "a/c");
        watch.expect(moved);
        tree.append("a/c/f", "y");
        watch.expect(&["Content changed: a/c/f"]);
        tree.mkdir("a/b");
        watch.expect(&["Watching new directory: a/b"]);
        tree.touch("a/b/f");
        watch.expect(&["New file: a/b/f"]);
        watch.stop();
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_reported_by_its_path() {
    let tree = Tree::new();
    tree.mkdir("r1");
    tree.write("r1/f", "x");
    tree.symlink("r1/f", "link");
    let mut watch = tree.watch().baseline().path("link").start();
    tree.remove("r1/f");
    watch.expect(&["Deleted: link"]);
    tree.mkdir("r1/f");
    watch.expect(&["Watching new directory: link"]);
    tree.touch("r1/f/x");
    watch.expect(&["New file: link/x"]);
    tree.rename("r1/f/x", "r1/f/y");
    watch.expect(&["Renamed: link/x -> link/y"]);
    tree.remove_all("r1/f");
    watch.expect(&["Deleted: link/y", "Deleted directory: link"]);
    watch.stop();

    let mut watch = tree.watch().args(["--wait-for-path"]).path("new").start();
    tree.touch("new");
    watch.expect(&["New file: new"]);
    tree.remove("new");
    watch.expect(&["Deleted: new"]);
    tree.mkdir("new");
    watch.expect(&["Watching new directory: new"]);
    tree.touch("new/x");
    watch.expect(&["New file: new/x"]);
    watch.stop();
}

#[test]
fn directories_that_appear_are_watched_whole_though_a_file_in_them_is_a_path() {
    for (paths, first) in [
        (&["d/f", "d"][..], "Watching new directory: d"),
        (&["d", "d/f"], "Watching new directory: d"),
    ] {
        let tree = Tree::new();
        tree.mkdir("o");
        tree.write("o/f", "x");
        let watch = tree.watch().args(["--wait-for-path"]).args(paths);
        let mut watch = watch.start();
        tree.rename("o", "d");
        watch.expect(&[first, "New file: d/f"]);
        tree.touch("d/g");
        watch.expect(&["New file: d/g"]);
        watch.stop();
    }
    // The directory of the file appears within another PATH.
    for paths in [&["a", "a/b/f"][..], &["a/b/f", "a"]] {
        let tree = Tree::new();
        tree.mkdirs("o/b");
        tree.write("o/b/f", "x");
        let watch = tree.watch().args(["--wait-for-path"]).args(paths);
        let mut watch = watch.start();
        tree.rename("o", "a");
        watch.expect(&["Watching new directory: a"]);
        watch.expect_in_any_order(&["Watching new directory: a/b", "New file: a/b/f"]);
        tree.touch("a/b/g");
        watch.expect(&["New file: a/b/g"]);
        watch.stop();
    }
}

#[test]
fn a_path_that_goes_is_waited_for_though_another_one_never_came() {
    let tree = Tree::new();
    tree.mkdirs("o/b");
    // Not beside `never`, where a rename is seen anyway.
    tree.mkdirs("s/next");
    tree.write("s/next/f", "x");
    let watch = tree.watch().args(["--wait-for-path", "never/x", "o/b"]);
    let mut watch = watch.start();
    tree.rmdir("o/b");
    watch.expect(&["Deleted directory: o/b"]);
    tree.rename("s/next", "o/b");
    watch.expect(&["Watching new directory: o/b", "New file: o/b/f"]);
    watch.stop();
}

#[test]
fn a_path_that_another_one_reports_is_not_waited_for() {
    let tree = releases();
    let watch = tree.watch().args(["--wait-for-path", "r1", "cur", "file"]);
    let watch = watch.start();
    let ready = watch.await_stderr("balerion: ready: ").text();
    assert!(ready.ends_with("1 directory, 1 file in r1"), "{ready}");
    watch.stop();
}

/// The survey of an awaited PATH is made before the events of the PATH that it lies in are applied.
#[test]
fn what_takes_the_place_of_a_path_in_another_one_comes_after_the_deletion() {
    let file = &["Deleted: d/sub"][..];
    let dir = &["Deleted: d/sub/f", "Deleted directory: d/sub"][..];
    for (before, after, deleted) in [
        ("file", "dir", file),
        ("dir", "other dir", dir),
        ("dir", "link to dir", dir),
        ("link to file", "dir", file),
        ("link to dir", "dir", dir),
    ] {
        let tree = Tree::new();
        tree.mkdir("d");
        tree.write("file", "x");
        for dir in ["dir", "other dir"] {
            tree.mkdir(dir);
            tree.write(format!("{dir}/f"), dir);
        }
        tree.symlink("../file", "link to file");
        tree.symlink("../other dir", "link to dir");
        tree.rename(before, "d/sub");
        let watch = tree.watch().baseline().args(["--wait-for-path"]);
        let mut watch = watch.args(["d", "d/sub", "d/sub/f"]).start();
        tree.exchange("d/sub", after);
        watch.expect(deleted);
        watch.expect(&["Watching new directory: d/sub", "New file: d/sub/f"]);
        tree.append("d/sub/f", "y");
        watch.expect(&["Content changed: d/sub/f"]);
        tree.touch("d/end");
        watch.expect(&["New file: d/end"]);
        watch.stop();
    }
}

#[test]
fn a_directory_that_leaves_the_path_that_reported_it_is_reported_by_the_other_one() {
    let tree = Tree::new();
    tree.mkdirs("releases/1");
    tree.mkdir("archive");
    tree.write("releases/1/f", "x");
    tree.symlink("releases/1", "current");
    let watch = tree.watch().baseline().path("releases").path("current");
    let mut watch = watch.start();
    // The switch is read before the move.
    watch.freeze();
    tree.rename("releases/1", "archive/1");
    tree.symlink("archive/1", "next");
    tree.rename("next", "current");
    watch.thaw();
    watch.expect(&[
        "Deleted: releases/1/f",
        "Deleted directory: releases/1",
        "Watching new directory: current",
        "New file: current/f",
    ]);
    tree.append("archive/1/f", "y");
    watch.expect(&["Content changed: current/f"]);
    watch.stop();
}

#[test]
fn a_file_that_is_a_path_is_lost_before_its_directory_becomes_another_path() {
    let tree = Tree::new();
    tree.mkdir("dir");
    tree.write("dir/f", "x");
    tree.symlink("dir/f", "link");
    let mut watch = tree.watch().baseline().path("dir/f").path("link").start();
    tree.exchange("dir", "link");
    watch.expect(&[
        "Deleted: dir/f",
        "Watching new directory: link",
        "New file: link/f",
    ]);
    tree.append("link/f", "y");
    watch.expect(&["Content changed: link/f"]);
    watch.stop();
}

#[test]
fn the_directory_of_a_file_that_is_a_path_is_waited_for_too() {
    let tree = Tree::new();
    tree.mkdir("dir");
    tree.write("dir/f", "x");
    let dir = tree.path("dir");
    let dir = dir.to_str().unwrap();
    let watch = tree.watch().baseline().args(["--wait-for-path", "dir/f"]);
    let mut watch = watch.path(dir).start();
    for _ in 0..5 {
        tree.remove_all("dir");
        // Whichever of the two appears first reports the file.
        let gone = watch.until(&format!("Deleted directory: {dir}"));
        assert!(gone.len() <= 1, "{gone:?}");
        tree.mkdir("new");
        tree.write("new/f", "x");
        tree.write("new/g", "x");
        tree.rename("new", "dir");
        let mut all = watch.until(&format!("Watching new directory: {dir}"));
        all.extend(watch.until(&format!("New file: {dir}/g")));
        let file = [format!("New file: {dir}/f"), "New file: dir/f".to_owned()];
        assert!(all.iter().any(|line| file.contains(line)), "{all:?}");
        tree.remove("dir/g");
        watch.expect(&[&format!("Deleted: {dir}/g")]);
    }
    watch.stop();
}

#[test]
fn a_link_in_a_path_that_is_a_path_is_reported_as_what_it_leads_to_alone() {
    for paths in [["src", "src/link"], ["src/link", "src"]] {
        let tree = Tree::new();
        tree.mkdir("src");
        tree.mkdir("x");
        tree.write("x/f", "x");
        tree.mkdir("y");
        tree.write("y/g", "y");
        tree.symlink("../x", "src/link");
        let watch = tree
            .watch()
            .args(["--format", "json", "--initial", "--timeout", "0"]);
        let ended = watch.args(paths).spawn().wait();
        let lines = ended.lines();
        let link = lines.iter().filter(|line| line.contains("\"src/link\"}"));
        assert_eq!(link.count(), 1, "{lines:#?}");

        let mut watch = tree
            .watch()
            .baseline()
            .path(paths[0])
            .path(paths[1])
            .start();
        let switch = |target: &str| {
            tree.symlink(target, "next");
            tree.rename("next", "src/link");
        };
        switch("../y");
        watch.expect(&[
            "Deleted: src/link/f",
            "Deleted directory: src/link",
            "Watching new directory: src/link",
            "New file: src/link/g",
        ]);
        tree.remove("src/link");
        watch.expect(&["Deleted: src/link/g", "Deleted directory: src/link"]);
        tree.symlink("nowhere", "src/link");
        watch.expect(&["New file: src/link"]);
        switch("../x/f");
        watch.expect(&["Deleted: src/link", "New file: src/link"]);
        tree.append("x/f", "y");
        watch.expect(&["Content changed: src/link"]);
        switch("../x");
        watch.expect(&[
            "Deleted: src/link",
            "Watching new directory: src/link",
            "New file: src/link/f",
        ]);
        tree.touch("x/new");
        watch.expect(&["New file: src/link/new"]);
        watch.stop();
    }
}

#[test]
fn a_path_that_another_one_does_not_enter_is_reported_once() {
    for paths in [["t/d", "t"], ["t", "t/d"]] {
        let tree = Tree::new();
        tree.mkdirs("t/d");
        let watch = tree.watch().args(["--max-depth", "1"]);
        let mut watch = watch.path(paths[0]).path(paths[1]).start();
        tree.write("t/d/a", "");
        watch.expect(&["New file: t/d/a"]);
        tree.remove("t/d/a");
        tree.rmdir("t/d");
        watch.expect(&["Deleted: t/d/a", "Deleted directory: t/d"]);
        tree.mkdir("t/d");
        watch.expect(&["New directory: t/d"]);
        watch.stop();
    }
}
