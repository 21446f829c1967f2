//! Compiles rule files: in place, and those of a user who changes many on a thread of its own, so
//! that the loop is not kept from other work.
//!
//! Reads nothing. Counts checks, which come at a constant interval, in place of time. Invariant:
//! between two checks no more globs than [`IN_PLACE`] are compiled in place; one thread compiles
//! at a time, and no more globs than [`MAX_GLOBS_IN_ALL`].

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::compiled_rules::{MAX_GLOBS_IN_ALL, RuleFile, Source};
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
    waiting: HashMap<PathBuf, ToCompile>,
    /// Globs of all that is waiting.
    waiting_globs: usize,
    running: Option<BlockingTask<Compiled>>,
    done: Compiled,
}

/// A file to be compiled, up to a number of globs.
struct ToCompile {
    source: Source,
    most: usize,
}

type Compiled = HashMap<PathBuf, Arc<RuleFile>>;

impl Compiler {
    pub(super) fn source(&self, read: Read) -> Source {
        let key = self.hasher.hash_one(&read.bytes);
        Source { read, key }
    }

    /// Compiles a file, up to `most` globs. `None`: the thread is to do that. `is_new`: what was in it
    /// before is not known.
    pub(super) fn compile(
        &mut self,
        path: &Path,
        source: Source,
        most: usize,
        is_new: bool,
    ) -> Option<Arc<RuleFile>> {
        let done = self.done.remove(path);
        if let Some(done) = done.filter(|done| done.is_of(&source, most)) {
            return Some(done);
        }
        let globs = source.lines().min(most);
        if let Some(left) = &mut self.left {
            if *left < globs || globs > SMALL && !is_new {
                self.wait(path, ToCompile { source, most });
                return None;
            }
            *left -= globs;
        }
        Some(Arc::new(RuleFile::compile(&source, most)))
    }

    /// Has a file wait; drops it if too much waits already: it is read again later.
    fn wait(&mut self, path: &Path, order: ToCompile) {
        if let Some(old) = self.waiting.remove(path) {
            self.waiting_globs -= old.globs();
        }
        if self.waiting_globs + order.globs() <= MAX_GLOBS_IN_ALL {
            self.waiting_globs += order.globs();
            self.waiting.insert(path.to_owned(), order);
        }
    }

    /// Begins the time until the next call. Whether what has waited can be read again: the thread
    /// has compiled it, or it is the turn of others.
    pub(super) fn begin_interval(&mut self) -> bool {
        self.left = Some(IN_PLACE);
        let mut unused = Compiled::new();
        if let Some(running) = &self.running {
            let Some(done) = running.take() else {
                return false;
            };
            self.running = None;
            unused = std::mem::replace(&mut self.done, done);
        }
        if self.waiting.is_empty() {
            return true;
        }
        self.waiting_globs = 0;
        let orders = std::mem::take(&mut self.waiting);
        let compile = |(path, order): (_, ToCompile)| {
            let rules = RuleFile::compile(&order.source, order.most);
            (path, Arc::new(rules))
        };
        // Without a thread, what is read again is compiled in place, a part at each check.
        let work = move || {
            drop(unused); // Here, since it may take milliseconds.
            orders.into_iter().map(compile).collect()
        };
        self.running = BlockingTask::start(work, || {});
        self.running.is_none() || !self.done.is_empty()
    }

    /// Drops what waits, since all is read again.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.waiting_globs = 0;
    }
}

impl ToCompile {
    fn globs(&self) -> usize {
        self.source.lines().min(self.most)
    }
}
