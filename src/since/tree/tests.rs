//! Compares the tree with a map of whole paths, under random records.

use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};

use super::{Tree, TreeId};
use crate::change::{Attributes, InodeTimes, Kind};
use crate::names::MAX_BYTES;
use crate::since::record::State;

/// What a record does; paths have few different names, below `r` or the single file `s`.
#[derive(Clone, Debug)]
enum Edit {
    Set(String, Kind, u8),
    Change(String, u8),
    Delete(String),
    Rename(String, String),
}

type Paths = BTreeMap<String, (Kind, u8)>;

fn state(kind: Kind, number: u8) -> State {
    State {
        kind,
        size: Some(number.into()),
        digest: (kind == Kind::File).then_some([number; 32]),
        times: Some(InodeTimes {
            ino: number.into(),
            mtime: 1,
            ctime: 2,
            btime: None,
        }),
        attributes: attributes(number),
        is_racy: number.is_multiple_of(2),
    }
}

/// Not all records have them.
fn attributes(number: u8) -> Option<Attributes> {
    let mode = number.into();
    let (uid, gid) = (0, 0);
    (number > 2).then_some(Attributes { mode, uid, gid })
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "r(/[ab]{1,2}){1,3}",
        1 => "[rs]",
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let kind = prop_oneof![
        Just(Kind::File),
        Just(Kind::Directory),
        Just(Kind::Directory),
        Just(Kind::Symlink),
    ];
    prop_oneof![
        6 => (path(), kind, 0..9u8).prop_map(|(path, kind, number)| Edit::Set(path, kind, number)),
        1 => (path(), 0..9u8).prop_map(|(path, number)| Edit::Change(path, number)),
        1 => path().prop_map(Edit::Delete),
        2 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
    ]
}

fn is_in(path: &str, top: &str) -> bool {
    let rest = path.strip_prefix(top);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path can be created: it is a PATH, or its directory is there.
fn may_be(paths: &Paths, path: &str) -> bool {
    match path.rsplit_once('/') {
        None => true,
        Some((dir, _)) => paths
            .get(dir)
            .is_some_and(|(kind, _)| *kind == Kind::Directory),
    }
}

/// Applies it to whole paths. `false`: it cannot be applied.
fn apply(paths: &mut Paths, edit: &Edit) -> bool {
    match edit {
        Edit::Set(path, kind, number) => {
            if !may_be(paths, path) {
                return false;
            }
            if *kind != Kind::Directory {
                paths.retain(|other, _| !is_in(other, path));
            }
            paths.insert(path.clone(), (*kind, *number));
        }
        Edit::Change(path, number) => match paths.get_mut(path) {
            Some((Kind::File, old)) => *old = *number,
            _ => return false,
        },
        Edit::Delete(path) => {
            if !paths.contains_key(path) {
                return false;
            }
            paths.retain(|other, _| !is_in(other, path));
        }
        Edit::Rename(from, to) => {
            let is_possible = paths.contains_key(from) && may_be(paths, to);
            if !is_possible || is_in(to, from) || is_in(from, to) {
                return false;
            }
            paths.retain(|other, _| !is_in(other, to));
            let moved: Vec<_> = paths
                .keys()
                .filter(|path| is_in(path, from))
                .cloned()
                .collect();
            for old in moved {
                if let Some(state) = paths.remove(&old) {
                    paths.insert(format!("{to}{}", &old[from.len()..]), state);
                }
            }
        }
    }
    true
}

fn apply_to_tree(tree: &mut Tree, edit: &Edit) -> bool {
    match edit {
        Edit::Set(path, kind, number) => tree.set(path.as_bytes(), &state(*kind, *number)),
        Edit::Change(path, number) => tree.change(path.as_bytes(), &state(Kind::File, *number)),
        Edit::Delete(path) => tree.delete(path.as_bytes()),
        Edit::Rename(from, to) => tree.rename(from.as_bytes(), to.as_bytes()),
    }
}

/// Every way to find an entry gives the same one.
fn check_lookups(tree: &Tree, paths: &Paths) {
    for (path, (kind, number)) in paths {
        let id = tree.at(path.as_bytes()).expect("it is there");
        assert_eq!(tree.kind(id), Some(*kind), "{path}");
        assert_eq!(tree.inode(id).is_some(), *kind != Kind::Symlink, "{path}");
        if *kind != Kind::File {
            // A change of content has none.
            assert_eq!(tree.attributes(id), attributes(*number), "{path}");
        }
        if *kind == Kind::File {
            assert_eq!(tree.size(id), Some((*number).into()), "{path}");
            assert_eq!(tree.is_racy(id), number.is_multiple_of(2), "{path}");
            let times = tree.times(id).expect("it has them");
            let mut found = tree.with_times((*number).into(), &times);
            let is_found = found.any(|other| other == id);
            assert_eq!(is_found, !number.is_multiple_of(2), "{path}");
        }
        let parent = tree.parent(id).expect("it is in something");
        let mut siblings: Vec<_> = tree.children(parent).map(Some).collect();
        assert!(siblings.contains(&Some(id)), "{path}");
        siblings.push(None);
        for near in siblings {
            assert_eq!(
                tree.child_near(parent, tree.name(id), near),
                Some(id),
                "{path}"
            );
            assert_eq!(tree.child_near(parent, b"missing", near), None);
        }
    }
}

#[test]
fn a_new_mode_is_kept_under_another_name_and_with_other_bytes() {
    let mut tree = Tree::default();
    assert!(tree.add_path(b"r") && tree.set(b"r", &state(Kind::Directory, 0)));
    let [old, new] = [3, 4].map(|mode| attributes(mode).expect("it has them"));
    assert!(tree.set(b"r/a", &state(Kind::File, 3)));
    assert_eq!(
        tree.at(b"r/a").and_then(|id| tree.attributes(id)),
        Some(old)
    );
    assert!(tree.set_attributes(b"r/a", new));
    assert!(!tree.set_attributes(b"r/b", new));
    assert!(tree.rename(b"r/a", b"r/b") && tree.change(b"r/b", &state(Kind::File, 1)));
    assert_eq!(
        tree.at(b"r/b").and_then(|id| tree.attributes(id)),
        Some(new)
    );
    assert!(tree.delete(b"r/b") && tree.set(b"r/b", &state(Kind::File, 1)));
    assert_eq!(tree.at(b"r/b").and_then(|id| tree.attributes(id)), None);
}

#[test]
fn a_new_mtime_is_kept_of_a_file_whose_times_are_known() {
    let mut tree = Tree::default();
    assert!(tree.add_path(b"r") && tree.set(b"r", &state(Kind::Directory, 0)));
    let known = state(Kind::File, 3);
    let unknown = State {
        times: None,
        ..known
    };
    assert!(tree.set(b"r/a", &known) && tree.set(b"r/b", &unknown));
    assert!(tree.set_mtime(b"r/a", 9) && tree.set_mtime(b"r/b", 9));
    assert!(!tree.set_mtime(b"r", 9) && !tree.set_mtime(b"r/c", 9));
    let times = |path: &[u8]| tree.times(tree.at(path).expect("it is there"));
    let touched = known.times.map(|times| InodeTimes { mtime: 9, ..times });
    assert_eq!((times(b"r/a"), times(b"r/b")), (touched, None));
}

#[test]
fn names_that_are_gone_make_room_for_others() {
    let mut tree = Tree::default();
    assert!(tree.add_path(b"r") && tree.set(b"r", &state(Kind::Directory, 0)));
    let file = |number: u32| format!("r/{number:0254}");
    let add = |tree: &mut Tree, number| tree.set(file(number).as_bytes(), &state(Kind::File, 0));
    // Each name has two bytes before it.
    let count = MAX_BYTES / 256;
    assert!((0..count).all(|number| add(&mut tree, number)));
    // Less than half, so that the bytes are not compacted yet.
    let gone = count / 2 - 1;
    assert!((0..gone).all(|number| tree.delete(file(number).as_bytes())));
    assert!((0..gone).all(|number| add(&mut tree, count + number)));
    // A name that another one replaces makes room, too.
    assert!((0..gone).all(|number| tree.delete(file(count + number).as_bytes())));
    for number in gone..count {
        let (from, to) = (file(number), file(2 * count + number));
        assert!(tree.rename(from.as_bytes(), to.as_bytes()), "{number}");
    }
    assert_eq!(tree.list().len(), (count - gone) as usize + 1);
}

#[test]
fn a_file_with_many_names_is_found_by_the_times_of_one() {
    let mut tree = Tree::default();
    assert!(tree.add_path(b"r") && tree.set(b"r", &state(Kind::Directory, 0)));
    let mut state = state(Kind::File, 1);
    let mut times = state.times.expect("it has them");
    for number in 0..1_000_i64 {
        times.ctime = number;
        state.times = Some(times);
        assert!(tree.set(format!("r/{number}").as_bytes(), &state));
    }
    times.ctime = 7;
    let found: Vec<_> = tree.with_times(1, &times).collect();
    assert_eq!(found, [tree.at(b"r/7").expect("it is there")]);
    times.mtime += 1;
    assert_eq!(tree.with_times(1, &times).next(), None);
}

proptest! {
    #[test]
    fn records_do_to_the_tree_what_they_do_to_a_list_of_paths(edits in proptest::collection::vec(edit(), 0..80)) {
        let mut tree = Tree::default();
        assert!(tree.add_path(b"r") && tree.add_path(b"s"));
        let mut paths = Paths::new();
        for edit in edits {
            let mut next = paths.clone();
            // One that cannot be applied leaves a tree that is of no use.
            if apply(&mut next, &edit) {
                assert!(apply_to_tree(&mut tree, &edit), "{edit:?}");
                paths = next;
            }
        }
        let listed: Vec<_> = tree.list().into_iter().map(|(path, kind, digest)| (path, (kind, digest))).collect();
        let expected: Vec<_> = paths
            .iter()
            .map(|(path, (kind, number))| (path.clone(), (*kind, (*kind == Kind::File).then_some(*number))))
            .collect();
        prop_assert_eq!(listed, expected);
        prop_assert_eq!(tree.at(b"").map(TreeId::index), None);
        check_lookups(&tree, &paths);
    }
}
