//! Tests readers of stdout that stop, are slow or go away, and other processes that could stop the
//! loop (contract, sections 1, 4.11 and 7).
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Record, Tree, eventually, sys};
use jiff::Timestamp;

/// The default capacity of a pipe.
const PIPE: usize = 64 << 10;

/// The text that is left in a pipe whose writers have ended.
fn rest(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_reader_of_stdout_that_has_stopped_has_whole_records_and_the_rest_is_counted() {
    let tree = Tree::new();
    let (unread, stdout) = sys::pipe().unwrap();
    for number in 0..3000 {
        tree.touch(format!("there-{number}"));
    }
    let args = ["--format", "json", "--initial", "--hash", "off"];
    let watch = tree.watch().args(args).stdout(stdout).spawn();
    // As much was written as the pipe holds.
    let is_full = || sys::waiting(&unread) > PIPE * 3 / 4;
    assert!(eventually(is_full));
    watch.signal(sys::SIGTERM);
    let ended = watch.wait();
    let text = rest(unread);
    assert!(
        text.ends_with("}\n"),
        "a torn record: {:?}",
        text.lines().last()
    );
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let count = ended.stderr.lines().find_map(|line| {
        let line = line.strip_prefix("balerion: ")?;
        let count = line.split_once(" records were not written: ")?.0;
        count.parse::<usize>().ok()
    });
    assert!(count.is_some_and(|count| count > 0), "{}", ended.stderr);
}

#[test]
fn records_that_a_reader_has_kept_waiting_have_the_time_when_the_change_became_known() {
    let tree = Tree::new();
    tree.mkdir("d");
    // More bytes of paths than are rendered at once.
    (0..8000).for_each(|number| tree.touch(format!("d/{number:0200}")));
    let (unread, stdout) = sys::pipe().unwrap();
    let args = ["--format", "json", "--hash", "off", "--no-renames"];
    let watch = tree.watch().args(args).stdout(stdout).spawn();
    watch.await_stderr("balerion: ready");
    tree.rename("d", "e");
    assert!(eventually(|| sys::waiting(&unread) > PIPE * 3 / 4));
    let known = Timestamp::now();
    let mut left = 2 * 8001;
    for line in BufReader::new(File::from(unread)).lines() {
        let record = Record::parse(line.unwrap().as_bytes()).unwrap();
        if !["deleted", "created"].contains(&record.event()) {
            continue;
        }
        let time: Timestamp = record.text("time").unwrap().parse().unwrap();
        assert!(time <= known, "{time}, known at {known}");
        left -= 1;
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0);
    watch.wait();
}

#[test]
fn a_stop_amid_the_differences_from_a_stream_adds_no_record_of_the_others() {
    let tree = Tree::new();
    let snapshot = ["--format", "json", "--initial", "--timeout", "0"];
    let ended = tree.watch().args(snapshot).spawn().wait();
    fs::write(tree.outside("since"), ended.stdout).unwrap();
    // Some hundred of these names fill a pipe.
    let names: Vec<_> = (0..2000).map(|number| format!("{number:0200}")).collect();
    names.iter().for_each(|name| tree.touch(name));
    let (unread, stdout) = sys::pipe().unwrap();
    let args = ["--since", "../outside/since", "--hash", "off"];
    let watch = tree.watch().args(args).stdout(stdout).spawn();
    assert!(eventually(|| sys::waiting(&unread) > PIPE / 2));
    names.iter().for_each(|name| tree.remove(name));
    watch.signal(sys::SIGTERM);
    // The signal was taken: the end has begun, and waits a second for the reader.
    assert!(eventually(|| watch.status("ShdPnd") == "0".repeat(16)));
    let text = rest(unread);
    let mut known = std::collections::HashSet::new();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("New file", path)) => assert!(known.insert(path), "{line}"),
            Some(("Deleted", path)) => assert!(known.remove(path), "{line}"),
            _ => panic!("{line}"),
        }
    }
    watch.wait();
}

/// A snapshot in `less`, say.
#[test]
fn a_reader_that_stops_before_ready_keeps_nobody_busy() {
    let tree = Tree::new();
    let empty = ["--format", "json", "--initial", "--timeout", "0"];
    let ended = tree.watch().args(empty).spawn().wait();
    fs::write(tree.outside("since"), ended.stdout).unwrap();
    for number in 0..2000 {
        tree.touch(format!("{number:0200}"));
    }
    for args in [
        &["--format", "json", "--initial"][..],
        &["--since", "../outside/since"],
    ] {
        let (unread, stdout) = sys::pipe().unwrap();
        let watch = tree.watch().args(["--hash", "off"]).args(args);
        let watch = watch.stdout(stdout).spawn();
        assert!(eventually(|| sys::waiting(&unread) > PIPE / 2));
        let waits = || {
            watch
                .status("voluntary_ctxt_switches")
                .parse::<u64>()
                .unwrap()
        };
        let before = waits();
        thread::sleep(Duration::from_secs(2));
        let waited = waits() - before;
        assert!(waited < 100, "{args:?}: {waited} times");
        // It goes on as soon as there is room.
        let lines = BufReader::new(File::from(unread)).lines();
        let count = lines.map_while(Result::ok).take(2000).count();
        assert_eq!(count, 2000, "{args:?}");
        watch.signal(sys::SIGTERM);
        watch.wait();
    }
}

#[test]
fn the_end_waits_once_for_all_readers_together() {
    // On a busy machine one may take longer: the least of three counts.
    let ends: Vec<_> = (0..3).map(|_| time_to_end_unread()).collect();
    let least = ends.iter().min().unwrap();
    assert!(*least < Duration::from_millis(1700), "{ends:?}");
}

/// How long a watcher takes to end of which neither stdout nor stderr is read, while a large
/// directory that is gone is being reported.
fn time_to_end_unread() -> Duration {
    let tree = Tree::new();
    tree.mkdir("d");
    for number in 0..500 {
        tree.touch(format!("d/{}{number}", "n".repeat(200)));
    }
    let (unread, stdout) = sys::pipe().unwrap();
    let (unread_too, stderr) = sys::pipe().unwrap();
    let watch = tree
        .watch()
        .args(["--trace", "--hash", "off", "--format", "json"]);
    let watch = watch.stdout(stdout).stderr(stderr).spawn();
    assert!(eventually(|| sys::waiting(&unread_too) > 0)); // It is ready.
    for number in 0..400 {
        tree.touch(format!("{}{number}", "n".repeat(200)));
    }
    tree.rename("d", tree.outside("d"));
    assert!(eventually(|| sys::waiting(&unread) > PIPE / 4));
    let asked = Instant::now();
    watch.signal(sys::SIGTERM);
    assert_eq!(watch.wait().status.code(), Some(1));
    asked.elapsed()
}

#[test]
fn an_end_that_no_signal_asks_for_waits_for_the_reader() {
    for (args, status) in [
        (&["--until-quiet", "0.2", "top"][..], 0),
        (&["top/d"], 1),
        (&["--settle", "60", "top/d"], 1),
    ] {
        let tree = Tree::new();
        tree.mkdirs("top/d");
        for number in 0..1000 {
            tree.touch(format!("top/d/{number:0200}"));
        }
        let (unread, stdout) = sys::pipe().unwrap();
        let watch = tree.watch().args(["--hash", "off"]).args(args);
        let watch = watch.stdout(stdout).spawn();
        watch.await_stderr("balerion: ready");
        tree.rename("top/d", tree.outside("d"));
        assert!(eventually(|| sys::waiting(&unread) > PIPE * 3 / 4));
        // Longer than after a signal.
        thread::sleep(Duration::from_millis(1500));
        let text = rest(unread);
        let ended = watch.wait();
        assert_eq!(
            ended.status.code(),
            Some(status),
            "{args:?}: {}",
            ended.stderr
        );
        assert_eq!(text.lines().count(), 1001, "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_slow_reader_has_whole_records_at_the_end() {
    let tree = Tree::new();
    let (slow, stdout) = sys::pipe().unwrap();
    let watch = tree.watch().json().stdout(stdout).spawn();
    let mut reader = BufReader::new(File::from(slow));
    let mut line = String::new();
    while !line.contains("\"ready\"") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    }
    for number in 0..3000 {
        tree.touch(format!("a-name-of-some-length-{number}"));
    }
    let mut some = vec![0; 5000];
    let mut read = Vec::new();
    for _ in 0..5 {
        let count = reader.read(&mut some).unwrap();
        read.extend_from_slice(&some[..count]);
    }
    watch.signal(sys::SIGTERM);
    let status = watch.wait().status.code();
    let mut more = Vec::new();
    reader.read_to_end(&mut more).unwrap();
    read.extend(more);
    assert!(read.ends_with(b"}\n"), "a torn record");
    assert_eq!(status, Some(1));
}

#[test]
fn a_reader_that_is_gone_ends_the_walk() {
    const DIRECTORIES: usize = 4000;
    let tree = Tree::new();
    for number in 0..DIRECTORIES {
        tree.mkdir(format!("d{number}"));
    }
    let (unread, stdout) = sys::pipe().unwrap();
    drop(unread);
    let watch = tree.watch().args(["--stats"]).stdout(stdout).spawn();
    let ended = watch.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let watches = ended.stderr.lines().find_map(|line| {
        let row = line.strip_prefix("balerion: stats: watches")?;
        row.trim().parse::<usize>().ok()
    });
    assert!(watches.unwrap() < DIRECTORIES / 2, "{}", ended.stderr);
}

/// The CPU time of the thread that runs the loop, in ticks of 10 ms; `None`: it has ended.
fn loop_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit(") ").next()?.split(' ').collect();
    let times = [fields[11], fields[12]].map(|ticks| ticks.parse::<u64>().unwrap());
    (fields[0] != "Z").then_some(times.iter().sum())
}

/// A tree with holes: nothing on disk, and more than can be read in a minute.
fn tree_of_large_files() -> Tree {
    let tree = Tree::new();
    for number in 0..64 {
        let file = File::create(tree.path(format!("f{number}"))).unwrap();
        file.set_len(1 << 30).unwrap();
    }
    tree
}

/// Waits until a watcher has read 16 MiB.
fn is_reading(pid: u32) -> bool {
    let io = format!("/proc/{pid}/io");
    eventually(|| {
        let text = fs::read_to_string(&io).unwrap_or_default();
        let read = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        read.is_some_and(|bytes| bytes.parse::<u64>().unwrap() > 16 << 20)
    })
}

#[test]
fn events_that_wait_for_the_first_reading_keep_nobody_busy() {
    let tree = tree_of_large_files();
    let args = ["--initial", "--format", "json", "--hash-limit", "2G"];
    let watch = tree.watch().args(args).stdout(Stdio::null()).spawn();
    assert!(is_reading(watch.pid()));
    // More bytes of events than are kept, and then more in the kernel queue.
    let name = tree.path("n".repeat(250));
    for _ in 0..40_000 {
        std::os::unix::fs::symlink("nowhere", &name).unwrap();
        fs::remove_file(&name).unwrap();
    }
    let before = loop_ticks(watch.pid()).unwrap();
    thread::sleep(Duration::from_secs(2));
    let ticks = loop_ticks(watch.pid()).unwrap() - before;
    assert!(ticks < 20, "{ticks} ticks of 10 ms");
    watch.signal(sys::SIGTERM);
    watch.wait();
}

#[test]
fn a_reader_that_goes_away_ends_the_first_reading() {
    let tree = tree_of_large_files();
    for (reader, stdout) in [
        sys::pipe().unwrap(),
        UnixStream::pair()
            .map(|(one, other)| (one.into(), other.into()))
            .unwrap(),
    ] {
        let args = ["--initial", "--format", "json", "--hash-limit", "2G"];
        let watch = tree.watch().args(args).stdout(stdout).spawn();
        assert!(is_reading(watch.pid()));
        let before = loop_ticks(watch.pid()).unwrap();
        drop(reader);
        let mut last = before;
        let has_ended = eventually(|| loop_ticks(watch.pid()).map(|now| last = now).is_none());
        // EPOLLERR wakes each wait at once: a loop that does not end by it spins.
        assert!(last - before < 100, "{} ticks of 10 ms", last - before);
        assert!(has_ended);
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    }
}

#[test]
fn signals_are_served_under_any_load() {
    let tree = Tree::new();
    for number in 0..400 {
        // Holes: what has to be read at each closing, and takes no room.
        let file = File::create(tree.path(format!("f{number}"))).unwrap();
        file.set_len(256 << 10).unwrap();
    }
    let watch = tree.watch().stdout(Stdio::null()).start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in (0..400).cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let path = tree.path(format!("f{number}"));
                drop(File::options().write(true).open(&path).unwrap());
            }
        });
        thread::sleep(Duration::from_secs(1));
        let asked = Instant::now();
        watch.signal(sys::SIGUSR1);
        let answer = watch.await_stderr("balerion: stats: running");
        let after = answer.at.duration_since(asked);
        watch.signal(sys::SIGTERM);
        let ended = watch.wait();
        let whole = asked.elapsed();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        // Some milliseconds on an idle machine.
        assert!(after < Duration::from_secs(3), "{after:?}");
        assert!(whole < Duration::from_secs(8), "{whole:?}");
    });
}

#[test]
fn a_service_manager_that_takes_nothing_does_not_stop_the_loop() {
    let tree = Tree::new();
    let path = tree.outside("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    // Fills the socket, which the manager does not read.
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    while other.send_to(b"X=1", &path).is_ok() {}
    let socket = format!("NOTIFY_SOCKET={}", path.display());
    let words = ["env", &socket, "WATCHDOG_USEC=200000"];
    let mut watch = tree.watch().through(&words).spawn();
    watch.wait_ready();
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 0..40 {
        let touched = Instant::now();
        tree.touch(number.to_string());
        watch.expect(&[&format!("New file: ./{number}")]);
        longest = longest.max(touched.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() > Duration::from_secs(2));
    assert!(longest < Duration::from_millis(700), "{longest:?}");
    // What the manager must know is kept until it takes it.
    let mut message = [0; 4096];
    manager.set_read_timeout(Some(common::DEADLINE)).unwrap();
    loop {
        let length = manager.recv(&mut message).expect("READY=1 was lost");
        if message[..length].starts_with(b"READY=1") {
            break;
        }
    }
    watch.stop();
}

#[test]
fn a_link_that_is_switched_while_the_reader_stalls_is_followed_once_afterwards() {
    let tree = Tree::new();
    tree.mkdirs("x");
    tree.mkdirs("y");
    tree.symlink("x", "current");
    let mut watch = tree.watch().path("current").start();
    watch.out.stall(true);
    for number in 0..6000 {
        tree.touch(format!("x/{}{number}", "n".repeat(240)));
    }
    assert!(sys::becomes_idle(watch.pid()));
    for _ in 0..1000 {
        for target in ["y", "x"] {
            tree.symlink(target, "next");
            tree.rename("next", "current");
        }
    }
    assert!(sys::becomes_idle(watch.pid()));
    watch.out.stall(false);
    tree.touch("x/last");
    let before = watch.until("New file: current/last");
    let lost = before
        .iter()
        .filter(|line| line.starts_with("Deleted directory"));
    assert_eq!(lost.count(), 0);
    assert_eq!(before.len(), 6000);
    watch.stop();
}
