//! Checks: a look at one name compares model and disk, and mutates the model where
//! they differ. Concludes nothing from what it could not look at.

mod directory;
mod elsewhere;
mod root;

use super::model::{Flag, Id};
use super::port::{At, Fault, Stat};
use super::{Tracker, Turn};
use crate::change::{Content, Kind, Trouble};

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
}

impl Tracker {
    /// An entry that may have been missed is where it was.
    pub(super) fn is_found(&mut self, id: Id) {
        self.model.clear(id, Flag::GONE);
        self.missing.remove(&id);
    }

    /// Says once that a directory may not be read.
    pub(super) fn say_unreadable(&mut self, id: Id) {
        if !self.model.has(id, Flag::UNREADABLE) {
            self.model.set(id, Flag::UNREADABLE);
            self.trouble(id, Trouble::UnreadableDirectory);
        }
    }
}
