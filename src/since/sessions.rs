//! Turns records into the tree of the last complete session and of those that resume it.
//!
//! Invariant: a session in which a record is missing gives no tree.

use std::fmt;

use super::lines::Item;
use super::record::{Record, Start, State, StateEvent};
use super::tree::Tree;
use crate::tracker::without_slashes;

/// What a stream folded to.
pub(super) struct Folded {
    pub(super) tree: Tree,
    /// The `start` of the last session that the tree includes, whether that became ready or not.
    pub(super) start: Start,
}

/// Why a stream has no tree. Lines are numbered from 1 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoSession {
    NoStart,
    /// It has no `ready`.
    NotReady {
        start: u64,
    },
    /// It has no `existing` before its `ready`, though something is there.
    NoSnapshot {
        start: u64,
    },
    /// It resumes a session that the stream does not have whole.
    NothingToResume {
        start: u64,
    },
    /// All paths of its PATHs together are too long.
    PathsTooLong {
        start: u64,
    },
    NoRecord {
        line: u64,
    },
    /// A record is about what those before it do not give.
    RecordsMissing {
        before: u64,
    },
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStart => write!(f, "none begins in it"),
            Self::NotReady { start } => write!(f, "the one of line {start} has no ready"),
            Self::NoSnapshot { start } => write!(f, "the one of line {start} has no snapshot"),
            Self::NothingToResume { start } => {
                write!(f, "the one of line {start} resumes one that is not in it")
            }
            Self::PathsTooLong { start } => {
                write!(f, "the PATHs of the one of line {start} are too long")
            }
            Self::NoRecord { line } => write!(f, "line {line} is no record"),
            Self::RecordsMissing { before } => {
                write!(f, "records are missing before line {before}")
            }
        }
    }
}

pub(super) struct Sessions {
    /// The tree of the last session that became ready, and of those that resume it.
    complete: Result<Folded, NoSession>,
    /// A session that is not ready yet.
    pending: Option<Pending>,
    /// The first line since the last `start` that is no record.
    gap: Option<u64>,
}

/// A session that becomes complete by `ready`, if it has a snapshot and is not broken.
struct Pending {
    folded: Folded,
    /// The line of its `start`.
    line: u64,
    /// Whether it has an `existing` record, or nothing is there.
    has_snapshot: bool,
    /// Why it cannot become complete.
    broken: Option<NoSession>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            complete: Err(NoSession::NoStart),
            pending: None,
            gap: None,
        }
    }
}

impl Sessions {
    pub(super) fn apply(&mut self, Item { line, record }: Item<&[u8]>) {
        let Some(record) = record else {
            self.gap.get_or_insert(line);
            return;
        };
        if let Record::Start(start) = record {
            self.gap = None;
            return self.begin(start, line);
        }
        if let Some(line) = self.gap {
            // What follows is about a tree that is not known.
            self.pending = None;
            self.complete = Err(NoSession::NoRecord { line });
            return;
        }
        if let Some(pending) = &mut self.pending {
            let is_ready = matches!(record, Record::Ready { .. });
            pending.apply(record, line);
            if let Some(pending) = self.pending.take_if(|_| is_ready) {
                self.complete = pending.end();
            }
        } else if let Ok(folded) = &mut self.complete
            && !apply(&mut folded.tree, record)
        {
            self.complete = Err(NoSession::RecordsMissing { before: line });
        }
    }

    /// Begins a session: it goes on from the complete one if it resumes that, else it replaces
    /// it once it is ready.
    fn begin(&mut self, start: Start, line: u64) {
        self.pending = None;
        if let Some(resumed) = &start.resumes
            && let Ok(folded) = &mut self.complete
            && folded.start.session == *resumed
        {
            folded.start = start;
            return;
        }
        let mut tree = Tree::default();
        let paths = start.paths.iter();
        let is_kept = paths
            .map(|path| without_slashes(path))
            .all(|path| tree.add_path(path));
        let broken = if start.resumes.is_some() {
            // It has no whole snapshot.
            Some(NoSession::NothingToResume { start: line })
        } else {
            (!is_kept).then_some(NoSession::PathsTooLong { start: line })
        };
        self.pending = Some(Pending {
            folded: Folded { tree, start },
            line,
            has_snapshot: false,
            broken,
        });
    }

    /// # Errors
    /// Why the last session is not complete, if none is.
    pub(super) fn finish(self) -> Result<Folded, NoSession> {
        let not_ready = self.pending.map(|pending| pending.not_ready());
        self.complete.map_err(|why| not_ready.unwrap_or(why))
    }
}

impl Pending {
    fn apply(&mut self, record: Record<&[u8]>, line: u64) {
        self.has_snapshot |= matches!(
            record,
            Record::State {
                event: StateEvent::Existing,
                ..
            } | Record::Ready { is_empty: true }
        );
        if !apply(&mut self.folded.tree, record) && self.broken.is_none() {
            self.broken = Some(NoSession::RecordsMissing { before: line });
        }
    }

    /// Ends it by its `ready`.
    fn end(self) -> Result<Folded, NoSession> {
        match self.broken {
            Some(broken) => Err(broken),
            None if self.has_snapshot => Ok(self.folded),
            None => Err(NoSession::NoSnapshot { start: self.line }),
        }
    }

    fn not_ready(&self) -> NoSession {
        let not_ready = NoSession::NotReady { start: self.line };
        self.broken.unwrap_or(not_ready)
    }
}

/// Applies a record. `false`: it cannot be applied, so records are missing.
fn apply(tree: &mut Tree, record: Record<&[u8]>) -> bool {
    match record {
        Record::State { event, path, state } => apply_state(tree, event, path, &state),
        Record::Renamed { from, path } => tree.rename(from, path),
        Record::Deleted(path) => tree.delete(root_as_plain(path)),
        Record::AttributesChanged { path, attributes } => {
            tree.set_attributes(root_as_plain(path), attributes)
        }
        Record::Touched { path, mtime } => tree.set_mtime(root_as_plain(path), mtime),
        Record::Start(_) | Record::Ready { .. } | Record::Other => true,
    }
}

fn apply_state(tree: &mut Tree, event: StateEvent, path: &[u8], state: &State) -> bool {
    let path = root_as_plain(path);
    match event {
        StateEvent::Existing | StateEvent::Created => tree.set(path, state),
        StateEvent::Changed => tree.change(path, state),
    }
}

/// The path by which the tree knows the PATH `/`: empty, since paths in it begin with a slash.
fn root_as_plain(path: &[u8]) -> &[u8] {
    if path == b"/" { b"" } else { path }
}
