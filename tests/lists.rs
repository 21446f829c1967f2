//! Tests lists of PATHs and of globs, which are read from files, FIFOs and stdin.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::serve::{refused_in, stderr_of};
use common::{Tree, eventually, fork, sys};

/// Sends a file to the stdin of what follows.
fn stdin_from(file: &str) -> [String; 4] {
    let script = format!("exec \"$@\" < '{file}'");
    ["sh".into(), "-c".into(), script, "sh".into()]
}

#[test]
fn paths_are_read_from_a_file_or_from_stdin() {
    let tree = Tree::new();
    for dir in ["one", "two three", "new\nline", "given"] {
        tree.mkdir(dir);
    }
    tree.write("list", "one\n\ntwo three\n");
    tree.write("nul", "one\0two three\0new\nline");
    std::os::unix::fs::symlink("list", tree.path("link")).unwrap();
    let stdin = stdin_from("list");
    let stdin: Vec<_> = stdin.iter().map(String::as_str).collect();
    for (through, args) in [
        (&["env"][..], &["--paths-from", "list"][..]),
        (&["env"], &["--paths-from", "link"]),
        (&stdin[..], &["--paths-from", "-"]),
        (&stdin[..], &["--paths-from", "/dev/stdin"]),
        (&["env"], &["-0", "--format=text", "--paths-from", "nul"]),
    ] {
        let watch = tree.watch().through(through).args(args);
        let mut watch = watch.path("given").start();
        for dir in ["one", "two three", "given"] {
            tree.touch(format!("{dir}/a"));
            let line = if args[0] == "-0" {
                let printed = || {
                    watch
                        .out
                        .bytes()
                        .ends_with(format!("New file: {dir}/a\0").as_bytes())
                };
                assert!(eventually(printed), "{dir}");
                continue;
            } else {
                format!("New file: {dir}/a")
            };
            watch.expect(&[&line]);
        }
        watch.stop();
        for dir in ["one", "two three", "given"] {
            tree.remove(format!("{dir}/a"));
        }
    }
}

#[test]
fn a_list_that_cannot_be_used_is_refused() {
    let tree = Tree::new();
    tree.write("empty", "\n\n");
    for (args, why) in [
        (
            &["--paths-from", "absent"][..],
            "cannot read absent: No such file",
        ),
        (
            &["--paths-from", "empty"],
            "--paths-from empty names no PATH",
        ),
        (&["--paths-from", "-"], "--paths-from - names no PATH"),
        (&["--paths-from", "."], "cannot read .: Is a directory"),
        (&["--paths-from", "/dev/zero"], "it is longer than 64 MiB"),
        (
            &["--exclude-from", "-", "--exclude-from", "-"],
            "--exclude-from -: stdin is closed, or is read by another option",
        ),
    ] {
        let answer = refused_in(&tree, args);
        assert!(answer.contains(why), "{args:?}: {answer}");
        assert_eq!(answer.lines().count(), 1, "{args:?}: {answer}");
    }
}

#[test]
fn globs_are_read_from_stdin() {
    let tree = Tree::new();
    tree.write("globs", "*.o\n");
    let stdin = stdin_from("globs");
    let stdin: Vec<_> = stdin.iter().map(String::as_str).collect();
    let watch = tree.watch().through(&stdin).args(["--exclude-from", "-"]);
    let mut watch = watch.start();
    tree.touch("a.o");
    tree.touch("a.c");
    watch.expect(&["New file: ./a.c"]);
    watch.stop();
}

#[test]
fn a_fifo_as_a_list_is_waited_for_and_signals_are_served() {
    for option in ["--exclude-from", "--paths-from"] {
        let tree = Tree::new();
        let fifo = tree.outside("fifo");
        sys::fifo(&fifo).unwrap();
        let args = [option, fifo.to_str().unwrap()];
        // Without a writer, signals end it.
        for signal in [sys::SIGINT, sys::SIGTERM] {
            let watch = tree.watch().args(args).spawn();
            let waits = || !watch.open_in(&fifo).is_empty();
            assert!(eventually(waits), "{option} never opens the FIFO");
            watch.signal(signal);
            let ended = watch.wait();
            assert_eq!(ended.status.code(), Some(0), "{option}: {}", ended.stderr);
            assert_eq!(ended.stderr, "");
        }
        // With a log, SIGHUP does not.
        let log = tree.outside("log");
        let with_log = ["--log-file", log.to_str().unwrap()];
        let mut watch = tree.watch().args(args).args(with_log).spawn();
        let waits = || !watch.open_in(&fifo).is_empty();
        assert!(eventually(waits), "{option} never opens the FIFO");
        watch.signal(sys::SIGHUP);
        let mut writer = File::options().write(true).open(&fifo).unwrap();
        writer.write_all(b".\n").unwrap();
        drop(writer);
        watch.wait_ready();
        watch.stop();
    }
}

#[test]
fn the_end_of_the_reader_ends_the_wait_for_a_list() {
    for option in ["--exclude-from", "--paths-from"] {
        let tree = Tree::new();
        let mut watch = Command::new(env!("CARGO_BIN_EXE_balerion"))
            .args([option, "-"])
            .current_dir(tree.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(watch.stdout.take());
        // Its stdin stays open.
        let ended = || watch.try_wait().unwrap().is_some();
        assert!(eventually(ended), "{option}");
        assert_eq!(watch.wait().unwrap().code(), Some(0), "{option}");
    }
}

#[test]
fn a_list_of_paths_reaches_a_daemon_from_stdin() {
    let tree = Tree::new();
    tree.mkdir("dir");
    tree.write("list", "dir\n");
    let (log, pid) = (tree.outside("log"), tree.outside("pid"));
    let script = "exec \"$0\" \"$@\" < list";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_balerion")]);
    command.args([
        "--daemon",
        "--paths-from",
        "-",
        "--timeout",
        "60",
        "--log-file",
    ]);
    command.arg(&log).arg("--pid-file").arg(&pid);
    command.current_dir(tree.root());
    let output = fork::output(&mut command).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr_of(&output));
    tree.touch("dir/a");
    let line = || std::fs::read_to_string(&log).is_ok_and(|log| log == "New file: dir/a\n");
    assert!(eventually(line));
    let pid = std::fs::read_to_string(&pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    sys::kill(pid, sys::SIGTERM).unwrap();
}
