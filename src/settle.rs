//! Holds changes until the tree has been quiet for a while, and replaces them by their net effect
//! (`--settle`).
//!
//! Time is a parameter. Invariant: changes are held for no longer than ten times the quiet time,
//! and their number has a limit.

use crate::change::{Batch, OwnedChange};
use crate::net_effect::NetEffect;

/// Changes are held for at most this many times the quiet time.
const MOST: u64 = 10;

pub(crate) struct Settle {
    /// The quiet time, in nanoseconds.
    quiet: u64,
    effect: NetEffect,
    /// When the first and the last of the held changes came, on the monotonic clock.
    held: Option<(u64, u64)>,
}

impl Settle {
    pub(crate) fn new(quiet: u64) -> Self {
        Self {
            quiet,
            effect: NetEffect::default(),
            held: None,
        }
    }

    /// Takes the changes out of a batch, and appends what is due. A record that is no change of the
    /// tree is not held, and makes all changes before it due.
    pub(crate) fn pass(&mut self, batch: &mut Batch, now: u64) {
        let changes = batch.take_changes();
        for (change, before) in changes {
            if change.is_of_the_tree() {
                let (first, _) = self.held.unwrap_or((now, now));
                self.held = Some((first, now));
                let change = change.map(|path| batch.bytes(&path).to_vec());
                self.effect.apply(OwnedChange { change, before });
                if self.effect.is_full() {
                    self.flush(batch);
                }
            } else {
                self.flush(batch);
                batch.push(change);
            }
        }
        if self.deadline().is_some_and(|due| due <= now) {
            self.flush(batch);
        }
    }

    /// Makes all changes from now on due at once.
    pub(crate) fn end(&mut self) {
        self.quiet = 0;
    }

    /// When the last of the held changes came.
    pub(crate) fn last(&self) -> Option<u64> {
        self.held.map(|(_, last)| last)
    }

    /// When the held changes are due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let (first, last) = self.held?;
        let most = first.saturating_add(self.quiet.saturating_mul(MOST));
        Some(last.saturating_add(self.quiet).min(most))
    }

    /// Appends the net effect of the held changes to the batch.
    fn flush(&mut self, batch: &mut Batch) {
        if self.held.take().is_some() {
            for change in self.effect.take() {
                batch.push_owned(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Settle;
    use crate::change::{Batch, Change, Content, Kind};

    fn created(batch: &mut Batch, kind: Kind, path: &str) {
        let path = batch.path(|bytes| bytes.extend(path.as_bytes()));
        let (content, entered) = (Content::default(), kind == Kind::Directory);
        batch.push(Change::Created {
            kind,
            path,
            content,
            entered,
            attributes: None,
        });
    }

    #[test]
    fn what_is_held_has_few_bytes_of_paths() {
        let mut settle = Settle::new(u64::MAX / 100);
        let mut held = 0;
        let mut most = 0;
        for number in 0..100 {
            let mut batch = Batch::default();
            let path = format!("t/{}{number}", "long".repeat(40));
            created(&mut batch, Kind::File, &path);
            held += path.len();
            settle.pass(&mut batch, 0);
            let emitted = batch.changes().iter().map(|change| match change {
                Change::Created { path, .. } => path.len(),
                other => panic!("{other:?}"),
            });
            held -= emitted.sum::<usize>();
            most = most.max(held);
        }
        assert!((2000..=4096).contains(&most), "{most} bytes");
    }

    #[test]
    fn what_is_held_does_not_grow_by_the_rename_of_a_directory() {
        let mut settle = Settle::new(u64::MAX / 100);
        let mut batch = Batch::default();
        created(&mut batch, Kind::Directory, "t/d");
        for number in 0..20 {
            created(&mut batch, Kind::File, &format!("t/d/{number}"));
        }
        settle.pass(&mut batch, 0);
        assert!(batch.changes().is_empty());
        let from = batch.path(|bytes| bytes.extend(b"t/d"));
        let path = batch.path(|bytes| bytes.extend(["t/", &"long".repeat(60)].concat().bytes()));
        let kind = Kind::Directory;
        batch.push(Change::Renamed { kind, from, path });
        settle.pass(&mut batch, 0);
        assert!(!batch.changes().is_empty(), "more is held than is allowed");
    }
}
