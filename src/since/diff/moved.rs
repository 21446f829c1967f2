//! Pairs what is left when all names are paired: the same inode under another name was renamed,
//! with all below it. A PATH, or a directory with one below, stays what it was called: it is
//! deleted and created.
//!
//! Invariant: no entry is paired twice.

use std::collections::HashMap;

use super::{Differ, is_part, path_of};
use crate::change::Kind;
use crate::since::tree::TreeId;
use crate::tracker::model::Id;

impl<D> Differ<'_, D> {
    /// Pairs what is left by inode number and birth time, each with what is below it.
    pub(super) fn match_inodes(&mut self, new: &[Id]) {
        let mut by_inode = self.by_inode(new);
        if by_inode.is_empty() {
            return;
        }
        let mut next = std::mem::take(&mut self.pairs.gone);
        next.reverse();
        while let Some(old) = next.pop() {
            if self.pairs.of_old[old.index()].is_some() {
                continue;
            }
            let is_fixed = self.trees.paths.has_entry_at_or_below(old);
            let inode = self.trees.tree.inode(old).filter(|_| !is_fixed);
            let found = inode.and_then(|inode| {
                let candidates = by_inode.get_mut(&inode.ino)?;
                let at = candidates.iter().position(|&new| self.is_moved(old, new))?;
                Some(candidates.swap_remove(at))
            });
            if let Some(new) = found {
                self.pair_moved(old, new, &mut next);
            } else {
                self.pairs.gone.push(old);
                // What is in it may have moved out of it.
                next.extend(self.trees.tree.reported_children(old));
            }
        }
    }

    fn pair_moved(&mut self, old: TreeId, new: Id, next: &mut Vec<TreeId>) {
        let mut stack = vec![(old, new)];
        while let Some((old, new)) = stack.pop() {
            if self.pairs.of_new[&new].is_some() || !self.is_same(old, new) {
                next.push(old);
                continue;
            }
            self.pairs.of_new.insert(new, Some(old));
            self.pair(old, new);
            if self.trees.tree.kind(old) != Some(Kind::Directory) {
                continue;
            }
            for child in self.trees.tree.reported_children(old) {
                let found = self
                    .trees
                    .tracker
                    .model
                    .find(new, self.trees.tree.name(child));
                match found.filter(|&found| is_part(self.trees.tracker, new, found)) {
                    Some(other) => stack.push((child, other)),
                    None => next.push(child),
                }
            }
        }
    }

    /// Directories and files by inode number, where it is known.
    fn by_inode(&mut self, new: &[Id]) -> HashMap<u64, Vec<Id>> {
        let mut by_inode: HashMap<u64, Vec<Id>> = HashMap::new();
        for &id in new {
            let model = &self.trees.tracker.model;
            let ino = match model.kind(id) {
                Kind::Directory => Some(model.inode(id).ino),
                Kind::File => self.trees.metadata.times(id).map(|times| times.ino),
                Kind::Symlink | Kind::Other => None,
            };
            if let Some(ino) = ino {
                by_inode.entry(ino).or_default().push(id);
            }
        }
        by_inode
    }

    /// Whether an entry of the model is the reported one under another name.
    fn is_moved(&mut self, old: TreeId, new: Id) -> bool {
        if self.pairs.of_new[&new].is_some()
            || self.trees.tree.kind(old) != Some(self.trees.tracker.model.kind(new))
            || self
                .trees
                .paths
                .has_path_at_or_below(&path_of(self.trees.tracker, new))
        {
            return false;
        }
        let (Some(before), Some(now)) =
            (self.trees.tree.inode(old), self.trees.metadata.times(new))
        else {
            return false;
        };
        if before.btime.is_some() && now.btime.is_some() {
            return before.may_be(&now);
        }
        // Without a birth time, the inode number may be that of a deleted file, used again.
        let is_same_state = || {
            let times = self.trees.tree.times(old);
            times.is_some_and(|times| times.mtime == now.mtime)
                && self.trees.tree.size(old) == self.trees.metadata.size(new)
        };
        before.ino == now.ino && is_same_state()
    }
}
