//! Tests which operations are a change of content (contract, section 4, rules 3, 4 and 7).
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // What is skipped is skipped loudly.

mod common;

use common::{Tree, sha256, skipped, sys};
use std::fs;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn a_new_file_is_created_empty_and_changed_when_bytes_arrive() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    for number in 0..20 {
        let name = format!("f{number}");
        tree.write(&name, &name);
        let records = watch.expect(&[
            &format!("created file ./{name}"),
            &format!("changed file ./{name}"),
        ]);
        assert_eq!(records[0].sha256(), Some(sha256(b"").as_str()));
        assert_eq!(records[1].sha256(), Some(sha256(name.as_bytes()).as_str()));
    }
    watch.finish();
}

#[test]
fn a_file_that_had_its_bytes_before_it_was_read_was_still_created_empty() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    watch.freeze();
    tree.write("late", "all there");
    watch.thaw();
    watch.expect(&["created file ./late", "changed file ./late"]);
    watch.finish();
}

#[test]
fn touch_makes_a_file_and_nothing_else() {
    let tree = Tree::new();
    let mut watch = tree.watch().start();
    tree.touch("a");
    watch.expect(&["New file: ./a"]);
    watch.finish();
}

#[test]
fn a_time_in_the_future_is_no_change() {
    let tree = Tree::new();
    tree.write("a", "x");
    let opened = fs::File::options()
        .write(true)
        .open(tree.path("a"))
        .unwrap();
    opened
        .set_modified(SystemTime::now() + Duration::from_secs(86_400))
        .unwrap();
    // Longer than the resolution of file timestamps.
    let young = Instant::now();
    common::eventually(|| young.elapsed() > Duration::from_millis(30));
    let watch = tree.watch().baseline().start();
    watch.finish();
}

#[test]
fn touching_a_file_that_is_there_is_nothing() {
    let tree = Tree::new();
    tree.write("a", "x");
    let watch = tree.watch().baseline().start();
    tree.touch("a");
    watch.finish();
}

#[test]
fn another_mode_is_nothing() {
    let tree = Tree::new();
    tree.write("a", "x");
    tree.mkdir("d");
    let watch = tree.watch().baseline().start();
    tree.chmod("a", 0o600);
    tree.chmod("d", 0o700);
    tree.chmod("a", 0o755);
    watch.finish();
}

#[test]
fn the_same_bytes_written_again_are_nothing() {
    let tree = Tree::new();
    tree.write("there", "bytes");
    let mut watch = tree.watch().baseline().start();
    tree.overwrite("there", "bytes");
    watch.silence();
    tree.write("new", "bytes");
    watch.expect(&["New file: ./new", "Content changed: ./new"]);
    tree.overwrite("new", "bytes");
    watch.silence();
    // Truncated and written again before it is read.
    watch.freeze();
    tree.write("there", "bytes");
    watch.thaw();
    watch.finish();
}

#[test]
fn bytes_that_came_and_went_are_nothing_and_those_that_stay_are_reported_once() {
    let tree = Tree::new();
    tree.write("a", "one");
    let mut watch = tree.watch().baseline().start();
    watch.freeze();
    tree.overwrite("a", "two");
    tree.overwrite("a", "one");
    watch.thaw();
    watch.silence();
    watch.freeze();
    tree.overwrite("a", "two");
    tree.overwrite("a", "six");
    watch.thaw();
    watch.expect(&["Content changed: ./a"]);
    watch.finish();
}

#[test]
fn bytes_that_return_are_a_change_each_time() {
    let tree = Tree::new();
    tree.write("a", "one");
    let mut watch = tree.watch().json().baseline().start();
    for content in ["two", "one", "two"] {
        tree.overwrite("a", content);
        let records = watch.expect(&["changed file ./a"]);
        assert_eq!(
            records[0].sha256(),
            Some(sha256(content.as_bytes()).as_str())
        );
    }
    watch.finish();
}

#[test]
fn truncation_is_a_change() {
    let tree = Tree::new();
    tree.write("a", "content");
    let mut watch = tree.watch().json().baseline().start();
    // truncate(2) opens nothing, so nothing is closed either.
    tree.truncate("a", 3);
    let records = watch.expect(&["changed file ./a"]);
    assert_eq!(records[0].size(), Some(3));
    tree.truncate("a", 3);
    watch.silence();
    tree.truncate("a", 10);
    watch.expect(&["changed file ./a"]);
    let held = tree.open("a");
    held.set_len(0).unwrap();
    let records = watch.expect(&["changed file ./a"]);
    assert_eq!(records[0].size(), Some(0));
    drop(held);
    watch.finish();
}

#[test]
fn a_log_that_is_kept_open_is_reported_after_each_write() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let mut log = tree.open("log");
    watch.expect(&["created file ./log"]);
    for number in 0..3 {
        writeln!(log, "line {number}").unwrap();
        watch.expect(&["changed file ./log"]);
    }
    watch.settle();
    drop(log);
    watch.finish();
}

#[test]
fn a_log_that_is_never_quiet_is_reported_all_the_same() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let mut log = tree.open("log");
    watch.expect(&["created file ./log"]);
    let end = Instant::now() + common::DEADLINE;
    while watch.count("changed") < 3 {
        assert!(
            Instant::now() < end,
            "a log that is written to all the time is not reported"
        );
        for _ in 0..20 {
            log.write_all(b"line\n").unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    }
    watch.settle();
    watch.finish();
}

#[test]
fn a_log_is_reported_while_other_files_keep_the_queue_busy() {
    let tree = Tree::new();
    tree.write("one", "x");
    tree.write("other", "x");
    let mut watch = tree.watch().json().baseline().start();
    let mut log = tree.open("log");
    watch.expect(&["created file ./log"]);
    // Events that the kernel does not merge, and that are not reported. The log is reported after a
    // small part of them.
    let chmod_others = |rounds: usize, until: &dyn Fn() -> bool| {
        (0..rounds).any(|_| {
            tree.chmod("one", 0o600);
            tree.chmod("other", 0o600);
            until()
        })
    };
    chmod_others(10_000, &|| false);
    writeln!(log, "line").unwrap();
    let before = watch.out.count();
    let is_reported = chmod_others(1_000_000, &|| watch.out.count() > before);
    assert!(is_reported, "the log waits until all other files are quiet");
    watch.expect(&["changed file ./log"]);
    watch.finish();
}

#[test]
fn a_file_linked_into_the_tree_is_created_with_its_content() {
    let tree = Tree::new();
    fs::write(tree.outside("old"), "whole").unwrap();
    let mut watch = tree.watch().json().start();
    fs::hard_link(tree.outside("old"), tree.path("new")).unwrap();
    let records = watch.expect(&["created file ./new"]);
    assert_eq!(records[0].sha256(), Some(sha256(b"whole").as_str()));
    watch.finish();
}

#[test]
fn a_file_moved_into_the_tree_is_created_with_its_content() {
    let tree = Tree::new();
    fs::write(tree.outside("old"), "whole").unwrap();
    let mut watch = tree.watch().json().start();
    fs::rename(tree.outside("old"), tree.path("new")).unwrap();
    let records = watch.expect(&["created file ./new"]);
    assert_eq!(records[0].sha256(), Some(sha256(b"whole").as_str()));
    watch.finish();
}

#[test]
fn a_write_through_one_hard_link_is_a_change_under_every_name() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("a", "one");
    tree.link("a", "d/b");
    let mut watch = tree.watch().json().baseline().start();
    tree.append("a", "two");
    watch.expect_in_any_order(&["changed file ./a", "changed file ./d/b"]);
    tree.append("d/b", "three");
    watch.expect_in_any_order(&["changed file ./a", "changed file ./d/b"]);
    tree.link("d/b", "c");
    watch.expect(&["created file ./c"]);
    tree.remove("a");
    watch.expect(&["deleted file ./a"]);
    tree.truncate("c", 0);
    watch.expect_in_any_order(&["changed file ./c", "changed file ./d/b"]);
    watch.finish();
}

#[test]
fn a_large_file_converges_and_does_not_hold_up_the_others() {
    let tree = Tree::new();
    let mut watch = tree.watch().json().start();
    let large = vec![b'x'; 32 << 20];
    tree.write("large", &large);
    tree.write("small", "x");
    watch.settle();
    tree.overwrite("large", "y");
    tree.rename("large", "renamed while it is read");
    watch.finish();
}

#[test]
fn an_unreadable_file_has_no_digest_and_is_changed_when_it_can_be_read() {
    if sys::is_root() {
        skipped("an_unreadable_file…", "the superuser can read everything");
        return;
    }
    let tree = Tree::new();
    tree.write("a", "secret");
    tree.chmod("a", 0o000);
    let mut watch = tree.watch().json().baseline().start();
    fs::write(tree.outside("b"), "secret").unwrap();
    tree.chmod(tree.outside("b"), 0o000);
    tree.rename(tree.outside("b"), "b");
    let records = watch.expect(&["created file ./b"]);
    assert_eq!(records[0].sha256(), None);
    for name in ["a", "b"] {
        tree.chmod(name, 0o600);
        let records = watch.expect(&[&format!("changed file ./{name}")]);
        assert_eq!(records[0].sha256(), Some(sha256(b"secret").as_str()));
    }
    watch.finish();
}
