//! Turns the tree that a stream reported and the model of the disk into the changes between
//! them.
//!
//! What has the same inode number and birth time under another name was renamed, with all
//! below it; the rest was deleted and created, or has other content. Reads nothing itself.
//! Invariant: the records fold the one tree to the other.

mod candidates;
mod metadata;
mod moved;
mod net_builder;
mod paths;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use super::Since;
use super::tree::{Tree, TreeId};
use crate::change::{Attributes, Bytes, Content, InodeTimes, Kind};
use crate::net_effect::{NodeId, Plan};
use crate::tracker::Tracker;
use crate::tracker::model::{Flag, Id};
use metadata::Metadata;
use net_builder::NetBuilder;
use paths::Paths;

pub(crate) struct Difference {
    pub(crate) changes: Plan,
    /// Files of which the content is not known yet, with what was reported under their name, if it
    /// was: they are to be reconciled.
    pub(crate) unread: Vec<(Id, Option<TreeId>)>,
}

/// How trees are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Comparison {
    /// Whether a digest that the stream does not have is a difference.
    pub(crate) completes_digests: bool,
    /// Whether a mode that the stream does not have is a difference, where modes are reported.
    pub(crate) completes_attributes: bool,
    /// Whether renames are looked for.
    pub(crate) renames: bool,
}

/// `found`: size and times of the files that the baseline read or stat'ed, by the index of their
/// entry. `directory_times`: those of a directory as they are now, which the baseline does not stat.
pub(crate) fn diff<D>(
    since: &Since,
    tracker: &Tracker<D>,
    found: &[Option<(u64, InodeTimes)>],
    directory_times: &mut dyn FnMut(Id) -> Option<InodeTimes>,
    comparison: Comparison,
) -> Difference {
    let tree = &since.tree;
    let mut differ = Differ {
        trees: Trees {
            since,
            tree,
            tracker,
            metadata: Metadata {
                since,
                tracker,
                found,
                directory_times,
            },
            paths: Paths::new(tree),
        },
        comparison,
        pairs: Pairs {
            of_old: vec![None; tree.end()],
            of_new: HashMap::new(),
            gone: Vec::new(),
            changed: Vec::new(),
            attributes_changed: Vec::new(),
        },
        new_left: Vec::new(),
        unread: Vec::new(),
    };
    differ.match_names();
    let new = differ.collect_new();
    if comparison.renames {
        differ.match_inodes(&new);
    }
    differ.finish()
}

/// The two trees that are compared.
struct Trees<'a, D> {
    since: &'a Since,
    tree: &'a Tree,
    tracker: &'a Tracker<D>,
    metadata: Metadata<'a, D>,
    paths: Paths<'a>,
}

/// What the comparison has found.
struct Pairs {
    /// For each reported entry, by its index: the entry of the model that was paired with it.
    of_old: Vec<Option<Id>>,
    /// For each entry of the model for which nothing of the same path was reported: the reported
    /// entry from which it was renamed, or `None` if it was created.
    of_new: HashMap<Id, Option<TreeId>>,
    /// The topmost reported entries for which the model has no pair of the same path. What is in them
    /// may have one.
    gone: Vec<TreeId>,
    /// Paired files whose content differs, with the content that they have now.
    changed: Vec<(TreeId, Content)>,
    /// Paired entries whose mode or owner differs, with those that they have now.
    attributes_changed: Vec<(TreeId, Attributes)>,
}

struct Differ<'a, D> {
    trees: Trees<'a, D>,
    comparison: Comparison,
    pairs: Pairs,
    /// The topmost entries of the model for which nothing of the same path was reported, until all
    /// that is in them is in `pairs.of_new`.
    new_left: Vec<Id>,
    unread: Vec<(Id, Option<TreeId>)>,
}

impl<D> Trees<'_, D> {
    /// Whether an entry has the path of a PATH. With the PATHs in another order than before, it may
    /// be a part of another one now.
    fn has_path_of_path(&self, id: Id) -> bool {
        let model = &self.tracker.model;
        let is_root = model
            .parent(id)
            .is_none_or(|dir| model.has(dir, Flag::HIDDEN) || is_named_root(self.tracker, dir, id));
        is_root || self.paths.has_several() && self.paths.has_path(&path_of(self.tracker, id))
    }

    /// Mode and owner as they were reported, where they still are reported.
    fn attributes(&self, old: TreeId) -> Option<Attributes> {
        let are_reported = self.tracker.settings.attributes;
        are_reported.then(|| self.tree.attributes(old)).flatten()
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
}

impl<D> Differ<'_, D> {
    /// Pairs what has the same name and, as far as that is known, the same inode.
    fn match_names(&mut self) {
        let tree = self.trees.tree;
        let mut seen = vec![false; tree.end()];
        for (path, id) in self.tops() {
            match tree.at(&path) {
                Some(old) if tree.kind(old).is_some() => {
                    seen[old.index()] = true;
                    self.pair_by_name(old, id);
                }
                _ => self.new_left.push(id),
            }
        }
        let gone = self.trees.paths.entries().filter(|old| !seen[old.index()]);
        self.pairs.gone.extend(gone);
    }

    /// The entries of the PATHs, each with its path as it is reported.
    fn tops(&self) -> Vec<(Vec<u8>, Id)> {
        let (tracker, model) = (self.trees.tracker, &self.trees.tracker.model);
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
    fn pair_by_name(&mut self, old: TreeId, new: Id) {
        let mut stack = vec![(old, new)];
        while let Some((old, new)) = stack.pop() {
            if !self.is_same(old, new) {
                self.pairs.gone.push(old);
                self.new_left.push(new);
                continue;
            }
            self.pair(old, new);
            if self.trees.tree.kind(old) == Some(Kind::Directory) {
                self.pair_children(old, new, &mut stack);
            }
        }
    }

    fn pair_children(&mut self, old: TreeId, new: Id, stack: &mut Vec<(TreeId, Id)>) {
        let (tree, model) = (self.trees.tree, &self.trees.tracker.model);
        let before = stack.len();
        let mut near = None;
        for child in parts(self.trees.tracker, new) {
            let found = tree.child_near(old, model.name(child), near);
            near = found.or(near);
            match found {
                Some(other) if tree.kind(other).is_some() => stack.push((other, child)),
                _ => self.new_left.push(child),
            }
        }
        let paired = stack.len() - before;
        if tree.reported_children(old).count() > paired {
            let found: HashSet<TreeId> = stack[before..].iter().map(|&(old, _)| old).collect();
            let gone = tree.reported_children(old);
            self.pairs
                .gone
                .extend(gone.filter(|child| !found.contains(child)));
        }
    }

    /// Whether what has the same name is, as far as is known, the same.
    fn is_same(&mut self, old: TreeId, new: Id) -> bool {
        let kind = self.trees.tracker.model.kind(new);
        if self.trees.tree.kind(old) != Some(kind) {
            return false;
        }
        let Some(before) = self.trees.tree.inode(old) else {
            return true;
        };
        match kind {
            Kind::File if self.trees.since.is_marked_unchanged(old) => true,
            // Its inode number is not known before its file system answers.
            Kind::Directory if self.trees.tracker.is_unlisted(new) => true,
            // Two directories of the same name are no change: no record gives the new inode number.
            Kind::Directory if !self.comparison.renames => true,
            // The birth time costs a statx(2): it is asked for only if the inode number differs.
            Kind::Directory if self.trees.tracker.model.inode(new).ino == before.ino => true,
            Kind::Directory | Kind::File => {
                let now = self.trees.metadata.times(new);
                now.is_none_or(|now| before.may_be(&now))
            }
            Kind::Symlink | Kind::Other => true,
        }
    }

    fn pair(&mut self, old: TreeId, new: Id) {
        self.pairs.of_old[old.index()] = Some(new);
        if self.trees.tracker.model.kind(new) == Kind::File
            && !self.trees.since.is_marked_unchanged(old)
        {
            self.compare(old, new);
        }
        let before = self.trees.attributes(old);
        let may_differ = before.is_some() || self.comparison.completes_attributes;
        let now = self.trees.tracker.known_attributes(new);
        if let Some(now) = now.filter(|&now| may_differ && before != Some(now)) {
            self.pairs.attributes_changed.push((old, now));
        }
    }

    /// Compares the content of a file with what was reported of it.
    fn compare(&mut self, old: TreeId, new: Id) {
        let (before, now) = (
            self.trees.tree.digest(old),
            self.trees.tracker.model.digest(new),
        );
        let times = self.trees.metadata.times(new);
        let is_new = match (before, now) {
            (Some(before), Some(now)) => before != now,
            (None, Some(_)) if self.comparison.completes_digests => true,
            (_, None) if times.is_none() || self.trees.tracker.is_to_be_read(new) => {
                self.unread.push((new, Some(old)));
                false
            }
            _ => match (self.trees.tree.times(old), times) {
                // A rename, a link or a new mode moves the ctime alone.
                (Some(before), Some(now)) => {
                    (before.ino, before.mtime) != (now.ino, now.mtime)
                        || self.trees.tree.size(old) != self.trees.metadata.size(new)
                }
                // Nothing shows that the reported digest still holds.
                _ => before.is_some() || self.trees.tree.size(old) != self.trees.metadata.size(new),
            },
        };
        if is_new {
            let content = self.trees.content(new);
            self.pairs.changed.push((old, content));
        }
    }

    /// Puts all that is left in the model into `of_new`, without a pair. Returns it.
    fn collect_new(&mut self) -> Vec<Id> {
        let mut stack = std::mem::take(&mut self.new_left);
        let mut all = Vec::new();
        while let Some(id) = stack.pop() {
            self.pairs.of_new.insert(id, None);
            all.push(id);
            stack.extend(parts(self.trees.tracker, id));
        }
        all
    }

    /// Makes records of the pairs and of what has none.
    fn finish(mut self) -> Difference {
        let (net, new_nodes) = NetBuilder::new(&mut self.trees, &self.pairs).build();
        let changes = Plan::new(net, self.trees.tree.tildes());
        self.add_unread(&changes, &new_nodes);
        Difference {
            changes,
            unread: self.unread,
        }
    }

    /// Adds the files without a pair that are still to be read. One that is not created has the
    /// place of another file, which was reported there.
    fn add_unread(&mut self, changes: &Plan, new_nodes: &HashMap<Id, NodeId>) {
        let (tracker, model) = (self.trees.tracker, &self.trees.tracker.model);
        let new = self.pairs.of_new.iter().filter(|(_, old)| old.is_none());
        let files = new.filter(|&(&id, _)| model.kind(id) == Kind::File);
        let mut unread: Vec<Id> = files
            .map(|(&id, _)| id)
            .filter(|&id| tracker.is_to_be_read(id))
            .collect();
        unread.sort_unstable();
        for id in unread {
            let node = new_nodes.get(&id);
            let is_created = node.is_some_and(|&node| changes.creates(node));
            let old = || self.trees.tree.at(&path_of(tracker, id));
            let old = if is_created { None } else { old() };
            self.unread.push((id, old));
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

/// The entries in a directory of the model that are reported as part of it.
fn parts<D>(tracker: &Tracker<D>, dir: Id) -> impl Iterator<Item = Id> {
    let children = tracker.model.children(dir);
    children.filter(move |&child| is_part(tracker, dir, child))
}

fn is_part<D>(tracker: &Tracker<D>, dir: Id, child: Id) -> bool {
    !tracker.model.has(child, Flag::HIDDEN) && !is_named_root(tracker, dir, child)
}

/// Whether an entry is a PATH itself, and so not reported as part of its directory.
fn is_named_root<D>(tracker: &Tracker<D>, dir: Id, id: Id) -> bool {
    let (model, roots) = (&tracker.model, &tracker.roots);
    model.has(dir, Flag::HAS_FILE_ROOT) && roots.file(dir, model.name(id)).is_some()
}
