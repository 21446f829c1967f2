//! `--settle`: changes are held until the tree has been quiet for a while, and their net
//! effect is put in their place.
//!
//! Time is a parameter. Invariant: what is held is emitted at the latest after ten times
//! as long as it is to be quiet, and what is held has a bound.

use crate::change::Batch;
use crate::net_effect::{NetEffect, OwnedChange};

/// How many times as long changes are held at most.
const MOST: u64 = 10;

pub(crate) struct Settle {
    /// How long it is to be quiet, in nanoseconds.
    quiet: u64,
    effect: NetEffect,
    /// When the first and the last of the changes that are held came, on the monotonic clock.
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

    /// Takes the changes out of a batch, and puts in what is due. What is no change of the
    /// tree goes on at once, after all that came before it.
    pub(crate) fn pass(&mut self, batch: &mut Batch, now: u64) {
        let changes = batch.take_changes();
        for (change, before) in changes {
            match OwnedChange::of(batch, &change, before) {
                Some(owned) => {
                    let (first, _) = self.held.unwrap_or((now, now));
                    self.held = Some((first, now));
                    self.effect.apply(&owned);
                    if self.effect.is_full() {
                        self.flush(batch);
                    }
                }
                None => {
                    self.flush(batch);
                    batch.push(change);
                }
            }
        }
        if self.deadline().is_some_and(|due| due <= now) {
            self.flush(batch);
        }
    }

    /// From now on all that comes is due at once.
    pub(crate) fn end(&mut self) {
        self.quiet = 0;
    }

    /// When the last of what is held came.
    pub(crate) fn last(&self) -> Option<u64> {
        self.held.map(|(_, last)| last)
    }

    /// When what is held is due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let (first, last) = self.held?;
        let most = first.saturating_add(self.quiet.saturating_mul(MOST));
        Some(last.saturating_add(self.quiet).min(most))
    }

    /// Appends all that is held to the batch.
    fn flush(&mut self, batch: &mut Batch) {
        if self.held.take().is_some() {
            for change in self.effect.take() {
                change.push(batch);
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
