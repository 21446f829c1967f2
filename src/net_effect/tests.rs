//! Tests, with every short list of records from some small trees and with random longer ones,
//! that the net effect adds up to the same tree, is its own net effect, and is the shortest list.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod attributes;
mod hidden_directories;
mod last_reported;
mod temporary_names;
mod trees;

use std::collections::{HashMap, HashSet, VecDeque};

use proptest::prelude::*;

use super::net_effect;
use crate::change::{Attributes, Change, Content, Kind, OwnedChange};
use trees::{
    Item, Tree, apply, below, changed, closed, content, created, deleted, possible, renamed,
    starts, text, tildes,
};

/// The tree without the identities, which are in no record.
fn plain(tree: &Tree) -> Vec<(String, Kind, u8)> {
    tree.iter()
        .map(|(path, item)| (path.clone(), item.kind, item.bytes))
        .collect()
}

/// Whether a record renames a directory that was empty at the start, which the records do not
/// show.
fn renames_empty(start: &Tree, changes: &[OwnedChange]) -> bool {
    let is_empty =
        |path: &String| start[path].kind == Kind::Directory && below(start, path).next().is_none();
    let empty: HashSet<u8> = start
        .keys()
        .filter(|path| is_empty(path))
        .map(|path| start[path].object)
        .collect();
    let mut tree = start.clone();
    changes.iter().any(|change| {
        let renames =
            matches!(&change.change, Change::Renamed { from, .. } if empty.contains(&tree[&text(from)].object));
        apply(&mut tree, change).unwrap();
        renames
    })
}

/// Whether two files have the same bytes: which of them is where is not in a tree of names and bytes.
fn has_equal_files(start: &Tree) -> bool {
    let files = start.values().filter(|item| item.kind == Kind::File);
    let mut seen = HashSet::new();
    !files.map(|item| item.bytes).all(|bytes| seen.insert(bytes))
}

/// The least number of records from a tree to each other one, if only the entries in `moved`
/// (and new ones) may be renamed.
fn distances(
    start: &Tree,
    moved: &HashSet<u8>,
    most: usize,
) -> HashMap<Vec<(String, Kind, u8)>, usize> {
    // The `modified` that a rename still owes counts as a record.
    let cost = |tree: &Tree, changes: usize| {
        let open = |item: &&Item| item.replaced != 0;
        changes + tree.values().filter(open).count()
    };
    let mut found = HashMap::new();
    let mut seen = HashSet::from([start.clone()]);
    let mut next = VecDeque::from([(start.clone(), 0)]);
    while let Some((tree, far)) = next.pop_front() {
        let least = found.entry(plain(&tree)).or_insert(usize::MAX);
        *least = cost(&tree, far).min(*least);
        if far == most {
            continue;
        }
        for change in possible(&tree) {
            if let Change::Renamed { from, .. } = &change.change
                && let object = tree[&text(from)].object
                && object != 0
                && !moved.contains(&object)
            {
                continue;
            }
            let mut tree = tree.clone();
            apply(&mut tree, &change).unwrap();
            if seen.insert(tree.clone()) {
                next.push_back((tree, far + 1));
            }
        }
    }
    found
}

/// Formats a list for [`script`].
fn show(changes: &[OwnedChange]) -> String {
    let bytes = |content: &Content| content.digest().map_or(0, |digest| digest[0]);
    let changes = changes.iter().map(|change| match &change.change {
        Change::Changed { path, content, .. } => {
            format!("M {} {}", text(path), bytes(content))
        }
        Change::Created { path, content, .. } => {
            format!("C {} {}", text(path), bytes(content))
        }
        Change::Deleted { path, .. } => format!("D {}", text(path)),
        Change::Renamed { from, path, .. } => format!("R {} {}", text(from), text(path)),
        Change::Closed { path, content } => {
            format!("closed {} {}", text(path), bytes(content))
        }
        Change::Touched { path, mtime } => format!("touched {} {mtime}", text(path)),
        Change::AttributesChanged { path, new, old, .. } => {
            let mode = |attributes: &Attributes| attributes.mode;
            format!(
                "mode {} {:?} {}",
                text(path),
                old.as_ref().map(mode),
                mode(new)
            )
        }
        other => format!("{other:?}"),
    });
    changes.collect::<Vec<_>>().join("\n")
}

/// Whether each rename over other bytes is followed by `modified`, as the tracker emits it.
fn has_all_bytes(start: &Tree, changes: &[OwnedChange]) -> bool {
    let mut tree = start.clone();
    let mut was_open = false;
    changes.iter().all(|change| {
        if was_open && !matches!(change.change, Change::Changed { .. }) {
            return false;
        }
        apply(&mut tree, change).unwrap();
        let is_open = tree.values().any(|item| item.replaced != 0);
        let is_late = was_open && is_open;
        was_open = is_open;
        !is_late
    }) && !was_open
}

/// Asserts what holds for every list; returns its net effect.
fn check(start: &Tree, changes: &[OwnedChange], end: &Tree) -> Vec<OwnedChange> {
    let short = net_effect(changes, tildes(start));
    let mut folded = start.clone();
    for change in &short {
        if let Err(why) = apply(&mut folded, change) {
            panic!("{why}\n{start:?}\n{}\n-\n{}", show(changes), show(&short));
        }
    }
    assert_eq!(
        plain(&folded),
        plain(end),
        "{}\n-\n{}",
        show(changes),
        show(&short)
    );
    if has_all_bytes(start, changes) {
        assert!(
            folded.values().all(|item| item.replaced == 0),
            "a change is not reported\n{}\n-\n{}",
            show(changes),
            show(&short)
        );
    }
    let again = net_effect(&short, tildes(start));
    assert!(
        again == short,
        "{}\n-\n{}\n-\n{}",
        show(changes),
        show(&short),
        show(&again)
    );
    short
}

/// Checks every list of so many records; returns how many there are.
fn exhaust(length: usize) -> usize {
    let mut count = 0;
    // Of the largest there are too many lists.
    for start in starts().into_iter().filter(|start| start.len() < 5) {
        let mut shortest = HashMap::new();
        let mut lists = vec![(Vec::new(), start.clone())];
        while let Some((changes, end)) = lists.pop() {
            let short = check(&start, &changes, &end);
            count += 1;
            if !has_equal_files(&start) && !renames_empty(&start, &changes) {
                let moved: HashSet<u8> = end.values().map(|item| item.object).collect();
                let mut key: Vec<_> = moved.iter().copied().collect();
                key.sort_unstable();
                let distances = shortest
                    .entry(key)
                    .or_insert_with(|| distances(&start, &moved, length));
                let least = distances[&plain(&end)];
                // It may be shorter still, by paths that are not among those tried here.
                assert!(
                    short.len() <= least,
                    "{start:?}\n{}\n-\n{}",
                    show(&changes),
                    show(&short)
                );
            }
            if changes.len() < length {
                for change in possible(&end) {
                    let mut end = end.clone();
                    apply(&mut end, &change).unwrap();
                    let mut changes = changes.clone();
                    changes.push(change);
                    lists.push((changes, end));
                }
            }
        }
    }
    count
}

/// Of four records it need not be the shortest: where a directory was emptied, renamed and
/// made again, the true rename is kept, though "the new name appeared" would be less.
#[test]
fn every_list_of_three_records_becomes_the_shortest_one() {
    let count = exhaust(3);
    assert!(count > 10_000, "{count} lists were tried");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]
    #[test]
    fn long_lists_fold_to_the_same(which in 0..8usize, choices in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let start = starts().swap_remove(which);
        let mut tree = start.clone();
        let mut changes = Vec::new();
        for choice in choices {
            let possible = possible(&tree);
            let change = choice.get(&possible).clone();
            apply(&mut tree, &change).unwrap();
            changes.push(change);
        }
        let short = check(&start, &changes, &tree);
        prop_assert!(short.len() <= changes.len());
    }
}

/// Parses lines of `C path bytes`, `D path`, `M path bytes`, `R from path` and `closed path bytes`.
fn script(lines: &str) -> Vec<OwnedChange> {
    let change = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let bytes = |at: usize| words[at].parse().unwrap();
        match words[0] {
            "C" => created(words[1], Kind::File, content(bytes(2))),
            "M" => changed(words[1], bytes(2), None),
            "D" => deleted(words[1], Kind::File, None),
            "closed" => closed(words[1], bytes(2)),
            _ => renamed(words[1], words[2], Kind::File, None),
        }
    };
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(change)
        .collect()
}

#[test]
fn what_people_do_is_a_line_each() {
    let cases = [
        (
            "vim with a swap file and a backup",
            "C .f.swp 1\nM .f.swp 2\nC 4913 1\nD 4913\nR f f~\nC f 1\nM f 3\nM .f.swp 4\nD f~\nD .f.swp",
            "M f 3",
        ),
        (
            "an atomic save",
            "C f.tmp 1\nM f.tmp 2\nR f.tmp g\nR g h",
            "C h 2",
        ),
        ("created and changed", "C f 1\nM f 2", "C f 2"),
        ("created and deleted", "C f 1\nD f", ""),
        ("a chain of renames", "R a b\nR b c\nR c d", "R a d"),
        ("renamed there and back", "R a b\nR b a", ""),
        (
            "written by two, of whom one is done",
            "M f 1\nclosed f 1\nM f 2",
            "M f 2",
        ),
        (
            "written by two",
            "M f 1\nclosed f 1\nM f 2\nclosed f 2",
            "M f 2\nclosed f 2",
        ),
        (
            "a file from elsewhere in the place of one that was written",
            "C f 1\nM f 2\nclosed f 2\nM f 3",
            "C f 3",
        ),
        (
            "a rotation",
            "R log.1 log.2\nR log log.1\nC log 1\nM log 2",
            "R log.1 log.2\nR log log.1\nC log 2",
        ),
    ];
    for (name, before, after) in cases {
        assert_eq!(show(&net_effect(&script(before), 0)), after, "{name}");
    }
}

/// Many cycles and one long chain: needs neither recursion nor quadratic time.
#[test]
fn a_hundred_thousand_renames_take_little_time_and_no_stack() {
    let mut changes = Vec::new();
    let mut rename = |from: &str, to: &str| changes.push(renamed(from, to, Kind::File, None));
    for number in (0..50_000).rev() {
        rename(&format!("chain.{number}"), &format!("chain.{}", number + 1));
    }
    for number in 0..10_000 {
        rename(&format!("left.{number}"), "free");
        rename(&format!("right.{number}"), &format!("left.{number}"));
        rename("free", &format!("right.{number}"));
    }
    let began = std::time::Instant::now();
    assert_eq!(net_effect(&changes, 0).len(), changes.len());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
