//! Tests sessions: the records that a stream has about itself (contract, section 3a).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Record, Tree, Watch, sha256};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

fn strings(record: &Record, field: &str) -> Vec<String> {
    let array = record.value[field].as_array().unwrap();
    let texts = array.iter().map(|text| text.as_str().unwrap().to_owned());
    texts.collect()
}

/// A UUID of version 7, in its usual form.
fn is_uuid7(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|digit| match digit {
            '0'..='9' | 'a'..='f' => 'x',
            other => other,
        })
        .collect();
    shape == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" && text.as_bytes()[14] == b'7'
}

#[test]
fn start_comes_first_and_has_what_is_watched_and_how() {
    let tree = Tree::new();
    tree.mkdirs("src/sub");
    let watch = tree.watch().json().args(["--hash", "lazy"]);
    let watch = watch.path("./src/").path("src/../src/sub");
    let mut watch = watch.without_hashes().start();
    let start = &watch.records()[0];
    assert_eq!(start.event(), "start");
    assert_eq!(strings(start, "paths"), ["./src/", "src/../src/sub"]);
    let top = tree.root().canonicalize().unwrap();
    let top = top.to_str().unwrap();
    let absolute = [format!("{top}/src"), format!("{top}/src/sub")];
    assert_eq!(strings(start, "absolute"), absolute);
    assert_eq!(start.text("hash"), Some("lazy"));
    let version = start.text("version").unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_balerion"))
        .arg("--version")
        .output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    assert_eq!(printed.trim_end(), format!("balerion {version}"));
    assert!(is_uuid7(start.text("session").unwrap()), "{start:?}");
    for absent in ["resumes", "host", "seq", "paths_hex", "absolute_hex"] {
        assert!(start.value.get(absent).is_none(), "{absent} in {start:?}");
    }
    tree.touch("src/a");
    watch.expect(&["created file ./src/a"]);
    for record in &watch.records()[1..] {
        for absent in ["session", "host", "seq"] {
            assert!(record.value.get(absent).is_none(), "{absent} in {record:?}");
        }
    }
    watch.stop();
}

#[test]
fn a_path_that_is_not_utf8_is_whole_in_start() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let tree = Tree::new();
    let name = OsStr::from_bytes(b"d\xff");
    std::fs::create_dir(tree.root().join(name)).unwrap();
    let watch = tree.watch().json().path(name).start();
    let start = &watch.records()[0];
    assert_eq!(strings(start, "paths"), ["d\u{fffd}"]);
    assert_eq!(strings(start, "paths_hex"), ["64ff"]);
    let absolute = tree.root().canonicalize().unwrap().join(name);
    let absolute = hex::encode(absolute.as_os_str().as_bytes());
    assert_eq!(strings(start, "absolute_hex"), [absolute]);
    watch.stop();
}

#[test]
fn with_a_host_every_record_has_a_key_and_numbers_without_a_gap() {
    let tree = Tree::new();
    tree.write("there", "x");
    let args = [
        "--host",
        "web 1",
        "--initial",
        "--events",
        "created,deleted",
    ];
    let mut watch = tree.watch().json().args(args).start();
    tree.write("a", "1");
    tree.remove("a");
    watch.until("deleted file ./a");
    let records = watch.records();
    let session = records[0].text("session").unwrap().to_owned();
    assert!(is_uuid7(&session));
    for (number, record) in (0..).zip(&records) {
        assert_eq!(record.text("host"), Some("web 1"), "{record:?}");
        assert_eq!(record.text("session"), Some(session.as_str()), "{record:?}");
        // The change that --events leaves out has no number.
        assert_eq!(record.number("seq"), Some(number), "{record:?}");
    }
    let events: Vec<_> = records.iter().map(Record::event).collect();
    let expected = [
        "start", "existing", "existing", "ready", "created", "deleted",
    ];
    assert_eq!(events, expected);
    watch.stop();
}

#[test]
fn host_auto_is_the_node_name_and_each_start_is_a_session_of_its_own() {
    let tree = Tree::new();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let watch = tree.watch().json().args(["--host", "auto"]).start();
        let records = watch.records();
        assert_eq!(records[0].text("host"), Some(name.trim_end()));
        assert_eq!(records[0].number("seq"), Some(0));
        sessions.push(records[0].text("session").unwrap().to_owned());
        watch.stop();
    }
    assert!(
        sessions[0] < sessions[1],
        "not in order of time: {sessions:?}"
    );
}

#[test]
fn start_and_ready_do_not_count() {
    let tree = Tree::new();
    tree.write("a", "1");
    let args = ["--count", "1", "--initial", "--host", "h"];
    let mut watch = tree.watch().json().args(args).start();
    tree.touch("b");
    watch.until("created file ./b");
    assert_eq!(watch.wait().status.code(), Some(0));
    let args = ["--timeout", "0", "--initial"];
    let ended = tree.watch().json().args(args).spawn().wait();
    assert_eq!(ended.status.code(), Some(3), "no change was printed");
}

#[test]
fn in_text_and_paths_a_session_does_not_show() {
    let tree = Tree::new();
    for format in ["text", "paths"] {
        let args = [
            "--format",
            format,
            "--host",
            "h",
            "--stat",
            "--timeout",
            "0",
        ];
        let ended = tree.watch().args(args).spawn().wait();
        assert_eq!(ended.stdout, b"", "{format}");
        for option in ["--host", "--stat"] {
            let note = format!("note: {option} has no effect with --format {format}");
            assert!(ended.stderr.contains(&note), "{}", ended.stderr);
        }
    }
}

#[test]
fn with_stat_files_carry_inode_and_times() {
    let tree = Tree::new();
    tree.write("old", "1");
    let mut watch = tree.watch().json().args(["--stat", "--initial"]).start();
    let time = |record: &Record, field: &str| record.text(field).unwrap().to_owned();
    let check = |record: &Record, name: &str| {
        let found = std::fs::metadata(tree.path(name)).unwrap();
        assert_eq!(record.number("inode"), Some(found.ino()), "{record:?}");
        for (field, seconds, nanos) in [
            ("mtime", found.mtime(), found.mtime_nsec()),
            ("ctime", found.ctime(), found.ctime_nsec()),
        ] {
            let text = time(record, field);
            assert_eq!(text.len(), "2026-01-02T03:04:05.123456789Z".len(), "{text}");
            let date = Command::new("date")
                .args(["-u", "+%s.%N", "-d", &text])
                .output();
            let date = String::from_utf8(date.unwrap().stdout).unwrap();
            assert_eq!(date.trim_end(), format!("{seconds}.{nanos:09}"), "{field}");
        }
    };
    let of = |watch: &Watch, event: &str, path: &str| {
        let found = watch.records();
        let mut found = found.into_iter().rev();
        found
            .find(|record| record.event() == event && record.bytes("path") == path.as_bytes())
            .unwrap()
    };
    check(&of(&watch, "existing", "./old"), "old");
    tree.write("old", "22");
    watch.until("changed file ./old");
    check(&of(&watch, "changed", "./old"), "old");
    std::fs::File::create(tree.path("empty")).unwrap();
    watch.until("created file ./empty");
    check(&of(&watch, "created", "./empty"), "empty");
    tree.write("../outside/in", "333");
    tree.rename("../outside/in", "in");
    watch.until("created file ./in");
    check(&of(&watch, "created", "./in"), "in");
    watch.stop();
    let mut watch = tree.watch().json().start();
    tree.write("old", "4444");
    let changed = watch.expect(&["changed file ./old"]);
    for absent in ["inode", "mtime", "ctime"] {
        assert!(
            changed[0].value.get(absent).is_none(),
            "{absent} was not asked for"
        );
    }
    watch.stop();
}

#[test]
fn without_renames_a_directory_goes_from_below_and_comes_from_above() {
    let tree = Tree::new();
    tree.mkdirs("d/sub");
    tree.write("d/sub/f", "hello");
    let watch = tree.watch().json().args(["--no-renames"]).baseline();
    let mut watch = watch.start();
    tree.rename("d", "e");
    let records = watch.expect(&[
        "deleted file ./d/sub/f",
        "deleted directory ./d/sub",
        "deleted directory ./d",
        "created directory ./e",
        "created directory ./e/sub",
        "created file ./e/sub/f",
    ]);
    assert_eq!(records[5].sha256(), Some(sha256(b"hello").as_str()));
    assert_eq!(records[5].size(), Some(5));
    watch.finish();
}

#[test]
fn without_renames_what_is_replaced_is_deleted() {
    let tree = Tree::new();
    tree.write("a", "old");
    let watch = tree.watch().json().args(["--no-renames"]).baseline();
    let mut watch = watch.start();
    tree.write("a.tmp", "new");
    watch.expect(&["created file ./a.tmp", "changed file ./a.tmp"]);
    tree.rename("a.tmp", "a");
    let records = watch.expect(&[
        "deleted file ./a",
        "deleted file ./a.tmp",
        "created file ./a",
    ]);
    assert_eq!(records[2].sha256(), Some(sha256(b"new").as_str()));
    tree.mkdirs("full/x");
    tree.mkdir("empty");
    watch.expect_in_any_order(&[
        "created directory ./full",
        "created directory ./full/x",
        "created directory ./empty",
    ]);
    tree.rename("full", "empty");
    watch.expect(&[
        "deleted directory ./empty",
        "deleted directory ./full/x",
        "deleted directory ./full",
        "created directory ./empty",
        "created directory ./empty/x",
    ]);
    watch.finish();
}

#[test]
fn without_renames_text_and_paths_have_none_either() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/f", "1");
    let mut watch = tree.watch().args(["--no-renames"]).start();
    tree.rename("d", "e");
    watch.expect(&[
        "Deleted: ./d/f",
        "Deleted directory: ./d",
        "Watching new directory: ./e",
        "New file: ./e/f",
    ]);
    watch.stop();
    let args = ["--no-renames", "--format", "paths"];
    let mut watch = tree.watch().args(args).start();
    tree.rename("e", "d");
    watch.expect(&["./e/f", "./e", "./d", "./d/f"]);
    watch.stop();
}
