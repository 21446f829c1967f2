//! Waits for the output of a running watcher, and ends it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Instant;

use super::judge::Folded;
use super::record::Record;
use super::stream::{Line, Stream};
use super::{DEADLINE, eventually, sys};

pub(crate) struct Watch {
    pub(super) child: Child,
    pub(crate) out: Arc<Stream>,
    pub(crate) err: Arc<Stream>,
    /// How many lines of stdout the test has taken.
    pub(super) taken: usize,
    /// The fold of its records, where it prints records.
    pub(super) fold: Option<Folded>,
    /// Where each PATH lies on disk, and how it was given.
    pub(super) roots: Vec<(PathBuf, Vec<u8>)>,
    pub(super) without: Vec<Vec<u8>>,
    pub(super) sentinels: usize,
}

/// The exit status and the outputs of a watcher that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Watch {
    /// Takes over a process that has just been started.
    pub(crate) fn new(
        child: Child,
        out: Arc<Stream>,
        err: Arc<Stream>,
        fold: Option<Folded>,
        roots: Vec<(PathBuf, Vec<u8>)>,
        without: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            child,
            out,
            err,
            taken: 0,
            fold,
            roots,
            without,
            sentinels: 0,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of /proc/PID/status (proc_pid_status(5)), such as `State`.
    pub(crate) fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap().trim().to_owned()
    }

    /// The peak of the resident memory, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let peak = self.status("VmHWM");
        peak.strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// Fails the test, and shows what the watcher has printed.
    pub(super) fn fail(&self, why: &str) -> ! {
        let tail = |stream: &Stream| {
            let lines = stream.lines_from(0);
            let first = lines.len().saturating_sub(40);
            let tail: Vec<_> = lines[first..].iter().map(Line::text).collect();
            tail.join("\n  ")
        };
        panic!(
            "{why}\nstdout ends with:\n  {}\nstderr ends with:\n  {}",
            tail(&self.out),
            tail(&self.err)
        );
    }

    // Waiting for lines.

    /// Waits for the `ready` record, or for the line on stderr where there are no
    /// records. What comes before it has been taken then.
    pub(crate) fn wait_ready(&mut self) -> Line {
        if self.fold.is_none() {
            return self.await_stderr("balerion: ready: ");
        }
        loop {
            let line = self.next_line();
            if line.bytes.windows(7).any(|part| part == b"\"ready\"") {
                return line;
            }
        }
    }

    /// Waits for the next line of stdout.
    pub(crate) fn next_line(&mut self) -> Line {
        let deadline = Instant::now() + DEADLINE;
        let Some(line) = self.out.line(self.taken, deadline) else {
            self.fail("nothing more on stdout");
        };
        self.taken += 1;
        line
    }

    /// The files in a directory that it has open.
    pub(crate) fn open_in(&self, dir: &Path) -> Vec<PathBuf> {
        let fds = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        let files = fds.into_iter().flatten().flatten();
        let files = files.filter_map(|fd| fs::read_link(fd.path()).ok());
        files.filter(|path| path.starts_with(dir)).collect()
    }

    /// Waits for a line of stderr that begins so, from its start on.
    pub(crate) fn await_stderr(&self, start: &str) -> Line {
        self.await_stderr_where(start, |line| line.starts_with(start))
    }

    /// Waits for a line of stderr, from its start on, for which `holds`.
    pub(crate) fn await_stderr_where(&self, what: &str, holds: impl Fn(&str) -> bool) -> Line {
        let deadline = Instant::now() + DEADLINE;
        for number in 0.. {
            match self.err.line(number, deadline) {
                Some(line) if holds(&line.text()) => return line,
                Some(_) => {}
                None => break,
            }
        }
        self.fail(&format!("not on stderr: {what}"));
    }

    /// A line of stdout as expectations are written: text as it is, records in short.
    fn brief(&self, line: &Line) -> String {
        match (&self.fold, Record::parse(&line.bytes)) {
            (None, _) => line.text(),
            (Some(_), Ok(record)) => record.summary(),
            (Some(_), Err(error)) => format!("{error}: {}", line.text()),
        }
    }

    /// Waits for as many lines of stdout and compares them, in order. Of records the
    /// short form is compared, and the records are returned.
    pub(crate) fn expect(&mut self, expected: &[&str]) -> Vec<Record> {
        let deadline = Instant::now() + DEADLINE;
        let mut found = Vec::new();
        let mut records = Vec::new();
        for _ in expected {
            let Some(line) = self.out.line(self.taken, deadline) else {
                self.fail(&format!("expected {expected:#?},\ngot only {found:#?}"));
            };
            self.taken += 1;
            found.push(self.brief(&line));
            records.extend(Record::parse(&line.bytes));
        }
        if found != expected {
            self.fail(&format!("expected {expected:#?},\ngot {found:#?}"));
        }
        records
    }

    /// Like [`Watch::expect`], for lines that may come in any order.
    pub(crate) fn expect_in_any_order(&mut self, expected: &[&str]) {
        let mut left = expected.to_vec();
        while !left.is_empty() {
            let line = self.next_line();
            let line = self.brief(&line);
            let Some(place) = left.iter().position(|wanted| *wanted == line) else {
                self.fail(&format!("not expected: {line}; waiting for {left:#?}"));
            };
            left.remove(place);
        }
    }

    /// Waits until a line of stdout, in short, is `wanted`; returns those before it.
    pub(crate) fn until(&mut self, wanted: &str) -> Vec<String> {
        let mut before = Vec::new();
        // Snapshots bring lines for ever.
        let deadline = Instant::now() + 4 * DEADLINE;
        loop {
            let line = self.next_line();
            let brief = self.brief(&line);
            if brief == wanted {
                return before;
            }
            if Instant::now() > deadline {
                self.fail(&format!("not on stdout: {wanted}"));
            }
            before.push(brief);
        }
    }

    /// Every line of stdout so far, in short, but for the start of a session.
    pub(crate) fn reported(&self) -> Vec<String> {
        let lines = self.out.lines_from(0);
        let briefs = lines.iter().map(|line| self.brief(line));
        briefs.filter(|brief| brief != "start").collect()
    }

    /// Every record so far, of JSON.
    pub(crate) fn records(&self) -> Vec<Record> {
        let lines = self.out.lines_from(0);
        let parse = |line: &Line| Record::parse(&line.bytes).unwrap();
        lines.iter().map(parse).collect()
    }

    // Silence.

    /// Makes a sentinel in the first PATH, and waits until it was reported as created and as
    /// changed: a file that is kept open is read after 50 ms of quiet, so that whatever was delayed
    /// before it has been reported by then. Returns the lines that came in between, in short.
    pub(crate) fn sentinel(&mut self) -> Vec<String> {
        self.sentinels += 1;
        let name = format!("sentinel-{}", self.sentinels);
        let (root, prefix) = self.roots[0].clone();
        let mut held = File::create_new(root.join(&name)).unwrap();
        let path = format!("{}/{name}", String::from_utf8_lossy(&prefix));
        let (made, written) = if self.fold.is_some() {
            let made = format!("created file {path}");
            (made, format!("changed file {path}"))
        } else {
            let made = format!("New file: {path}");
            (made, format!("Content changed: {path}"))
        };
        let mut between = self.until(&made);
        // Written only now, since a scan that is under way may find the file with its bytes.
        held.write_all(name.as_bytes()).unwrap();
        between.extend(self.until(&written));
        between
    }

    pub(crate) fn silence(&mut self) {
        let between = self.sentinel();
        if !between.is_empty() {
            self.fail(&format!(
                "nothing was expected, and these came: {between:#?}"
            ));
        }
    }

    // Signals and the end.

    pub(crate) fn signal(&self, signal: i32) {
        sys::kill(self.pid(), signal).unwrap();
    }

    /// Stops the process as SIGSTOP does, and returns when it has stopped.
    pub(crate) fn freeze(&self) {
        self.signal(sys::SIGSTOP);
        let stat = format!("/proc/{}/stat", self.pid());
        let stopped = eventually(|| {
            let text = fs::read(&stat).unwrap_or_default();
            let after = text.rsplit(|byte| *byte == b')').next();
            after.is_some_and(|after| after.starts_with(b" T"))
        });
        assert!(stopped, "SIGSTOP did not stop it");
    }

    pub(crate) fn thaw(&self) {
        self.signal(sys::SIGCONT);
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let mut status = None;
        let ended = eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            self.fail("it has not ended");
        }
        let deadline = Instant::now() + DEADLINE;
        assert!(self.out.wait_end(deadline), "its stdout stays open");
        assert!(self.err.wait_end(deadline), "its stderr stays open");
        let stderr = self.err.bytes();
        Ended {
            status: status.unwrap(),
            stdout: self.out.bytes(),
            stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
        }
    }

    /// Ends it by SIGTERM, which is a good end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(sys::SIGTERM);
        let ended = self.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        ended.stderr_is_ours();
        ended
    }
}

impl Ended {
    /// Every line on stderr begins with the name of the program.
    pub(crate) fn stderr_is_ours(&self) {
        for line in self.stderr.lines() {
            assert!(
                line.starts_with("balerion: "),
                "a line of stderr: {line:?}, of\n{}",
                self.stderr
            );
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended, or have been waited for, already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
