//! Freezes the form and order of records: scripted workloads from fixed seeds, without races,
//! must give the records that they gave when `corpus.txt` was written.
//!
//! Convergence is for the other tests. A difference here is a change of what users see:
//! either a fault, or intended, and then the file is written again with
//! `BALERION_CORPUS=write cargo test corpus`.

use std::fmt::Write as _;

use super::super::fake::{Chance, Op};
use super::world::{World, WorldOptions};

/// The names that the workloads use: few, so that they meet.
const NAMES: [&str; 10] = [
    "t/a", "t/b", "t/d", "t/d/a", "t/d/b", "t/d/e", "t/d/e/a", "t/e", "o/a", "o/d",
];

/// The calls that make the tree at the start.
const SETUP: [Op; 8] = [
    Op::MakeDir("t/d"),
    Op::MakeDir("t/d/e"),
    Op::Open(0, "t/a"),
    Op::Put(0, 1),
    Op::Open(0, "t/d/a"),
    Op::Put(0, 2),
    Op::Open(0, "o/a"),
    Op::MakeDir("o/d"),
];

/// System calls that a program makes one after the other.
fn step(chance: &mut Chance) -> Vec<Op> {
    let mut name = || NAMES[chance.below(NAMES.len())];
    let (one, other) = (name(), name());
    let data = u8::try_from(chance.below(3)).unwrap();
    match chance.below(16) {
        0..3 => vec![Op::Open(3, one), Op::Put(3, data), Op::Shut(3)],
        3 => vec![Op::Open(3, one), Op::Shut(3)],
        4 => vec![Op::Append(3, one), Op::Put(3, data), Op::Shut(3)],
        5 => vec![Op::Touch(one)],
        6 => vec![Op::Unlink(one)],
        7 => vec![Op::MakeDir(one)],
        8 => vec![Op::RemoveTree(one)],
        9..12 => vec![Op::Rename(one, other)],
        12 => vec![Op::Exchange(one, other)],
        13 => vec![
            Op::Open(3, "t/tmp"),
            Op::Put(3, data),
            Op::Shut(3),
            Op::Rename("t/tmp", one),
        ],
        14 => vec![Op::Link(one, other)],
        _ => vec![Op::Symlink(one)],
    }
}

/// One workload: its calls in bursts, each followed by the records that it gave.
fn workload(seed: u64, text: &mut String) {
    let mut world = World::quiet(&WorldOptions::default(), &SETUP);
    let mut chance = Chance::new(seed);
    writeln!(text, "# seed {seed}").unwrap();
    for _ in 0..8 {
        for _ in 0..1 + chance.below(4) {
            for op in step(&mut chance) {
                world.perform(op);
            }
        }
        world.catches_up();
        let records = world.new_records();
        writeln!(text, "burst").unwrap();
        for record in records {
            writeln!(text, "  {record}").unwrap();
        }
    }
    world.converges();
    writeln!(text, "rest").unwrap();
    for record in world.new_records() {
        writeln!(text, "  {record}").unwrap();
    }
}

#[test]
fn records_have_the_form_and_order_of_the_corpus() {
    let mut text = String::new();
    for seed in 0..24 {
        workload(seed, &mut text);
    }
    if std::env::var_os("BALERION_CORPUS").is_some_and(|how| how == "write") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tracker/tests/corpus.txt");
        std::fs::write(path, &text).unwrap();
    }
    let mut frozen = include_str!("corpus.txt").lines();
    let mut seed = "";
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            seed = line;
        }
        assert_eq!(
            frozen.next(),
            Some(line),
            "line {} of corpus.txt, {seed}",
            at + 1
        );
    }
    assert_eq!(frozen.next(), None, "a record is missing at the end");
}
