//! Tests renames: over files, which get no event of their own; whose MOVED_FROM and MOVED_TO are
//! read apart; and of names that are gone when they are looked up.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, skipped, sys};
use std::fs;
use std::path::Path;
use std::thread;

#[test]
fn a_directory_renamed_onto_an_empty_one_is_watched_under_its_new_name() {
    for frozen in [false, true] {
        let tree = Tree::new();
        tree.mkdirs("src/sub");
        tree.mkdir("dst");
        tree.write("src/f", "x");
        let mut watch = tree.watch().json().baseline().start();
        if frozen {
            watch.freeze();
        }
        // The kernel ends the watch of the victim after it has queued the rename.
        tree.rename("src", "dst");
        watch.thaw();
        watch.settle();
        tree.append("dst/f", "y");
        tree.touch("dst/sub/g");
        watch.finish();
    }
}

#[test]
fn names_exchanged_while_nobody_looks_fold_to_the_truth() {
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("b", "2");
    tree.mkdirs("d/x");
    tree.mkdirs("e/y/z");
    tree.write("e/y/z/f", "3");
    let mut watch = tree.watch().json().baseline().start();
    for _ in 0..3 {
        watch.freeze();
        tree.exchange("a", "b");
        tree.exchange("d", "e");
        tree.exchange("d/y", "b");
        tree.exchange("d", "a");
        watch.thaw();
        watch.settle();
        tree.exchange("a", "d");
        tree.exchange("d/y", "b");
        tree.exchange("d", "e");
        watch.settle();
    }
    tree.append("e/y/z/f", "4");
    watch.finish();
}

#[test]
fn a_whiteout_left_by_a_rename_is_found() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.mkdir("d");
    let mut watch = tree.watch().json().baseline().start();
    let moved = sys::rename_with(&tree.path("a"), &tree.path("d/b"), sys::RENAME_WHITEOUT);
    if let Err(error) = moved {
        skipped("a_whiteout_left_by_a_rename_is_found", &error.to_string());
        return;
    }
    // A character device stands where the file was, and no event has reported it.
    watch.until("created other ./a");
    watch.finish();
}

#[test]
fn a_directory_that_moved_away_and_was_made_anew_is_the_new_one() {
    for frozen in [false, true] {
        let tree = Tree::new();
        tree.mkdirs("d/sub");
        tree.write("d/sub/f", "old");
        let mut watch = tree.watch().json().baseline().start();
        if frozen {
            watch.freeze();
        }
        tree.rename("d", tree.outside("d"));
        tree.mkdirs("d/sub");
        tree.write("d/sub/f", "new");
        fs::write(tree.outside("d/sub/f"), "not ours").unwrap();
        fs::write(tree.outside("d/sub/g"), "not ours").unwrap();
        watch.thaw();
        watch.settle();
        fs::write(tree.outside("d/sub/h"), "not ours").unwrap();
        tree.append("d/sub/f", "er");
        watch.finish();
    }
}

#[test]
fn a_directory_that_went_out_and_came_back_is_still_watched() {
    // Between which events a read(2) ends is random.
    for round in 0..24 {
        let tree = Tree::new();
        tree.mkdirs("d/sub");
        tree.write("d/sub/f", "old");
        let mut watch = tree.watch().json().baseline().start();
        if round % 2 == 1 {
            watch.freeze();
        }
        tree.rename("d", tree.outside("d"));
        fs::write(tree.outside("d/sub/f"), "written outside").unwrap();
        fs::create_dir(tree.outside("d/made outside")).unwrap();
        let back = ["d", "e"][round / 2 % 2];
        tree.rename(tree.outside("d"), back);
        watch.thaw();
        watch.settle();
        tree.touch(format!("{back}/made outside/g"));
        tree.append(format!("{back}/sub/f"), "more");
        watch.finish();
    }
}

#[test]
fn many_renamers_at_once_lose_nothing() {
    let tree = Tree::new();
    for renamer in 0..6 {
        tree.mkdir(format!("{renamer}"));
        for number in 0..4 {
            tree.write(
                format!("{renamer}/f{number}"),
                format!("{renamer} {number}"),
            );
            tree.mkdir(format!("{renamer}/d{number}"));
        }
    }
    let watch = tree.watch().json().baseline().start();
    let root = tree.root();
    thread::scope(|scope| {
        for renamer in 0..6 {
            let own = root.join(format!("{renamer}"));
            let next = root.join(format!("{}", (renamer + 1) % 6));
            scope.spawn(move || {
                for round in 0..150 {
                    for name in [format!("f{}", round % 4), format!("d{}", round % 4)] {
                        // The other thread may have renamed it.
                        let _ = fs::rename(own.join(&name), own.join("half"));
                        let _ = fs::rename(own.join("half"), next.join(&name));
                    }
                }
            });
        }
    });
    watch.finish();
}

#[test]
fn names_swapped_through_a_third_one_end_where_they_are() {
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("b", "2");
    tree.mkdir("x");
    tree.mkdir("y");
    tree.write("x/f", "3");
    let mut watch = tree.watch().json().baseline().start();
    for frozen in [true, false] {
        if frozen {
            watch.freeze();
        }
        for _ in 0..5 {
            for (one, other) in [("a", "b"), ("x", "y")] {
                tree.rename(one, "third");
                tree.rename(other, one);
                tree.rename("third", other);
            }
        }
        watch.thaw();
        watch.settle();
    }
    tree.touch("x/g");
    tree.touch("y/g");
    watch.finish();
}

#[test]
fn a_file_written_under_a_name_it_no_longer_has_is_reported_under_the_new_one() {
    let tree = Tree::new();
    tree.write("f0", "x");
    let watch = tree.watch().json().baseline().start();
    let mut held = tree.open("f0");
    let root = tree.root();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..300 {
                let name = |number: i32| root.join(format!("f{number}"));
                fs::rename(name(number), name(number + 1)).unwrap();
            }
        });
        for number in 0..300 {
            std::io::Write::write_all(&mut held, format!("{number}").as_bytes()).unwrap();
        }
    });
    watch.finish();
}

#[test]
fn what_is_written_into_a_directory_renamed_at_once_is_reported() {
    let tree = Tree::new();
    let watch = tree.watch().json().start();
    for number in 0..100 {
        tree.mkdirs(format!("old{number}/sub"));
        tree.rename(format!("old{number}"), format!("new{number}"));
        tree.write(format!("new{number}/f"), "1");
        tree.write(format!("new{number}/sub/g"), "2");
    }
    watch.finish();
}

#[test]
fn a_directory_replaced_by_a_link_to_it_is_retired_first() {
    let tree = Tree::new();
    tree.mkdir("foo");
    tree.write("foo/f", "x");
    let mut watch = tree.watch().json().baseline().start();
    for round in 0..10 {
        if round % 2 == 0 {
            watch.freeze();
        }
        tree.rename("foo", "bar");
        tree.symlink("bar", "foo");
        watch.thaw();
        watch.settle();
        tree.append("foo/f", "through the link");
        watch.settle();
        tree.remove("foo");
        tree.rename("bar", "foo");
        watch.settle();
    }
    watch.finish();
}

#[test]
fn a_file_and_a_directory_that_take_turns_under_a_name_are_distinguished() {
    let tree = Tree::new();
    tree.write("name", "a file");
    tree.mkdirs("other/below");
    let mut watch = tree.watch().json().baseline().start();
    for round in 0..20 {
        if round % 2 == 0 {
            watch.freeze();
        }
        tree.rename("name", "third");
        tree.rename("other", "name");
        tree.rename("third", "other");
        watch.thaw();
        watch.settle();
    }
    tree.touch("other/below/f");
    watch.finish();
}

/// Saves a file as an editor or a tool does, without a pause.
type Save = fn(&Tree, &str);

/// `vim` with `backupcopy=no`: the old file moves aside, a new one takes its name.
fn save_like_vim(tree: &Tree, content: &str) {
    tree.rename("f", "f~");
    tree.write("f", content);
    tree.remove("f~");
}

/// `sed -i`, and most editors: a temporary file renamed over the old one.
fn save_like_sed(tree: &Tree, content: &str) {
    tree.write("sedXq3k2m", content);
    tree.rename("sedXq3k2m", "f");
}

/// `rsync`: a hidden file, its times set, renamed over the old one.
fn save_like_rsync(tree: &Tree, content: &str) {
    tree.write(".f.8aXk2p", content);
    tree.touch(".f.8aXk2p");
    tree.rename(".f.8aXk2p", "f");
}

/// `cp`: the old file truncated and written to.
fn save_like_cp(tree: &Tree, content: &str) {
    tree.write("f", content);
}

#[test]
fn every_way_to_save_a_file_ends_with_its_new_bytes() {
    let ways: [Save; 4] = [save_like_vim, save_like_sed, save_like_rsync, save_like_cp];
    let tree = Tree::new();
    tree.write("f", "0");
    let mut watch = tree.watch().json().baseline().start();
    for (number, save) in ways.iter().cycle().take(40).enumerate() {
        save(&tree, &format!("save {number}"));
        if number % 3 == 0 {
            watch.settle();
        }
    }
    watch.finish();
}

#[test]
fn a_deep_tree_moved_about_keeps_every_watch() {
    let tree = Tree::new();
    tree.mkdirs("a/b/c/d/e");
    tree.mkdirs("x/y/z");
    let mut watch = tree.watch().json().start();
    let moves = [
        ("a/b", "x/y/b"),
        ("x/y/b/c/d", "d"),
        ("x", "d/e/x"),
        ("d/e/x/y/b/c", "a/c"),
        ("d", "a/c/d"),
        ("a", "top"),
    ];
    for (from, to) in moves {
        tree.rename(from, to);
    }
    watch.settle();
    common::load::probe(Path::new(&tree.root()));
    watch.finish();
}
