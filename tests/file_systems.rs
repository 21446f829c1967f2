//! Tests file systems that a process or the kernel itself serves: how their files are read, polled
//! and retried, and that files of /proc are not opened. Skipped with a message without /dev/fuse
//! and namespaces.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::fuse::{Fuse, builder, mounted};
use common::{Tree, eventually, sys};
use std::time::{Duration, Instant};

#[test]
fn files_of_the_kernel_are_never_opened() {
    let tree = Tree::new();
    let watch = tree
        .watch()
        .args(["--format", "json", "--initial"])
        .path("/proc/sys/fs/inotify")
        .start();
    watch.await_stderr_where("that they are not opened", |line| {
        line.contains("proc") && line.contains("never opened")
    });
    let ended = watch.stop();
    let lines = ended.lines();
    let existing: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("\"existing\"") && line.contains("\"file\""))
        .collect();
    assert!(!existing.is_empty(), "{lines:?}");
    for line in existing {
        assert!(!line.contains("sha256"), "{line}");
    }
}

#[test]
fn with_one_file_system_nothing_is_asked_of_another() {
    let test = "with_one_file_system_nothing_is_asked_of_another";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    let args = ["-x", "--rescan", "0.2"];
    let mut watch = builder(&tree, &fuse).args(args).start();
    // Neither at the start nor by a comparison.
    for name in ["one", "two", "three"] {
        tree.touch(name);
        watch.expect(&[&format!("New file: ./{name}")]);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(fuse.served(), 0, "the other file system was asked");
    watch.stop();
}

#[test]
fn files_of_a_fuse_mount_are_read_when_they_change_and_all_of_them_if_asked_for() {
    let test = "files_of_a_fuse_mount_are_read_when_they_change…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    let watch = builder(&tree, &fuse).baseline().start();
    watch.await_stderr_where("that they are read lazily", |line| {
        line.contains("FUSE") && line.contains("read when they change")
    });
    assert_eq!(fuse.opened(), 0, "a file was opened");
    watch.stop();
    let watch = builder(&tree, &fuse)
        .args(["--hash", "eager"])
        .baseline()
        .start();
    assert!(
        eventually(|| fuse.opened() == 2),
        "{} opened",
        fuse.opened()
    );
    watch.stop();
}

#[test]
fn a_slow_server_converges() {
    let test = "a_slow_server_converges";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    fuse.delay(Duration::from_millis(50));
    let mut watch = builder(&tree, &fuse).args(["--rescan", "1"]).start();
    fuse.put("d/new", "from another host");
    watch.expect(&["New file: ./mnt/d/new"]);
    let written = fuse.inside(&[
        "sh",
        "-c",
        &format!("echo x > {}", tree.path("mnt/own").display()),
    ]);
    written.unwrap();
    watch.until("New file: ./mnt/own");
    tree.touch("local-2");
    watch.until("New file: ./local-2");
    watch.stop();
}

#[test]
fn another_spelling_is_the_listed_name_where_case_is_ignored() {
    let test = "another_spelling_is_the_listed_name…";
    let Some((tree, fuse)) = mounted(test, &[("d/readme.txt", "1"), ("d/Other", "2")]) else {
        return;
    };
    fuse.ignore_case();
    let mut watch = builder(&tree, &fuse).args(["--rescan", "0.5"]).start();
    let run = |script: &str| {
        let dir = tree.path("mnt/d");
        let script = format!("cd '{}' && {script}", dir.display());
        fuse.inside(&["sh", "-c", &script]).unwrap();
    };
    run("echo x > README.TXT");
    watch.expect(&["Content changed: ./mnt/d/readme.txt"]);
    run("echo more >> ReadMe.txt && echo y > other");
    watch.expect_in_any_order(&[
        "Content changed: ./mnt/d/readme.txt",
        "Content changed: ./mnt/d/Other",
    ]);
    run("mv README.txt Moved");
    watch.until("Renamed: ./mnt/d/readme.txt -> ./mnt/d/Moved");
    run("rm MOVED");
    watch.until("Deleted: ./mnt/d/Moved");
    run("echo z > new");
    watch.until("New file: ./mnt/d/new");
    let ended = watch.stop();
    // Only listed spellings were reported.
    let created: Vec<_> = ended.lines();
    let created: Vec<_> = created
        .iter()
        .filter(|line| line.contains("New "))
        .collect();
    assert_eq!(created, ["New file: ./mnt/d/new"]);
}

#[test]
fn times_that_no_clock_has_are_no_trouble() {
    let test = "times_that_no_clock_has…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("d/b", "2")]) else {
        return;
    };
    fuse.tell_time(i64::MIN);
    let mut watch = builder(&tree, &fuse)
        .args(["--hash", "eager", "--rescan", "0.3"])
        .baseline()
        .start();
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
    fuse.tell_time(i64::MAX);
    assert!(eventually(|| fuse.opened() >= 2));
    tree.touch("newer");
    watch.until("New file: ./newer");
    let ended = watch.stop();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_file_mounted_from_a_server_is_polled_like_all_that_is_there() {
    let test = "a_file_mounted_from_a_server…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1")]) else {
        return;
    };
    let (from, to) = (tree.path("mnt/a"), tree.path("local"));
    fuse.inside(&[
        "mount",
        "--bind",
        from.to_str().unwrap(),
        to.to_str().unwrap(),
    ])
    .unwrap();
    fuse.inside(&["umount", "-l", tree.path("mnt").to_str().unwrap()])
        .unwrap();
    let mut watch = builder(&tree, &fuse).start();
    fuse.put("a", "from another host");
    watch.expect(&["Content changed: ./local"]);
    watch.stop();
}

#[test]
fn a_path_that_is_a_file_of_a_server_has_not_changed_where_nothing_happened() {
    let test = "a_path_that_is_a_file_of_a_server_has_not_changed…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("b", "2")]) else {
        return;
    };
    for hash in ["eager", "lazy", "off"] {
        let args = ["--hash", hash, "--timeout", "0.5"];
        let watch = builder(&tree, &fuse).path("mnt/a").args(args).start();
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(3), "{hash}: {:?}", ended.lines());
    }
    let args = ["--rescan", "0.1"];
    let watch = builder(&tree, &fuse).path("mnt/a").args(args).start();
    let mut number = 0;
    let is_reported = || {
        // What changes before the first status is known is not seen.
        number += 1;
        fuse.put("a", &format!("{number}"));
        watch
            .reported()
            .contains(&"Content changed: mnt/a".to_owned())
    };
    assert!(eventually(is_reported), "{:?}", watch.reported());
    watch.stop();
}

/// Writes a snapshot to a file outside the tree.
fn snapshot(tree: &Tree, fuse: &Fuse) -> String {
    let file = tree.outside("baseline.json");
    let args = ["--format", "json", "--initial", "--stat", "--timeout", "0"];
    let mut lines = Vec::new();
    // On a busy machine the server may take longer than it is waited for: then a record has no
    // times, and the file would be read.
    let is_whole = |line: &String| !line.contains("\"kind\":\"file\"") || line.contains("ctime");
    assert!(eventually(|| {
        lines = builder(tree, fuse).args(args).start().wait().lines();
        lines.iter().all(is_whole)
    }));
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn files_of_a_fuse_mount_are_not_read_where_they_are_as_they_were_reported() {
    let test = "files_of_a_fuse_mount_are_not_read_where_they_are_as…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("b", "2"), ("d/c", "3")]) else {
        return;
    };
    let file = snapshot(&tree, &fuse);
    let mut watch = builder(&tree, &fuse).args(["--since", &file]).start();
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
    watch.silence();
    assert_eq!(fuse.opened(), 0, "files were opened");
    watch.stop();
    fuse.put("d/c", "other");
    let mut watch = builder(&tree, &fuse).args(["--since", &file]).start();
    let before = watch.until("Content changed: ./mnt/d/c");
    assert!(
        !before.iter().any(|line| line.contains("mnt")),
        "{before:?}"
    );
    watch.stop();
}

#[test]
fn what_was_reported_of_a_server_that_does_not_answer_is_not_deleted() {
    let test = "what_was_reported_of_a_server_that_does_not_answer…";
    let Some((tree, fuse)) = mounted(test, &[("a", "1"), ("b", "2"), ("d/c", "3")]) else {
        return;
    };
    let file = snapshot(&tree, &fuse);
    fuse.stop();
    let mut watch = builder(&tree, &fuse).args(["--since", &file]).start();
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
    fuse.remove("b");
    fuse.put("d/c", "other");
    fuse.put("e", "more");
    fuse.go_on();
    let wanted = [
        "Deleted: ./mnt/b",
        "Content changed: ./mnt/d/c",
        "New file: ./mnt/e",
    ];
    let is_reported = |line: &&str| watch.reported().iter().any(|each| each == line);
    assert!(
        eventually(|| wanted.iter().all(is_reported)),
        "{:?}",
        watch.reported()
    );
    let reported = watch.reported();
    assert!(
        !reported.iter().any(|line| line.contains("mnt/a")),
        "{reported:?}"
    );
    watch.stop();
}

#[test]
fn files_that_cannot_be_read_are_tried_ever_more_rarely_and_hold_up_nothing() {
    let test = "files_that_cannot_be_read…";
    let files: Vec<(String, &str)> = (0..300).map(|n| (format!("f{n}"), "bytes")).collect();
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    let Some((tree, fuse)) = mounted(test, &files) else {
        return;
    };
    fuse.fail_reads(true);
    let mut watch = builder(&tree, &fuse).args(["--hash", "eager"]).start();
    watch.await_stderr_where("what cannot be read", |line| {
        line.contains("Input/output error")
    });
    // Each is tried once; after that with back-off.
    assert!(eventually(|| fuse.opened() >= 300));
    for number in 0..20 {
        let name = format!("local-{number}");
        tree.touch(&name);
        watch.until(&format!("New file: ./{name}"));
    }
    // After 2 ms, 0.5 s and 2 s; then after 8 s.
    let (began, before) = (Instant::now(), fuse.opened());
    std::thread::sleep(Duration::from_secs(2));
    let tried = fuse.opened() - before;
    let most = 300 * (3 + began.elapsed().as_secs() / 5);
    assert!(tried <= most, "{tried} times in {:?}", began.elapsed());
    assert!(eventually(|| fuse.opened() >= 300 * 4));
    let (before, cpu) = (fuse.opened(), sys::cpu_ticks(watch.pid()));
    std::thread::sleep(Duration::from_secs(2));
    let (tried, cpu) = (fuse.opened() - before, sys::cpu_ticks(watch.pid()) - cpu);
    assert!(tried <= 300, "{tried} times in 2 s");
    assert!(cpu < 100, "{cpu} hundredths of a second");
    fuse.fail_reads(false);
    watch.stop();
}

#[test]
fn what_makes_no_events_is_polled_after_a_snapshot_and_without_any_file() {
    let test = "what_makes_no_events_is_polled…";
    let Some((tree, fuse)) = mounted(test, &[]) else {
        return;
    };
    let watches = [
        builder(&tree, &fuse)
            .args(["--format", "json", "--initial"])
            .start(),
        builder(&tree, &fuse).path("mnt").start(),
    ];
    fuse.put("new", "from another host");
    for watch in watches {
        let is_reported = || watch.reported().iter().any(|line| line.contains("mnt/new"));
        assert!(eventually(is_reported), "{:?}", watch.reported());
        watch.stop();
    }
}

#[test]
fn what_fails_is_tried_no_sooner_because_all_is_compared() {
    let test = "what_fails_is_tried_no_sooner…";
    let files = [("a", "1"), ("b", "2"), ("c", "3")];
    let Some((tree, fuse)) = mounted(test, &files) else {
        return;
    };
    fuse.fail_reads(true);
    let args = ["--hash", "eager", "--rescan", "0.1"];
    let watch = builder(&tree, &fuse).args(args).start();
    // After 2 ms, 0.5 s and 2 s; then after 8 s.
    assert!(eventually(|| fuse.opened() >= 3 * 4));
    let (began, before) = (Instant::now(), fuse.opened());
    std::thread::sleep(Duration::from_secs(2));
    if began.elapsed() < Duration::from_millis(7000) {
        assert_eq!(fuse.opened(), before);
    }
    // And it is read once that works.
    fuse.fail_reads(false);
    fuse.put("b", "other");
    let is_reported = |line: &str| watch.reported().iter().any(|each| each == line);
    assert!(eventually(|| is_reported("Content changed: ./mnt/b")));
    watch.stop();
}
