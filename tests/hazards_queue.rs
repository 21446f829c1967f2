//! Tests overflows of the kernel queue, inotify limits that are reached, and a reader of stdout
//! that stops reading.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, Watch, eventually, load, namespace, skipped};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

/// How many events the queue of one watcher holds; `None`, with a message on the terminal, if so
/// many cannot be made in reasonable time.
fn queue(test: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let limit = text.unwrap().trim().parse().unwrap();
    if limit <= 200_000 {
        return Some(limit);
    }
    skipped(test, &format!("fs.inotify.max_queued_events is {limit}"));
    None
}

/// Exactly so many events in a directory: links made and removed, one event each.
fn events(directory: &Path, count: u64) {
    let name = directory.join("l");
    for number in 0..count {
        if number % 2 == 0 {
            symlink("nowhere", &name).unwrap();
        } else {
            fs::remove_file(&name).unwrap();
        }
    }
    let _ = fs::remove_file(&name);
}

/// A tree with an entry of each kind, whose changes are dropped and found again.
fn furnish(tree: &Tree) {
    for number in 0..10 {
        tree.mkdirs(format!("base/d{number}/sub"));
        tree.write(format!("base/d{number}/f"), format!("{number}"));
        tree.write(format!("base/d{number}/sub/g"), format!("{number}"));
    }
    tree.mkdir("noise");
    tree.write("linked", "x");
    tree.link("linked", "base/linked");
}

fn change(tree: &Tree) {
    tree.remove_all("base/d0");
    tree.append("base/d1/f", "unseen");
    tree.rename("base/d2", "base/renamed");
    tree.rename("base/d3/sub", "moved");
    tree.rename("base/d4", tree.outside("d4"));
    fs::write(tree.outside("d4/f"), "not ours").unwrap();
    tree.remove("base/d5/f");
    tree.mkdir("base/d5/f");
    tree.rename("base/d6/f", "base/d7/f");
    tree.exchange("base/d8", "base/d9");
    tree.mkdirs("made/a/b");
    tree.write("made/a/b/c", "new");
    tree.append("linked", "y");
}

#[test]
fn an_overflow_is_reported_and_made_up_for() {
    let Some(limit) = queue("an_overflow_is_reported_and_made_up_for") else {
        return;
    };
    let tree = Tree::new();
    furnish(&tree);
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    tree.write("before", "x");
    load::noise(&tree.path("noise"), limit + limit / 10);
    change(&tree);
    watch.thaw();
    watch.until("overflow");
    watch.settle();
    load::probe(&tree.root());
    watch.finish();
}

#[test]
fn renames_that_the_kernel_dropped_are_still_reported_as_renames() {
    let test = "renames_that_the_kernel_dropped…";
    let Some(limit) = queue(test) else {
        return;
    };
    let tree = Tree::new();
    tree.mkdirs("d/sub");
    tree.mkdir("noise");
    tree.write("d/sub/f", "x");
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    load::noise(&tree.path("noise"), limit + limit / 10);
    tree.rename("d", "e");
    watch.thaw();
    watch.settle();
    let reported = watch.reported();
    assert!(
        reported
            .iter()
            .any(|line| line == "renamed directory ./d -> ./e"),
        "{:#?}",
        &reported[reported.len().saturating_sub(10)..]
    );
    watch.finish();
}

#[test]
fn half_a_rename_at_the_very_end_of_the_queue_is_no_harm() {
    let Some(limit) = queue("half_a_rename_at_the_very_end…") else {
        return;
    };
    for short in 0..3 {
        let tree = Tree::new();
        tree.mkdir("noise");
        tree.mkdir("d");
        tree.write("d/f", "x");
        let mut watch = tree.watch().json().baseline().start();
        watch.freeze();
        events(&tree.path("noise"), limit - short);
        // IN_MOVED_FROM may be queued and IN_MOVED_TO dropped.
        tree.rename("d", "e");
        watch.thaw();
        watch.settle();
        tree.touch("e/g");
        watch.finish();
    }
}

#[test]
fn overflows_during_the_rescan_of_an_overflow_are_made_up_for() {
    let Some(limit) = queue("overflows_during_the_rescan…") else {
        return;
    };
    let tree = Tree::new();
    furnish(&tree);
    let mut watch = tree.watch().json().baseline().start();
    let noise = tree.path("noise");
    thread::scope(|scope| {
        // It goes on while the watcher is stopped, and while it catches up.
        let noisy = scope.spawn(|| load::noise(&noise, limit * 3));
        for round in 0..6 {
            watch.freeze();
            tree.mkdirs(format!("made{round}/a/b"));
            tree.write(format!("made{round}/a/b/c"), "x");
            events(&tree.path("base"), limit / 3);
            watch.thaw();
        }
        change(&tree);
        noisy.join().unwrap();
    });
    watch.settle();
    load::probe(&tree.root());
    watch.finish();
}

#[test]
fn one_file_alone_can_overflow_the_queue() {
    let Some(limit) = queue("one_file_alone_can_overflow_the_queue") else {
        return;
    };
    let tree = Tree::new();
    tree.write("f", "x");
    let mut watch = tree.watch().json().baseline().start();
    watch.freeze();
    let mut held = tree.open("f");
    for number in 0..limit {
        // A write and a chmod by turns, so that the kernel merges no events.
        std::io::Write::write_all(&mut held, b"x").unwrap();
        tree.chmod("f", if number % 2 == 0 { 0o600 } else { 0o644 });
    }
    watch.thaw();
    watch.until("overflow");
    watch.finish();
}

/// The resident memory of a watcher in kilobytes.
fn resident(watch: &Watch) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", watch.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn a_reader_that_stalls_costs_no_memory_and_no_truth() {
    let tree = Tree::new();
    tree.mkdir("d");
    let watch = tree.watch().json().start();
    let before = resident(&watch);
    watch.out.stall(true);
    for number in 0..12_000 {
        tree.write(format!("d/f{}", number % 900), format!("{number}"));
        if number % 3 == 0 {
            tree.remove(format!("d/f{}", number % 900));
        }
    }
    tree.rename("d", "e");
    let stalled = resident(&watch);
    assert!(
        stalled < before + 64 * 1024,
        "{before} kB, and then {stalled} kB"
    );
    watch.out.stall(false);
    tree.touch("e/last");
    watch.finish();
}

#[test]
fn running_out_of_watches_is_explained_and_the_rest_is_polled() {
    let test = "running_out_of_watches…";
    let Some(wrapper) = namespace::limited(test, "8") else {
        return;
    };
    let tree = Tree::new();
    for number in 0..20 {
        tree.mkdir(format!("d{number}"));
        tree.write(format!("d{number}/f"), "before");
    }
    let mut watch = tree.watch().json().through(&wrapper).baseline().start();
    let name = "fs.inotify.max_user_watches";
    let value = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap();
    let line = watch
        .await_stderr_where(name, |line| line.contains(name))
        .text();
    assert!(line.contains(value.trim()), "no value: {line}");
    // The limit of the namespace applies.
    let in_force = "user.max_inotify_watches of this user namespace is 8";
    assert!(line.contains(in_force), "{line}");
    let stderr = watch.err.bytes();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(stderr.contains("sysctl"), "no remedy: {stderr}");
    // Watched directories are reported at once, the others at the next poll.
    for number in 0..20 {
        tree.append(format!("d{number}/f"), "after");
        tree.mkdirs(format!("d{number}/new/deep"));
        tree.write(format!("d{number}/new/deep/g"), "x");
    }
    watch.settle();
    watch.check_violations();
    watch.stop();
}

#[test]
fn a_path_that_appears_when_no_watch_is_left_is_reported_once_there_is() {
    let test = "a_path_that_appears_when_no_watch_is_left…";
    let Some(wrapper) = namespace::limited(test, "8") else {
        return;
    };
    let tree = Tree::new();
    for number in 0..20 {
        tree.mkdirs(format!("full/d{number}"));
    }
    let builder = tree.watch().through(&wrapper);
    let watch = builder.args(["--wait-for-path", "full", "later"]).start();
    tree.mkdir("later");
    tree.write("later/f", "x");
    watch.await_stderr("balerion: warning: cannot watch later: ");
    tree.remove_all("full");
    let is_reported = |line: &str| watch.reported().iter().any(|reported| reported == line);
    assert!(eventually(|| is_reported("Watching new directory: later")));
    assert!(eventually(|| is_reported("New file: later/f")));
    let lines = watch.err.lines_from(0);
    let warnings = lines
        .iter()
        .filter(|line| line.text().contains("cannot watch later"));
    assert_eq!(warnings.count(), 1);
    watch.stop();
}

#[test]
fn running_out_of_instances_is_explained() {
    let test = "running_out_of_instances_is_explained";
    if namespace::limited(test, "8").is_none() {
        return;
    }
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let tree = Tree::new();
    let wrapper = ["unshare", "-Ur", "sh", "-c", script, "sh"];
    let ended = tree.watch().through(&wrapper).spawn().wait();
    assert!(
        ended
            .stderr
            .contains("user.max_inotify_instances of this user namespace is 0"),
        "{}",
        ended.stderr
    );
    ended.stderr_is_ours();
    assert!(
        matches!(ended.status.code(), Some(1 | 2)),
        "{:?}",
        ended.status
    );
}

#[test]
fn few_descriptors_are_enough() {
    let tree = Tree::new();
    for number in 0..2000 {
        tree.mkdir(format!("d{number}"));
    }
    tree.mkdirs(vec!["x"; 80].join("/"));
    for number in 0..200 {
        tree.mkdirs(format!("d{number}/a/b/c"));
        tree.write(format!("d{number}/a/f"), "before");
    }
    let wrapper = ["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"];
    let watch = tree.watch().json().through(&wrapper).baseline().start();
    for number in 0..200 {
        tree.append(format!("d{number}/a/f"), "after");
        tree.rename(format!("d{number}"), format!("e{number}"));
        tree.write(format!("e{number}/a/b/c/g"), "x");
    }
    watch.finish();
}
