//! Tests `--resume`: a log that is gone on with folds to the disk, whatever has cut it (contract,
//! section 3a).
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // The seed has to be known.

mod common;

use common::fold::log_differences;
use common::{Record, Tree, Watch, eventually, fork, load, serve, sys};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// The differences between the fold of a whole log and the disk.
fn differences(tree: &Tree, log: &Path) -> Vec<String> {
    log_differences(tree, &fs::read(log).unwrap(), true)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Resumes until everything is known.
fn resume(tree: &Tree, log: &Path, more: &[&str]) -> Output {
    let args = ["--resume", "--format", "json", "--log-file", text(log)];
    let output = serve::run(tree, &[&args[..], &["--timeout", "0"], more].concat());
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 3)),
        "{code:?} {}",
        serve::stderr_of(&output)
    );
    output
}

/// A tree with one file, and the log of a session that has reported it.
fn logged() -> (Tree, PathBuf) {
    let tree = Tree::new();
    tree.write("a", "1");
    let log = tree.outside("log");
    resume(&tree, &log, &[]);
    (tree, log)
}

#[test]
fn a_log_without_modes_gets_them_when_they_are_asked_for() {
    let (tree, log) = logged();
    let events = ["--events", "created,changed,renamed,deleted,attributes"];
    for expected in [2, 0] {
        let known = fs::read_to_string(&log).unwrap().lines().count();
        resume(&tree, &log, &events);
        let text = fs::read_to_string(&log).unwrap();
        let new = text.lines().skip(known);
        let new: Vec<_> = new.filter(|line| line.contains("\"attributes\"")).collect();
        assert_eq!(new.len(), expected, "{new:?}");
        assert!(new.iter().all(|line| line.contains("\"mode\"")), "{new:?}");
    }
}

#[test]
fn a_touch_that_was_reported_is_no_change_in_the_next_session() {
    let touched = ["--events", "created,changed,renamed,deleted,touched"];
    for hash in [["--hash", "off"], ["--hash-limit", "1"]] {
        let tree = Tree::new();
        tree.write("a", "12");
        let log = tree.outside("log");
        let more = [&touched[..], &hash].concat();
        let args = ["--resume", "--format", "json", "--log-file", text(&log)];
        let watch = tree.watch().args(args).args(&more).start();
        tree.touch("a");
        let is_reported = || fs::read_to_string(&log).is_ok_and(|log| log.contains("\"touched\""));
        assert!(eventually(is_reported), "{hash:?}");
        watch.stop();
        let output = resume(&tree, &log, &more);
        assert_eq!(output.status.code(), Some(3), "{hash:?}");
    }
}

#[test]
fn directories_that_were_exchanged_are_compared_once_where_no_renames_are_reported() {
    for hash in [&[][..], &["--hash", "off"]] {
        let tree = Tree::new();
        for (directory, text) in [("a", "1"), ("b", "2")] {
            tree.mkdir(directory);
            tree.write(format!("{directory}/f"), text);
        }
        let log = tree.outside("log");
        let more = [&["--no-renames"][..], hash].concat();
        resume(&tree, &log, &more);
        for (from, to) in [("a", "c"), ("b", "a"), ("c", "b")] {
            tree.rename(from, to);
        }
        for expected in [0, 3] {
            let output = resume(&tree, &log, &more);
            assert_eq!(output.status.code(), Some(expected), "{more:?}");
        }
    }
}

/// As a service whose directory is mounted after its start.
#[test]
fn a_log_that_begins_before_the_path_is_there_is_gone_on_with() {
    let tree = Tree::new();
    let log = tree.outside("log");
    let args = ["--resume", "--format", "json", "--log-file", text(&log)];
    let watch = tree.watch().args(args).args(["--wait-for-path"]);
    let watch = watch.path("later").start();
    tree.mkdir("later");
    tree.write("later/a", "1");
    let read = || fs::read_to_string(&log).unwrap();
    let digest_of_one = "6b86b273ff34fce1";
    assert!(eventually(|| read().contains(digest_of_one)));
    watch.stop();
    let known = read().lines().count();
    tree.rename("later/a", "later/b");
    tree.touch("later/c");
    resume(&tree, &log, &["later"]);
    let log = read();
    let records = log.lines().skip(known);
    let records: Vec<_> = records
        .map(|line| Record::parse(line.as_bytes()).unwrap())
        .collect();
    assert!(records[0].text("resumes").is_some(), "{log}");
    let summaries: Vec<_> = records.iter().map(Record::summary).collect();
    let expected = [
        "start",
        "renamed file later/a -> later/b",
        "created file later/c",
        "ready",
    ];
    assert_eq!(summaries, expected);
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
        assert_eq!(differences(&tree, &log), [""; 0]);
        tree.rename("e", "d");
    }
    resume(&tree, &log, &[]);
    let wrong = differences(&tree, &log);
    assert_eq!(wrong, [""; 0]);
    let sessions = sessions(&log);
    assert_eq!(sessions[0].1, None);
    for pair in sessions.windows(2) {
        assert_eq!(pair[1].1.as_ref(), Some(&pair[0].0));
    }
    // If the log was rotated away, a new one begins.
    fs::rename(&log, tree.outside("log.1")).unwrap();
    resume(&tree, &log, &[]);
    let wrong = differences(&tree, &log);
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_log_may_be_cut_at_any_byte_of_its_last_records() {
    let (tree, log) = logged();
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
            let wrong = differences(&tree, &log);
            assert_eq!(wrong, [""; 0], "cut at {cut}");
        }
    }
}

#[test]
fn a_log_that_never_became_ready_begins_anew_and_a_foreign_file_is_left_alone() {
    let (tree, log) = logged();
    let whole = fs::read(&log).unwrap();
    for cut in [1, 9, 30, 300, whole.len() - 30] {
        for zeros in [0, 50] {
            fs::write(&log, [&whole[..cut], &vec![0; zeros]].concat()).unwrap();
            resume(&tree, &log, &[]);
            let wrong = differences(&tree, &log);
            assert_eq!(wrong, [""; 0], "cut at {cut}, {zeros} zeros");
        }
    }
    fs::write(&log, "my notes\n").unwrap();
    let args = ["--resume", "--format", "json", "--log-file", text(&log)];
    let stderr = serve::refused_in(&tree, &args);
    assert!(stderr.contains("is no JSON stream"), "{stderr}");
    assert_eq!(fs::read(&log).unwrap(), b"my notes\n");
}

#[test]
fn a_last_record_of_a_later_version_is_kept() {
    let (tree, log) = logged();
    let known = fs::read(&log).unwrap();
    let later =
        b"{\"time\":\"2030-01-01T00:00:00Z\",\"event\":\"later\",\"kind\":7,\"path\":[\"./a\"]}\n";
    let whole = [&known[..], later].concat();
    fs::write(&log, &whole).unwrap();
    tree.write("b", "1");
    resume(&tree, &log, &[]);
    let resumed = fs::read(&log).unwrap();
    let added = resumed.strip_prefix(&whole[..]).expect("it is cut off");
    let shown = String::from_utf8_lossy(added);
    assert!(!shown.contains("existing"), "{shown}");
    let known = [&known[..], added].concat();
    assert_eq!(log_differences(&tree, &known, true), [""; 0]);
}

#[test]
fn a_log_whose_records_end_otherwise_is_left_alone() {
    let tree = Tree::new();
    let log = tree.outside("log");
    let args = ["--resume", "--format", "json", "--log-file", text(&log)];
    let args = [&args[..], &["--timeout", "0"]].concat();
    let with_nul = [&args[..], &["--print0"]].concat();
    for (options, other, why) in [
        (&[][..], &with_nul[..], "leave --print0 out"),
        (&["--print0"], &args, "add --print0"),
    ] {
        resume(&tree, &log, options);
        let before = fs::read(&log).unwrap();
        let stderr = serve::refused_in(&tree, other);
        assert!(stderr.contains(why), "{stderr}");
        assert_eq!(fs::read(&log).unwrap(), before);
        fs::remove_file(&log).unwrap();
    }
    // Without --resume it is appended to, whatever it holds.
    for (first, second) in [(&[][..], &["--print0"][..]), (&["--print0"], &[])] {
        resume(&tree, &log, first);
        let append = ["--format", "json", "--initial", "--timeout", "0"];
        let append = [&append[..], &["--log-file", text(&log)], second].concat();
        serve::run(&tree, &append);
        let before = fs::read(&log).unwrap();
        let stderr = serve::refused_in(&tree, &[&args[..], first].concat());
        assert!(stderr.contains("with --print0 and without"), "{stderr}");
        assert_eq!(fs::read(&log).unwrap(), before);
        fs::remove_file(&log).unwrap();
    }
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

/// A sparse file that nobody reads to its end: 1 TiB.
const ENDLESS: u64 = 1 << 40;

/// A watcher that resumes, and has begun to read a file of that size: `big`.
fn reading(tree: &Tree, log: &Path) -> Watch {
    let big = fs::File::create(tree.path("big")).unwrap();
    big.set_len(ENDLESS).unwrap();
    let args = ["--resume", "--format", "json", "--log-file", text(log)];
    let watch = tree.watch().args(args).args(["--hash-limit", "2T"]);
    let watch = watch.spawn();
    let is_read = || !watch.open_in(&tree.path("big")).is_empty();
    assert!(eventually(is_read), "it is not read");
    watch
}

#[test]
fn a_stop_while_files_are_read_adds_no_record_of_what_was_not_reported() {
    let (tree, log) = logged();
    // More than are written at once.
    let names: Vec<_> = (0..2000).map(|number| format!("new {number}")).collect();
    names.iter().for_each(|name| tree.touch(name));
    let watch = reading(&tree, &log);
    names.iter().for_each(|name| tree.remove(name));
    watch.stop();
    tree.remove("big");
    resume(&tree, &log, &[]);
    assert_eq!(differences(&tree, &log), [""; 0]);
}

/// Renames the log, and tells the watcher.
fn rotate(watch: &Watch, log: &Path, old: &Path) {
    fs::rename(log, old).unwrap();
    watch.signal(sys::SIGHUP);
}

/// Waits until a log alone folds to the disk, and ends the watch.
fn folds_alone(tree: &Tree, log: &Path, watch: Watch) {
    let is_ready = || fs::read_to_string(log).is_ok_and(|text| text.contains("\"ready\""));
    assert!(eventually(is_ready), "it is not ready in the new log");
    watch.stop();
    assert_eq!(differences(tree, log), [""; 0]);
}

#[test]
fn a_log_that_is_rotated_while_it_is_read_is_cut_and_the_new_one_has_a_snapshot() {
    let tree = Tree::new();
    tree.write("a", "1");
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    resume(&tree, &log, &[]);
    let mut bytes = fs::read(&log).unwrap();
    let record = |event: &str| {
        let name = "\"kind\":\"symlink\",\"path\":\"./x\"";
        let time = "1970-01-01T00:00:09.000000Z";
        format!("{{\"time\":\"{time}\",\"event\":\"{event}\",{name}}}\n")
    };
    let both = record("created") + &record("deleted");
    bytes.extend(both.repeat(100_000).bytes());
    let end = bytes.len();
    bytes.extend(b"{\"time\":\"1970");
    fs::write(&log, &bytes).unwrap();
    tree.write("b", "2");
    let args = ["--resume", "--format", "json", "--log-file", text(&log)];
    let watch = tree.watch().args(args).spawn();
    assert!(eventually(|| !watch.open_in(&log).is_empty()));
    rotate(&watch, &log, &old);
    folds_alone(&tree, &log, watch);
    assert_eq!(fs::read(&old).unwrap()[..end], bytes[..end]);
    fs::rename(&old, &log).unwrap();
    resume(&tree, &log, &[]);
    assert_eq!(differences(&tree, &log), [""; 0]);
}

#[test]
fn a_log_that_is_rotated_while_files_are_read_has_a_snapshot() {
    let tree = Tree::new();
    tree.write("a", "1");
    let (log, old) = (tree.outside("log"), tree.outside("log.1"));
    resume(&tree, &log, &[]);
    tree.write("b", "2");
    let watch = reading(&tree, &log);
    rotate(&watch, &log, &old);
    assert!(eventually(|| log.exists()));
    tree.write("big", "small");
    folds_alone(&tree, &log, watch);
    fs::rename(&old, &log).unwrap();
    resume(&tree, &log, &[]);
    assert_eq!(differences(&tree, &log), [""; 0]);
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
        let wrong = differences(&tree, &log);
        assert_eq!(wrong, [""; 0], "BALERION_STORM_SEED={seed}");
    }
}
