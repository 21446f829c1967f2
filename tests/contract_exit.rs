//! Tests the exit statuses, and the messages on stderr (contract, section 1).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Ended, Tree, sys};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};

/// Runs balerion with these arguments in an empty directory, until it ends by itself.
fn refused(args: &[&str]) -> Ended {
    let tree = Tree::new();
    tree.touch("file");
    tree.mkdir("directory");
    tree.symlink("nowhere", "dangling");
    tree.symlink("loop", "loop");
    let ended = tree.watch().args(args).spawn().wait();
    assert_eq!(ended.status.code(), Some(2), "{args:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, b"", "{args:?}");
    assert_ne!(ended.stderr, "", "{args:?}");
    ended.stderr_is_ours();
    ended
}

#[test]
fn being_asked_to_stop_is_a_good_end() {
    for signal in [sys::SIGTERM, sys::SIGINT, sys::SIGHUP] {
        let tree = Tree::new();
        let mut watch = tree.watch().start();
        tree.touch("a");
        watch.expect(&["New file: ./a"]);
        watch.signal(signal);
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0), "signal {signal}");
        ended.stderr_is_ours();
    }
}

#[test]
fn being_asked_to_stop_before_it_is_ready_is_a_good_end_too() {
    let tree = Tree::new();
    for number in 0..3 {
        // Holes: nothing on disk, and much to read.
        let file = File::create(tree.path(format!("f{number}"))).unwrap();
        file.set_len(1 << 29).unwrap();
    }
    let watch = tree.watch().args(["--format", "json", "--initial"]).spawn();
    // The first record shows that it has begun.
    let deadline = std::time::Instant::now() + common::DEADLINE;
    watch.out.line(0, deadline).unwrap();
    watch.stop();
}

#[test]
fn a_reader_that_goes_away_ends_it_at_once_with_nothing_happening() {
    let tree = Tree::new();
    let (read, write) = sys::pipe().unwrap();
    let watch = tree.watch().stdout(write).start();
    drop(read);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended.stderr_is_ours();
}

#[test]
fn a_reader_that_goes_away_while_lines_are_coming_is_a_good_end_too() {
    let tree = Tree::new();
    let (read, write) = sys::pipe().unwrap();
    let watch = tree.watch().stdout(write).start();
    let mut reader = BufReader::new(File::from(read));
    let mut line = String::new();
    tree.touch("first");
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "New file: ./first\n");
    drop(reader);
    for number in 0..100 {
        tree.touch(format!("f{number}"));
    }
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended.stderr_is_ours();
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let tree = Tree::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let watch = tree.watch().stdout(full).start();
    tree.touch("a");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    ended.stderr_is_ours();
}

#[test]
fn no_stdout_at_all_is_a_failure() {
    let tree = Tree::new();
    let closed = ["sh", "-c", "exec \"$@\" >&-", "sh"];
    let ended = tree.watch().through(&closed).spawn().wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    ended.stderr_is_ours();
}

#[test]
fn a_closed_stderr_does_not_make_a_file_of_ours_stderr() {
    let tree = Tree::new();
    let closed = ["sh", "-c", "exec \"$@\" <&- 2>&-", "sh"];
    let args = ["--timeout", "0", "--trace", "--log-file", "../outside/log"];
    let ended = tree.watch().through(&closed).args(args).spawn().wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(fs::read(tree.outside("log")).unwrap(), b"");
}

#[test]
fn unusable_arguments_are_refused() {
    for args in [
        &["--no-such-option"][..],
        &["--format", "xml"],
        &["--hash", "sometimes"],
        &["--hash-limit", "much"],
        &["--count", "0"],
        &["--count", "-1"],
        &["--timeout", "inf"],
        &["--timeout", "-1"],
        &["--timeout", "soon"],
        &["--rescan", "0"],
        &["--rescan", "inf"],
        &["--rescan", "-1"],
    ] {
        refused(args);
    }
}

#[test]
fn a_path_that_cannot_be_watched_is_refused_and_named() {
    for path in [
        "missing",
        "missing/below",
        "file/",
        "file/below",
        "dangling",
        "loop",
    ] {
        let ended = refused(&[path]);
        let name = path.trim_end_matches('/');
        assert!(ended.stderr.contains(name), "{path}: {}", ended.stderr);
    }
}

#[test]
fn one_path_that_cannot_be_watched_is_enough() {
    refused(&["directory", "missing"]);
}

#[test]
fn an_empty_path_is_refused() {
    refused(&[""]);
}

#[test]
fn two_dashes_end_the_options() {
    let tree = Tree::new();
    tree.mkdir("--count");
    let mut watch = tree.watch().args(["--"]).path("--count").start();
    tree.touch("--count/a");
    watch.expect(&["New file: --count/a"]);
    watch.stop();
}

#[test]
fn it_ends_after_the_changes_that_were_asked_for() {
    let tree = Tree::new();
    tree.write("there", "before");
    let watch = tree
        .watch()
        .json()
        .args(["--initial", "--count", "2"])
        .start();
    tree.touch("a");
    tree.touch("b");
    tree.touch("c");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0));
    let changes: Vec<_> = ended
        .lines()
        .into_iter()
        .filter(|line| line.contains("created"))
        .collect();
    assert_eq!(changes.len(), 2, "{changes:#?}");
    assert!(!ended.lines().iter().any(|line| line.contains("./c")));
}

#[test]
fn a_timeout_without_a_change_has_a_status_of_its_own() {
    let tree = Tree::new();
    let ended = tree.watch().args(["--timeout", "0.2"]).spawn().wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"");
    ended.stderr_is_ours();
}

#[test]
fn a_timeout_after_a_change_is_a_good_end() {
    let tree = Tree::new();
    let mut watch = tree.watch().args(["--timeout", "3"]).start();
    tree.touch("a");
    watch.expect(&["New file: ./a"]);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let about_itself = [
        "--help",
        "-h",
        "--version",
        "--man",
        "--completions=bash",
        "--print-unit",
    ];
    for option in about_itself {
        let tree = Tree::new();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = tree.watch().args([option]).stdout(full).spawn().wait();
        assert_eq!(ended.status.code(), Some(1), "{option}");
        assert_eq!(
            ended.stderr, "balerion: cannot write to stdout: No space left on device\n",
            "{option}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = tree.watch().args([option]).stdout(writer).spawn().wait();
        assert_eq!(ended.status.code(), Some(0), "{option}");
        assert_eq!(ended.stderr, "", "{option}");
    }
}
