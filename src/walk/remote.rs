//! Walks a remote mount by its thread, for as long as it answers.
//!
//! Invariant: when it does not answer in time, what is left goes on the work queue, and the walk
//! ends.

use super::WalkContext;
use crate::change::Kind;
use crate::disk::RealTracker;
use crate::disk::path::RemotePath;
use crate::disk::remote::{Answer, Ask, NoAnswer, Question, RemoteTarget, STALLED_AFTER};
use crate::file_status::FsError;
use crate::tracker::model::Id;

/// Walks what is below a directory on a remote mount. Returns the directories that the model has
/// under another name, each with that entry.
pub(crate) fn walk_remote(
    tracker: &mut RealTracker,
    context: &mut WalkContext<'_>,
    id: Id,
    path: RemotePath,
) -> Vec<(Id, Id)> {
    let mut aliases = Vec::new();
    context.progress.note(tracker.model.counts());
    let mut left = vec![(id, path)];
    while let Some((id, path)) = left.pop() {
        let progress = context.progress;
        progress.check_interrupt();
        if progress.is_ended() {
            break;
        }
        let question = Question {
            ask: Ask::Walk,
            target: RemoteTarget::Path(path.clone()),
        };
        let is_over = || {
            progress.check_interrupt();
            progress.is_ended()
        };
        let most = Some(STALLED_AFTER);
        let walked = match tracker.disk.remotes.ask_patiently(question, most, is_over) {
            Ok(Answer::Walked(walked)) => walked,
            Err(NoAnswer::Failed(FsError::PermissionDenied)) => {
                tracker.cannot_watch(id, &FsError::PermissionDenied);
                continue;
            }
            _ => {
                // It may answer later.
                let rest = left.drain(..).map(|(id, _)| id);
                for id in std::iter::once(id).chain(rest) {
                    tracker.enqueue(id);
                }
                break;
            }
        };
        if let Err(other) = tracker.set_walked_watch(id, &walked.watched) {
            aliases.push((id, other));
            continue;
        }
        progress.went_on();
        for (kind, ino, name) in walked.entries {
            if tracker.is_hidden(id, &name, kind == Kind::Directory) {
                continue;
            }
            let Some(child) = tracker.add_walked(id, &name, kind, ino) else {
                continue;
            };
            if kind == Kind::File {
                tracker.leave_to_queue(child, walked.watched.inode.dev);
            }
            if kind == Kind::Directory && !tracker.model.is_not_entered(child) {
                tracker.set_device(child, walked.watched.inode.dev);
                left.push((child, path.join(&name)));
            }
        }
        if let Some(error) = walked.left_out {
            tracker.cannot_list(id, &error);
        }
        progress.note(tracker.model.counts());
    }
    aliases
}
