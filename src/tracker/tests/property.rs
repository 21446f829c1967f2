//! Tests with random calls, and events read at random moments, that the emitted records add up
//! to the model at every moment, and to the disk once all is quiet.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestError, TestRunner};

use super::super::Hashing;
use super::super::fake::{Odds, Op, SLOTS};
use super::world::{World, WorldOptions};

/// The names that programs play with: few, so that they meet.
const NAMES: [&str; 14] = [
    "t/a", "t/b", "t/d", "t/d/a", "t/d/b", "t/d/e", "t/d/e/a", "t/e", "t/e/a", "o/a", "o/d",
    "o/d/a", "u/a", "u/d",
];

/// A few system calls that belong together, with these names.
fn step(names: Vec<&'static str>) -> impl Strategy<Value = Vec<Op>> {
    let name = || proptest::sample::select(names.clone());
    let slot = || 0..SLOTS - 1;
    let data = || 0..3_u8;
    let last = SLOTS - 1;
    prop_oneof![
        5 => (name(), data()).prop_map(move |(path, data)| vec![Op::Open(last, path), Op::Put(last, data), Op::Shut(last)]),
        2 => (slot(), name()).prop_map(|(slot, path)| vec![Op::Open(slot, path)]),
        2 => (slot(), name()).prop_map(|(slot, path)| vec![Op::Append(slot, path)]),
        3 => (slot(), data()).prop_map(|(slot, data)| vec![Op::Put(slot, data)]),
        2 => slot().prop_map(|slot| vec![Op::Shut(slot)]),
        1 => (slot(), name(), name()).prop_map(|(slot, dir, path)| vec![Op::Unnamed(slot, dir), Op::LinkOpen(slot, path)]),
        1 => name().prop_map(|path| vec![Op::BeginTruncate(path), Op::EndTruncate]),
        1 => name().prop_map(|path| vec![Op::Allocate(path)]),
        1 => name().prop_map(|path| vec![Op::Touch(path)]),
        1 => (name(), any::<bool>()).prop_map(|(path, may)| vec![Op::Chmod(path, may), Op::Chmod(path, true)]),
        4 => name().prop_map(|path| vec![Op::Unlink(path)]),
        6 => name().prop_map(|path| vec![Op::MakeDir(path)]),
        1 => name().prop_map(|path| vec![Op::RemoveDir(path)]),
        2 => name().prop_map(|path| vec![Op::RemoveTree(path)]),
        1 => name().prop_map(|path| vec![Op::RemoveTree(path), Op::MakeDir(path)]),
        8 => (name(), name()).prop_map(|(from, to)| vec![Op::Rename(from, to)]),
        2 => (name(), name()).prop_map(|(one, other)| vec![Op::Exchange(one, other)]),
        1 => (name(), name()).prop_map(|(from, to)| vec![Op::Whiteout(from, to)]),
        2 => (name(), data()).prop_map(move |(path, data)| {
            vec![Op::Open(last, "t/tmp"), Op::Put(last, data), Op::Shut(last), Op::Rename("t/tmp", path)]
        }),
        2 => (name(), name()).prop_map(|(from, to)| vec![Op::Link(from, to)]),
        1 => name().prop_map(|path| vec![Op::Symlink(path)]),
        1 => name().prop_map(|path| vec![Op::Fifo(path)]),
    ]
}

/// Random settings of a world: its races, limits and options.
pub(super) fn options() -> impl Strategy<Value = WorldOptions> {
    let odds = (0..3_usize, 0..3_usize, 0..3_usize);
    let odds = odds.prop_map(|(race, late, by_worker)| Odds {
        race: race * 20,
        late: late * 25,
        by_worker: by_worker * 30,
        slow_answer: by_worker * 30,
        error: 0,
    });
    let hashing =
        prop_oneof![6 => Just(Hashing::Eager), 2 => Just(Hashing::Lazy), 1 => Just(Hashing::Off)];
    let limit = prop_oneof![5 => Just(1 << 30), 1 => Just(6)];
    let roots = prop_oneof![
        3 => Just(vec!["t"]),
        1 => Just(vec!["t", "u"]),
        1 => Just(vec!["t/d", "t"]),
        1 => Just(vec!["t/d/e", "t/d", "u", "t"]),
    ];
    let events = prop_oneof![3 => Just(usize::MAX), 1 => 1..20_usize];
    let watches = prop_oneof![8 => Just(usize::MAX), 1 => 2..6_usize];
    let no_renames = prop_oneof![3 => Just(false), 1 => Just(true)];
    (
        any::<u64>(),
        odds,
        hashing,
        limit,
        roots,
        events,
        watches,
        no_renames,
    )
        .prop_map(
            |(seed, odds, hashing, hash_limit, roots, most_events, most_watches, no_renames)| {
                let mut options = WorldOptions {
                    seed,
                    odds,
                    roots,
                    most_events,
                    most_watches,
                    ..WorldOptions::default()
                };
                options.settings.hashing = hashing.into();
                options.settings.attributes = seed.is_multiple_of(4);
                options.settings.hash_limit = hash_limit;
                // With lazy hashing a file that was never read is created without a digest, and
                // stays without.
                options.settings.no_renames = no_renames && hashing != Hashing::Lazy;
                options
            },
        )
}

pub(super) const SETUP: [Op; 10] = [
    Op::MakeDir("t/d"),
    Op::MakeDir("t/d/e"),
    Op::Open(0, "t/a"),
    Op::Put(0, 1),
    Op::Open(0, "t/d/a"),
    Op::Put(0, 2),
    Op::Open(0, "t/d/b"),
    Op::Shut(0),
    Op::Link("t/a", "t/d/e/a"),
    Op::MakeDir("o/d"),
];

/// Runs a world, its steps in random order, until all operations are done.
fn run(options: &WorldOptions, steps: &[Vec<Op>]) {
    let links = options.links.iter();
    let links: Vec<_> = links.map(|(link, _)| Op::Symlink(link)).collect();
    let mut world = World::new(options, &[&SETUP, &links[..]].concat());
    // In every third world only one directory may be held open.
    if options.seed.is_multiple_of(3) {
        world.tracker.disk.most_held = 1;
    }
    world.lives_through(&steps.concat());
    world.converges();
}

/// Random lists of calls with these names.
pub(super) fn steps_of(names: Vec<&'static str>) -> impl Strategy<Value = Vec<Vec<Op>>> {
    proptest::collection::vec(step(names), 1..60)
}

/// Runs worlds until one fails, and prints that one in full, rather than to a file of failures
/// beside the sources.
pub(super) fn check(
    worlds: impl Strategy<Value = WorldOptions>,
    steps: impl Strategy<Value = Vec<Vec<Op>>>,
    run: fn(&WorldOptions, &[Vec<Op>]),
) {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&(worlds, steps), |(options, steps)| {
        run(&options, &steps);
        Ok(())
    });
    if let Err(TestError::Fail(why, (options, steps))) = result {
        panic!("{options:?}\n{steps:?}\n{why}");
    }
}

#[test]
fn whatever_happens_the_stream_adds_up_to_the_model_and_then_to_the_disk() {
    check(options(), steps_of(NAMES.to_vec()), run);
}

/// Random worlds whose disk answers with errors for a while.
fn failing() -> impl Strategy<Value = WorldOptions> {
    (options(), 1..40_usize, any::<bool>()).prop_map(|(mut options, error, strict)| {
        options.odds.error = error;
        options.settings.strict = strict;
        options
    })
}

/// Runs such a world, and asserts that once nothing fails any longer it converges as any other.
fn run_failing(options: &WorldOptions, steps: &[Vec<Op>]) {
    let mut world = World::new(options, &SETUP);
    world.lives_through(&steps.concat());
    world.tracker.disk.odds.error = 0;
    world.converges();
}

#[test]
fn whatever_fails_for_a_while_the_model_becomes_the_disk() {
    check(failing(), steps_of(NAMES.to_vec()), run_failing);
}

/// Random worlds in which some names are not reported.
fn narrowed() -> impl Strategy<Value = WorldOptions> {
    let depth = prop_oneof![1 => Just(None), 2 => (1..4_u32).prop_map(Some)];
    let exclude = prop_oneof![
        Just(vec![]),
        Just(vec!["b"]),
        Just(vec!["d/"]),
        Just(vec!["/e"]),
        Just(vec!["d/*", "!d/a"]),
        Just(vec!["a", "e/"]),
    ];
    let include = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["a"]), 1 => Just(vec!["d/*"])];
    let optional = any::<(bool, bool, bool, bool, bool)>();
    (options(), depth, exclude, include, optional).prop_map(
        |(mut options, depth, exclude, include, (attributes, closed, touched, strict, again))| {
            (options.exclude, options.include) = (exclude, include);
            let settings = &mut options.settings;
            settings.max_depth = depth;
            (settings.attributes, settings.closed) = (attributes, closed);
            (settings.touched, settings.strict) = (touched, strict);
            settings.emits_again = again;
            options
        },
    )
}

#[test]
fn whatever_is_not_reported_the_rest_adds_up_to_the_disk() {
    check(narrowed(), steps_of(NAMES.to_vec()), run);
}

/// Random worlds with PATHs that are single files, or lead through a symbolic link.
fn linked() -> impl Strategy<Value = WorldOptions> {
    let links = prop_oneof![
        1 => Just(vec![]),
        1 => Just(vec![("t/x", "t/d")]),
        1 => Just(vec![("t/x", "t/d/e")]),
        1 => Just(vec![("t/d/e/x", "o/d")]),
    ];
    // PATHs in a directory to which a link in them leads.
    let circles = prop_oneof![
        8 => Just(None),
        1 => Just(Some((vec!["t/d"], ("t/d/x", "t")))),
        1 => Just(Some((vec!["t/d/e", "u"], ("t/d/e/x", "t")))),
        1 => Just(Some((vec!["t/d/e", "t/d"], ("t/d/e/x", "t")))),
        1 => Just(Some((vec!["t/d/e"], ("t/d/e/x", "t/d")))),
    ];
    let files = prop_oneof![
        1 => Just(vec![]),
        1 => Just(vec!["t/d/a"]),
        1 => Just(vec!["o/a", "t/a"]),
    ];
    let depth = prop_oneof![1 => Just(None), 2 => (1..3_u32).prop_map(Some)];
    let exclude = prop_oneof![2 => Just(vec![]), 1 => Just(vec!["d/"]), 1 => Just(vec!["a"])];
    (options(), links, circles, files, depth, exclude).prop_map(
        |(mut options, links, circle, files, depth, exclude)| {
            (options.links, options.files, options.exclude) = (links, files, exclude);
            if let Some((roots, link)) = circle {
                (options.roots, options.links) = (roots, vec![link]);
            }
            options.settings.max_depth = depth;
            // A PATH that cannot be watched is tried again by a survey.
            options.most_watches = usize::MAX;
            options
        },
    )
}

#[test]
fn wherever_a_path_leads_the_stream_adds_up_to_the_disk() {
    let names = [&NAMES[..], &["t/x", "t/x", "t/d/x", "t/d/e/x"]].concat();
    check(linked(), steps_of(names), run);
}

/// What is in it goes with it, and so may the directory in which it is replaced.
#[test]
fn a_path_with_a_link_to_what_is_above_it_is_exchanged() {
    for seed in 0..50 {
        let mut options = WorldOptions {
            roots: vec!["t/d"],
            links: vec![("t/d/x", "t")],
            seed,
            ..WorldOptions::default()
        };
        options.odds.race = 40;
        run(&options, &[vec![Op::Exchange("o/d", "t/d")]]);
    }
}

/// A worker has read the bytes before them, and its answer comes last.
#[test]
fn what_one_hard_link_wrote_is_not_replaced_by_a_late_reading_of_another() {
    let mut options = WorldOptions {
        seed: 7_571_134_726_053_453_169,
        odds: Odds {
            race: 20,
            late: 50,
            by_worker: 30,
            slow_answer: 30,
            error: 0,
        },
        roots: vec!["t", "u"],
        ..WorldOptions::default()
    };
    options.settings.hashing = Hashing::Lazy.into();
    let write = |path, data| vec![Op::Open(3, path), Op::Put(3, data), Op::Shut(3)];
    let steps = [
        vec![Op::Open(0, "t/d")],
        vec![Op::Open(0, "t/e/a")],
        vec![Op::Unlink("t/b")],
        vec![Op::Link("t/a", "t/d")],
        vec![Op::Open(0, "t/e/a")],
        vec![Op::Whiteout("t/b", "t/a")],
        vec![Op::Rename("t/e", "t/a")],
        [write("t/tmp", 0), vec![Op::Rename("t/tmp", "u/a")]].concat(),
        vec![Op::RemoveTree("t/d/a"), Op::MakeDir("t/d/a")],
        write("t/d/a", 0),
        vec![Op::Unlink("t/b")],
        vec![Op::MakeDir("o/d/a")],
        write("t/d", 0),
        vec![Op::MakeDir("t/d")],
        vec![Op::Fifo("t/d")],
        vec![Op::Rename("u/a", "t/e")],
        vec![Op::Allocate("t/b")],
        write("t/d/e/a", 0),
        vec![Op::Chmod("t/e/a", false), Op::Chmod("t/e/a", true)],
        vec![Op::Unlink("t/b")],
        vec![Op::Rename("t/a", "t/d")],
        vec![Op::Unlink("t/b")],
        write("t/a", 1),
    ];
    run(&options, &steps);
}

/// A few system calls with few files, which have many names.
fn link_step() -> impl Strategy<Value = Vec<Op>> {
    let name = || proptest::sample::select(&["t/a", "t/b", "t/c", "t/d/a", "u/a", "o/a"][..]);
    let slot = || 0..SLOTS - 1;
    let data = || 0..3_u8;
    let last = SLOTS - 1;
    prop_oneof![
        6 => (name(), name()).prop_map(|(from, to)| vec![Op::Link(from, to)]),
        4 => (name(), data()).prop_map(move |(path, data)| vec![Op::Open(last, path), Op::Put(last, data), Op::Shut(last)]),
        2 => (slot(), name()).prop_map(|(slot, path)| vec![Op::Append(slot, path)]),
        3 => (slot(), data()).prop_map(|(slot, data)| vec![Op::Put(slot, data)]),
        2 => slot().prop_map(|slot| vec![Op::Shut(slot)]),
        1 => (slot(), name(), name()).prop_map(|(slot, dir, path)| vec![Op::Unnamed(slot, dir), Op::LinkOpen(slot, path)]),
        1 => name().prop_map(|path| vec![Op::BeginTruncate(path), Op::EndTruncate]),
        2 => (name(), any::<bool>()).prop_map(|(path, may)| vec![Op::Chmod(path, may), Op::Chmod(path, true)]),
        3 => name().prop_map(|path| vec![Op::Unlink(path)]),
        4 => (name(), name()).prop_map(|(from, to)| vec![Op::Rename(from, to)]),
        2 => (name(), name()).prop_map(|(one, other)| vec![Op::Exchange(one, other)]),
        2 => (name(), data()).prop_map(move |(path, data)| {
            vec![Op::Open(last, "t/tmp"), Op::Put(last, data), Op::Shut(last), Op::Rename("t/tmp", path)]
        }),
    ]
}

#[test]
fn whatever_is_linked_the_stream_adds_up_to_the_disk() {
    let options = (options(), any::<bool>()).prop_map(|(mut options, attributes)| {
        options.settings.attributes = attributes;
        options
    });
    check(options, proptest::collection::vec(link_step(), 1..40), run);
}
