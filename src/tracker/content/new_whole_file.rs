//! Adds files that have their bytes when they get their name: moved in, linked, or found by a
//! scan. Each is emitted once, with its digest if it could be read at once.

use super::{Read, content};
use crate::change::{Content, Kind};
use crate::tracker::Tracker;
use crate::tracker::disk::{Disk, FileDigest, FsError, Reading, Stat};
use crate::tracker::model::{self, Evidence, Id};

/// Names of a file that are looked for before another one is taken to be new: it may have 65,000,
/// and be found by as many more.
const NAMES_TRIED: usize = 16;

impl<D: Disk> Tracker<D> {
    /// Adds a file that was moved in, linked, or found by a scan.
    pub(in crate::tracker) fn create_whole(&mut self, dir: Id, name: &[u8], stat: &Stat) {
        if let Some(known) = self.find_relocated(stat) {
            return self.rename_relocated(known, dir, name);
        }
        let Some(id) = self.insert(dir, name, Kind::File) else {
            return;
        };
        self.remember_attributes(id, stat);
        self.note_links(id, stat);
        self.links.tmpfiles.add_recent(stat);
        self.watch_file_inode(id, dir, name, stat);
        if self.goes_by_stat(stat) {
            self.add_by_stat(id, stat);
        } else {
            let content = self.read_first(id, dir, name, stat);
            self.emit_created(id, content);
        }
    }

    /// Emits a new file that goes by inode, size and times.
    fn add_by_stat(&mut self, id: Id, stat: &Stat) {
        self.store_fingerprint(
            id,
            stat,
            model::fingerprint_without_ctime(stat),
            self.clock.wall(),
        );
        self.warn_over_limit(id, stat);
        self.emit_created(id, content(stat, None));
        let written = self.written(id, stat);
        self.note_reading_of(id, stat, self.clock.wall(), written);
    }

    /// Reads a new file, here or by a worker, and returns the content fields to emit now.
    fn read_first(&mut self, id: Id, dir: Id, name: &[u8], stat: &Stat) -> Content {
        if let Some((read, digest)) = self.read_by_other_name(id, stat, Evidence::default()) {
            self.keep_digest(id, &read, digest);
            return content(stat, Some(digest));
        }
        match self.read_in(dir, name) {
            Ok(Reading::Done(
                ref read @ FileDigest {
                    stat,
                    digest: Some(digest),
                    as_of,
                    ..
                },
            )) => {
                self.store_digest(id, read, digest);
                let written = self.written(id, &stat);
                self.retry_links(&stat);
                self.note_reading_of(id, &stat, as_of, written);
                return content(&stat, Some(digest));
            }
            Ok(Reading::Later(ticket, found)) => {
                let dev = Some(found.as_ref().unwrap_or(stat).inode.dev);
                let read = Read::new(ticket, dev, Evidence::MODIFIED);
                self.reads.begin(id, read);
            }
            // It grew over the limit: from now on it goes by stat.
            Ok(Reading::Done(_)) => {
                self.store_fingerprint(
                    id,
                    stat,
                    model::fingerprint_without_ctime(stat),
                    self.clock.wall(),
                );
                self.enqueue(id);
            }
            Err(error) => self.reading_failed(id, stat, error, Evidence::default()),
        }
        content(stat, None)
    }

    /// During a rescan: a name of this file under which it is no longer found, since it moved while
    /// events were lost.
    fn find_relocated(&mut self, stat: &Stat) -> Option<Id> {
        if !self.queue.is_rescanning() {
            return None;
        }
        let key = model::inode_key(stat);
        let count = self.model.with_inode_key(key).len().min(NAMES_TRIED);
        (0..count).find_map(|_| {
            let known = self.model.next_with_inode_key(key)?;
            let is_gone = !self.is_being_removed(known) && !self.is_still_there(known, stat);
            is_gone.then_some(known)
        })
    }

    /// Whether the file is still found under the name that it has in the model; in doubt, it is.
    fn is_still_there(&mut self, id: Id, stat: &Stat) -> bool {
        match self.stat_entry(id) {
            Ok(found) => found.inode == stat.inode,
            Err(why) => why != FsError::NotFound,
        }
    }
}
