//! Tests rule files, read from disk.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::super::gitignore::Rules;
use super::{Filter, reported, tree, with_rules};

#[test]
fn inner_rules_beat_outer_ones_and_ignore_beats_gitignore() {
    let tree = tree(&[
        (".gitignore", "*.log\n/build\n"),
        ("sub/.gitignore", "!keep.log\n/only\n"),
        ("sub/.ignore", "!shown.log\nhidden.txt\n"),
        ("sub/deep/.gitignore", "!hidden.txt\n*\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = [
        ".git/",
        "a.log",
        "build/",
        "sub/build/",
        "sub/keep.log",
        "sub/shown.log",
        "sub/only",
        "sub/deep/",
        "sub/deep/only",
        "sub/deep/shown.log",
        "sub/deep/hidden.txt",
        "hidden.txt",
    ];
    let left = [
        "sub/build/",
        "sub/keep.log",
        "sub/shown.log",
        "sub/deep/",
        "sub/deep/shown.log",
        "hidden.txt",
    ];
    assert_eq!(reported(&filter, tree.path(), &names), left);
    // The command line overrides rule files.
    let filter = with_rules(&["!/a.log", "!.git", "hidden.txt"], &[".git", "*.log"]);
    assert_eq!(
        reported(
            &filter,
            tree.path(),
            &[
                ".git/",
                "a.log",
                "b.log",
                "sub/",
                "sub/keep.log",
                "hidden.txt",
                "c"
            ]
        ),
        [".git/", "a.log", "sub/", "sub/keep.log"]
    );
}

#[test]
fn rules_above_a_path_count_up_to_the_root_of_its_repository() {
    let tree = tree(&[
        (".gitignore", "far\n"),
        ("repo/.git/info/exclude", "/one/two/excluded\n"),
        ("repo/.gitignore", "/one/two/near\n*.log\n/one\n"),
        ("repo/one/.gitignore", "!a.log\ntwo/[n]earer\n"),
        ("repo/one/two/inner/.gitignore", "three\n"),
    ]);
    let names = [
        "far",
        "near",
        "nearer",
        "excluded",
        "a.log",
        "b.log",
        "inner/near",
        "inner/three",
    ];
    let filter = with_rules(&[], &[]);
    let root = tree.path().join("repo/one/two");
    assert_eq!(
        reported(&filter, &root, &names),
        ["far", "a.log", "inner/near"]
    );
    // Without a repository, rules above the PATH do not count.
    fs::remove_dir_all(tree.path().join("repo/.git")).unwrap();
    assert!(filter.has_unwatched_change());
    filter.forget_all();
    let left = [
        "far",
        "near",
        "nearer",
        "excluded",
        "a.log",
        "b.log",
        "inner/near",
    ];
    assert_eq!(reported(&filter, &root, &names), left);
}

#[test]
fn a_repository_has_rules_of_its_own() {
    let tree = tree(&[
        (".git/info/exclude", "x\n"),
        (".gitignore", "a\n"),
        (".ignore", "i\n"),
        ("inner/.git/info/exclude", "y\n"),
        ("inner/.gitignore", "b\n"),
        ("tree/.git", "gitdir: ../inner/.git/worktrees/tree\n"),
        ("inner/.git/worktrees/tree/commondir", "../..\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = [
        "a", "x", "y", "inner/a", "inner/x", "inner/b", "inner/y", "inner/i", "tree/x", "tree/y",
    ];
    assert_eq!(
        reported(&filter, tree.path(), &names),
        ["y", "inner/a", "inner/x", "tree/x"]
    );
    let users = tempfile::NamedTempFile::new().unwrap();
    fs::write(users.path(), "u\n!a\n").unwrap();
    let rules = Rules::new(Some(users.path().to_owned()));
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    assert_eq!(
        reported(&filter, tree.path(), &["a", "u", "inner/u", "z"]),
        ["z"]
    );
}

#[test]
fn rules_are_kept_until_they_are_forgotten() {
    let tree = tree(&[
        ("sub/.gitignore", "a\n"),
        ("subway/.gitignore", "a\n"),
        (".git/info/exclude", "e\n"),
    ]);
    let (filter, root) = (with_rules(&[], &[]), tree.path());
    let names = ["sub/a", "sub/deep/a", "subway/a", "e"];
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    for dir in ["sub", "subway"] {
        fs::write(root.join(dir).join(".gitignore"), "").unwrap();
    }
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    filter.forget(root.as_os_str().as_bytes(), b"sub");
    assert_eq!(reported(&filter, root, &names), ["sub/a", "sub/deep/a"]);
    filter.forget(root.as_os_str().as_bytes(), b"");
    assert_eq!(
        reported(&filter, root, &names),
        ["sub/a", "sub/deep/a", "subway/a"]
    );
    assert!(!filter.has_unwatched_change());
    fs::write(root.join(".git/info/exclude"), "").unwrap();
    assert!(filter.has_unwatched_change());
    filter.forget_all();
    assert_eq!(reported(&filter, root, &names), names);
}

#[test]
fn what_is_no_regular_file_holds_no_rules() {
    let tree = tree(&[("rules", "a\n"), ("d/.gitignore/x", "")]);
    std::os::unix::fs::symlink("rules", tree.path().join(".gitignore")).unwrap();
    assert_eq!(
        reported(&with_rules(&[], &[]), tree.path(), &["a", "d/a"]),
        ["a", "d/a"]
    );
    fs::write(tree.path().join(".ignore"), b"\xff\n[\nb\n").unwrap();
    assert_eq!(
        reported(&with_rules(&[], &[]), tree.path(), &["a", "b", "["]),
        ["a", "["]
    );
}
