//! Tests that a long start shows its progress on a terminal, and nowhere else.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use common::stream::Stream;
use common::{Tree, Watch, eventually, sys, terminal};

/// Directories that take a moment to walk.
const DIRECTORIES: usize = 6000;

/// Makes the tests of this file run one after the other, since reading takes a whole processor.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal, and what it is sent.
struct Terminal {
    printer: OwnedFd,
    sent: Arc<Stream>,
}

impl Terminal {
    fn new() -> Self {
        let (reader, printer) = terminal::open().unwrap();
        let sent = Stream::collect(reader);
        Self { printer, sent }
    }

    fn printer(&self) -> OwnedFd {
        self.printer.try_clone().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.sent.bytes()).unwrap()
    }

    /// The lines of progress that were shown, by their first words, each once.
    fn shown(&self, start: &str) -> BTreeSet<String> {
        let text = self.text();
        let pieces = text.split(['\r', '\n']).map(|piece| {
            let piece = piece.strip_prefix("\x1b[K").unwrap_or(piece);
            piece.to_owned()
        });
        pieces.filter(|piece| piece.starts_with(start)).collect()
    }

    /// The text on the screen, without the lines that were erased.
    fn screen(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let lines = text.lines().map(|line| {
            let last = line.rsplit("\r\x1b[K").next();
            last.unwrap_or_default().to_owned()
        });
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn wait_for(&self, what: &str) {
        let is_there = || self.screen().iter().any(|line| line.starts_with(what));
        assert!(eventually(is_there), "no {what:?} in {:?}", self.text());
    }
}

fn many_directories() -> Tree {
    let tree = Tree::new();
    for number in 0..DIRECTORIES {
        tree.mkdir(format!("d{number}"));
    }
    tree
}

/// Files that nobody can have read before a test is over: 64 GiB that take no room.
fn endless_files() -> Tree {
    let tree = Tree::new();
    for number in 0..64 {
        let file = File::create_new(tree.path(format!("f{number}"))).unwrap();
        file.set_len(1 << 30).unwrap();
    }
    tree
}

/// Stops and continues a watcher by turns, until `holds` or for some seconds, so that its walk
/// takes long on any machine.
fn crawl(watch: &Watch, holds: impl Fn() -> bool) {
    for _ in 0..25 {
        if holds() {
            return;
        }
        watch.freeze();
        thread::sleep(Duration::from_millis(110));
        watch.thaw();
        thread::sleep(Duration::from_micros(300));
    }
}

#[test]
fn a_long_walk_moves_on_a_terminal_until_it_is_ready() {
    let _turn = alone();
    let tree = many_directories();
    for args in [&[][..], &["--format", "json", "--initial"]] {
        // A walk that is over too soon is tried again.
        let is_seen = (0..20).any(|_| {
            let terminal = Terminal::new();
            let watch = tree.watch().args(args).stderr(terminal.printer()).spawn();
            let shown = || terminal.shown("balerion: walk: ");
            crawl(&watch, || shown().len() > 1);
            terminal.wait_for("balerion: ready: ");
            let lines = terminal.screen();
            let directories = DIRECTORIES + 1;
            let ready = format!("balerion: ready: {directories} directories, 0 files");
            assert_eq!(lines[0], ready, "{:?}", terminal.text());
            watch.stop();
            for line in shown() {
                let text = line.strip_prefix("balerion: walk: ").unwrap();
                let (watched, rest) = text.split_once(" of ").unwrap();
                let (found, rest) = rest.split_once(' ').unwrap();
                let [watched, found] =
                    [watched, found].map(|count| count.parse::<usize>().unwrap());
                assert!(watched <= found && found <= directories, "{line}");
                assert_eq!(rest, "directories so far, 0 files");
            }
            shown().len() > 1
        });
        assert!(is_seen, "{args:?}");
    }
}

#[test]
fn a_long_baseline_moves_on_a_terminal_and_leaves_nothing_there() {
    let _turn = alone();
    for (args, ready) in [
        (&[][..], &["balerion: ready: 1 directory, 64 files"][..]),
        (&["--format", "json", "--initial"], &[]),
    ] {
        let tree = endless_files();
        let terminal = Terminal::new();
        let watch = tree.watch().args(args).stderr(terminal.printer()).spawn();
        let start = "balerion: baseline: 0 of 64 files, ";
        let moves = || terminal.shown(start).len() > 2;
        assert!(eventually(moves), "{:?}", terminal.text());
        watch.signal(sys::SIGTERM);
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0));
        let lines = ended.lines();
        let begins = |line: &String| line.contains("\"event\":\"start\"");
        assert!(lines.iter().all(begins), "{lines:#?}");
        assert_eq!(terminal.screen(), ready, "{:?}", terminal.text());
    }
}

#[test]
fn messages_and_changes_written_meanwhile_have_lines_of_their_own() {
    let _turn = alone();
    let tree = endless_files();
    let terminal = Terminal::new();
    let watch = tree.watch().args(["--color", "never"]);
    let watch = watch.stdout(terminal.printer()).stderr(terminal.printer());
    let watch = watch.spawn();
    let progress = "balerion: baseline: ";
    for number in 1..=5 {
        terminal.wait_for(progress);
        tree.mkdir(format!("d{number}"));
        terminal.wait_for(&format!("Watching new directory: ./d{number}"));
        terminal.wait_for(progress);
        watch.signal(libc::SIGUSR1);
        terminal.wait_for("balerion: stats: running");
    }
    watch.stop();
    let lines = terminal.screen();
    let reported = lines.iter().filter(|line| line.starts_with("Watching new"));
    assert_eq!(reported.count(), 5, "{lines:#?}");
    for line in &lines {
        let starts = ["balerion: ready: ", "balerion: stats: ", "Watching new "];
        let is_known = starts.iter().any(|start| line.starts_with(start));
        assert!(is_known && line.matches("balerion: ").count() < 2, "{line}");
    }
}

#[test]
fn nothing_moves_in_a_pipe_or_where_quiet_was_asked_for() {
    let _turn = alone();
    let tree = many_directories();
    let endless = endless_files();
    let files = endless.root();
    let watch = tree.watch().path(".").path(&files);
    let watch = watch.args(["--timeout", "1"]).spawn();
    crawl(&watch, || watch.err.count() > 0);
    let ended = watch.wait();
    let directories = DIRECTORIES + 2;
    let ready = format!("balerion: ready: {directories} directories, 64 files in ");
    assert!(ended.stderr.starts_with(&ready), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);

    let terminal = Terminal::new();
    let watch = endless.watch().stderr(terminal.printer());
    let watch = watch.args(["--quiet", "--timeout", "1"]).spawn();
    assert_eq!(watch.wait().status.code(), Some(3));
    assert_eq!(terminal.text(), "");
}

#[test]
fn a_walk_ends_where_it_is_when_it_is_asked_to() {
    let _turn = alone();
    let tree = many_directories();
    // A walk that is over too soon is tried again.
    let is_cut_short = (0..20).any(|_| {
        let terminal = Terminal::new();
        let watch = tree.watch().args(["--stats"]).stderr(terminal.printer());
        let watch = watch.spawn();
        let has_begun = || !terminal.shown("balerion: walk: ").is_empty();
        crawl(&watch, has_begun);
        if !has_begun() {
            // On a busy machine it may not even handle signals yet.
            watch.signal(sys::SIGKILL);
            watch.wait();
            return false;
        }
        watch.signal(sys::SIGTERM);
        let ended = watch.wait();
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(ended.lines(), Vec::<String>::new());
        let lines = terminal.screen();
        let row = |line: &String| {
            line.strip_prefix("balerion: stats: watches ")?
                .trim()
                .parse()
                .ok()
        };
        let walked: usize = lines.iter().find_map(row).unwrap();
        walked < DIRECTORIES
    });
    assert!(is_cut_short, "the walk went on to its end");
}
