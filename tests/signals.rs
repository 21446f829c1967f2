//! Tests which signals end balerion and how, which do not, and what a file size limit does
//! (contract, section 1).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use common::serve::{self, Daemon};
use common::stream::Stream;
use common::{Tree, eventually, skipped, sys, terminal};

/// Runs a command with a signal ignored, as nohup(1) does.
fn ignoring(signal: &str) -> [String; 4] {
    let script = format!("trap '' {signal}; exec \"$@\"");
    ["sh".into(), "-c".into(), script, "sh".into()]
}

#[test]
fn a_signal_that_was_ignored_at_birth_stays_ignored() {
    for (name, signal) in [
        ("HUP", sys::SIGHUP),
        ("INT", sys::SIGINT),
        ("USR1", sys::SIGUSR1),
    ] {
        let tree = Tree::new();
        let words = ignoring(name);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut watch = tree.watch().through(&words).start();
        watch.signal(signal);
        tree.touch("a");
        watch.expect(&["New file: ./a"]);
        let ended = watch.stop();
        assert!(!ended.stderr.contains("stats"), "{}", ended.stderr);
    }
}

#[test]
fn where_an_end_was_asked_for_a_signal_ends_it_as_a_signal_does() {
    for args in [
        &["--count", "2"][..],
        &["--timeout", "100"],
        &["--until-quiet", "100"],
    ] {
        for signal in [sys::SIGINT, sys::SIGTERM, sys::SIGHUP] {
            let tree = Tree::new();
            let watch = tree.watch().args(args).start();
            tree.touch("a");
            watch.signal(signal);
            let ended = watch.wait();
            assert_eq!(ended.status.signal(), Some(signal), "{args:?}");
            assert_eq!(ended.lines(), ["New file: ./a"], "{args:?}");
            ended.stderr_is_ours();
        }
    }
}

#[test]
fn an_end_that_has_come_is_not_a_signal() {
    let tree = Tree::new();
    let watch = tree.watch().args(["-1"]).start();
    tree.touch("a");
    assert_eq!(watch.wait().status.code(), Some(0));
}

#[test]
fn control_c_does_not_run_the_next_command() {
    let test = "control_c_does_not_run_the_next_command";
    let tree = Tree::new();
    tree.touch("f");
    let (reader, printer) = terminal::open().unwrap();
    let mut keyboard = reader.try_clone().unwrap();
    let screen = Stream::collect(reader);
    let script = format!(
        "{} -1 f && echo made; echo after",
        env!("CARGO_BIN_EXE_balerion")
    );
    // bash ends after Ctrl-C only if the command ended by SIGINT; other shells end in any case.
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script])
        .current_dir(tree.root());
    let mut bash = match terminal::lead(&mut bash, &printer) {
        Ok(bash) => bash,
        Err(error) => return skipped(test, &format!("bash: {error}")),
    };
    let text = || String::from_utf8_lossy(&screen.bytes()).into_owned();
    assert!(
        eventually(|| text().contains("balerion: ready: ")),
        "{}",
        text()
    );
    keyboard.write_all(b"\x03").unwrap();
    let mut status = None;
    let has_ended = eventually(|| {
        status = bash.try_wait().unwrap();
        status.is_some()
    });
    assert!(has_ended, "{}", text());
    assert_eq!(status.unwrap().signal(), Some(sys::SIGINT), "{}", text());
    assert!(
        !text().contains("made") && !text().contains("after"),
        "{}",
        text()
    );
}

#[test]
fn every_signal_that_ends_it_takes_the_pid_file_away() {
    for signal in [sys::SIGQUIT, sys::SIGUSR2, sys::SIGALRM, 64] {
        let tree = Tree::new();
        let no_core = ["sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"];
        let watch = tree.watch().through(&no_core);
        let mut watch = watch.args(["--pid-file", "../outside/pid"]).start();
        tree.touch("a");
        watch.expect(&["New file: ./a"]);
        watch.signal(signal);
        let ended = watch.wait();
        assert_eq!(ended.status.signal(), Some(signal), "{}", ended.stderr);
        assert!(!tree.outside("pid").exists(), "signal {signal}");
    }
}

#[test]
fn a_pid_file_that_another_user_has_locked_keeps_nobody_out() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    daemon.signal(sys::SIGKILL);
    daemon.wait();
    let left = File::open(tree.outside("pid")).unwrap();
    assert!(sys::flock(&left), "flock(2)");
    let next = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    next.signal(sys::SIGKILL);
    next.wait();
    // A read lock of fcntl(2) needs the right to read only.
    let left = File::open(tree.outside("pid")).unwrap();
    // The lock is released when its last thread has ended.
    assert!(eventually(|| sys::lock(&left, true)), "F_OFD_SETLK");
    let last = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    let mode = fs::metadata(tree.outside("pid")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o022, 0);
    // Its own lock needs the right to write.
    let open = File::open(tree.outside("pid")).unwrap();
    assert!(!sys::lock(&open, true));
    last.stop();
}

#[test]
fn a_log_that_a_reader_has_locked_is_written_and_that_is_reported() {
    let tree = Tree::new();
    fs::write(tree.outside("log"), "before\n").unwrap();
    let open = File::open(tree.outside("log")).unwrap();
    assert!(sys::lock(&open, true));
    let watch = tree.watch().args(["--log-file", "../outside/log"]).start();
    watch.await_stderr("balerion: warning: ../outside/log is locked by a process that reads it");
    tree.touch("a");
    serve::expect_in(&tree.outside("log"), &["before", "New file: ./a"]);
    watch.stop();
}

/// Sets RLIMIT_FSIZE to 0.
const NO_ROOM: [&str; 4] = ["sh", "-c", "ulimit -f 0; exec \"$@\"", "sh"];

#[test]
fn a_limit_on_the_size_of_stdout_is_a_failure_with_a_line() {
    let tree = Tree::new();
    let out = File::create(tree.outside("out")).unwrap();
    let watch = tree.watch().through(&NO_ROOM).stdout(out).start();
    tree.touch("a");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(1), "{:?}", ended.status);
    let why = "balerion: cannot write changes: File too large\n";
    assert!(ended.stderr.ends_with(why), "{}", ended.stderr);
}

#[test]
fn a_limit_on_the_size_of_the_pid_file_is_a_failure_with_a_line() {
    let tree = Tree::new();
    let args = ["--pid-file", "../outside/pid"];
    let ended = tree.watch().through(&NO_ROOM).args(args).spawn().wait();
    assert_eq!(ended.status.code(), Some(2), "{:?}", ended.status);
    let why = "balerion: cannot write ../outside/pid: File too large\n";
    assert_eq!(ended.stderr, why);
    assert!(!tree.outside("pid").exists());
}

#[test]
fn a_limit_on_the_size_of_stderr_loses_lines_of_stderr_and_nothing_else() {
    let tree = Tree::new();
    let err = File::create(tree.outside("err")).unwrap();
    let watch = tree.watch().through(&NO_ROOM).stderr(err);
    let watch = watch.args(["--stats", "--count", "1"]).spawn();
    // It prints no ready line: files are written until one is reported.
    let mut number = 0;
    assert!(eventually(|| {
        number += 1;
        tree.touch(number.to_string());
        watch.out.count() > 0
    }));
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    let refused = [
        "sh",
        "-c",
        "ulimit -f 0; exec \"$@\" 2>../outside/err",
        "sh",
    ];
    let ended = tree
        .watch()
        .through(&refused)
        .args(["--no-such"])
        .spawn()
        .wait();
    assert_eq!(ended.status.code(), Some(2), "{:?}", ended.status);
}

#[test]
fn a_list_that_takes_long_is_ended_by_a_signal_before_it_is_complete() {
    let tree = Tree::new();
    let of_none = ["--format", "json", "--initial", "--timeout", "0"];
    let of_none = serve::run(&tree, &of_none).stdout;
    fs::write(tree.outside("before"), of_none).unwrap();
    tree.fill_with_long_paths();
    let path = tree.outside("out");
    for lists in [&["--initial"][..], &["--since", "../outside/before"]] {
        let out = File::create(&path).unwrap();
        let args = ["--format", "json", "--hash", "off"];
        let watch = tree.watch().args(args).args(lists).stdout(out).spawn();
        assert!(eventually(|| fs::metadata(&path).unwrap().len() > 0));
        let ended = watch.stop();
        assert_eq!(ended.stderr, "", "{lists:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("}\n"), "{lists:?}");
        let is_complete = text.contains("\"event\":\"ready\"");
        assert!(!is_complete, "{lists:?}");
    }
}

#[test]
fn a_start_that_sets_many_watches_on_files_is_ended_by_a_signal_before_all_are_set() {
    const FILES: usize = 20_000;
    let tree = Tree::new();
    for number in 0..FILES {
        tree.touch(number.to_string());
    }
    let args = ["--strict", "--hash", "off", "--stats"];
    let watch = tree.watch().args(args).spawn();
    assert!(eventually(|| watch.watched().len() > 1));
    let ended = watch.stop();
    let watches = ended.stderr.lines().find_map(|line| {
        let line = line.strip_prefix("balerion: stats: watches")?;
        line.trim().parse::<usize>().ok()
    });
    assert!(watches.unwrap() < FILES, "{}", ended.stderr);
    assert!(!ended.stderr.contains("ready"), "{}", ended.stderr);
}
