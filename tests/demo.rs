//! Tests the output of a shell session in an empty, watched directory: eight lines.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, fork};
use std::path::Path;
use std::process::Command;

/// Runs one line of shell in a directory, to its end.
fn shell(directory: &Path, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).current_dir(directory);
    let done = fork::output(&mut shell).unwrap();
    assert!(done.status.success(), "{script}");
}

#[test]
fn a_shell_session_reads_as_it_happened() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    let steps: [(&str, &[&str]); 7] = [
        (
            "echo hello > a.txt",
            &["New file: ./a.txt", "Content changed: ./a.txt"],
        ),
        ("mv a.txt b.txt", &["Renamed: ./a.txt -> ./b.txt"]),
        ("rm b.txt", &["Deleted: ./b.txt"]),
        ("mkdir dir", &["Watching new directory: ./dir"]),
        ("touch dir/x.txt", &["New file: ./dir/x.txt"]),
        ("rm dir/x.txt", &["Deleted: ./dir/x.txt"]),
        ("rmdir dir", &["Deleted directory: ./dir"]),
    ];
    for (command, lines) in steps {
        shell(&tree.root(), command);
        watch.expect(lines);
    }
    watch.finish();
}

const SESSION: &str = "echo hello > a.txt; mv a.txt b.txt; rm b.txt; \
                       mkdir dir; touch dir/x.txt; rm dir/x.txt; rmdir dir";

#[test]
fn the_session_without_a_pause_still_reports_every_name_that_came_and_went() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    shell(&tree.root(), SESSION);
    let reported = watch.sentinel();
    let place = |line: &str| reported.iter().position(|each| each == line);
    let created = place("New file: ./a.txt");
    let renamed = place("Renamed: ./a.txt -> ./b.txt");
    let deleted = place("Deleted: ./b.txt");
    assert!(created.is_some() && renamed.is_some(), "{reported:#?}");
    assert!(created < renamed && renamed < deleted, "{reported:#?}");
    watch.finish();
}

#[test]
fn the_records_of_the_session_without_a_pause_fold_to_an_empty_tree() {
    for _ in 0..5 {
        let tree = Tree::new();
        let watch = tree.watch().json().start();
        shell(&tree.root(), SESSION);
        watch.finish();
    }
}
