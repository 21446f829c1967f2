//! Tests the default output: one line of text for each change (contract, section 2).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::Tree;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

#[test]
fn files_have_their_five_lines() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    tree.touch("a.txt");
    watch.expect(&["New file: ./a.txt"]);
    tree.append("a.txt", "x");
    watch.expect(&["Content changed: ./a.txt"]);
    tree.rename("a.txt", "b.txt");
    watch.expect(&["Renamed: ./a.txt -> ./b.txt"]);
    tree.remove("b.txt");
    watch.expect(&["Deleted: ./b.txt"]);
    watch.finish();
}

#[test]
fn directories_have_lines_of_their_own() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    tree.mkdir("dir");
    watch.expect(&["Watching new directory: ./dir"]);
    tree.rename("dir", "lib");
    watch.expect(&["Renamed directory: ./dir -> ./lib"]);
    tree.rmdir("lib");
    watch.expect(&["Deleted directory: ./lib"]);
    watch.finish();
}

#[test]
fn whatever_is_no_directory_is_called_a_file_and_only_its_name_counts() {
    let tree = Tree::new();
    tree.mkdir("target");
    let mut watch = tree.watch().start();
    tree.symlink("target", "link");
    watch.expect(&["New file: ./link"]);
    tree.symlink("nowhere", "dangling");
    watch.expect(&["New file: ./dangling"]);
    tree.fifo("pipe");
    watch.expect(&["New file: ./pipe"]);
    let socket = UnixListener::bind(tree.path("socket")).unwrap();
    watch.expect(&["New file: ./socket"]);
    // The target of a link is reported under its own name only.
    tree.touch("link/inside");
    watch.expect(&["New file: ./target/inside"]);
    tree.rename("link", "other");
    watch.expect(&["Renamed: ./link -> ./other"]);
    for name in ["other", "dangling", "pipe", "socket"] {
        tree.remove(name);
        watch.expect(&[&format!("Deleted: ./{name}")]);
    }
    drop(socket);
    watch.finish();
}

#[test]
fn a_line_is_there_before_the_next_change_is_made() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    for number in 0..30 {
        tree.touch(format!("f{number}"));
        watch.expect(&[&format!("New file: ./f{number}")]);
    }
    watch.finish();
}

#[test]
fn what_could_break_a_line_or_a_terminal_is_escaped() {
    let cases: [(&[u8], &str); 13] = [
        (b"new\nline", r"./new\nline"),
        (b"tab\there", r"./tab\there"),
        (b"return\r", r"./return\r"),
        (b"back\\slash", r"./back\\slash"),
        (b"\\n", r"./\\n"),
        (b"\x1b[31mred", r"./\x1b[31mred"),
        (b"bell\x07", r"./bell\x07"),
        (b"delete\x7f", r"./delete\x7f"),
        // U+0085, a C1 control character, is two bytes of UTF-8.
        (b"next\xc2\x85", r"./next\xc2\x85"),
        (b"latin \xe9", r"./latin \xe9"),
        (b"half \xe2\x82", r"./half \xe2\x82"),
        ("gr\u{fc}n \u{20ac} \u{1f409}".as_bytes(), "./grün € 🐉"),
        (b"a -> b 'c' \"d\"", "./a -> b 'c' \"d\""),
    ];
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    for (name, printed) in cases {
        tree.touch(OsStr::from_bytes(name));
        watch.expect(&[&format!("New file: {printed}")]);
    }
    tree.rename("new\nline", "line\nnew");
    watch.expect(&[r"Renamed: ./new\nline -> ./line\nnew"]);
    watch.finish();
}

#[test]
fn stderr_is_escaped_as_well() {
    let tree = Tree::new();
    let ended = tree.watch().path("no\nsuch\x1bfile").spawn().wait();
    assert_eq!(ended.status.code(), Some(2));
    ended.stderr_is_ours();
    assert!(
        ended.stderr.contains(r"no\nsuch\x1bfile"),
        "{}",
        ended.stderr
    );
}

#[test]
fn being_ready_is_reported_on_stderr_with_the_number_of_directories_and_files() {
    let tree = Tree::new();
    tree.mkdirs("a/b");
    tree.touch("a/one");
    tree.symlink("one", "a/two");
    tree.fifo("a/b/three");
    let mut watch = tree.watch().spawn();
    let line = watch.wait_ready();
    assert_eq!(line.text(), "balerion: ready: 3 directories, 3 files");
    let ended = watch.finish();
    assert!(ended.lines().iter().all(|line| line.contains("sentinel")));
}

#[test]
fn what_was_there_is_not_printed_in_text_even_when_asked_for() {
    let tree = Tree::new();
    tree.write("there", "before");
    // Where it would have an effect, it would wait for the digest of this.
    let endless = File::create(tree.path("endless")).unwrap();
    endless.set_len(1 << 42).unwrap();
    for format in ["text", "paths"] {
        let args = ["--initial", "--hash-limit", "8T", "--format", format];
        let mut watch = tree.watch().args(args).start();
        let note = format!("balerion: note: --initial has no effect with --format {format}");
        watch.await_stderr(&note);
        tree.touch(format);
        let line = watch.next_line().text();
        assert!(line.ends_with(&format!("./{format}")), "{line}");
        watch.stop();
    }
}

#[test]
fn quiet_keeps_stderr_empty_when_all_is_well() {
    let tree = Tree::new();
    tree.write("there", "before");
    let mut watch = tree.watch().json().args(["--quiet"]).start();
    tree.touch("new");
    watch.expect(&["created file ./new"]);
    let ended = watch.finish();
    assert_eq!(ended.stderr, "");
}

#[test]
fn quiet_keeps_errors() {
    let tree = Tree::new();
    let ended = tree
        .watch()
        .args(["--quiet"])
        .path("missing")
        .spawn()
        .wait();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("missing"), "{}", ended.stderr);
}

#[test]
fn print0_ends_records_with_nul_and_leaves_names_raw() {
    let tree = Tree::new();
    let to = tree.outside("out");
    let watch = tree
        .watch()
        .args(["--print0", "--count", "2"])
        .stdout(File::create(&to).unwrap())
        .start();
    tree.touch(OsStr::from_bytes(b"raw\n\xff\\"));
    tree.touch("plain");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let printed = std::fs::read(to).unwrap();
    assert_eq!(printed, b"New file: ./raw\n\xff\\\0New file: ./plain\0");
}

#[test]
fn print0_ends_json_records_with_nul_too() {
    let tree = Tree::new();
    let to = tree.outside("out");
    let watch = tree
        .watch()
        .args(["--print0", "--count", "1", "--format", "json"])
        .stdout(File::create(&to).unwrap())
        .start();
    tree.touch("plain");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let printed = std::fs::read(to).unwrap();
    assert!(!printed.contains(&b'\n'));
    let records: Vec<_> = printed.split(|byte| *byte == 0).collect();
    // start, ready, the change, and nothing after its end.
    assert_eq!(records.len(), 4, "{}", String::from_utf8_lossy(&printed));
    assert_eq!(records[3], b"");
    let record = common::Record::parse(records[2]).unwrap();
    assert_eq!(record.summary(), "created file ./plain");
}
