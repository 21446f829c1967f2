//! The last test program, by its name: lists what the others did not test, and why.
//!
//! With `BALERION_SKIPS=refuse`, as in `.ci/run`, it fails if something was not tested for
//! want of a program.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::io::Write as _;

use common::skips::{self, Reason};

#[test]
fn what_was_not_tested_is_listed() {
    let skips = skips::all();
    skips::forget();
    let mut text = String::new();
    for skip in &skips {
        text += &format!("  {}: {}\n", skip.test, skip.why);
    }
    if text.is_empty() {
        text += "  nothing\n";
    }
    // Not by print!, whose output of a test that passes is not shown.
    write!(std::io::stderr(), "\nNot tested in this run:\n{text}").unwrap();
    if std::env::var_os("BALERION_SKIPS").is_some_and(|how| how == "refuse") {
        let without_program: Vec<_> = skips
            .iter()
            .filter(|skip| skip.reason == Reason::NoProgram)
            .map(|skip| format!("{}: {}", skip.test, skip.why))
            .collect();
        assert_eq!(without_program, Vec::<String>::new());
    }
}
