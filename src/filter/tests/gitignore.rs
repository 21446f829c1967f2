//! Tests rule files, read from disk.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::rule_source::RuleSource;
use super::super::rules::{RuleChanges, Rules};
use super::{Filter, reported, tree, with_rules};
use crate::sys::read_regular::{Read, read_regular};

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
    assert_eq!(filter.find_changes(), RuleChanges::All);
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
    let rules = Rules::new(Some(users.path().to_owned()), RuleSource::new());
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
        ("sub-way/.gitignore", "a\n"),
        (".git/info/exclude", "e\n"),
    ]);
    let (filter, root) = (with_rules(&[], &[]), tree.path());
    let names = ["sub/a", "sub/deep/a", "sub-way/a", "e"];
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    for dir in ["sub", "sub-way"] {
        fs::write(root.join(dir).join(".gitignore"), "").unwrap();
    }
    assert_eq!(reported(&filter, root, &names), [""; 0]);
    filter.forget(root.as_os_str().as_bytes(), b"sub");
    assert_eq!(reported(&filter, root, &names), ["sub/a", "sub/deep/a"]);
    filter.forget(root.as_os_str().as_bytes(), b"");
    assert_eq!(
        reported(&filter, root, &names),
        ["sub/a", "sub/deep/a", "sub-way/a"]
    );
    assert_eq!(filter.find_changes(), RuleChanges::In(Vec::new()));
    fs::write(root.join(".git/info/exclude"), "").unwrap();
    let path = root.as_os_str().as_bytes();
    let found = RuleChanges::In(vec![(path.to_vec(), Vec::new())]);
    assert_eq!(filter.find_changes(), found);
    filter.forget(path, b"");
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

#[test]
fn rules_are_read_over_no_symbolic_link() {
    let tree = tree(&[
        ("other/info/exclude", "a\n"),
        ("other/.gitignore", "b\n"),
        ("here/x", ""),
        ("pointed/.git", "gitdir: ../here/link/..//git\n"),
        ("git/info/exclude", "a\n"),
    ]);
    let link = |target, name| {
        std::os::unix::fs::symlink(target, tree.path().join(name)).unwrap();
    };
    link("../other", "here/.git");
    link("other", "replaced");
    link("../other", "here/link");
    let names = ["here/a", "replaced/b", "pointed/a", "other/b"];
    assert_eq!(
        reported(&with_rules(&[], &[]), tree.path(), &names),
        ["here/a", "replaced/b", "pointed/a"]
    );
}

#[test]
fn globs_that_cannot_be_used_together_leave_room_for_others() {
    // Too large for the matcher.
    let any = "?".repeat(130);
    let globs: String = (0..1_900).map(|n| format!("{n}{any}\n")).collect();
    let tree = tree(&[("last/.gitignore", "a\n")]);
    for number in 0..12 {
        let dir = tree.path().join(number.to_string());
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(".gitignore"), &globs).unwrap();
    }
    let filter = with_rules(&[], &[]);
    let names: Vec<_> = (0..12).map(|number| format!("{number}/a")).collect();
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    names.push("last/a");
    assert_eq!(reported(&filter, tree.path(), &names), names[..12]);
    assert_eq!(filter.take_warnings().len(), 12);
}

/// The errors that reading a file whose name ends in `.failing` gives, while there is one.
fn read_or_fail(path: &Path, limit: u64) -> io::Result<Option<Read>> {
    let mut failing = path.as_os_str().to_owned();
    failing.push(".failing");
    match fs::read_to_string(failing) {
        Ok(number) => Err(io::Error::from_raw_os_error(number.trim().parse().unwrap())),
        Err(_) => read_regular(path, limit),
    }
}

#[test]
fn what_cannot_be_read_for_a_while_counts_as_before() {
    let tree = tree(&[
        (".git/info/exclude", "excluded\n"),
        ("sub/.gitignore", "a\n"),
        ("sub/.ignore", "b\n"),
    ]);
    let root = tree.path().as_os_str().as_bytes();
    let users = tree.path().join("users");
    fs::write(&users, "user\n").unwrap();
    let rules = Rules::new(Some(users), RuleSource::reading_by(read_or_fail));
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    let names = ["excluded", "user", "sub/a", "sub/b", "sub/c"];
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"]);
    let files = [
        "sub/.gitignore",
        "sub/.ignore",
        ".git/info/exclude",
        "users",
        ".git",
    ];
    // EIO, EACCES, ENOMEM, EMFILE, ENFILE.
    for (file, number) in files.into_iter().zip([5, 13, 12, 24, 23]) {
        let failing = tree.path().join(format!("{file}.failing"));
        fs::write(&failing, number.to_string()).unwrap();
        for _ in 0..2 {
            filter.forget(root, b"");
            assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"], "{file}");
        }
        filter.forget_all();
        assert_eq!(reported(&filter, tree.path(), &names), ["sub/c"], "{file}");
        assert_eq!(filter.take_warnings().len(), 3, "{file}");
        assert_eq!(filter.find_changes(), RuleChanges::In(Vec::new()));
        fs::remove_file(failing).unwrap();
        filter.hasten_retries();
        let dir = file
            .strip_suffix("/.gitignore")
            .or(file.strip_suffix("/.ignore"));
        let dir = dir.unwrap_or("").as_bytes().to_vec();
        let found = RuleChanges::In(vec![(root.to_vec(), dir)]);
        assert_eq!(filter.find_changes(), found, "{file}");
    }
    // The other files are read, and what was read then counts.
    fs::write(tree.path().join("sub/.ignore.failing"), "24").unwrap();
    fs::write(tree.path().join("sub/.gitignore"), "c\n").unwrap();
    filter.forget(root, b"sub");
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/a"]);
    // What is gone has no rules to come back to.
    filter.remove(root, b"sub");
    assert_eq!(reported(&filter, tree.path(), &names), ["sub/a", "sub/b"]);
}
