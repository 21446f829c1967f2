//! Turns the tree that a stream reported and the model of the disk into the changes between
//! them.
//!
//! What has the same inode number and birth time under another name was renamed, with all
//! below it; the rest was deleted and created, or has other content. Reads nothing itself.
//! Invariant: the records fold the one tree to the other.

mod moved;
mod net_builder;

use std::collections::{HashMap, HashSet};

use super::Since;
use super::tree::{Tree, TreeId};
use crate::change::{Bytes, Content, InodeTimes, Kind, OwnedChange};
use crate::net_effect::plan;
use crate::tracker::Tracker;
use crate::tracker::model::{Flag, Id};
use net_builder::NetBuilder;

/// Sizes and times, which the model does not keep.
pub(crate) trait EntryMetadata {
    /// Inode number and times: of a file, as the baseline found them; of a directory, which the
    /// baseline does not stat, as they are now.
    fn times(&mut self, id: Id) -> Option<InodeTimes>;
    /// The size of a file, as the baseline found it; `None` for all else.
    fn size(&mut self, id: Id) -> Option<u64>;
}

pub(crate) struct Difference {
    pub(crate) changes: Vec<OwnedChange>,
    /// Files of which it is not known yet whether they changed: they are to be reconciled.
    pub(crate) doubtful: Vec<(Id, TreeId)>,
}

/// How trees are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Comparison {
    /// Whether a digest that the stream does not have is a difference.
    pub(crate) completes_digests: bool,
    /// Whether renames are looked for.
    pub(crate) renames: bool,
}

pub(crate) fn diff<D>(
    since: &Since,
    tracker: &Tracker<D>,
    metadata: &mut dyn EntryMetadata,
    comparison: Comparison,
) -> Difference {
    let tree = &since.tree;
    let mut differ = Differ {
        since,
        tree,
        tracker,
        metadata,
        comparison,
        of_old: vec![None; tree.end()],
        of_new: HashMap::new(),
        old_left: Vec::new(),
        new_left: Vec::new(),
        changed: Vec::new(),
        doubtful: Vec::new(),
    };
    differ.match_names();
    if comparison.renames {
        differ.match_inodes();
    }
    differ.finish()
}

struct Differ<'a, D> {
    since: &'a Since,
    tree: &'a Tree,
    tracker: &'a Tracker<D>,
    metadata: &'a mut dyn EntryMetadata,
    comparison: Comparison,
    /// For each reported entry, by its index: the entry of the model that was paired with it.
    of_old: Vec<Option<Id>>,
    /// For each entry of `new_left`, and each below one: the reported entry from which it was
    /// renamed, or `None` if it was created.
    of_new: HashMap<Id, Option<TreeId>>,
    /// The topmost reported entries for which the model has no pair of the same path.
    old_left: Vec<TreeId>,
    /// The topmost entries of the model for which nothing of the same path was reported.
    new_left: Vec<Id>,
    /// Paired files whose content differs, with the content that they have now.
    changed: Vec<(TreeId, Content)>,
    doubtful: Vec<(Id, TreeId)>,
}

impl<D> Differ<'_, D> {
    /// Pairs what has the same name and, as far as that is known, the same inode.
    fn match_names(&mut self) {
        let tree = self.tree;
        let mut seen = vec![false; tree.end()];
        for (path, id) in self.tops() {
            match tree.at(&path) {
                Some(old) if tree.kind(old).is_some() => {
                    seen[old.index()] = true;
                    self.consider(old, id);
                }
                _ => self.new_left.push(id),
            }
        }
        // The topmost reported entries are PATHs: above them are names that no record has.
        let mut stack = vec![TreeId::TOP];
        while let Some(old) = stack.pop() {
            if old != TreeId::TOP && tree.kind(old).is_some() {
                if !seen[old.index()] {
                    self.old_left.push(old);
                }
            } else {
                stack.extend(tree.children(old));
            }
        }
    }

    /// The entries of the PATHs, each with its path as it is reported.
    fn tops(&self) -> Vec<(Vec<u8>, Id)> {
        let (tracker, model) = (self.tracker, &self.tracker.model);
        let files = tracker.roots.files().iter();
        let files = files.filter_map(|file| model.find(file.dir, &file.name));
        let roots = tracker.roots.entries();
        let tops = roots
            .chain(files)
            .filter(|&id| !model.has(id, Flag::HIDDEN));
        tops.map(|id| (path_of(tracker, id), id)).collect()
    }

    /// Pairs an entry with the one reported under the same path, and what is below them; where
    /// they are not the same file, both are left.
    fn consider(&mut self, old: TreeId, new: Id) {
        let mut stack = vec![(old, new)];
        while let Some((old, new)) = stack.pop() {
            if !self.is_same(old, new) {
                self.old_left.push(old);
                self.new_left.push(new);
                continue;
            }
            self.pair(old, new);
            if self.tree.kind(old) == Some(Kind::Directory) {
                self.pair_children(old, new, &mut stack);
            }
        }
    }

    fn pair_children(&mut self, old: TreeId, new: Id, stack: &mut Vec<(TreeId, Id)>) {
        let (tree, model) = (self.tree, &self.tracker.model);
        let before = stack.len();
        let mut near = None;
        for child in model.children(new) {
            if model.has(child, Flag::HIDDEN) || self.is_named_root(new, child) {
                continue;
            }
            let found = tree.child_near(old, model.name(child), near);
            near = found.or(near);
            match found {
                Some(other) if tree.kind(other).is_some() => stack.push((other, child)),
                _ => self.new_left.push(child),
            }
        }
        let paired = stack.len() - before;
        let olds = tree
            .children(old)
            .filter(|&child| tree.kind(child).is_some());
        if olds.count() > paired {
            let found: HashSet<TreeId> = stack[before..].iter().map(|&(old, _)| old).collect();
            let gone = tree
                .children(old)
                .filter(|&child| tree.kind(child).is_some());
            self.old_left
                .extend(gone.filter(|child| !found.contains(child)));
        }
    }

    /// Whether an entry is a PATH itself, and so not reported as part of its directory.
    fn is_named_root(&self, dir: Id, id: Id) -> bool {
        let model = &self.tracker.model;
        let roots = &self.tracker.roots;
        model.has(dir, Flag::HAS_FILE_ROOT) && roots.file(dir, model.name(id)).is_some()
    }

    /// Whether what has the same name is, as far as is known, the same.
    fn is_same(&mut self, old: TreeId, new: Id) -> bool {
        let kind = self.tracker.model.kind(new);
        if self.tree.kind(old) != Some(kind) {
            return false;
        }
        let Some(before) = self.tree.inode(old) else {
            return true;
        };
        match kind {
            Kind::File if self.since.is_marked_unchanged(old) => true,
            // Its inode number is not known before its file system answers.
            Kind::Directory if self.tracker.is_unasked(new) => true,
            // The birth time costs a statx(2): it is asked for only if the inode number differs.
            Kind::Directory if self.tracker.model.inode(new).ino == before.ino => true,
            Kind::Directory | Kind::File => {
                let now = self.metadata.times(new);
                now.is_none_or(|now| before.may_be(&now))
            }
            Kind::Symlink | Kind::Other => true,
        }
    }

    fn pair(&mut self, old: TreeId, new: Id) {
        self.of_old[old.index()] = Some(new);
        if self.tracker.model.kind(new) == Kind::File && !self.since.is_marked_unchanged(old) {
            self.compare(old, new);
        }
    }

    /// Compares the content of a file with what was reported of it.
    fn compare(&mut self, old: TreeId, new: Id) {
        let (before, now) = (self.tree.digest(old), self.tracker.model.digest(new));
        let times = self.metadata.times(new);
        let is_new = match (before, now) {
            (Some(before), Some(now)) => before != now,
            (None, Some(_)) if self.comparison.completes_digests => true,
            (_, None) if times.is_none() || self.tracker.is_to_be_read(new) => {
                self.doubtful.push((new, old));
                false
            }
            _ => match (self.tree.times(old), times) {
                // A rename, a link or a new mode moves the ctime alone.
                (Some(before), Some(now)) => {
                    (before.ino, before.mtime) != (now.ino, now.mtime)
                        || self.tree.size(old) != self.metadata.size(new)
                }
                _ => self.tree.size(old) != self.metadata.size(new),
            },
        };
        if is_new {
            let content = self.content(new);
            self.changed.push((old, content));
        }
    }

    fn content(&mut self, id: Id) -> Content {
        let bytes = self.metadata.size(id).map(|size| Bytes {
            size,
            digest: self.tracker.model.digest(id),
        });
        Content {
            bytes,
            stat: self.metadata.times(id),
        }
    }

    /// Makes records of the pairs and of what has none.
    fn finish(mut self) -> Difference {
        let mut stack = self.new_left.clone();
        while let Some(id) = stack.pop() {
            let model = &self.tracker.model;
            self.of_new.entry(id).or_insert(None);
            stack.extend(
                model
                    .children(id)
                    .filter(|&child| !model.has(child, Flag::HIDDEN)),
            );
        }
        let net = NetBuilder::new(&mut self).build();
        Difference {
            changes: plan(net),
            doubtful: self.doubtful,
        }
    }
}

/// The path of an entry as it is reported; empty for the PATH `/`, since paths in it begin with
/// a slash.
fn path_of<D>(tracker: &Tracker<D>, id: Id) -> Vec<u8> {
    let mut path = Vec::new();
    tracker.write_path(id, &mut path);
    if path == b"/" {
        path.clear();
    }
    path
}
