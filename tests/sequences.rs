//! Tests that the records of any short sequence of operations, done without a pause, add up to
//! the tree. A failing sequence is shrunk. `PROPTEST_CASES` sets the number of sequences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, sys};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use std::fs::{self, File};
use std::io::{self, Write as _};

/// The names that the sequences use.
const NAMES: [&str; 8] = ["a", "b", "d", "d/a", "d/b", "d/d", "d/d/a", "e"];

/// One operation on names given by their numbers; most sequences hold some that fail.
/// Hard links are not among them: a write through a name that is removed before it is read cannot
/// be found under the others.
#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    Append(usize, u8),
    Truncate(usize),
    Remove(usize),
    MakeDirectory(usize),
    RemoveTree(usize),
    Rename(usize, usize),
    Exchange(usize, usize),
    Save(usize, u8),
    LinkSymbolic(usize),
    Leave(usize, u8),
    ComeBack(u8, usize),
    Settle,
    /// Stops the watcher until the next settling.
    Freeze,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let small = || 0..3_u8;
    prop_oneof![
        4 => (name(), small()).prop_map(|(name, data)| Step::Write(name, data)),
        2 => (name(), small()).prop_map(|(name, data)| Step::Append(name, data)),
        1 => name().prop_map(Step::Truncate),
        3 => name().prop_map(Step::Remove),
        4 => name().prop_map(Step::MakeDirectory),
        1 => name().prop_map(Step::RemoveTree),
        6 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => (name(), name()).prop_map(|(one, other)| Step::Exchange(one, other)),
        2 => (name(), small()).prop_map(|(name, data)| Step::Save(name, data)),
        1 => name().prop_map(Step::LinkSymbolic),
        1 => (name(), small()).prop_map(|(name, place)| Step::Leave(name, place)),
        1 => (small(), name()).prop_map(|(place, name)| Step::ComeBack(place, name)),
        1 => Just(Step::Settle),
        1 => any::<bool>().prop_map(|freeze| if freeze { Step::Freeze } else { Step::Settle }),
    ]
}

/// Does one step that touches the tree.
fn apply(tree: &Tree, step: &Step) -> io::Result<()> {
    let path = |name: &usize| tree.path(NAMES[*name]);
    let outside = |place: &u8| tree.outside(format!("{place}"));
    let data = |data: &u8| vec![b'0' + data; 10];
    match step {
        Step::Write(name, bytes) => fs::write(path(name), data(bytes)),
        Step::Append(name, bytes) => File::options()
            .append(true)
            .open(path(name))?
            .write_all(&data(bytes)),
        Step::Truncate(name) => sys::truncate(&path(name), 3),
        Step::Remove(name) => fs::remove_file(path(name)),
        Step::MakeDirectory(name) => fs::create_dir(path(name)),
        Step::RemoveTree(name) => fs::remove_dir_all(path(name)),
        Step::Rename(from, to) => fs::rename(path(from), path(to)),
        Step::Exchange(one, other) => {
            sys::rename_with(&path(one), &path(other), sys::RENAME_EXCHANGE)
        }
        Step::Save(name, bytes) => {
            let half = tree.path("half");
            fs::write(&half, data(bytes))?;
            fs::rename(half, path(name))
        }
        Step::LinkSymbolic(name) => std::os::unix::fs::symlink("d", path(name)),
        Step::Leave(name, place) => fs::rename(path(name), outside(place)),
        Step::ComeBack(place, name) => fs::rename(outside(place), path(name)),
        Step::Settle | Step::Freeze => Ok(()),
    }
}

#[test]
fn any_sequence_of_operations_folds_to_the_tree() {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|text| text.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(40),
        max_shrink_iters: 60,
        max_shrink_time: 60_000,
        // A failure is printed in full, and not kept in a file.
        failure_persistence: None,
        ..Config::default()
    };
    let steps = proptest::collection::vec(step(), 1..60);
    let run = |steps: Vec<Step>| {
        let tree = Tree::new();
        tree.mkdirs("d/d");
        tree.write("a", "at the start");
        tree.write("d/d/a", "at the start");
        let mut watch = tree.watch().json().baseline().start();
        for step in &steps {
            // Most errors are ENOENT.
            let _ = apply(&tree, step);
            match step {
                Step::Freeze => watch.freeze(),
                Step::Settle => {
                    watch.thaw();
                    watch.settle();
                }
                _ => {}
            }
        }
        watch.thaw();
        watch.finish();
        Ok(())
    };
    TestRunner::new(config).run(&steps, run).unwrap();
}
