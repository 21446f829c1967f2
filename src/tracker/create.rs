//! Applies `IN_CREATE` of names that are no directories: a file that was made by open(2) is empty
//! at first; one that was made by link(2) has its bytes. A name that is not on disk any more waits on
//! the work queue for the event that shows what became of it.
//!
//! If a later step of the batch moves the name, its kind is found under the new name.
//! Invariant: a file that was created, written and closed in one batch is read once.

use super::apply::Left;
use super::content::{Read, content};
use super::disk::{Disk, FileDigest, FsError, Reading, Stat, Target, Ticket};
use super::model::{self, Evidence, Id, Knowledge};
use super::queue::{Detail, Work, Written};
use super::{Hashing, Tracker};
use crate::change::{Bytes, Content, EMPTY, Kind};
use crate::coalesce::{ContentEvents, Outcome};

impl<D: Disk> Tracker<D> {
    /// Adds an entry for what is no directory; a PATH with its path is gone. `None`: the directory
    /// has gone with that, or there is no room.
    pub(super) fn insert(&mut self, dir: Id, name: &[u8], kind: Kind) -> Option<Id> {
        self.lose_roots_at(dir, name);
        let may_be_added = self.is_in_tree(dir) && self.has_room_in(dir);
        may_be_added.then(|| self.model.insert(Some(dir), name, kind))
    }

    /// Applies `IN_CREATE` of a name that is not in the model, and no directory. Returns what is
    /// left of the step.
    pub(super) fn create(
        &mut self,
        dir: Id,
        name: &[u8],
        content: ContentEvents,
        outcome: Outcome<'_>,
    ) -> Left {
        match outcome {
            Outcome::Stays if content.closed && self.create_closed(dir, name, content) => {
                return Left::Nothing;
            }
            Outcome::Stays => self.create_name(dir, name, content),
            Outcome::Moved { .. } => {
                let destination = self.find_destination(outcome, content);
                let found = destination.as_ref().map(|at| &at.stat);
                let id = self.insert_unseen(dir, name, found);
                if let (Some(id), Some(destination)) = (id, destination) {
                    self.keep_destination(id, destination);
                }
            }
            // Its kind cannot be found out any longer.
            Outcome::Removed => {
                self.insert_unseen(dir, name, None);
            }
            Outcome::Unknown => self.unseen_create(dir, name),
        }
        Left::ContentEvents
    }

    /// Inserts a name that has left the disk already: as a file, unless another kind was `found`
    /// under its new name. A later step of the batch takes it away.
    fn insert_unseen(&mut self, dir: Id, name: &[u8], found: Option<&Stat>) -> Option<Id> {
        let kind = match found.map(|stat| stat.kind) {
            Some(kind @ (Kind::Symlink | Kind::Other)) => kind,
            Some(Kind::File | Kind::Directory) | None => Kind::File,
        };
        let id = self.insert(dir, name, kind)?;
        if let Some(stat) = found.filter(|stat| stat.kind == kind) {
            self.remember_attributes_of_moved(id, stat);
        }
        match kind {
            Kind::File => self.emit_empty(id, None),
            Kind::Symlink | Kind::Other | Kind::Directory => {
                self.emit_created(id, Content::default());
            }
        }
        Some(id)
    }

    /// Keeps a new name that is not on disk until its `IN_DELETE` or `IN_MOVED_FROM` comes.
    fn unseen_create(&mut self, dir: Id, name: &[u8]) {
        self.queue.expect_event(Work {
            detail: Detail::Unseen(self.clock.tick()),
            ..Work::name(dir, name)
        });
    }

    /// Applies `IN_DELETE` of a name that was created and never found on disk: it is emitted as
    /// created and deleted.
    pub(super) fn delete_unseen(&mut self, dir: Id, name: &[u8]) {
        if self.is_directory(dir)
            && self.model.find(dir, name).is_none()
            && let Some(id) = self.insert_empty(dir, name, None)
        {
            self.unlink(id);
        }
    }

    /// Applies `IN_MOVED_TO` of a file whose first name was never found on disk: it is emitted as
    /// created and renamed. `false`: another file has its first name by now, or the directory of that is
    /// gone.
    pub(super) fn move_unseen(
        &mut self,
        from: (Id, &[u8]),
        dir: Id,
        name: &[u8],
        outcome: Outcome<'_>,
    ) -> bool {
        let (old_dir, old_name) = from;
        if !self.is_directory(old_dir) || self.model.find(old_dir, old_name).is_some() {
            return false;
        }
        let at = match outcome {
            Outcome::Stays => Some((dir, name)),
            Outcome::Moved { wd, name } => self.model.watched(wd).map(|dir| (dir, name)),
            Outcome::Removed | Outcome::Unknown => None,
        };
        let found = at.and_then(|(dir, name)| self.stat_in(dir, name).ok());
        let Some(id) = self.insert_unseen(old_dir, old_name, found.as_ref()) else {
            return !self.is_in_tree(dir);
        };
        if !self.is_in_tree(dir) {
            return true;
        }
        if outcome == Outcome::Stays {
            self.compare_before_replacing(id, dir, name);
        }
        self.rename(id, dir, name);
        true
    }

    /// Reads a new file that a writer has closed, and emits it with its digest. `false`: it is to
    /// be created by its status.
    fn create_closed(&mut self, dir: Id, name: &[u8], content: ContentEvents) -> bool {
        let Some((reading, stat)) = self.read_closed(dir, name) else {
            return false;
        };
        if self.existed_before_name(&stat, content) {
            return self.create_whole_closed(dir, name, &reading, &stat);
        }
        let Some(id) = self.insert_empty(dir, name, Some(&stat)) else {
            return true;
        };
        match reading {
            Reading::Done(read) => self.compare_first_reading(id, &read),
            Reading::Later(ticket, _) => self.begin_first_reading(id, ticket, &stat),
        }
        true
    }

    /// Emits a new name of a file that existed before, was written under this name and is read, or
    /// is being read. `false`: it has no digest.
    fn create_whole_closed(
        &mut self,
        dir: Id,
        name: &[u8],
        reading: &Reading,
        stat: &Stat,
    ) -> bool {
        match *reading {
            Reading::Done(ref read) => {
                let Some(digest) = read.digest else {
                    return false;
                };
                let Some(id) = self.insert(dir, name, Kind::File) else {
                    return true;
                };
                self.store_digest(id, read, digest);
                self.links.tmpfiles.add_recent(stat);
                self.emit_created(id, content(stat, Some(digest)));
                self.closed_by_writer(id, stat, digest, read.while_read);
                self.retry_links(stat);
                // It was written under this name: its other names have the bytes, too.
                self.note_reading_of(id, stat, read.as_of, Written::ByThisName);
            }
            Reading::Later(ticket, _) => {
                let Some(id) = self.insert(dir, name, Kind::File) else {
                    return true;
                };
                self.emit_created(id, content(stat, None));
                self.begin_first_reading(id, ticket, stat);
            }
        }
        true
    }

    fn begin_first_reading(&mut self, id: Id, ticket: Ticket, stat: &Stat) {
        self.links.tmpfiles.add_recent(stat);
        self.note_links(id, stat);
        let dev = Some(stat.inode.dev);
        let read = Read::new(ticket, dev, Evidence::WRITE_EVENTS);
        self.reads.begin(id, read);
    }

    /// Reads a new file that a writer has closed (without a digest, if it goes by size and times), and
    /// returns its status, too. `None`: more has to be found out, or it may not be read now.
    pub(super) fn read_closed(&mut self, dir: Id, name: &[u8]) -> Option<(Reading, Stat)> {
        // Of a remote file no status is known before it was read.
        let is_remote = self.file_systems.is_polled(self.model.inode(dir).dev);
        let asks_for_more = self.settings.attributes || self.settings.strict || is_remote;
        if asks_for_more || self.queue.is_rescanning() || !self.may_read_in_place() {
            return None;
        }
        let reading = if self.hashing_in(dir) == Hashing::Off {
            let as_of = self.clock.wall();
            Reading::Done(FileDigest::unread(self.stat_in(dir, name).ok()?, as_of))
        } else {
            self.read_in(dir, name).ok()?
        };
        let (stat, is_plain) = match reading {
            Reading::Done(FileDigest { stat, digest, .. }) => {
                let is_file = stat.kind == Kind::File && stat.size > 0;
                (stat, digest.is_some() || is_file)
            }
            Reading::Later(_, stat) => (stat?, true),
        };
        (is_plain && !self.disk.is_self_output(stat.inode)).then_some((reading, stat))
    }

    /// Creates a name by its status.
    fn create_name(&mut self, dir: Id, name: &[u8], content: ContentEvents) {
        let parent = match self.enter(dir) {
            Ok(parent) => parent,
            Err(FsError::NotFound) => return self.unseen_create(dir, name),
            Err(_) => return self.reconcile_name(dir, name),
        };
        match self.disk.stat(Target::In(&parent, name)) {
            Ok(stat) if self.disk.is_self_output(stat.inode) => {}
            Ok(stat) if stat.kind == Kind::File => self.create_file(dir, name, &stat, content),
            Ok(stat) if stat.kind != Kind::Directory => {
                if let Some(id) = self.insert(dir, name, stat.kind) {
                    self.remember_attributes(id, &stat);
                    self.emit_created(id, Content::default());
                }
            }
            // It is gone or replaced: events about that follow.
            Ok(_) | Err(FsError::NotFound) => self.unseen_create(dir, name),
            Err(why) => drop(self.retry_later(dir, name, &why)),
        }
    }

    fn create_file(&mut self, dir: Id, name: &[u8], stat: &Stat, content: ContentEvents) {
        if self.existed_before_name(stat, content) {
            self.create_whole(dir, name, stat);
            return;
        }
        let Some(id) = self.insert_empty(dir, name, Some(stat)) else {
            return;
        };
        self.links.tmpfiles.add_recent(stat);
        if stat.size == 0 {
            self.store_fingerprint(id, stat, self.fingerprint(stat), self.clock.wall());
        } else {
            // It was written to since: these events follow, if they are not lost. A hard link that
            // is created before that finds it by its inode key.
            self.model.set_inode_key(id, model::inode_key(stat));
            self.debounce_file(id);
        }
        self.watch_file_inode(id, dir, name, stat);
    }

    /// Whether a file existed before it got this name: by link(2), not by open(2). One that may have
    /// got its other names since is taken for new if it was written under this one, and has no other
    /// in the model.
    fn existed_before_name(&mut self, stat: &Stat, content: ContentEvents) -> bool {
        let is_old = stat
            .btime
            .is_some_and(|birth| self.clock.is_before_queued_events(birth));
        if is_old || !self.links.may_have_others(stat) {
            return is_old;
        }
        let had_no_name = self.links.tmpfiles.has(stat.inode.ino);
        if had_no_name || !content.has_write() {
            return true;
        }
        self.model.index_inode_keys();
        let others = self.model.with_inode_key(model::inode_key(stat));
        !others.is_empty()
    }

    /// Inserts a file and emits it as empty, as open(2) makes it. `stat`: its status, if it was
    /// found.
    fn insert_empty(&mut self, dir: Id, name: &[u8], stat: Option<&Stat>) -> Option<Id> {
        let id = self.insert(dir, name, Kind::File)?;
        if let Some(stat) = stat {
            self.remember_attributes(id, stat);
        }
        self.emit_empty(id, stat);
        Some(id)
    }

    /// Emits a file that was just inserted as empty.
    fn emit_empty(&mut self, id: Id, stat: Option<&Stat>) {
        let is_hashed = |dir| self.hashing_in(dir) != Hashing::Off;
        let digest = self
            .model
            .parent(id)
            .is_some_and(is_hashed)
            .then_some(EMPTY);
        self.model.set_digest(id, digest);
        // That it is empty is not known: it is yet to be compared.
        self.model.set_knowledge(id, Knowledge::Unverified);
        self.emit_created(
            id,
            Content {
                bytes: Some(Bytes { size: 0, digest }),
                stat: stat.map(Stat::times),
            },
        );
    }
}
