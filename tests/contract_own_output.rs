//! Tests that balerion never reports the files that it writes itself, wherever they are
//! (contract, section 4, rule 10).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, Watch, eventually};
use std::fs::{self, File};
use std::path::Path;

/// Waits until a file has so many lines, and returns them.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let mut text = String::new();
    let there = eventually(|| {
        text = fs::read_to_string(path).unwrap_or_default();
        text.lines().count() >= count
    });
    assert!(there, "expected {count} lines, got only {text}");
    text.lines().map(str::to_owned).collect()
}

/// Makes a file that is kept open, and waits until both its lines are in the output, which has
/// `before` lines: its content is read once it has been quiet for 50 ms, so that whatever else was
/// delayed has been reported by then.
fn sentinel(tree: &Tree, name: &str, out: &Path, before: usize) -> Vec<String> {
    let mut held = tree.open(name);
    std::io::Write::write_all(&mut held, b"x").unwrap();
    lines(out, before + 2)
}

#[test]
fn stdout_into_a_file_in_the_tree_is_not_reported() {
    let tree = Tree::new();
    let out = tree.path("out.log");
    let watch = tree.watch().stdout(File::create(&out).unwrap()).start();
    let mut expected = Vec::new();
    for number in 0..3 {
        tree.touch(format!("f{number}"));
        expected.push(format!("New file: ./f{number}"));
        assert_eq!(lines(&out, expected.len()), expected);
    }
    let found = sentinel(&tree, "last", &out, expected.len());
    expected.extend(["New file: ./last", "Content changed: ./last"].map(str::to_owned));
    assert_eq!(found, expected);
    watch.stop();
    assert_eq!(lines(&out, expected.len()), expected);
}

#[test]
fn stdout_into_a_file_that_is_a_path_is_not_reported() {
    let tree = Tree::new();
    let out = tree.path("out.log");
    for paths in [&["out.log"][..], &["out.log", "."]] {
        let stdout = File::create(&out).unwrap();
        let watch = tree.watch().args(["--format", "json", "--initial"]);
        let watch = watch.args(paths).stdout(stdout).start();
        watch.stop();
        let text = fs::read_to_string(&out).unwrap();
        let records = text.lines().filter(|line| !line.contains("\"start\""));
        assert!(records.clone().count() > 0, "{text}");
        assert!(
            records.clone().all(|line| !line.contains("out.log")),
            "{text}"
        );
        assert!(text.contains("\"files\":0"), "{text}");
    }
}

#[test]
fn stderr_into_a_file_in_the_tree_is_not_reported() {
    let tree = Tree::new();
    let log = tree.path("err.log");
    let mut watch = tree.watch().stderr(File::create(&log).unwrap()).spawn();
    let ready = eventually(|| {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("baseline complete")
    });
    assert!(ready, "not ready");
    tree.touch("a");
    watch.expect(&["New file: ./a"]);
    watch.finish();
}

#[test]
fn both_into_one_file_below_are_not_reported() {
    let tree = Tree::new();
    tree.mkdir("logs");
    let log = tree.path("logs/all");
    let file = File::create(&log).unwrap();
    let copy = file.try_clone().unwrap();
    let watch = tree.watch().stdout(file).stderr(copy).spawn();
    assert!(eventually(|| has(&log, "balerion: ready: ")));
    tree.touch("a");
    assert!(eventually(|| has(&log, "New file: ./a\n")));
    end(&tree, watch, &log);
}

#[test]
fn an_output_that_is_renamed_stays_our_own() {
    let tree = Tree::new();
    let out = tree.path("out");
    let watch = tree.watch().stdout(File::create(&out).unwrap()).start();
    let moved = tree.path("out.1");
    fs::rename(&out, &moved).unwrap();
    tree.touch("a");
    assert!(eventually(|| has(&moved, "New file: ./a\n")));
    let text = fs::read_to_string(&moved).unwrap();
    assert!(!text.contains("Content changed: ./out"), "{text}");
    end(&tree, watch, &moved);
}

fn has(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found.contains(text))
}

/// Shows by a last change that the log is never reported, and ends.
fn end(tree: &Tree, watch: Watch, log: &Path) {
    let mut held = tree.open("last");
    std::io::Write::write_all(&mut held, b"x").unwrap();
    assert!(eventually(|| has(log, "Content changed: ./last\n")));
    watch.stop();
    let text = fs::read_to_string(log).unwrap();
    let changes: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("balerion: "))
        .filter(|line| !line.ends_with("./last") && !line.ends_with("./a"))
        .filter(|line| !line.starts_with("Renamed: "))
        .collect();
    assert!(changes.is_empty(), "{changes:#?}");
}

#[test]
fn its_log_in_the_tree_is_not_reported_and_opened_anew_when_asked() {
    let tree = Tree::new();
    let log = tree.path("log");
    let watch = tree.watch().args(["--log-file", "log"]).start();
    tree.touch("a");
    assert!(eventually(|| has(&log, "New file: ./a\n")));
    // As a rotation of logs does it.
    let old = tree.path("log.1");
    fs::rename(&log, &old).unwrap();
    watch.signal(common::sys::SIGHUP);
    assert!(eventually(|| log.exists()));
    tree.touch("b");
    assert!(eventually(|| has(&log, "New file: ./b\n")));
    let text = fs::read_to_string(&log).unwrap() + &fs::read_to_string(&old).unwrap();
    assert!(!text.contains("Content changed"), "{text}");
    tree.append("b", "x");
    assert!(eventually(|| has(&log, "Content changed: ./b\n")));
    let ended = watch.stop();
    assert_eq!(ended.stdout, b"");
}

#[test]
fn a_file_that_once_had_the_name_of_the_log_is_reported() {
    let tree = Tree::new();
    tree.write("important", "bytes");
    let watch = tree.watch().args(["--log-file", "log"]).start();
    tree.rename("log", "old");
    tree.link("important", "log");
    let old = tree.path("old");
    let mut expected = Vec::new();
    for number in 0..2 {
        tree.touch(format!("f{number}"));
        expected.push(format!("New file: ./f{number}"));
        assert_eq!(lines(&old, expected.len()), expected);
        tree.append("important", "more");
        expected.push("Content changed: ./important".to_owned());
        assert_eq!(lines(&old, expected.len()), expected);
        if number == 0 {
            tree.remove("log");
        }
    }
    tree.touch("log");
    tree.touch("last");
    expected.push("New file: ./last".to_owned());
    assert_eq!(lines(&old, expected.len()), expected);
    tree.rename("log", "new");
    tree.rename("important", "kept");
    expected.extend(["New file: ./new", "Renamed: ./important -> ./kept"].map(str::to_owned));
    assert_eq!(lines(&old, expected.len()), expected);
    watch.stop();
}
