//! Makes the model of a tree on a disk in memory, as the walk and the baseline make it.

use std::collections::{HashMap, HashSet};

use crate::change::{InodeTimes, Kind};
use crate::file_status::{FsClass, FsError, Stat};
use crate::since::{Since, TreeId};
use crate::tracker::disk::{FileDigest, Watched};
use crate::tracker::fake::{Chance, Fake, Node, digest};
use crate::tracker::model::{Flag, Id};
use crate::tracker::{FileRoot, Hashing, NewRoot, Settings, Timestamps, Tracker};

/// The options of one run.
#[derive(Clone, Debug)]
pub(super) struct RunOptions {
    /// Each PATH as it is shown, with the path from the root of the disk.
    pub(super) paths: Vec<(&'static str, &'static str)>,
    pub(super) hashing: Hashing,
    pub(super) hash_limit: u64,
    pub(super) max_depth: Option<u32>,
    /// A name that a filter hides.
    pub(super) hides: Option<&'static str>,
    /// Whether the file system has birth times.
    pub(super) has_birth_times: bool,
}

/// A model, and what the disk has behind each of its entries.
pub(super) struct Start {
    pub(super) tracker: Tracker<Fake>,
    pub(super) nodes: HashMap<Id, Node>,
    /// What the baseline found of each file, by the index of its entry.
    pub(super) found: Vec<Option<(u64, InodeTimes)>>,
    /// Files that could not be read, and directories whose status is not known.
    pub(super) unknown: HashSet<Id>,
    watched: HashMap<Node, Id>,
    /// The wall clock, in nanoseconds since 1970.
    began: i64,
}

/// The chances, in percent, of what goes wrong during the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    /// That a directory has no watch.
    pub(super) unwatched: usize,
    /// That a file cannot be read, or changes before it is read.
    pub(super) unread: usize,
    /// That a directory moves before it is asked for its status.
    pub(super) moved: usize,
}

/// The entry that was reported.
type Old<'s> = Option<(&'s Since, TreeId)>;

/// A directory that is to be walked.
type Directory<'s> = (Id, Node, Old<'s>);

impl RunOptions {
    pub(super) fn stat(&self, disk: &Fake, node: Node) -> Stat {
        let mut stat = disk.stat(node);
        stat.btime = stat.btime.filter(|_| self.has_birth_times);
        stat
    }
}

impl Start {
    /// Walks the PATHs that are there. `since`: what was reported before.
    pub(super) fn walk(
        disk: &Fake,
        options: &RunOptions,
        since: Option<&Since>,
        chance: &mut Chance,
        odds: Odds,
    ) -> Self {
        let began = disk.time();
        let settings = Settings {
            hashing: options.hashing.into(),
            hash_limit: options.hash_limit,
            max_depth: options.max_depth,
            ..Settings::default()
        };
        let unused = Fake::new(0, began);
        let start = Timestamps {
            tick: 0,
            wall: began,
        };
        let mut start = Self {
            tracker: Tracker::new(unused, settings, Default::default(), start),
            nodes: HashMap::new(),
            found: Vec::new(),
            unknown: HashSet::new(),
            watched: HashMap::new(),
            began,
        };
        let (mut files, mut built) = (Vec::new(), Vec::new());
        for (position, &(shown, at)) in options.paths.iter().enumerate() {
            let Some(node) = disk.at(at.as_bytes()) else {
                continue;
            };
            if disk.stat(node).kind != Kind::Directory {
                files.push((position, shown, at));
            } else if !start.watched.contains_key(&node) {
                let id = start.tracker.add_path(new_root(disk, shown, at, node));
                start.nodes.insert(id, node);
                let old = since.and_then(|since| since.at_path(shown.as_bytes()));
                start.walk_directory(disk, options, (id, node), since.zip(old), chance, odds);
                built.push((position, id));
            }
        }
        start.tracker.hide_roots_not_entered();
        for (position, shown, at) in files {
            let before = built.iter().filter(|(before, _)| *before < position);
            let before: Vec<_> = before.map(|&(_, id)| id).collect();
            start.file(disk, options, shown, at, &before);
        }
        start
    }

    fn watch(&mut self, disk: &Fake, dir: Id, node: Node, is_watched: bool) {
        self.watched.insert(node, dir);
        let wd = if is_watched {
            self.tracker.disk.kernel.watch(node)
        } else {
            Err(FsError::WatchLimit)
        };
        let watched = Watched {
            wd,
            inode: disk.inode(node),
            class: FsClass::Local,
        };
        let added = self.tracker.set_walked_watch(dir, &watched);
        added.expect("each directory is watched once");
    }

    fn walk_directory(
        &mut self,
        disk: &Fake,
        options: &RunOptions,
        (top, node): (Id, Node),
        old: Old<'_>,
        chance: &mut Chance,
        odds: Odds,
    ) {
        let mut stack = vec![(top, node, old)];
        while let Some((dir, node, old)) = stack.pop() {
            let is_watched = !chance.happens(odds.unwatched);
            self.watch(disk, dir, node, is_watched);
            let old = old.filter(|_| is_watched);
            let mut names = disk.list(node);
            if chance.happens(50) {
                names.reverse();
            }
            for (name, node) in names {
                if options.hides.is_some_and(|hides| hides.as_bytes() == name)
                    || self.tracker.is_hidden(dir, &name, false)
                {
                    continue;
                }
                let stat = options.stat(disk, node);
                let (kind, ino) = (stat.kind, stat.inode.ino);
                let added = self.tracker.add_walked(dir, &name, kind, ino);
                let id = added.expect("each name is listed once");
                self.nodes.insert(id, node);
                let old = old.and_then(|(since, old)| {
                    let old = since.tree().child(old, &name)?;
                    let kind = since.tree().kind(old);
                    kind.is_none_or(|kind| kind == stat.kind)
                        .then_some((since, old))
                });
                match stat.kind {
                    Kind::Directory => self.subdirectory(&mut stack, (id, node), old),
                    Kind::File => {
                        if let Some((since, old)) = old
                            && let Some(unchanged) = since.unchanged_at(old, &stat)
                            && self.tracker.add_unchanged(id, &stat, unchanged.digest)
                        {
                            since.mark_unchanged(old);
                        }
                    }
                    Kind::Symlink | Kind::Other => {}
                }
            }
        }
    }

    fn subdirectory<'s>(
        &mut self,
        stack: &mut Vec<Directory<'s>>,
        (id, node): (Id, Node),
        old: Old<'s>,
    ) {
        if self.tracker.model.is_not_entered(id) {
            return;
        }
        match self.watched.get(&node) {
            Some(&other) => self.tracker.mark_alias(id, other),
            None => stack.push((id, node, old)),
        }
    }

    /// Adds a PATH that is a single file. `before`: the directories that were given before it.
    fn file(&mut self, disk: &Fake, options: &RunOptions, shown: &str, at: &str, before: &[Id]) {
        let (dir_at, name) = at.rsplit_once('/').unwrap_or(("", at));
        let Some(node) = disk.at(dir_at.as_bytes()) else {
            return;
        };
        let dir = self.watched.get(&node).copied().unwrap_or_else(|| {
            let wd = self.tracker.disk.kernel.watch(node);
            let wd = wd.expect("there is no limit of watches");
            let new = new_root(disk, dir_at, dir_at, node);
            let id = self.tracker.add_file_parent(new, wd);
            self.watched.insert(node, id);
            self.nodes.insert(id, node);
            id
        });
        let name = name.as_bytes();
        let is_hidden = options.hides.is_some_and(|hides| hides.as_bytes() == name)
            || self.tracker.is_hidden(dir, name, false);
        let is_in = before.contains(&self.tracker.model.root(dir)) && !is_hidden;
        if is_in || self.tracker.roots.file(dir, name).is_some() {
            return;
        }
        self.tracker.add_file_root(FileRoot {
            dir,
            name: name.into(),
            shown: shown.into(),
        });
        if self.tracker.model.find(dir, name).is_none()
            && let Some(node) = disk.at(at.as_bytes())
        {
            let stat = disk.stat(node);
            let id = self.tracker.add_file_entry(dir, name, &stat, false);
            self.nodes.insert(id, node);
        }
    }

    /// Reads the files that the walk did not find unchanged.
    pub(super) fn baseline(
        &mut self,
        disk: &Fake,
        options: &RunOptions,
        since: &Since,
        chance: &mut Chance,
        odds: Odds,
    ) {
        let limit = if options.hashing == Hashing::Off {
            0
        } else {
            options.hash_limit
        };
        let mut ids: Vec<_> = self.nodes.iter().map(|(&id, &node)| (id, node)).collect();
        ids.sort();
        for (id, node) in ids {
            if self.tracker.model.kind(id) == Kind::Directory && chance.happens(odds.moved) {
                self.unknown.insert(id);
            }
            if self.tracker.model.kind(id) != Kind::File || !self.tracker.model.is_unread(id) {
                continue;
            }
            let stat = options.stat(disk, node);
            let read = if chance.happens(odds.unread) {
                self.unknown.insert(id);
                match chance.below(3) {
                    0 => Err(FsError::NotFound),
                    1 => Err(FsError::Io("injected".into())),
                    _ => {
                        let (ctime, mtime) = (self.began + 1, self.began + 1);
                        let stat = Stat {
                            ctime,
                            mtime,
                            ..stat
                        };
                        Ok(FileDigest::unread(stat, self.began))
                    }
                }
            } else {
                read(disk, node, &stat, limit, since)
            };
            if read.is_err() {
                self.unknown.insert(id);
            }
            if let Ok(read) = &read {
                let at = id.index();
                self.found.resize(self.found.len().max(at + 1), None);
                self.found[at] = Some((read.stat.size, read.stat.times()));
            }
            self.tracker.take_baseline(id, read);
        }
    }

    /// What is reported, by path.
    pub(super) fn reported(&self) -> HashMap<Vec<u8>, Id> {
        let model = &self.tracker.model;
        let shown = model.all().filter(|&id| !model.has(id, Flag::HIDDEN));
        let with_path = shown.map(|id| {
            let mut path = Vec::new();
            self.tracker.write_path(id, &mut path);
            (path, id)
        });
        with_path.collect()
    }
}

fn new_root(disk: &Fake, shown: &str, at: &str, node: Node) -> NewRoot {
    NewRoot {
        open: at.into(),
        shown: shown.into(),
        absolute: [b"/", at.as_bytes()].concat(),
        class: FsClass::Local,
        inode: disk.inode(node),
    }
}

/// Reads a file as the baseline does.
fn read(
    disk: &Fake,
    node: Node,
    stat: &Stat,
    limit: u64,
    since: &Since,
) -> Result<FileDigest, FsError> {
    if limit == 0 {
        return Ok(FileDigest::unread(*stat, i64::MAX));
    }
    if stat.size <= limit
        && let Some(unchanged) = since.unchanged(stat.size, &stat.times())
    {
        return Ok(FileDigest {
            digest: unchanged.digest,
            ..FileDigest::unread(*stat, i64::MAX)
        });
    }
    if !disk.is_readable(node) {
        return Err(FsError::PermissionDenied);
    }
    let digest = (stat.size <= limit).then(|| digest(disk.bytes(node)));
    Ok(FileDigest {
        digest,
        ..FileDigest::unread(*stat, i64::MAX)
    })
}
