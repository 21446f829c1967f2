//! Tests the options for digests, limits, depth and rescans (contract, sections 5 to 7).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Record, Tree};
use std::fs::{self, File};
use std::io::Write as _;

#[test]
fn without_hashing_a_write_is_a_change_and_a_touch_is_none() {
    let tree = Tree::new();
    tree.write("a", "12345");
    let watch = tree.watch().json().args(["--hash", "off"]);
    let mut watch = watch.without_hashes().start();
    tree.overwrite("a", "12345");
    let records = watch.expect(&["changed file ./a"]);
    assert_eq!(records[0].sha256(), None);
    assert_eq!(records[0].size(), Some(5));
    tree.touch("a");
    tree.chmod("a", 0o600);
    watch.silence();
    tree.append("a", "6");
    let records = watch.expect(&["changed file ./a"]);
    assert_eq!(records[0].size(), Some(6));
    watch.finish();
}

#[test]
fn without_hashing_no_record_has_a_digest() {
    let tree = Tree::new();
    tree.write("there", "x");
    fs::write(tree.outside("in"), "moved").unwrap();
    let watch = tree.watch().json().args(["--hash", "off", "--initial"]);
    let mut watch = watch.without_hashes().start();
    tree.write("new", "y");
    tree.rename(tree.outside("in"), "in");
    tree.rename("new", "there");
    watch.settle();
    for line in watch.out.lines_from(0) {
        let record = Record::parse(&line.bytes).unwrap();
        assert_eq!(record.sha256(), None, "{}", line.text());
    }
    watch.finish();
}

#[test]
fn lazy_hashing_reports_the_first_write_in_doubt_and_then_knows() {
    let tree = Tree::new();
    tree.write("a", "same");
    let watch = tree.watch().json().args(["--hash", "lazy"]);
    let mut watch = watch.start();
    // The earlier bytes were never read, so they may have been others.
    tree.overwrite("a", "same");
    let records = watch.expect(&["changed file ./a"]);
    assert_eq!(records[0].sha256(), Some(common::sha256(b"same").as_str()));
    tree.overwrite("a", "same");
    watch.silence();
    tree.overwrite("a", "else");
    watch.expect(&["changed file ./a"]);
    watch.stop();
}

#[test]
fn eager_hashing_reads_everything_behind_the_running_watch_and_reports_its_end() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.write(format!("f{number}"), format!("{number:04}"));
    }
    tree.fifo("no file to read");
    let watch = tree.watch().args(["--hash", "eager"]).start();
    let line = watch.await_stderr("balerion: baseline complete: ").text();
    assert!(
        line.starts_with("balerion: baseline complete: 50 files, 200 bytes, "),
        "{line}"
    );
    for number in 0..50 {
        tree.overwrite(format!("f{number}"), format!("{number:04}"));
    }
    watch.finish();
}

#[test]
fn files_over_the_limit_go_by_size_and_times() {
    let tree = Tree::new();
    tree.write("small", vec![b'x'; 64 << 10]);
    tree.write("large", vec![b'x'; (64 << 10) + 1]);
    let watch = tree.watch().json().args(["--hash-limit", "64K"]);
    let mut watch = watch.without_hashes().baseline().start();
    tree.overwrite("small", "y");
    let records = watch.expect(&["changed file ./small"]);
    assert!(records[0].sha256().is_some());
    tree.overwrite("small", "y");
    tree.touch("large");
    watch.silence();
    // Even the same bytes, as nobody has read them.
    tree.overwrite("large", "x");
    let records = watch.expect(&["changed file ./large"]);
    assert_eq!(records[0].sha256(), None);
    assert_eq!(records[0].size(), Some((64 << 10) + 1));
    watch.finish();
}

#[test]
fn a_file_may_grow_over_the_limit_and_shrink_below_it() {
    let tree = Tree::new();
    let watch = tree.watch().json().args(["--hash-limit", "1K"]);
    let mut watch = watch.without_hashes().start();
    tree.write("f", "small");
    let records = watch.expect(&["created file ./f", "changed file ./f"]);
    assert!(records[1].sha256().is_some());
    tree.truncate("f", 1025);
    let records = watch.expect(&["changed file ./f"]);
    assert_eq!((records[0].sha256(), records[0].size()), (None, Some(1025)));
    tree.truncate("f", 1024);
    let records = watch.expect(&["changed file ./f"]);
    assert!(records[0].sha256().is_some());
    watch.finish();
}

#[test]
fn a_sparse_terabyte_is_never_read() {
    let tree = Tree::new();
    let file = File::create(tree.path("huge")).unwrap();
    if let Err(error) = file.set_len(1 << 40) {
        common::skipped("a_sparse_terabyte…", &error.to_string());
        return;
    }
    let watch = tree.watch().json().args(["--initial"]).without_hashes();
    // It shows in that the baseline completes.
    let mut watch = watch.start();
    file.set_len(1 << 39).unwrap();
    let records = watch.expect(&["changed file ./huge"]);
    assert_eq!(
        (records[0].sha256(), records[0].size()),
        (None, Some(1 << 39))
    );
    drop(file);
    watch.stop();
}

/// Every event that can be asked for.
const EVERY: &str = "created,changed,renamed,deleted,attributes";

#[test]
fn attributes_are_reported_when_asked_for() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.mkdir("d");
    let watch = tree.watch().json().args(["--events", EVERY]);
    let mut watch = watch.baseline().start();
    tree.chmod("a", 0o604);
    let records = watch.expect(&["attributes file ./a"]);
    assert_eq!(records[0].text("mode"), Some("0604"));
    assert!(records[0].number("uid").is_some());
    assert!(records[0].number("gid").is_some());
    tree.chmod("d", 0o701);
    let records = watch.expect(&["attributes directory ./d"]);
    assert_eq!(records[0].text("mode"), Some("0701"));
    watch.finish();
}

#[test]
fn attributes_have_a_line_of_text() {
    let tree = Tree::new();
    tree.write("a", "x");
    let mut watch = tree.watch().args(["--events", EVERY]).baseline().start();
    tree.chmod("a", 0o604);
    watch.expect(&["Attributes changed: ./a (mode 0644 -> 0604)"]);
    watch.finish();
}

#[test]
fn a_rescan_finds_what_inotify_cannot_see() {
    let tree = Tree::new();
    fs::write(tree.outside("other name"), "one").unwrap();
    tree.link(tree.outside("other name"), "f");
    let mut watch = tree
        .watch()
        .json()
        .args(["--rescan", "0.3"])
        .baseline()
        .start();
    // Written through a name that lies outside the tree.
    let mut file = File::options()
        .append(true)
        .open(tree.outside("other name"))
        .unwrap();
    file.write_all(b"two").unwrap();
    drop(file);
    watch.expect(&["changed file ./f"]);
    watch.finish();
}

#[test]
fn without_recursion_only_what_is_directly_in_the_path_is_reported() {
    for args in [&["--no-recursive"][..], &["--max-depth", "1"]] {
        let tree = Tree::new();
        tree.mkdirs("there/below");
        let mut watch = tree.watch().args(args).start();
        tree.touch("there/unseen");
        tree.touch("seen");
        watch.expect(&["New file: ./seen"]);
        tree.mkdir("new");
        watch.expect(&["New directory: ./new"]);
        tree.touch("new/unseen");
        tree.rename("new", "renamed");
        watch.expect(&["Renamed directory: ./new -> ./renamed"]);
        tree.remove_all("renamed");
        watch.expect(&["Deleted directory: ./renamed"]);
        watch.finish();
    }
}

#[test]
fn a_greater_depth_is_reported_down_to_its_edge() {
    let tree = Tree::new();
    tree.mkdirs("a");
    let mut watch = tree.watch().args(["--max-depth", "2"]).start();
    tree.mkdir("a/b");
    watch.expect(&["New directory: ./a/b"]);
    tree.touch("a/b/unseen");
    tree.touch("a/seen");
    watch.expect(&["New file: ./a/seen"]);
    tree.mkdir("c");
    watch.expect(&["Watching new directory: ./c"]);
    tree.touch("c/seen");
    watch.expect(&["New file: ./c/seen"]);
    // After the move the directory is within the limit of depth.
    tree.rename("a/b", "b");
    let reported = watch.sentinel();
    assert!(
        reported.iter().any(|line| line.ends_with("./b/unseen")),
        "{reported:#?}"
    );
    watch.finish();
}

#[test]
fn a_directory_that_moves_up_or_down_takes_the_edge_along() {
    let tree = Tree::new();
    tree.mkdirs("a/b/c/d");
    tree.touch("a/b/c/f");
    let mut watch = tree.watch().args(["--max-depth", "3"]).start();
    tree.rename("a/b", "b");
    // A directory at the edge is there all the time: only what is in it comes and goes.
    watch.expect(&["Renamed directory: ./a/b -> ./b"]);
    watch.expect_in_any_order(&["New file: ./b/c/f", "New directory: ./b/c/d"]);
    tree.rename("b", "a/b");
    watch.expect(&["Renamed directory: ./b -> ./a/b"]);
    watch.expect_in_any_order(&["Deleted: ./a/b/c/f", "Deleted directory: ./a/b/c/d"]);
    watch.finish();
}
