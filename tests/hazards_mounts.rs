//! Tests mounts: file systems that are mounted and unmounted in the tree, bind mounts, and those
//! that make no events. Skipped with a message without namespaces.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::namespace::seen;
use common::{Tree, Watch, eventually, namespace, skipped};
use std::fs;
use std::process::Command;

#[test]
fn a_file_system_mounted_over_a_directory_is_seen_and_so_is_its_end() {
    let test = "a_file_system_mounted_over_a_directory…";
    let Some(wrapper) = namespace::mounting(test) else {
        return;
    };
    let tree = Tree::new();
    tree.mkdirs("mnt/below");
    tree.write("mnt/old", "below the mount");
    let mut watch = tree
        .watch()
        .json()
        .through(&wrapper)
        .mounts()
        .baseline()
        .start();
    let point = tree.path("mnt");
    let point = point.to_str().unwrap();
    for _ in 0..2 {
        let mount = ["mount", "-t", "tmpfs", "none", point];
        if let Err(error) = namespace::inside(&watch, &mount) {
            skipped(test, &error.to_string());
            return;
        }
        watch.settle();
        fs::write(seen(&watch, &tree.path("mnt/new")), "on the mount").unwrap();
        fs::create_dir_all(seen(&watch, &tree.path("mnt/a/b"))).unwrap();
        watch.settle();
        // balerion holds a descriptor on it for a moment only, so that it can be unmounted.
        let unmounted = eventually(|| namespace::inside(&watch, &["umount", point]).is_ok());
        assert!(unmounted, "umount finds it busy");
        watch.settle();
        tree.append("mnt/old", ", and visible again");
        watch.settle();
    }
    watch.sentinel();
    watch.settle();
    watch.check_violations();
    watch.stop();
}

#[test]
fn a_file_that_is_a_mount_point_is_written_to_by_either_name() {
    let test = "a_file_that_is_a_mount_point…";
    let script = "mount --bind ../outside/x f && mount --bind /dev/null null";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    tree.write("f", "covered");
    tree.write("null", "covered by a device");
    fs::write(tree.outside("x"), "mounted").unwrap();
    let builder = tree.watch().json().through(&wrapper).mounts().early();
    let mut watch = builder.start();
    fs::write(tree.outside("x"), "by its own name").unwrap();
    watch.until("changed file ./f");
    fs::write(seen(&watch, &tree.path("f")), "by the mount point's").unwrap();
    watch.until("changed file ./f");
    // It is replaced below the mount, which is not visible.
    tree.write("f", "covered, too");
    watch.settle();
    // It is busy while it is read.
    let point = tree.path("f");
    let umount = ["umount", point.to_str().unwrap()];
    assert!(eventually(|| namespace::inside(&watch, &umount).is_ok()));
    watch.until("changed file ./f");
    tree.write("f", "seen again");
    watch.until("changed file ./f");
    fs::write(tree.outside("x"), "seen no longer").unwrap();
    watch.settle();
    watch.check_violations();
    let ended = watch.stop();
    let existing = ended.lines().into_iter();
    let device = existing
        .filter(|line| line.contains("./null"))
        .collect::<Vec<_>>();
    assert!(
        device[0].contains("\"other\"") && device.len() == 1,
        "{device:?}"
    );
}

#[test]
fn a_file_that_becomes_a_mount_point_is_watched_from_then_on() {
    let test = "a_file_that_becomes_a_mount_point…";
    let Some(wrapper) = namespace::mounting(test) else {
        return;
    };
    let tree = Tree::new();
    tree.write("f", "covered");
    for name in ["x", "y"] {
        fs::write(tree.outside(name), name).unwrap();
    }
    for (args, path) in [(&[][..], "."), (&["--strict"], "."), (&[], "f")] {
        let builder = tree.watch().args(args).path(path).through(&wrapper);
        let mut watch = builder.baseline().start();
        let shown = if path == "." { "./f" } else { "f" };
        let changed = format!("Content changed: {shown}");
        for name in ["x", "y"] {
            let (from, to) = (tree.outside(name), tree.path("f"));
            namespace::bind(&watch, &from, &to);
            watch.expect(&[&changed]);
            fs::write(&from, format!("{name} written for {args:?} {path}")).unwrap();
            watch.expect(&[&changed]);
        }
        watch.stop();
    }
}

#[test]
fn a_root_that_is_unmounted_is_gone() {
    let test = "a_root_that_is_unmounted_is_gone";
    let script = "mount -t tmpfs none mnt && echo x > mnt/f";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    tree.mkdir("mnt");
    let mut watch = tree.watch().through(&wrapper).path("mnt").start();
    let point = tree.path("mnt");
    let umount = ["umount", point.to_str().unwrap()];
    let unmounted = eventually(|| namespace::inside(&watch, &umount).is_ok());
    assert!(unmounted, "umount finds it busy");
    watch.expect(&["Deleted: mnt/f", "Deleted directory: mnt"]);
    assert_eq!(watch.wait().status.code(), Some(1));
}

#[test]
fn a_directory_bound_below_itself_is_reported_once_and_without_end() {
    let test = "a_directory_bound_below_itself…";
    let script = "mount --bind . loop";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    tree.mkdirs("d/e");
    tree.mkdir("loop");
    let mut watch = tree.watch().through(&wrapper).start();
    tree.touch("d/e/f");
    watch.expect(&["New file: ./d/e/f"]);
    tree.mkdir("new");
    watch.expect(&["Watching new directory: ./new"]);
    tree.rename("d/e", "new/e");
    watch.expect(&["Renamed directory: ./d/e -> ./new/e"]);
    tree.remove("new/e/f");
    watch.expect(&["Deleted: ./new/e/f"]);
    watch.finish();
}

#[test]
fn a_directory_bound_to_a_second_name_is_entered_there_once_the_first_has_left() {
    let test = "a_directory_bound_to_a_second_name…";
    let script = "mkdir d bound && echo >d/f && mount --bind d bound";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    let mut watch = tree.watch().through(&wrapper).start();
    watch.await_stderr("balerion: ready: 3 directories, 1 file");
    fs::rename(tree.path("d"), tree.outside("d")).unwrap();
    fs::write(seen(&watch, &tree.path("bound/g")), "").unwrap();
    // Whichever of the two names was found first.
    watch.until("New file: ./bound/g");
    watch.stop();
}

/// Makes the directories of an overlay outside the tree. `lower`: of its lower layer, or one in it.
fn make_layers(tree: &Tree, lower: &str) {
    for layer in [lower, "upper", "work"] {
        fs::create_dir_all(tree.outside(layer)).unwrap();
    }
}

/// A watch on the merged view of an overlay of two layers, `lower` and `upper`, which are
/// outside the tree; `None`, with a message on the terminal, where none can be mounted.
fn overlaid(test: &str, tree: &Tree, args: &[&str]) -> Option<Watch> {
    let script = "cd ../outside && \
                  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work \
                  none ../tree/merged && cd ../tree";
    let wrapper = namespace::mounting_first(test, script)?;
    tree.mkdirs("merged");
    let builder = tree.watch().json().through(&wrapper).mounts().early();
    let mut watch = builder.args(args).path("merged").spawn();
    if !eventually(|| watch.out.count() > 0 || watch.err.count() > 0)
        || watch
            .err
            .lines_from(0)
            .iter()
            .any(|line| line.text().starts_with("mount:"))
    {
        skipped(test, "no overlay can be mounted here");
        return None;
    }
    watch.wait_ready();
    Some(watch)
}

#[test]
fn the_merged_view_of_an_overlay_works_and_is_named_at_the_start() {
    let test = "the_merged_view_of_an_overlay…";
    let tree = Tree::new();
    make_layers(&tree, "lower/d");
    fs::write(tree.outside("lower/f"), "from below").unwrap();
    fs::write(tree.outside("lower/d/g"), "from below").unwrap();
    let Some(mut watch) = overlaid(test, &tree, &[]) else {
        return;
    };
    watch.await_stderr_where("the name of the file system", |line| {
        line.contains("overlay")
    });
    let merged = |name: &str| seen(&watch, &tree.path("merged").join(name));
    let (file, other, below) = (merged("f"), merged("new"), merged("d/g"));
    let renamed = merged("renamed");
    fs::write(&file, "copied up").unwrap();
    fs::write(&other, "in the upper layer").unwrap();
    watch.settle();
    fs::rename(&other, &renamed).unwrap();
    fs::remove_file(&below).unwrap();
    watch.settle();
    watch.check_violations();
    let ended = watch.stop();
    let naming = ended.stderr.lines().filter(|line| line.contains("overlay"));
    assert_eq!(naming.count(), 1, "{}", ended.stderr);
}

#[test]
fn a_file_copied_up_in_an_overlay_parts_from_its_other_name() {
    let test = "a_file_copied_up_in_an_overlay…";
    let tree = Tree::new();
    make_layers(&tree, "lower");
    fs::write(tree.outside("lower/one"), "from below").unwrap();
    fs::hard_link(tree.outside("lower/one"), tree.outside("lower/two")).unwrap();
    let Some(mut watch) = overlaid(test, &tree, &[]) else {
        return;
    };
    for (name, bytes) in [("one", "up"), ("two", "up, too"), ("one", "again")] {
        fs::write(seen(&watch, &tree.path("merged").join(name)), bytes).unwrap();
        // The digests of both names are compared with the disk.
        watch.settle();
    }
    watch.check_violations();
    watch.stop();
}

#[test]
fn a_whiteout_that_an_overlay_lists_is_not_there() {
    let test = "a_whiteout_that_an_overlay_lists…";
    let tree = Tree::new();
    make_layers(&tree, "lower/d");
    fs::write(tree.outside("lower/d/there"), "").unwrap();
    let whiteout = tree.outside("lower/d/gone");
    let made = Command::new("mknod")
        .arg(&whiteout)
        .args(["c", "0", "0"])
        .status();
    if !made.unwrap().success() {
        return skipped(test, "no whiteout can be made here");
    }
    let Some(watch) = overlaid(test, &tree, &["--initial"]) else {
        return;
    };
    let lines = watch.out.lines_from(0);
    let lines: Vec<_> = lines.iter().map(|line| line.text()).collect();
    let names = |name| lines.iter().filter(|line| line.contains(name)).count();
    assert_eq!((names("d/there"), names("d/gone")), (1, 0), "{lines:?}");
    watch.stop();
}

#[test]
fn of_many_mounts_without_events_ten_are_named() {
    let test = "of_many_mounts_without_events_ten_are_named";
    let script = "for m in m*; do mount --rbind /proc/sys/fs/inotify $m || exit; done";
    let Some(wrapper) = namespace::mounting_first(test, script) else {
        return;
    };
    let tree = Tree::new();
    for number in 0..13 {
        tree.mkdir(format!("m{number}"));
    }
    let ended = tree.watch().through(&wrapper).start().stop();
    let named = ended
        .stderr
        .lines()
        .filter(|line| line.contains(" is on proc: "));
    assert_eq!(named.count(), 10, "{}", ended.stderr);
    let more = "balerion: warning: and 3 more mounts of such kinds\n";
    assert!(ended.stderr.contains(more), "{}", ended.stderr);
}

#[test]
fn a_file_system_without_events_is_named_at_the_start() {
    // The tree has files of others only, and none changes.
    let tree = Tree::new();
    let watch = tree.watch().path("/proc/sys/fs/inotify").start();
    watch.await_stderr_where("the name of the file system", |line| {
        line.contains("proc") && !line.contains("ready:")
    });
    watch.stop();
}

/// Runs a command where the mounts of a watcher are, until it succeeds; false: it never does.
fn run(watch: &Watch, tree: &Tree, script: &str) -> bool {
    let root = tree.path("");
    let script = format!("cd {} && {script}", root.to_str().unwrap());
    eventually(|| namespace::inside(watch, &["sh", "-c", &script]).is_ok())
}

#[test]
fn a_path_that_appears_by_a_mount_is_watched() {
    let test = "a_path_that_appears_by_a_mount…";
    let Some(wrapper) = namespace::mounting(test) else {
        return;
    };
    let tree = Tree::new();
    tree.mkdirs("other/data");
    tree.write("other/data/f", "x");
    tree.mkdir("mnt");
    let builder = tree.watch().through(&wrapper).mounts();
    let mut watch = builder.args(["--wait-for-path", "mnt/data"]).start();
    for _ in 0..2 {
        assert!(run(&watch, &tree, "mount --bind other mnt"));
        watch.expect(&["Watching new directory: mnt/data", "New file: mnt/data/f"]);
        assert!(run(&watch, &tree, "umount mnt"));
        watch.expect(&["Deleted: mnt/data/f", "Deleted directory: mnt/data"]);
    }
    watch.stop();
}

#[test]
fn a_path_that_a_mount_leads_elsewhere_is_followed() {
    let test = "a_path_that_a_mount_leads_elsewhere…";
    let Some(wrapper) = namespace::mounting(test) else {
        return;
    };
    for path in ["a/b", "link"] {
        let tree = Tree::new();
        tree.mkdirs("a/b");
        tree.mkdirs("other/b");
        tree.symlink("a/b", "link");
        tree.write("a/b/old", "x");
        tree.write("other/b/new", "x");
        tree.mkdir("beside");
        let builder = tree.watch().through(&wrapper).mounts();
        let mut watch = builder.args([path, "beside"]).start();
        let expected = |watch: &mut Watch, gone: &str, come: &str| {
            watch.expect(&[
                &format!("Deleted: {path}/{gone}"),
                &format!("Deleted directory: {path}"),
                &format!("Watching new directory: {path}"),
                &format!("New file: {path}/{come}"),
            ]);
        };
        assert!(run(&watch, &tree, "mount --bind other a"));
        expected(&mut watch, "old", "new");
        assert!(run(&watch, &tree, "umount a"));
        expected(&mut watch, "new", "old");
        tree.touch("beside/last");
        watch.expect(&["New file: beside/last"]);
        watch.stop();
    }
}
