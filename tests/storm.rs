//! Tests, with several writers that perform random operations on a tree at once, that the
//! records add up to the tree on disk in the end, with one kernel watch for each directory and
//! no record that contradicts another.
//!
//! `BALERION_STORM_SEED` repeats the choices of a run (not their interleaving), and
//! `BALERION_STORM_ROUNDS` sets the number of rounds.
#![allow(clippy::unwrap_used)] // A test fails by panicking.
#![allow(clippy::print_stderr)] // The seed has to be known.

mod common;

use common::{Tree, Watch, load};
use std::fs;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// How many writers there are, and how many bursts each makes.
const WRITERS: u64 = 4;
const BURSTS: usize = 120;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `round` with a new tree and a new seed each time.
fn rounds(test: &str, default: u64, round: impl Fn(&Tree, u64)) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let first = variable("BALERION_STORM_SEED").unwrap_or(now.as_secs() * 1000 % 1_000_000_007);
    for number in 0..variable("BALERION_STORM_ROUNDS").unwrap_or(default) {
        let seed = first + number;
        eprintln!("{test}: BALERION_STORM_SEED={seed}");
        let tree = Tree::new();
        furnish(&tree);
        round(&tree, seed);
    }
}

/// Makes the tree at the start.
fn furnish(tree: &Tree) {
    for top in ["a", "b", "c"] {
        for below in ["d", "e", "f"] {
            tree.mkdirs(format!("shared/{top}/{below}/a"));
            tree.write(format!("shared/{top}/{below}/b"), format!("{top} {below}"));
        }
    }
    tree.mkdir("noise");
    tree.write("linked", "two names");
    tree.link("linked", "other name");
    tree.symlink("shared/a", "link");
    tree.fifo("fifo");
}

fn unleash(tree: &Tree, seed: u64) -> Vec<JoinHandle<()>> {
    load::unleash(&tree.root(), &tree.outside(""), seed, WRITERS, BURSTS)
}

fn join(writers: Vec<JoinHandle<()>>) {
    for writer in writers {
        writer.join().unwrap();
    }
}

/// Asserts that the fold is the tree, and still is after a write to each directory.
fn judge(tree: &Tree, mut watch: Watch) {
    watch.settle();
    watch.check_violations();
    watch.watches_match();
    load::probe(&tree.root());
    watch.finish();
}

#[test]
fn whatever_the_writers_do_the_stream_converges() {
    rounds("plain", 2, |tree, seed| {
        let watch = tree.watch().json().baseline().start();
        join(unleash(tree, seed));
        judge(tree, watch);
    });
}

#[test]
fn it_converges_when_the_queue_overflows_in_the_middle() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: u64 = limit.trim().parse().unwrap();
    if limit > 200_000 {
        let why = format!("fs.inotify.max_queued_events is {limit}");
        common::skipped("it_converges_when_the_queue_overflows", &why);
        return;
    }
    rounds("overflow", 1, |tree, seed| {
        let mut watch = tree.watch().json().baseline().start();
        let writers = unleash(tree, seed);
        for _ in 0..2 {
            watch.freeze();
            load::noise(&tree.path("noise"), limit + limit / 10);
            watch.thaw();
            watch.until("overflow");
        }
        join(writers);
        judge(tree, watch);
    });
}

#[test]
fn it_converges_when_the_reader_stalls_in_the_middle() {
    rounds("stall", 1, |tree, seed| {
        let mut watch = tree.watch().json().baseline().start();
        watch.out.stall(true);
        join(unleash(tree, seed));
        watch.out.stall(false);
        watch.settle();
        join(unleash(tree, seed + 1));
        judge(tree, watch);
    });
}

#[test]
fn it_converges_when_it_is_stopped_and_let_go_again_and_again() {
    rounds("stop", 1, |tree, seed| {
        let watch = tree.watch().json().baseline().start();
        let writers = unleash(tree, seed);
        while !writers.iter().all(JoinHandle::is_finished) {
            watch.freeze();
            std::thread::sleep(std::time::Duration::from_millis(30));
            watch.thaw();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        join(writers);
        judge(tree, watch);
    });
}

#[test]
fn it_converges_when_the_storm_is_there_before_it_is_ready() {
    rounds("early", 1, |tree, seed| {
        let writers = unleash(tree, seed);
        let mut watch = tree.watch().json().early().spawn();
        watch.wait_ready();
        join(writers);
        judge(tree, watch);
    });
}
