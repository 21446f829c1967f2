//! Tests the options that decide what is printed and how.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use common::serve::refused;
use common::stream::Stream;
use common::{DEADLINE, Record, Tree, eventually, terminal};

#[test]
fn only_the_events_that_were_named_are_printed() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("there", "x");
    tree.chmod("there", 0o644);
    tree.write("old", "x");
    let args = ["--events", "deleted, renamed", "--events", "attributes"];
    let mut watch = tree.watch().args(args).baseline().start();
    tree.write("new", "x");
    tree.append("there", "y");
    tree.rename("old", "d/renamed");
    watch.expect(&["Renamed: ./old -> ./d/renamed"]);
    tree.chmod("there", 0o601);
    watch.expect(&["Attributes changed: ./there (mode 0644 -> 0601)"]);
    tree.remove("there");
    tree.remove_all("d");
    watch.expect(&[
        "Deleted: ./there",
        "Deleted: ./d/renamed",
        "Deleted directory: ./d",
    ]);
    let ended = watch.stop();
    assert_eq!(ended.lines().len(), 5);
}

#[test]
fn attributes_have_their_old_and_new_values_in_json() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.chmod("a", 0o644);
    let watch = tree.watch().args(["--events", "attributes", "-m"]);
    let mut watch = watch.args(["--format", "json"]).baseline().start();
    // `start` and `ready` are no changes, and are always there.
    assert!(watch.next_line().text().contains("\"start\""));
    assert!(watch.next_line().text().contains("\"ready\""));
    tree.chmod("a", 0o4711);
    let line = watch.next_line();
    let record = Record::parse(&line.bytes).unwrap();
    assert_eq!(record.summary(), "attributes file ./a");
    assert_eq!(record.text("old_mode"), Some("0644"), "{}", line.text());
    assert_eq!(record.text("mode"), Some("4711"), "{}", line.text());
    for id in ["uid", "gid"] {
        assert!(record.number(id).is_some(), "{}", line.text());
        let old = record.number(&format!("old_{id}"));
        assert_eq!(old, record.number(id), "{}", line.text());
    }
    watch.stop();
}

#[test]
fn an_event_that_does_not_exist_is_refused_with_those_that_do() {
    for list in ["modified", "created,modified", "Created", "", "created,,"] {
        let stderr = refused(&["--events", list]);
        assert!(stderr.contains("attributes"), "{list:?}: {stderr}");
    }
}

#[test]
fn paths_are_printed_bare_one_a_line_and_a_rename_is_its_new_name() {
    let tree = Tree::new();
    tree.write("old", "x");
    let args = ["--format", "paths"];
    let mut watch = tree.watch().args(args).baseline().start();
    tree.touch("a\nb");
    watch.expect(&[r"./a\nb"]);
    tree.rename("old", "c d");
    watch.expect(&["./c d"]);
    tree.mkdir("e");
    watch.expect(&["./e"]);
    tree.remove("c d");
    watch.expect(&["./c d"]);
    watch.stop();
}

#[test]
fn paths_that_end_in_nul_are_raw_and_nothing_is_added_to_them() {
    for nul in ["-0", "--print0"] {
        let tree = Tree::new();
        let to = tree.outside("out");
        let watch = tree
            .watch()
            .args([nul, "--format", "paths", "--timestamps", "--color"])
            .args(["always", "--count", "2"])
            .stdout(File::create(&to).unwrap())
            .start();
        let raw = OsStr::from_bytes(b"raw\n\xff\\");
        tree.touch(raw);
        let written = || std::fs::metadata(&to).unwrap().len() > 0;
        assert!(eventually(written));
        tree.rename(raw, "plain");
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(std::fs::read(to).unwrap(), b"./raw\n\xff\\\0./plain\0");
    }
}

#[test]
fn a_timestamp_is_the_local_time_before_each_line_of_text() {
    let mut zones = vec!["TZ=IST-5:30"];
    // A minimal system knows no names of time zones.
    if std::path::Path::new("/usr/share/zoneinfo/Asia/Kolkata").exists() {
        zones.push("TZ=Asia/Kolkata");
    }
    for zone in zones {
        stamps_of_india_in(zone);
    }
}

fn stamps_of_india_in(zone: &str) {
    let tree = Tree::new();
    let watch = tree.watch().through(&["env", zone]);
    let mut watch = watch.args(["--timestamps"]).start();
    let before = jiff::Timestamp::now();
    tree.write("a", "x");
    for sentence in ["New file: ./a", "Content changed: ./a"] {
        let line = watch.next_line().text();
        let (stamp, rest) = line.split_once(' ').unwrap();
        assert_eq!(rest, sentence);
        assert!(stamp.ends_with("+05:30"), "{line}");
        assert_eq!(stamp.as_bytes()[10], b'T', "{line}");
        let reported: jiff::Timestamp = stamp.parse().unwrap();
        // Milliseconds are rounded down.
        assert!(
            reported.as_millisecond() >= before.as_millisecond() - 1,
            "{line}"
        );
        assert!(reported <= jiff::Timestamp::now(), "{line}");
    }
    watch.stop();
}

#[test]
fn neither_timestamps_nor_colours_get_into_records() {
    let tree = Tree::new();
    let watch = tree.watch().json().args(["--timestamps", "--color"]);
    let mut watch = watch.args(["always"]).start();
    tree.write("a", "x");
    watch.expect(&["created file ./a", "changed file ./a"]);
    watch.finish();
}

#[test]
fn colours_go_into_a_pipe_only_when_always_wanted() {
    for (args, env, line) in [
        (&[][..], "NO_COLOR=", "New file: ./a"),
        (&["--color", "auto"], "NO_COLOR=", "New file: ./a"),
        (&["--color", "never"], "NO_COLOR=", "New file: ./a"),
        (
            &["--color", "always"],
            "NO_COLOR=",
            "\x1b[32mNew file:\x1b[0m ./a",
        ),
        // --color overrides NO_COLOR.
        (
            &["--color", "always"],
            "NO_COLOR=1",
            "\x1b[32mNew file:\x1b[0m ./a",
        ),
    ] {
        let tree = Tree::new();
        let mut watch = tree.watch().through(&["env", env]).args(args).start();
        tree.touch("a");
        watch.expect(&[line]);
        watch.stop();
    }
}

#[test]
fn a_terminal_gets_colours_unless_it_is_not_to() {
    for (args, env, is_coloured) in [
        (&[][..], "NO_COLOR=", true),
        (&[], "NO_COLOR=1", false),
        (&["--color", "never"], "NO_COLOR=", false),
        (&["--format", "paths"], "NO_COLOR=", false),
    ] {
        let (reader, printer) = terminal::open().unwrap();
        let shown = Stream::collect(reader);
        let tree = Tree::new();
        let watch = tree.watch().through(&["env", env]).args(args);
        let watch = watch.stdout(printer).start();
        tree.touch("a");
        let line = shown.line(0, Instant::now() + DEADLINE).unwrap().text();
        assert!(line.trim_end().ends_with("./a"), "{line:?}");
        assert_eq!(
            line.contains('\x1b'),
            is_coloured,
            "{args:?} {env}: {line:?}"
        );
        watch.stop();
    }
}

#[test]
fn a_trace_shows_each_kernel_event_on_stderr() {
    let tree = Tree::new();
    tree.mkdir("d");
    let mut watch = tree.watch().args(["--trace"]).start();
    tree.write("d/a\n", "x");
    watch.until(r"Content changed: ./d/a\n");
    tree.mkdir("new");
    tree.rename("d/a\n", "b");
    watch.until(r"Renamed: ./d/a\n -> ./b");
    tree.remove("b");
    watch.until("Deleted: ./b");
    let ended = watch.stop();
    ended.stderr_is_ours();
    let traced: Vec<_> = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("balerion: trace: "))
        .collect();
    let find = |flag: &str, end: &str| {
        let wanted = |line: &&&str| line.starts_with(flag) && line.ends_with(end);
        let line = traced.iter().find(wanted);
        let line = line.unwrap_or_else(|| panic!("no {flag} … {end} in {traced:#?}"));
        assert!(line.contains(" wd="), "{line}");
        (*line).to_owned()
    };
    find("IN_CREATE ", r"(./d) name=a\n");
    find("IN_MODIFY ", r"(./d) name=a\n");
    find("IN_CLOSE_WRITE ", r"(./d) name=a\n");
    find("IN_CREATE|IN_ISDIR ", "(.) name=new");
    find("IN_DELETE ", "(.) name=b");
    let cookie = |line: String| {
        let rest = line.split_once("cookie=").unwrap().1;
        rest.split_once(' ').unwrap().0.parse::<u32>().unwrap()
    };
    let from = cookie(find("IN_MOVED_FROM ", r" name=a\n"));
    let to = cookie(find("IN_MOVED_TO ", " name=b"));
    assert_eq!(from, to, "{traced:#?}");
    assert_ne!(from, 0);
}

#[test]
fn bad_sizes_and_formats_and_colours_are_refused() {
    for limit in ["", "K", "-1", "+1", "1.5", "1X", "99999999999T", "M1"] {
        refused(&[&format!("--hash-limit={limit}")]);
    }
    for args in [
        ["--format", "csv"],
        ["--color", "sometimes"],
        ["--hash", ""],
    ] {
        refused(&args);
    }
}

#[test]
fn what_inotifywaits_fingers_type_changes_nothing() {
    for args in [&["-m", "-r"][..], &["-mr"], &["--monitor", "--recursive"]] {
        let tree = Tree::new();
        tree.mkdir("d");
        let mut watch = tree.watch().args(args).start();
        tree.touch("d/a");
        watch.expect(&["New file: ./d/a"]);
        let moment = Duration::from_millis(1);
        assert!(!watch.out.wait_end(Instant::now() + moment));
        watch.stop();
    }
}
