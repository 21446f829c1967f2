//! New files: made by open(2), and then empty, or come whole.
//!
//! A file is mostly made, written and closed in one go. Its `IN_CREATE` waits for the
//! event after it, so that one look serves for them all.

use super::content::content;
use super::model::Id;
use super::port::{At, Reading, Stat};
use super::{Hashing, Turn, model};
use crate::change::{Content, EMPTY, Kind};
use crate::event::{NameEvent, Wd};

/// A file born so much before the queue was last seen empty was not made by the
/// event: clocks of file systems are that coarse. 20 ms, in nanoseconds.
const COARSE: i64 = 20_000_000;

/// An `IN_CREATE` that waits for the next event.
pub(super) struct Birth {
    /// The directory.
    dir: Id,
    /// Its watch.
    wd: Wd,
    /// The name in it.
    name: Box<[u8]>,
    /// Whether `IN_MODIFY` and `IN_ATTRIB` came since.
    since: (bool, bool),
}

impl Turn<'_> {
    /// A name that is no directory was made.
    pub(super) fn conceive(&mut self, dir: Id, name: &[u8]) {
        if let Some(wd) = self.t.model.wd(dir) {
            self.t.birth = Some(Birth {
                dir,
                wd,
                name: name.into(),
                since: (false, false),
            });
        }
    }

    /// Whether an event is about the file just made, and is taken along with it.
    pub(super) fn joins_birth(&mut self, wd: Wd, name: &[u8], what: NameEvent) -> bool {
        let Some(birth) = &mut self.t.birth else {
            return false;
        };
        if birth.wd == wd && *birth.name == *name {
            match what {
                NameEvent::Modify => {
                    birth.since.0 = true;
                    return true;
                }
                NameEvent::Attrib => {
                    birth.since.1 = true;
                    return true;
                }
                NameEvent::CloseWrite => return self.bear_closed(),
                _ => {}
            }
        }
        self.bear();
        false
    }

    /// The file is told, and what came since is applied.
    pub(super) fn bear(&mut self) {
        let Some(birth) = self.t.birth.take() else {
            return;
        };
        let (dir, name) = (birth.dir, birth.name);
        if !self.is_directory(dir) {
            return;
        }
        if self.t.ahead.takes(birth.wd, &name) {
            self.create_lost(dir, &name);
        } else {
            self.create_name(dir, &name);
        }
        for (came, what) in [
            (birth.since.1, NameEvent::Attrib),
            (birth.since.0, NameEvent::Modify),
        ] {
            if came {
                self.content_event(dir, &name, false, what);
            }
        }
    }

    /// The file was closed: it is told, and what it holds. `false`: that takes more.
    fn bear_closed(&mut self) -> bool {
        let settings = &self.t.settings;
        let is_plain = !settings.attributes && !settings.strict;
        let Some(birth) = self.t.birth.take_if(|birth| {
            let leaves = self.t.ahead.takes(birth.wd, &birth.name);
            is_plain && !leaves && self.t.rescan.is_none()
        }) else {
            self.bear();
            return false;
        };
        if settings.hashing == Hashing::Off {
            return self.bear_closed_unread(birth);
        }
        let (dir, name, limit) = (birth.dir, &birth.name, settings.hash_limit);
        let ticket = self.t.next_ticket();
        let read = self
            .enter(dir)
            .and_then(|inode| self.disk.read(At::In(inode, name), limit, ticket));
        match read {
            Ok(Reading::Done {
                stat,
                digest,
                stable,
            }) if !self.disk.is_own(stat.inode) => {
                if self.came_whole(&stat) {
                    let id = self.t.model.insert(Some(dir), name, Kind::File);
                    self.took(id, &stat, digest, stable);
                    self.t.remember_young(&stat);
                    self.t.tell_created(id, content(&stat, Some(digest)));
                    // It was written through this name: its others have the bytes, too.
                    self.nominate_links(id, true);
                } else {
                    let id = self.insert_empty(dir, name);
                    self.t.remember_young(&stat);
                    self.compare_closed(id, &stat, digest, stable);
                }
                true
            }
            _ => {
                self.t.birth = Some(birth);
                self.bear();
                false
            }
        }
    }

    /// The same where files go by size and times.
    fn bear_closed_unread(&mut self, birth: Birth) -> bool {
        let (dir, name) = (birth.dir, &birth.name);
        let stat = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(At::In(inode, name)));
        match stat {
            Ok(stat)
                if stat.kind == Kind::File
                    && stat.size > 0
                    && !self.disk.is_own(stat.inode)
                    && !self.came_whole(&stat) =>
            {
                let id = self.insert_empty(dir, name);
                self.t.remember_young(&stat);
                self.t.note_links(id, &stat);
                self.check_closed(id, &stat);
                true
            }
            _ => {
                self.t.birth = Some(birth);
                self.bear();
                false
            }
        }
    }

    /// A name that is no directory, as it is now.
    fn create_name(&mut self, dir: Id, name: &[u8]) {
        if let Some(known) = self.t.model.find(dir, name) {
            self.arrived_on(dir, name);
            self.t.nominate(known);
            return;
        }
        let stat = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(At::In(inode, name)));
        match stat {
            Ok(stat) if self.disk.is_own(stat.inode) => {}
            Ok(stat) if stat.kind == Kind::File => self.create_file(dir, name, &stat),
            Ok(stat) if stat.kind != Kind::Directory => {
                let id = self.t.model.insert(Some(dir), name, stat.kind);
                self.t.remember_attributes(id, &stat);
                self.t.tell_created(id, Content::default());
            }
            _ => self.create_lost(dir, name),
        }
    }

    /// It was a file that is gone or replaced: the events that follow tell.
    fn create_lost(&mut self, dir: Id, name: &[u8]) {
        let id = match self.t.model.find(dir, name) {
            Some(known) => {
                self.arrived_on(dir, name);
                known
            }
            None => self.insert_empty(dir, name),
        };
        self.t.nominate(id);
    }

    /// A regular file.
    fn create_file(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        if self.came_whole(stat) {
            self.arrive(dir, name, stat);
            return;
        }
        let id = self.insert_empty(dir, name);
        self.t.remember_young(stat);
        self.t.remember_attributes(id, stat);
        if stat.size == 0 {
            let by_stat = self.t.goes_by_stat(0);
            self.t
                .model
                .set_print(id, model::print(stat, !by_stat), model::ident(stat));
        } else {
            // Its bytes came with the look: their events follow, if they have not been lost.
            // A link that comes before they are read finds it by its identity.
            self.t.model.set_ident(id, model::ident(stat));
            self.t.busy(id, self.now.tick);
        }
        self.guard(id, dir, name);
    }

    /// Whether a file was there before its name: linked, not made by open(2).
    fn came_whole(&self, stat: &Stat) -> bool {
        let is_old = stat
            .btime
            .is_some_and(|birth| birth < self.t.queue_empty - COARSE);
        stat.nlink > 1 || is_old || self.t.links.was_unnamed(stat.inode.ino)
    }

    /// A file without bytes, as open(2) makes it.
    fn insert_empty(&mut self, dir: Id, name: &[u8]) -> Id {
        let id = self.t.model.insert(Some(dir), name, Kind::File);
        let digest = (self.t.settings.hashing != Hashing::Off).then_some(EMPTY);
        self.t.model.set_digest(id, digest);
        // Whatever is found there differs from what is told here, unless a look tells.
        self.t.model.set_print(id, model::UNSEEN, 0);
        self.t.tell_created(
            id,
            Content {
                size: Some(0),
                digest,
            },
        );
        id
    }
}
