//! A directory is found under one name and known under another: it moved unseen, or it
//! has two names. Invariant: it is entered under one of them only.

use crate::change::{Content, Kind};
use crate::tracker::model::{Flag, Id};
use crate::tracker::port::{At, Stat};
use crate::tracker::scan::Sweep;
use crate::tracker::{Tracker, Turn};

impl Turn<'_> {
    /// The directory under this name is known under another one.
    pub(super) fn elsewhere(&mut self, other: Id, dir: Id, name: &[u8], stat: &Stat) {
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
        self.t.model.clear(other, Flag::LEAVING);
        self.rename_unseen(other, dir, name);
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
}

impl Tracker {
    /// The walk found a directory that is known under another name: a bind mount, a PATH
    /// within another one, or one that moved while it walked.
    pub(crate) fn is_known_as(&mut self, id: Id) {
        self.model.set(id, Flag::ALIAS);
        self.model.set(id, Flag::EDGE);
        self.model.silence(id);
        self.nominate(id);
    }
}
