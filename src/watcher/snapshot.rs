//! Sessions of the running watch: when one begins, and the listing of the tree for its
//! snapshot.
//!
//! While the tree is listed the model does not change: events are read and kept, and applied
//! after `ready`. Invariant: from `start` to `ready` nothing is emitted but the tree as it
//! is known, so that it and the records after it fold to the tree on disk.

use super::Watcher;
use crate::change::{Batch, Change, Content, Kind};
use crate::error::Error;
use crate::output::Format;
use crate::tracker::model::Id;

/// Names listed between two checks of the clock, the signals and the reader.
const NAMES: usize = 256;

/// How far the session is.
enum Phase {
    /// It has not begun: the PATHs are being walked.
    Walking,
    /// It has begun, and is not ready: files are read first, so that the list has their
    /// digests.
    Reading,
    /// The tree is being listed. What is left: each entry stands for all that is in it.
    Listing(Vec<Id>),
    /// Changes are emitted as they happen.
    Following,
}

pub(super) struct Snapshots {
    phase: Phase,
    /// Whether sessions show: only then is the tree listed.
    is_shown: bool,
    /// Between the beginnings of two sessions, in nanoseconds.
    interval: Option<u64>,
    /// When the next one begins.
    due: Option<u64>,
}

impl Snapshots {
    pub(super) fn new(interval: Option<u64>, format: Format) -> Self {
        let is_shown = format == Format::Json;
        Self {
            phase: Phase::Walking,
            is_shown,
            interval: interval.filter(|_| is_shown),
            due: None,
        }
    }

    /// The first session begins.
    pub(super) fn begin(&mut self, batch: &mut Batch) {
        batch.push(Change::Start);
        self.phase = Phase::Reading;
    }

    pub(super) fn is_listing(&self) -> bool {
        matches!(self.phase, Phase::Listing(_))
    }

    /// The session is ready at this moment.
    fn follow(&mut self, now: u64) {
        self.phase = Phase::Following;
        self.due = self.interval.map(|interval| now.saturating_add(interval));
    }
}

impl Watcher {
    /// Every watch is in place, and the list, if there is one, is whole.
    pub(super) fn emit_ready(&mut self) {
        let (directories, files) = self.tracker.model.counts();
        let ready = Change::Ready { directories, files };
        self.tracker.batch.push(ready);
        self.snapshots.follow(self.clock.tick());
    }

    /// The file that records go to is another one now: it begins with a session of its own.
    pub(super) fn begin_again(&mut self) {
        if !self.snapshots.is_shown {
            return;
        }
        match self.snapshots.phase {
            Phase::Walking => {}
            Phase::Reading => self.tracker.batch.push(Change::Start),
            Phase::Listing(_) | Phase::Following => self.begin_snapshot(),
        }
    }

    fn begin_snapshot(&mut self) {
        self.tracker.dismiss_emissions();
        self.tracker.batch.push(Change::Start);
        self.begin_list();
    }

    fn begin_list(&mut self) {
        let roots = self.tracker.roots.entries().rev().collect();
        self.snapshots.phase = Phase::Listing(roots);
    }

    /// When the next snapshot is due: not before every file was read once.
    pub(super) fn snapshot_due(&self) -> Option<u64> {
        self.snapshots.due.filter(|_| !self.baseline.is_under_way())
    }

    /// Goes on with the list of a snapshot, or begins a new one if it is time to. Whether
    /// it did: then nothing else may change the model.
    pub(super) fn list_slice(&mut self) -> Result<bool, Error> {
        if self
            .snapshot_due()
            .is_some_and(|due| due <= self.clock.tick() && !self.tracker.is_emitting())
        {
            self.snapshots.due = None;
            self.begin_snapshot();
        }
        if !self.snapshots.is_listing() {
            return Ok(false);
        }
        if self.list_some() {
            self.emit_ready();
            self.find_paths();
        }
        self.emit_changes()?;
        Ok(true)
    }

    /// Lists the next names, parents before children; whether that was all.
    fn list_some(&mut self) -> bool {
        let now = self.clock.now();
        let tracker = self.tracker.at(now);
        let Phase::Listing(left) = &mut self.snapshots.phase else {
            return true;
        };
        for _ in 0..NAMES {
            let Some(id) = left.pop() else {
                return true;
            };
            left.extend(tracker.model.children(id));
            let content = match tracker.model.kind(id) {
                Kind::File => tracker.known_content(id),
                Kind::Directory if self.options.stat => tracker.known_directory(id),
                Kind::Directory | Kind::Symlink | Kind::Other => Content::default(),
            };
            tracker.emit_existing(id, content);
        }
        false
    }

    /// Lists the whole tree before the watch is ready, unless it is to end.
    pub(super) fn list_all(&mut self) -> Result<(), Error> {
        if !self.snapshots.is_shown {
            return Ok(());
        }
        self.begin_list();
        while !self.stop.has_ended() {
            let is_whole = self.list_some();
            self.write_all()?;
            if is_whole {
                break;
            }
        }
        Ok(())
    }
}
