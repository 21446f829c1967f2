//! File systems that are served by a process or by the kernel itself: what does not answer
//! stops nothing else, and what must not be opened is not. Needs /dev/fuse and namespaces;
//! skipped loudly without.
#![allow(clippy::missing_docs_in_private_items)] // The names are sentences.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::Tree;
use common::fuse::Fuse;

/// A watcher of the tree with a FUSE file system at `mnt`.
fn builder(tree: &Tree, fuse: &Fuse) -> common::Builder {
    let mut wrapper = fuse.wrapper();
    wrapper.push(tree.path("").to_str().unwrap().to_owned());
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    tree.watch().through(&wrapper)
}

fn mounted(test: &str, files: &[(&str, &str)]) -> Option<(Tree, Fuse)> {
    let tree = Tree::new();
    tree.mkdir("mnt");
    tree.write("local", "bytes");
    let fuse = Fuse::mount(test, &tree.path("mnt"), files)?;
    Some((tree, fuse))
}

#[test]
fn files_of_the_kernel_are_never_opened() {
    let tree = Tree::new();
    let watch = tree
        .watch()
        .args(["--format", "json", "--initial"])
        .path("/proc/sys/fs/inotify")
        .start();
    watch.said_where("that they are not opened", |line| {
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
    let mut watch = builder(&tree, &fuse).args(["-x"]).start();
    tree.touch("new");
    watch.expect(&["New file: ./new"]);
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
    watch.said_where("that they are read lazily", |line| {
        line.contains("FUSE") && line.contains("read when they change")
    });
    assert_eq!(fuse.opened(), 0, "a file was opened");
    watch.stop();
    let watch = builder(&tree, &fuse)
        .args(["--hash", "eager"])
        .baseline()
        .start();
    assert_eq!(fuse.opened(), 2);
    watch.stop();
}
