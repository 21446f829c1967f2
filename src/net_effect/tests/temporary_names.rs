//! Exchanges of names that need a third one.

use super::trees::{apply, before, deleted, renamed, tree};
use super::{check, show};
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
