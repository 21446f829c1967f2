//! Turns records into the tree of the last complete session and of those that resume it.
//!
//! Invariant: a session in which a record is missing gives no tree.

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

#[derive(Default)]
pub(super) struct Sessions {
    /// The tree of the last session that became ready, and of those that resume it.
    complete: Option<Folded>,
    /// A session that is not ready yet.
    pending: Option<Pending>,
    /// Whether records may be missing since the last `start`.
    has_gap: bool,
}

/// A session that becomes complete by `ready`, if it has a snapshot and is not broken.
struct Pending {
    folded: Folded,
    /// Whether it has an `existing` record.
    has_snapshot: bool,
    /// Whether a record could not be applied.
    is_broken: bool,
}

impl Sessions {
    pub(super) fn apply(&mut self, item: Item<&[u8]>) {
        let Item::Record(record) = item else {
            self.has_gap = true;
            return;
        };
        if let Record::Start(start) = record {
            self.has_gap = false;
            return self.begin(start);
        }
        if self.has_gap {
            // What follows is about a tree that is not known.
            self.pending = None;
            self.complete = None;
            return;
        }
        if let Some(pending) = &mut self.pending {
            let is_ready = record == Record::Ready;
            pending.apply(record);
            if is_ready {
                let pending = self.pending.take();
                let ok = pending.filter(|pending| pending.has_snapshot && !pending.is_broken);
                self.complete = ok.map(|pending| pending.folded);
            }
        } else if let Some(folded) = &mut self.complete
            && !apply(&mut folded.tree, record)
        {
            self.complete = None;
        }
    }

    /// Begins a session: it goes on from the complete one if it resumes that, else it replaces
    /// it once it is ready.
    fn begin(&mut self, start: Start) {
        self.pending = None;
        if let Some(resumed) = &start.resumes
            && let Some(folded) = &mut self.complete
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
        self.pending = Some(Pending {
            // One that resumes a session which is not in the stream has no whole snapshot.
            is_broken: start.resumes.is_some() || !is_kept,
            folded: Folded { tree, start },
            has_snapshot: false,
        });
    }

    pub(super) fn finish(self) -> Option<Folded> {
        self.complete
    }
}

impl Pending {
    fn apply(&mut self, record: Record<&[u8]>) {
        self.has_snapshot |= matches!(
            record,
            Record::State {
                event: StateEvent::Existing,
                ..
            }
        );
        self.is_broken |= !apply(&mut self.folded.tree, record);
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
        Record::Start(_) | Record::Ready | Record::Other => true,
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
