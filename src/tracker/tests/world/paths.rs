//! Makes the PATHs of a world, as the start of the watch and a survey make them.

use std::collections::BTreeMap;

use super::{PendingRead, World};
use crate::change::{Bytes, Content, Kind};
use crate::file_status::FsClass;
use crate::tracker::fake::{Node, digest};
use crate::tracker::model::Id;
use crate::tracker::{FileRoot, NewRoot, Root};

impl World {
    /// Builds a PATH that leads to `path`, and is reported as `shown`.
    pub(in crate::tracker::tests) fn build(&mut self, path: &[u8], shown: &[u8]) {
        let roots = self.tracker.roots.directories().iter();
        let roots = roots.filter(|root| root.open.starts_with(path));
        let others: Vec<_> = roots.map(|root| (root.open.clone(), root.entry)).collect();
        let node = self.tracker.disk.build(path).expect("the PATH is there");
        let new = self.new_root(node, path, shown);
        let id = self.tracker.add_path(new);
        // The link that leads to the PATH is not reported, too.
        self.fold.names.remove(shown);
        let mut ids = BTreeMap::new();
        let mut truth = self.tracker.disk.truth(path);
        truth.sort_by(|one, other| one.0.cmp(&other.0));
        for (at, kind, node_at) in truth {
            let is_above = |(root, _): &(Vec<u8>, Id)| at.starts_with(&[root, &b"/"[..]].concat());
            if others.iter().any(is_above) || !self.is_reported(path, &at, kind) {
                continue;
            }
            let child = if node_at == node {
                id
            } else {
                self.known(&mut ids, &at, kind, node_at)
            };
            if let Some((_, other)) = others.iter().find(|(root, _)| *root == at) {
                self.tracker.mark_alias(child, *other);
                continue;
            }
            let bytes = (kind == Kind::File).then(|| self.tracker.disk.bytes(node_at));
            let content = Content {
                bytes: bytes.map(|bytes| Bytes {
                    size: bytes.len() as u64,
                    digest: Some(digest(bytes)),
                }),
                stat: None,
            };
            let shown = [shown, &at[path.len()..]].concat();
            self.fold.add(&shown, kind, content, false);
            if kind == Kind::Directory {
                self.tracker
                    .model
                    .set_inode(child, self.tracker.disk.inode(node_at));
                if !self.tracker.model.is_not_entered(child) {
                    match self.tracker.disk.kernel.watch(node_at) {
                        Ok(wd) => self.tracker.model.set_watch(child, wd),
                        Err(fault) => self.tracker.cannot_watch(child, &fault),
                    }
                }
                ids.insert(at, child);
            }
        }
        self.absorb();
    }

    fn new_root(&self, node: Node, path: &[u8], shown: &[u8]) -> NewRoot {
        NewRoot {
            open: path.to_vec(),
            shown: shown.to_vec(),
            absolute: [b"/", path].concat(),
            class: FsClass::Local,
            inode: self.tracker.disk.inode(node),
        }
    }

    /// Adds a PATH that is a single file, by itself or in another one. What has its name is
    /// reported if it is known; else it is found by the work queue.
    pub(in crate::tracker::tests) fn add_file(&mut self, path: &str) {
        let (above, name) = path.rsplit_once('/').unwrap();
        let node = self.tracker.disk.at(above.as_bytes()).unwrap();
        let wd = self.tracker.disk.kernel.watch(node).unwrap();
        let dir = self.tracker.model.watched(wd).unwrap_or_else(|| {
            let above = above.as_bytes();
            let new = self.new_root(node, above, above);
            self.tracker.add_file_parent(new, wd)
        });
        if let Some(known) = self.tracker.model.find(dir, name.as_bytes()) {
            // From the start it is reported by itself, not under the other PATH.
            let mut other = Vec::new();
            self.tracker.write_path(known, &mut other);
            let entry = self.fold.names.remove(&other).unwrap();
            self.fold.names.insert(path.into(), entry);
        }
        self.tracker.add_file_root(FileRoot {
            dir,
            name: name.into(),
            shown: path.into(),
        });
        self.tracker.enqueue_name(dir, name.as_bytes());
    }

    /// Ends the PATHs that lead elsewhere now, as a survey does.
    pub(super) fn survey(&mut self) {
        if self.tracker.is_emitting() {
            return; // The model must not change.
        }
        let disk = &self.tracker.disk;
        let kind = |path: &[u8]| disk.at(path).map(|node| disk.stat(node).kind);
        let leads_to = |path: &[u8], dir: Id| {
            let found = disk.at(path).map(|node| disk.inode(node));
            found == Some(self.tracker.model.inode(dir))
        };
        let is_lost = |root: &&Root| {
            root.open != root.shown
                && (kind(&root.shown) != Some(Kind::Symlink) || !leads_to(&root.open, root.entry))
        };
        let is_file_lost = |file: &&FileRoot| {
            let above = file.shown.len() - file.name.len() - 1;
            !leads_to(&file.shown[..above], file.dir)
        };
        let roots = self.tracker.roots.directories().iter().filter(is_lost);
        let files = self.tracker.roots.files().iter().filter(is_file_lost);
        let roots = roots.map(|root| root.shown.clone());
        let lost: Vec<_> = roots.chain(files.map(|file| file.shown.clone())).collect();
        for shown in lost {
            let now = self.now();
            self.tracker.at(now).lose_root(&shown);
        }
        let disk = &self.tracker.disk;
        let model = &self.tracker.model;
        // What the watches on directories above a PATH show.
        let has_moved = |root: &&Root| {
            let found = disk.at(&root.open).map(|node| disk.inode(node));
            found != Some(model.inode(root.entry))
        };
        let roots = self.tracker.roots.directories().iter().filter(has_moved);
        for moved in roots.map(|root| root.entry).collect::<Vec<_>>() {
            self.tracker.enqueue(moved);
        }
        self.absorb();
    }

    /// Whether a name in a PATH is reported: neither hidden, nor in a hidden directory, nor beyond
    /// `--max-depth`.
    pub(in crate::tracker::tests) fn is_reported(
        &self,
        root: &[u8],
        path: &[u8],
        kind: Kind,
    ) -> bool {
        self.is_reported_below(root, root, path, kind)
    }

    /// As [`Self::is_reported`], where `shown` is reported in any case.
    pub(in crate::tracker::tests) fn is_reported_below(
        &self,
        shown: &[u8],
        root: &[u8],
        path: &[u8],
        kind: Kind,
    ) -> bool {
        let Some(below) = path[root.len()..].strip_prefix(b"/") else {
            return true;
        };
        let absolute = [b"/", root].concat();
        let filter = &self.tracker.filter;
        let ends = (0..=below.len()).filter(|&end| below.get(end).is_none_or(|&byte| byte == b'/'));
        // Of a single file's directory the file is the PATH.
        let mut directories = self.tracker.roots.directories().iter();
        let is_above_path =
            directories.any(|it| it.open == root && self.tracker.is_file_parent(it.entry));
        let depth = ends.clone().count() - usize::from(is_above_path);
        let most = self.tracker.settings.max_depth;
        let is_dir = |end| end < below.len() || kind == Kind::Directory;
        most.is_none_or(|most| depth <= most as usize)
            && !ends
                .into_iter()
                .filter(|end| root.len() + 1 + end > shown.len())
                .any(|end| filter.hides(&absolute, &below[..end], is_dir(end)))
    }

    /// Enters a name that the walk found.
    fn known(
        &mut self,
        ids: &mut BTreeMap<Vec<u8>, Id>,
        path: &[u8],
        kind: Kind,
        node: Node,
    ) -> Id {
        let cut = path.iter().rposition(|byte| *byte == b'/').unwrap();
        let dir = ids[&path[..cut]];
        let ino = self.tracker.disk.inode(node).ino;
        let added = self.tracker.add_walked(dir, &path[cut + 1..], kind, ino);
        added.unwrap()
    }

    pub(super) fn hand_out(&mut self) {
        let model = &self.tracker.model;
        for id in model.all().filter(|id| model.kind(*id) == Kind::File) {
            let Some(dir) = model.parent(id) else {
                continue;
            };
            let mut relative_path = Vec::new();
            model.write_relative_path(dir, &mut relative_path);
            let (inode, name) = (model.inode(dir), model.name(id).to_vec());
            let root = self.tracker.roots.with_entry(model.root(id));
            let root = root.unwrap().open.clone();
            self.pending_reads.push(PendingRead {
                read: None,
                id,
                root,
                relative_path,
                inode,
                name,
            });
        }
    }
}
