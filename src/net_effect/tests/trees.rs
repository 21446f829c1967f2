//! Applies records to small trees, and lists the records that a tree allows next.

use std::collections::BTreeMap;

use crate::change::{Before, Bytes, Change, Content, Digest, Kind, OwnedChange};

/// An entry of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// A file's bytes.
    pub(super) bytes: u8,
    /// The number of the entry at the start that it is; 0: it appeared since.
    pub(super) object: u8,
    /// Other bytes that a rename of it replaced, until `modified` reports that; 0: none.
    pub(super) replaced: u8,
}

pub(super) type Tree = BTreeMap<String, Item>;

pub(super) fn digest(bytes: u8) -> Digest {
    [bytes; 32]
}

pub(super) fn content(bytes: u8) -> Content {
    Content {
        bytes: Some(Bytes {
            size: 1,
            digest: Some(digest(bytes)),
        }),
        ..Content::default()
    }
}

pub(super) fn directory(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(directory, _)| directory)
}

pub(super) fn below<'t>(tree: &'t Tree, path: &str) -> impl Iterator<Item = &'t String> {
    let prefix = format!("{path}/");
    tree.keys().filter(move |other| other.starts_with(&prefix))
}

/// The path as text.
pub(super) fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).unwrap()
}

/// Applies a record; it is an error if the tree does not allow it.
pub(super) fn apply(
    tree: &mut Tree,
    OwnedChange { change, .. }: &OwnedChange,
) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {change:?}"));
    let has_directory = |tree: &Tree, path: &str| {
        directory(path).is_none_or(|dir| {
            tree.get(dir)
                .is_some_and(|item| item.kind == Kind::Directory)
        })
    };
    match change {
        Change::Created {
            kind,
            path,
            content,
            ..
        } => {
            let path = text(path);
            if tree.contains_key(&path) || !has_directory(tree, &path) {
                return wrong("cannot be created");
            }
            let bytes = content.digest().map_or(0, |digest| digest[0]);
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
        Change::Changed { path, content } => {
            let bytes = content.digest().unwrap()[0];
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
        Change::Deleted { kind, path } => {
            let path = text(path);
            if below(tree, &path).next().is_some() {
                return wrong("is not empty");
            }
            if tree.remove(&path).is_none_or(|item| item.kind != *kind) {
                return wrong("is not there");
            }
        }
        Change::Closed { .. } | Change::Touched { .. } | Change::AttributesChanged { .. } => {}
        Change::Renamed { kind, from, path } => {
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
        Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => {
            return wrong("is no change of the tree");
        }
    }
    Ok(())
}

/// The paths that records name.
pub(super) const PATHS: [&str; 6] = ["a", "b", "c", "d", "d/a", "d/b"];

/// What was reported of an entry.
pub(super) fn before(item: Item) -> Option<Before> {
    let digest = (item.kind == Kind::File).then(|| digest(item.bytes));
    Some(Before::new(item.kind, digest))
}

/// What was reported of an entry and of one that is renamed to its name.
fn before_rename(replaced: Item, item: Item) -> Option<Before> {
    let renamed = before(item).and_then(|before| before.digest);
    let before = before(replaced);
    before.map(|before| Before { renamed, ..before })
}

pub(super) fn created(path: &str, kind: Kind, content: Content) -> OwnedChange {
    let change = Change::Created {
        kind,
        path: path.into(),
        content,
        entered: true,
        attributes: None,
    };
    let before = None;
    OwnedChange { change, before }
}

pub(super) fn changed(path: &str, bytes: u8, before: Option<Before>) -> OwnedChange {
    let (path, content) = (path.into(), content(bytes));
    let change = Change::Changed { path, content };
    OwnedChange { change, before }
}

pub(super) fn closed(path: &str, bytes: u8) -> OwnedChange {
    let (path, content) = (path.into(), content(bytes));
    let (change, before) = (Change::Closed { path, content }, None);
    OwnedChange { change, before }
}

pub(super) fn deleted(path: &str, kind: Kind, before: Option<Before>) -> OwnedChange {
    let path = path.into();
    let change = Change::Deleted { kind, path };
    OwnedChange { change, before }
}

pub(super) fn renamed(from: &str, path: &str, kind: Kind, before: Option<Before>) -> OwnedChange {
    let (from, path) = (from.into(), path.into());
    let change = Change::Renamed { kind, from, path };
    OwnedChange { change, before }
}

/// All records that the tree allows next.
pub(super) fn possible(tree: &Tree) -> Vec<OwnedChange> {
    let mut changes = Vec::new();
    for path in PATHS {
        let Some(&item) = tree.get(path) else {
            changes.push(created(path, Kind::File, content(1)));
            changes.push(created(path, Kind::Directory, Content::default()));
            continue;
        };
        for new in [1, 2, item.bytes] {
            changes.push(changed(path, new, before(item)));
        }
        changes.push(deleted(path, item.kind, before(item)));
        for to in PATHS {
            let replaced = tree.get(to).and_then(|&old| before_rename(old, item));
            changes.push(renamed(path, to, item.kind, replaced));
        }
    }
    changes.retain(|change| apply(&mut tree.clone(), change).is_ok());
    changes
}

pub(super) fn tree(items: &[(&str, Kind)]) -> Tree {
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

/// The most tildes that a name in a tree has at its end.
pub(super) fn tildes(tree: &Tree) -> usize {
    let count = |name: &String| name.len() - name.trim_end_matches('~').len();
    tree.keys().map(count).max().unwrap_or(0)
}

/// Small trees to start from. No record names `hidden`, nor what ends in a tilde.
pub(super) fn starts() -> Vec<Tree> {
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
        tree(&[
            ("a", File),
            ("a~", File),
            ("b", File),
            ("c", File),
            ("d", Directory),
        ]),
        with_bytes_of_changes(tree(&[("a", File), ("b", File), ("c", File)])),
    ]
}

/// Gives the files the bytes that changes give to others: 1, 2, 1 and so on. So a file may get, or
/// be replaced by one that has, the bytes that were under its name.
fn with_bytes_of_changes(mut tree: Tree) -> Tree {
    for (item, bytes) in tree.values_mut().zip([1, 2].into_iter().cycle()) {
        item.bytes = bytes;
    }
    tree
}
