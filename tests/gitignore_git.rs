//! Tests what `--gitignore` takes from git itself: its configuration, and repositories that begin
//! later.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::git::{init, watch};
use common::{Tree, has_program, skipped, sys};
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_repository_that_begins_above_the_path_is_noticed() {
    if !has_program("a_repository_that_begins_above_the_path_is_noticed", "git") {
        return;
    }
    let tree = Tree::new();
    tree.mkdirs("one/two");
    tree.write(".gitignore", "a\n");
    tree.write("one/two/a", "");
    let mut watch = watch(&tree).from("one").path("two").start();
    init(&tree.root());
    watch.expect(&["Deleted: two/a"]);
    tree.remove_all(".git");
    watch.expect(&["New file: two/a"]);
    watch.finish();
}

#[test]
fn a_repository_that_begins_at_the_path_has_no_rules_from_above() {
    let tree = Tree::new();
    tree.mkdirs("one/two");
    tree.mkdirs(".git");
    tree.write(".ignore", "a\n");
    tree.write("one/two/a", "");
    let mut watch = watch(&tree).from("one").path("two").start();
    tree.mkdirs("one/two/.git");
    watch.expect(&["New file: two/a"]);
    tree.remove_all("one/two/.git");
    watch.expect(&["Deleted: two/a"]);
    watch.finish();
}

#[test]
fn a_repository_elsewhere_is_read_where_the_users_own_file_or_that_of_root_leads_to_it() {
    const USER: u32 = 65534;
    const OTHER: u32 = 65533;
    let test = "a_repository_elsewhere_is_read_where_the_users_own_file…";
    if !sys::is_root() {
        return skipped(test, "only root gives files to others");
    }
    let tree = Tree::new();
    fs::create_dir_all(tree.outside("git/info")).unwrap();
    fs::write(tree.outside("git/info/exclude"), "a\n").unwrap();
    for (dir, owner) in [("own", USER), ("root", 0), ("other", OTHER)] {
        let (file, common) = (format!("{dir}/file"), format!("{dir}/common"));
        tree.mkdirs(format!("{common}/.git"));
        tree.mkdir(&file);
        tree.write(format!("{file}/.git"), "gitdir: ../../../outside/git\n");
        tree.write(
            format!("{common}/.git/commondir"),
            "../../../../outside/git\n",
        );
        for pointer in [".git", "../common/.git/commondir"] {
            chown(tree.path(&file).join(pointer), Some(owner), None).unwrap();
        }
    }
    let mut watch = match watch(&tree).user(USER).try_spawn() {
        Ok(watch) => watch,
        Err(error) => return skipped(test, &format!("cannot run as another user: {error}")),
    };
    watch.await_stderr("balerion: ready");
    for dir in ["own", "root", "other"] {
        tree.touch(format!("{dir}/file/a"));
        tree.touch(format!("{dir}/common/a"));
    }
    watch.expect(&["New file: ./other/file/a", "New file: ./other/common/a"]);
    watch.finish();
}

#[test]
fn the_excludes_file_of_the_user_is_read_in_the_spellings_that_git_has() {
    if !has_program(
        "the_excludes_file_of_the_user_is_read_in_the_spellings_that_git_has",
        "git",
    ) {
        return;
    }
    for config in [
        "[core]\n excludesFile = LIST\n",
        "[user]\n name = x\n[core]\n pager = cat\n[core]\n excludesfile = \"LIST\"\n",
        "[include]\n path = other\n",
    ] {
        let tree = Tree::new();
        init(&tree.root());
        let home = tree.outside("home");
        fs::create_dir(&home).unwrap();
        let list = home.join("the list");
        fs::write(&list, "a\n").unwrap();
        let with_list = |text: &str| text.replace("LIST", list.to_str().unwrap());
        let other = "[core]\n excludesFile = LIST\n";
        fs::write(home.join("other"), with_list(other)).unwrap();
        fs::write(home.join(".gitconfig"), with_list(config)).unwrap();
        let home = format!("HOME={}", home.display());
        let mut watch = tree
            .watch()
            .through(&["env", "-u", "XDG_CONFIG_HOME", &home])
            .args(["--gitignore"])
            .start();
        tree.write("a", "");
        tree.write("b", "");
        watch.expect(&["New file: ./b"]);
        watch.finish();
    }
}

#[test]
fn the_excludes_file_of_the_user_may_be_a_link() {
    if !has_program("the_excludes_file_of_the_user_may_be_a_link", "git") {
        return;
    }
    let tree = Tree::new();
    init(&tree.root());
    let home = tree.outside("home");
    fs::create_dir_all(home.join(".config/git")).unwrap();
    fs::write(home.join("list"), "a\n").unwrap();
    std::os::unix::fs::symlink("../../list", home.join(".config/git/ignore")).unwrap();
    let home = format!("HOME={}", home.display());
    let mut watch = watch(&tree)
        .through(&["env", "-u", "XDG_CONFIG_HOME", &home])
        .start();
    tree.write("a", "");
    tree.write("b", "");
    watch.expect(&["New file: ./b"]);
    watch.finish();
}

#[test]
fn git_is_asked_where_its_end_makes_no_signal() {
    if !has_program("git_is_asked_where_its_end_makes_no_signal", "git") {
        return;
    }
    let tree = Tree::new();
    init(&tree.root());
    let home = tree.outside("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("list"), "a\n").unwrap();
    let config = format!("[core]\n excludesFile = {}/list\n", home.display());
    fs::write(home.join(".gitconfig"), config).unwrap();
    // Without SIGCHLD, wait(2) gives no status: the kernel has dropped it.
    let home = format!("HOME={}", home.display());
    let wrapper = [
        "env",
        "--ignore-signal=CHLD",
        "-u",
        "XDG_CONFIG_HOME",
        &home,
    ];
    let mut watch = watch(&tree).through(&wrapper).start();
    tree.write("a", "");
    tree.write("b", "");
    watch.expect(&["New file: ./b"]);
    watch.finish();
}

#[test]
fn a_fifo_as_the_configuration_of_git_is_not_waited_for() {
    let test = "a_fifo_as_the_configuration_of_git_is_not_waited_for";
    // git is asked, and given up after a while; without it, the file is not opened.
    let path = std::env::var("PATH").unwrap();
    let paths = [
        has_program(test, "git").then_some(path),
        Some("/none".into()),
    ];
    for path in paths.into_iter().flatten() {
        let tree = Tree::new();
        let home = tree.outside("home");
        fs::create_dir(&home).unwrap();
        tree.fifo(home.join(".gitconfig"));
        let (home, path) = (format!("HOME={}", home.display()), format!("PATH={path}"));
        let through = ["env", "-u", "XDG_CONFIG_HOME", &home, &path];
        let mut watch = watch(&tree).through(&through).start();
        tree.touch("a");
        watch.expect(&["New file: ./a"]);
        watch.stop();
    }
}
