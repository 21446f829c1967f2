//! Tests `--gitignore`: rules that change while they are followed, and files that take the place of
//! rule files.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::git::{init, watch};
use common::{Tree, eventually, has_program, skipped, sys};
use std::fs;
use std::io::Write as _;

#[test]
fn what_rules_show_is_created_with_its_content_and_what_they_hide_is_deleted() {
    let tree = Tree::new();
    tree.write(".gitignore", "*.log\nout/\n");
    tree.mkdirs("out/deep");
    tree.write("out/deep/f", "below");
    tree.mkdirs("src/deep");
    tree.write("src/deep/f", "text");
    tree.write("a.log", "old");
    let mut watch = watch(&tree).json().baseline().start();
    assert_eq!(watch.watched().len(), 3);
    tree.write("a.log", "unseen");
    tree.write("out/deep/g", "unseen");
    tree.write("b.log", "unseen");
    tree.remove("b.log");
    fs::write(tree.outside("rules"), "src\n").unwrap();
    tree.rename(tree.outside("rules"), ".gitignore");
    let at_once = ["changed file ./.gitignore"];
    let shown = [
        "created directory ./out",
        "created directory ./out/deep",
        "created file ./out/deep/f",
    ];
    let also = ["created file ./out/deep/g", "created file ./a.log"];
    let hidden = [
        "deleted file ./src/deep/f",
        "deleted directory ./src/deep",
        "deleted directory ./src",
    ];
    watch.expect_in_any_order(&[&at_once[..], &shown, &also, &hidden].concat());
    assert!(eventually(|| watch.watched().len() == 3));
    // What was shown is followed, and was reported with its bytes.
    tree.write("out/deep/g", "unseen");
    tree.append("a.log", " no more");
    watch.expect(&["changed file ./a.log"]);
    tree.write("src/deep/f", "unseen");
    watch.silence();
    watch.stop();
}

#[test]
fn a_file_that_rules_hide_while_it_is_written_is_deleted() {
    if !has_program(
        "a_file_that_rules_hide_while_it_is_written_is_deleted",
        "git",
    ) {
        return;
    }
    let tree = Tree::new();
    init(&tree.root());
    let mut watch = watch(&tree).start();
    for number in 0..20 {
        let name = format!("log{number}");
        let mut held = tree.open(&name);
        watch.until(&format!("New file: ./{name}"));
        // One that waits for its writer's pause when the rules come.
        held.write_all(b"line").unwrap();
        tree.write(".gitignore", format!("log{number}\n"));
        watch.until(&format!("Deleted: ./{name}"));
    }
    watch.stop();
}

#[test]
fn rules_that_are_replaced_renamed_or_removed_are_read_again() {
    let tree = Tree::new();
    tree.write("a", "");
    tree.write("b", "");
    let mut watch = watch(&tree).start();
    // An editor's atomic save, from outside the tree and from within.
    fs::write(tree.outside("rules"), "a\n").unwrap();
    watch.silence();
    tree.rename(tree.outside("rules"), ".gitignore");
    watch.expect_in_any_order(&["New file: ./.gitignore", "Deleted: ./a"]);
    watch.silence();
    tree.write(".new", "b\n");
    watch.expect(&["New file: ./.new", "Content changed: ./.new"]);
    watch.silence();
    tree.rename(".new", ".gitignore");
    watch.expect(&["Renamed: ./.new -> ./.gitignore"]);
    watch.expect_in_any_order(&[
        "Content changed: ./.gitignore",
        "New file: ./a",
        "Deleted: ./b",
    ]);
    watch.silence();
    tree.rename(".gitignore", ".ignore");
    watch.expect(&["Renamed: ./.gitignore -> ./.ignore"]);
    watch.silence();
    tree.rename(".ignore", "nothing");
    watch.expect(&["Renamed: ./.ignore -> ./nothing", "New file: ./b"]);
    watch.silence();
    tree.link("nothing", ".gitignore");
    watch.expect(&["New file: ./.gitignore", "Deleted: ./b"]);
    watch.silence();
    tree.truncate(".gitignore", 0);
    watch.expect_in_any_order(&[
        "Content changed: ./.gitignore",
        "Content changed: ./nothing",
        "New file: ./b",
    ]);
    tree.remove("nothing");
    watch.expect(&["Deleted: ./nothing"]);
    watch.silence();
    tree.write(".gitignore", "a\n");
    watch.expect_in_any_order(&["Content changed: ./.gitignore", "Deleted: ./a"]);
    watch.silence();
    tree.remove(".gitignore");
    watch.expect_in_any_order(&["Deleted: ./.gitignore", "New file: ./a"]);
    watch.finish();
}

#[test]
fn rule_files_that_are_themselves_hidden_still_rule() {
    let tree = Tree::new();
    tree.write("a", "");
    let mut watch = watch(&tree).args(["--exclude", ".*"]).start();
    tree.write(".gitignore", "a\n");
    watch.expect(&["Deleted: ./a"]);
    tree.write(".new", "b\n");
    tree.rename(".new", ".gitignore");
    watch.expect(&["New file: ./a"]);
    tree.write(".gitignore", "a\n");
    watch.expect(&["Deleted: ./a"]);
    tree.remove(".gitignore");
    watch.expect(&["New file: ./a"]);
    watch.finish();
}

#[test]
fn rules_above_the_path_and_in_the_repository_are_followed_too() {
    if !has_program(
        "rules_above_the_path_and_in_the_repository_are_followed_too",
        "git",
    ) {
        return;
    }
    let tree = Tree::new();
    init(&tree.root());
    tree.mkdirs("one/two");
    tree.write("one/two/a", "");
    tree.write("one/two/b", "");
    let mut watch = watch(&tree).from("one").path("two").start();
    tree.write(".gitignore", "/one/two/a\n");
    watch.expect(&["Deleted: two/a"]);
    tree.write("one/.ignore", "!a\n");
    watch.expect(&["New file: two/a"]);
    tree.write(".git/info/exclude", "b\n");
    watch.expect(&["Deleted: two/b"]);
    tree.remove(".git/info/exclude");
    watch.expect(&["New file: two/b"]);
    tree.write("one/two/.gitignore", "b\n");
    let rules = [
        "New file: two/.gitignore",
        "Content changed: two/.gitignore",
    ];
    watch.expect_in_any_order(&[&rules[..], &["Deleted: two/b"]].concat());
    watch.finish();
}

#[test]
fn a_directory_that_moves_is_seen_by_rules_under_its_new_name() {
    let tree = Tree::new();
    tree.write(".gitignore", "/one/a\n/two/b\n");
    tree.mkdirs("one/a");
    tree.write("one/a/f", "");
    tree.mkdirs("one/b");
    tree.write("one/b/g", "");
    let mut watch = watch(&tree).baseline().start();
    tree.rename("one", "two");
    watch.expect(&["Renamed directory: ./one -> ./two"]);
    let shown = ["Watching new directory: ./two/a", "New file: ./two/a/f"];
    watch.expect_in_any_order(
        &[
            &shown[..],
            &["Deleted: ./two/b/g", "Deleted directory: ./two/b"],
        ]
        .concat(),
    );
    assert!(eventually(|| watch.watched().len() == 3));
    watch.finish();
}

#[test]
fn a_directory_under_an_old_name_does_not_inherit_rules() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/.gitignore", "a\n");
    tree.write("d/a", "");
    let mut watch = watch(&tree).start();
    tree.rename("d", tree.outside("d"));
    watch.expect(&["Deleted: ./d/.gitignore", "Deleted directory: ./d"]);
    tree.mkdir("d");
    tree.write("d/a", "");
    watch.expect(&["Watching new directory: ./d", "New file: ./d/a"]);
    watch.silence();
    tree.rename("d", "e");
    watch.expect(&["Renamed directory: ./d -> ./e"]);
    tree.rename(tree.outside("d"), "d");
    watch.expect(&["Watching new directory: ./d", "New file: ./d/.gitignore"]);
    tree.write("d/a", "unseen");
    watch.finish();
}

#[test]
fn the_repository_itself_is_left_out_and_has_no_watch() {
    if !has_program("the_repository_itself_is_left_out_and_has_no_watch", "git") {
        return;
    }
    let tree = Tree::new();
    let mut watch = watch(&tree).start();
    tree.touch("a.o");
    watch.expect(&["New file: ./a.o"]);
    tree.write(".gitignore", "*.o\n");
    watch.until("Deleted: ./a.o");
    init(&tree.root());
    tree.write(".git/index", "unseen");
    assert_eq!(watch.watched().len(), 1);
    // A repository in it has its own rules.
    tree.mkdir("inner");
    watch.until("Watching new directory: ./inner");
    tree.touch("inner/b.o");
    init(&tree.path("inner"));
    watch.expect(&["New file: ./inner/b.o"]);
    assert_eq!(watch.watched().len(), 2);
    watch.finish();
}

#[test]
fn without_the_option_rule_files_are_files_like_any_other() {
    let tree = Tree::new();
    tree.write(".gitignore", "*\n");
    tree.write("a", "");
    tree.mkdir(".git");
    let mut watch = tree.watch().baseline().start();
    tree.append("a", "text");
    watch.expect(&["Content changed: ./a"]);
    tree.write(".git/index", "");
    watch.expect(&["New file: ./.git/index"]);
    watch.finish();
}

#[test]
fn a_fifo_that_takes_the_place_of_a_rule_file_is_never_waited_for() {
    let tree = Tree::new();
    tree.fifo(tree.outside("fifo"));
    tree.write("rules", "*.o\n");
    tree.rename("rules", ".gitignore");
    let mut watch = watch(&tree).start();
    // Each exchange makes the rules read again, while the next one is under way.
    for _ in 0..3_000 {
        tree.exchange(tree.outside("fifo"), ".gitignore");
    }
    tree.write("after", "");
    watch.until("New file: ./after");
    watch.stop();
}

#[test]
fn a_rule_file_that_is_too_large_is_cut_and_reported_once() {
    let tree = Tree::new();
    let globs: String = (0..200_000)
        .map(|n| format!("/some/name{n}*.o\n"))
        .collect();
    let mut watch = watch(&tree).start();
    tree.write("rules", &globs);
    watch.until("Content changed: ./rules");
    tree.rename("rules", ".gitignore");
    watch.until("Renamed: ./rules -> ./.gitignore");
    watch.await_stderr_where("a warning", |line| {
        line.contains("/.gitignore has more rules than are read")
    });
    tree.write("after", "");
    watch.until("New file: ./after");
    let peak = watch.peak_memory();
    assert!(peak < 100 << 10, "{peak} KiB");
    watch.stop();
}

#[test]
fn rules_that_cannot_be_read_for_a_while_count_as_before() {
    let test = "rules_that_cannot_be_read_for_a_while_count_as_before";
    let tree = Tree::new();
    tree.write(".gitignore", "*.log\n");
    tree.mkdir("d");
    let mut builder = watch(&tree).args(["--hash", "off"]);
    if sys::is_root() {
        builder = builder.user(65534);
    }
    let mut watch = match builder.try_spawn() {
        Ok(watch) => watch,
        Err(error) => return skipped(test, &format!("cannot run as another user: {error}")),
    };
    watch.await_stderr("balerion: ready");
    // A writer that had it open before makes the watcher read it again.
    let mut rules = fs::OpenOptions::new()
        .append(true)
        .open(tree.path(".gitignore"))
        .unwrap();
    tree.chmod(".gitignore", 0o000);
    rules.write_all(b"e\n").unwrap();
    watch.await_stderr_where("a warning", |line| {
        line.contains("/.gitignore: Permission denied: ")
    });
    for name in ["a.log", "b", "d/c.log", "d/e"] {
        tree.write(name, "");
    }
    watch.until("New file: ./b");
    watch.until("New file: ./d/e");
    assert!(!watch.reported().iter().any(|line| line.contains(".log")));
    tree.chmod(".gitignore", 0o644);
    watch.until("Deleted: ./d/e");
    watch.stop();
}
