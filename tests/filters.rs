//! Tests `--exclude`, `--include` and `--exclude-from`: what they hide is outside the tree.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::{Tree, eventually};
use std::fs;
use std::os::unix::fs::MetadataExt as _;

#[test]
fn what_is_excluded_is_not_reported_and_has_no_watch() {
    let tree = Tree::new();
    tree.mkdirs("target/debug/deps");
    tree.mkdirs("src/target");
    tree.write("target/debug/old", "");
    let watch = tree
        .watch()
        .args(["--exclude", "/target", "--exclude", "*.tmp"]);
    let mut watch = watch.start();
    let ready = watch.await_stderr("balerion: ready: ").text();
    assert_eq!(ready, "balerion: ready: 3 directories, 0 files");
    tree.write("target/debug/new", "unseen");
    tree.write("src/a.tmp", "unseen");
    tree.mkdir("b.tmp");
    tree.write("b.tmp/c", "unseen");
    tree.write("src/target/a", "");
    watch.expect(&["New file: ./src/target/a"]);
    let inode = |name: &str| fs::metadata(tree.path(name)).unwrap().ino();
    let mut expected = [inode("."), inode("src"), inode("src/target")];
    expected.sort_unstable();
    assert_eq!(watch.watched(), expected);
    tree.remove_all("target");
    tree.mkdirs("target/debug");
    tree.remove("src/a.tmp");
    watch.finish();
}

#[test]
fn excluded_names_are_no_part_of_what_is_there() {
    let tree = Tree::new();
    tree.write("a.o", "x");
    tree.write("b.c", "y");
    tree.mkdirs("obj/deep");
    let watch = tree
        .watch()
        .args(["--initial", "--exclude", "*.o", "--exclude", "obj"]);
    let mut watch = watch.json().start();
    let lines = watch.reported();
    assert_eq!(
        lines,
        ["existing directory .", "existing file ./b.c", "ready"]
    );
    watch.silence();
    let ended = watch.stop();
    assert!(
        ended
            .stderr
            .contains("balerion: baseline complete: 1 files, 1 bytes, "),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_rename_over_the_border_is_created_or_deleted() {
    let tree = Tree::new();
    tree.write("a", "text");
    tree.mkdirs("dir/sub");
    tree.write("dir/sub/f", "below");
    let mut watch = tree
        .watch()
        .json()
        .args(["--exclude", "*~", "--exclude", "/hidden"])
        .baseline()
        .start();
    tree.rename("a", "a~");
    watch.expect(&["deleted file ./a"]);
    tree.rename("a~", "b");
    let records = watch.expect(&["created file ./b"]);
    assert_eq!(records[0].sha256(), Some(common::sha256(b"text").as_str()));
    tree.rename("dir", "hidden");
    watch.expect(&[
        "deleted file ./dir/sub/f",
        "deleted directory ./dir/sub",
        "deleted directory ./dir",
    ]);
    assert!(eventually(|| watch.watched().len() == 1));
    tree.write("hidden/sub/g", "unseen");
    tree.remove("hidden/sub/g");
    tree.rename("hidden", "back");
    watch.expect(&[
        "created directory ./back",
        "created directory ./back/sub",
        "created file ./back/sub/f",
    ]);
    // A rename from outside the tree over a name that is there.
    tree.write("c~", "other");
    tree.rename("c~", "b");
    watch.expect(&["changed file ./b"]);
    tree.rename("b", "d~");
    tree.rename("d~", "e~");
    watch.expect(&["deleted file ./b"]);
    watch.silence();
    // Two names exchanged: any records that fold to the same tree.
    tree.exchange("e~", "back/sub/f");
    let last = watch.sentinel().pop().unwrap();
    assert!(
        ["changed file ./back/sub/f", "created file ./back/sub/f"].contains(&last.as_str()),
        "{last}"
    );
    watch.stop();
}

#[test]
fn only_what_is_included_is_reported_with_the_directories_on_the_way() {
    let tree = Tree::new();
    tree.mkdir("src");
    tree.write("src/a.rs", "");
    tree.write("src/a.md", "");
    let mut watch = tree.watch().args([
        "--include",
        "*.rs",
        "--include",
        "/doc",
        "--include",
        "sentinel*",
    ]);
    watch = watch.args(["--exclude", "gen"]).baseline();
    let mut watch = watch.start();
    assert_eq!(
        watch.await_stderr("balerion: ready: ").text(),
        "balerion: ready: 2 directories, 1 file"
    );
    tree.write("src/a.md", "unseen");
    tree.symlink("a.rs", "src/link");
    tree.append("src/a.rs", "text");
    watch.expect(&["Content changed: ./src/a.rs"]);
    tree.rename("src/a.md", "src/b.rs");
    watch.expect(&["New file: ./src/b.rs"]);
    tree.rename("src/a.rs", "src/a.txt");
    watch.expect(&["Deleted: ./src/a.rs"]);
    tree.mkdirs("src/gen");
    tree.write("src/gen/c.rs", "unseen");
    tree.mkdir("doc");
    watch.expect(&["Watching new directory: ./doc"]);
    tree.touch("doc/page");
    watch.expect(&["New file: ./doc/page"]);
    watch.silence();
    // Files in a directory are included by its name, and after a rename by its new name.
    tree.rename("doc", "src/doc");
    watch.expect(&[
        "Renamed directory: ./doc -> ./src/doc",
        "Deleted: ./src/doc/page",
    ]);
    tree.rename("src/doc", "doc");
    watch.expect(&[
        "Renamed directory: ./src/doc -> ./doc",
        "New file: ./doc/page",
    ]);
    watch.finish();
}

#[test]
fn options_narrow_together_and_the_last_excluding_glob_decides() {
    let tree = Tree::new();
    fs::write(
        tree.outside("globs"),
        "# what builds leave\r\n*.o\n\n/keep/*\n",
    )
    .unwrap();
    tree.mkdirs("keep");
    tree.write(".gitignore", "*.log\n");
    let mut watch = tree
        .watch()
        .args(["--gitignore", "--exclude", "!b.o", "--exclude", "!c.log"]);
    watch = watch.args(["--exclude-from", tree.outside("globs").to_str().unwrap()]);
    let mut watch = watch
        .args(["--include", "*.{o,log}", "--include", "sentinel*"])
        .start();
    for name in ["a.o", "a.log", "d.txt", "keep/x.log"] {
        tree.touch(name);
    }
    tree.touch("b.o");
    tree.touch("c.log");
    watch.expect(&["New file: ./b.o", "New file: ./c.log"]);
    watch.finish();
}

#[test]
fn hidden_changes_do_not_count() {
    let tree = Tree::new();
    let watch = tree
        .watch()
        .args(["--exclude", "*.o", "--count", "2"])
        .start();
    tree.touch("a.o");
    tree.touch("a");
    tree.rename("a.o", "b.o");
    tree.remove("b.o");
    tree.touch("b");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.lines(), ["New file: ./a", "New file: ./b"]);
}

#[test]
fn globs_are_relative_to_each_path_and_hide_no_path() {
    let tree = Tree::new();
    tree.mkdirs("one/x");
    tree.mkdirs("two/x/x");
    tree.write("a.log", "");
    let watch = tree
        .watch()
        .args(["--exclude", "/x", "--exclude", "*.log", "--exclude", "one"]);
    let mut watch = watch
        .path("one")
        .path("two/x")
        .path("a.log")
        .baseline()
        .start();
    tree.touch("one/a");
    tree.touch("one/x/unseen");
    watch.expect(&["New file: one/a"]);
    tree.touch("two/x/x/unseen");
    tree.touch("two/x/a");
    watch.expect(&["New file: two/x/a"]);
    tree.append("a.log", "text");
    watch.expect(&["Content changed: a.log"]);
    watch.finish();
}

#[test]
fn a_file_that_is_a_path_is_reported_even_where_its_directory_hides_it() {
    let tree = Tree::new();
    tree.write("a.log", "");
    tree.write("b.log", "");
    let watch = tree
        .watch()
        .args(["--exclude", "*.log"])
        .path(".")
        .path("a.log");
    let mut watch = watch.baseline().start();
    tree.append("b.log", "unseen");
    tree.append("a.log", "text");
    watch.expect(&["Content changed: a.log"]);
    tree.rename("b.log", "a.log");
    watch.expect(&["Content changed: a.log"]);
    tree.remove("a.log");
    watch.expect(&["Deleted: a.log"]);
    watch.finish();
}

#[test]
fn a_file_written_before_it_has_a_name_is_followed_under_the_one_that_is_included() {
    let tree = Tree::new();
    let watch = tree
        .watch()
        .args(["--include", "*.rs", "--include", "sentinel*"]);
    let mut watch = watch.start();
    tree.write("made.tmp", "text");
    tree.link("made.tmp", "a.rs");
    watch.expect(&["New file: ./a.rs"]);
    tree.remove("made.tmp");
    tree.append("a.rs", " and more");
    watch.expect(&["Content changed: ./a.rs"]);
    watch.finish();
}

#[test]
fn deep_trees_are_pruned_where_they_begin() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.mkdirs(format!("node_modules/{number}/lib"));
    }
    tree.mkdirs("src/node_modules/x");
    let mut watch = tree.watch().args(["--exclude", "node_modules/"]).start();
    assert_eq!(watch.watched().len(), 2);
    tree.write("node_modules/1/lib/f", "unseen");
    tree.mkdirs("new/node_modules/y/z");
    watch.expect(&["Watching new directory: ./new"]);
    // A file of that name is no directory.
    tree.touch("node_modules/file");
    tree.rename("node_modules/file", "src/node_modules/file");
    watch.silence();
    tree.touch("new/node_modules/y/z/f");
    tree.touch("src/file");
    watch.expect(&["New file: ./src/file"]);
    watch.silence();
    tree.remove_all("src/node_modules");
    tree.rename("src/file", "src/node_modules");
    watch.expect(&["Renamed: ./src/file -> ./src/node_modules"]);
    assert_eq!(watch.watched().len(), 3);
    tree.touch("new/sub");
    watch.expect(&["New file: ./new/sub"]);
    watch.finish();
}

#[test]
fn globs_and_files_that_cannot_be_used_are_refused() {
    let tree = Tree::new();
    tree.write("bad", "*.o\na[b\n");
    tree.write("binary", [b'a', 0xff, b'\n']);
    for (args, why) in [
        (
            ["--exclude", "a[b"],
            "--exclude \"a[b\" is no glob: unclosed character class",
        ),
        (["--include", "*.{rs"], "--include \"*.{rs\" is no glob: "),
        (["--include", ""], "--include \"\" is no glob: it is empty"),
        (
            ["--include", "!*.rs"],
            "--include \"!*.rs\" leaves nothing to report: ",
        ),
        (
            ["--exclude-from", "absent"],
            "cannot read absent: No such file or directory; --exclude-from takes ",
        ),
        (
            ["--exclude-from", "."],
            "cannot read .: Is a directory; --exclude-from takes ",
        ),
        (
            ["--exclude-from", "bad"],
            "line 2 of bad is no glob: \"a[b\": unclosed character class",
        ),
        (
            ["--exclude-from", "binary"],
            "line 1 of binary is no glob: ",
        ),
    ] {
        let ended = tree.watch().args(args).spawn().wait();
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
        assert!(
            ended.stderr.starts_with(&format!("balerion: {why}")),
            "{args:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}
