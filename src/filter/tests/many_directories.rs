//! Tests what rule files cost where very many directories come and go.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use super::super::match_cost::{MAX_COST, match_cost};
use super::super::rule_reader::MAX_REPORTED;
use super::super::rule_source::RuleSource;
use super::super::rules::{RuleChanges, Rules};
use super::super::unwatched::CHECKED_AT_ONCE;
use super::{Filter, reported, tree, with_rules};
use crate::sys::read_regular::Read;

const ROOT: &[u8] = b"/nowhere";

/// Each `.gitignore` has one glob, and more bytes than are read.
fn read_cut(path: &Path, _limit: u64) -> io::Result<Option<Read>> {
    let is_rule_file = path.file_name() == Some(OsStr::new(".gitignore"));
    Ok(is_rule_file.then(|| Read {
        bytes: b"a\n".to_vec(),
        is_cut: true,
        owner: 0,
    }))
}

fn hides(filter: &Filter, directory: usize) -> bool {
    filter.hides(ROOT, format!("d{directory}/a").as_bytes(), false)
}

#[test]
fn of_files_with_too_many_rules_a_number_is_remembered_until_their_directory_is_gone() {
    let rules = Rules::new(None, RuleSource::reading_by(read_cut));
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    // With that of the PATH, one more than are remembered.
    assert!((0..MAX_REPORTED).all(|directory| hides(&filter, directory)));
    assert_eq!(filter.take_warnings().len(), MAX_REPORTED);
    assert!(hides(&filter, MAX_REPORTED));
    assert_eq!(filter.take_warnings().len(), 0);
    filter.forget(ROOT, b"d1");
    assert!(hides(&filter, 1));
    assert_eq!(filter.take_warnings().len(), 0, "it was reported");
    filter.remove(ROOT, b"d1");
    assert!(hides(&filter, 1) && hides(&filter, 10));
    assert_eq!(filter.take_warnings().len(), 1, "it is another one");
    filter.remove(ROOT, b"");
    assert!((0..10).all(|directory| hides(&filter, directory)));
    assert_eq!(filter.take_warnings().len(), 11);
}

#[test]
fn to_remove_a_directory_costs_the_same_however_many_there_are() {
    const DIRECTORIES: usize = 30_000;
    let filter = with_rules(&[], &[]);
    for directory in 0..DIRECTORIES {
        hides(&filter, directory);
    }
    // With a visit to each of them this takes some 100 s.
    let began = Instant::now();
    for directory in 0..DIRECTORIES {
        filter.remove(ROOT, format!("d{directory}").as_bytes());
    }
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn the_rule_file_of_a_repository_is_checked_as_long_as_a_directory_has_its_rules() {
    let tree = tree(&[
        ("inner/.git/info/exclude", "y\n"),
        ("inner/.git/worktrees/tree/commondir", "../..\n"),
        ("tree/.git", "gitdir: ../inner/.git/worktrees/tree\n"),
        ("other/.git/info/exclude", "y\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = ["inner/y", "tree/y", "other/y"];
    assert_eq!(reported(&filter, tree.path(), &names), [""; 0]);
    let root = tree.path().as_os_str().as_bytes();
    let none = || RuleChanges::In(Vec::new());
    let other = RuleChanges::In(vec![(root.to_vec(), b"tree".to_vec())]);
    for (gone, found) in [("other", none()), ("inner", other)] {
        fs::remove_dir_all(tree.path().join(gone)).unwrap();
        filter.remove(root, gone.as_bytes());
        assert_eq!(filter.find_changes(), found, "{gone}");
    }
    filter.remove(root, b"tree");
    assert_eq!(filter.find_changes(), none());
}

#[test]
fn a_changed_rule_file_of_a_repository_has_the_directories_read_again_that_have_its_rules() {
    let tree = tree(&[
        (".git/info/exclude", "x\n"),
        ("a/.git/info/exclude", "y\n"),
        ("b/.git/info/exclude", "y\n"),
        ("c/.git", "gitdir: ../a/.git\n"),
    ]);
    let root = tree.path().as_os_str().as_bytes();
    let users = tree.path().join("users");
    fs::write(&users, "u\n").unwrap();
    let rules = Rules::new(Some(users.clone()), RuleSource::new());
    let filter = Filter {
        rules: Some(rules.into()),
        ..Filter::default()
    };
    let names = ["x", "u", "a/y", "a/z", "b/y", "b/u", "c/y"];
    assert_eq!(reported(&filter, tree.path(), &names), ["a/z"]);
    let found = |dirs: &[&str]| {
        let dirs = dirs.iter();
        RuleChanges::In(
            dirs.map(|dir| (root.to_vec(), dir.as_bytes().to_vec()))
                .collect(),
        )
    };
    fs::write(tree.path().join("a/.git/info/exclude"), "z\n").unwrap();
    assert_eq!(filter.find_changes(), found(&["a", "c"]));
    assert_eq!(filter.find_changes(), found(&[]), "it is given once");
    filter.forget(root, b"a");
    filter.forget(root, b"c");
    let left = ["a/y", "c/y"];
    assert_eq!(reported(&filter, tree.path(), &names), left);
    fs::write(&users, "").unwrap();
    assert_eq!(filter.find_changes(), found(&["", "a", "b", "c"]));
    filter.forget(root, b"");
    let left = ["u", "a/y", "b/u", "c/y"];
    assert_eq!(reported(&filter, tree.path(), &names), left);
    // What a directory has no rules of any longer does not count for it.
    fs::write(tree.path().join("c/.git"), "gitdir: ../b/.git\n").unwrap();
    filter.forget(root, b"c");
    assert_eq!(reported(&filter, tree.path(), &["c/y"]), [""; 0]);
    fs::write(tree.path().join("a/.git/info/exclude"), "").unwrap();
    assert_eq!(filter.find_changes(), found(&["a"]));
}

#[test]
fn of_many_repositories_some_are_checked_at_once_and_all_in_turn() {
    const REPOSITORIES: usize = 3_000;
    let tree = tree(&[]);
    let root = tree.path().as_os_str().as_bytes();
    let filter = with_rules(&[], &[]);
    for number in 0..REPOSITORIES {
        fs::create_dir_all(tree.path().join(format!("{number}/.git/info"))).unwrap();
        filter.hides(root, format!("{number}/x").as_bytes(), false);
    }
    for number in 0..REPOSITORIES {
        fs::write(
            tree.path().join(format!("{number}/.git/info/exclude")),
            "x\n",
        )
        .unwrap();
    }
    let mut left = REPOSITORIES;
    // Once more, for those above the PATH.
    for _ in 0..=REPOSITORIES / CHECKED_AT_ONCE {
        let RuleChanges::In(found) = filter.find_changes() else {
            panic!("not all rules have changed");
        };
        assert!(found.len() <= CHECKED_AT_ONCE, "{}", found.len());
        left -= found.len();
    }
    assert_eq!(left, 0, "some are never checked");
}

#[test]
fn a_path_that_no_system_call_takes_has_no_rules_and_is_not_remembered() {
    let (tree, filter) = (tree(&[(".gitignore", "a\n")]), with_rules(&[], &[]));
    let root = tree.path().as_os_str().as_bytes();
    let mut path = Vec::new();
    let mut hidden = 0;
    for _ in 0..100 {
        path.extend([b'd'; 99]);
        path.push(b'/');
        hidden += usize::from(filter.hides(root, &[&path, &b"a"[..]].concat(), false));
        assert!(filter.hides(root, &[&path, &b".git"[..]].concat(), true));
    }
    assert!((35..=40).contains(&hidden), "{hidden}");
    assert_eq!(filter.take_warnings(), [""; 0]);
    assert_eq!(filter.find_changes(), RuleChanges::In(Vec::new()));
}

/// The text of a rule file with a glob for one name, then others with wildcards that cost as much.
fn wildcards(name: &str, cost: usize) -> String {
    let glob = "*{a,b}*{c,d}*{e,f}*{g,h}*?!\n";
    let each = match_cost(glob.trim_end());
    format!("{name}?\n{}", glob.repeat(cost / each))
}

#[test]
fn globs_with_wildcards_count_up_to_a_limit_for_each_directory() {
    let names: String = (0..900)
        .map(|number| format!("name{number}\n*.{number}\n"))
        .collect();
    let half = MAX_COST / 2;
    let tree = tree(&[
        ("names/.gitignore", &format!("{names}last?\n")),
        (
            "large/.gitignore",
            &format!("{}{names}", wildcards("x", 2 * MAX_COST)),
        ),
        ("d/.gitignore", &wildcards("x", half)),
        ("d/e/.gitignore", &wildcards("y", half - 100)),
        ("d/e/f/.gitignore", &wildcards("z", half)),
        ("d/e/f/.ignore", "i\n"),
        ("d/e/g/.gitignore", "name\nz?\n"),
    ]);
    let filter = with_rules(&[], &[]);
    let names = [
        "names/name899",
        "names/x.899",
        "names/last1",
        "large/x1",
        "large/name1",
        "d/x1",
        "d/e/y1",
        "d/e/f/x1",
        "d/e/f/y1",
        "d/e/f/z1",
        "d/e/f/i",
        "d/e/g/z1",
    ];
    let left = ["large/name1", "d/e/f/z1"];
    assert_eq!(reported(&filter, tree.path(), &names), left);
    let warnings = filter.take_warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("large/.gitignore") && warnings[1].contains("d/e/f/.gitignore"));
    // Once those above are smaller, the others count.
    fs::write(tree.path().join("d/.gitignore"), "").unwrap();
    filter.forget(tree.path().as_os_str().as_bytes(), b"d");
    assert_eq!(reported(&filter, tree.path(), &names[7..10]), ["d/e/f/x1"]);
    assert_eq!(filter.take_warnings(), [""; 0]);
}
