//! Walks the PATHs to make the first model: sets a watch on every directory, and adds every name.
//!
//! Two threads walk, each with a working directory of its own, so that a watch is set on
//! "." and no path is resolved. Invariant: a directory is watched before it is read, so that a
//! change after that has an event.

mod open_below;
mod progress;
mod read_ahead;
mod remote;
mod reported_before;
mod shared;
mod walker;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use crate::disk::path::RemotePath;
use crate::disk::{RealDisk, RealTracker};
use crate::mounts::MountTable;
use crate::since::Since;
use crate::sys::inotify::Inotify;
use crate::tracker::disk::Inode;
use crate::tracker::model::Id;
pub(crate) use progress::WalkProgress;
pub(crate) use remote::walk_remote;
use shared::Shared;
use walker::Walker;

/// Threads that walk. A third one would mostly wait for the kernel's locks.
const THREADS: usize = 2;

/// What a walk needs beside the tracker.
pub(crate) struct WalkContext<'a> {
    pub(crate) inotify: Arc<Inotify>,
    pub(crate) mounts: Arc<MountTable>,
    /// balerion's own outputs, which are left out.
    self_outputs: Vec<Inode>,
    pub(crate) progress: &'a WalkProgress,
    /// What was reported before this watch: unchanged files need not be read.
    pub(crate) since: Option<&'a Since>,
}

impl<'a> WalkContext<'a> {
    pub(crate) fn new(disk: &RealDisk, progress: &'a WalkProgress) -> Self {
        Self {
            inotify: disk.inotify(),
            mounts: Arc::clone(&disk.mounts),
            self_outputs: disk.self_outputs.inodes().collect(),
            progress,
            since: None,
        }
    }
}

/// Walks the tree below a PATH, with the entry `root` and open as `fd`. What cannot be walked goes on
/// the work queue. Returns the directories that the model has under another name, each with that
/// entry.
pub(crate) fn walk(
    tracker: &mut RealTracker,
    context: &mut WalkContext<'_>,
    root: Id,
    fd: OwnedFd,
) -> Vec<(Id, Id)> {
    let (mut aliases, remote) = walk_local(tracker, context, root, fd);
    for (id, path) in remote {
        aliases.extend(walk_remote(tracker, context, id, path));
    }
    aliases
}

type Aliases = Vec<(Id, Id)>;

/// Walks all that is local. Also returns the roots of remote mounts.
fn walk_local(
    tracker: &mut RealTracker,
    context: &WalkContext<'_>,
    root: Id,
    fd: OwnedFd,
) -> (Aliases, Vec<(Id, RemotePath)>) {
    // Counts the PATH, so that progress never shows more watched directories than there are.
    context.progress.note(tracker.model.counts());
    let shared = Shared::new(tracker, context, root, fd);
    thread::scope(|scope| {
        let mut started = 0;
        for _ in 0..THREADS {
            let builder = thread::Builder::new()
                .name("walk".into())
                .stack_size(256 << 10);
            started += usize::from(
                builder
                    .spawn_scoped(scope, || Walker::new(&shared).run())
                    .is_ok(),
            );
        }
        if started == 0 {
            Walker::on_this_thread(&shared).run();
        }
    });
    let mut state = shared.lock();
    let aliases = std::mem::take(&mut state.aliases);
    (aliases, std::mem::take(&mut state.remote))
}
