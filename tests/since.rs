//! Tests `--since` and `--verify`, which report what changed while nobody watched (contract,
//! section 3a).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "since/cases.rs"]
mod cases;
mod common;

use cases::{CASES, Case};
use common::disk::{self, Snapshot};
use common::fold::log_differences;
use common::{Record, Tree, eventually, serve, skipped, sys};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

/// The differences between the fold of a whole log and the disk.
fn differences(tree: &Tree, log: &[u8]) -> Vec<String> {
    log_differences(tree, log, true)
}

fn run(tree: &Tree, args: &[&str]) -> Output {
    serve::run(tree, args)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A snapshot of the tree, outside it.
fn snapshot(tree: &Tree, more: &[&str]) -> PathBuf {
    let file = tree.outside("baseline.json");
    let args = ["--format", "json", "--initial", "--stat", "--timeout", "0"];
    let output = run(tree, &[&args, more].concat());
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        serve::stderr_of(&output)
    );
    fs::write(&file, output.stdout).unwrap();
    file
}

/// The records since the snapshot, in short, and the whole stream.
fn since(tree: &Tree, file: &Path, more: &[&str]) -> (Vec<String>, Vec<u8>) {
    let args = ["--format", "json", "--timeout", "0", "--since", text(file)];
    let output = run(tree, &[&args, more].concat());
    let records: Vec<_> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| Record::parse(line).unwrap())
        .collect();
    assert_eq!(records[0].event(), "start");
    assert!(records[0].text("resumes").is_some(), "{records:?}");
    let ready = records.iter().position(|record| record.event() == "ready");
    let changes = &records[1..ready.unwrap()];
    let status = if changes.is_empty() { 3 } else { 0 };
    assert_eq!(
        output.status.code(),
        Some(status),
        "{}",
        serve::stderr_of(&output)
    );
    let short = changes.iter().map(Record::summary).collect();
    (short, output.stdout)
}

#[test]
fn a_rotation_over_the_oldest_file_is_renames_and_a_change_of_its_name() {
    let tree = Tree::new();
    for (name, bytes) in [("log", "3"), ("log.1", "2"), ("log.2", "1")] {
        tree.write(name, bytes);
    }
    let file = snapshot(&tree, &[]);
    tree.rename("log.1", "log.2");
    tree.rename("log", "log.1");
    let (changes, stream) = since(&tree, &file, &[]);
    let expected = [
        "renamed file ./log.1 -> ./log.2",
        "renamed file ./log -> ./log.1",
        "changed file ./log.2",
    ];
    assert_eq!(changes, expected);
    let whole = [fs::read(&file).unwrap(), stream].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

fn set_mode(tree: &Tree, path: &str, mode: u32) {
    fs::set_permissions(tree.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn modes_that_changed_meanwhile_are_reported_if_they_are_asked_for() {
    const EVERY: [&str; 2] = ["--events", "created,changed,renamed,deleted,attributes"];
    let tree = Tree::new();
    tree.mkdirs("d");
    set_mode(&tree, "d", 0o755);
    for name in ["d/same", "d/written", "d/restricted", "saved", "moved"] {
        tree.write(name, "1");
        set_mode(&tree, name, 0o644);
    }
    let file = snapshot(&tree, &EVERY);
    tree.append("d/written", "2");
    set_mode(&tree, "d", 0o700);
    set_mode(&tree, "d/restricted", 0o600);
    tree.rename("moved", "elsewhere");
    set_mode(&tree, "elsewhere", 0o600);
    tree.write("new", "22");
    set_mode(&tree, "new", 0o600);
    tree.rename("new", "saved");
    let names_and_bytes = [
        "renamed file ./moved -> ./elsewhere",
        "changed file ./d/written",
        "changed file ./saved",
    ];
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let (changes, _) = since(&tree, &file, &[]);
    assert_eq!(
        sorted(changes),
        sorted(names_and_bytes.map(String::from).into())
    );
    let (changes, stream) = since(&tree, &file, &EVERY);
    let modes = [
        "attributes directory ./d",
        "attributes file ./d/restricted",
        "attributes file ./elsewhere",
        "attributes file ./saved",
    ];
    let expected = [&names_and_bytes[..], &modes].concat();
    assert_eq!(
        sorted(changes),
        sorted(expected.into_iter().map(String::from).collect())
    );
    let records = stream.split(|&byte| byte == b'\n');
    let records = records.filter_map(|line| Record::parse(line).ok());
    for record in records.filter(|record| record.event() == "attributes") {
        let old = if record.text("path") == Some("./d") {
            "0755"
        } else {
            "0644"
        };
        assert_eq!(record.text("old_mode"), Some(old), "{record:?}");
    }
    let whole = [fs::read(&file).unwrap(), stream].concat();
    fs::write(&file, whole).unwrap();
    assert_eq!(since(&tree, &file, &EVERY).0, [""; 0]);
    set_mode(&tree, "d", 0o755);
    let (changes, stream) = since(&tree, &file, &EVERY);
    assert_eq!(changes, ["attributes directory ./d"]);
    assert!(String::from_utf8_lossy(&stream).contains(r#""old_mode":"0700""#));
}

fn prepared(case: &Case) -> Tree {
    let tree = Tree::new();
    (case.before)(&tree);
    tree
}

/// Changes a tree while nobody watches, and compares what is reported then.
fn change_offline(case: &Case, tree: &Tree) {
    let file = snapshot(tree, &[]);
    (case.change)(tree);
    let (reported, stream) = since(tree, &file, &[]);
    assert_eq!(reported, case.offline, "{}", case.name);
    let whole = [fs::read(&file).unwrap(), stream].concat();
    let wrong = differences(tree, &whole);
    assert_eq!(wrong, [""; 0], "{}", case.name);
}

/// Files that are not racy are not read, and where all files of a directory are unchanged, their
/// names are not compared again.
#[test]
fn what_changed_meanwhile_beside_old_files_is_reported() {
    let trees: Vec<_> = CASES.iter().map(prepared).collect();
    trees.iter().for_each(grow_old);
    for (case, tree) in CASES.iter().zip(&trees) {
        change_offline(case, tree);
    }
}

#[test]
fn what_changed_meanwhile_is_reported_as_it_would_have_been() {
    for case in CASES {
        change_offline(case, &prepared(case));

        let tree = Tree::new();
        (case.before)(&tree);
        let mut watch = tree.watch().json().baseline().start();
        (case.change)(&tree);
        let mut reported = watch.sentinel();
        // What was renamed before it could be read is read under the new name.
        reported.retain(|line| line != "changed file ./t");
        assert_eq!(reported, case.live, "{}", case.name);
        watch.stop();
    }
}

#[test]
fn exchanged_names_fold_to_the_truth() {
    let tree = Tree::new();
    tree.mkdirs("d/in d");
    tree.mkdirs("e/in e");
    tree.write("a", "1");
    tree.write("b", "2");
    let file = snapshot(&tree, &[]);
    tree.exchange("d", "e");
    tree.exchange("a", "b");
    let (_, stream) = since(&tree, &file, &[]);
    let whole = [fs::read(&file).unwrap(), stream].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

#[test]
fn in_text_it_is_the_integrity_check_in_one_line() {
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("b", "1");
    let file = snapshot(&tree, &[]);
    let args = ["--since", text(&file), "--timeout", "0"];
    let output = run(&tree, &args);
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(3), &b""[..])
    );
    tree.overwrite("a", "2");
    tree.remove("b");
    let output = run(&tree, &args);
    assert_eq!(output.status.code(), Some(0));
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(reported, "Deleted: ./b\nContent changed: ./a\n");
    let output = run(&tree, &[&args[..], &["--format", "paths"]].concat());
    assert_eq!(output.stdout, b"./b\n./a\n");
}

/// Waits until files that were just written are no longer racy.
fn grow_old(tree: &Tree) {
    let newest = || {
        let mut newest = SystemTime::UNIX_EPOCH;
        let mut found = Snapshot::new();
        disk::snapshot(&tree.root(), b".", &mut found);
        for path in found.keys() {
            let path = tree.path(String::from_utf8(path.clone()).unwrap());
            newest = newest.max(fs::symlink_metadata(path).unwrap().modified().unwrap());
        }
        newest
    };
    let until = newest() + Duration::from_millis(2100);
    while SystemTime::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The number of bytes read, from the statistics.
fn bytes_read(output: &Output) -> u64 {
    let stderr = serve::stderr_of(output);
    let line = stderr
        .lines()
        .find(|line| line.contains("baseline complete: "));
    let line = line.unwrap_or_else(|| panic!("{stderr}"));
    let words: Vec<_> = line.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| word.starts_with("bytes"))
        .unwrap();
    words[at - 1].parse().unwrap()
}

#[test]
fn what_has_the_times_of_then_is_not_read_unless_that_is_asked_for() {
    let tree = Tree::new();
    for number in 0..20 {
        tree.write(format!("f{number}"), "12345");
    }
    grow_old(&tree);
    let file = snapshot(&tree, &[]);
    let args = ["--format", "json", "--timeout", "0", "--since", text(&file)];
    assert_eq!(bytes_read(&run(&tree, &args)), 0);
    assert_eq!(
        bytes_read(&run(&tree, &[&args[..], &["--verify"]].concat())),
        100
    );
    tree.overwrite("f3", "54321");
    let output = run(&tree, &args);
    assert_eq!((bytes_read(&output), output.status.code()), (5, Some(0)));
    // Without the fields of --stat all are read.
    let stripped = fs::read_to_string(&file)
        .unwrap()
        .replace("\"ctime\"", "\"c\"");
    fs::write(&file, stripped).unwrap();
    assert_eq!(bytes_read(&run(&tree, &args)), 100);
}

#[test]
fn a_racy_file_is_read() {
    let tree = Tree::new();
    tree.write("a", "12345");
    let file = snapshot(&tree, &[]);
    let args = ["--format", "json", "--timeout", "0", "--since", text(&file)];
    assert_eq!(bytes_read(&run(&tree, &args)), 5);
}

/// A file whose path and status are those reported is not read. Where the comparison finds it
/// nevertheless new, its record has the size that was reported.
#[test]
fn an_unchanged_file_is_created_with_its_size_where_its_directory_moves_at_the_start() {
    let tree = Tree::new();
    tree.mkdirs("one/b");
    tree.mkdirs("two/b");
    tree.mkdirs("three/b");
    tree.write("one/b/c1", "1");
    tree.link("one/b/c1", "two/b/c2");
    tree.link("one/b/c1", "three/b/c3");
    // The second one in the order of the records: another of its names comes after it.
    let listed = fs::read_dir(tree.root()).unwrap();
    let dirs: Vec<_> = listed.map(|entry| entry.unwrap().file_name()).collect();
    let [first, second, third] = &dirs[..] else {
        panic!("{dirs:?}");
    };
    grow_old(&tree);
    let file = snapshot(&tree, &[]);
    tree.exchange(first, third);
    // Another directory of that name, with the same `b` in it.
    let b = Path::new(second).join("b");
    tree.mkdir("other");
    tree.rename(&b, "other/b");
    tree.rmdir(second);
    tree.rename("other", second);
    // It is read after the walk, for a good part of a second.
    let large = tree.path("large");
    File::create(&large).unwrap().set_len(900 << 20).unwrap();
    let args = ["--format", "json", "--since", text(&file)];
    let mut watch = tree.watch().args(args).spawn();
    let is_read = || !watch.open_in(&large).is_empty();
    assert!(eventually(is_read), "the file is never read");
    watch.freeze();
    tree.rename(&b, "moved b");
    watch.thaw();
    while !watch.next_line().text().contains("./moved b") {}
    let ended = watch.stop();
    let whole = [fs::read(&file).unwrap(), ended.stdout].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

/// A file that cannot be read during the start is read later.
#[test]
fn a_new_file_that_is_busy_at_the_start_is_completed() {
    let test = "a_new_file_that_is_busy…";
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("old", "2");
    let file = snapshot(&tree, &[]);
    tree.write("new", "3");
    tree.rename("old", "a");
    let leased =
        ["new", "a"].map(|name| File::options().write(true).open(tree.path(name)).unwrap());
    for file in &leased {
        if let Err(error) = sys::lease(file, true) {
            return skipped(test, &format!("no lease can be had here: {error}"));
        }
    }
    let args = ["--format", "json", "--since", text(&file)];
    let mut watch = tree.watch().args(args).spawn();
    watch.wait_ready();
    for file in &leased {
        sys::lease(file, false).unwrap();
    }
    let mut left = HashSet::from(["./new", "./a"]);
    while !left.is_empty() {
        let record = Record::parse(&watch.next_line().bytes).unwrap();
        if record.event() == "changed" && record.sha256().is_some() {
            left.remove(record.text("path").unwrap());
        }
    }
    let ended = watch.stop();
    let whole = [fs::read(&file).unwrap(), ended.stdout].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

#[test]
fn other_choices_than_then_are_no_differences_but_what_is_hidden_is() {
    let tree = Tree::new();
    tree.write("a.rs", "1");
    tree.write("b.tmp", "1");
    let file = snapshot(&tree, &[]);
    for more in [
        &["--hash", "off"][..],
        &["--hash", "lazy"],
        &["--hash-limit", "0"],
        &["--no-renames"],
    ] {
        assert_eq!(since(&tree, &file, more).0, [""; 0], "{more:?}");
    }
    let (reported, _) = since(&tree, &file, &["--exclude", "*.tmp"]);
    assert_eq!(reported, ["deleted file ./b.tmp"]);
    let bare = snapshot(&tree, &["--hash", "off", "--exclude", "*.tmp"]);
    assert_eq!(since(&tree, &bare, &[]).0, ["created file ./b.tmp"]);
    tree.write("a.rs", "two");
    let (reported, _) = since(&tree, &bare, &["--hash", "off", "--exclude", "*.tmp"]);
    assert_eq!(reported, ["changed file ./a.rs"]);
}

#[test]
fn renames_are_reported_as_deleted_and_created_where_they_are_not_wanted() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/a", "1");
    let file = snapshot(&tree, &[]);
    tree.rename("d", "e");
    let (reported, _) = since(&tree, &file, &["--no-renames"]);
    let expected = [
        "deleted file ./d/a",
        "deleted directory ./d",
        "created directory ./e",
        "created file ./e/a",
    ];
    assert_eq!(reported, expected);
}

#[test]
fn a_file_that_is_no_such_stream_is_refused_in_a_sentence() {
    let tree = Tree::new();
    tree.write("a", "1");
    let good = snapshot(&tree, &[]);
    let whole = fs::read_to_string(&good).unwrap();
    let file = tree.outside("other");
    let name = text(&file);
    let refused = |args: &[&str]| serve::refused_in(&tree, args);
    assert!(refused(&["--since", name]).contains("No such file"));
    for (content, why) in [
        ("", "is no JSON stream"),
        ("New file: ./a\n", "is no JSON stream"),
        ("\0\0\0\0", "is no JSON stream"),
        (
            &whole.replace("ready", "readier"),
            "every record since): the one of line 1 has no ready",
        ),
        (
            &whole.replace("existing", "exists"),
            "the one of line 1 has no snapshot",
        ),
        (
            &whole.replacen("\"kind\":\"file\"", "\"kind\":\"door\"", 1),
            "line 3 is no record",
        ),
    ] {
        fs::write(&file, content).unwrap();
        let stderr = refused(&["--since", name]);
        assert!(stderr.contains(why), "{content}: {stderr}");
    }
    let stderr = refused(&["--since", text(&good), text(&tree.outside(""))]);
    assert!(stderr.contains("other PATHs"), "{stderr}");
    tree.mkdir("d");
    let stderr = refused(&["--since", text(&good), "d"]);
    assert!(stderr.contains("other PATHs"), "{stderr}");
    // The same directory, spelt in another way.
    let root = tree.root();
    let stderr = refused(&["--since", text(&good), text(&root)]);
    let spelt = format!("other PATHs: . ({})", text(&root));
    assert!(stderr.contains(&spelt), "{stderr}");
    let fifo = tree.outside("fifo");
    sys::fifo(&fifo).unwrap();
    let stderr = refused(&["--since", text(&fifo)]);
    assert!(stderr.contains("no regular file"), "{stderr}");
    assert!(refused(&["--since", "/dev/null"]).contains("no regular file"));
    assert!(refused(&["--verify"]).contains("--since"));
    let log = tree.outside("log");
    let log = ["--resume", "--log-file", text(&log)];
    assert!(refused(&log).contains("--format json"));
    let json = [&log[..], &["--format", "json"]].concat();
    let stderr = refused(&[&json[..], &["--events", "created,changed"]].concat());
    assert!(stderr.contains("--resume needs every change"), "{stderr}");
}

#[test]
fn a_torn_tail_is_left_out_with_a_warning() {
    let tree = Tree::new();
    tree.write("a", "1");
    let file = snapshot(&tree, &[]);
    let whole = fs::read(&file).unwrap();
    let torn = [&whole[..], b"{\"time\":\"20"].concat();
    let zeroed = [&whole[..], &[0; 4096]].concat();
    for content in [torn, zeroed] {
        fs::write(&file, &content).unwrap();
        let output = run(&tree, &["--since", text(&file), "--timeout", "0"]);
        assert_eq!(output.status.code(), Some(3));
        let stderr = serve::stderr_of(&output);
        assert!(stderr.contains("is torn, and is left out"), "{stderr}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
}

#[test]
fn what_happens_meanwhile_comes_after_and_once() {
    let tree = Tree::new();
    tree.write("a", "1");
    let file = snapshot(&tree, &[]);
    tree.write("b", "1");
    let mut watch = tree.watch().json().args(["--since", text(&file)]).start();
    assert_eq!(watch.sentinel().len(), 0);
    tree.write("b", "2");
    watch.until("changed file ./b");
    tree.rename("b", "c");
    watch.until("renamed file ./b -> ./c");
    watch.stop();
}
