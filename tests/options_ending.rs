//! Tests the options that decide when it ends, and those that print about the program itself.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use common::serve::refused;
use common::skips::without_program;
use common::{Tree, eventually, fork, serve, skipped, terminal};

/// Its output in an empty directory.
fn printed(args: &[&str]) -> String {
    let tree = Tree::new();
    let output = serve::run(&tree, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    assert_eq!(serve::stderr_of(&output), "", "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_count_ends_after_exactly_so_many_changes_whatever_else_is_printed() {
    for (args, others) in [(&[][..], 2), (&["--initial"], 4)] {
        let tree = Tree::new();
        tree.write("there", "x");
        let watch = tree.watch().json().args(["--count", "3"]).args(args);
        let watch = watch.start();
        tree.mkdirs("a/b/c/d");
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.lines().len(), 3 + others, "{:#?}", ended.lines());
    }
}

#[test]
fn one_is_a_count_of_one() {
    for one in ["-1", "--one"] {
        let tree = Tree::new();
        let watch = tree.watch().args([one]).start();
        tree.mkdirs("a/b/c");
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.lines(), ["Watching new directory: ./a"]);
    }
}

#[test]
fn only_what_is_printed_counts() {
    let tree = Tree::new();
    let args = ["-1", "--events", "deleted", "--exclude", "*.o"];
    let watch = tree.watch().args(args).start();
    tree.write("a", "x");
    tree.write("b.o", "x");
    tree.remove("b.o");
    tree.remove("a");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.lines(), ["Deleted: ./a"]);
}

#[test]
fn a_count_of_nothing_and_two_counts_are_refused() {
    for count in ["0", "-1", "", "1.5", "many", "18446744073709551616"] {
        refused(&[&format!("--count={count}")]);
    }
    refused(&["-1", "--count", "2"]);
}

#[test]
fn no_time_at_all_is_enough_to_get_ready() {
    let tree = Tree::new();
    tree.write("there", "x");
    let ended = tree.watch().args(["--timeout", "0"]).spawn().wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    let ready = "balerion: ready: 1 directory, 1 file\n";
    assert!(ended.stderr.starts_with(ready), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"");
    let args = ["--timeout", "0", "--format", "json", "--initial"];
    let output = serve::run(&tree, &args);
    assert_eq!(output.status.code(), Some(3));
    let events = ["start", "existing", "existing", "ready"];
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), events.len());
    for (line, event) in lines.lines().zip(events) {
        assert!(line.contains(&format!("\"event\":\"{event}\"")), "{line}");
    }
}

#[test]
fn a_change_that_is_not_printed_does_not_save_it_from_the_timeouts_status() {
    let tree = Tree::new();
    let args = ["--timeout", "1", "--events", "deleted", "--count", "5"];
    let watch = tree.watch().args(args).start();
    tree.write("a", "x");
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"");
}

#[test]
fn bad_times_are_refused() {
    for option in ["--timeout", "--until-quiet"] {
        for seconds in ["-1", "inf", "nan", "", "1d", "1e300", "soon"] {
            refused(&[&format!("{option}={seconds}")]);
        }
    }
    assert!(refused(&["--until-quiet", "0"]).contains("more than 0"));
}

#[test]
fn where_nothing_changes_it_is_quiet_at_once() {
    let tree = Tree::new();
    let began = Instant::now();
    let output = serve::run(&tree, &["--until-quiet", "0.3"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        serve::stderr_of(&output)
    );
    assert_eq!(output.stdout, b"");
    assert!(began.elapsed().as_millis() >= 300);
}

#[test]
fn it_is_quiet_when_so_long_after_the_last_change() {
    let tree = Tree::new();
    let mut watch = tree.watch().args(["--until-quiet", "1.5"]).start();
    let began = Instant::now();
    // Longer than the time of quiet, and never quiet for that long.
    for number in 0.. {
        let name = number.to_string();
        tree.touch(&name);
        watch.expect(&[&format!("New file: ./{name}")]);
        if began.elapsed().as_millis() > 2000 {
            break;
        }
        let next = Instant::now();
        assert!(eventually(|| next.elapsed().as_millis() > 100));
    }
    let last = Instant::now();
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(last.elapsed().as_millis() >= 1300);
}

#[test]
fn what_is_left_out_does_not_disturb_the_quiet() {
    let tree = Tree::new();
    let args = ["--until-quiet", "0.5", "--exclude", "/noise"];
    let mut watch = tree.watch().args(args).spawn();
    watch.wait_ready();
    // It ends although this writer goes on.
    let ends = eventually(|| {
        tree.append("noise", "x");
        watch.out.wait_end(Instant::now())
    });
    assert!(ends);
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"");
}

#[test]
fn the_first_of_several_ends_is_the_end() {
    let tree = Tree::new();
    let args = ["--until-quiet", "30", "--timeout", "0.1"];
    assert_eq!(serve::run(&tree, &args).status.code(), Some(3));
    let args = ["--until-quiet", "0.1", "--timeout", "30", "--count", "9"];
    assert_eq!(serve::run(&tree, &args).status.code(), Some(0));
}

/// Runs a program on a file; `None`, with a message on the terminal, where the program is missing.
fn on_file(test: &str, words: &[&str], text: &str) -> Option<Output> {
    let tree = Tree::new();
    tree.write("file", text);
    let run = Command::new(words[0])
        .args(&words[1..])
        .arg(tree.path("file"))
        .stdin(Stdio::null())
        .output();
    match run {
        Ok(output) => Some(output),
        Err(error) => {
            without_program(test, &format!("{} ({error})", words[0]));
            None
        }
    }
}

#[test]
fn completions_are_scripts_that_the_shells_accept() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["--completions", shell]);
        let is_part = |each: char| each.is_alphanumeric() || each == '-';
        let words: HashSet<_> = script.split(|each| !is_part(each)).collect();
        // In some shells options stand without their dashes.
        let offers = |name| words.contains(&*format!("--{name}")) || words.contains(name);
        for name in ["until-quiet", "no-recursive", "version", "help"] {
            assert!(offers(name), "{shell}: {name} in {script}");
        }
        for name in ["monitor", "recursive", "inotifywait"] {
            assert!(!offers(name), "{shell}: {name} in {script}");
        }
        let test = "completions_are_scripts…";
        if let Some(output) = on_file(test, &[shell, "-n"], &script) {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{shell}: {stderr}");
            assert_eq!(stderr, "", "{shell}");
        }
    }
    refused(&["--completions", "cmd"]);
    refused(&["--completions"]);
    refused(&["--completions", "bash", "--quiet"]);
}

#[test]
fn the_man_page_renders_without_a_complaint() {
    let page = printed(&["--man"]);
    assert!(page.contains(".TH BALERION 1"), "{page}");
    if let Some(output) = on_file(
        "the_man_page_renders…",
        &["mandoc", "-Tlint", "-Wwarning"],
        &page,
    ) {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{stdout}");
    }
    let words = ["man", "--warnings", "-l"];
    let Some(output) = on_file("the_man_page_renders…", &words, &page) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || !text.contains("SYNOPSIS") {
        skipped(
            "the_man_page_renders…",
            &format!("man -l does not work: {stderr}"),
        );
        return;
    }
    assert_eq!(stderr, "");
    for wanted in [
        "[--until-quiet TIME]",
        "[--hash-limit SIZE]",
        "--wait-for-path",
        "EXIT STATUS",
        "SIGNALS",
        "ENVIRONMENT",
        // Examples keep their columns, and characters that shells know stay what they are.
        "    balerion src | grep --line-buffered '\\.rs$'\n",
        "      while read -r -t 0.5 _; do :; done\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn the_man_page_is_text_on_a_terminal() {
    let (mut reader, printer) = terminal::open().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command.arg("--man").stdout(Stdio::from(printer));
    let mut child = fork::spawn(&mut command).unwrap();
    // The command has the only other descriptor of the terminal: read(2) fails once that is closed.
    drop(command);
    let mut page = Vec::new();
    let _ = reader.read_to_end(&mut page);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let page = String::from_utf8(page).unwrap();
    for wanted in [
        "SYNOPSIS",
        "--until-quiet <TIME>",
        "EXIT STATUS",
        "while read -r -t 0.5 _; do :; done",
    ] {
        assert!(page.contains(wanted), "{wanted} in\n{page}");
    }
    assert!(!page.contains(".SH"), "{page}");
}

#[test]
fn the_version_has_the_commit_too() {
    let version = env!("CARGO_PKG_VERSION");
    let package = env!("CARGO_MANIFEST_DIR");
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        let output = git.args(args).current_dir(package).output().ok()?;
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        output.status.success().then_some(text)
    };
    // Inside another repository, the commit is that one's.
    let is_ours = git(&["rev-parse", "--show-toplevel"])
        .is_some_and(|top| fs::canonicalize(top).unwrap() == fs::canonicalize(package).unwrap());
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let wanted = match commit.filter(|_| is_ours) {
        Some(commit) => format!("balerion {version} ({commit})\n"),
        None => format!("balerion {version}\n"),
    };
    for option in ["--version", "-V"] {
        assert_eq!(printed(&[option]), wanted);
    }
}

#[test]
fn the_help_is_grouped_by_task_and_leaves_out_what_is_hidden() {
    let help = printed(&["--help"]);
    let headings = [
        "Choosing what is watched:",
        "Content:",
        "Printing:",
        "Stopping:",
        "Serving:",
        "More:",
        "Examples:",
        "Exit status:",
    ];
    let places = headings.map(|heading| {
        let place = help.lines().position(|line| line == heading);
        place.unwrap_or_else(|| panic!("no {heading} in\n{help}"))
    });
    assert!(places.is_sorted(), "{help}");
    assert!(!help.contains("--monitor"), "{help}");
    let short = printed(&["-h"]);
    assert!(short.lines().count() < help.lines().count());
    assert!(short.contains("--until-quiet"), "{short}");
}

#[test]
fn every_option_of_the_readme_is_in_the_help() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let help = printed(&["--help"]);
    let rows = readme.lines().filter(|line| line.starts_with("| "));
    let mut count = 0;
    for word in rows.flat_map(|row| row.split(['`', ' ', '(', ')', ','])) {
        if word.starts_with("--") && word.len() > 3 && !word.starts_with("---") {
            assert!(
                help.contains(&format!("{word} ")) || help.contains(&format!("{word}\n")),
                "{word}"
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
