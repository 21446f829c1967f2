//! Begins sessions of the running watch, and lists the tree for their snapshots.
//!
//! While the tree is listed no name of the model changes: events are read and kept, and applied
//! after `ready`. Invariant: from `start` to `ready` nothing is emitted but the model, so that the
//! records after it fold to the tree on disk.

use super::Watcher;
use crate::change::{Change, ChangeBuffer, Content, Kind};
use crate::error::Error;
use crate::output::{Format, Style};
use crate::tracker::model::Id;

/// Names listed before the clock, the signals and the reader are checked.
const NAMES: usize = 256;

/// The phase of the current session.
enum Phase {
    /// It has not begun: the PATHs are being walked.
    Walking,
    /// It has begun, and files are read before it is ready, so that the list has their digests.
    Reading,
    /// It has begun, and is not ready before all differences from the tree that was reported before
    /// are emitted (`--since`, `--resume`): files are read for that, or differences written.
    Comparing,
    /// The tree is being listed. What is left: entries, each with all that is in it.
    Listing(Vec<Id>),
    /// It is ready.
    Following,
}

pub(super) struct Snapshots {
    phase: Phase,
    /// Whether the log is to be opened anew once the session has begun.
    keeps_hang_up: bool,
    /// Whether the format has them: only then is the tree listed.
    has_sessions: bool,
    /// Whether the first session begins with a snapshot (`--initial`).
    is_initial: bool,
    /// Whether records of directories have their times.
    has_stat: bool,
    /// The time from `ready` of one session to the beginning of the next, in nanoseconds.
    interval: Option<u64>,
    /// When the next session begins.
    due: Option<u64>,
}

impl Snapshots {
    /// `is_initial`: whether the first session begins with a snapshot.
    pub(super) fn new(is_initial: bool, interval: Option<u64>, style: &Style) -> Self {
        let has_sessions = style.format == Format::Json;
        Self {
            phase: Phase::Walking,
            keeps_hang_up: false,
            has_sessions,
            is_initial,
            has_stat: style.stat,
            interval: interval.filter(|_| has_sessions),
            due: None,
        }
    }

    /// Lets the first session begin with a snapshot: there is none that it could go on from.
    pub(super) fn set_initial(&mut self) {
        self.is_initial = true;
    }

    /// Whether the first session begins with a snapshot.
    pub(super) fn is_initial(&self) -> bool {
        self.is_initial
    }

    /// Begins the first session. `compares`: differences come before `ready`.
    pub(super) fn begin(&mut self, buffer: &mut ChangeBuffer, compares: bool) {
        buffer.push(Change::Start);
        self.phase = if compares {
            Phase::Comparing
        } else {
            Phase::Reading
        };
    }

    /// Whether differences are left to be emitted: until then changes are of a tree that the reader
    /// does not have.
    pub(super) fn is_comparing(&self) -> bool {
        matches!(self.phase, Phase::Comparing)
    }

    /// Keeps SIGHUP until the first session has begun; `false`: it has. Until then the log is being
    /// read for `--resume`, perhaps, and its torn end to be cut off.
    pub(super) fn keep_hang_up(&mut self) -> bool {
        self.keeps_hang_up = matches!(self.phase, Phase::Walking);
        self.keeps_hang_up
    }

    /// Whether SIGHUP was kept; it is not from now on.
    pub(super) fn take_hang_up(&mut self) -> bool {
        std::mem::take(&mut self.keeps_hang_up)
    }

    /// Whether the format has sessions.
    pub(super) fn has_sessions(&self) -> bool {
        self.has_sessions
    }

    pub(super) fn is_listing(&self) -> bool {
        matches!(self.phase, Phase::Listing(_))
    }

    fn has_names_left(&self) -> bool {
        matches!(&self.phase, Phase::Listing(left) if !left.is_empty())
    }

    /// Notes that the session is ready.
    fn follow(&mut self, now: u64) {
        self.phase = Phase::Following;
        self.due = self.interval.map(|interval| now.saturating_add(interval));
    }
}

impl Watcher {
    /// Emits a record that is no change of the tree.
    fn emit(&mut self, change: Change) {
        let now = self.clock.now();
        self.tracker.at(now).records.current().push(change);
    }

    /// Emits that every watch is set and the list, if there is one, is complete.
    pub(super) fn emit_ready(&mut self) {
        let (directories, files) = self.tracker.model.counts();
        self.emit(Change::Ready { directories, files });
        self.snapshots.follow(self.clock.tick());
    }

    /// Begins a session in a new log file.
    pub(super) fn begin_again(&mut self) {
        if !self.snapshots.has_sessions {
            return;
        }
        match self.snapshots.phase {
            Phase::Walking => {}
            Phase::Reading => self.emit(Change::Start),
            Phase::Comparing => {
                // The new file has a snapshot, which needs no differences before it.
                self.emit(Change::Start);
                self.snapshots.phase = Phase::Reading;
            }
            Phase::Listing(_) | Phase::Following => self.begin_snapshot(),
        }
    }

    fn begin_snapshot(&mut self) {
        self.tracker.dismiss_emissions();
        self.emit(Change::Start);
        self.begin_list();
    }

    fn begin_list(&mut self) {
        let roots = self.tracker.roots.entries().rev().collect();
        self.snapshots.phase = Phase::Listing(roots);
    }

    /// When the next snapshot is due; not before the baseline is complete.
    pub(super) fn snapshot_due(&self) -> Option<u64> {
        self.snapshots.due.filter(|_| !self.baseline.is_under_way())
    }

    /// Lists some names of a snapshot, after beginning one if that is due. `true`: the model may
    /// not be changed in this turn.
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
        }
        self.emit_changes()?;
        Ok(true)
    }

    /// Lists the next names, parents before children. `true`: these were the last ones.
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
                Kind::Directory if self.snapshots.has_stat => tracker.known_directory(id),
                Kind::Directory | Kind::Symlink | Kind::Other => Content::default(),
            };
            tracker.emit_existing(id, content);
        }
        false
    }

    /// Lists the whole tree before `ready`, unless the watch is to end.
    pub(super) fn list_all(&mut self) -> Result<(), Error> {
        if !self.snapshots.has_sessions {
            return Ok(());
        }
        self.begin_list();
        // SIGHUP may begin the list anew.
        while !self.stop.has_ended() && self.snapshots.has_names_left() {
            self.check_signals();
            let _is_last = self.list_some();
            self.write_all()?;
        }
        Ok(())
    }
}
