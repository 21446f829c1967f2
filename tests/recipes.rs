//! Tests every recipe of the README, as it is written there: only the PATHs and the times are
//! replaced.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::shell::Shell;
use common::stream::Stream;
use common::{DEADLINE, Tree, eventually, has_program, sha256, terminal};

/// The recipes of the README, each with its comment.
fn recipes() -> Vec<String> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split_once("\n## Recipes\n").unwrap().1;
    let block = section.split_once("```sh\n").unwrap().1;
    let block = block.split_once("```\n").unwrap().0;
    block.split("\n\n").map(str::to_owned).collect()
}

/// The one recipe whose comment begins so, with some of its words replaced, each of
/// which must be there.
fn recipe(comment: &str, replaced: &[(&str, &str)]) -> String {
    let start = format!("# {comment}");
    let mut found = recipes();
    found.retain(|recipe| recipe.starts_with(&start));
    assert_eq!(found.len(), 1, "recipes that begin with {start:?}");
    let mut script = found.remove(0);
    for (from, to) in replaced {
        assert!(script.contains(from), "no {from:?} in {script}");
        script = script.replace(from, to);
    }
    script
}

/// Repeats `act` until `holds`, since a quiet watcher does not print when it is ready. Waits for 2
/// s after each.
fn repeat_until(mut act: impl FnMut(), mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        act();
        let patience = Instant::now() + Duration::from_secs(2);
        let mut held = false;
        eventually(|| {
            held = holds();
            held || Instant::now() > patience
        });
        if held {
            return true;
        }
    }
    false
}

#[test]
fn every_recipe_is_run_by_one_of_these_tests() {
    let own = include_str!("recipes.rs");
    for recipe in recipes() {
        let comment = recipe.lines().next().unwrap();
        let comment = comment.strip_prefix("# ").unwrap();
        let is_run = own
            .split("recipe(\"")
            .skip(1)
            .filter_map(|rest| rest.split_once('"'))
            .any(|(start, _)| comment.starts_with(start));
        assert!(is_run, "nobody runs {comment:?}");
    }
}

#[test]
fn only_rust_files_as_they_change() {
    let tree = Tree::new();
    tree.mkdir("src");
    let mut shell = Shell::start(&tree, &recipe("Only Rust files", &[]));
    shell.wait_ready();
    tree.touch("src/unseen.txt");
    tree.write("src/a.rs", "x");
    // Each line is there before the next change.
    shell.expect("New file: src/a.rs");
    shell.expect("Content changed: src/a.rs");
    tree.remove_all("src");
    shell.wait();
    shell.expect("Deleted: src/a.rs");
    assert_eq!(shell.out.count(), 3, "{}", shell.outputs());
}

#[test]
fn each_changed_file_is_handed_to_a_program_whatever_its_name() {
    let tree = Tree::new();
    tree.mkdir("src");
    tree.write("src/removed later", "x");
    let mut shell = Shell::start(&tree, &recipe("Hand each changed file", &[]));
    shell.wait_ready();
    tree.remove("src/removed later");
    fs::write(tree.outside("it"), "hello").unwrap();
    tree.rename(tree.outside("it"), "src/it's \"odd\" \\n");
    shell.expect("5 src/it's \"odd\" \\n");
    tree.append("src/it's \"odd\" \\n", " again");
    shell.expect("11 src/it's \"odd\" \\n");
    tree.remove_all("src");
    shell.wait();
    assert!(!shell.outputs().contains("removed"), "{}", shell.outputs());
}

#[test]
fn digests_are_reported_as_they_become_known() {
    if !has_program("digests_are_reported…", "jq") {
        return;
    }
    let tree = Tree::new();
    tree.mkdir("src");
    let mut shell = Shell::start(&tree, &recipe("Digests as they", &[]));
    shell.wait_ready();
    for text in ["hello", "hello again"] {
        tree.write("src/a b", text);
        shell.expect(&format!("{}  src/a b", sha256(text.as_bytes())));
    }
    tree.mkdir("src/no digest");
    tree.remove_all("src");
    shell.wait();
    let lines = shell.out.lines_from(0);
    let digests = lines.iter().filter(|line| line.bytes.len() == 64 + 2 + 7);
    assert_eq!(digests.count(), lines.len(), "{}", shell.outputs());
}

#[test]
fn the_digest_of_an_upload_is_printed_once_its_writer_has_closed_it() {
    if !has_program("the_digest_of_an_upload_is_printed…", "jq") {
        return;
    }
    let tree = Tree::new();
    tree.mkdir("src");
    let mut shell = Shell::start(&tree, &recipe("The digest of each upload", &[]));
    shell.wait_ready();
    let mut upload = tree.open("src/upload");
    upload.write_all(b"half").unwrap();
    // Another file, that is closed, comes first.
    tree.write("src/beside", "whole");
    shell.expect(&format!("{}  src/beside", sha256(b"whole")));
    upload.write_all(b" and half").unwrap();
    drop(upload);
    shell.expect(&format!("{}  src/upload", sha256(b"half and half")));
    tree.remove_all("src");
    shell.wait();
    assert_eq!(shell.out.count(), 2, "{}", shell.outputs());
}

#[test]
fn a_shell_reads_a_path_at_a_time() {
    if !has_program("a_shell_reads_a_path_at_a_time", "bash") {
        return;
    }
    let tree = Tree::new();
    tree.mkdir("src");
    let mut shell = Shell::start(&tree, &recipe("A path at a time", &[]));
    let write = || tree.append("src/ a  b\\", "x");
    let holds = repeat_until(write, || shell.has("now: src/ a  b\\"));
    assert!(holds, "{}", shell.outputs());
    tree.rename("src/ a  b\\", "src/c\nd");
    shell.expect("now: src/c");
    shell.expect("d");
    tree.remove_all("src");
    shell.wait();
    // Quiet as it is: that nothing is left to watch is an error, with a message.
    assert_eq!(shell.err.count(), 1, "{}", shell.outputs());
}

/// The Makefile: each run appends a line.
const MAKEFILE: &str = "built: FORCE\n\techo again >> built\nFORCE:\n";

/// A build that takes as long as the test wants: it copies the source, and then waits
/// until it is let go.
const SLOW_MAKEFILE: &str = "\
built: FORCE
\tcp source copied
\ttouch ../outside/waits; while ! test -e ../outside/go; do sleep 0.02; done
\tmv copied built
FORCE:
";

#[test]
fn a_source_that_changes_while_it_is_built_is_built_again() {
    let test = "a_source_that_changes_while_it_is_built_is_built_again";
    if !has_program(test, "make") || !has_program(test, "bash") {
        return;
    }
    let tree = Tree::new();
    tree.write("Makefile", SLOW_MAKEFILE);
    tree.write(".gitignore", "built\ncopied\n");
    tree.write("source", "0");
    let shell = Shell::start(&tree, &recipe("Rebuild when a source", &[]));
    let read = |name: &str| fs::read_to_string(tree.path(name)).unwrap_or_default();
    for round in 1..=3 {
        let first = format!("{round} first");
        let is_building = || read("copied").starts_with(&first);
        // Other bytes each time, since the same bytes are no change.
        let mut times = 0;
        let edit = || {
            times += 1;
            tree.write("source", format!("{first} {times}"));
        };
        assert!(repeat_until(edit, is_building), "{}", shell.outputs());
        // It changes after make has read it.
        let second = format!("{round} second");
        tree.write("source", &second);
        fs::write(tree.outside("go"), "").unwrap();
        let is_built = || read("built") == second;
        assert!(eventually(is_built), "an edit is lost: {}", shell.outputs());
        fs::remove_file(tree.outside("go")).unwrap();
    }
    assert_eq!(shell.err.bytes(), b"", "{}", shell.outputs());
}

#[test]
fn the_rebuilding_ends_with_ctrl_c() {
    let test = "the_rebuilding_ends_with_ctrl_c";
    if !has_program(test, "setsid") || !has_program(test, "make") || !has_program(test, "bash") {
        return;
    }
    for is_building in [false, true] {
        let tree = Tree::new();
        tree.write("Makefile", SLOW_MAKEFILE);
        tree.write(".gitignore", "built\ncopied\n");
        tree.write("source", "0");
        let (reader, printer) = terminal::open().unwrap();
        let mut keyboard = reader.try_clone().unwrap();
        let shown = Stream::collect(reader);
        let ours = Path::new(env!("CARGO_BIN_EXE_balerion")).parent().unwrap();
        let others = std::env::var("PATH").unwrap_or_default();
        // A session with this terminal, in which Ctrl-C sends SIGINT.
        let mut shell = Command::new("setsid")
            .args([
                "--ctty",
                "bash",
                "-c",
                &recipe("Rebuild when a source", &[]),
            ])
            .current_dir(tree.root())
            .env("PATH", format!("{}:{others}", ours.display()))
            .stdin(printer.try_clone().unwrap())
            .stdout(printer.try_clone().unwrap())
            .stderr(printer)
            .spawn()
            .unwrap();
        // Not before: a signal that comes while make starts a command may reach make alone, which
        // waits for the command then.
        let is_in_command = || tree.outside("waits").exists();
        if is_building {
            assert!(repeat_until(|| tree.append("source", "x"), is_in_command));
        } else {
            // A full line shows that it has begun to watch.
            fs::write(tree.outside("go"), "").unwrap();
            let is_built = || tree.path("built").exists();
            assert!(repeat_until(|| tree.append("source", "x"), is_built));
        }
        keyboard.write_all(b"\x03").unwrap();
        let ended = || shell.try_wait().unwrap().is_some();
        let has_ended = eventually(ended);
        if !has_ended {
            let _ = shell.kill();
        }
        assert!(has_ended, "building: {is_building}: {:?}", shown.bytes());
        // No process is left.
        let cwd = tree.root();
        let left = || {
            let processes = fs::read_dir("/proc").unwrap().flatten();
            let mut dirs = processes.filter_map(|each| fs::read_link(each.path().join("cwd")).ok());
            dirs.any(|dir| dir == cwd)
        };
        assert!(eventually(|| !left()), "a process stays");
    }
}

#[test]
fn a_build_is_waited_for_until_it_rests() {
    let tree = Tree::new();
    tree.mkdir("target");
    let mut shell = Shell::start(&tree, &recipe("Wait until a build", &[]));
    for number in 0..30 {
        tree.write(format!("target/{number}"), "x");
        let written = Instant::now();
        assert!(eventually(|| written.elapsed().as_millis() > 100));
    }
    assert_eq!(shell.ended(), None, "{}", shell.outputs());
    assert_eq!(shell.wait().code(), Some(0), "{}", shell.outputs());
    assert_eq!(shell.outputs(), "stdout:\nstderr:\n");
}

#[test]
fn whether_anything_changes_within_a_minute_is_a_status() {
    let tree = Tree::new();
    tree.mkdir("etc");
    let here = ("quiet /etc", "quiet etc");
    let script = recipe("Did anything change", &[here, ("60", "0.3")]);
    let mut shell = Shell::start(&tree, &script);
    assert_eq!(shell.wait().code(), Some(3), "{}", shell.outputs());
    assert_eq!(shell.outputs(), "stdout:\nstderr:\n");

    let mut shell = Shell::start(&tree, &recipe("Did anything change", &[here]));
    let write = || tree.append("etc/a", "x");
    assert!(repeat_until(write, || shell.ended().is_some()));
    assert_eq!(shell.wait().code(), Some(0), "{}", shell.outputs());
    assert!(eventually(|| shell.out.count() == 1), "{}", shell.outputs());
}

#[test]
fn what_has_changed_since_the_last_run_is_a_status_and_a_list() {
    let tree = Tree::new();
    tree.mkdir("etc");
    tree.write("etc/passwd", "root");
    tree.write("etc/group", "root");
    let first = ("quiet /etc > base", "quiet etc > base");
    let script = recipe("What has changed", &[first, ("quiet /etc", "quiet etc")]);
    let mut shell = Shell::start(&tree, &script);
    assert_eq!(shell.wait().code(), Some(3), "{}", shell.outputs());
    assert_eq!(shell.outputs(), "stdout:\nstderr:\n");
    tree.append("etc/passwd", "toor");
    tree.rename("etc/group", "etc/groups");
    let second = script.lines().last().unwrap();
    let mut shell = Shell::start(&tree, second);
    assert_eq!(shell.wait().code(), Some(0), "{}", shell.outputs());
    shell.expect("Content changed: etc/passwd");
    shell.expect("Renamed: etc/group -> etc/groups");
    assert!(eventually(|| shell.out.count() == 2), "{}", shell.outputs());
}

#[test]
fn a_daemon_misses_nothing_of_what_make_does() {
    if !has_program("a_daemon_misses_nothing…", "make") {
        return;
    }
    let tree = Tree::new();
    tree.write("Makefile", MAKEFILE);
    let (log, pid) = (tree.outside("tree.log"), tree.outside("tree.pid"));
    let replaced = [
        ("/tmp/tree.log", log.to_str().unwrap()),
        ("/tmp/tree.pid", pid.to_str().unwrap()),
    ];
    let mut shell = Shell::start(&tree, &recipe("In the background", &replaced));
    assert_eq!(shell.wait().code(), Some(0), "{}", shell.outputs());
    // The pid file is removed when the daemon ends.
    assert!(eventually(|| !pid.exists()), "{}", shell.outputs());
    let reported = fs::read_to_string(log).unwrap();
    let wanted = "New file: ./built\nContent changed: ./built\n";
    assert_eq!(reported, wanted, "{}", shell.outputs());
}
