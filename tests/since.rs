//! Tests `--since`, `--resume` and `--verify`, which report what changed while nobody watched
//! (contract, section 3a).
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // The seed has to be known.

mod common;

use common::disk::{self, Snapshot};
use common::fold::log_differences;
use common::{Record, Tree, fork, load, serve, sys};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// The differences between the fold of a whole log and the disk.
fn differences(tree: &Tree, log: &[u8]) -> Vec<String> {
    log_differences(tree, log, true)
}

fn run(tree: &Tree, args: &[&str]) -> Output {
    serve::run(tree, args)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A snapshot of the tree, outside it.
fn snapshot(tree: &Tree, more: &[&str]) -> PathBuf {
    let file = tree.outside("baseline.json");
    let args = ["--format", "json", "--initial", "--stat", "--timeout", "0"];
    let output = run(tree, &[&args, more].concat());
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        serve::stderr_of(&output)
    );
    fs::write(&file, output.stdout).unwrap();
    file
}

/// The records since the snapshot, in short, and the whole stream.
fn since(tree: &Tree, file: &Path, more: &[&str]) -> (Vec<String>, Vec<u8>) {
    let args = ["--format", "json", "--timeout", "0", "--since", text(file)];
    let output = run(tree, &[&args, more].concat());
    let records: Vec<_> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| Record::parse(line).unwrap())
        .collect();
    assert_eq!(records[0].event(), "start");
    assert!(records[0].text("resumes").is_some(), "{records:?}");
    let ready = records.iter().position(|record| record.event() == "ready");
    let changes = &records[1..ready.unwrap()];
    let status = if changes.is_empty() { 3 } else { 0 };
    assert_eq!(
        output.status.code(),
        Some(status),
        "{}",
        serve::stderr_of(&output)
    );
    let short = changes.iter().map(Record::summary).collect();
    (short, output.stdout)
}

struct Case {
    name: &'static str,
    before: fn(&Tree),
    change: fn(&Tree),
    offline: &'static [&'static str],
    live: &'static [&'static str],
}

/// The operations, their records if nobody watched, and their records if somebody did.
const CASES: &[Case] = &[
    Case {
        name: "nothing",
        before: |tree| tree.write("a", "1"),
        change: |_| {},
        offline: &[],
        live: &[],
    },
    Case {
        name: "a new file",
        before: |_| {},
        change: |tree| tree.write("a", "1"),
        offline: &["created file ./a"],
        live: &["created file ./a", "changed file ./a"],
    },
    Case {
        name: "other bytes, as many",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.overwrite("a", "2"),
        offline: &["changed file ./a"],
        live: &["changed file ./a"],
    },
    Case {
        name: "the same bytes",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.overwrite("a", "1"),
        offline: &[],
        live: &[],
    },
    Case {
        name: "a new mode",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.chmod("a", 0o600),
        offline: &[],
        live: &[],
    },
    Case {
        name: "a rename",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.rename("a", "b"),
        offline: &["renamed file ./a -> ./b"],
        live: &["renamed file ./a -> ./b"],
    },
    Case {
        name: "a rename, and other bytes",
        before: |tree| tree.write("a", "1"),
        change: |tree| {
            tree.rename("a", "b");
            tree.overwrite("b", "2");
        },
        offline: &["renamed file ./a -> ./b", "changed file ./b"],
        live: &["renamed file ./a -> ./b", "changed file ./b"],
    },
    Case {
        name: "a renamed directory",
        before: |tree| {
            tree.mkdirs("d/e");
            tree.write("d/e/a", "1");
        },
        change: |tree| tree.rename("d", "f"),
        offline: &["renamed directory ./d -> ./f"],
        live: &["renamed directory ./d -> ./f"],
    },
    Case {
        name: "a file that moved out of a directory that is gone",
        before: |tree| {
            tree.mkdir("d");
            tree.write("d/a", "1");
            tree.write("d/b", "2");
        },
        change: |tree| {
            tree.rename("d/a", "a");
            tree.remove_all("d");
        },
        offline: &[
            "renamed file ./d/a -> ./a",
            "deleted file ./d/b",
            "deleted directory ./d",
        ],
        live: &[
            "renamed file ./d/a -> ./a",
            "deleted file ./d/b",
            "deleted directory ./d",
        ],
    },
    Case {
        name: "an atomic save",
        before: |tree| tree.write("a", "1"),
        change: |tree| {
            tree.write("t", "2");
            tree.rename("t", "a");
        },
        offline: &["changed file ./a"],
        live: &[
            "created file ./t",
            "renamed file ./t -> ./a",
            "changed file ./a",
        ],
    },
    Case {
        name: "a rename over other bytes",
        before: |tree| {
            tree.write("a", "1");
            tree.write("t", "2");
        },
        change: |tree| tree.rename("t", "a"),
        offline: &["renamed file ./t -> ./a", "changed file ./a"],
        live: &["renamed file ./t -> ./a", "changed file ./a"],
    },
    Case {
        name: "a rename over the same bytes",
        before: |tree| {
            tree.write("a", "1");
            tree.write("t", "1");
        },
        change: |tree| tree.rename("t", "a"),
        offline: &["renamed file ./t -> ./a"],
        live: &["renamed file ./t -> ./a"],
    },
    Case {
        name: "a chain of renames",
        before: |tree| {
            tree.write("log", "2");
            tree.write("log.1", "1");
        },
        change: |tree| {
            tree.rename("log.1", "log.2");
            tree.rename("log", "log.1");
        },
        offline: &[
            "renamed file ./log.1 -> ./log.2",
            "renamed file ./log -> ./log.1",
        ],
        live: &[
            "renamed file ./log.1 -> ./log.2",
            "renamed file ./log -> ./log.1",
        ],
    },
    Case {
        name: "a file instead of a directory",
        before: |tree| {
            tree.mkdir("a");
            tree.write("a/b", "1");
        },
        change: |tree| {
            tree.remove_all("a");
            tree.symlink("nowhere", "a");
        },
        offline: &[
            "deleted file ./a/b",
            "deleted directory ./a",
            "created symlink ./a",
        ],
        live: &[
            "deleted file ./a/b",
            "deleted directory ./a",
            "created symlink ./a",
        ],
    },
    Case {
        name: "a second name of a file",
        before: |tree| tree.write("a", "1"),
        change: |tree| tree.link("a", "b"),
        offline: &["created file ./b"],
        live: &["created file ./b"],
    },
    Case {
        name: "a deep new directory",
        before: |_| {},
        change: |tree| {
            tree.mkdirs("d/e");
            tree.fifo("d/e/p");
        },
        offline: &[
            "created directory ./d",
            "created directory ./d/e",
            "created other ./d/e/p",
        ],
        live: &[
            "created directory ./d",
            "created directory ./d/e",
            "created other ./d/e/p",
        ],
    },
];

#[test]
fn a_rotation_over_the_oldest_file_is_renames_and_a_change_of_its_name() {
    let tree = Tree::new();
    for (name, bytes) in [("log", "3"), ("log.1", "2"), ("log.2", "1")] {
        tree.write(name, bytes);
    }
    let file = snapshot(&tree, &[]);
    tree.rename("log.1", "log.2");
    tree.rename("log", "log.1");
    let (changes, stream) = since(&tree, &file, &[]);
    let expected = [
        "renamed file ./log.1 -> ./log.2",
        "renamed file ./log -> ./log.1",
        "changed file ./log.2",
    ];
    assert_eq!(changes, expected);
    let whole = [fs::read(&file).unwrap(), stream].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

#[test]
fn what_changed_meanwhile_is_reported_as_it_would_have_been() {
    for case in CASES {
        let tree = Tree::new();
        (case.before)(&tree);
        let file = snapshot(&tree, &[]);
        (case.change)(&tree);
        let (reported, stream) = since(&tree, &file, &[]);
        assert_eq!(reported, case.offline, "{}", case.name);
        let whole = [fs::read(&file).unwrap(), stream].concat();
        let wrong = differences(&tree, &whole);
        assert_eq!(wrong, [""; 0], "{}", case.name);

        let tree = Tree::new();
        (case.before)(&tree);
        let mut watch = tree.watch().json().baseline().start();
        (case.change)(&tree);
        let mut reported = watch.sentinel();
        // What was renamed before it could be read is read under the new name.
        reported.retain(|line| line != "changed file ./t");
        assert_eq!(reported, case.live, "{}", case.name);
        watch.stop();
    }
}

#[test]
fn exchanged_names_fold_to_the_truth() {
    let tree = Tree::new();
    tree.mkdirs("d/in d");
    tree.mkdirs("e/in e");
    tree.write("a", "1");
    tree.write("b", "2");
    let file = snapshot(&tree, &[]);
    tree.exchange("d", "e");
    tree.exchange("a", "b");
    let (_, stream) = since(&tree, &file, &[]);
    let whole = [fs::read(&file).unwrap(), stream].concat();
    assert_eq!(differences(&tree, &whole), [""; 0]);
}

#[test]
fn in_text_it_is_the_integrity_check_in_one_line() {
    let tree = Tree::new();
    tree.write("a", "1");
    tree.write("b", "1");
    let file = snapshot(&tree, &[]);
    let args = ["--since", text(&file), "--timeout", "0"];
    let output = run(&tree, &args);
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(3), &b""[..])
    );
    tree.overwrite("a", "2");
    tree.remove("b");
    let output = run(&tree, &args);
    assert_eq!(output.status.code(), Some(0));
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(reported, "Deleted: ./b\nContent changed: ./a\n");
    let output = run(&tree, &[&args[..], &["--format", "paths"]].concat());
    assert_eq!(output.stdout, b"./b\n./a\n");
}

/// Waits until files that were just written are no longer racy.
fn grow_old(tree: &Tree) {
    let newest = || {
        let mut newest = SystemTime::UNIX_EPOCH;
        let mut found = Snapshot::new();
        disk::snapshot(&tree.root(), b".", &mut found);
        for path in found.keys() {
            let path = tree.path(String::from_utf8(path.clone()).unwrap());
            newest = newest.max(fs::symlink_metadata(path).unwrap().modified().unwrap());
        }
        newest
    };
    let until = newest() + Duration::from_millis(2100);
    while SystemTime::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The number of bytes read, from the statistics.
fn bytes_read(output: &Output) -> u64 {
    let stderr = serve::stderr_of(output);
    let line = stderr
        .lines()
        .find(|line| line.contains("baseline complete: "));
    let line = line.unwrap_or_else(|| panic!("{stderr}"));
    let words: Vec<_> = line.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| word.starts_with("bytes"))
        .unwrap();
    words[at - 1].parse().unwrap()
}

#[test]
fn what_has_the_times_of_then_is_not_read_unless_that_is_asked_for() {
    let tree = Tree::new();
    for number in 0..20 {
        tree.write(format!("f{number}"), "12345");
    }
    grow_old(&tree);
    let file = snapshot(&tree, &[]);
    let args = ["--format", "json", "--timeout", "0", "--since", text(&file)];
    assert_eq!(bytes_read(&run(&tree, &args)), 0);
    assert_eq!(
        bytes_read(&run(&tree, &[&args[..], &["--verify"]].concat())),
        100
    );
    tree.overwrite("f3", "54321");
    let output = run(&tree, &args);
    assert_eq!((bytes_read(&output), output.status.code()), (5, Some(0)));
    // Without the fields of --stat all are read.
    let stripped = fs::read_to_string(&file)
        .unwrap()
        .replace("\"ctime\"", "\"c\"");
    fs::write(&file, stripped).unwrap();
    assert_eq!(bytes_read(&run(&tree, &args)), 100);
}

#[test]
fn a_racy_file_is_read() {
    let tree = Tree::new();
    tree.write("a", "12345");
    let file = snapshot(&tree, &[]);
    let args = ["--format", "json", "--timeout", "0", "--since", text(&file)];
    assert_eq!(bytes_read(&run(&tree, &args)), 5);
}

#[test]
fn other_choices_than_then_are_no_differences_but_what_is_hidden_is() {
    let tree = Tree::new();
    tree.write("a.rs", "1");
    tree.write("b.tmp", "1");
    let file = snapshot(&tree, &[]);
    for more in [
        &["--hash", "off"][..],
        &["--hash", "lazy"],
        &["--hash-limit", "0"],
        &["--no-renames"],
    ] {
        assert_eq!(since(&tree, &file, more).0, [""; 0], "{more:?}");
    }
    let (reported, _) = since(&tree, &file, &["--exclude", "*.tmp"]);
    assert_eq!(reported, ["deleted file ./b.tmp"]);
    let bare = snapshot(&tree, &["--hash", "off", "--exclude", "*.tmp"]);
    assert_eq!(since(&tree, &bare, &[]).0, ["created file ./b.tmp"]);
    tree.write("a.rs", "two");
    let (reported, _) = since(&tree, &bare, &["--hash", "off", "--exclude", "*.tmp"]);
    assert_eq!(reported, ["changed file ./a.rs"]);
}

#[test]
fn renames_are_reported_as_deleted_and_created_where_they_are_not_wanted() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/a", "1");
    let file = snapshot(&tree, &[]);
    tree.rename("d", "e");
    let (reported, _) = since(&tree, &file, &["--no-renames"]);
    let expected = [
        "deleted file ./d/a",
        "deleted directory ./d",
        "created directory ./e",
        "created file ./e/a",
    ];
    assert_eq!(reported, expected);
}

#[test]
fn a_file_that_is_no_such_stream_is_refused_in_a_sentence() {
    let tree = Tree::new();
    tree.write("a", "1");
    let good = snapshot(&tree, &[]);
    let whole = fs::read_to_string(&good).unwrap();
    let file = tree.outside("other");
    let name = text(&file);
    let refused = |args: &[&str]| serve::refused_in(&tree, args);
    assert!(refused(&["--since", name]).contains("No such file"));
    for (content, why) in [
        ("", "is no JSON stream"),
        ("New file: ./a\n", "is no JSON stream"),
        ("\0\0\0\0", "is no JSON stream"),
        (&whole.replace("ready", "readier"), "no complete session"),
        (&whole.replace("existing", "exists"), "no complete session"),
    ] {
        fs::write(&file, content).unwrap();
        let stderr = refused(&["--since", name]);
        assert!(stderr.contains(why), "{content}: {stderr}");
    }
    let stderr = refused(&["--since", text(&good), text(&tree.outside(""))]);
    assert!(stderr.contains("other PATHs"), "{stderr}");
    tree.mkdir("d");
    let stderr = refused(&["--since", text(&good), "d"]);
    assert!(stderr.contains("other PATHs"), "{stderr}");
    // The same directory, spelt in another way.
    let root = tree.root();
    let stderr = refused(&["--since", text(&good), text(&root)]);
    let spelt = format!("other PATHs: . ({})", text(&root));
    assert!(stderr.contains(&spelt), "{stderr}");
    let fifo = tree.outside("fifo");
    sys::fifo(&fifo).unwrap();
    let stderr = refused(&["--since", text(&fifo)]);
    assert!(stderr.contains("no regular file"), "{stderr}");
    assert!(refused(&["--since", "/dev/null"]).contains("no regular file"));
    assert!(refused(&["--verify"]).contains("--since"));
    let log = tree.outside("log");
    let log = ["--resume", "--log-file", text(&log)];
    assert!(refused(&log).contains("--format json"));
    let json = [&log[..], &["--format", "json"]].concat();
    let stderr = refused(&[&json[..], &["--events", "created,changed"]].concat());
    assert!(stderr.contains("--resume needs every change"), "{stderr}");
}

#[test]
fn a_torn_tail_is_left_out_with_a_warning() {
    let tree = Tree::new();
    tree.write("a", "1");
    let file = snapshot(&tree, &[]);
    let whole = fs::read(&file).unwrap();
    let torn = [&whole[..], b"{\"time\":\"20"].concat();
    let zeroed = [&whole[..], &[0; 4096]].concat();
    for content in [torn, zeroed] {
        fs::write(&file, &content).unwrap();
        let output = run(&tree, &["--since", text(&file), "--timeout", "0"]);
        assert_eq!(output.status.code(), Some(3));
        let stderr = serve::stderr_of(&output);
        assert!(stderr.contains("is torn, and is left out"), "{stderr}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
}

/// Resumes until everything is known.
fn resume(tree: &Tree, log: &Path, more: &[&str]) -> Output {
    let args = ["--resume", "--format", "json", "--log-file", text(log)];
    let output = run(tree, &[&args[..], &["--timeout", "0"], more].concat());
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 3)),
        "{code:?} {}",
        serve::stderr_of(&output)
    );
    output
}

#[test]
fn a_resumed_log_folds_to_the_disk() {
    let tree = Tree::new();
    tree.mkdir("d");
    tree.write("d/a", "1");
    let log = tree.outside("log");
    resume(&tree, &log, &[]);
    let sessions = |log: &Path| {
        let bytes = fs::read(log).unwrap();
        let lines: Vec<_> = bytes
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let records = lines.iter().filter_map(|line| Record::parse(line).ok());
        let starts = records.filter(|record| record.event() == "start");
        starts
            .map(|record| {
                (
                    record.text("session").unwrap().to_owned(),
                    record.text("resumes").map(str::to_owned),
                )
            })
            .collect::<Vec<_>>()
    };
    for round in 0..3 {
        tree.write(format!("new {round}"), "x");
        tree.rename("d", "e");
        resume(&tree, &log, &[]);
        assert_eq!(differences(&tree, &fs::read(&log).unwrap()), [""; 0]);
        tree.rename("e", "d");
    }
    resume(&tree, &log, &[]);
    let wrong = differences(&tree, &fs::read(&log).unwrap());
    assert_eq!(wrong, [""; 0]);
    let sessions = sessions(&log);
    assert_eq!(sessions[0].1, None);
    for pair in sessions.windows(2) {
        assert_eq!(pair[1].1.as_ref(), Some(&pair[0].0));
    }
    // If the log was rotated away, a new one begins.
    fs::rename(&log, tree.outside("log.1")).unwrap();
    resume(&tree, &log, &[]);
    let wrong = differences(&tree, &fs::read(&log).unwrap());
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_log_may_be_cut_at_any_byte_of_its_last_records() {
    let tree = Tree::new();
    tree.write("a", "1");
    let log = tree.outside("log");
    resume(&tree, &log, &[]);
    tree.write("b", "2");
    tree.rename("a", "c");
    resume(&tree, &log, &[]);
    let whole = fs::read(&log).unwrap();
    // The last session: start, two records, ready.
    let ends: Vec<_> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    let from = ends[ends.len() - 4] + 1;
    // Every byte of the last two records, and some of those before.
    let dense = ends[ends.len() - 2];
    let cuts = (from - 40..whole.len()).filter(|cut| *cut > dense - 20 || cut % 13 == 0);
    for cut in cuts {
        for zeroes in [0, 7] {
            let mut bytes = whole[..cut].to_vec();
            bytes.extend(vec![0; zeroes]);
            fs::write(&log, bytes).unwrap();
            resume(&tree, &log, &[]);
            let wrong = differences(&tree, &fs::read(&log).unwrap());
            assert_eq!(wrong, [""; 0], "cut at {cut}");
        }
    }
}

#[test]
fn a_log_that_never_became_ready_begins_anew_and_a_foreign_file_is_left_alone() {
    let tree = Tree::new();
    tree.write("a", "1");
    let log = tree.outside("log");
    resume(&tree, &log, &[]);
    let whole = fs::read(&log).unwrap();
    for cut in [1, 9, 30, 300, whole.len() - 30] {
        fs::write(&log, &whole[..cut]).unwrap();
        resume(&tree, &log, &[]);
        let wrong = differences(&tree, &fs::read(&log).unwrap());
        assert_eq!(wrong, [""; 0], "cut at {cut}");
    }
    fs::write(&log, "my notes\n").unwrap();
    let args = ["--resume", "--format", "json", "--log-file", text(&log)];
    let stderr = serve::refused_in(&tree, &args);
    assert!(stderr.contains("is no JSON stream"), "{stderr}");
    assert_eq!(fs::read(&log).unwrap(), b"my notes\n");
}

fn spawn_resumed(tree: &Tree, log: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_balerion"));
    command
        .args([
            "--quiet",
            "--resume",
            "--format",
            "json",
            "--log-file",
            text(log),
        ])
        .current_dir(tree.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    fork::spawn(&mut command).unwrap()
}

/// `BALERION_KILLS` sets the number of rounds, `BALERION_STORM_SEED` repeats the choices.
#[test]
fn killed_at_any_moment_under_the_storm_the_log_folds_to_the_disk() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seed: u64 = number("BALERION_STORM_SEED").unwrap_or(now.as_secs() * 1000 % 1_000_000_007);
    let rounds: u64 = number("BALERION_KILLS").unwrap_or(3);
    for round in 0..rounds {
        let seed = seed + round;
        eprintln!("BALERION_STORM_SEED={seed}");
        let tree = Tree::new();
        tree.mkdirs("shared/a/b");
        let log = tree.outside("log");
        fs::create_dir(tree.outside("elsewhere")).unwrap();
        let writers = load::unleash(&tree.root(), &tree.outside("elsewhere"), seed, 3, 60);
        let mut random = common::writers::Random(seed);
        for _ in 0..4 {
            let mut child = spawn_resumed(&tree, &log);
            std::thread::sleep(Duration::from_millis(random.below(400)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for writer in writers {
            writer.join().unwrap();
        }
        resume(&tree, &log, &[]);
        let wrong = differences(&tree, &fs::read(&log).unwrap());
        assert_eq!(wrong, [""; 0], "BALERION_STORM_SEED={seed}");
    }
}

#[test]
fn what_happens_meanwhile_comes_after_and_once() {
    let tree = Tree::new();
    tree.write("a", "1");
    let file = snapshot(&tree, &[]);
    tree.write("b", "1");
    let mut watch = tree.watch().json().args(["--since", text(&file)]).start();
    assert_eq!(watch.sentinel().len(), 0);
    tree.write("b", "2");
    watch.until("changed file ./b");
    tree.rename("b", "c");
    watch.until("renamed file ./b -> ./c");
    watch.stop();
}
