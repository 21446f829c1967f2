//! Checks: a look at one name compares model and disk, and mutates the model where
//! they differ.

use super::model::{Flag, Id};
use super::port::{At, Fault, Inode, Stat, Watched};
use super::scan::Sweep;
use super::{Tracker, Turn};
use crate::change::{Content, Kind, Trouble};
use crate::event::Wd;

impl Turn<'_> {
    /// Looks at an entry's own name.
    pub(super) fn look_at(&mut self, id: Id) {
        match self.t.model.parent(id) {
            Some(_) if self.t.is_written(id) && self.read_written(id) => {}
            Some(dir) => {
                let name = self.t.model.name(id).to_vec();
                self.look(dir, &name);
            }
            None => self.look_at_root(id),
        }
    }

    /// Looks at a name in a directory.
    pub(crate) fn look(&mut self, dir: Id, name: &[u8]) {
        let known = self.t.model.find(dir, name);
        if known.is_some_and(|id| self.t.model.has(id, Flag::LEAVING)) {
            return; // The second half of the rename, or its absence, will nominate it.
        }
        let inode = match self.enter(dir) {
            Ok(inode) => inode,
            Err(Fault::Absent) => return self.climb(dir, name),
            Err(fault) => return self.blocked(dir, fault),
        };
        match self.disk.stat(At::In(inode, name)) {
            Ok(stat) => self.present(dir, name, &stat),
            Err(Fault::Absent) => self.absent(dir, name),
            Err(fault) => self.blocked(dir, fault),
        }
    }

    /// The directory is not where the model has it: the edge that is wrong is found
    /// and looked at, and the name again afterwards.
    fn climb(&mut self, dir: Id, name: &[u8]) {
        let mut at = dir;
        while let Some(parent) = self.t.model.parent(at) {
            match self.enter(parent) {
                Ok(_) => break,
                Err(Fault::Absent) => at = parent,
                Err(fault) => return self.blocked(parent, fault),
            }
        }
        // Where its rename is half read, it will soon be known where it is.
        if !self.t.is_leaving(at) {
            self.look_at(at);
        }
        if self.is_directory(dir) {
            self.t.put_off(dir, name, at, self.now.tick);
        }
    }

    /// The directory may not be looked into now: it is tried again when permissions
    /// change.
    fn blocked(&mut self, dir: Id, fault: Fault) {
        if self.t.blocked.insert(dir) {
            match fault {
                Fault::Failed(why) => self.t.trouble(dir, Trouble::Failed(why)),
                _ => self.t.say_unreadable(dir),
            }
        }
    }

    /// The name is not there. The event that tells where it went may be on its way, and
    /// is to be told as what it is: a rename, above all. So only what is still not there a
    /// moment later, and was not moved meanwhile, is told by a look.
    pub(super) fn absent(&mut self, dir: Id, name: &[u8]) {
        let Some(known) = self.t.model.find(dir, name) else {
            return;
        };
        let is_said = self.t.model.has(known, Flag::GONE);
        if self.t.model.wd(dir).is_some() && !is_said {
            let since = self.now.tick;
            self.t.missing.entry(known).or_insert_with(|| {
                self.t.schedule.miss(dir, name, since);
                since
            });
        } else if !self.t.defer_loss(dir, name) {
            self.unlink(known);
        }
    }

    /// The name is there.
    fn present(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        let is_dir = stat.kind == Kind::Directory;
        if let Some(known) = self.t.model.find(dir, name) {
            self.t.is_found(known);
        }
        if self.disk.is_own(stat.inode) || self.t.is_hidden(dir, name, is_dir) {
            if let Some(known) = self.t.model.find(dir, name) {
                self.unlink(known);
            }
            return;
        }
        if is_dir {
            return self.present_directory(dir, name, stat);
        }
        let known = self.t.model.find(dir, name);
        match known {
            Some(id) if self.t.model.kind(id) == stat.kind => {
                self.t.compare_attributes(id, stat);
                if stat.kind == Kind::File {
                    self.check_content(id, stat);
                }
                return;
            }
            Some(id) => self.unlink(id),
            None => {}
        }
        if stat.kind == Kind::File {
            self.arrive(dir, name, stat);
        } else {
            let id = self.t.model.insert(Some(dir), name, stat.kind);
            self.t.remember_attributes(id, stat);
            self.t.tell_created(id, Content::default());
        }
    }

    /// The name is a directory's.
    fn present_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        let known = self.t.model.find(dir, name);
        let foreign =
            self.t.settings.one_file_system && stat.inode.dev != self.t.model.inode(dir).dev;
        if foreign || self.t.is_edge(dir) {
            let is_edge =
                |id| self.t.model.kind(id) == Kind::Directory && self.t.model.has(id, Flag::EDGE);
            match known {
                Some(id) if is_edge(id) => self.t.compare_attributes(id, stat),
                _ => {
                    let id = self.new_directory(dir, name, stat);
                    self.t.model.set(id, Flag::EDGE);
                    self.t.tell_created(id, Content::default());
                }
            }
            return;
        }
        let parent = self.t.model.inode(dir);
        match self.disk.watch(At::In(parent, name)) {
            Ok(watched) => self.watched(dir, name, stat, &watched),
            Err(Fault::Absent) => self.t.park(dir, name, self.now.tick),
            Err(fault) => self.blocked(dir, fault),
        }
    }

    /// A directory was opened and, where that could be done, is watched.
    fn watched(&mut self, dir: Id, name: &[u8], stat: &Stat, watched: &Watched) {
        let known = self.t.model.find(dir, name);
        let is_dir = |id: &Id| self.t.model.kind(*id) == Kind::Directory;
        let same_inode = known.filter(is_dir).filter(|&id| {
            !self.t.model.has(id, Flag::ALIAS)
                && !self.t.model.has(id, Flag::EDGE)
                && self.t.model.inode(id) == watched.inode
        });
        match (&watched.wd, same_inode) {
            (Ok(wd), _) => match self.t.model.watched(*wd) {
                Some(other) if Some(other) == known => {
                    self.t.model.set_inode(other, watched.inode);
                    self.same_directory(other, stat);
                }
                Some(other) => self.elsewhere(other, dir, name, stat),
                None => match same_inode.filter(|&id| self.t.model.wd(id).is_none()) {
                    Some(id) => {
                        self.t.model.set_wd(id, Some(*wd));
                        self.t.now_watched(id);
                        self.t.scans.push(id, Sweep::All);
                    }
                    None => {
                        let id = self.new_directory(dir, name, stat);
                        self.begin(id, *wd, watched);
                    }
                },
            },
            (Err(fault), Some(id)) => {
                self.lost_watch(id, fault);
                self.same_directory(id, stat);
            }
            (Err(fault), None) => {
                let id = self.new_directory(dir, name, stat);
                self.t.model.set_inode(id, watched.inode);
                self.t.tell_created(id, Content::default());
                self.t.cannot_watch(id, fault);
            }
        }
    }

    /// A directory that is where it was.
    fn same_directory(&mut self, id: Id, stat: &Stat) {
        self.t.compare_attributes(id, stat);
        if self.t.model.scanned(id) != self.t.generation {
            self.t.scans.push(id, Sweep::All);
        }
    }

    /// A directory with the number of the one that is known cannot be watched. One that
    /// has a watch could be: it is another, or the watch went with its `IN_IGNORED`.
    fn lost_watch(&mut self, id: Id, fault: &Fault) {
        if *fault == Fault::Full && !self.t.model.has(id, Flag::UNWATCHED) {
            if let Some(wd) = self.t.model.set_wd(id, None) {
                self.disk.unwatch(wd);
            }
            self.t.cannot_watch(id, fault);
        }
    }

    /// Makes room under the name, and an entry for a directory.
    fn new_directory(&mut self, dir: Id, name: &[u8], stat: &Stat) -> Id {
        if let Some(old) = self.t.model.find(dir, name) {
            self.unlink(old);
        }
        let id = self.t.model.insert(Some(dir), name, Kind::Directory);
        self.t.remember_attributes(id, stat);
        id
    }

    /// A new directory that is watched: told, then scanned.
    fn begin(&mut self, id: Id, wd: Wd, watched: &Watched) {
        self.t.model.set_wd(id, Some(wd));
        self.t.model.set_inode(id, watched.inode);
        self.t.is_unscanned(id);
        if watched.blind && !self.t.blind.contains(&watched.inode.dev) {
            self.t.blind.push(watched.inode.dev);
        }
        self.t.tell_created(id, Content::default());
        self.t.scans.push(id, Sweep::New);
    }

    /// The directory under this name is known under another one.
    fn elsewhere(&mut self, other: Id, dir: Id, name: &[u8], stat: &Stat) {
        let holds = self.edge_holds(other);
        let above = self.t.model.is_within(dir, other);
        if holds {
            // A bind mount, or a PATH within another one: not entered twice.
            self.alias(other, dir, name, stat);
        } else if above {
            // It cannot lie within itself: the way here is old.
            let mut at = Some(dir);
            while let Some(id) = at {
                self.t.nominate(id);
                at = if id == other {
                    None
                } else {
                    self.t.model.parent(id)
                };
            }
            self.t.park(dir, name, self.now.tick);
        } else if self.t.model.has(other, Flag::ROOT) {
            self.look_at_root(other);
            self.t.park(dir, name, self.now.tick);
        } else {
            self.moved_here(other, dir, name);
        }
    }

    /// A directory that moved while nobody could tell: its watch says that it is it.
    fn moved_here(&mut self, other: Id, dir: Id, name: &[u8]) {
        if let Some(known) = self.t.model.find(dir, name) {
            let holds_it = self.t.model.is_within(other, known);
            self.unlink(known);
            if holds_it {
                // It went with what it replaces, and is found again as new.
                self.t.park(dir, name, self.now.tick);
                return;
            }
        }
        let old = self
            .t
            .model
            .parent(other)
            .map(|old| (old, self.t.model.name(other).to_vec()));
        self.t.model.clear(other, Flag::LEAVING);
        self.rename(other, dir, name);
        if let Some((old, old_name)) = old
            && self.t.model.is_live(old)
        {
            self.t.nominate_name(old, &old_name);
        }
        if self.t.model.is_live(other) && self.t.model.scanned(other) != self.t.generation {
            self.t.scans.push(other, Sweep::All);
        }
    }

    /// Whether a directory is still where the model has it.
    fn edge_holds(&mut self, id: Id) -> bool {
        let found = match self.t.model.parent(id) {
            Some(dir) => {
                let name = self.t.model.name(id).to_vec();
                self.enter(dir)
                    .and_then(|inode| self.disk.stat(At::In(inode, &name)))
            }
            None => match self.t.root_of(id) {
                Some(open) => self.disk.stat(At::Root(&open)),
                None => return false,
            },
        };
        let inode = self.t.model.inode(id);
        found.is_ok_and(|stat| stat.kind == Kind::Directory && stat.inode == inode)
    }

    /// A second name of a directory that is told elsewhere.
    fn alias(&mut self, other: Id, dir: Id, name: &[u8], stat: &Stat) {
        if let Some(known) = self.t.model.find(dir, name)
            && self.t.model.kind(known) == Kind::Directory
            && self.t.model.has(known, Flag::ALIAS)
        {
            if !self.t.model.has(other, Flag::ROOT) {
                self.t.model.unsilence(known);
            }
            return;
        }
        let id = self.new_directory(dir, name, stat);
        self.t.model.set(id, Flag::ALIAS);
        self.t.model.set(id, Flag::EDGE);
        if self.t.model.has(other, Flag::ROOT) {
            self.t.model.silence(id);
        }
        self.t.tell_created(id, Content::default());
    }

    /// Looks at a PATH that is a directory.
    fn look_at_root(&mut self, id: Id) {
        let Some(open) = self.t.root_of(id) else {
            return;
        };
        if self.is_left_behind(id, &open) {
            return self.unlink(id);
        }
        let Ok(watched) = self.disk.watch(At::Root(&open)) else {
            match self.disk.stat(At::Root(&open)) {
                Err(Fault::Denied | Fault::Failed(_)) => {}
                _ => self.unlink(id),
            }
            return;
        };
        let known: Inode = self.t.model.inode(id);
        match watched.wd {
            Ok(wd) if self.t.model.watched(wd) == Some(id) => {}
            Ok(wd)
                if watched.inode == known
                    && self.t.model.watched(wd).is_none()
                    && self.t.model.wd(id).is_none() =>
            {
                self.t.model.set_wd(id, Some(wd));
                self.t.now_watched(id);
                self.t.scans.push(id, Sweep::All);
            }
            Err(_) if watched.inode == known => {}
            Ok(wd) => {
                // Another directory stands there: the PATH that was meant is gone.
                if self.t.model.watched(wd).is_none() {
                    self.disk.unwatch(wd);
                }
                self.unlink(id);
                return;
            }
            Err(_) => return self.unlink(id),
        }
        if let Ok(stat) = self.disk.stat(At::Root(&open)) {
            self.same_directory(id, &stat);
        }
    }
}

impl Turn<'_> {
    /// Whether a PATH that leads nowhere but to the working directory, or up from it, is
    /// no longer where it was: that it can be opened says nothing.
    fn is_left_behind(&mut self, id: Id, open: &[u8]) -> bool {
        let inode = self.t.model.inode(id);
        let deleted = |stat: &Stat| stat.inode == inode && stat.nlink == 0;
        if self
            .disk
            .stat(At::Root(open))
            .is_ok_and(|stat| deleted(&stat))
        {
            return true;
        }
        let only_dots = open
            .split(|&byte| byte == b'/')
            .all(|name| matches!(name, b"" | b"." | b".."));
        if !only_dots || open.starts_with(b"/") {
            return false;
        }
        let absolute = self
            .t
            .roots
            .iter()
            .find(|root| root.entry == Some(id))
            .map(|root| root.absolute.clone());
        let found = absolute
            .filter(|path| !path.is_empty())
            .map(|path| self.disk.stat(At::Root(&path)));
        match found {
            Some(Ok(stat)) => stat.inode != inode,
            Some(Err(fault)) => fault == Fault::Absent,
            None => false,
        }
    }
}

impl Tracker {
    /// An entry that may have been missed is where it was.
    pub(super) fn is_found(&mut self, id: Id) {
        self.model.clear(id, Flag::GONE);
        self.missing.remove(&id);
    }

    /// How a PATH is opened.
    fn root_of(&self, id: Id) -> Option<Vec<u8>> {
        self.roots
            .iter()
            .find(|root| root.entry == Some(id))
            .map(|root| root.open.clone())
    }

    /// A directory has no watch of its own: its limit, or its permissions.
    pub(crate) fn cannot_watch(&mut self, id: Id, fault: &Fault) {
        match fault {
            Fault::Full => {
                self.model.set(id, Flag::UNWATCHED);
                self.unwatched += 1;
                self.trouble(id, Trouble::NoWatch);
                self.scans.push(id, Sweep::All);
            }
            Fault::Denied => self.say_unreadable(id),
            Fault::Failed(why) => self.trouble(id, Trouble::Failed(why.clone())),
            Fault::Absent => self.nominate(id),
        }
    }

    /// The walk found a directory that is known under another name: a bind mount, a PATH
    /// within another one, or one that moved while it walked.
    pub(crate) fn is_known_as(&mut self, id: Id) {
        self.model.set(id, Flag::ALIAS);
        self.model.set(id, Flag::EDGE);
        self.model.silence(id);
        self.nominate(id);
    }

    /// It has one now.
    fn now_watched(&mut self, id: Id) {
        if self.model.clear(id, Flag::UNWATCHED) {
            self.unwatched -= 1;
        }
        self.model.clear(id, Flag::UNREADABLE);
    }

    /// Says once that a directory may not be read.
    pub(super) fn say_unreadable(&mut self, id: Id) {
        if !self.model.has(id, Flag::UNREADABLE) {
            self.model.set(id, Flag::UNREADABLE);
            self.trouble(id, Trouble::UnreadableDirectory);
        }
    }
}
