//! Compares what a running watcher has reported with the tree on disk and with what the
//! kernel watches for it, and waits until they agree.

use std::fs;

use super::disk::{self, Inodes, Snapshot};
use super::eventually;
use super::fold::Fold;
use super::watch::{Ended, Watch};

/// A fold and how far it has come.
pub(crate) struct Folded {
    pub(crate) fold: Fold,
    /// How many lines have been fed to it.
    pub(crate) fed: usize,
    /// Whether every digest must be reported.
    pub(crate) hashes: bool,
}

impl Watch {
    /// The tree on disk, below every PATH.
    fn truth(&self) -> Snapshot {
        let mut truth = Snapshot::new();
        for (root, prefix) in &self.roots {
            disk::snapshot(root, prefix, &mut truth);
        }
        truth.retain(|path, _| !self.without.contains(path));
        truth
    }

    /// Feeds the fold with what has come, and compares it with the disk.
    fn compare(&mut self) -> Vec<String> {
        let Some(folded) = &mut self.fold else {
            self.fail("only records can be folded");
        };
        let lines = self.out.lines_from(folded.fed);
        folded.fed += lines.len();
        for line in &lines {
            folded.fold.feed(&line.bytes);
        }
        let hashes = folded.hashes;
        let truth = self.truth();
        let folded = self.fold.as_ref().unwrap();
        folded.fold.differences(&truth, hashes)
    }

    /// Waits until the records fold to the tree on disk, and until what was reported by
    /// then has been taken.
    pub(crate) fn settle(&mut self) {
        let mut last = Vec::new();
        let equal = eventually(|| {
            last = self.compare();
            last.is_empty()
        });
        if !equal {
            let many = last.len();
            last.truncate(20);
            self.fail(&format!(
                "{many} differences between records and disk: {last:#?}\nviolations: {:#?}",
                self.violations()
            ));
        }
        self.taken = self.fold.as_ref().unwrap().fed;
    }

    /// What was wrong with the records so far; the first few.
    fn violations(&self) -> Vec<String> {
        let folded = self.fold.iter();
        folded
            .flat_map(|folded| folded.fold.violations.iter().take(20).cloned())
            .collect()
    }

    /// How many records of an event there were.
    pub(crate) fn count(&mut self, event: &str) -> usize {
        self.compare();
        let counts = &self.fold.as_ref().unwrap().fold.counts;
        counts.get(event).copied().unwrap_or(0)
    }

    /// The inodes that the kernel watches for this process.
    pub(crate) fn watched(&self) -> Vec<u64> {
        let mut found = Vec::new();
        let directory = format!("/proc/{}/fdinfo", self.pid());
        for info in fs::read_dir(directory).into_iter().flatten().flatten() {
            let text = fs::read_to_string(info.path()).unwrap_or_default();
            for line in text.lines().filter(|line| line.starts_with("inotify ")) {
                let mut words = line.split_whitespace();
                let inode = words.find_map(|word| word.strip_prefix("ino:"));
                found.push(u64::from_str_radix(inode.unwrap(), 16).unwrap());
            }
        }
        found.sort_unstable();
        found
    }

    /// Waits until the kernel watches every directory of the tree once, and besides
    /// them nothing but files of several names.
    pub(crate) fn watches_match(&self) {
        let mut counts = String::new();
        let equal = eventually(|| {
            let mut inodes = Inodes::default();
            for (root, _) in &self.roots {
                disk::inodes(root, &mut inodes);
            }
            let mut watched = self.watched();
            watched.retain(|inode| !inodes.linked.contains(inode));
            inodes.directories.sort_unstable();
            counts = format!(
                "{} watches, {} directories",
                watched.len(),
                inodes.directories.len()
            );
            watched == inodes.directories
        });
        if !equal {
            self.fail(&format!("watches and directories differ: {counts}"));
        }
    }

    /// Ends a test: nothing more is reported, then SIGTERM. A stream of records must fold to the
    /// disk without a violation, with a kernel watch for every directory.
    pub(crate) fn finish(mut self) -> Ended {
        if self.fold.is_none() {
            self.silence();
            let taken = self.taken;
            let ended = self.stop();
            let lines = ended.stdout.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines, taken, "{}", String::from_utf8_lossy(&ended.stdout));
            return ended;
        }
        self.settle();
        self.sentinel();
        self.settle();
        self.check_violations();
        self.watches_match();
        self.stop()
    }

    /// Fails if a record so far broke the contract.
    pub(crate) fn check_violations(&self) {
        let violations = self.violations();
        if !violations.is_empty() {
            self.fail(&format!("violations: {violations:#?}"));
        }
    }
}
