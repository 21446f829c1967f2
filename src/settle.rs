//! Holds changes until the tree has been quiet for a while, and replaces them by their net effect
//! (`--settle`).
//!
//! Time is a parameter. Invariant: changes are held for no longer than ten times the quiet time,
//! and their number has a limit.

use crate::change::{ChangeBuffer, OwnedChange};
use crate::net_effect::NetEffect;

/// Changes are held for at most this many times the quiet time.
const MOST: u64 = 10;

/// When the held changes are due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Once the tree has been quiet, or they were held for long.
    OnceQuiet,
    /// At the end of the next pass; later ones once it is quiet again.
    AtNextPass,
    /// At the end of every pass.
    AtOnce,
}

pub(crate) struct Settle {
    /// The quiet time, in nanoseconds.
    quiet: u64,
    effect: NetEffect,
    /// When the first and the last of the held changes came, on the monotonic clock.
    held: Option<(u64, u64)>,
    due: Due,
}

impl Settle {
    pub(crate) fn new(quiet: u64) -> Self {
        Self {
            quiet,
            effect: NetEffect::default(),
            held: None,
            due: Due::OnceQuiet,
        }
    }

    /// Takes the changes out of a buffer, and appends what is due. A record that is no change of the
    /// tree is not held, and makes all changes before it due. `tildes`: no name in the tree, then or
    /// now, has more at its end.
    pub(crate) fn pass(&mut self, buffer: &mut ChangeBuffer, tildes: usize, now: u64) {
        let changes = buffer.take_changes();
        for (change, before) in changes {
            if change.is_of_the_tree() {
                let (first, _) = self.held.unwrap_or((now, now));
                self.held = Some((first, now));
                let change = change.map(|path| buffer.bytes(&path).to_vec());
                self.effect.apply(OwnedChange { change, before });
                if self.effect.is_full() {
                    self.flush(buffer, tildes);
                }
            } else {
                self.flush(buffer, tildes);
                buffer.push(change);
            }
        }
        let is_due = match self.due {
            Due::OnceQuiet => self.deadline().is_some_and(|due| due <= now),
            Due::AtNextPass | Due::AtOnce => true,
        };
        if is_due {
            self.flush(buffer, tildes);
        }
        if self.due == Due::AtNextPass {
            self.due = Due::OnceQuiet;
        }
    }

    /// Makes the changes due at once that are held now.
    pub(crate) fn release(&mut self) {
        if self.due == Due::OnceQuiet {
            self.due = Due::AtNextPass;
        }
    }

    /// Makes all changes from now on due at once.
    pub(crate) fn end(&mut self) {
        self.due = Due::AtOnce;
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

    /// Appends the net effect of the held changes to the buffer.
    fn flush(&mut self, buffer: &mut ChangeBuffer, tildes: usize) {
        if self.held.take().is_some() {
            for change in self.effect.take(tildes) {
                buffer.push_owned(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Settle;
    use crate::change::{Before, Change, ChangeBuffer, Content, Kind, OwnedChange};

    fn created(buffer: &mut ChangeBuffer, kind: Kind, path: &str) {
        let path = buffer.path(|bytes| bytes.extend(path.as_bytes()));
        let (content, entered) = (Content::default(), kind == Kind::Directory);
        buffer.push(Change::Created {
            kind,
            path,
            content,
            entered,
            attributes: None,
        });
    }

    #[test]
    fn what_a_rename_replaced_is_deleted_if_the_renamed_goes_on() {
        let mut settle = Settle::new(0);
        let mut buffer = ChangeBuffer::keeping_before();
        let replaced = Before::new(Kind::File, None);
        for (from, path, before) in [("t/a", "t/b", Some(replaced)), ("t/b", "t/c", None)] {
            let change = Change::Renamed {
                kind: Kind::File,
                from: from.into(),
                path: path.into(),
            };
            buffer.push_owned(OwnedChange { change, before });
        }
        settle.pass(&mut buffer, 0, 0);
        let deleted = |change: &Change| match change {
            Change::Deleted { path, .. } => Some(buffer.bytes(path).to_vec()),
            _ => None,
        };
        let deleted: Vec<_> = buffer.changes().iter().filter_map(deleted).collect();
        assert_eq!(deleted, [b"t/b"]);
        assert_eq!(buffer.changes().len(), 2);
    }

    #[test]
    fn what_is_held_has_few_bytes_of_paths() {
        let mut settle = Settle::new(u64::MAX / 100);
        let mut held = 0;
        let mut most = 0;
        for number in 0..100 {
            let mut buffer = ChangeBuffer::default();
            let path = format!("t/{}{number}", "long".repeat(40));
            created(&mut buffer, Kind::File, &path);
            held += path.len();
            settle.pass(&mut buffer, 0, 0);
            let emitted = buffer.changes().iter().map(|change| match change {
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
        let mut buffer = ChangeBuffer::default();
        created(&mut buffer, Kind::Directory, "t/d");
        for number in 0..20 {
            created(&mut buffer, Kind::File, &format!("t/d/{number}"));
        }
        settle.pass(&mut buffer, 0, 0);
        assert!(buffer.changes().is_empty());
        let from = buffer.path(|bytes| bytes.extend(b"t/d"));
        let path = buffer.path(|bytes| bytes.extend(["t/", &"long".repeat(60)].concat().bytes()));
        let kind = Kind::Directory;
        buffer.push(Change::Renamed { kind, from, path });
        settle.pass(&mut buffer, 0, 0);
        assert!(!buffer.changes().is_empty(), "more is held than is allowed");
    }

    #[test]
    fn a_chain_of_directories_that_is_deleted_takes_no_more_bytes_than_it_came_with() {
        let mut settle = Settle::new(0);
        let mut buffer = ChangeBuffer::default();
        let path = "t/directory".repeat(100);
        let whole = buffer.path(|bytes| bytes.extend(path.as_bytes()));
        for depth in (1..=100).rev() {
            let (kind, path) = (Kind::Directory, whole.start..path.len() * depth / 100);
            buffer.push(Change::Deleted { kind, path });
        }
        settle.pass(&mut buffer, 0, 0);
        assert_eq!(buffer.changes().len(), 100);
        let most = path.len() * 3;
        assert!(buffer.path_bytes() <= most, "{}", buffer.path_bytes());
    }
}
