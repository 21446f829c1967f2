//! Tests file systems that do not answer, with PATHs, links, logs and rule files on them: the rest
//! is reported, and signals are served (contract, section 4.11). Skipped with a message without
//! /dev/fuse and namespaces.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::fuse::{builder, mounted};
use common::stream::Line;
use common::{Watch, eventually, skipped};

/// Waits for the warning that the mount does not answer.
fn warns_of_no_answer(watch: &Watch) {
    watch.await_stderr_where("that it does not answer", |line| {
        line.contains("mnt") && line.contains("does not answer")
    });
}

#[test]
fn a_server_that_is_stopped_before_the_start_stops_nothing_else() {
    let test = "a_server_that_is_stopped_before_the_start…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    fuse.stop();
    let mut watch = builder(&tree, &fuse).start();
    warns_of_no_answer(&watch);
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
    // Its names are reported once it answers.
    fuse.go_on();
    let reported = watch.until("New file: ./mnt/d/b");
    if !reported.iter().any(|line| line == "New file: ./mnt/a") {
        watch.until("New file: ./mnt/a");
    }
    watch.stop();
}

#[test]
fn a_server_that_is_stopped_after_ready_stops_nothing_else() {
    let test = "a_server_that_is_stopped_after_ready…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    let mut watch = builder(&tree, &fuse).args(["--rescan", "0.3"]).start();
    fuse.stop();
    warns_of_no_answer(&watch);
    for name in ["one", "two", "three"] {
        tree.touch(name);
        watch.expect(&[&format!("New file: ./{name}")]);
    }
    fuse.go_on();
    fuse.put("late", "from another host");
    watch.until("New file: ./mnt/late");
    watch.until("Content changed: ./mnt/late");
    // No file is open there now: the kernel waits for no answer to FUSE_FLUSH.
    fuse.stop();
    watch.stop();
}

#[test]
fn the_extended_attributes_of_a_mount_point_are_not_asked_for() {
    let test = "the_extended_attributes_of_a_mount_point…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1")]) else {
        return;
    };
    fuse.stop();
    let events = ["--events", "created,attributes"];
    let mut watch = builder(&tree, &fuse).args(events).start();
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
    watch.stop();
}

#[test]
fn a_file_that_is_mounted_from_a_server_that_is_stopped_stops_nothing_else() {
    let test = "a_file_that_is_mounted_from_a_server…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1")]) else {
        return;
    };
    tree.write("file", "covered");
    let (from, to) = (tree.path("mnt/a"), tree.path("file"));
    let bind = ["mount", "--bind"].map(str::to_owned);
    let paths = [from, to].map(|path| path.to_str().unwrap().to_owned());
    let words = [bind, paths].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    fuse.inside(&words).unwrap();
    let whole = ["--format", "json", "--stat", "--initial", "--timeout", "0"];
    let whole = builder(&tree, &fuse).args(whole).spawn().wait();
    let reported = tree.outside("reported");
    std::fs::write(&reported, whole.stdout).unwrap();
    fuse.stop();
    let since = ["--since", reported.to_str().unwrap()];
    let events = ["--events", "created,attributes"];
    let initial = ["--format", "json", "--initial"];
    for args in [&[][..], &initial, &since, &events] {
        let watch = builder(&tree, &fuse).args(args).baseline().start();
        tree.touch("new");
        let is_new = |line: &Line| line.text().contains("./new");
        let is_reported = || watch.out.lines_from(0).iter().any(is_new);
        assert!(eventually(is_reported), "{args:?}");
        tree.remove("new");
        watch.stop();
    }
}

#[test]
fn a_path_on_a_server_that_is_stopped_leaves_the_start_open_to_signals() {
    let test = "a_path_on_a_server_that_is_stopped…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1")]) else {
        return;
    };
    fuse.stop();
    let watch = builder(&tree, &fuse).path("mnt").spawn();
    watch.await_stderr_where("that it does not answer", |line| {
        line.contains("mnt does not answer")
    });
    watch.stop();
}

#[test]
fn a_path_that_is_awaited_on_a_server_that_is_stopped_after_ready_stops_nothing_else() {
    let test = "a_path_that_is_awaited_on_a_server…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2")]) else {
        return;
    };
    tree.mkdir("near");
    let mut watch = builder(&tree, &fuse)
        .args(["--wait-for-path"])
        .path("near")
        .path("mnt/d/later")
        .path("later")
        .start();
    fuse.stop();
    for number in 0..3 {
        tree.touch(format!("above-{number}"));
        tree.touch(format!("near/{number}"));
        watch.expect(&[&format!("New file: near/{number}")]);
    }
    tree.mkdir("later");
    watch.expect(&["Watching new directory: later"]);
    fuse.go_on();
    let made = tree.path("mnt/d/later");
    fuse.inside(&["touch", made.to_str().unwrap()]).unwrap();
    watch.expect(&["New file: mnt/d/later"]);
    watch.stop();
}

#[test]
fn a_path_on_a_server_that_is_stopped_before_the_start_may_be_awaited() {
    let test = "a_path_on_a_server_that_is_stopped_before_the_start…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2"), ("a", "1")]) else {
        return;
    };
    tree.mkdir("near");
    fuse.stop();
    let mut watch = builder(&tree, &fuse)
        .args(["--wait-for-path"])
        .path("near")
        .path("mnt/d")
        .path("mnt/a")
        .start();
    tree.touch("near/new");
    watch.expect(&["New file: near/new"]);
    fuse.go_on();
    let wanted = [
        "Watching new directory: mnt/d",
        "New file: mnt/d/b",
        "New file: mnt/a",
    ];
    let are_reported = || {
        let reported = watch.reported();
        wanted
            .iter()
            .all(|line| reported.iter().any(|each| each == line))
    };
    assert!(eventually(are_reported), "{:?}", watch.reported());
    watch.stop();
}

/// Whether it has begun to hold SIGTERM until it reads it: proc(5).
fn holds_signals(watch: &Watch) -> bool {
    const TERMINATE: u64 = 1 << (libc::SIGTERM - 1);
    let blocked = u64::from_str_radix(&watch.status("SigBlk"), 16).unwrap();
    blocked & TERMINATE != 0
}

#[test]
fn a_start_that_waits_for_a_server_is_ended_by_a_signal() {
    let test = "a_start_that_waits_for_a_server…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2"), ("globs", "*.o")]) else {
        return;
    };
    fuse.stop();
    for args in [
        &["--format", "json", "mnt/../near"][..],
        &["--log-file", "mnt/log"],
        &["--pid-file", "mnt/pid"],
        &["--exclude-from", "mnt/globs"],
        &["--since", "mnt/globs"],
        &["--format", "json", "--resume", "--log-file", "mnt/d/b"],
    ] {
        let watch = builder(&tree, &fuse).args(args).spawn();
        assert!(eventually(|| holds_signals(&watch)), "{args:?}");
        let ended = watch.stop();
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn rules_on_a_server_that_is_stopped_stop_nothing_else() {
    let test = "rules_on_a_server_that_is_stopped…";
    let rules = [
        (".gitignore", "b\n"),
        (".git/info/exclude", "e\n"),
        ("d/b", "2"),
        ("d/c", "3"),
    ];
    let Some((tree, fuse)) = mounted(test, &rules) else {
        return;
    };
    tree.write(".ignore", "*.o\n");
    let mut watch = builder(&tree, &fuse).args(["--gitignore"]).start();
    fuse.stop();
    // Rule files in directories without a watch are checked every second.
    for number in 0..6 {
        tree.touch(format!("{number}.o"));
        tree.touch(format!("{number}"));
        watch.expect(&[&format!("New file: ./{number}")]);
        std::thread::sleep(std::time::Duration::from_millis(400));
    }
    watch.stop();
    let mut watch = builder(&tree, &fuse).args(["--gitignore"]).start();
    tree.touch("x.o");
    tree.touch("x");
    watch.expect(&["New file: ./x"]);
    fuse.go_on();
    let is_reported = || watch.reported().iter().any(|line| line.contains("mnt/d/c"));
    assert!(eventually(is_reported), "{:?}", watch.reported());
    watch.stop();
}

#[test]
fn a_process_that_the_kernel_keeps_holds_neither_its_log_nor_its_reader() {
    let test = "a_process_that_the_kernel_keeps…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2")]) else {
        return;
    };
    tree.mkdir("near");
    let log = ["--log-file", "../outside/log"];
    let logging = builder(&tree, &fuse).args(log);
    let logging = logging.args(["--rescan", "0.3"]).start();
    let printing = builder(&tree, &fuse).args(["--rescan", "0.3"]).start();
    let fuse = fuse; // Whatever fails, it goes first: nobody can wait for these.
    fuse.swallow();
    for watch in [&logging, &printing] {
        watch.await_stderr_where("that it does not answer", |line| {
            line.contains("does not answer")
        });
        watch.signal(libc::SIGTERM);
        assert!(eventually(|| watch.status("State").starts_with('Z')));
        let threads = std::fs::read_dir(format!("/proc/{}/task", watch.pid()));
        if threads.unwrap().count() < 2 {
            skipped(test, "this kernel lets go of a thread that waits for FUSE");
        }
    }
    let soon = std::time::Instant::now() + std::time::Duration::from_secs(20);
    assert!(printing.out.wait_end(soon), "stdout is open");
    let next = builder(&tree, &fuse).args(log).path("near").start();
    tree.touch("near/new");
    let logged = || std::fs::read_to_string(tree.outside("log")).unwrap();
    assert!(eventually(|| logged().contains("New file: near/new")));
    next.stop();
    drop(fuse);
    logging.wait();
    printing.wait();
}
