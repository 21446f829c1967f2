//! Finds the entries of the model that may be a reported one under another name.
//!
//! Invariant: each is looked up by what is compared, so that an inode number with many names, or
//! one that was used again, costs no more than others.

use std::collections::HashMap;

use super::metadata::Metadata;
use crate::change::Kind;
use crate::since::tree::{Tree, TreeId};
use crate::tracker::model::Id;

#[derive(Default)]
pub(super) struct Candidates {
    /// Directories and files by inode number, until that is looked up.
    by_inode: HashMap<u64, Vec<Id>>,
    by_key: HashMap<Key, Vec<Id>>,
}

/// What must be the same.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    kind: Kind,
    ino: u64,
    state: State,
}

#[derive(PartialEq, Eq, Hash)]
enum State {
    Birth(i64),
    /// Without a birth time, the inode number may be that of a deleted file, used again: its mtime
    /// and its size.
    Content {
        mtime: i64,
        size: Option<u64>,
        /// Whether the birth time of the entry is known, though the reported one is not.
        has_birth: bool,
    },
}

impl Candidates {
    /// `new`: entries for which nothing of the same path was reported.
    pub(super) fn new<D>(new: &[Id], metadata: &mut Metadata<'_, D>) -> Self {
        let mut candidates = Self::default();
        for &id in new {
            let model = &metadata.tracker.model;
            let ino = match model.kind(id) {
                // Its times cost a statx(2): they are asked for only if the inode number is looked up.
                Kind::Directory => Some(model.inode(id).ino),
                Kind::File => metadata.times(id).map(|times| times.ino),
                Kind::Symlink | Kind::Other => None,
            };
            if let Some(ino) = ino {
                candidates.by_inode.entry(ino).or_default().push(id);
            }
        }
        candidates
    }

    pub(super) fn are_none(&self) -> bool {
        self.by_inode.is_empty()
    }

    /// Takes an entry that is the reported one under another name. Those that cannot be renamed are
    /// dropped.
    pub(super) fn take<D>(
        &mut self,
        (tree, old): (&Tree, TreeId),
        metadata: &mut Metadata<'_, D>,
        may_be_renamed: impl Fn(Id) -> bool,
    ) -> Option<Id> {
        let (kind, inode) = (tree.kind(old)?, tree.inode(old)?);
        let ino = inode.ino;
        for id in self.by_inode.remove(&ino).into_iter().flatten() {
            self.add(id, ino, metadata);
        }
        let content = |has_birth| {
            tree.times(old).map(|times| State::Content {
                mtime: times.mtime,
                size: tree.size(old),
                has_birth,
            })
        };
        let states = match inode.btime {
            Some(btime) => [Some(State::Birth(btime)), content(false)],
            None => [content(false), content(true)],
        };
        let keys = states.into_iter().flatten();
        let mut keys = keys.map(|state| Key { kind, ino, state });
        keys.find_map(|key| {
            let known = self.by_key.get_mut(&key)?;
            std::iter::from_fn(|| known.pop()).find(|&id| may_be_renamed(id))
        })
    }

    /// Adds an entry to those that are looked up by what is compared.
    fn add<D>(&mut self, id: Id, ino: u64, metadata: &mut Metadata<'_, D>) {
        let Some(times) = metadata.times(id).filter(|times| times.ino == ino) else {
            return;
        };
        let content = State::Content {
            mtime: times.mtime,
            size: metadata.size(id),
            has_birth: times.btime.is_some(),
        };
        let birth = times.btime.map(State::Birth);
        let kind = metadata.tracker.model.kind(id);
        for state in birth.into_iter().chain([content]) {
            let key = Key { kind, ino, state };
            self.by_key.entry(key).or_default().push(id);
        }
    }
}
