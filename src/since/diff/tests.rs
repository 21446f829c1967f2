//! Compares random trees with what was reported of them before random operations: the records
//! must fold the one to the other.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod cases;
mod judge;
mod start;
mod stream;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{Comparison, diff};
use crate::change::{Digest, InodeTimes, OwnedChange};
use crate::since::Reads;
use crate::tracker::Hashing;
use crate::tracker::fake::{Chance, Fake, Op, SLOTS};
use crate::tracker::model::Id;
use start::{Odds, RunOptions, Start};
use stream::Stream;

/// A millisecond in nanoseconds.
const MS: i64 = 1_000_000;

/// The names that programs play with: few, so that they meet.
const NAMES: [&str; 14] = [
    "t/a", "t/b", "t/d", "t/d/a", "t/d/b", "t/d/e", "t/d/e/a", "t/e", "t/e/a", "o/a", "o/d",
    "o/d/a", "u/a", "u/d",
];

/// Files that no program touches, under the names that a temporary one is made of first.
const BACKUPS: [&str; 7] = ["t/a~", "t/a~~", "t/b~", "t/d~", "t/e~", "t/d/a~", "u/a~"];

/// What each run sees, and how it ends.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    before: RunOptions,
    now: RunOptions,
    has_stat: bool,
    verifies: bool,
    comparison: Comparison,
    odds: Odds,
    /// Before the first session, during it, and after it.
    setup: Vec<Vec<Op>>,
    session: Vec<Vec<Op>>,
    offline: Vec<Vec<Op>>,
}

/// A few system calls that belong together.
fn step(names: Vec<&'static str>) -> impl Strategy<Value = Vec<Op>> {
    let name = || proptest::sample::select(names.clone());
    let data = || 0..3_u8;
    let last = SLOTS - 1;
    prop_oneof![
        6 => (name(), data()).prop_map(move |(path, data)| vec![Op::Open(last, path), Op::Put(last, data), Op::Shut(last)]),
        1 => name().prop_map(move |path| vec![Op::Open(last, path), Op::Shut(last)]),
        2 => (name(), data()).prop_map(move |(path, data)| vec![Op::Append(last, path), Op::Put(last, data), Op::Shut(last)]),
        1 => name().prop_map(|path| vec![Op::Touch(path)]),
        1 => (name(), any::<bool>()).prop_map(|(path, may)| vec![Op::Chmod(path, may)]),
        3 => name().prop_map(|path| vec![Op::Unlink(path)]),
        6 => name().prop_map(|path| vec![Op::MakeDir(path)]),
        1 => name().prop_map(|path| vec![Op::RemoveDir(path)]),
        2 => name().prop_map(|path| vec![Op::RemoveTree(path)]),
        1 => name().prop_map(|path| vec![Op::RemoveTree(path), Op::MakeDir(path)]),
        8 => (name(), name()).prop_map(|(from, to)| vec![Op::Rename(from, to)]),
        6 => (name(), name()).prop_map(|(one, other)| vec![Op::Exchange(one, other)]),
        2 => (name(), data()).prop_map(move |(path, data)| {
            vec![Op::Open(last, "t/tmp"), Op::Put(last, data), Op::Shut(last), Op::Rename("t/tmp", path)]
        }),
        3 => (name(), name()).prop_map(|(from, to)| vec![Op::Link(from, to)]),
        1 => name().prop_map(|path| vec![Op::Symlink(path)]),
        1 => name().prop_map(|path| vec![Op::Fifo(path)]),
    ]
}

fn steps(names: Vec<&'static str>, most: usize) -> impl Strategy<Value = Vec<Vec<Op>>> {
    proptest::collection::vec(step(names), 0..most)
}

/// Steps that make some of the files.
fn backups() -> impl Strategy<Value = Vec<Vec<Op>>> {
    let last = SLOTS - 1;
    let some = proptest::sample::subsequence(BACKUPS.to_vec(), 0..=BACKUPS.len());
    some.prop_map(move |paths| {
        let made = |path| vec![Op::Open(last, path), Op::Shut(last)];
        paths.into_iter().map(made).collect()
    })
}

fn run_options() -> impl Strategy<Value = RunOptions> {
    let hashing =
        prop_oneof![5 => Just(Hashing::Eager), 1 => Just(Hashing::Lazy), 1 => Just(Hashing::Off)];
    let limit = prop_oneof![5 => Just(1 << 30), 1 => Just(6)];
    let depth = prop_oneof![6 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    let hides = prop_oneof![6 => Just(None), 1 => Just(Some("a")), 1 => Just(Some("d"))];
    let births = prop_oneof![4 => Just(true), 1 => Just(false)];
    (hashing, limit, depth, hides, births).prop_map(
        |(hashing, hash_limit, max_depth, hides, has_birth_times)| RunOptions {
            paths: Vec::new(),
            hashing,
            hash_limit,
            max_depth,
            hides,
            has_birth_times,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let paths = prop_oneof![
        4 => Just(vec![("t", "t")]),
        2 => Just(vec![("t", "t"), ("u", "u")]),
        1 => Just(vec![("t/d", "t/d"), ("t", "t")]),
        1 => Just(vec![("./t/d", "t/d"), ("t", "t"), ("u", "u")]),
        1 => Just(vec![("t/d/e", "t/d/e"), ("./t/d", "t/d"), ("u", "u"), ("t", "t")]),
        1 => Just(vec![("t/a", "t/a")]),
        1 => Just(vec![("./t/a", "t/a"), ("t", "t")]),
        1 => Just(vec![("t/d/a", "t/d/a"), ("./t/a", "t/a"), ("u", "u")]),
        1 => Just(vec![("t/d/e", "t/d/e"), ("t", "t")]),
        1 => Just(vec![("./t/d/a", "t/d/a"), ("t", "t"), ("u", "u")]),
        1 => Just(vec![("", "")]),
        1 => Just(vec![("t/d", "t/d"), ("", "")]),
    ];
    let offline_names = [&NAMES[..], &["t", "u"]].concat();
    let mostly = || prop_oneof![4 => Just(true), 1 => Just(false)];
    let odds = (0..4_usize, 0..4_usize, 0..4_usize);
    let odds = odds.prop_map(|(unwatched, unread, moved)| Odds {
        unwatched: [0, 0, 10, 50][unwatched],
        unread: [0, 0, 10, 50][unread],
        moved: [0, 0, 10, 50][moved],
    });
    let options = (paths, run_options(), run_options(), any::<[bool; 2]>());
    let options = options.prop_map(|(paths, mut before, mut now, [same, turned])| {
        before.paths.clone_from(&paths);
        now.paths = paths;
        if same {
            now = before.clone();
        }
        if turned {
            now.paths.reverse();
        }
        (before, now)
    });
    (
        any::<u64>(),
        options,
        (mostly(), any::<bool>(), mostly(), mostly()),
        odds,
        (steps(NAMES.to_vec(), 14), backups()),
        steps(NAMES.to_vec(), 6),
        steps(offline_names, 10),
    )
        .prop_map(
            |(seed, (before, now), flags, odds, (mut setup, backups), session, offline)| {
                setup.extend(backups);
                let (has_stat, verifies, has_log, renames) = flags;
                let completes_digests = has_log && now.hashing == Hashing::Eager;
                Case {
                    seed,
                    before,
                    now,
                    has_stat,
                    verifies: verifies && seed.is_multiple_of(3),
                    comparison: Comparison {
                        completes_digests,
                        completes_attributes: has_log,
                        renames,
                    },
                    odds,
                    setup,
                    session,
                    offline,
                }
            },
        )
}

/// What a comparison gave, and between what.
struct Compared<'a> {
    case: &'a Case,
    disk: Fake,
    stream: Stream<'a>,
    start: Start,
    changes: Vec<OwnedChange>,
    /// With the digest that was reported before.
    unread: Vec<(Id, Option<Digest>)>,
}

/// Performs operations, and lets some time pass after each.
fn perform(
    disk: &mut Fake,
    chance: &mut Chance,
    steps: &[Vec<Op>],
    mut after: impl FnMut(&Fake, &[Op]),
) {
    for ops in steps {
        for &op in ops {
            disk.perform(op);
            let time = disk.time();
            let passed = [4, 5, 300, 3000][chance.below(4)];
            disk.set_time(time + passed * MS);
        }
        after(disk, ops);
    }
}

/// `None`: no PATH was there when the session began.
fn compare(case: &Case) -> Option<Compared<'_>> {
    let mut chance = Chance::new(case.seed);
    let mut disk = Fake::new(case.seed, 1_700_000_000_000 * MS);
    let tops = [Op::MakeDir("t"), Op::MakeDir("u"), Op::MakeDir("o")].map(|op| vec![op]);
    perform(&mut disk, &mut chance, &tops, |_, _| {});
    perform(&mut disk, &mut chance, &case.setup, |_, _| {});
    let mut stream = Stream::begin(&disk, &case.before, case.has_stat);
    perform(&mut disk, &mut chance, &case.session, |disk, ops| {
        let moved = ops.iter().flat_map(|op| match op {
            Op::Rename(_, to) => vec![*to],
            Op::Exchange(one, other) => vec![*one, *other],
            _ => Vec::new(),
        });
        let moved: Vec<_> = moved.filter_map(|path| disk.at(path.as_bytes())).collect();
        stream.observe(disk, &moved);
    });
    perform(&mut disk, &mut chance, &case.offline, |_, _| {});

    let since = stream.since(Reads {
        all: case.verifies,
        without_digest: case.now.hashing == Hashing::Eager,
    })?;
    let mut start = Start::walk(&disk, &case.now, Some(&since), &mut chance, case.odds);
    start.baseline(&disk, &case.now, &since, &mut chance, case.odds);
    let mut times = |dir: Id| -> Option<InodeTimes> {
        let stat = case.now.stat(&disk, start.nodes[&dir]);
        let is_known =
            !start.unknown.contains(&dir) && stat.inode == start.tracker.model.inode(dir);
        is_known.then(|| stat.times())
    };
    let difference = diff(
        &since,
        &start.tracker,
        &start.found,
        &mut times,
        case.comparison,
    );
    let unread = difference.unread.into_iter();
    let unread = unread.map(|(id, old)| (id, old.and_then(|old| since.tree().digest(old))));
    Some(Compared {
        case,
        disk,
        stream,
        changes: difference.changes.collect(),
        unread: unread.collect(),
        start,
    })
}

#[test]
fn whatever_happened_while_nobody_watched_the_records_fold_to_the_tree() {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let run = runner.run(&case(), |case| {
        let judged = compare(&case).map_or(Ok(()), |compared| compared.judge());
        judged.map_err(TestCaseError::fail)
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
