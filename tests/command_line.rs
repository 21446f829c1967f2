//! Tests the command line: units, repeated options, lists of PATHs, options of other tools, and
//! notes.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use common::serve::{refused, refused_in, run, stderr_of};
use common::{Tree, eventually, fork, sys};

#[test]
fn a_time_has_a_unit_or_is_in_seconds() {
    let tree = Tree::new();
    for time in ["0.2", "200ms", "0.2s", "0.003m", "0.00005h"] {
        let output = run(&tree, &["--timeout", time]);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{time}: {}",
            stderr_of(&output)
        );
    }
    for option in ["--timeout", "--rescan", "--until-quiet"] {
        assert!(refused(&[option, "1e12"]).contains("no more than 100 years"));
        assert!(refused(&[option, "inf"]).contains("not a time"));
        assert!(refused(&[option, "-1"]).contains("it must be 0 or more"));
    }
    assert!(refused(&["--until-quiet", "0ms"]).contains("it must be more than 0"));
}

#[test]
fn a_size_has_a_unit_or_is_in_bytes() {
    let tree = Tree::new();
    for size in ["10", "1.5K", "5MB", "10MiB"] {
        let output = run(&tree, &["--timeout", "0", "--hash-limit", size]);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{size}: {}",
            stderr_of(&output)
        );
    }
    assert!(refused(&["--hash-limit", "much"]).contains("such as 4096, 64K, 1.5G, 5MB or 10MiB"));
}

#[test]
fn of_an_option_that_is_repeated_the_last_value_counts() {
    let tree = Tree::new();
    let args = [
        "--timeout=60",
        "--timeout=0",
        "--format=json",
        "--format=paths",
        "--hash=off",
        "--hash=eager",
        "--hash-limit=1",
        "--hash-limit=2",
        "-q",
        "-q",
        "-x",
        "-x",
        "--color=never",
        "--color=always",
        "--max-depth=1",
        "--max-depth=2",
        "-0",
        "-0",
        "-mm",
        "-rr",
    ];
    let output = run(&tree, &args);
    assert_eq!(output.status.code(), Some(3), "{}", stderr_of(&output));
    assert!(refused(&["--max-depth=2", "--no-recursive"]).contains("--no-recursive"));
}

#[test]
fn an_option_of_another_tool_is_answered_with_ours_in_one_sentence() {
    for (typed, ours) in [
        (&["-e", "modify"][..], "--events"),
        (&["-mre", "modify"], "--events"),
        (&["--event", "modify"], "--events"),
        (&["--event=modify"], "--events"),
        (&["-t", "5"], "--timeout"),
        (&["-d"], "--daemon"),
        (&["-d", "1"], "--settle"),
        (&["-l", "1"], "--settle"),
        (&["--debounce", "1s"], "--settle"),
        (&["-c"], "--format json"),
        (&["-w", "."], "without an option"),
        (&["-i", "x"], "--exclude"),
        (&["-v"], "--trace"),
        (&["-o", "x"], "--log-file"),
        (&["--json"], "--format json"),
        (&["--depth", "2"], "--max-depth"),
        (&["--no-hash"], "--hash off"),
        (&["--ignore", "x"], "--exclude"),
        (&["--filter", "x"], "--include"),
        (&["--timefmt", "%T"], "--timestamps"),
        (&["--recursive=no"], "--no-recursive"),
        (&["--exec", "make"], "runs no commands"),
        (&["-c", "make"], "runs no commands"),
        (&["-n", "3"], "--count"),
        (&["--max-events", "3"], "--count"),
        (&["--stop"], "--pid-file"),
    ] {
        let answer = refused(typed);
        assert_eq!(answer.lines().count(), 1, "{typed:?}: {answer}");
        assert!(answer.contains(ours), "{typed:?}: {answer}");
    }
}

#[test]
fn a_command_is_refused_with_the_remedy() {
    for typed in [&["--", "sh"][..], &[".", "sh"], &["--", "sh", "-c", "x"]] {
        let answer = refused(typed);
        assert!(answer.contains("no file sh here to watch"), "{answer}");
        assert!(answer.contains("balerion runs no commands"), "{answer}");
    }
    let answer = refused(&["-x", "sh -c x"]);
    assert!(answer.contains("balerion runs no commands"), "{answer}");
    let answer = refused(&["no such thing"]);
    assert!(!answer.contains("runs no commands"), "{answer}");
}

#[test]
fn what_is_empty_is_refused_as_empty() {
    assert!(refused(&[""]).contains("a PATH is empty"));
    assert!(refused(&[".", ""]).contains("a PATH is empty"));
    assert!(refused(&["--exclude", ""]).contains("it is empty"));
}

#[test]
fn what_has_no_effect_and_what_is_no_glob_is_noted_unless_it_is_to_be_quiet() {
    let tree = Tree::new();
    for (args, note) in [
        (
            &["--format=json", "--timestamps"][..],
            "balerion: note: --timestamps has no effect with --format json: every record has `time`",
        ),
        (
            &["--exclude", r".*\.swp$"],
            r"balerion: note: --exclude takes a glob, and '.*\.swp$' looks like a regular expression: the glob would be '*.swp'",
        ),
    ] {
        let output = run(&tree, &[args, &["--timeout=0"]].concat());
        let lines = stderr_of(&output);
        assert_eq!(output.status.code(), Some(3), "{lines}");
        assert_eq!(lines.lines().next(), Some(note));
        let quiet = run(&tree, &[args, &["--timeout=0", "-q"]].concat());
        assert_eq!(stderr_of(&quiet), "");
    }
    let absolute = tree.path("target");
    let output = run(
        &tree,
        &["--timeout=0", "--exclude", absolute.to_str().unwrap()],
    );
    assert!(
        stderr_of(&output).contains("glob for that path would be '/target'"),
        "{}",
        stderr_of(&output)
    );
}

#[test]
fn the_names_of_inotifywaits_events_are_understood() {
    let tree = Tree::new();
    let args = ["--events", "create,modify, delete,move,attrib"];
    let mut watch = tree.watch().args(args).start();
    tree.write("a", "x");
    watch.expect(&["New file: ./a", "Content changed: ./a"]);
    tree.chmod("a", 0o604);
    let line = watch.next_line().text();
    assert!(line.starts_with("Attributes changed: ./a"), "{line}");
    tree.rename("a", "b");
    tree.remove("b");
    watch.expect(&["Renamed: ./a -> ./b", "Deleted: ./b"]);
    watch.stop();
    for reads in ["open", "access", "close_nowrite"] {
        let answer = refused(&["--events", reads]);
        assert_eq!(answer.lines().count(), 1, "{answer}");
        assert!(answer.contains("reading a file is none"), "{answer}");
    }
}

#[test]
fn completions_offer_the_events_and_no_hidden_option() {
    let tree = Tree::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&tree, &["--completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["created", "attributes", "eager", "paths-from", "print-unit"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        for word in ["monitor", "moved_from"] {
            assert!(!script.contains(word), "{shell}: {word}");
        }
    }
}

/// Sends a file to the stdin of what follows.
fn stdin_from(file: &str) -> [String; 4] {
    let script = format!("exec \"$@\" < '{file}'");
    ["sh".into(), "-c".into(), script, "sh".into()]
}

#[test]
fn paths_are_read_from_a_file_or_from_stdin() {
    let tree = Tree::new();
    for dir in ["one", "two three", "new\nline", "given"] {
        tree.mkdir(dir);
    }
    tree.write("list", "one\n\ntwo three\n");
    tree.write("nul", "one\0two three\0new\nline");
    let stdin = stdin_from("list");
    let stdin: Vec<_> = stdin.iter().map(String::as_str).collect();
    for (through, args) in [
        (&["env"][..], &["--paths-from", "list"][..]),
        (&stdin[..], &["--paths-from", "-"]),
        (&["env"], &["-0", "--format=text", "--paths-from", "nul"]),
    ] {
        let watch = tree.watch().through(through).args(args);
        let mut watch = watch.path("given").start();
        for dir in ["one", "two three", "given"] {
            tree.touch(format!("{dir}/a"));
            let line = if args[0] == "-0" {
                let printed = || {
                    watch
                        .out
                        .bytes()
                        .ends_with(format!("New file: {dir}/a\0").as_bytes())
                };
                assert!(eventually(printed), "{dir}");
                continue;
            } else {
                format!("New file: {dir}/a")
            };
            watch.expect(&[&line]);
        }
        watch.stop();
        for dir in ["one", "two three", "given"] {
            tree.remove(format!("{dir}/a"));
        }
    }
}

#[test]
fn a_list_that_cannot_be_used_is_refused() {
    let tree = Tree::new();
    tree.write("empty", "\n\n");
    for (args, why) in [
        (
            &["--paths-from", "absent"][..],
            "cannot read absent: No such file",
        ),
        (
            &["--paths-from", "empty"],
            "--paths-from empty names no PATH",
        ),
        (&["--paths-from", "-"], "--paths-from - names no PATH"),
        (&["--paths-from", "."], "cannot read .: Is a directory"),
        (&["--paths-from", "/dev/zero"], "it is longer than 64 MiB"),
        (
            &["--exclude-from", "-", "--exclude-from", "-"],
            "--exclude-from -: stdin is closed, or is read by another option",
        ),
    ] {
        let answer = refused_in(&tree, args);
        assert!(answer.contains(why), "{args:?}: {answer}");
        assert_eq!(answer.lines().count(), 1, "{args:?}: {answer}");
    }
}

#[test]
fn globs_are_read_from_stdin() {
    let tree = Tree::new();
    tree.write("globs", "*.o\n");
    let stdin = stdin_from("globs");
    let stdin: Vec<_> = stdin.iter().map(String::as_str).collect();
    let watch = tree.watch().through(&stdin).args(["--exclude-from", "-"]);
    let mut watch = watch.start();
    tree.touch("a.o");
    tree.touch("a.c");
    watch.expect(&["New file: ./a.c"]);
    watch.stop();
}

#[test]
fn a_fifo_as_a_list_is_waited_for_and_signals_are_served() {
    for option in ["--exclude-from", "--paths-from"] {
        let tree = Tree::new();
        let fifo = tree.outside("fifo");
        sys::fifo(&fifo).unwrap();
        let args = [option, fifo.to_str().unwrap()];
        // With nobody who writes, it is still there to be stopped.
        for signal in [sys::SIGINT, sys::SIGTERM] {
            let watch = tree.watch().args(args).spawn();
            let waits = || {
                let fds = std::fs::read_dir(format!("/proc/{}/fd", watch.pid()));
                fds.is_ok_and(|fds| {
                    fds.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
                        .any(|target| target == fifo)
                })
            };
            assert!(eventually(waits), "{option} never opens the FIFO");
            watch.signal(signal);
            let ended = watch.wait();
            assert_eq!(ended.status.code(), Some(0), "{option}: {}", ended.stderr);
            assert_eq!(ended.stderr, "");
        }
        let mut watch = tree.watch().args(args).spawn();
        let mut writer = File::options().write(true).open(&fifo).unwrap();
        writer.write_all(b".\n").unwrap();
        drop(writer);
        watch.wait_ready();
        watch.stop();
    }
}

#[test]
fn the_unit_that_is_printed_is_the_one_of_the_readme() {
    let output = run(&Tree::new(), &["--print-unit"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    let readme = include_str!("../README.md");
    let shown = readme.split_once("```ini\n").unwrap().1;
    let shown = shown.split_once("```\n").unwrap().0;
    assert_eq!(printed, shown);
}

#[test]
fn a_list_of_paths_reaches_a_daemon_from_stdin() {
    let tree = Tree::new();
    tree.mkdir("dir");
    tree.write("list", "dir\n");
    let (log, pid) = (tree.outside("log"), tree.outside("pid"));
    let script = "exec \"$0\" \"$@\" < list";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_balerion")]);
    command.args([
        "--daemon",
        "--paths-from",
        "-",
        "--timeout",
        "60",
        "--log-file",
    ]);
    command.arg(&log).arg("--pid-file").arg(&pid);
    command.current_dir(tree.root());
    let output = fork::output(&mut command).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr_of(&output));
    tree.touch("dir/a");
    let line = || std::fs::read_to_string(&log).is_ok_and(|log| log == "New file: dir/a\n");
    assert!(eventually(line));
    let pid = std::fs::read_to_string(&pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    sys::kill(pid, sys::SIGTERM).unwrap();
}
