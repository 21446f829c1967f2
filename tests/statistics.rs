//! Tests the statistics: a block on stderr at the end, however that comes, and on a signal.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Ended, Tree, Watch, eventually, sys};

/// The value of a row of the statistics, and how often it was given.
fn row(stderr: &str, name: &str) -> (String, usize) {
    let rows: Vec<_> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("balerion: stats: "))
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with("  "))
        .map(|rest| rest.trim().to_owned())
        .collect();
    assert!(!rows.is_empty(), "no row {name:?} in\n{stderr}");
    (rows.last().unwrap().clone(), rows.len())
}

#[test]
fn statistics_are_a_block_at_the_end_that_counts_what_was_done() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/there", "12345");
    let mut watch = tree.watch().args(["--stats", "-q"]).spawn();
    // With --quiet, a reported change shows that it is ready.
    let is_reported = || {
        tree.append("d/there", "6");
        watch.out.count() > 0
    };
    assert!(eventually(is_reported));
    tree.touch("new");
    watch.until("New file: ./new");
    let reported = watch.reported().len();
    let ended = watch.stop();
    for (name, value) in [
        ("watches", 2),
        ("directories", 2),
        ("files", 2),
        ("overflows", 0),
    ] {
        assert_eq!(row(&ended.stderr, name), (value.to_string(), 1), "{name}");
    }
    let (printed, _) = row(&ended.stderr, "changes printed");
    assert!(printed.parse::<usize>().unwrap() >= reported);
    assert!(row(&ended.stderr, "hashes").0.parse::<u64>().unwrap() > 0);
    assert!(row(&ended.stderr, "memory").0.contains("MiB"));
    assert!(row(&ended.stderr, "running").0.ends_with(" s"));
}

#[test]
fn statistics_are_printed_on_a_signal_at_any_time_and_end_nothing() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    for number in 1..=2_usize {
        tree.touch(number.to_string());
        watch.expect(&[&format!("New file: ./{number}")]);
        watch.signal(libc::SIGUSR1);
        let is_printed = || {
            let lines = watch.err.lines_from(0);
            let last = |line: &&common::stream::Line| line.text().contains("stats: running");
            lines.iter().filter(last).count() == number
        };
        assert!(eventually(is_printed));
    }
    let ended = watch.stop();
    assert_eq!(row(&ended.stderr, "files"), ("2".to_owned(), 2));
    assert_eq!(row(&ended.stderr, "changes printed"), ("2".to_owned(), 2));
}

/// The statistics of a watch that ended with this status, or by a signal, after so many
/// changes.
fn expect_block(ended: &Ended, status: Option<i32>, printed: u64) {
    let stderr = &ended.stderr;
    assert_eq!(ended.status.code(), status, "{stderr}");
    let changes = row(stderr, "changes printed");
    assert_eq!(changes, (printed.to_string(), 1), "{stderr}");
    let is_row = |line: &&str| line.starts_with("balerion: stats: ");
    assert_eq!(stderr.lines().filter(is_row).count(), 12, "{stderr}");
}

#[test]
fn statistics_come_with_the_one_change_that_was_waited_for() {
    for one in ["-1", "--one", "--count=1"] {
        let tree = Tree::new();
        let watch = tree.watch().args(["--stats", one]).start();
        // Several changes, of which one is printed.
        tree.mkdirs("a/b/c");
        let ended = watch.wait();
        assert_eq!(ended.lines(), ["Watching new directory: ./a"]);
        expect_block(&ended, Some(0), 1);
    }
}

#[test]
fn statistics_come_with_the_one_change_whatever_ends_the_watch_before() {
    type End = fn(&Tree, &Watch);
    let ends: [(&[&str], End, Option<i32>, u64); 6] = [
        (&["--timeout", "0"], |_, _| (), Some(3), 0),
        (&["--until-quiet", "0.01"], |_, _| (), Some(0), 0),
        (&[], |_, watch| watch.signal(sys::SIGTERM), None, 0),
        (&[], |_, watch| watch.signal(sys::SIGINT), None, 0),
        (&[], |_, watch| watch.signal(sys::SIGHUP), None, 0),
        // Waits until no PATH is left.
        (
            &["--events", "deleted"],
            |tree, _| tree.remove_all("d"),
            Some(0),
            1,
        ),
    ];
    for (args, end, status, printed) in ends {
        let tree = Tree::new();
        tree.mkdir("d");
        let watch = tree.watch().args(["--stats", "-1"]).args(args).path("d");
        let watch = watch.start();
        end(&tree, &watch);
        expect_block(&watch.wait(), status, printed);
    }
}

#[test]
fn statistics_come_where_nothing_is_left_and_where_nobody_reads() {
    let tree = Tree::new();
    tree.mkdir("d");
    let watch = tree.watch().args(["--stats"]).path("d").start();
    tree.remove_all("d");
    expect_block(&watch.wait(), Some(1), 1);

    let (reader, printer) = sys::pipe().unwrap();
    let watch = tree.watch().args(["--stats", "-1"]).stdout(printer);
    let watch = watch.start();
    drop(reader);
    expect_block(&watch.wait(), Some(0), 0);
}
