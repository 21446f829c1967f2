//! Compiles rule files: in place, and those of a user who changes many on a thread of its own, so
//! that the loop is not kept from other work.
//!
//! Reads nothing. Counts checks, which come at a constant interval, in place of time. Invariant:
//! between two checks no more globs than [`IN_PLACE`] are compiled in place; one thread compiles
//! at a time, and no more globs than [`MAX_GLOBS_IN_ALL`]; no more are kept for directories that
//! are still to be read.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::budget::MAX_GLOBS_IN_ALL;
use super::compiled_rules::{Limits, RuleFile, Source};
use super::retries::RuleDirectory;
use crate::blocking_task::BlockingTask;
use crate::sys::read_regular::Read;

/// Globs that are compiled in place between two checks: as many as the largest known files have,
/// 60 ms.
const IN_PLACE: usize = 1_000;

/// Globs of a file that is compiled in place though it may count as before for a while: 6 ms.
const SMALL: usize = 100;

#[derive(Default)]
pub(super) struct Compiler {
    /// Makes the key of the bytes of a file.
    hasher: RandomState,
    /// Globs that may be compiled in place until the next check. `None`: the loop has not begun.
    left: Option<usize>,
    waiting: Orders,
    running: Option<BlockingTask<Compiled>>,
    /// The directories with a file that is being compiled.
    running_for: HashSet<RuleDirectory>,
    /// Compiled files, until the directory that has rules of them is read.
    done: Compiled,
}

/// Files to be compiled.
#[derive(Default)]
struct Orders {
    files: HashMap<PathBuf, ToCompile>,
    directories: HashSet<RuleDirectory>,
    /// Globs of all files.
    globs: usize,
}

/// A file to be compiled.
struct ToCompile {
    source: Source,
    limits: Limits,
    /// The directory that was read last of those that have rules of it.
    directory: RuleDirectory,
}

struct Done {
    rules: Arc<RuleFile>,
    directory: RuleDirectory,
}

type Compiled = HashMap<PathBuf, Done>;

impl Compiler {
    pub(super) fn source(&self, read: Read) -> Source {
        let key = self.hasher.hash_one(&read.bytes);
        Source { read, key }
    }

    /// Compiles a file for a directory. `None`: the thread is to do that.
    /// `is_new`: what was in it before is not known.
    pub(super) fn compile(
        &mut self,
        directory: &RuleDirectory,
        path: &Path,
        source: Source,
        limits: Limits,
        is_new: bool,
    ) -> Option<Arc<RuleFile>> {
        if let Some(done) = self.take_done(directory, path)
            && done.is_of(&source, limits)
        {
            return Some(done);
        }
        let globs = source.lines().min(limits.globs);
        if let Some(left) = &mut self.left {
            if *left < globs || globs > SMALL && !is_new {
                let directory = directory.clone();
                let order = ToCompile {
                    source,
                    limits,
                    directory,
                };
                self.waiting.add(path, order);
                return None;
            }
            *left -= globs;
        }
        Some(Arc::new(RuleFile::compile(&source, limits)))
    }

    /// A compiled file. Where several directories have rules of it, it is kept for the last.
    fn take_done(&mut self, directory: &RuleDirectory, path: &Path) -> Option<Arc<RuleFile>> {
        if self.done.get(path)?.directory == *directory {
            return self.done.remove(path).map(|done| done.rules);
        }
        self.done.get(path).map(|done| Arc::clone(&done.rules))
    }

    /// Whether a directory has a file that is not compiled yet and will be.
    pub(super) fn is_compiling(&self, directory: &RuleDirectory) -> bool {
        self.waiting.directories.contains(directory) || self.running_for.contains(directory)
    }

    /// Begins the time until the next call. `is_late`: whether a directory has not had its turn to
    /// be read again.
    pub(super) fn begin_interval(&mut self, is_late: impl Fn(&RuleDirectory) -> bool) {
        self.left = Some(IN_PLACE);
        let mut unused = Vec::new();
        if let Some(running) = &self.running {
            let Some(done) = running.take() else {
                return;
            };
            self.running = None;
            self.running_for.clear();
            unused = self.keep(done, is_late);
        }
        if self.waiting.files.is_empty() {
            return;
        }
        let orders = std::mem::take(&mut self.waiting);
        let compile = |(path, order): (_, ToCompile)| {
            let rules = Arc::new(RuleFile::compile(&order.source, order.limits));
            let directory = order.directory;
            (path, Done { rules, directory })
        };
        // Without a thread, what is read again is compiled in place, a part at each check.
        let work = move || {
            drop(unused); // Here, since it may take milliseconds.
            orders.files.into_iter().map(compile).collect()
        };
        self.running = BlockingTask::start(work, || {});
        if self.running.is_some() {
            self.running_for = orders.directories;
        }
    }

    /// Keeps what was compiled; returns what is not kept. Where there is no room for all, that of
    /// directories that have had their turn goes first, then what came last.
    fn keep(&mut self, new: Compiled, is_late: impl Fn(&RuleDirectory) -> bool) -> Vec<Done> {
        let globs = |compiled: &Compiled| -> usize {
            let all = compiled.values().map(|done| done.rules.globs);
            all.sum()
        };
        let mut unused = Vec::new();
        if globs(&self.done) + globs(&new) > MAX_GLOBS_IN_ALL {
            let had_turn = |_: &PathBuf, done: &mut Done| !is_late(&done.directory);
            let dropped = self.done.extract_if(had_turn);
            unused.extend(dropped.map(|(_, done)| done));
        }
        let mut held = globs(&self.done);
        for (path, done) in new {
            if let Some(old) = self.done.remove(&path) {
                held -= old.rules.globs;
                unused.push(old);
            }
            if held + done.rules.globs <= MAX_GLOBS_IN_ALL {
                held += done.rules.globs;
                self.done.insert(path, done);
            } else {
                unused.push(done);
            }
        }
        unused
    }

    /// Drops what waits, since all is read again.
    pub(super) fn clear(&mut self) {
        self.waiting = Orders::default();
    }
}

impl Orders {
    /// Adds a file, unless too much waits already: it is read again later.
    fn add(&mut self, path: &Path, order: ToCompile) {
        if let Some(old) = self.files.remove(path) {
            self.globs -= old.globs();
        }
        if self.globs + order.globs() <= MAX_GLOBS_IN_ALL {
            self.globs += order.globs();
            self.directories.insert(order.directory.clone());
            self.files.insert(path.to_owned(), order);
        }
    }
}

impl ToCompile {
    fn globs(&self) -> usize {
        self.source.lines().min(self.limits.globs)
    }
}
