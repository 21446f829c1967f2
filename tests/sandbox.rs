//! Tests sandboxes: those that refuse statx(2) or getdents64(2), and those without /proc or /dev.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, namespace};
use std::ffi::OsStr;
use std::fs;

#[test]
fn without_statx_all_goes_on_by_fstatat() {
    for error in [libc::EPERM, libc::ENOSYS] {
        let tree = Tree::new();
        tree.mkdirs("d/e");
        tree.write("d/f", "before");
        let builder = tree.watch().json().refusing(libc::SYS_statx, error);
        let mut watch = builder.baseline().start();
        tree.write("d/f", "after");
        watch.expect(&["changed file ./d/f"]);
        tree.rename("d/e", "e");
        watch.expect(&["renamed directory ./d/e -> ./e"]);
        tree.write("e/new", "x");
        tree.remove("d/f");
        watch.settle();
        watch.check_violations();
        let ended = watch.stop();
        assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    }
}

#[test]
fn without_statx_a_file_that_is_a_mount_point_is_known_by_the_mount_table() {
    let test = "without_statx_a_file_that_is_a_mount_point…";
    let script = "mount --bind ../outside/x f";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    tree.write("f", "covered");
    fs::write(tree.outside("x"), "mounted").unwrap();
    let builder = tree
        .watch()
        .refusing(libc::SYS_statx, libc::EPERM)
        .through(&wrapper);
    let mut watch = builder.baseline().start();
    fs::write(tree.outside("x"), "by its own name").unwrap();
    watch.expect(&["Content changed: ./f"]);
    let (from, to) = (tree.outside("y"), tree.path("f"));
    fs::write(&from, "another").unwrap();
    namespace::bind(&watch, &from, &to);
    watch.expect(&["Content changed: ./f"]);
    fs::write(&from, "another, written").unwrap();
    watch.expect(&["Content changed: ./f"]);
    watch.stop();
}

#[test]
fn directories_that_cannot_be_listed_are_reported_as_such_and_keep_their_watches() {
    let tree = Tree::new();
    tree.write("a", "1");
    let whole = tree.watch().json().args(["--initial", "--timeout", "0"]);
    let reported = tree.outside("reported");
    fs::write(&reported, whole.spawn().wait().stdout).unwrap();
    let failing = || tree.watch().refusing(libc::SYS_getdents64, libc::EIO);
    let since = [OsStr::new("--since"), reported.as_os_str()];
    for builder in [failing(), failing().args(since)] {
        let mut watch = builder.start();
        watch.await_stderr("balerion: warning: .: Input/output error");
        tree.touch("new");
        watch.expect(&["New file: ./new"]);
        tree.remove("new");
        watch.expect(&["Deleted: ./new"]);
        let ended = watch.stop();
        let warnings = ended.stderr.matches("Input/output error").count();
        assert_eq!(warnings, 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains("no watch"), "{}", ended.stderr);
    }
}

#[test]
fn without_proc_what_is_missing_is_reported() {
    let test = "without_proc_what_is_missing_is_reported";
    let script = "mount -t tmpfs none /proc";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    let ended = tree.watch().through(&wrapper).spawn().wait();
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended.stderr.contains("/proc must be mounted"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("give a PATH"), "{}", ended.stderr);
    ended.stderr_is_ours();

    let log = tree.outside("log");
    let daemon = tree.watch().args(["--daemon", "--log-file"]).args([&log]);
    let ended = daemon.through(&wrapper).spawn().wait();
    assert_ne!(ended.status.code(), Some(0));
    assert!(
        ended.stderr.contains("/proc must be mounted"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("give a PATH"), "{}", ended.stderr);
}

#[test]
fn a_daemon_without_dev_null_reports_what_is_missing() {
    let test = "a_daemon_without_dev_null_reports_what_is_missing";
    let script = "mount -t tmpfs none /dev";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    let log = tree.outside("log");
    let daemon = tree.watch().args(["--daemon", "--log-file"]).args([&log]);
    let ended = daemon.through(&wrapper).spawn().wait();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.stderr,
        "balerion: cannot open /dev/null: No such file or directory\n"
    );
}
