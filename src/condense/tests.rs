//! Every short list of records from some small trees, and random longer ones: what
//! comes out folds to the same, is not condensed further, and no list is shorter.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use proptest::prelude::*;

use super::{Replaced, Step, condense};
use crate::change::{Attributes, Content, Digest, Kind};

/// What a tree holds under a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Item {
    kind: Kind,
    /// Of a file: which bytes.
    bytes: u8,
    /// Which of the things at the start it is; 0: it came since.
    object: u8,
    /// Other bytes that a rename replaced with it, until a change is reported; 0: none.
    replaced: u8,
}

type Tree = BTreeMap<String, Item>;

fn digest(bytes: u8) -> Digest {
    [bytes; 32]
}

fn content(bytes: u8) -> Content {
    Content {
        size: Some(1),
        digest: Some(digest(bytes)),
        ..Content::default()
    }
}

fn directory(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(directory, _)| directory)
}

fn below<'t>(tree: &'t Tree, path: &str) -> impl Iterator<Item = &'t String> {
    let prefix = format!("{path}/");
    tree.keys().filter(move |other| other.starts_with(&prefix))
}

/// What a step says of its path.
fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).unwrap()
}

/// Applies a record strictly.
fn apply(tree: &mut Tree, step: &Step) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {step:?}"));
    let has_directory = |tree: &Tree, path: &str| {
        directory(path).is_none_or(|dir| {
            tree.get(dir)
                .is_some_and(|item| item.kind == Kind::Directory)
        })
    };
    match step {
        Step::Created {
            kind,
            path,
            content,
            ..
        } => {
            let path = text(path);
            if tree.contains_key(&path) || !has_directory(tree, &path) {
                return wrong("cannot be created");
            }
            let bytes = content.digest.map_or(0, |digest| digest[0]);
            let bytes = if *kind == Kind::File { bytes } else { 0 };
            let (kind, object) = (*kind, 0);
            tree.insert(
                path,
                Item {
                    kind,
                    bytes,
                    object,
                    replaced: 0,
                },
            );
        }
        Step::Changed { path, content, .. } => {
            let bytes = content.digest.unwrap()[0];
            match tree.get_mut(&text(path)) {
                Some(item)
                    if item.kind == Kind::File
                        && (item.bytes != bytes || ![0, bytes].contains(&item.replaced)) =>
                {
                    (item.bytes, item.replaced) = (bytes, 0);
                }
                _ => return wrong("is no change"),
            }
        }
        Step::Deleted { kind, path, .. } => {
            let path = text(path);
            if below(tree, &path).next().is_some() {
                return wrong("is not empty");
            }
            if tree.remove(&path).is_none_or(|item| item.kind != *kind) {
                return wrong("is not there");
            }
        }
        Step::Closed { .. } | Step::Touched { .. } | Step::Attributes { .. } => {}
        Step::Renamed {
            kind, from, path, ..
        } => {
            let (from, to) = (text(from), text(path));
            let Some(item) = tree.get(&from).copied() else {
                return wrong("is not there");
            };
            if item.kind != *kind || to.starts_with(&format!("{from}/")) || from == to {
                return wrong("is no rename");
            }
            let replaced = tree.get(&to).copied();
            let is_directory = |item: Item| item.kind == Kind::Directory;
            if !has_directory(tree, &to)
                || replaced.is_some_and(|old| is_directory(old) != is_directory(item))
                || below(tree, &to).next().is_some()
            {
                return wrong("has no such target");
            }
            let moved: Vec<_> = below(tree, &from).cloned().collect();
            for old in moved.iter().chain([&from]) {
                let mut item = tree.remove(old).unwrap();
                if old == &from {
                    let is_file = |item: &Item| item.kind == Kind::File;
                    let replaced = replaced.filter(|old| is_file(old) && is_file(&item));
                    let reported = replaced.map_or(0, |old| match old.replaced {
                        0 => old.bytes,
                        before => before,
                    });
                    item.replaced = if reported == item.bytes { 0 } else { reported };
                }
                tree.insert(format!("{to}{}", &old[from.len()..]), item);
            }
        }
    }
    Ok(())
}

/// Paths of which records speak.
const PATHS: [&str; 6] = ["a", "b", "c", "d", "d/a", "d/b"];

/// All records that may come next.
fn possible(tree: &Tree) -> Vec<Step> {
    let mut steps = Vec::new();
    for path in PATHS {
        let bytes = path.as_bytes().to_vec();
        let Some(item) = tree.get(path) else {
            for (kind, content) in [
                (Kind::File, content(1)),
                (Kind::Directory, Content::default()),
            ] {
                steps.push(Step::Created {
                    kind,
                    path: bytes.clone(),
                    content,
                    entered: true,
                    attributes: None,
                });
            }
            continue;
        };
        let old = (item.kind == Kind::File).then(|| digest(item.bytes));
        for new in [1, 2, item.bytes] {
            steps.push(Step::Changed {
                path: bytes.clone(),
                content: content(new),
                old,
            });
        }
        steps.push(Step::Deleted {
            kind: item.kind,
            path: bytes.clone(),
            old,
        });
        for to in PATHS {
            let replaced = tree.get(to).map(|item| Replaced {
                kind: item.kind,
                digest: (item.kind == Kind::File).then(|| digest(item.bytes)),
            });
            steps.push(Step::Renamed {
                kind: item.kind,
                from: bytes.clone(),
                path: to.into(),
                replaced,
            });
        }
    }
    steps.retain(|step| apply(&mut tree.clone(), step).is_ok());
    steps
}

fn tree(items: &[(&str, Kind)]) -> Tree {
    items
        .iter()
        .zip(1..)
        .map(|(&(path, kind), object)| {
            let bytes = if kind == Kind::File { 10 + object } else { 0 };
            (
                path.to_owned(),
                Item {
                    kind,
                    bytes,
                    object,
                    replaced: 0,
                },
            )
        })
        .collect()
}

/// Small trees. No record names what is called `hidden`.
fn starts() -> Vec<Tree> {
    use Kind::{Directory, File};
    vec![
        tree(&[("a", File), ("b", File)]),
        tree(&[("a", File), ("b", File), ("c", File)]),
        tree(&[("a", File), ("d", Directory), ("d/hidden", File)]),
        tree(&[("a", File), ("d", Directory)]),
        tree(&[
            ("d", Directory),
            ("d/a", File),
            ("d/b", Directory),
            ("d/b/hidden", File),
        ]),
        tree(&[
            ("a", Directory),
            ("a/hidden", File),
            ("b", Directory),
            ("b/hidden", File),
        ]),
    ]
}

/// The tree without what is in no record: the identities.
fn plain(tree: &Tree) -> Vec<(String, Kind, u8)> {
    tree.iter()
        .map(|(path, item)| (path.clone(), item.kind, item.bytes))
        .collect()
}

/// Whether it renames what was there at the start as an empty directory: that it was
/// empty is more than the records hold.
fn renames_empty(start: &Tree, steps: &[Step]) -> bool {
    let is_empty =
        |path: &String| start[path].kind == Kind::Directory && below(start, path).next().is_none();
    let empty: HashSet<u8> = start
        .keys()
        .filter(|path| is_empty(path))
        .map(|path| start[path].object)
        .collect();
    let mut tree = start.clone();
    steps.iter().any(|step| {
        let renames =
            matches!(step, Step::Renamed { from, .. } if empty.contains(&tree[&text(from)].object));
        apply(&mut tree, step).unwrap();
        renames
    })
}

/// How few records lead from a tree to each other one, when only the things in `moved`
/// (and those that came) may be renamed.
fn distances(
    start: &Tree,
    moved: &HashSet<u8>,
    most: usize,
) -> HashMap<Vec<(String, Kind, u8)>, usize> {
    // A change that a rename leaves to be reported counts as a record.
    let cost = |tree: &Tree, steps: usize| {
        let open = |item: &&Item| item.replaced != 0;
        steps + tree.values().filter(open).count()
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
        for step in possible(&tree) {
            if let Step::Renamed { from, .. } = &step
                && let object = tree[&text(from)].object
                && object != 0
                && !moved.contains(&object)
            {
                continue;
            }
            let mut tree = tree.clone();
            apply(&mut tree, &step).unwrap();
            if seen.insert(tree.clone()) {
                next.push_back((tree, far + 1));
            }
        }
    }
    found
}

/// A list as a script.
fn show(steps: &[Step]) -> String {
    let bytes = |content: &Content| content.digest.map_or(0, |digest| digest[0]);
    let steps = steps.iter().map(|step| match step {
        Step::Changed { path, content, .. } => format!("M {} {}", text(path), bytes(content)),
        Step::Created { path, content, .. } => format!("C {} {}", text(path), bytes(content)),
        Step::Deleted { path, .. } => format!("D {}", text(path)),
        Step::Renamed { from, path, .. } => format!("R {} {}", text(from), text(path)),
        Step::Closed { path, content } => format!("closed {} {}", text(path), bytes(content)),
        Step::Touched { path, mtime } => format!("touched {} {mtime}", text(path)),
        Step::Attributes { path, new, old, .. } => {
            let mode = |attributes: &Attributes| attributes.mode;
            format!(
                "mode {} {:?} {}",
                text(path),
                old.as_ref().map(mode),
                mode(new)
            )
        }
    });
    steps.collect::<Vec<_>>().join("\n")
}

/// Whether each rename over other bytes is followed by the change, as the tracker emits it,
/// and no bytes were written under a name before a rename put the same ones there: what
/// the renamed file held is not in the records.
fn has_all_bytes(start: &Tree, steps: &[Step]) -> bool {
    let mut tree = start.clone();
    let mut was_open = false;
    let mut written = HashSet::new();
    steps.iter().all(|step| {
        match step {
            Step::Changed { path, .. } => {
                written.insert(path.clone());
            }
            Step::Renamed { path, .. } if written.contains(path) => return false,
            _ if was_open => return false,
            _ => {}
        }
        apply(&mut tree, step).unwrap();
        let is_open = tree.values().any(|item| item.replaced != 0);
        let is_late = was_open && is_open;
        was_open = is_open;
        !is_late
    }) && !was_open
}

/// What holds for every list.
fn check(start: &Tree, steps: &[Step], end: &Tree) -> Vec<Step> {
    let short = condense(steps);
    let mut folded = start.clone();
    for step in &short {
        if let Err(why) = apply(&mut folded, step) {
            panic!("{why}\n{start:?}\n{}\n-\n{}", show(steps), show(&short));
        }
    }
    assert_eq!(
        plain(&folded),
        plain(end),
        "{}\n-\n{}",
        show(steps),
        show(&short)
    );
    if has_all_bytes(start, steps) {
        assert!(
            folded.values().all(|item| item.replaced == 0),
            "a change is not reported\n{}\n-\n{}",
            show(steps),
            show(&short)
        );
    }
    let again = condense(&short);
    assert!(
        again == short,
        "{}\n-\n{}\n-\n{}",
        show(steps),
        show(&short),
        show(&again)
    );
    short
}

/// Tries every list of so many records.
fn exhaust(length: usize) -> usize {
    let mut count = 0;
    for start in starts() {
        let mut shortest = HashMap::new();
        let mut lists = vec![(Vec::new(), start.clone())];
        while let Some((steps, end)) = lists.pop() {
            let short = check(&start, &steps, &end);
            count += 1;
            if !renames_empty(&start, &steps) {
                let moved: HashSet<u8> = end.values().map(|item| item.object).collect();
                let mut key: Vec<_> = moved.iter().copied().collect();
                key.sort_unstable();
                let distances = shortest
                    .entry(key)
                    .or_insert_with(|| distances(&start, &moved, length));
                let least = distances[&plain(&end)];
                // It may know shorter ways, by paths that are not among those tried here.
                assert!(
                    short.len() <= least,
                    "{start:?}\n{}\n-\n{}",
                    show(&steps),
                    show(&short)
                );
            }
            if steps.len() < length {
                for step in possible(&end) {
                    let mut end = end.clone();
                    apply(&mut end, &step).unwrap();
                    let mut steps = steps.clone();
                    steps.push(step);
                    lists.push((steps, end));
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
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn long_lists_fold_to_the_same(which in 0..6usize, choices in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let start = starts().swap_remove(which);
        let mut tree = start.clone();
        let mut steps = Vec::new();
        for choice in choices {
            let possible = possible(&tree);
            let step = choice.get(&possible).clone();
            apply(&mut tree, &step).unwrap();
            steps.push(step);
        }
        let short = check(&start, &steps, &tree);
        prop_assert!(short.len() <= steps.len());
    }
}

/// `C path bytes`, `D path`, `M path bytes`, `R from path`, a line each.
fn script(lines: &str) -> Vec<Step> {
    let step = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let bytes = |at: usize| content(words[at].parse().unwrap());
        let path = words[1].into();
        match words[0] {
            "C" => Step::Created {
                kind: Kind::File,
                path,
                content: bytes(2),
                entered: true,
                attributes: None,
            },
            "M" => Step::Changed {
                path,
                content: bytes(2),
                old: None,
            },
            "D" => Step::Deleted {
                kind: Kind::File,
                path,
                old: None,
            },
            _ => Step::Renamed {
                kind: Kind::File,
                from: path,
                path: words[2].into(),
                replaced: None,
            },
        }
    };
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(step)
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
            "a rotation",
            "R log.1 log.2\nR log log.1\nC log 1\nM log 2",
            "R log.1 log.2\nR log log.1\nC log 2",
        ),
    ];
    for (name, before, after) in cases {
        assert_eq!(show(&condense(&script(before))), after, "{name}");
    }
}

/// Many cycles and one long chain: neither recursion nor a search in squares.
#[test]
fn a_hundred_thousand_renames_take_little_time_and_no_stack() {
    let renamed = |from: String, path: String| Step::Renamed {
        kind: Kind::File,
        from: from.into(),
        path: path.into(),
        replaced: None,
    };
    let mut steps = Vec::new();
    for number in (0..50_000).rev() {
        steps.push(renamed(
            format!("chain.{number}"),
            format!("chain.{}", number + 1),
        ));
    }
    for number in 0..10_000 {
        steps.push(renamed(format!("left.{number}"), "free".into()));
        steps.push(renamed(format!("right.{number}"), format!("left.{number}")));
        steps.push(renamed("free".into(), format!("right.{number}")));
    }
    let began = std::time::Instant::now();
    assert_eq!(condense(&steps).len(), steps.len());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
