//! Tests `--gitignore` against git, on generated trees and rules.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;
#[path = "filters/generated.rs"]
mod generated;

use common::git::{git, init, watch};
use common::{Tree, Watch, eventually, has_program};
use generated::{Chance, Names, visible};
use std::fs;

/// Waits until the records leave what git leaves, with a watch on each directory.
fn agrees_with_git(watch: &Watch, names: &mut Names, dir: &std::path::Path, what: &str) {
    let (mut reported, mut left) = (Vec::new(), Vec::new());
    let mut watches = (0, 0);
    let agreed = eventually(|| {
        let (truth, directories) = visible(dir);
        names.feed(watch);
        reported = names.names.difference(&truth).cloned().collect();
        left = truth.difference(&names.names).cloned().collect();
        watches = (watch.watched().len(), directories);
        reported.is_empty() && left.is_empty() && watches.0 == watches.1
    });
    assert!(
        agreed,
        "{what}: reported too much: {reported:#?}, too little: {left:#?}; watches {watches:?}"
    );
}

#[test]
fn what_is_reported_of_a_generated_tree_is_what_git_check_ignore_leaves() {
    if !has_program(
        "what_is_reported_of_a_generated_tree_is_what_git_check_ignore_leaves",
        "git",
    ) {
        return;
    }
    for seed in 0..25 {
        let tree = Tree::new();
        init(&tree.root());
        let mut chance = Chance::new(seed);
        chance.grow(&tree.root(), 3);
        fs::write(tree.path(".git/info/exclude"), chance.rules()).unwrap();
        let watch = watch(&tree)
            .args(["--format", "json", "--initial", "--hash", "off"])
            .start();
        agrees_with_git(
            &watch,
            &mut Names::new(),
            &tree.root(),
            &format!("seed {seed}"),
        );
        watch.stop();
    }
}

#[test]
fn from_a_subdirectory_the_rules_above_it_count_as_git_check_ignore_has_them() {
    if !has_program(
        "from_a_subdirectory_the_rules_above_it_count_as_git_check_ignore_has_them",
        "git",
    ) {
        return;
    }
    for seed in 100..115 {
        let tree = Tree::new();
        init(&tree.root());
        let mut chance = Chance::new(seed);
        chance.grow(&tree.root(), 3);
        fs::write(tree.path(".git/info/exclude"), chance.rules()).unwrap();
        fs::write(tree.path(".gitignore"), chance.rules()).unwrap();
        let sub = chance.directory(&tree.root());
        if git(&sub)
            .args(["check-ignore", "-q", "--no-index", "."])
            .status()
            .unwrap()
            .success()
        {
            continue; // A PATH is never hidden; to git, all in it is.
        }
        let args = ["--format", "json", "--initial", "--hash", "off"];
        let watch = watch(&tree).from(&sub).args(args).start();
        agrees_with_git(&watch, &mut Names::new(), &sub, &format!("seed {seed}"));
        watch.stop();
    }
}

#[test]
fn through_changes_of_rules_and_names_what_is_reported_stays_what_git_leaves() {
    if !has_program(
        "through_changes_of_rules_and_names_what_is_reported_stays_what_git_leaves",
        "git",
    ) {
        return;
    }
    for seed in 200..208 {
        let tree = Tree::new();
        init(&tree.root());
        let mut chance = Chance::new(seed);
        chance.grow(&tree.root(), 2);
        let watch = watch(&tree).args(["--format", "json", "--initial"]).start();
        let mut names = Names::new();
        for round in 0..6 {
            for _ in 0..1 + round * 8 {
                chance.change(&tree.root());
            }
            agrees_with_git(
                &watch,
                &mut names,
                &tree.root(),
                &format!("seed {seed}, round {round}"),
            );
        }
        watch.stop();
    }
}
