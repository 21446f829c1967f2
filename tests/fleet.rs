//! Tests two hosts that report to one database, as README recommends: after each process was killed
//! in turn, the database has the tree that is on disk.
//!
//! `tests/fleet/run` does it; this runs it where its programs are installed.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::process::Command;

use common::skipped;
use common::skips::without_program;

/// The status of the script where a program is missing.
const NOT_INSTALLED: i32 = 77;

/// Runs the script.
///
/// # Errors
/// A sentence: a program is missing.
fn chain(engine: &str) -> Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/run");
    let output = Command::new(script)
        .args([engine, env!("CARGO_BIN_EXE_balerion")])
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOT_INSTALLED) {
        return Err(messages.lines().last().unwrap_or_default().to_owned());
    }
    assert!(output.status.success(), "{messages}");
    assert!(messages.contains(": equal: "), "{messages}");
    Ok(())
}

#[test]
fn postgresql_has_the_trees_of_two_hosts_whatever_is_killed() {
    if let Err(why) = chain("postgres") {
        without_program("fleet: PostgreSQL", &why);
    }
}

#[test]
fn clickhouse_has_the_trees_of_two_hosts_whatever_is_killed() {
    if let Err(why) = chain("clickhouse") {
        // Large, and not in every distribution: it may be missing in .ci/run.
        skipped("fleet: ClickHouse", &why);
    }
}
