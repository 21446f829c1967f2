//! Tests directories that filters hide, or hide no longer, and that have a PATH below them.

use super::super::net_effect;
use super::show;
use super::trees::{changed, content, created, deleted, renamed};
use crate::change::{Kind, OwnedChange};

/// Asserts what the net effect of changes is, in the form of [`show`].
fn gives(changes: &[OwnedChange], expected: &[&str]) {
    assert_eq!(show(&net_effect(changes, 0)), expected.join("\n"));
}

fn made(path: &str) -> OwnedChange {
    created(path, Kind::Directory, content(0))
}

fn gone(path: &str) -> OwnedChange {
    deleted(path, Kind::Directory, None)
}

#[test]
fn what_is_created_in_a_hidden_directory_does_not_bring_that_back() {
    let file = created("d/e", Kind::File, content(1));
    gives(&[gone("d"), file], &["D d", "C d/e 1"]);
    let file = created("d/e", Kind::File, content(1));
    gives(&[made("d"), gone("d"), file], &["C d/e 1"]);
}

#[test]
fn a_directory_that_is_hidden_keeps_the_path_in_it() {
    let changes = [
        changed("d/e/x", 2, None),
        deleted("d/y", Kind::File, None),
        gone("d"),
    ];
    gives(&changes, &["D d/y", "D d", "M d/e/x 2"]);
    let changes = [changed("d/e/x", 2, None), gone("d"), made("d")];
    gives(&changes, &["M d/e/x 2"]);
}

#[test]
fn a_directory_that_is_hidden_no_longer_is_created_around_the_path_in_it() {
    let file = created("d/y", Kind::File, content(1));
    let changes = [changed("d/e/x", 2, None), made("d"), file];
    gives(&changes, &["C d 0", "C d/y 1", "M d/e/x 2"]);
    let changes = [changed("d/e/x", 2, None), made("d"), gone("d")];
    gives(&changes, &["M d/e/x 2"]);
}

#[test]
fn a_path_changes_after_the_directories_above_it_are_shown() {
    let changes = [made("d"), made("d/e"), changed("d/e/x", 2, None)];
    gives(&changes, &["C d 0", "C d/e 0", "M d/e/x 2"]);
    let changes = [gone("d"), made("d"), changed("d/e/x", 2, None)];
    gives(&changes, &["M d/e/x 2"]);
    let moved = renamed("d/e", "k", Kind::Directory, None);
    gives(&[made("d"), moved], &["R d/e k", "C d 0"]);
}

/// A PATH is found before the directory above it.
#[test]
fn a_directory_that_is_created_around_a_path_and_renamed_is_created_under_its_new_name() {
    let rename = || renamed("t/a", "t/q", Kind::Directory, None);
    let found = [made("t/a/b"), made("t/a"), rename()];
    gives(&found, &["C t/q 0", "C t/q/b 0"]);
    let lost = [made("t/a/b"), made("t/a"), gone("t/a/b"), rename()];
    gives(&lost, &["C t/q 0"]);
    let twice = [&found[..], &[renamed("t/q", "t/r", Kind::Directory, None)]].concat();
    gives(&twice, &["C t/r 0", "C t/r/b 0"]);
    let back = [&found[..], &[renamed("t/q", "t/a", Kind::Directory, None)]].concat();
    gives(&back, &["C t/a 0", "C t/a/b 0"]);
    let hidden_at_first = [changed("t/a/b/x", 2, None), made("t/a"), rename()];
    gives(
        &hidden_at_first,
        &["C t/q 0", "R t/a/b t/q/b", "M t/q/b/x 2"],
    );
}
