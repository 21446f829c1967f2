//! Tests the command line: units, repeated options, options of other tools, and notes.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use common::Tree;
use common::serve::{refused, run, stderr_of};

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
fn an_argument_in_an_answer_cannot_change_the_state_of_a_terminal() {
    for option in ["--format", "--color", "--\u{9b}31m"] {
        let answer = refused(&[option, "\u{1b}[31m\u{9b}31m\u{7f}"]);
        let controls = answer
            .chars()
            .filter(|each| each.is_control() && *each != '\n');
        assert_eq!(controls.count(), 0, "{answer:?}");
        assert!(answer.contains("\\xc2\\x9b31m"), "{answer:?}");
    }
}

#[test]
fn a_path_that_cannot_be_is_refused_with_the_remedy() {
    let (long, remedy) = ("x".repeat(300), "a name may have 255 bytes");
    for args in [&[&*long][..], &["--log-file", &long]] {
        assert!(refused(args).contains(remedy), "{args:?}");
    }
    for args in [&["/dev/null/x"][..], &["--log-file", "/dev/null/x"]] {
        assert!(refused(args).contains("must be a directory"), "{args:?}");
    }
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
fn what_could_break_a_line_or_a_terminal_is_escaped_in_errors_about_arguments() {
    use std::os::unix::ffi::OsStrExt as _;
    let tree = Tree::new();
    for (typed, shown) in [
        (&b"--hash=a\nb"[..], "a\\nb"),
        (b"--hash=a\x1b[31mb", "a\\x1b[31mb"),
        (b"--fo\x1b[31m", "--fo\\x1b[31m"),
        (b"--fo\xff", "--fo\\xff"),
    ] {
        let typed = std::ffi::OsStr::from_bytes(typed);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_balerion"))
            .arg(typed)
            .current_dir(tree.path(""))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = stderr_of(&output);
        assert!(text.lines().next().unwrap().contains(shown), "{text}");
    }
}
