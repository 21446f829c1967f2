//! Notes which tests could not run here, and why: on the terminal at once, and in a list that
//! the last test program prints.
//!
//! The list is a file for each run of cargo, named by the process that started the test
//! programs, which is the same for all of them.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why something was not tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// A program is not installed. It could be.
    NoProgram,
    /// The kernel, its settings or our permissions do not allow it.
    NotPossible,
}

/// One test, or one case of it, that was not run.
pub(crate) struct Skip {
    pub(crate) test: String,
    pub(crate) why: String,
    pub(crate) reason: Reason,
}

/// Begins the names of the lists.
const LIST: &str = "not-tested-";

fn list_of(run: u32) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{LIST}{run}"))
}

/// Notes that a test, or a case of it, is not run, and why.
pub(crate) fn skipped(test: &str, why: &str) {
    add(test, why, Reason::NotPossible);
}

/// Whether a program is installed; if not, notes that the test is not run.
pub(crate) fn has_program(test: &str, program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // It need not know --version: if it can be executed, it is installed.
    let is_there = found.is_ok();
    if !is_there {
        without_program(test, program);
    }
    is_there
}

/// Notes that a test is not run, because a program is not installed.
pub(crate) fn without_program(test: &str, program: &str) {
    add(test, &format!("there is no {program}"), Reason::NoProgram);
}

fn add(test: &str, why: &str, reason: Reason) {
    let why = why.replace(['\n', '\t'], " ");
    // Not by eprintln!, whose output of a test that passes is not shown.
    let _shown = writeln!(std::io::stderr(), "NOT TESTED {test}: {why}");
    let file = File::options()
        .append(true)
        .create(true)
        .open(list_of(parent_id()));
    let line = format!("{reason:?}\t{test}\t{why}\n");
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        panic!("cannot keep what was not tested: {error}");
    }
}

/// The tests skipped so far in this run of cargo.
pub(crate) fn all() -> Vec<Skip> {
    let text = fs::read_to_string(list_of(parent_id())).unwrap_or_default();
    let mut skips: Vec<Skip> = text.lines().filter_map(parse).collect();
    skips.sort_by(|a, b| a.test.cmp(&b.test).then_with(|| a.why.cmp(&b.why)));
    skips.dedup_by(|a, b| a.test == b.test && a.why == b.why);
    skips
}

fn parse(line: &str) -> Option<Skip> {
    let mut fields = line.splitn(3, '\t');
    let reason = match fields.next()? {
        "NoProgram" => Reason::NoProgram,
        _ => Reason::NotPossible,
    };
    Some(Skip {
        test: fields.next()?.to_owned(),
        why: fields.next()?.to_owned(),
        reason,
    })
}

/// Removes the list of this run, and those of runs that have ended.
pub(crate) fn forget() {
    let Ok(entries) = fs::read_dir(env!("CARGO_TARGET_TMPDIR")) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some(run) = name.strip_prefix(LIST) else {
            continue;
        };
        let is_over = run == parent_id().to_string() || !Path::new("/proc").join(run).exists();
        if is_over {
            // Another run may have removed it just now.
            let _removed = fs::remove_file(entry.path());
        }
    }
}
