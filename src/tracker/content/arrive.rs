//! Files that come whole: moved in, linked, or found by a scan. Each is told once, with
//! what could be read of it.

use super::{Why, content};
use crate::change::{Content, Kind, Trouble};
use crate::tracker::Turn;
use crate::tracker::model::{self, Flag, Id};
use crate::tracker::port::{At, Fault, Reading, Stat};

impl Turn<'_> {
    /// A file came whole: moved in, linked, or found by a scan.
    pub(in crate::tracker) fn arrive(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        for known in self.t.known_as(model::ident(stat)) {
            if !self.is_still_there(known, stat) {
                // It moved while events were lost.
                return self.rename_unseen(known, dir, name);
            }
        }
        let id = self.t.model.insert(Some(dir), name, Kind::File);
        self.t.remember_attributes(id, stat);
        self.t.note_links(id, stat);
        self.t.remember_young(stat);
        self.guard(id, dir, name);
        if self.t.goes_by_stat(stat.size) {
            self.arrive_by_stat(id, stat);
        } else {
            let content = self.read_first(id, dir, name, stat);
            self.t.tell_created(id, content);
        }
    }

    /// A file that goes by inode, size and times came.
    fn arrive_by_stat(&mut self, id: Id, stat: &Stat) {
        self.t
            .model
            .set_print(id, model::print(stat, false), model::ident(stat));
        self.t.note_settled(id, stat, self.now.wall);
        self.t.say_over_limit(id, stat.size);
        self.t.tell_created(id, content(stat, None));
        let is_young = self.t.is_young(id, stat, self.now.wall);
        self.nominate_links(id, is_young);
    }

    /// Reads it, here or aside: what is to be told of its bytes now.
    fn read_first(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) -> Content {
        let ticket = self.t.next_ticket();
        let parent = self.t.model.inode(dir);
        let limit = self.t.settings.hash_limit;
        match self.disk.read(At::In(parent, name), limit, ticket) {
            Ok(Reading::Done {
                stat,
                digest,
                stable,
            }) => {
                self.took(id, &stat, digest, stable);
                let is_young = self.t.is_young(id, &stat, self.now.wall);
                self.nominate_links(id, is_young);
                return content(&stat, Some(digest));
            }
            Ok(Reading::Later) => self.t.later(ticket, id, Why::WROTE),
            Ok(Reading::OverLimit) => self.t.nominate(id),
            Err(fault) => {
                // Told without its bytes: they are news once they can be read.
                self.t.model.set(id, Flag::WROTE);
                self.unread(id, fault);
            }
        }
        content(stat, None)
    }

    /// Whether the file is found under the name that the model has for it.
    fn is_still_there(&mut self, id: Id, stat: &Stat) -> bool {
        let Some(dir) = self.t.model.parent(id) else {
            return true;
        };
        let name = self.t.model.name(id).to_vec();
        let found = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(At::In(inode, &name)));
        found.is_ok_and(|found| found.inode == stat.inode)
    }

    /// Gives a file a watch of its own, where that is asked for.
    pub(in crate::tracker) fn guard(&mut self, id: Id, dir: Id, name: &[u8]) {
        if !self.t.settings.strict || self.t.model.has(id, Flag::GUARDED) {
            return;
        }
        let parent = self.t.model.inode(dir);
        match self.disk.watch_file(At::In(parent, name)) {
            Ok(wd) => {
                self.t.links.guard(wd, id);
                self.t.model.set(id, Flag::GUARDED);
            }
            Err(Fault::Full) => self.t.trouble(id, Trouble::NoWatch),
            Err(_) => {}
        }
    }
}
