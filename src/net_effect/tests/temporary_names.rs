//! Exchanges of names that need a third one.

use super::trees::{apply, before, content, created, deleted, renamed, tree};
use super::{check, net_effect, show};
use crate::change::Kind;

#[test]
fn a_name_that_is_there_is_no_temporary_one() {
    use Kind::{Directory, File};
    let start = tree(&[("a", File), ("a~", File), ("b", File), ("d", Directory)]);
    let directory = before(start["d"]);
    let changes = [
        renamed("a", "d/a", File, None),
        renamed("b", "a", File, None),
        renamed("d/a", "b", File, None),
        deleted("d", Directory, directory),
    ];
    let mut end = start.clone();
    for change in &changes {
        apply(&mut end, change).unwrap();
    }
    let short = check(&start, &changes, &end);
    assert_eq!(show(&short), "R a a~~\nR b a\nR a~~ b\nD d");
}

/// Else each of them costs what the long path does, in time and in memory.
#[test]
fn a_long_path_is_no_temporary_name_for_a_short_one() {
    let deep = "d/".repeat(1_000);
    let mut changes = Vec::new();
    for number in 0..64 {
        let path = format!("{deep}{number}");
        changes.push(created(&path, Kind::File, content(1)));
        changes.push(deleted(&path, Kind::File, None));
    }
    for number in 0..300 {
        let [left, right] = ["left", "right"].map(|name| format!("{name}.{number}"));
        changes.push(renamed(&left, "free", Kind::File, None));
        changes.push(renamed(&right, &left, Kind::File, None));
        changes.push(renamed("free", &right, Kind::File, None));
    }
    let short = show(&net_effect(&changes, 0));
    assert_eq!(short.lines().count(), 3 * 300);
    let longest = short.lines().map(str::len).max().unwrap();
    assert!(longest < 100, "{longest} bytes");
}
