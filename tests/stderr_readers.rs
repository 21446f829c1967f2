//! Tests readers of stderr that stop: lines of stderr are lost and counted, and nothing else is
//! (contract, sections 4.11 and 7).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::fuse::mounted;
use common::{Builder, Tree, Watch, eventually, fork, serve, skipped, sys};

/// The default capacity of a pipe.
const PIPE: usize = 64 << 10;

/// Touches files until the watcher has reported one, since its ready line is not read.
fn wait_until_it_watches(tree: &Tree, watch: &Watch) {
    let mut number = 0;
    assert!(eventually(|| {
        number += 1;
        tree.touch(format!("probe{number}"));
        watch.out.count() > 0
    }));
}

/// Waits until stdout has a line, and fails with what there is of stderr otherwise.
fn wait_for_line(watch: &Watch, line: &str) {
    let is_there = || {
        let lines = watch.out.lines_from(0);
        lines.iter().any(|each| each.text() == line)
    };
    assert!(eventually(is_there), "no {line:?}");
}

/// The text that is left in a pipe whose writers have ended.
fn rest(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_reader_of_stderr_that_has_stopped_costs_lines_of_stderr_and_nothing_else() {
    reads_stderr_late(|builder| builder);
    if sys::is_root() {
        // The pipe of another user cannot be opened again, and so not made non-blocking.
        reads_stderr_late(|builder| builder.user(65534));
    } else {
        skipped("the pipe of another user", "another user is needed");
    }
}

/// Reads stderr of a watcher once it has lost lines.
fn reads_stderr_late(run: impl Fn(Builder) -> Builder) {
    let tree = Tree::new();
    let (unread, stderr) = sys::pipe().unwrap();
    let builder = tree.watch().args(["--trace"]).stderr(stderr);
    let watch = run(builder).spawn();
    wait_until_it_watches(&tree, &watch);
    for number in 0..2000 {
        tree.touch(format!("a-name-of-some-length-{number}"));
    }
    wait_for_line(&watch, "New file: ./a-name-of-some-length-1999");
    // When stderr is read again, the count of lost lines stands where they are missing.
    let mut reader = BufReader::new(File::from(unread));
    let mut line = String::new();
    let lost = loop {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no count of lines");
        if line.contains(" lines were lost here") {
            break line.clone();
        }
        assert!(line.starts_with("balerion: "), "{line:?}");
    };
    let number = lost.strip_prefix("balerion: warning: ").unwrap();
    let number = number.split(' ').next().unwrap();
    assert!(number.parse::<u64>().unwrap() > 100, "{lost}");
    tree.touch("after");
    while !line.contains("name=after") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "nothing after");
    }
    watch.signal(sys::SIGTERM);
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn signals_that_ask_for_statistics_do_not_stop_it_either() {
    let tree = Tree::new();
    let (unread, stderr) = sys::pipe().unwrap();
    let watch = tree.watch().stderr(stderr).spawn();
    wait_until_it_watches(&tree, &watch);
    // Signals of one number are not counted while one waits, so each is waited for.
    for number in 0..200 {
        watch.signal(sys::SIGUSR1);
        let name = format!("{number}");
        tree.touch(&name);
        wait_for_line(&watch, &format!("New file: ./{name}"));
    }
    watch.signal(sys::SIGTERM);
    assert_eq!(watch.wait().status.code(), Some(0));
    drop(unread);
}

#[test]
fn a_daemon_comes_up_though_nobody_reads_its_stderr() {
    let tree = Tree::new();
    let (unread, stderr) = sys::pipe().unwrap();
    let mut full = File::from(stderr);
    full.write_all(&[b'\n'; PIPE]).unwrap();
    let args = ["--daemon", "--log-file", "../outside/log", "--pid-file"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command.args(args).arg("../outside/pid");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(full).current_dir(tree.root());
    let mut starter = fork::spawn(&mut command).unwrap();
    let mut status = None;
    let has_ended = eventually(|| {
        status = starter.try_wait().unwrap();
        status.is_some()
    });
    drop(command);
    let pid = fs::read_to_string(tree.outside("pid")).unwrap();
    let pid = pid.trim().parse().unwrap();
    assert!(has_ended, "the command has not returned");
    assert_eq!(status.unwrap().code(), Some(0));
    tree.touch("a");
    serve::expect_in(&tree.outside("log"), &["New file: ./a"]);
    sys::kill(pid, sys::SIGTERM).unwrap();
    assert!(eventually(|| !serve::is_running(pid)));
    // The daemon has closed the pipe, so that its reader sees the end.
    assert_eq!(rest(unread).trim(), "");
}

#[test]
fn a_daemon_whose_journal_is_read_again_after_it_is_ready_is_idle() {
    let tree = Tree::new();
    tree.write("a", "bytes");
    let (mut journal, stderr) = UnixStream::pair().unwrap();
    stderr.set_nonblocking(true).unwrap();
    while (&stderr).write(&[b'\n'; 4096]).is_ok() {}
    stderr.set_nonblocking(false).unwrap();
    let stderr = File::from(OwnedFd::from(stderr));
    let stream = stderr.metadata().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command.args(["--daemon", "--initial", "--format", "json"]);
    command.args(["--log-file", "../outside/log"]);
    // That both PATHs are the same is told before files are read.
    command.args(["--pid-file", "../outside/pid", ".", "."]);
    command.env(
        "JOURNAL_STREAM",
        format!("{}:{}", stream.dev(), stream.ino()),
    );
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(stderr).current_dir(tree.root());
    let status = fork::spawn(&mut command).unwrap().wait().unwrap();
    drop(command);
    assert_eq!(status.code(), Some(0));
    let pid = fs::read_to_string(tree.outside("pid")).unwrap();
    let pid = pid.trim().parse().unwrap();
    journal.set_nonblocking(true).unwrap();
    while journal.read(&mut [0; 4096]).is_ok() {}
    let is_idle = sys::becomes_idle(pid);
    sys::kill(pid, sys::SIGTERM).unwrap();
    assert!(is_idle, "it takes CPU time for ever");
    assert!(eventually(|| !serve::is_running(pid)));
}

#[test]
fn a_stderr_on_a_server_that_is_stopped_leaves_the_start_open_to_signals() {
    let test = "a_stderr_on_a_server_that_is_stopped…";
    let Some((tree, fuse)) = mounted(test, &[("err", "")]) else {
        return;
    };
    tree.mkdir("near");
    let mut words = fuse.wrapper();
    words.push(tree.path("").to_str().unwrap().to_owned());
    // It waits for SIGCONT with stderr open.
    let script = "exec 2>mnt/err; kill -STOP $$; exec \"$@\"";
    words.extend(["sh", "-c", script, "sh"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let watch = tree.watch().through(&words);
    let watch = watch.args(["--pid-file", "../outside/pid"]);
    // That both PATHs are the same is told before it is ready.
    let watch = watch.path("near").path("near").spawn();
    assert!(eventually(|| watch.status("State").starts_with('T')));
    fuse.stop();
    watch.thaw();
    assert!(eventually(|| tree.outside("pid").exists()));
    watch.signal(sys::SIGTERM);
    let is_served = eventually(|| !tree.outside("pid").exists());
    // The kernel closes the file.
    fuse.go_on();
    assert!(is_served, "SIGTERM is not served");
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn of_each_kind_of_warning_ten_are_written_and_then_their_number() {
    let test = "of_each_kind_of_warning_ten_are_written_and_then_their_number";
    let tree = Tree::new();
    for number in 0..300 {
        let name = format!("d{number}");
        tree.mkdir(&name);
        tree.chmod(&name, 0o000);
    }
    for quiet in [&[][..], &["--quiet"]] {
        let mut builder = tree.watch().args(quiet).args(["--timeout", "0", "--stats"]);
        if sys::is_root() {
            builder = builder.user(65534);
        }
        let watch = match builder.try_spawn() {
            Ok(watch) => watch,
            Err(error) => return skipped(test, &format!("as another user: {error}")),
        };
        let ended = watch.wait();
        let single = ended.stderr.lines().filter(|line| {
            line.starts_with("balerion: warning: ./d") && line.contains("may not be read")
        });
        assert_eq!(single.count(), 10, "{}", ended.stderr);
        let more = "balerion: warning: and 290 more directories that may not be read (--stats lists the counts)\n";
        assert!(ended.stderr.contains(more), "{}", ended.stderr);
        let row = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            words == ["balerion:", "stats:", "unreadable", "dirs", "300"]
        };
        assert!(ended.stderr.lines().any(row), "{}", ended.stderr);
    }
    for number in 0..300 {
        tree.chmod(format!("d{number}"), 0o755);
    }
}
