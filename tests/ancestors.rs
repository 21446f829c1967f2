//! Tests changes above the PATHs: symbolic links that are switched, missing PATHs that appear,
//! and PATHs that lead to the same directory (contract, sections 1 and 7).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Record, Tree, Watch, eventually, serve, skipped, sys};

#[test]
fn a_path_through_a_link_is_followed_where_the_link_leads_now() {
    let tree = Tree::new();
    tree.mkdirs("releases/1/app");
    tree.mkdirs("releases/2/app");
    tree.write("releases/1/app/one", "1");
    tree.write("releases/2/app/two", "2");
    tree.symlink("releases/1", "current");
    let absolute = tree.path("current/app");
    let absolute = absolute.to_str().unwrap();
    for path in ["current/app", absolute] {
        let mut watch = tree.watch().baseline().path(path).start();
        for (gone, there, release) in [("one", "two", "2"), ("two", "one", "1")] {
            // As `ln -sfn` does it.
            tree.symlink(format!("releases/{release}"), "next");
            tree.rename("next", "current");
            watch.expect(&[
                &format!("Deleted: {path}/{gone}"),
                &format!("Deleted directory: {path}"),
                &format!("Watching new directory: {path}"),
                &format!("New file: {path}/{there}"),
            ]);
            tree.touch(format!("releases/{release}/app/new"));
            watch.expect(&[&format!("New file: {path}/new")]);
            tree.remove(format!("releases/{release}/app/new"));
            watch.expect(&[&format!("Deleted: {path}/new")]);
        }
        watch.stop();
    }
}

#[test]
fn a_link_that_is_switched_again_and_again_takes_no_more_watches() {
    let tree = Tree::new();
    for release in 0..20 {
        tree.mkdirs(format!("releases/{release}/in/app"));
    }
    tree.symlink("releases/0/in", "current");
    let mut watch = tree.watch().baseline().path("current/app").start();
    let before = watch.watched().len();
    for release in 1..20 {
        tree.symlink(format!("releases/{release}/in"), "next");
        tree.rename("next", "current");
        watch.expect(&[
            "Deleted directory: current/app",
            "Watching new directory: current/app",
        ]);
    }
    let mut after = 0;
    let is_same = eventually(|| {
        after = watch.watched().len();
        after == before
    });
    assert!(is_same, "{after} watches, {before} before");
    tree.touch("releases/19/in/app/a");
    watch.expect(&["New file: current/app/a"]);
    watch.stop();
}

#[test]
fn a_file_through_a_link_that_is_switched_is_the_other_file() {
    let tree = Tree::new();
    // As Kubernetes lays out a ConfigMap.
    tree.mkdir("..1");
    tree.mkdir("..2");
    tree.write("..1/app.yaml", "one");
    tree.write("..2/app.yaml", "two");
    tree.symlink("..1", "..data");
    tree.symlink("..data/app.yaml", "app.yaml");
    let mut watch = tree.watch().baseline().path("app.yaml").start();
    tree.symlink("..2", "..tmp");
    tree.rename("..tmp", "..data");
    watch.expect(&["Deleted: app.yaml", "New file: app.yaml"]);
    tree.append("..2/app.yaml", "more");
    watch.expect(&["Content changed: app.yaml"]);
    tree.append("..1/app.yaml", "unseen");
    tree.remove("..2/app.yaml");
    watch.expect(&["Deleted: app.yaml"]);
    tree.write("..2/app.yaml", "");
    watch.expect(&["New file: app.yaml"]);
    watch.stop();
}

/// As a configuration file that becomes a link.
#[test]
fn a_single_file_that_a_link_replaces_is_followed() {
    for wait in [&[][..], &["--wait-for-path"]] {
        let tree = Tree::new();
        tree.write("file", "1");
        tree.write("target", "2");
        tree.mkdir("dir");
        let replace_by_link_to = |to| {
            tree.symlink(to, "tmp");
            tree.rename("tmp", "file");
        };
        let mut watch = tree.watch().args(wait).path("file").start();
        replace_by_link_to("target");
        watch.expect(&[
            "Deleted: file",
            "New file: file",
            "Deleted: file",
            "New file: file",
        ]);
        tree.append("target", "more");
        watch.expect(&["Content changed: file"]);
        tree.remove("target");
        watch.expect(&["Deleted: file"]);
        tree.touch("target");
        watch.expect(&["New file: file"]);
        replace_by_link_to("dir");
        watch.expect(&["Deleted: file", "Watching new directory: file"]);
        tree.touch("dir/in");
        watch.expect(&["New file: file/in"]);
        watch.stop();
    }
}

#[test]
fn a_directory_that_replaces_a_single_file_is_reported_to_its_depth() {
    let tree = Tree::new();
    tree.touch("file");
    let watch = tree.watch().args(["--max-depth", "2"]).path("file");
    let mut watch = watch.start();
    tree.remove("file");
    watch.expect(&["Deleted: file"]);
    tree.mkdirs("made/a/b/c");
    tree.rename("made", "file");
    watch.expect(&[
        "Watching new directory: file",
        "Watching new directory: file/a",
        "New directory: file/a/b",
    ]);
    tree.touch("file/a/name");
    watch.expect(&["New file: file/a/name"]);
    watch.stop();
}

#[test]
fn a_path_in_another_one_that_comes_back_is_reported_to_its_own_depth() {
    for paths in [["top", "top/in"], ["top/in", "top"]] {
        let tree = Tree::new();
        tree.mkdirs("top/in/a");
        let args = ["--wait-for-path", "--max-depth", "1"];
        let watch = tree.watch().json().args(args);
        let mut watch = watch.path(paths[0]).path(paths[1]).start();
        tree.rename("top/in", "top/out");
        watch.until("deleted directory top/in/a");
        tree.rename("top/out", "top/in");
        watch.until("created directory top/in/a");
        tree.touch("top/in/b");
        watch.until("created file top/in/b");
        watch.check_violations();
        watch.stop();
    }
}

#[test]
fn paths_in_another_one_that_appear_and_are_exchanged_are_reported_once_each() {
    let tree = Tree::new();
    tree.mkdir("top");
    let watch = tree.watch().json().path("top/a").path("top/in/a");
    let watch = watch.path("top").args(["--wait-for-path"]).start();
    let is_last = |event: &str, path: &str| {
        eventually(|| {
            let records = watch.records();
            let about = records
                .iter()
                .rfind(|record| record.text("path") == Some(path));
            about.is_some_and(|record| record.event() == event)
        })
    };
    for _ in 0..5 {
        tree.mkdirs("top/a/of-a");
        assert!(is_last("created", "top/a/of-a"));
        tree.mkdirs("top/in/a/of-b");
        tree.exchange("top/a", "top/in/a");
        assert!(is_last("created", "top/a/of-b") && is_last("created", "top/in/a/of-a"));
        tree.exchange("top/a", "top/in/a");
        assert!(is_last("created", "top/a/of-a") && is_last("created", "top/in/a/of-b"));
        tree.remove_all("top/a");
        tree.remove_all("top/in");
        assert!(is_last("deleted", "top/a") && is_last("deleted", "top/in"));
    }
    watch.check_violations();
    watch.stop();
}

/// The names that a log folds to.
fn names(log: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in log.lines() {
        let record = Record::parse(line.as_bytes()).unwrap();
        let path = record.text("path").unwrap_or_default().to_owned();
        match record.event() {
            "existing" | "created" => assert!(names.insert(path), "{line}"),
            "deleted" => assert!(names.remove(&path), "{line}"),
            event => assert!(["start", "ready"].contains(&event), "{line}"),
        }
    }
    names
}

/// It may be walked by its old target.
#[test]
fn a_link_that_is_switched_during_the_start_has_the_names_of_one_target() {
    let tree = Tree::new();
    tree.mkdirs("new/name");
    for number in 0..500 {
        tree.mkdirs(format!("old/{number}"));
    }
    let in_link = |name: String| format!("link/{name}");
    let old: BTreeSet<_> = (0..500).map(|number| in_link(number.to_string())).collect();
    let new = BTreeSet::from([in_link("name".to_owned())]);
    let log = tree.outside("log");
    let args = [
        "--format",
        "json",
        "--until-quiet",
        "0.05",
        "--resume",
        "--log-file",
    ];
    let watch = || tree.watch().args(args).args([&log]).path("link").spawn();
    let switch = |to| {
        tree.symlink(to, "tmp");
        tree.rename("tmp", "link");
    };
    for millis in 0..20 {
        for is_new in [true, false] {
            switch("old");
            if is_new {
                let _none = fs::remove_file(&log);
            } else {
                watch().wait();
            }
            let running = watch();
            std::thread::sleep(std::time::Duration::from_millis(millis));
            switch("new");
            running.wait();
            let text = fs::read_to_string(&log).unwrap();
            assert!(text.is_empty() || text.starts_with(r#"{"time""#), "{text}");
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.is_empty() || first.contains(r#""event":"start""#),
                "{first}"
            );
            let mut names = names(&text);
            names.remove("link");
            let lost: Vec<_> = old.difference(&names).collect();
            let found: Vec<_> = names.difference(&old).collect();
            assert!(
                names == old || names == new,
                "lost {lost:?}, found {found:?}"
            );
        }
    }
}

#[test]
fn the_working_directory_is_waited_for_where_it_was() {
    let tree = Tree::new();
    tree.mkdir("here");
    let watch = tree.watch().from("here").args(["--wait-for-path"]);
    let mut watch = watch.path(".").start();
    for _ in 0..2 {
        tree.touch("here/a");
        watch.expect(&["New file: ./a"]);
        tree.remove_all("here");
        watch.expect(&["Deleted: ./a", "Deleted directory: ."]);
        tree.mkdir("here");
        watch.expect(&["Watching new directory: ."]);
    }
    watch.stop();
}

#[test]
fn a_link_in_the_place_of_what_a_link_leads_to_is_followed_too() {
    let tree = Tree::new();
    tree.mkdirs("deep/dir");
    tree.write("deep/dir/g", "x");
    for in_place in [true, false] {
        tree.write("deep/f", "x");
        tree.symlink("deep/f", "link");
        let mut watch = tree
            .watch()
            .json()
            .baseline()
            .path("link")
            .path("deep/dir")
            .start();
        if in_place {
            tree.remove("deep/f");
            watch.expect(&["deleted file link"]);
            tree.symlink("other", "deep/f");
        } else {
            tree.symlink("other", "deep/next");
            tree.rename("deep/next", "deep/f");
        }
        tree.write("deep/other", "yy");
        // The link may be seen before it is followed.
        watch.until("created file link");
        tree.append("deep/other", "z");
        watch.until("changed file link");
        watch.stop();
        for name in ["link", "deep/f", "deep/other"] {
            tree.remove(name);
        }
    }
}

#[test]
fn a_directory_above_a_path_is_watched_on_when_another_path_has_left_it() {
    let tree = Tree::new();
    tree.mkdirs("above/dir");
    tree.mkdir("other");
    tree.write("above/f", "x");
    tree.write("other/g", "x");
    tree.symlink("above/f", "link");
    let mut watch = tree
        .watch()
        .baseline()
        .path("above/dir")
        .path("link")
        .start();
    tree.symlink("other/g", "next");
    tree.rename("next", "link");
    watch.expect(&["Deleted: link", "New file: link"]);
    tree.rename("above", "other/above");
    watch.expect(&["Deleted directory: above/dir"]);
    watch.stop();
}

#[test]
fn what_a_link_leads_to_may_be_removed_and_made_again() {
    let tree = Tree::new();
    tree.mkdirs("deep/releases/1");
    tree.write("deep/releases/1/f", "x");
    tree.mkdir("other");
    tree.symlink("deep/releases/1", "current");
    for wait in [&["--wait-for-path"][..], &[]] {
        let watch = tree.watch().baseline().args(wait);
        let mut watch = watch.path("current").path("other").start();
        for gone in ["deep/releases/1", "deep/releases", "deep"] {
            tree.remove_all(gone);
            watch.expect(&["Deleted: current/f", "Deleted directory: current"]);
            tree.mkdirs("deep/releases/1");
            watch.expect(&["Watching new directory: current"]);
            tree.touch("deep/releases/1/f");
            watch.expect(&["New file: current/f"]);
        }
        watch.stop();
    }
}

/// A watch of `here` that waits for `later`, by a user who is not root; `None`, with a message on the
/// terminal, where it cannot be started as one.
fn waiting_for_later(test: &str, tree: &Tree) -> Option<Watch> {
    let mut builder = tree
        .watch()
        .args(["--wait-for-path"])
        .path("here")
        .path("later");
    if sys::is_root() {
        builder = builder.user(65534);
    }
    tree.mkdir("here");
    match builder.try_spawn() {
        Ok(watch) => Some(watch),
        Err(error) => {
            skipped(test, &format!("as another user: {error}"));
            None
        }
    }
}

#[test]
fn a_path_that_may_not_be_read_is_warned_of_once() {
    let test = "a_path_that_may_not_be_read_is_warned_of_once";
    let tree = Tree::new();
    let Some(mut watch) = waiting_for_later(test, &tree) else {
        return;
    };
    let ready = watch.wait_ready().text();
    assert_eq!(
        ready,
        "balerion: ready: 1 directory, 0 files in here; waiting for later"
    );
    tree.mkdir("later");
    watch.expect(&["Watching new directory: later"]);
    tree.rmdir("later");
    watch.expect(&["Deleted directory: later"]);
    fs::create_dir(tree.outside("later")).unwrap();
    tree.chmod(tree.outside("later"), 0o000);
    tree.rename(tree.outside("later"), "later");
    watch.await_stderr("balerion: warning: cannot watch later: ");
    for number in 0..20 {
        tree.touch(number.to_string());
        tree.touch(format!("here/{number}"));
        watch.expect(&[&format!("New file: here/{number}")]);
    }
    let lines = watch.err.lines_from(0);
    let warnings = lines.iter().filter(|line| line.text().contains("later: "));
    assert_eq!(warnings.count(), 1, "{}", lines.len());
    tree.chmod("later", 0o755);
    watch.expect(&["Watching new directory: later"]);
    watch.stop();
}

#[test]
fn of_a_path_that_comes_and_goes_ten_warnings_are_written() {
    let test = "of_a_path_that_comes_and_goes_ten_warnings_are_written";
    let tree = Tree::new();
    let Some(mut watch) = waiting_for_later(test, &tree) else {
        return;
    };
    watch.wait_ready();
    fs::create_dir(tree.outside("later")).unwrap();
    tree.chmod(tree.outside("later"), 0o000);
    let more = " more errors (--stats lists the counts)";
    let mut rounds = 0;
    let has_more = eventually(|| {
        rounds += 1;
        tree.rename(tree.outside("later"), "later");
        std::thread::sleep(std::time::Duration::from_millis(10));
        tree.rename("later", tree.outside("later"));
        let lines = watch.err.lines_from(0);
        lines.iter().any(|line| line.text().contains(more))
    });
    assert!(has_more, "after {rounds} rounds");
    let lines = watch.err.lines_from(0);
    let warnings = lines.iter().filter(|line| line.text().contains("later: "));
    assert_eq!(warnings.count(), 10);
    tree.touch("here/a");
    watch.expect(&["New file: here/a"]);
    tree.chmod(tree.outside("later"), 0o755);
    watch.stop();
}

#[test]
fn where_nothing_can_be_seen_to_appear_there_is_a_warning() {
    let test = "where_nothing_can_be_seen_to_appear_there_is_a_warning";
    let tree = Tree::new();
    tree.mkdir("shut");
    tree.chmod("shut", 0o000);
    let mut builder = tree.watch().args(["--wait-for-path"]).path("shut/later");
    if sys::is_root() {
        builder = builder.user(65534);
    }
    let watch = match builder.try_spawn() {
        Ok(watch) => watch,
        Err(error) => return skipped(test, &format!("as another user: {error}")),
    };
    let warning = watch.await_stderr("balerion: warning: shut/later cannot be seen to appear: ");
    assert!(
        warning.text().ends_with("/shut may not be read"),
        "{}",
        warning.text()
    );
    tree.chmod("shut", 0o755);
    watch.stop();
}

#[test]
fn a_note_names_the_other_path_in_whatever_order_they_are_given() {
    for (paths, note) in [
        (
            [".", "a"],
            "a is the same as ./a, and is reported once, as that",
        ),
        (
            ["a", "."],
            "a lies in . as well, and is reported once, by itself",
        ),
        (
            ["a/b", "a"],
            "a/b lies in a as well, and is reported once, by itself",
        ),
        (
            ["a/f", "a"],
            "a/f lies in a as well, and is reported once, by itself",
        ),
        (
            ["a/f", "."],
            "a/f lies in . as well, and is reported once, by itself",
        ),
        (
            ["a", "a/f"],
            "a/f lies in a, and is reported once, under that",
        ),
    ] {
        let tree = Tree::new();
        tree.mkdirs("a/b");
        tree.touch("a/f");
        let output = serve::run(&tree, &["--timeout", "0", paths[0], paths[1]]);
        let text = serve::stderr_of(&output);
        let wanted = format!("balerion: note: {note}\n");
        assert!(text.starts_with(&wanted), "{paths:?}: {text}");
        assert_eq!(
            text.lines().filter(|line| line.contains("note")).count(),
            1,
            "{text}"
        );
    }
}

#[test]
fn a_path_in_another_one_is_reported_to_its_own_depth_in_whatever_order_they_are_given() {
    for paths in [["out", "out/in"], ["out/in", "out"]] {
        let tree = Tree::new();
        tree.mkdirs("out/in/dir");
        let watch = tree.watch().args(["--max-depth", "2"]).args(paths);
        let mut watch = watch.start();
        tree.touch("out/in/dir/old");
        watch.until("New file: out/in/dir/old");
        tree.mkdirs("out/in/new");
        tree.touch("out/in/new/file");
        watch.until("New file: out/in/new/file");
        tree.mkdirs("out/other/dir");
        tree.touch("out/other/dir/deep");
        tree.touch("out/other/dir2");
        let lines = watch.until("New file: out/other/dir2");
        watch.stop();
        assert!(!lines.iter().any(|line| line.contains("deep")), "{lines:?}");
    }
}
