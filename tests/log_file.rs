//! Tests the log: it is appended to, opened anew after a rotation, never reported, and loses or
//! tears no record when the disk is full.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::disk::{Snapshot, snapshot};
use common::fold::Fold;
use common::serve::{Daemon, expect_in, sentinel};
use common::{Builder, DEADLINE, Tree, Watch, eventually, namespace, sys};
use std::fs;
use std::path::{Path, PathBuf};

/// Room for changes: 64 KiB, which may grow.
const SMALL: &str = "mount -t tmpfs -o size=64k none /mnt && exec \"$@\"";

#[test]
fn changes_are_appended_and_nothing_is_printed_on_stdout() {
    let tree = Tree::new();
    let log = tree.outside("log");
    fs::write(&log, "before\n").unwrap();
    let watch = tree.watch().args(["--log-file", "../outside/log"]).start();
    tree.touch("a");
    expect_in(&log, &["before", "New file: ./a"]);
    assert_eq!(watch.stop().stdout, b"");
}

#[test]
fn a_record_that_a_sudden_death_has_cut_is_ended_first() {
    let tree = Tree::new();
    let log = tree.outside("log");
    fs::write(&log, "New fi").unwrap();
    let watch = tree.watch().args(["--log-file", "../outside/log"]).start();
    tree.touch("a");
    expect_in(&log, &["New fi", "New file: ./a"]);
    watch.stop();
}

#[test]
fn a_hangup_opens_the_log_anew_and_ends_nothing() {
    let tree = Tree::new();
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    tree.touch("a");
    daemon.expect(&["New file: ./a"]);
    fs::rename(&log, &old).unwrap();
    tree.touch("b");
    expect_in(&old, &["New file: ./a", "New file: ./b"]);
    daemon.signal(sys::SIGHUP);
    assert!(eventually(|| log.exists()));
    tree.touch("c");
    daemon.expect(&["New file: ./c"]);
    // The path still leads to the open file: no new session.
    daemon.signal(sys::SIGHUP);
    tree.touch("d");
    daemon.expect(&["New file: ./c", "New file: ./d"]);
    expect_in(&old, &["New file: ./a", "New file: ./b"]);
    daemon.stop();
}

#[test]
fn a_log_that_cannot_be_opened_anew_is_kept() {
    let tree = Tree::new();
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    let watch = tree.watch().args(["--log-file", "../outside/log"]).start();
    fs::rename(&log, &old).unwrap();
    std::os::unix::fs::symlink(tree.outside("victim"), &log).unwrap();
    watch.signal(sys::SIGHUP);
    let warning =
        watch.await_stderr("balerion: warning: cannot open ../outside/log: it is a symbolic link");
    assert!(
        warning
            .text()
            .ends_with("changes go to the file that was open before")
    );
    tree.touch("a");
    expect_in(&old, &["New file: ./a"]);
    assert!(!tree.outside("victim").exists());
    watch.stop();
}

#[test]
fn a_log_in_the_tree_is_never_reported_of_however_it_is_rotated() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "log", "pid", &[]);
    tree.touch("a");
    daemon.expect(&["New file: ./a"]);
    // As `create` of logrotate does: the new file is there before SIGHUP.
    tree.rename("log", "log.1");
    tree.touch("log");
    tree.touch("b");
    expect_in(&tree.path("log.1"), &["New file: ./a", "New file: ./b"]);
    daemon.signal(sys::SIGHUP);
    tree.touch("c");
    daemon.expect(&["New file: ./c"]);
    // As `nocreate` of logrotate does.
    tree.rename("log.1", "log.2");
    tree.rename("log", "log.1");
    daemon.signal(sys::SIGHUP);
    assert!(eventually(|| tree.path("log").exists()));
    tree.remove("log.2");
    let (_held, lines) = sentinel(&tree, "last");
    daemon.expect(&[&lines[0], &lines[1]]);
    daemon.stop();
    expect_in(&tree.path("log.1"), &["New file: ./c"]);
}

#[test]
fn a_new_file_that_has_the_number_of_an_old_log_is_reported() {
    let tree = Tree::new();
    let watch = tree.watch().args(["--log-file", "log"]).start();
    tree.rename("log", "log.1");
    watch.signal(sys::SIGHUP);
    assert!(eventually(|| tree.path("log").exists()));
    tree.remove("log.1");
    // ext4 and others give the inode numbers of removed files first.
    let names: Vec<_> = (0..16).map(|number| format!("f{number}")).collect();
    for name in &names {
        tree.touch(name);
    }
    let lines: Vec<_> = names
        .iter()
        .map(|name| format!("New file: ./{name}"))
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    expect_in(&tree.path("log"), &lines);
    watch.stop();
}

/// A watcher whose log is on a small file system of its own.
struct Small {
    tree: Tree,
    watch: Watch,
    mount: PathBuf,
    start: Snapshot,
}

impl Small {
    /// Fills the disk, then rotates the log. Returns the paths of the new one and the old one.
    fn rotate_full(&self) -> (PathBuf, PathBuf) {
        self.fill(1000);
        let (log, old) = (self.mount.join("log"), self.mount.join("log.1"));
        fs::rename(&log, &old).unwrap();
        self.watch.signal(sys::SIGHUP);
        self.watch
            .await_stderr("balerion: /mnt/log was opened anew");
        (log, old)
    }

    /// Starts it; `None`, with a message on the terminal, where that is not permitted.
    fn start(test: &str) -> Option<Self> {
        Self::start_with(test, |builder| builder)
    }

    fn start_with(test: &str, with: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        namespace::mounting(test)?;
        let tree = Tree::new();
        let mut start = Snapshot::new();
        snapshot(&tree.root(), b".", &mut start);
        let words = ["unshare", "-Urm", "sh", "-c", SMALL, "sh"];
        let args = ["--format", "json", "--log-file", "/mnt/log"];
        let watch = with(tree.watch()).through(&words).args(args).start();
        let mount = PathBuf::from(format!("/proc/{}/root/mnt", watch.pid()));
        Some(Self {
            tree,
            watch,
            mount,
            start,
        })
    }

    /// Makes changes whose records do not fit on the disk, and waits for the warning.
    fn fill(&self, files: usize) {
        for number in 0..files {
            self.tree
                .write(format!("file-{number}"), number.to_string());
        }
        let warning = self
            .watch
            .await_stderr("balerion: warning: /mnt/log cannot be written: ");
        assert!(
            warning.text().contains("No space left on device"),
            "{}",
            warning.text()
        );
    }

    fn relieve(&self) {
        // With the source given, mount(8) adds no option of the first mount: user IDs differ here.
        let remount = ["mount", "-o", "remount,size=64m", "none", "/mnt"];
        namespace::inside(&self.watch, &remount).unwrap();
    }

    /// Waits until the logs, one after the other, fold to the tree.
    fn folds(&self, logs: &[&Path]) -> Fold {
        let end = std::time::Instant::now() + 3 * DEADLINE;
        loop {
            let mut fold = Fold::new(&self.start, &[b".".to_vec()], false);
            let bytes = logs.iter().flat_map(|log| fs::read(log).unwrap());
            let bytes: Vec<_> = bytes.collect();
            let lines = bytes.split_inclusive(|byte| *byte == b'\n');
            for line in lines.filter(|line| line.ends_with(b"\n")) {
                fold.feed(&line[..line.len() - 1]);
            }
            let mut truth = Snapshot::new();
            snapshot(&self.tree.root(), b".", &mut truth);
            let differences = fold.differences(&truth, true);
            if differences.is_empty() && bytes.ends_with(b"\n") {
                assert_eq!(fold.violations, Vec::<String>::new());
                return fold;
            }
            assert!(
                std::time::Instant::now() < end,
                "{} differences",
                differences.len()
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn complaints(&self) -> usize {
        let lines = self.watch.err.lines_from(0);
        lines
            .iter()
            .filter(|line| line.text().contains("cannot be written"))
            .count()
    }
}

#[test]
fn a_full_disk_is_warned_of_once_and_costs_no_change() {
    let Some(small) = Small::start("a_full_disk_is_warned_of_once_and_costs_no_change") else {
        return;
    };
    small.fill(1000);
    small.relieve();
    small
        .watch
        .await_stderr("balerion: /mnt/log is written again, and nothing was lost");
    small.tree.touch("after");
    let fold = small.folds(&[&small.mount.join("log")]);
    assert_eq!(fold.counts.get("overflow"), None);
    assert_eq!(small.complaints(), 1);
    small.watch.stop();
}

#[test]
fn a_full_disk_that_outlasts_the_buffer_and_the_queue_costs_no_change_either() {
    let test = "a_full_disk_that_outlasts_the_buffer_and_the_queue_costs_no_change_either";
    let Some(small) = Small::start(test) else {
        return;
    };
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    // Three events a file. 1 MiB of records is kept, less than 4,000 files, and before
    // that is full a watcher that lags behind has read more events than the queue holds.
    let files = 12_000 + queue.trim().parse::<usize>().unwrap() / 3;
    small.fill(files.min(40_000));
    small.relieve();
    let fold = small.folds(&[&small.mount.join("log")]);
    assert!(fold.counts.contains_key("overflow"), "{:?}", fold.counts);
    small.watch.stop();
}

#[test]
fn no_record_is_torn_between_two_logs() {
    let Some(small) = Small::start("no_record_is_torn_between_two_logs") else {
        return;
    };
    let (log, old) = small.rotate_full();
    assert!(
        fs::read(&old).unwrap().ends_with(b"\n"),
        "the last record is cut"
    );
    small.relieve();
    small.tree.touch("after");
    small.folds(&[&old, &log]);
    small.watch.stop();
}

#[test]
fn a_new_log_begins_with_a_whole_record_whatever_is_left_in_the_old_one() {
    let test = "a_new_log_begins_with_a_whole_record_whatever_is_left_in_the_old_one";
    // As of a file that may only be appended to: chattr(1).
    let uncut = |builder: Builder| builder.refusing(libc::SYS_ftruncate, libc::EPERM);
    let Some(small) = Small::start_with(test, uncut) else {
        return;
    };
    let (log, old) = small.rotate_full();
    small.relieve();
    let first = || fs::read(&log).unwrap_or_default();
    assert!(eventually(|| first().contains(&b'\n')));
    let first = String::from_utf8(first()).unwrap();
    assert!(first.starts_with('{'), "{:?}", first.lines().next());
    assert!(!fs::read(&old).unwrap().ends_with(b"\n"), "nothing was cut");
    small.watch.stop();
}

#[test]
fn what_a_full_disk_has_cost_at_the_end_is_a_failure() {
    let Some(small) = Small::start("what_a_full_disk_has_cost_at_the_end_is_a_failure") else {
        return;
    };
    small.fill(1000);
    let log = fs::File::open(small.mount.join("log")).unwrap();
    small.watch.signal(sys::SIGTERM);
    let ended = small.watch.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .ends_with("balerion: cannot write changes: No space left on device\n")
    );
    let text = std::io::read_to_string(log).unwrap();
    assert!(text.ends_with('\n'), "the last record is cut");
}

#[test]
fn a_stdout_that_is_full_is_a_failure() {
    let tree = Tree::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let watch = tree.watch().stdout(full).start();
    tree.touch("a");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended
            .stderr
            .ends_with("balerion: cannot write changes: No space left on device\n")
    );
}

#[test]
fn without_a_stdout_there_is_nothing_to_begin_with() {
    let tree = Tree::new();
    let closed = ["sh", "-c", "exec \"$@\" >&-", "sh"];
    let ended = tree.watch().through(&closed).spawn().wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended
            .stderr
            .starts_with("balerion: cannot write changes: stdout is closed"),
        "{}",
        ended.stderr
    );
    // With a log no stdout is needed; /dev/null counts as one, however it was opened.
    let log = ["--timeout", "0", "--log-file", "../outside/log"];
    let ended = tree.watch().through(&closed).args(log).spawn().wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let ended = tree
        .watch()
        .stdout(null)
        .args(["--timeout", "0"])
        .spawn()
        .wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
}
