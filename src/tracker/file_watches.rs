//! Sets watches on files themselves: with `--strict`, and on a file that is a mount point, since
//! writes to it are events of the directory that it is in on its own file system.
//!
//! Reads no file. Invariant: a file's watch is on the inode that was last found under its
//! name. Adding or removing a name costs the same however many names a file has.

use foldhash::{HashMap, HashSet};

use super::Tracker;
use super::disk::{Disk, FsError, Stat, Target};
use super::model::{self, Id, InodeKey, Knowledge};
use crate::change::{Kind, Warning};
use crate::event::Wd;

#[derive(Default)]
pub(super) struct FileWatches {
    /// The names of the file that has a watch.
    names: HashMap<Wd, Vec<Id>>,
    watched: HashMap<Id, FileWatch>,
    /// Names of files that could not be watched: they are tried again.
    missing: HashSet<Id>,
}

/// The watch on the file of a name.
struct FileWatch {
    wd: Wd,
    dev: u64,
    /// With the birth time: the number of an inode that is gone may be used again.
    inode: InodeKey,
    /// The index of the name among those of the file.
    index: usize,
}

impl FileWatches {
    fn inode(&self, id: Id) -> Option<InodeKey> {
        self.watched.get(&id).map(|watch| watch.inode)
    }

    /// The watch on the file of a name.
    pub(super) fn watch(&self, id: Id) -> Option<Wd> {
        self.watched.get(&id).map(|watch| watch.wd)
    }

    /// Whether the file of a name is to have a watch and has none.
    pub(super) fn lacks_watch(&self, id: Id) -> bool {
        !self.missing.is_empty() && self.missing.contains(&id)
    }

    fn add(&mut self, wd: Wd, (dev, inode): (u64, InodeKey), id: Id) {
        self.missing.remove(&id);
        let names = self.names.entry(wd).or_default();
        let index = names.len();
        names.push(id);
        let watch = FileWatch {
            wd,
            dev,
            inode,
            index,
        };
        self.watched.insert(id, watch);
    }

    /// Removes a name; returns the watch, if no other name of the file needs it.
    pub(super) fn remove(&mut self, id: Id) -> Option<Wd> {
        self.missing.remove(&id);
        let FileWatch { wd, index, .. } = self.watched.remove(&id)?;
        let names = self.names.get_mut(&wd)?;
        names.swap_remove(index);
        if let Some(moved) = names.get(index) {
            self.watched.get_mut(moved)?.index = index;
        }
        if names.is_empty() {
            self.names.remove(&wd);
            return Some(wd);
        }
        None
    }

    /// Forgets a watch that the kernel has removed: the inode is gone. Returns the names that it
    /// had, whose files may be others.
    fn forget(&mut self, wd: Wd) -> Vec<Id> {
        let names = self.names.remove(&wd).unwrap_or_default();
        for id in &names {
            self.watched.remove(id);
            self.missing.insert(*id);
        }
        names
    }

    pub(super) fn has(&self, wd: Wd) -> bool {
        self.names.contains_key(&wd)
    }

    /// A name of the file that has this watch, by index.
    pub(super) fn name(&self, wd: Wd, index: usize) -> Option<Id> {
        self.names.get(&wd)?.get(index).copied()
    }

    /// The names with a watch on devices for which `is_meant` is true, each with its device.
    pub(super) fn on_devices(&self, is_meant: impl Fn(u64) -> bool) -> Vec<(Id, u64)> {
        let watched = self.watched.iter();
        let meant = watched.filter(|(_, watch)| is_meant(watch.dev));
        meant.map(|(id, watch)| (*id, watch.dev)).collect()
    }
}

impl<D> Tracker<D> {
    /// The number of files that have a watch of their own.
    pub(crate) fn file_watches(&self) -> usize {
        self.file_watches.names.len()
    }
}

impl<D: Disk> Tracker<D> {
    /// Watches a file, if the watch on its directory does not suffice, and removes a watch that is
    /// on another inode or no longer needed.
    pub(super) fn watch_file_inode(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) {
        let is_mounted = stat.is_mount_root
            // Without a mount ID from statx(2): it is on another device than its directory.
            || stat.mount == 0 && stat.inode.dev != self.model.inode(dir).dev;
        let is_needed = self.settings.strict || is_mounted;
        match self.file_watches.inode(id) {
            None if is_needed => {}
            None => {
                self.file_watches.missing.remove(&id);
                return;
            }
            // Without a mount ID from statx(2), the mount table has shown that it is needed.
            Some(inode) if inode == model::inode_key(stat) && (is_needed || stat.mount == 0) => {
                if self.queue.has_lost_events() {
                    self.renew_file_watch(id, dir, name, stat);
                }
                return;
            }
            Some(_) => self.unwatch_file(id),
        }
        if is_needed {
            self.add_file_watch(id, dir, name, stat);
        }
    }

    /// Applies `IN_IGNORED` of a file: its names are reconciled.
    pub(super) fn lost_file_watch(&mut self, wd: Wd) {
        for id in self.file_watches.forget(wd) {
            self.enqueue(id);
        }
    }

    /// Removes the watch on a file, if it has one that no other name needs.
    pub(super) fn unwatch_file(&mut self, id: Id) {
        if let Some(wd) = self.file_watches.remove(id) {
            self.disk.unwatch(wd);
        }
    }

    /// Watches a file again that has a watch, since its `IN_IGNORED` may be among the lost events:
    /// another file may have its inode number, and the same birth time.
    pub(super) fn renew_file_watch(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) {
        if self.file_watches.inode(id).is_none() {
            return;
        }
        let old = self.file_watches.remove(id);
        self.add_file_watch(id, dir, name, stat);
        if let Some(wd) = old.filter(|&wd| !self.file_watches.has(wd)) {
            self.disk.unwatch(wd);
        }
    }

    fn add_file_watch(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) {
        let watched = self
            .enter(dir)
            .and_then(|parent| self.disk.watch_file(Target::In(&parent, name)));
        match watched {
            Ok((wd, found)) => {
                let inode = (found.inode.dev, model::inode_key(&found));
                self.file_watches.add(wd, inode, id);
                if found.inode != stat.inode {
                    self.enqueue(id); // Another file has the name by now.
                }
            }
            Err(why) => {
                self.file_watches.missing.insert(id);
                let is_to_report = self.retry_entry(id, &why);
                if is_to_report && why == FsError::WatchLimit {
                    self.warn(id, Warning::NoWatch);
                }
            }
        }
    }

    /// Watches what is mounted at an absolute path, if that is a file, before it is read.
    pub(crate) fn watch_mount_point(&mut self, path: &[u8]) {
        if let Some((id, dir, name)) = self.mount_point(path)
            && let Ok(stat) = self.stat_in(dir, &name)
            && stat.kind == Kind::File
            && self.file_watches.inode(id) != Some(model::inode_key(&stat))
        {
            self.unwatch_file(id);
            self.add_file_watch(id, dir, &name, &stat);
        }
    }

    /// At the start: replaces the entry of a mount point that is no directory, which the walk has
    /// as its directory lists it, by what is mounted there, and watches that.
    pub(crate) fn init_mount_point(&mut self, path: &[u8]) {
        let Some((id, dir, name)) = self.mount_point(path) else {
            return;
        };
        let stat = match self.stat_in(dir, &name) {
            Ok(stat) if stat.kind != Kind::Directory => stat,
            Ok(_) | Err(FsError::NotFound) => return self.enqueue(id),
            Err(_) => {
                if self.model.is_unread(id) {
                    // The baseline must not read it: its file system may not answer.
                    self.model.set_knowledge(id, Knowledge::Unverified);
                }
                return self.enqueue(id);
            }
        };
        self.model.remove(id);
        let Some(id) = self.insert(dir, &name, stat.kind) else {
            return;
        };
        self.init_walked(id, dir, stat.inode.ino);
        let class = self.disk.class(&stat);
        self.file_systems.note(stat.inode.dev, class);
        self.watch_mount_point(path);
        if stat.kind == Kind::File && class.may_stall() {
            // The baseline reads only files on the file system of their directory.
            self.store_fingerprint(id, &stat, model::fingerprint(&stat), self.clock.wall());
            self.enqueue(id);
        }
    }

    /// The entry at an absolute path, its directory and its name, if it is no directory.
    fn mount_point(&self, path: &[u8]) -> Option<(Id, Id, Vec<u8>)> {
        let id = self.entry_at(path)?;
        let dir = self.model.parent(id)?;
        let is_file = self.model.kind(id) != Kind::Directory;
        is_file.then(|| (id, dir, self.model.name(id).to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::FileWatches;
    use crate::event::Wd;
    use crate::tracker::model::{Id, InodeKey};

    #[test]
    fn to_remove_a_name_costs_the_same_however_many_there_are() {
        const NAMES: u32 = 200_000;
        let mut watches = FileWatches::default();
        for number in 0..NAMES {
            watches.add(Wd(1), (7, InodeKey(9)), Id(number));
        }
        assert_eq!(watches.name(Wd(1), 5), Some(Id(5)));
        // With a search for each of them this would take minutes.
        let began = std::time::Instant::now();
        for number in (1..NAMES).rev() {
            assert_eq!(watches.remove(Id(NAMES - number)), None);
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert_eq!(watches.remove(Id(0)), Some(Wd(1)));
        assert!(watches.names.is_empty() && watches.watched.is_empty());
    }
}
