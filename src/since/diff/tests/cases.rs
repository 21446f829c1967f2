//! Differences of which one rule each is easily broken.

use super::judge::short;
use super::start::{Odds, RunOptions};
use super::{Case, compare};
use crate::since::diff::Comparison;
use crate::tracker::Hashing;
use crate::tracker::fake::{Op, digest};

/// A snapshot of `setup`, then `offline`.
fn case(
    paths: &[(&'static str, &'static str)],
    setup: &[&[Op]],
    offline: &[&[Op]],
    change: impl FnOnce(&mut Case),
) -> Case {
    let options = RunOptions {
        paths: paths.to_vec(),
        hashing: Hashing::Eager,
        hash_limit: 1 << 30,
        max_depth: None,
        hides: None,
        has_birth_times: true,
    };
    let steps = |steps: &[&[Op]]| steps.iter().map(|ops| ops.to_vec()).collect();
    let mut case = Case {
        seed: 1,
        before: options.clone(),
        now: options,
        has_stat: true,
        verifies: false,
        comparison: Comparison {
            completes_digests: true,
            completes_attributes: true,
            renames: true,
        },
        odds: Odds {
            unwatched: 0,
            unread: 0,
            moved: 0,
        },
        setup: steps(setup),
        session: Vec::new(),
        offline: steps(offline),
    };
    change(&mut case);
    case
}

fn file(path: &'static str, data: u8) -> [Op; 3] {
    [Op::Open(0, path), Op::Put(0, data), Op::Shut(0)]
}

/// Checks the records, without sizes and digests, and the number of files in doubt.
#[track_caller]
fn assert_records(case: &Case, expected: &[&str], unread: &[Option<u8>]) {
    let compared = compare(case).expect("a PATH is there");
    assert_eq!(compared.judge(), Ok(()));
    let records: Vec<_> = compared.changes.iter().map(short).collect();
    assert_eq!(records, expected);
    let digests = |data: &Option<u8>| data.map(|data| digest(&[b'0' + data; 4]));
    let actual: Vec<_> = compared.unread.iter().map(|&(_, old)| old).collect();
    assert_eq!(actual, unread.iter().map(digests).collect::<Vec<_>>());
}

#[test]
fn no_name_beside_a_path_is_used_to_exchange_two_names() {
    let case = case(
        &[("./t/a", "t/a"), ("t", "t")],
        &[&file("t/a", 1), &file("t/b", 2)],
        &[&[Op::Exchange("t/a", "t/b")]],
        |_| {},
    );
    assert_records(&case, &["changed ./t/a", "changed t/b"], &[]);
}

#[test]
fn a_name_that_is_there_is_not_used_to_exchange_two_others() {
    let setup: [&[Op]; 3] = [&file("t/a", 1), &file("t/b", 2), &file("t/a~", 3)];
    let case = case(
        &[("t", "t")],
        &setup,
        &[&[Op::Exchange("t/a", "t/b")]],
        |_| {},
    );
    let exchange = ["renamed t/a t/a~~", "renamed t/b t/a", "renamed t/a~~ t/b"];
    assert_records(&case, &exchange, &[]);
}

#[test]
fn two_paths_that_are_exchanged_keep_their_names() {
    let case = case(
        &[("t", "t"), ("u", "u")],
        &[&file("t/a", 1), &file("u/b", 2)],
        &[&[Op::Exchange("t", "u")]],
        |_| {},
    );
    assert_records(&case, &["renamed t/a u/a", "renamed u/b t/b"], &[]);
}

#[test]
fn a_digest_that_nothing_confirms_is_dropped() {
    let case = case(
        &[("t", "t")],
        &[&file("t/a", 1)],
        &[&file("t/a", 2)],
        |case| {
            case.has_stat = false;
            case.now.hashing = Hashing::Off;
            case.comparison.completes_digests = false;
        },
    );
    assert_records(&case, &["changed t/a"], &[]);
}

#[test]
fn a_path_is_deleted_though_the_directory_above_it_was_not_reported() {
    let case = case(
        &[("t/d/e", "t/d/e"), ("t", "t")],
        &[&[Op::MakeDir("t/d"), Op::MakeDir("t/d/e")]],
        &[&[Op::RemoveDir("t/d/e")]],
        |case| (case.before.hides, case.now.hides) = (Some("d"), Some("d")),
    );
    assert_records(&case, &["deleted t/d/e"], &[]);
}

#[test]
fn a_path_keeps_its_path_though_the_directory_above_it_is_hidden_now() {
    let case = case(
        &[("t/d/e", "t/d/e"), ("t", "t")],
        &[&[Op::MakeDir("t/d")]],
        &[&file("t/d/e", 1)],
        |case| case.now.hides = Some("d"),
    );
    assert_records(&case, &["deleted t/d", "created t/d/e"], &[]);
}

#[test]
fn what_a_path_hides_is_no_part_of_a_directory_that_moved() {
    let case = case(
        &[("t/d", "t/d"), ("", "")],
        &[&[Op::MakeDir("u/d"), Op::MakeDir("u/b")]],
        &[&[Op::Exchange("t", "u")]],
        |_| {},
    );
    let exchange = ["renamed /t /t~", "renamed /u /t", "renamed /t~ /u"];
    let expected = [&exchange[..], &["deleted /t/d", "created t/d"]].concat();
    assert_records(&case, &expected, &[]);
}

#[test]
fn a_directory_with_a_path_below_is_not_renamed() {
    let setup: [&[Op]; 2] = [
        &[Op::MakeDir("t/d"), Op::MakeDir("t/d/e"), Op::MakeDir("t/b")],
        &file("t/d/a", 1),
    ];
    let offline: [&[Op]; 1] = [&[Op::Exchange("t/d", "t/b")]];
    let paths = [("t/d/e", "t/d/e"), ("t", "t")];
    let case = case(&paths, &setup, &offline, |_| {});
    let expected = ["renamed t/d/a t/b/a", "deleted t/d/e", "created t/b/e"];
    assert_records(&case, &expected, &[]);
}

#[test]
fn a_file_that_could_not_be_read_is_compared_later() {
    let everything_fails = |case: &mut Case| case.odds.unread = 100;
    let new = case(&[("t", "t")], &[], &[&file("t/a", 1)], everything_fails);
    assert_records(&new, &["created t/a"], &[None]);
    let setup: [&[Op]; 2] = [&file("t/a", 1), &[Op::MakeDir("o/d")]];
    let offline: [&[Op]; 2] = [&[Op::Exchange("t", "o/d")], &file("t/a", 2)];
    let other = case(&[("t", "t")], &setup, &offline, everything_fails);
    assert_records(&other, &[], &[Some(1)]);
}

#[test]
fn a_file_is_created_with_its_content_though_it_was_reported_by_another_path() {
    // Calls that fail take time, too: the file is not racy.
    let setup: [&[Op]; 2] = [&file("t/a", 1), &[Op::Unlink("t/b"); 30]];
    let case = case(&[("t", "t"), ("./t/a", "t/a")], &setup, &[], |case| {
        case.now.paths.reverse()
    });
    assert_records(&case, &["deleted t/a", "created ./t/a"], &[]);
}

#[test]
fn a_path_that_is_part_of_another_one_now_is_the_same_directory() {
    let setup: [&[Op]; 2] = [
        &[Op::MakeDir("t/d"), Op::MakeDir("t/d/e")],
        &file("t/d/e/a", 1),
    ];
    let paths = [("t/d/e", "t/d/e"), ("./t/d", "t/d"), ("t", "t")];
    let case = case(&paths, &setup, &[], |case| case.now.paths.reverse());
    assert_records(&case, &["deleted ./t/d", "created t/d"], &[]);
}

#[test]
fn an_inode_number_used_again_costs_the_same_however_many_names_it_had_and_has() {
    const NAMES: usize = 4_000;
    let names = |dir: &str| -> Vec<&'static str> {
        let name = |number| &*format!("{dir}/{number}").leak();
        (0..NAMES).map(name).collect()
    };
    let (before, now) = (names("t"), names("u"));
    let link = |names: &[&'static str]| -> Vec<Op> {
        let others = names[1..].iter();
        others.map(|other| Op::Link(names[0], other)).collect()
    };
    let gone: Vec<_> = before.iter().map(|name| Op::Unlink(name)).collect();
    let case = case(
        &[("t", "t"), ("u", "u")],
        &[&file(before[0], 1), &link(&before)],
        &[&gone, &file(now[0], 2), &link(&now)],
        |_| {},
    );
    // With a comparison of each name with each this takes minutes.
    let began = std::time::Instant::now();
    let compared = compare(&case).expect("a PATH is there");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(compared.changes.len(), 2 * NAMES);
}
