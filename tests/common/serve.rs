//! Runs balerion in the background, or writing to a log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Tree, eventually, fork, sys};

const BALERION: &str = env!("CARGO_BIN_EXE_balerion");

pub(crate) struct Daemon {
    pid_file: PathBuf,
    pub(crate) pid: u32,
    pub(crate) log: PathBuf,
    /// What the command that started it has written to stderr.
    pub(crate) stderr: String,
}

/// Runs balerion with these arguments, standing in the tree, and waits for its end and
/// for the end of its outputs.
pub(crate) fn run(tree: &Tree, args: &[&str]) -> Output {
    let mut command = Command::new(BALERION);
    command
        .args(args)
        .current_dir(tree.root())
        .stdin(Stdio::null());
    fork::output(&mut command).unwrap()
}

pub(crate) fn stderr_of(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The messages about these arguments, which must be refused.
pub(crate) fn refused_in(tree: &Tree, args: &[&str]) -> String {
    let output = run(tree, args);
    let stderr = stderr_of(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(output.stdout, b"", "{args:?}");
    for line in stderr.lines() {
        assert!(line.starts_with("balerion: "), "{args:?}: {line}");
    }
    assert_ne!(stderr, "", "{args:?}");
    stderr
}

pub(crate) fn refused(args: &[&str]) -> String {
    refused_in(&Tree::new(), args)
}

/// Whether a process runs, or still has open descriptors.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|after| after.chars().next());
    stat.contains("(balerion) ") && state != Some('Z')
}

impl Daemon {
    /// Starts a daemon that writes to `log` and `pid`, relative to the tree.
    pub(crate) fn start(tree: &Tree, log: &str, pid: &str, args: &[&str]) -> Self {
        let mut all = vec!["--daemon", "--log-file", log, "--pid-file", pid];
        all.extend(args);
        let output = run(tree, &all);
        let stderr = stderr_of(&output);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert_eq!(output.stdout, b"");
        let pid_file = tree.path(pid);
        let pid = fs::read_to_string(&pid_file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        Self {
            pid_file,
            pid,
            log: tree.path(log),
            stderr,
        }
    }

    /// Waits until the log holds these lines, and nothing else.
    pub(crate) fn expect(&self, lines: &[&str]) {
        expect_in(&self.log, lines);
    }

    pub(crate) fn signal(&self, signal: i32) {
        assert!(is_running(self.pid), "it has ended");
        sys::kill(self.pid, signal).unwrap();
    }

    pub(crate) fn wait(&self) {
        assert!(eventually(|| !is_running(self.pid)), "it has not ended");
    }

    /// Ends it by SIGTERM, which removes its pid file.
    pub(crate) fn stop(self) {
        self.signal(sys::SIGTERM);
        self.wait();
        assert!(!self.pid_file.exists(), "the pid file is left");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if is_running(self.pid) {
            // It may have ended meanwhile.
            let _ended = sys::kill(self.pid, sys::SIGKILL);
        }
    }
}

/// Waits until a file holds these lines, and nothing else.
pub(crate) fn expect_in(path: &Path, lines: &[&str]) {
    let mut found = String::new();
    let equal = eventually(|| {
        found = fs::read_to_string(path).unwrap_or_default();
        found.lines().eq(lines.iter().copied()) && (found.is_empty() || found.ends_with('\n'))
    });
    assert!(
        equal,
        "expected {lines:#?} in {}, found:\n{found}",
        path.display()
    );
}

/// A file that is kept open after a write, and so is reported as created at once and as changed
/// after 50 ms of quiet. Whatever was delayed before it has been reported by then.
pub(crate) fn sentinel(tree: &Tree, name: &str) -> (File, [String; 2]) {
    let mut held = tree.open(name);
    std::io::Write::write_all(&mut held, b"x").unwrap();
    (
        held,
        [
            format!("New file: ./{name}"),
            format!("Content changed: ./{name}"),
        ],
    )
}
