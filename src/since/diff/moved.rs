//! Pairs what is left when all names are paired: the same inode under another name was renamed,
//! with all below it. A PATH, or a directory with one below, stays what it was called: it is
//! deleted and created.
//!
//! Invariant: no entry is paired twice.

use super::candidates::Candidates;
use super::{Differ, Trees, is_part, path_of};
use crate::change::Kind;
use crate::since::tree::TreeId;
use crate::tracker::model::Id;

impl<D> Differ<'_, D> {
    /// Pairs what is left by inode number and birth time, each with what is below it.
    pub(super) fn match_inodes(&mut self, new: &[Id]) {
        let mut candidates = Candidates::new(new, &mut self.trees.metadata);
        if candidates.are_none() {
            return;
        }
        let mut next = std::mem::take(&mut self.pairs.gone);
        next.reverse();
        while let Some(old) = next.pop() {
            if self.pairs.of_old[old.index()].is_some() {
                continue;
            }
            let is_fixed = self.trees.paths.has_entry_at_or_below(old);
            let found = (!is_fixed).then(|| self.take_moved(old, &mut candidates));
            if let Some(new) = found.flatten() {
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

    /// Takes the entry of the model that is the reported one under another name.
    fn take_moved(&mut self, old: TreeId, candidates: &mut Candidates) -> Option<Id> {
        let Trees {
            tree,
            tracker,
            metadata,
            paths,
            ..
        } = &mut self.trees;
        candidates.take((tree, old), metadata, |new| {
            self.pairs.of_new[&new].is_none() && !paths.has_path_at_or_below(&path_of(tracker, new))
        })
    }
}
