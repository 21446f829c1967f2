//! Tests links, of PATHs and of git, that lead to a file system that does not answer: what lies
//! elsewhere is reported (contract, section 4.11). Skipped with a message without /dev/fuse and
//! namespaces.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::eventually;
use common::fuse::{builder, mounted};

#[test]
fn a_link_to_a_server_that_is_stopped_after_ready_stops_nothing_else() {
    let test = "a_link_to_a_server_that_is_stopped…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2")]) else {
        return;
    };
    tree.symlink("mnt/d", "link");
    tree.mkdir("near");
    tree.mkdir("other");
    let builder = builder(&tree, &fuse);
    let mut watch = builder.baseline().path("link").path("near").start();
    fuse.stop();
    for number in 0..3 {
        // An event where the link is: it may lead elsewhere now.
        tree.touch(format!("above-{number}"));
        tree.touch(format!("near/{number}"));
        watch.expect(&[&format!("New file: near/{number}")]);
    }
    fuse.go_on();
    tree.symlink("other", "next");
    tree.rename("next", "link");
    watch.expect(&[
        "Deleted: link/b",
        "Deleted directory: link",
        "Watching new directory: link",
    ]);
    tree.touch("other/new");
    watch.expect(&["New file: link/new"]);
    watch.stop();
}

#[test]
fn while_a_server_does_not_answer_a_link_that_is_switched_takes_no_more_watches() {
    let test = "while_a_server_does_not_answer…";
    let Some((tree, fuse)) = mounted(test, &[("d/b", "2")]) else {
        return;
    };
    tree.symlink("mnt/d", "link");
    tree.mkdirs("0/in/app");
    tree.symlink("in", "0/l");
    tree.symlink("0/l", "current");
    let builder = builder(&tree, &fuse);
    let mut watch = builder.baseline().args(["link", "current/app"]).start();
    fuse.stop();
    let mut counts = Vec::new();
    for number in 1..20 {
        tree.mkdirs(format!("{number}/in/app"));
        tree.symlink("in", format!("{number}/l"));
        tree.symlink(format!("{number}/l"), "next");
        tree.rename("next", "current");
        watch.until("Watching new directory: current/app");
        counts.push(watch.watched().len());
    }
    assert!(counts[18] < counts[0] + 5, "{counts:?}");
    fuse.go_on();
    watch.stop();
}

#[test]
fn a_repository_that_leads_to_a_server_that_is_stopped_stops_nothing_else() {
    let test = "a_repository_that_leads_to_a_server…";
    let rules = [("g/info/exclude", "e\n"), ("g/commondir", ".\n")];
    let Some((tree, fuse)) = mounted(test, &rules) else {
        return;
    };
    for dir in ["link", "file", "common", "common/.git"] {
        tree.mkdir(dir);
    }
    let mut watch = builder(&tree, &fuse).args(["--gitignore"]).start();
    fuse.stop();
    tree.symlink("../mnt/g", "link/.git");
    tree.write("file/.git", "gitdir: ../mnt/g\n");
    tree.write("common/.git/commondir", "../../mnt/g\n");
    for dir in ["link", "file", "common"] {
        tree.touch(format!("{dir}/new"));
        watch.until(&format!("New file: ./{dir}/new"));
    }
    fuse.go_on();
    let hides = || {
        tree.touch("file/e");
        tree.remove("file/e");
        tree.touch("file/last");
        tree.remove("file/last");
        let lines = watch.until("Deleted: ./file/last");
        !lines.iter().any(|line| line.ends_with("./file/e"))
    };
    assert!(eventually(hides), "its rules never count");
    watch.stop();
}
