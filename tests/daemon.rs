//! Tests `--daemon`: the exit of the command that starts it, the pid file, its lock, and the end.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::fuse::{builder, mounted};
use common::serve::{Daemon, is_running, refused_in};
use common::{Tree, eventually, skipped, sys};
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

/// Runs balerion with these arguments, which it must refuse, and returns its message.
fn refused(tree: &Tree, args: &[&str]) -> String {
    let stderr = refused_in(tree, args);
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    stderr
}

#[test]
fn the_command_returns_when_every_watch_is_in_place() {
    let tree = Tree::new();
    tree.mkdirs("deep/er");
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    tree.touch("deep/er/a");
    let stderr = daemon.stderr.lines().next();
    assert_eq!(stderr, Some("balerion: ready: 3 directories, 0 files"));
    daemon.expect(&["New file: ./deep/er/a"]);
    daemon.stop();
}

#[test]
fn it_has_left_the_session_and_the_terminal_and_stays_where_it_stood() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    let proc = |what: &str| format!("/proc/{}/{what}", daemon.pid);
    let session = |stat: String| -> u32 {
        let fields = stat.rsplit(')').next().unwrap().to_owned();
        fields.split_whitespace().nth(3).unwrap().parse().unwrap()
    };
    let its = session(fs::read_to_string(proc("stat")).unwrap());
    let ours = session(fs::read_to_string("/proc/self/stat").unwrap());
    assert_ne!(its, ours);
    assert_ne!(its, daemon.pid, "a leader of a session can get a terminal");
    for fd in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(
            fs::read_link(proc(fd)).unwrap().to_str(),
            Some("/dev/null"),
            "{fd}"
        );
    }
    assert_eq!(
        fs::read_link(proc("cwd")).unwrap(),
        tree.root().canonicalize().unwrap()
    );
}

#[test]
fn a_stderr_that_is_a_file_is_kept() {
    let tree = Tree::new();
    let err = tree.outside("err");
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command.args([
        "--daemon",
        "--log-file",
        "../outside/log",
        "--timeout",
        "0.2",
        "--stats",
    ]);
    command
        .stderr(File::create(&err).unwrap())
        .current_dir(tree.root());
    assert_eq!(command.status().unwrap().code(), Some(0));
    assert!(eventually(|| fs::read_to_string(&err)
        .unwrap()
        .contains("balerion: stats: running")));
}

#[test]
fn what_keeps_it_from_starting_is_reported_by_the_command_with_its_status() {
    let tree = Tree::new();
    let begin = [
        "--daemon",
        "--log-file",
        "../outside/log",
        "--pid-file",
        "../outside/pid",
    ];
    let stderr = refused(&tree, &[&begin[..], &["missing"]].concat());
    assert!(
        stderr.contains("cannot watch missing: No such file"),
        "{stderr}"
    );
    assert!(!tree.outside("pid").exists(), "the pid file is left");
    let stderr = refused(&tree, &["--daemon", "--log-file", "no/such/log"]);
    assert!(
        stderr.contains("no/such/log") && stderr.contains("directory is not there"),
        "{stderr}"
    );
}

#[test]
fn a_second_one_is_refused_with_the_pid_of_the_first() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    let pid = format!("(pid {})", daemon.pid);
    for args in [
        [
            "--daemon",
            "--log-file",
            "../outside/other",
            "--pid-file",
            "../outside/pid",
        ],
        [
            "--daemon",
            "--log-file",
            "../outside/log",
            "--pid-file",
            "../outside/other",
        ],
        ["--timeout", "0", "--log-file", "../outside/log", "--quiet"],
    ] {
        let stderr = refused(&tree, &args);
        assert!(stderr.contains("is in use by another balerion"), "{stderr}");
        assert!(stderr.contains("../outside/"), "{stderr}");
        assert!(stderr.contains(&pid), "{stderr} of {pid}");
    }
    // The first daemon still runs.
    assert_eq!(
        fs::read_to_string(tree.outside("pid")).unwrap(),
        format!("{}\n", daemon.pid)
    );
    tree.touch("a");
    daemon.expect(&["New file: ./a"]);
    daemon.stop();
}

#[test]
fn what_a_killed_one_leaves_keeps_nobody_out() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    tree.touch("a");
    daemon.expect(&["New file: ./a"]);
    daemon.signal(sys::SIGKILL);
    daemon.wait();
    assert!(tree.outside("pid").exists());
    let next = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    assert_ne!(next.pid, daemon.pid);
    tree.touch("b");
    next.expect(&["New file: ./a", "New file: ./b"]);
    next.stop();
}

#[test]
fn a_pid_file_that_somebody_has_replaced_is_not_removed() {
    let tree = Tree::new();
    let daemon = Daemon::start(&tree, "../outside/log", "../outside/pid", &[]);
    fs::remove_file(tree.outside("pid")).unwrap();
    fs::write(tree.outside("pid"), "another").unwrap();
    daemon.signal(sys::SIGTERM);
    daemon.wait();
    assert_eq!(fs::read_to_string(tree.outside("pid")).unwrap(), "another");
}

#[test]
fn one_in_front_has_a_pid_file_too_and_removes_it() {
    let tree = Tree::new();
    let pid_file = tree.outside("pid");
    let mut watch = tree.watch().args(["--pid-file", "../outside/pid"]).start();
    assert_eq!(
        fs::read_to_string(&pid_file).unwrap(),
        format!("{}\n", watch.pid())
    );
    tree.touch("a");
    watch.expect(&["New file: ./a"]);
    watch.finish();
    assert!(!pid_file.exists());
}

#[test]
fn neither_file_follows_what_was_planted() {
    let tree = Tree::new();
    let victim = tree.outside("victim");
    fs::write(&victim, "precious").unwrap();
    tree.symlink("../outside/victim", "link");
    tree.symlink("../outside/nothing", "dangling");
    tree.fifo("fifo");
    tree.mkdir("directory");
    for (name, why) in [
        ("link", "it is a symbolic link"),
        ("dangling", "it is a symbolic link"),
        ("fifo", "it is a FIFO"),
        ("directory", "it is a directory"),
        ("/dev/null", "it is a device"),
    ] {
        for option in ["--log-file", "--pid-file"] {
            let stderr = refused(&tree, &["--timeout", "0", option, name]);
            assert!(stderr.contains(why) && stderr.contains(name), "{stderr}");
        }
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!tree.outside("nothing").exists());
}

#[test]
fn another_users_file_in_a_sticky_directory_is_refused() {
    if !sys::is_root() {
        return skipped("planted files", "another user is needed");
    }
    let tree = Tree::new();
    tree.mkdir("shared");
    tree.write("shared/planted", "");
    chown(tree.path("shared/planted"), Some(65534), None).unwrap();
    for option in ["--log-file", "--pid-file"] {
        tree.chmod("shared", 0o1777);
        let args = ["--timeout", "0", option, "shared/planted"];
        let stderr = refused(&tree, &args);
        let why = "shared/planted: it belongs to another user (ID 65534)";
        assert!(stderr.contains(why), "{stderr}");
        // Elsewhere it is up to who may write to the directory.
        tree.chmod("shared", 0o755);
        tree.watch().args([option, "shared/planted"]).start().stop();
        tree.write("shared/planted", "");
        chown(tree.path("shared/planted"), Some(65534), None).unwrap();
    }
}

#[test]
fn a_file_that_holds_something_else_is_no_pid_file() {
    let tree = Tree::new();
    let text = "a letter to somebody, and not a number\n";
    fs::write(tree.outside("letter"), text).unwrap();
    let stderr = refused(
        &tree,
        &["--timeout", "0", "--pid-file", "../outside/letter"],
    );
    assert!(
        stderr.contains("../outside/letter is no pid file"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(tree.outside("letter")).unwrap(), text);
    let both = ["--timeout", "0", "--log-file", "x", "--pid-file", "./x"];
    assert!(refused(&tree, &both).contains("x is both the log and the pid file"));
}

#[test]
fn a_daemon_whose_starter_is_gone_before_it_is_ready_ends() {
    let tree = Tree::new();
    for number in 0..64 {
        // Holes: nothing on disk, and much to read before it is ready.
        let file = File::create(tree.path(format!("f{number}"))).unwrap();
        file.set_len(1 << 30).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command.args([
        "--daemon",
        "--initial",
        "--format",
        "json",
        "--log-file",
        "../outside/log",
    ]);
    command
        .args(["--pid-file", "../outside/pid"])
        .current_dir(tree.root())
        .stderr(Stdio::null());
    let mut starter = command.spawn().unwrap();
    let mut pid = 0;
    let begun = eventually(|| {
        let text = fs::read_to_string(tree.outside("pid")).unwrap_or_default();
        pid = text.trim().parse().unwrap_or(0);
        pid != 0
    });
    assert!(begun);
    starter.kill().unwrap();
    starter.wait().unwrap();
    assert!(
        eventually(|| !is_running(pid)),
        "it stays, and nobody knows"
    );
    assert!(!tree.outside("pid").exists());
}

#[test]
fn a_daemon_that_a_signal_ends_before_it_is_ready_gives_its_status_to_the_command() {
    let test = "a_daemon_that_a_signal_ends_before_it_is_ready…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1")]) else {
        return;
    };
    fuse.stop();
    let args = ["--daemon", "--log-file", "mnt/log", "--pid-file"];
    let command = builder(&tree, &fuse).args(args).args(["../outside/pid"]);
    let command = command.spawn();
    let mut pid = None;
    assert!(eventually(|| {
        let text = fs::read_to_string(tree.outside("pid")).unwrap_or_default();
        pid = text.trim().parse().ok();
        pid.is_some()
    }));
    sys::kill(pid.unwrap(), sys::SIGTERM).unwrap();
    let ended = command.wait();
    let line = "balerion: stopped at the start, while a file system does not answer\n";
    assert_eq!(ended.stderr, line);
    assert_eq!(ended.status.code(), Some(0));
}
