//! New files: made by open(2), and then empty, or come whole.
//!
//! A file is mostly made, written and closed in one go. Its `IN_CREATE` waits for the
//! event after it, so that one look serves for them all.

use super::content::content;
use super::disk::{FileDigest, Reading, Stat, Target};
use super::model::{Id, Knowledge};
use super::{Hashing, Turn, model};
use crate::change::{Content, EMPTY, Kind};
use crate::event::{NameEvent, Wd};

/// A file born so much before the queue was last seen empty was not made by the
/// event: clocks of file systems are that coarse. 20 ms, in nanoseconds.
const COARSE: i64 = 20_000_000;

/// An `IN_CREATE` that waits for the next event.
pub(super) struct PendingCreate {
    dir: Id,
    wd: Wd,
    name: Box<[u8]>,
    /// Whether `IN_MODIFY` and `IN_ATTRIB` came since.
    since: (bool, bool),
}

impl Turn<'_> {
    /// A name that is no directory was made.
    pub(super) fn begin_create(&mut self, dir: Id, name: &[u8]) {
        if let Some(wd) = self.t.model.wd(dir) {
            self.t.pending_create = Some(PendingCreate {
                dir,
                wd,
                name: name.into(),
                since: (false, false),
            });
        }
    }

    /// Whether an event is about the file just made, and is taken along with it.
    pub(super) fn join_pending_create(&mut self, wd: Wd, name: &[u8], what: NameEvent) -> bool {
        let Some(pending_create) = &mut self.t.pending_create else {
            return false;
        };
        if pending_create.wd == wd && *pending_create.name == *name {
            match what {
                NameEvent::Modify => {
                    pending_create.since.0 = true;
                    return true;
                }
                NameEvent::Attrib => {
                    pending_create.since.1 = true;
                    return true;
                }
                NameEvent::CloseWrite => return self.flush_create_closed(),
                _ => {}
            }
        }
        self.flush_create();
        false
    }

    /// The file is told, and what came since is applied.
    pub(super) fn flush_create(&mut self) {
        let Some(pending_create) = self.t.pending_create.take() else {
            return;
        };
        let (dir, name) = (pending_create.dir, pending_create.name);
        if !self.is_directory(dir) {
            return;
        }
        if self.t.lookahead.takes(pending_create.wd, &name) {
            self.create_lost(dir, &name);
        } else {
            self.create_name(dir, &name);
        }
        for (came, what) in [
            (pending_create.since.1, NameEvent::Attrib),
            (pending_create.since.0, NameEvent::Modify),
        ] {
            if came {
                self.content_event(dir, &name, false, what);
            }
        }
    }

    /// The file was closed: it is told, and what it holds. `false`: that takes more.
    fn flush_create_closed(&mut self) -> bool {
        let settings = &self.t.settings;
        let is_plain = !settings.attributes && !settings.strict;
        let Some(pending_create) = self.t.pending_create.take_if(|pending_create| {
            let leaves = self
                .t
                .lookahead
                .takes(pending_create.wd, &pending_create.name);
            is_plain && !leaves && !self.t.rescan.is_running()
        }) else {
            self.flush_create();
            return false;
        };
        let dev = self.t.model.inode(pending_create.dir).dev;
        if self.t.hashing(dev) == Hashing::Off {
            return self.flush_create_unread(pending_create);
        }
        let (dir, name, limit) = (
            pending_create.dir,
            &pending_create.name,
            settings.hash_limit,
        );
        let ticket = self.t.next_ticket();
        let read = self
            .enter(dir)
            .and_then(|inode| self.disk.read(Target::In(inode, name), limit, ticket));
        match read {
            Ok(Reading::Done(FileDigest {
                stat,
                digest: Some(digest),
                stable,
                ..
            })) if !self.disk.is_self_output(stat.inode) => {
                if self.arrived_complete(&stat) {
                    let id = self.t.model.insert(Some(dir), name, Kind::File);
                    self.store_digest(id, &stat, digest, stable);
                    self.t.remember_recent(&stat);
                    self.t.emit_created(id, content(&stat, Some(digest)));
                    // It was written through this name: its others have the bytes, too.
                    self.enqueue_links(id, &stat, true);
                } else {
                    let id = self.insert_empty(dir, name);
                    self.t.remember_recent(&stat);
                    self.compare_closed(id, &stat, digest, stable);
                }
                true
            }
            _ => {
                self.t.pending_create = Some(pending_create);
                self.flush_create();
                false
            }
        }
    }

    /// The same where files go by size and times.
    fn flush_create_unread(&mut self, pending_create: PendingCreate) -> bool {
        let (dir, name) = (pending_create.dir, &pending_create.name);
        let stat = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(Target::In(inode, name)));
        match stat {
            Ok(stat)
                if stat.kind == Kind::File
                    && stat.size > 0
                    && !self.disk.is_self_output(stat.inode)
                    && !self.arrived_complete(&stat) =>
            {
                let id = self.insert_empty(dir, name);
                self.t.remember_recent(&stat);
                self.t.note_links(id, &stat);
                self.compare_closed_stat(id, &stat);
                true
            }
            _ => {
                self.t.pending_create = Some(pending_create);
                self.flush_create();
                false
            }
        }
    }

    /// A name that is no directory, as it is now.
    fn create_name(&mut self, dir: Id, name: &[u8]) {
        if let Some(known) = self.t.model.find(dir, name) {
            self.note_arrival(dir, name);
            self.t.enqueue(known);
            return;
        }
        let stat = self
            .enter(dir)
            .and_then(|inode| self.disk.stat(Target::In(inode, name)));
        match stat {
            Ok(stat) if self.disk.is_self_output(stat.inode) => {}
            Ok(stat) if stat.kind == Kind::File => self.create_file(dir, name, &stat),
            Ok(stat) if stat.kind != Kind::Directory => {
                let id = self.t.model.insert(Some(dir), name, stat.kind);
                self.t.remember_attributes(id, &stat);
                self.t.emit_created(id, Content::default());
            }
            _ => self.create_lost(dir, name),
        }
    }

    /// It was a file that is gone or replaced: the events that follow tell.
    fn create_lost(&mut self, dir: Id, name: &[u8]) {
        let id = match self.t.model.find(dir, name) {
            Some(known) => {
                self.note_arrival(dir, name);
                known
            }
            None => self.insert_empty(dir, name),
        };
        self.t.enqueue(id);
    }

    fn create_file(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        if self.arrived_complete(stat) {
            self.arrive(dir, name, stat);
            return;
        }
        let id = self.insert_empty(dir, name);
        self.t.remember_recent(stat);
        self.t.remember_attributes(id, stat);
        if stat.size == 0 {
            let by_stat = self.t.goes_by_stat(stat);
            self.t.keep_fingerprint(id, stat, !by_stat, self.now.wall);
        } else {
            // Its bytes came with the look: their events follow, if they have not been lost.
            // A link that comes before they are read finds it by its identity.
            self.t.model.set_inode_key(id, model::inode_key(stat));
            self.t.debounce(id);
        }
        self.watch_file_inode(id, dir, name);
    }

    /// Whether a file was there before its name: linked, not made by open(2).
    fn arrived_complete(&self, stat: &Stat) -> bool {
        let is_old = stat
            .btime
            .is_some_and(|birth| birth < self.t.queue_empty.saturating_sub(COARSE));
        stat.nlink > 1 || is_old || self.t.links.was_tmpfile(stat.inode.ino)
    }

    /// A file without bytes, as open(2) makes it.
    fn insert_empty(&mut self, dir: Id, name: &[u8]) -> Id {
        let id = self.t.model.insert(Some(dir), name, Kind::File);
        let dev = self.t.model.inode(dir).dev;
        let digest = (self.t.hashing(dev) != Hashing::Off).then_some(EMPTY);
        self.t.model.set_digest(id, digest);
        // Whatever is found there differs from what is told here, unless a look tells.
        self.t.model.set_knowledge(id, Knowledge::Unseen);
        self.t.emit_created(
            id,
            Content {
                size: Some(0),
                digest,
                stat: None,
            },
        );
        id
    }
}
