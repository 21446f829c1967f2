//! Reads, behind the running watch, every file that was there when it began.
//!
//! The loop hands out errands, a directory's files at a time, and takes what comes
//! back into the model. Few are under way at once: the watch goes before.

use crate::change::Kind;
use crate::hash::{Errand, Read1, Workers, bytes_read};
use crate::tracker::model::{Flag, Id};
use crate::tracker::port::Fault;
use crate::tracker::{Hashing, Tracker, Turn};

/// Files in one hand-over to a worker: it costs tens of microseconds.
const FILES: usize = 64;

/// Hand-overs under way for each worker.
const AHEAD: usize = 3;

/// How far it is.
pub(crate) struct Baseline {
    /// The next entry to read, by number.
    next: u32,
    /// Hand-overs under way.
    under_way: usize,
    /// Files that were read or looked at.
    pub(crate) files: u64,
    /// Files that are there to read, where somebody has asked.
    all: Option<usize>,
    /// Bytes that were read.
    pub(crate) bytes: u64,
    /// Sizes, where they are to be told (`--initial`).
    pub(crate) sizes: Option<Vec<(Id, u64)>>,
    /// Whether every errand was handed out.
    handed_out: bool,
}

impl Baseline {
    /// Nothing is read yet.
    pub(crate) fn new(keep_sizes: bool) -> Self {
        let sizes = keep_sizes.then(Vec::new);
        Self {
            next: 0,
            under_way: 0,
            files: 0,
            all: None,
            bytes: 0,
            sizes,
            handed_out: false,
        }
    }

    /// Whether everything was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.handed_out && self.under_way == 0
    }

    /// As it is shown.
    pub(crate) fn text(&mut self, tracker: &Tracker) -> String {
        let model = &tracker.model;
        let is_file = |id: &Id| model.kind(*id) == Kind::File;
        let all = *self
            .all
            .get_or_insert_with(|| model.all().filter(is_file).count());
        let mib = bytes_read() >> 20;
        format!("baseline: {} of {all} files, {mib} MiB read", self.files)
    }

    /// Hands out errands, as many as the workers need to stay busy.
    pub(crate) fn feed(&mut self, tracker: &Tracker, workers: &Workers) {
        while !self.handed_out && self.under_way < workers.most() * AHEAD {
            let errands = self.gather(tracker);
            if errands.is_empty() {
                self.handed_out = true;
            } else {
                self.under_way += 1;
                workers.run(errands);
            }
        }
    }

    /// The next files that nobody has read, by directory.
    fn gather(&mut self, tracker: &Tracker) -> Vec<Errand> {
        let mut errands: Vec<Errand> = Vec::new();
        let mut dir = None;
        let mut count = 0;
        let model = &tracker.model;
        while count < FILES
            && let Some((id, next)) = model.from(self.next)
        {
            self.next = next;
            if model.kind(id) != Kind::File || !model.has(id, Flag::AWAITED) {
                continue;
            }
            let Some(parent) = model.parent(id) else {
                continue;
            };
            if dir != Some(parent) {
                let Some(errand) = begin(tracker, parent) else {
                    continue;
                };
                errands.push(errand);
                dir = Some(parent);
            }
            if let Some(errand) = errands.last_mut() {
                errand.names.extend(model.name(id));
                errand.files.push((id, errand.names.len()));
                count += 1;
            }
        }
        errands
    }

    /// Takes what came back.
    pub(crate) fn take(&mut self, turn: &mut Turn<'_>, read: Vec<(Id, Result<Read1, Fault>)>) {
        self.under_way -= 1;
        for (id, result) in read {
            if let Ok(read) = &result {
                self.files += 1;
                if read.digest.is_some() {
                    self.bytes += read.stat.size;
                }
                if let Some(sizes) = &mut self.sizes {
                    sizes.push((id, read.stat.size));
                }
            }
            let result = result.map(|read| (read.stat, read.digest, read.stable));
            turn.take_baseline(id, result);
        }
    }
}

/// An errand to a directory.
fn begin(tracker: &Tracker, dir: Id) -> Option<Errand> {
    let root = tracker.model.root(dir);
    let root = tracker.roots.iter().find(|at| at.entry == Some(root))?;
    let mut route = Vec::new();
    tracker.model.write_route(dir, &mut route);
    let eager = tracker.settings.hashing == Hashing::Eager;
    Some(Errand {
        root: root.open.clone(),
        route,
        inode: tracker.model.inode(dir),
        files: Vec::new(),
        names: Vec::new(),
        began: tracker.settings.began,
        limit: if eager {
            tracker.settings.hash_limit
        } else {
            0
        },
        is_watched: tracker.model.wd(dir).is_some(),
    })
}
