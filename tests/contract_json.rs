//! Tests JSON Lines: the records, their fields and their values (contract, section 3).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Record, Tree, fork, sha256};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

/// The names of a record's fields, sorted.
fn fields(record: &Record) -> Vec<&str> {
    let object = record.value.as_object().unwrap();
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn ready_comes_first_and_counts_directories_and_files() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    tree.write("a/one", "1");
    tree.symlink("one", "a/two");
    let mut watch = tree.watch().json().spawn();
    let line = watch.wait_ready();
    assert_eq!(watch.reported(), ["ready"]);
    let ready = Record::parse(&line.bytes).unwrap();
    assert_eq!(ready.number("directories"), Some(3));
    assert_eq!(ready.number("files"), Some(2));
    watch.await_stderr("balerion: ready: 3 directories, 2 files");
    watch.finish();
}

#[test]
fn each_event_has_its_fields() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    tree.write("a", "hello\n");
    let records = watch.expect(&["created file ./a", "changed file ./a"]);
    let content = ["event", "kind", "path", "sha256", "size", "time"];
    assert_eq!(fields(&records[0]), content);
    assert_eq!(records[0].sha256(), Some(sha256(b"").as_str()));
    assert_eq!(records[0].size(), Some(0));
    assert_eq!(fields(&records[1]), content);
    assert_eq!(records[1].sha256(), Some(sha256(b"hello\n").as_str()));
    assert_eq!(records[1].size(), Some(6));
    tree.rename("a", "b");
    let records = watch.expect(&["renamed file ./a -> ./b"]);
    for field in ["event", "from", "kind", "path", "time"] {
        assert!(fields(&records[0]).contains(&field), "no {field}");
    }
    tree.remove("b");
    let records = watch.expect(&["deleted file ./b"]);
    assert_eq!(fields(&records[0]), ["event", "kind", "path", "time"]);
    watch.finish();
}

#[test]
fn every_kind_has_its_name_and_only_files_have_digests() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    tree.touch("file");
    tree.mkdir("directory");
    tree.symlink("file", "symlink");
    tree.fifo("fifo");
    let records = watch.expect(&[
        "created file ./file",
        "created directory ./directory",
        "created symlink ./symlink",
        "created other ./fifo",
    ]);
    let digests: Vec<_> = records
        .iter()
        .map(|record| record.sha256().is_some())
        .collect();
    assert_eq!(digests, [true, false, false, false]);
    watch.finish();
}

#[test]
fn the_time_is_utc_to_the_microsecond_and_it_is_now() {
    let now = || {
        let mut date = Command::new("date");
        date.args(["-u", "+%Y-%m-%dT%H:%M:%S"]);
        let done = fork::output(&mut date).unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let before = now();
    tree.touch("a");
    let records = watch.expect(&["created file ./a"]);
    let after = now();
    let time = records[0].text("time").unwrap();
    assert!(common::record::is_time(time), "{time}");
    let second = &time[..before.len()];
    assert!(
        *before <= *second && *second <= *after,
        "{before} {time} {after}"
    );
    watch.finish();
}

#[test]
fn a_name_that_is_not_utf8_is_given_in_hexadecimal_beside() {
    let tree = Tree::new();
    tree.mkdir(OsStr::from_bytes(b"d\xe9"));
    let mut watch = tree.watch().json().start();
    let name = OsStr::from_bytes(b"d\xe9/\xff");
    tree.touch(name);
    let line = watch.next_line();
    let record = Record::parse(&line.bytes).unwrap();
    assert_eq!(record.text("path"), Some("./d\u{fffd}/\u{fffd}"));
    let raw = hex::encode(b"./d\xe9/\xff");
    assert_eq!(record.text("path_hex"), Some(raw.as_str()));
    tree.rename(name, OsStr::from_bytes(b"d\xe9/plain"));
    let record = Record::parse(&watch.next_line().bytes).unwrap();
    assert_eq!(record.text("from_hex"), Some(raw.as_str()));
    assert_eq!(record.bytes("path"), b"./d\xe9/plain");
    tree.rename(OsStr::from_bytes(b"d\xe9/plain"), "plain");
    let record = Record::parse(&watch.next_line().bytes).unwrap();
    assert_eq!(record.bytes("from"), b"./d\xe9/plain");
    assert!(record.value.get("path_hex").is_none());
    watch.finish();
}

#[test]
fn control_characters_stay_what_they_are_in_json() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    tree.touch("new\nline\x1b\\");
    watch.expect(&["created file ./new\nline\x1b\\"]);
    watch.finish();
}

#[test]
fn initial_lists_what_is_there_parents_first_and_then_ready() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    tree.write("a/b/file", "content");
    tree.symlink("b", "a/link");
    tree.write("top", "");
    let mut watch = tree.watch().json().args(["--initial"]).start();
    let reported = watch.reported();
    assert_eq!(reported[0], "existing directory .");
    assert_eq!(reported.last().unwrap(), "ready");
    let place = |line: &str| {
        let found = reported.iter().position(|each| each == line);
        found.unwrap_or_else(|| panic!("{line} is not among {reported:#?}"))
    };
    assert!(place("existing directory ./a") < place("existing directory ./a/b"));
    assert!(place("existing directory ./a/b") < place("existing file ./a/b/file"));
    assert!(place("existing directory ./a") < place("existing symlink ./a/link"));
    assert_eq!(reported.len(), 7);
    // After the start of the session.
    let line = &watch.out.lines_from(1)[place("existing file ./a/b/file")];
    let file = Record::parse(&line.bytes).unwrap();
    assert_eq!(file.sha256(), Some(sha256(b"content").as_str()));
    assert_eq!(file.size(), Some(7));
    // The digests are known: from here on the same bytes are no change.
    tree.overwrite("a/b/file", "content");
    watch.silence();
    watch.finish();
}

#[test]
fn without_initial_what_is_there_is_not_listed() {
    let tree = Tree::new();
    tree.write("there", "before");
    let watch = tree.watch().json().baseline().start();
    assert_eq!(watch.reported(), ["ready"]);
    watch.finish();
}

#[test]
fn a_stream_without_ready_is_never_seen_on_a_tree_that_changes_at_once() {
    // What happens while the watch is being set up is reported before ready or after
    // it, once; the fold starts with nothing but what `--initial` reports.
    let tree = Tree::new();
    for number in 0..200 {
        tree.mkdirs(format!("d{number}"));
        tree.write(format!("d{number}/f"), format!("{number}"));
    }
    let mut watch = tree.watch().json().early().spawn();
    for number in 0..200 {
        tree.append(format!("d{number}/f"), "more");
        tree.rename(format!("d{number}"), format!("e{number}"));
        tree.write(format!("e{number}/g"), "new");
    }
    watch.wait_ready();
    watch.finish();
}
