//! Tests the sessions that begin while the watch goes on: at the interval of `--snapshot`, and in a
//! log that was rotated (contract, section 3a).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::fold::log_differences;
use common::{Record, Tree, eventually, namespace, sha256, sys};
use std::fs;

#[test]
fn snapshots_begin_a_session_at_an_interval_and_the_watch_goes_on() {
    let tree = Tree::new();
    tree.mkdirs("d/sub");
    tree.write("d/f", "hello");
    tree.symlink("f", "d/link");
    let args = ["--snapshot", "300ms", "--host", "h", "--stat"];
    let mut watch = tree.watch().json().args(args).baseline().start();
    tree.write("d/new", "more");
    watch.until("changed file ./d/new");
    watch.until("start");
    // Parents before children, and what has come since the watch began.
    let mut listed = watch.until("ready");
    assert_eq!(listed[0], "existing directory .");
    assert_eq!(listed[1], "existing directory ./d");
    listed.sort();
    let expected = [
        "existing directory .",
        "existing directory ./d",
        "existing directory ./d/sub",
        "existing file ./d/f",
        "existing file ./d/new",
        "existing symlink ./d/link",
    ];
    assert_eq!(listed, expected);
    tree.write("d/f", "changed");
    tree.rename("d", "e");
    watch.until("renamed directory ./d -> ./e");
    watch.settle();
    let known = watch.records();
    let new = known
        .iter()
        .rev()
        .find(|record| record.event() == "existing" && record.bytes("path").ends_with(b"/new"));
    let new = new.unwrap();
    assert_eq!(new.sha256(), Some(sha256(b"more").as_str()));
    assert_eq!(new.size(), Some(4));
    assert!(new.number("inode").is_some(), "{new:?}");
    // Each session has its own key, numbered from 0.
    let mut last = (String::new(), 0);
    let mut sessions = 0;
    for record in &known {
        let session = record.text("session").unwrap().to_owned();
        let seq = record.number("seq").unwrap();
        if record.event() == "start" {
            assert_ne!(session, last.0);
            assert_eq!(seq, 0);
            assert!(
                record.value.get("resumes").is_none(),
                "it is whole by itself"
            );
            sessions += 1;
        } else {
            assert_eq!((&session, seq), (&last.0, last.1 + 1));
        }
        last = (session, seq);
    }
    assert!(sessions >= 2);
    watch.finish();
}

#[test]
fn a_snapshot_amid_changes_folds_to_the_truth_with_what_follows_it() {
    let tree = Tree::new();
    for number in 0..300 {
        tree.mkdir(format!("d{number}"));
        tree.write(format!("d{number}/f"), format!("{number}"));
    }
    let args = ["--snapshot", "500ms", "--initial"];
    let mut watch = tree.watch().json().args(args).start();
    for round in 0..4 {
        watch.until("start");
        for number in 0..300 {
            let (old, new) = if round % 2 == 0 {
                ("d", "e")
            } else {
                ("e", "d")
            };
            tree.append(format!("{old}{number}/f"), "more");
            tree.rename(format!("{old}{number}"), format!("{new}{number}"));
            tree.write(format!("{new}{number}/g{round}"), "new");
        }
    }
    watch.sentinel();
    let ended = watch.stop();
    let lines = ended.lines();
    let starts = lines.iter().filter(|line| line.contains("\"start\""));
    assert!(starts.count() > 4, "one before each round, and the first");
    // The strict fold starts anew at each of them, from what is listed alone.
    let wrong = log_differences(&tree, lines.join("\n").as_bytes(), true);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_reader_that_stops_amid_a_snapshot_stops_nothing_else() {
    let tree = Tree::new();
    for number in 0..70 {
        let dir = format!("{number}-{}", "long".repeat(40));
        tree.mkdir(&dir);
        for file in 0..60 {
            tree.touch(format!("{dir}/{file}-{}", "name".repeat(50)));
        }
    }
    let args = ["--snapshot", "1", "--hash", "off", "--initial"];
    let mut watch = tree.watch().json().args(args).without_hashes().start();
    watch.until("start");
    watch.out.stall(true);
    // 4,200 records of 450 bytes are more than a pipe, and what may wait for it, can hold.
    tree.write("after", "x");
    tree.remove_all(format!("7-{}", "long".repeat(40)));
    watch.signal(libc::SIGUSR1);
    watch.await_stderr("balerion: stats: ");
    watch.out.stall(false);
    watch.until("ready");
    watch.until("created file ./after");
    let wrong = log_differences(&tree, watch.stop().lines().join("\n").as_bytes(), false);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_log_that_was_rotated_begins_with_a_snapshot_and_can_be_read_alone() {
    let tree = Tree::new();
    tree.write("there", "before");
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    let args = [
        "--format",
        "json",
        "--host",
        "h",
        "--log-file",
        "../outside/log",
    ];
    let watch = tree.watch().args(args).baseline().start();
    tree.write("a", "1");
    let holds = |path: &std::path::Path, text: &str| {
        fs::read_to_string(path).is_ok_and(|log| log.contains(text))
    };
    assert!(eventually(|| holds(&log, "\"changed\"")));
    fs::rename(&log, &old).unwrap();
    watch.signal(sys::SIGHUP);
    assert!(eventually(|| holds(&log, "\"ready\"")));
    tree.write("b", "2");
    tree.rename("a", "c");
    let mut last = Vec::new();
    let folds = eventually(|| {
        last = log_differences(&tree, &fs::read(&log).unwrap(), true);
        last.is_empty()
    });
    assert!(folds, "the new log alone: {last:#?}");
    // Each file has records of one session only.
    let sessions = |path: &std::path::Path| {
        let text = fs::read_to_string(path).unwrap();
        let sessions: std::collections::BTreeSet<String> = text
            .lines()
            .map(|line| Record::parse(line.as_bytes()).unwrap())
            .map(|record| record.text("session").unwrap().to_owned())
            .collect();
        assert_eq!(sessions.len(), 1, "{text}");
        sessions
    };
    assert_ne!(sessions(&old), sessions(&log));
    // If the path still leads to the same file, no session begins.
    watch.signal(sys::SIGHUP);
    tree.write("d", "3");
    assert!(eventually(|| holds(&log, "./d\",\"size\":1")));
    sessions(&log);
    watch.stop();
}

#[test]
fn a_file_that_was_read_amid_the_list_of_a_new_log_is_reported_after_it() {
    let tree = Tree::new();
    tree.fill_with_long_paths();
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    let args = ["--format", "json", "--log-file", "../outside/log"];
    let watch = tree.watch().args(args).baseline().start();
    // Reading it takes a part of the time that the list takes.
    tree.touch("large");
    tree.truncate("large", 64 << 20);
    assert!(eventually(|| !watch
        .open_in(&tree.path("large"))
        .is_empty()));
    fs::rename(&log, &old).unwrap();
    watch.signal(sys::SIGHUP);
    let is_reported = |log| {
        let log = fs::read_to_string(log).unwrap_or_default();
        let mut changes = log.lines().filter(|line| line.contains("\"changed\""));
        changes.any(|line| line.contains("./large"))
    };
    assert!(eventually(|| is_reported(&log) || is_reported(&old)));
    watch.stop();
}

#[test]
fn a_log_that_is_rotated_after_the_last_record_of_its_first_list_is_listed_anew() {
    let test = "a_log_that_is_rotated_after_the_last_record_of_its_first_list_is_listed_anew";
    // The list does not fit on the disk, and fits in the memory for what waits.
    let small = "mount -t tmpfs -o size=16k none /mnt";
    let Some(words) = namespace::mounting_first(test, small) else {
        return;
    };
    let tree = Tree::new();
    for number in 0..200 {
        tree.touch(format!("{number:0200}"));
    }
    let args = ["--format", "json", "--initial", "--log-file", "/mnt/log"];
    let watch = tree.watch().through(&words).args(args).spawn();
    watch.await_stderr("balerion: warning: /mnt/log cannot be written: ");
    let mount = std::path::PathBuf::from(format!("/proc/{}/root/mnt", watch.pid()));
    fs::rename(mount.join("log"), mount.join("log.1")).unwrap();
    // With the source given, mount(8) adds no option of the first mount: user IDs differ here.
    let remount = ["mount", "-o", "remount,size=64m", "none", "/mnt"];
    namespace::inside(&watch, &remount).unwrap();
    watch.signal(sys::SIGHUP);
    let read = || fs::read(mount.join("log")).unwrap_or_default();
    let is_ready = || String::from_utf8_lossy(&read()).contains("\"ready\"");
    assert!(eventually(is_ready), "the new log is not ready");
    let log = read();
    watch.stop();
    assert_eq!(log_differences(&tree, &log, true), [""; 0]);
}

#[test]
fn a_snapshot_that_the_end_cuts_is_told_from_records_that_nobody_has_read() {
    let tree = Tree::new();
    tree.fill_with_long_paths();
    let path = tree.outside("out");
    let out = fs::File::create(&path).unwrap();
    let args = ["--format", "json", "--hash", "off", "--snapshot", "0.1"];
    let watch = tree.watch().args(args).stdout(out).spawn();
    let length = || fs::metadata(&path).unwrap().len();
    // More than `start` and `ready`.
    assert!(eventually(|| length() > 100_000));
    let is_pending = || {
        let pending = u64::from_str_radix(&watch.status("ShdPnd"), 16).unwrap();
        pending & 1 << (sys::SIGTERM - 1) != 0
    };
    watch.signal(sys::SIGTERM);
    assert!(eventually(|| !is_pending()));
    // With a second signal, the end waits no longer.
    watch.signal(sys::SIGTERM);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(1));
    let line = "balerion: the snapshot was not completed: the end came too soon\n";
    assert!(ended.stderr.ends_with(line), "{}", ended.stderr);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("}\n"));
    assert_eq!(text.matches("\"event\":\"ready\"").count(), 1);
}

#[test]
fn what_is_held_goes_to_the_log_of_its_session() {
    let tree = Tree::new();
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    let args = ["--format", "json", "--settle", "1h", "--log-file"];
    let watch = tree.watch().args(args).args(["../outside/log"]).start();
    tree.touch("a");
    let is_known = |line: &common::stream::Line| {
        let text = line.text();
        text.starts_with("balerion: stats: files ") && text.ends_with(" 1")
    };
    assert!(eventually(|| {
        watch.signal(sys::SIGUSR1);
        watch.err.lines_from(0).iter().any(is_known)
    }));
    fs::rename(&log, &old).unwrap();
    watch.signal(sys::SIGHUP);
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap_or_default();
    assert!(eventually(|| read(&log).contains("\"ready\"")));
    watch.stop();
    let first = read(&log);
    let first = first.lines().next().unwrap();
    assert!(first.contains("\"start\""), "{first}");
    assert!(read(&old).contains("\"./a\""), "{}", read(&old));
}
