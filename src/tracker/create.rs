//! New names that are no directories: made by open(2), and then empty, or come whole.
//!
//! What has left its name before it could be reconciled is known by where it went: its kind
//! is not guessed. Invariant: a file that was made, written and closed in one batch is read
//! once.

use super::content::content;
use super::disk::{Disk, FileDigest, FsError, Reading, Stat, Target, Ticket};
use super::model::{self, Evidence, Id, Knowledge};
use super::{Hashing, Tracker};
use crate::change::{Content, EMPTY, Kind};
use crate::coalesce::{ContentEvents, Outcome};

/// What reading a new file once gave.
pub(super) enum FirstReading {
    /// Without a digest where it goes by size and times.
    Done(FileDigest),
    /// A worker reads it; as it was before.
    Later(Ticket, Stat),
}

impl FirstReading {
    pub(super) fn stat(&self) -> &Stat {
        match self {
            Self::Done(read) => &read.stat,
            Self::Later(_, stat) => stat,
        }
    }
}

impl<D: Disk> Tracker<D> {
    /// `IN_CREATE` of what is no directory and not known. Whether `content` was served, too.
    pub(super) fn create(
        &mut self,
        dir: Id,
        name: &[u8],
        content: ContentEvents,
        outcome: Outcome<'_>,
    ) -> bool {
        match outcome {
            Outcome::Stays if content.closed && self.create_closed(dir, name) => true,
            Outcome::Stays => {
                self.create_name(dir, name);
                false
            }
            Outcome::Moved { .. } => {
                let destination = self.find_destination(outcome, content);
                let kind = destination.as_ref().map(|at| at.kind);
                let id = self.insert_unseen(dir, name, kind);
                if let Some(destination) = destination {
                    self.keep_destination(id, destination);
                }
                false
            }
            // What it was cannot be found out any longer.
            Outcome::Removed => {
                self.insert_unseen(dir, name, None);
                false
            }
            Outcome::Unknown => {
                self.unseen_create(dir, name);
                false
            }
        }
    }

    /// A new name that is known by its events alone; a file, unless its kind was seen
    /// where it went. The step that takes the name away has what is left reconciled.
    fn insert_unseen(&mut self, dir: Id, name: &[u8], kind: Option<Kind>) -> Id {
        match kind {
            Some(kind @ (Kind::Symlink | Kind::Other)) => {
                let id = self.model.insert(Some(dir), name, kind);
                self.emit_created(id, Content::default());
                id
            }
            Some(Kind::File | Kind::Directory) | None => self.insert_empty(dir, name, None),
        }
    }

    /// Where it went is read soon; if not, the name is reconciled.
    fn unseen_create(&mut self, dir: Id, name: &[u8]) {
        self.awaited.add_unseen(dir, name);
        self.queue.add_name_later(dir, name);
    }

    /// A name that was made and never seen is gone.
    pub(super) fn delete_unseen(&mut self, dir: Id, name: &[u8]) {
        if self.is_directory(dir) && self.model.find(dir, name).is_none() {
            let id = self.insert_empty(dir, name, None);
            self.unlink(id);
        }
    }

    /// A name that was made and never seen is now another one. `false`: its first name is
    /// another's by now.
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
        let stat = at.and_then(|(dir, name)| self.stat_in(dir, name).ok());
        let kind = stat.map(|stat| stat.kind);
        let id = self.insert_unseen(old_dir, old_name, kind);
        self.rename(id, dir, name);
        true
    }

    /// A file that was closed since: it is reported, and what it holds. `false`: that takes
    /// more than to read it once.
    fn create_closed(&mut self, dir: Id, name: &[u8]) -> bool {
        let Some(reading) = self.read_closed(dir, name) else {
            return false;
        };
        let stat = *reading.stat();
        if self.arrived_complete(&stat) {
            let FirstReading::Done(FileDigest {
                digest: Some(digest),
                stable,
                ..
            }) = reading
            else {
                return false;
            };
            let id = self.model.insert(Some(dir), name, Kind::File);
            self.store_digest(id, &stat, digest, stable);
            self.remember_recent(&stat);
            self.emit_created(id, content(&stat, Some(digest)));
            // It was written through this name: its others have the bytes, too.
            self.enqueue_links(id, &stat, true);
            return true;
        }
        let id = self.insert_empty(dir, name, Some(&stat));
        match reading {
            FirstReading::Done(read) => self.compare_first_reading(id, &read),
            FirstReading::Later(ticket, stat) => {
                self.remember_recent(&stat);
                self.note_links(id, &stat);
                self.reads.begin(ticket, id, Evidence::COMPLETED);
            }
        }
        true
    }

    /// Reads a new file that was closed, or, where files go by size and times, asks for
    /// these. `None`: more has to be found out, or it may not be read now.
    pub(super) fn read_closed(&mut self, dir: Id, name: &[u8]) -> Option<FirstReading> {
        let asks_for_more = self.settings.attributes || self.settings.strict;
        if asks_for_more || self.scans.is_rescanning() || !self.may_read_in_place() {
            return None;
        }
        let reading = if self.hashing(self.model.inode(dir).dev) == Hashing::Off {
            FirstReading::Done(FileDigest::unread(self.stat_in(dir, name).ok()?))
        } else {
            let ticket = self.reads.next_ticket();
            match self.read_in(dir, name, ticket).ok()? {
                Reading::Done(read) => FirstReading::Done(read),
                Reading::Later(stat) => FirstReading::Later(ticket, stat?),
            }
        };
        let stat = reading.stat();
        let is_plain = match &reading {
            FirstReading::Done(read) if read.digest.is_none() => {
                stat.kind == Kind::File && stat.size > 0
            }
            FirstReading::Done(_) | FirstReading::Later(..) => true,
        };
        (is_plain && !self.disk.is_self_output(stat.inode)).then_some(reading)
    }

    /// Compares a file that was reported empty with what was read of it.
    pub(super) fn compare_first_reading(&mut self, id: Id, read: &FileDigest) {
        self.remember_recent(&read.stat);
        match read.digest {
            Some(digest) => self.compare_closed(id, &read.stat, digest, read.stable),
            None => {
                self.note_links(id, &read.stat);
                self.compare_closed_stat(id, &read.stat);
            }
        }
    }

    /// As it is on the disk now.
    fn create_name(&mut self, dir: Id, name: &[u8]) {
        let parent = match self.enter(dir) {
            Ok(parent) => parent,
            Err(FsError::NotFound) => return self.unseen_create(dir, name),
            Err(_) => return self.reconcile_name(dir, name),
        };
        match self.disk.stat(Target::In(&parent, name)) {
            Ok(stat) if self.disk.is_self_output(stat.inode) => {}
            Ok(stat) if stat.kind == Kind::File => self.create_file(dir, name, &stat),
            Ok(stat) if stat.kind != Kind::Directory => {
                let id = self.model.insert(Some(dir), name, stat.kind);
                self.remember_attributes(id, &stat);
                self.emit_created(id, Content::default());
            }
            // It is gone or replaced: events of that follow.
            Ok(_) | Err(FsError::NotFound) => self.unseen_create(dir, name),
            Err(why) => drop(self.retry_later(dir, name, &why)),
        }
    }

    fn create_file(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        if self.arrived_complete(stat) {
            self.arrive(dir, name, stat);
            return;
        }
        let id = self.insert_empty(dir, name, Some(stat));
        self.remember_recent(stat);
        if stat.size == 0 {
            let by_stat = self.goes_by_stat(stat);
            self.keep_fingerprint(id, stat, !by_stat, self.clock.wall());
        } else {
            // It was written to before it was stat'ed: these events follow, if they were not lost.
            // A link that comes before they are read finds it by its identity.
            self.model.set_inode_key(id, model::inode_key(stat));
            self.debounce(id);
        }
        self.watch_file_inode(id, dir, name, stat);
    }

    /// Whether a file was there before its name: linked, not made by open(2).
    fn arrived_complete(&self, stat: &Stat) -> bool {
        let is_old = stat
            .btime
            .is_some_and(|birth| self.clock.is_before_queued_events(birth));
        stat.nlink > 1 || is_old || self.tmpfiles.has(stat.inode.ino)
    }

    /// A file without bytes, as open(2) makes it; `stat`: as it was found, if it was.
    fn insert_empty(&mut self, dir: Id, name: &[u8], stat: Option<&Stat>) -> Id {
        let id = self.model.insert(Some(dir), name, Kind::File);
        if let Some(stat) = stat {
            self.remember_attributes(id, stat);
        }
        let dev = self.model.inode(dir).dev;
        let digest = (self.hashing(dev) != Hashing::Off).then_some(EMPTY);
        self.model.set_digest(id, digest);
        // Unless it is compared, what the disk holds may differ from what is emitted here.
        self.model.set_knowledge(id, Knowledge::Unseen);
        self.emit_created(
            id,
            Content {
                size: Some(0),
                digest,
                stat: stat.map(Stat::times),
            },
        );
        id
    }
}
