//! Runs a script with a shell that finds the balerion under test, and ends all that it started.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use super::stream::Stream;
use super::{Tree, eventually};

/// A shell that runs a recipe; it is killed, with all that it started, when dropped.
pub(crate) struct Shell {
    /// The shell, which leads a process group of its own.
    pub(crate) child: Child,
    pub(crate) out: Arc<Stream>,
    pub(crate) err: Arc<Stream>,
}

impl Shell {
    /// Runs a recipe in the tree; `balerion` is the one being tested.
    pub(crate) fn start(tree: &Tree, script: &str) -> Self {
        let ours = Path::new(env!("CARGO_BIN_EXE_balerion")).parent().unwrap();
        let others = std::env::var("PATH").unwrap_or_default();
        let shell = if script.contains("bash") {
            "bash"
        } else {
            "sh"
        };
        let mut child = Command::new(shell)
            .args(["-c", script])
            .current_dir(tree.root())
            .env("PATH", format!("{}:{others}", ours.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let out = Stream::collect(child.stdout.take().unwrap());
        let err = Stream::collect(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Both outputs so far, to be shown when a test fails.
    pub(crate) fn outputs(&self) -> String {
        let out = String::from_utf8_lossy(&self.out.bytes()).into_owned();
        let err = String::from_utf8_lossy(&self.err.bytes()).into_owned();
        format!("stdout:\n{out}stderr:\n{err}")
    }

    /// Waits until the watcher is ready, and has read what is there.
    pub(crate) fn wait_ready(&self) {
        let is_ready = || {
            let lines = self.err.lines_from(0);
            let done = "balerion: baseline complete: ";
            lines.iter().any(|line| line.text().starts_with(done))
        };
        assert!(eventually(is_ready), "{}", self.outputs());
    }

    /// Waits for a line that the recipe prints.
    pub(crate) fn expect(&self, wanted: &str) {
        let is_reported = || self.has(wanted);
        assert!(
            eventually(is_reported),
            "no {wanted:?}, but {}",
            self.outputs()
        );
    }

    /// Whether the recipe has printed a line.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        let lines = self.out.lines_from(0);
        lines.iter().any(|line| line.text() == wanted)
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        assert!(eventually(|| self.ended().is_some()), "{}", self.outputs());
        self.ended().unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Unless the shell was waited for, its process ID and group ID are not used again.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}
