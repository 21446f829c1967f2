//! Tests that content is emitted where it differs from what was last reported under a name, and only
//! there.

use super::super::net_effect;
use super::show;
use super::trees::{changed, closed, content, created, deleted, digest, renamed};
use crate::change::{Before, Change, Content, Kind, OwnedChange};

/// What was reported of a file with these bytes.
fn file(bytes: u8) -> Option<Before> {
    Some(Before::new(Kind::File, Some(digest(bytes))))
}

/// What was reported of a file, and of one with other bytes that is renamed to its name.
fn replaced(bytes: u8, renamed: u8) -> Option<Before> {
    let renamed = Some(digest(renamed));
    file(bytes).map(|before| Before { renamed, ..before })
}

/// Asserts what the net effect of changes is, in the form of [`show`].
fn gives(changes: &[OwnedChange], expected: &[&str]) {
    assert_eq!(show(&net_effect(changes, 0)), expected.join("\n"));
}

fn moved(from: &str, path: &str, replaced: Option<Before>) -> OwnedChange {
    renamed(from, path, Kind::File, replaced)
}

fn made(path: &str, bytes: u8) -> OwnedChange {
    created(path, Kind::File, content(bytes))
}

fn touched(path: &str) -> OwnedChange {
    let (path, mtime) = (path.into(), 7);
    let change = Change::Touched { path, mtime };
    OwnedChange {
        change,
        before: None,
    }
}

#[test]
fn a_file_that_replaces_one_that_changed_to_the_same_bytes_is_a_change() {
    let copied = changed("b", 2, file(1));
    let saved = moved("t", "b", replaced(2, 2));
    gives(&[copied.clone(), saved.clone()], &["R t b", "M b 2"]);
    let again = moved("u", "b", replaced(2, 2));
    let changes = [copied.clone(), saved.clone(), again];
    gives(&changes, &["R u b", "D t", "M b 2"]);
    // Where it replaces nothing in the end, it is as it was.
    let changes = [copied, saved, moved("b", "c", None)];
    gives(&changes, &["R t c", "D b"]);
}

#[test]
fn a_file_that_replaces_one_that_changed_back_is_no_change() {
    let changes = [
        changed("b", 2, file(1)),
        changed("b", 1, file(2)),
        moved("t", "b", replaced(1, 1)),
    ];
    gives(&changes, &["R t b"]);
}

/// Until it is read, the bytes that were reported before are not taken for its own.
#[test]
fn a_file_whose_change_is_yet_to_come_takes_the_place_of_one_that_is_deleted() {
    let first = [changed("b", 2, file(1)), moved("t", "b", replaced(2, 3))];
    gives(&first, &["D b", "R t b"]);
    let unread = file(2);
    let first = [changed("b", 2, file(1)), moved("t", "b", unread)];
    gives(&first, &["D b", "R t b"]);
}

#[test]
fn a_file_that_replaces_one_of_unknown_bytes_comes_after_its_deletion() {
    let path = b"b".to_vec();
    let content = Content::default();
    let change = Change::Changed { path, content };
    let before = file(1);
    let unread = OwnedChange { change, before };
    gives(&[unread, moved("t", "b", None)], &["D b", "R t b"]);
}

#[test]
fn a_file_made_anew_with_the_same_bytes_is_no_change_though_a_rename_replaced_the_old_one() {
    let changes = [
        moved("c", "d", None),
        moved("t", "d", replaced(1, 2)),
        changed("d", 2, file(2)),
        made("c", 0),
        changed("c", 1, file(0)),
    ];
    gives(&changes, &["R t d"]);
}

#[test]
fn an_atomic_save_of_the_same_bytes_is_no_change_though_another_record_came_first() {
    for first in [touched("c"), closed("c", 1)] {
        let save = [
            made("n", 0),
            changed("n", 1, file(0)),
            moved("n", "c", file(1)),
        ];
        gives(&[&[first], &save[..]].concat(), &[]);
    }
}

#[test]
fn a_digest_that_was_reported_meanwhile_is_not_taken_for_the_first() {
    let changes = [
        changed("c", 2, file(1)),
        moved("c", "d", None),
        moved("t", "d", replaced(2, 3)),
        changed("d", 3, file(3)),
        made("c", 2),
    ];
    gives(&changes, &["R t d", "M c 2"]);
    let changes = [
        changed("c", 2, file(1)),
        deleted("c", Kind::File, file(2)),
        made("c", 2),
    ];
    gives(&changes, &["M c 2"]);
}

#[test]
fn a_rename_that_replaced_a_file_with_known_bytes_is_its_own_net_effect() {
    let changes = [
        changed("b", 2, file(1)),
        moved("t", "b", replaced(2, 2)),
        made("t", 3),
    ];
    gives(&changes, &["M b 2", "M t 3"]);
    let short = net_effect(&changes, 0);
    assert_eq!(net_effect(&short, 0), short);
}

#[test]
fn a_touch_counts_if_it_came_after_the_content() {
    let write = || changed("a", 2, file(1));
    gives(&[made("a", 1), touched("a")], &["C a 1", "touched a 7"]);
    gives(&[write(), touched("a")], &["M a 2", "touched a 7"]);
    gives(&[touched("a"), write()], &["M a 2"]);
    gives(&[made("a", 1), touched("a"), write()], &["C a 2"]);
}
