//! Provides the end-to-end tests with a scratch tree, the running binary and its output, a strict
//! fold of its records, and the state of the disk to compare that with.
//!
//! Waiting is always for output or for a state of the system, under [`DEADLINE`]; a test that
//! wants to show that nothing is printed makes a later change and waits for that one.

// Every test binary compiles this module and uses its own part of it.
#![allow(dead_code, unused_imports)]
// A test fails by panicking, and it speaks to whoever runs it on stderr.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

pub(crate) mod builder;
pub(crate) mod disk;
pub(crate) mod fold;
pub(crate) mod fork;
pub(crate) mod fuse;
pub(crate) mod git;
pub(crate) mod judge;
pub(crate) mod load;
pub(crate) mod namespace;
pub(crate) mod record;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod skips;
pub(crate) mod stream;
pub(crate) mod sys;
pub(crate) mod terminal;
pub(crate) mod tree;
pub(crate) mod watch;
pub(crate) mod writers;

pub(crate) use builder::Builder;
pub(crate) use record::Record;
pub(crate) use skips::{has_program, skipped};
pub(crate) use tree::Tree;
pub(crate) use watch::{Ended, Watch};

use std::time::{Duration, Instant};

/// How long anything that must happen may take before the test gives up. It is far
/// more than is ever needed, so that a busy machine is not a failing test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The interval of polling where waiting is not possible (the disk, another process).
const LOOK: Duration = Duration::from_millis(4);

/// Polls until `holds` returns true; false if it does not within [`DEADLINE`].
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + DEADLINE;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// The lower-case hexadecimal SHA-256 of some bytes, as balerion reports it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}
