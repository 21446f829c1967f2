//! Runs a case: a tree, the calls of programs, and the records expected of them.

use super::super::fake::{Odds, Op};
use super::world::{World, WorldOptions};

/// Makes a file of four bytes, or writes them to it.
pub(super) fn write(path: &'static str, data: u8) -> Vec<Op> {
    vec![Op::Open(3, path), Op::Put(3, data), Op::Shut(3)]
}

/// Makes a file of four bytes with two names: `t/a` and `t/b`.
pub(super) fn linked() -> Vec<Op> {
    all(&[write("t/a", 1), vec![Op::Link("t/a", "t/b")]])
}

pub(super) fn touch(path: &'static str) -> Vec<Op> {
    vec![Op::Open(3, path), Op::Shut(3)]
}

/// Concatenates lists of calls.
pub(super) fn all(parts: &[Vec<Op>]) -> Vec<Op> {
    parts.concat()
}

/// Asserts which records are emitted when all calls happen before the watcher reads events, and
/// that they add up to the disk also when it reads earlier or is raced.
pub(super) fn emits(tree: &[Op], ops: &[Op], emitted: &[&str]) {
    emits_with(&WorldOptions::default(), tree, ops, emitted);
}

pub(super) fn emits_with(options: &WorldOptions, tree: &[Op], ops: &[Op], emitted: &[&str]) {
    let mut world = World::quiet(options, tree);
    world.does(ops);
    world.converges();
    assert_eq!(
        world.new_records(),
        emitted,
        "{:#?}",
        world.tracker.disk.journal
    );
    folds_with(options, tree, ops);
}

/// Asserts that the emitted records add up to the disk, whichever they are.
pub(super) fn folds(tree: &[Op], ops: &[Op]) {
    folds_with(&WorldOptions::default(), tree, ops);
}

pub(super) fn folds_with(options: &WorldOptions, tree: &[Op], ops: &[Op]) {
    let mut world = World::quiet(options, tree);
    world.does(ops);
    world.converges();
    let mut world = World::quiet(options, tree);
    for op in ops {
        world.does(&[*op]);
        world.catches_up();
    }
    world.converges();
    for seed in 0..40 {
        let odds = Odds {
            race: 20,
            late: 20,
            by_worker: 10,
            slow_answer: 10,
            error: 0,
        };
        let mut world = World::new(
            &WorldOptions {
                seed,
                odds,
                ..options.clone()
            },
            tree,
        );
        world.lives_through(ops);
        world.converges();
    }
}
