//! Compares modes, owners, extended attributes and mtimes with what was last reported, where
//! `--events attributes` or `--events touched` asks for it.

use super::Tracker;
use super::disk::{Disk, FsError, Stat, Target, Xattr};
use super::model::{self, Flag, Id, InodeKey};
use super::queue::Work;
use crate::change::{Attributes, Change, Kind};

impl<D: Disk> Tracker<D> {
    /// Remembers mtime, mode, owner and extended attributes, as far as they are reported.
    pub(super) fn remember_attributes(&mut self, id: Id, stat: &Stat) {
        if stat.kind == Kind::File {
            self.remember_mtime(id, stat);
        }
        if self.settings.attributes {
            let xattrs = self.xattrs(id);
            self.last_reported
                .set_attributes(id, stat.attributes, xattrs);
        }
    }

    /// Remembers mode and owner of an entry that was found under a later name. Its extended attributes
    /// count as unreadable: they cannot be read under this one.
    pub(super) fn remember_attributes_of_moved(&mut self, id: Id, stat: &Stat) {
        if self.settings.attributes {
            self.last_reported.set_attributes(id, stat.attributes, None);
        }
    }

    /// Emits a change of mode, owner or extended attributes, where that is asked for.
    pub(super) fn compare_attributes(&mut self, id: Id, stat: &Stat) {
        if !self.settings.attributes {
            return;
        }
        let Some(old) = self.last_reported.attributes(id) else {
            self.remember_attributes(id, stat);
            if self.last_reported.take_unreported(id) && !self.model.has(id, Flag::HIDDEN) {
                let xattrs = self.last_reported.xattrs(id).unwrap_or_default();
                self.emit_attributes(id, None, stat.attributes, &[], &xattrs);
            }
            return;
        };
        let known = self.last_reported.xattrs(id);
        // Those that cannot be read now, or could not be before, are taken to be unchanged.
        let xattrs = self.xattrs(id).or_else(|| known.clone());
        let old_xattrs = known.or_else(|| xattrs.clone()).unwrap_or_default();
        let new_xattrs = xattrs.as_deref().unwrap_or_default();
        let is_changed = old != stat.attributes || *old_xattrs != *new_xattrs;
        if is_changed && !self.model.has(id, Flag::HIDDEN) {
            self.emit_attributes(id, Some(old), stat.attributes, &old_xattrs, new_xattrs);
        }
        self.last_reported
            .set_attributes(id, stat.attributes, xattrs);
        if self.model.has(id, Flag::LINKED) {
            let key = model::inode_key(stat);
            if is_changed || self.has_link_with_other_attributes(id, key) {
                self.compare_other_links(id, key);
            }
        } else if stat.kind == Kind::File && stat.nlink > 1 {
            // Its inode key is not known yet.
            self.compare_linked_files();
        }
    }

    /// The extended attributes of an entry, sorted by name. `None`: they cannot be read, which is
    /// tried again if that may help soon.
    fn xattrs(&mut self, id: Id) -> Option<Box<[Xattr]>> {
        match self.read_xattrs(id) {
            Ok(xattrs) => Some(xattrs),
            Err(error) => {
                if error.is_transient() {
                    self.retry_entry(id, &error);
                }
                None
            }
        }
    }

    fn read_xattrs(&mut self, id: Id) -> Result<Box<[Xattr]>, FsError> {
        let (dir, name) = match self.model.parent(id) {
            Some(dir) => (dir, self.model.name(id).to_vec()),
            None => (id, b".".to_vec()),
        };
        let inode = self.enter(dir)?;
        let mut xattrs = self.disk.xattrs(Target::In(&inode, &name))?;
        xattrs.sort_unstable();
        Ok(xattrs.into())
    }
}

impl<D> Tracker<D> {
    /// Compares the attributes of a file with several names, whose status was not taken for that, and
    /// of its other names: the event may have had one of these.
    pub(super) fn note_attributes_of_linked(&mut self, id: Id, stat: &Stat, key: InodeKey) {
        let Some(known) = self.last_reported.attributes(id) else {
            return;
        };
        if known != stat.attributes {
            self.enqueue(id);
        }
        if self.has_link_with_other_attributes(id, key) {
            self.compare_other_links(id, key);
        }
    }

    /// Whether mode or owner of another name of a file differ, as they were last reported: an event has
    /// one name only. Extended attributes do not count: where they cannot be read, they stay different.
    fn has_link_with_other_attributes(&self, id: Id, key: InodeKey) -> bool {
        let mut others = self.model.with_inode_key(key).iter();
        let other = others.find(|&&other| other != id);
        let attributes = |id| self.last_reported.attributes(id);
        other.is_some_and(|&other| attributes(other) != attributes(id))
    }

    /// Compares those of the other names of a file whose attributes differ.
    fn compare_other_links(&mut self, id: Id, key: InodeKey) {
        self.queue.add_once_due(Work::other_attributes(key, id));
    }

    /// Enqueues the names of an inode of which other attributes were last reported than of `name`. One
    /// that cannot be stat'ed stays different, so that `name` itself is not enqueued for it.
    pub(super) fn enqueue_names_with_other_attributes(&mut self, key: InodeKey, name: Id) {
        for other in self.model.with_inode_key(key).to_vec() {
            if self.last_reported.differ(other, name) {
                // Without IN_ATTRIB, which would explain a new mtime: there may have been a write, too.
                self.enqueue(other);
            }
        }
    }

    /// The extended attributes are sorted: a user may give a file some 8,000.
    fn emit_attributes(
        &mut self,
        id: Id,
        old: Option<Attributes>,
        new: Attributes,
        old_xattrs: &[Xattr],
        xattrs: &[Xattr],
    ) {
        let (kind, path) = (self.model.kind(id), self.path(id));
        let mut names: Vec<&[u8]> = Vec::new();
        for (these, those) in [(old_xattrs, xattrs), (xattrs, old_xattrs)] {
            let others = these
                .iter()
                .filter(|each| those.binary_search(each).is_err());
            names.extend(others.map(|each| &*each.name));
        }
        names.sort_unstable();
        names.dedup();
        let xattrs = self.records.current().path(|bytes| {
            for name in names {
                bytes.extend(name);
                bytes.push(0);
            }
        });
        self.records.current().push(Change::AttributesChanged {
            kind,
            path,
            new,
            old,
            xattrs,
        });
    }

    /// Remembers the mtime of a file, where changes of it are asked for.
    pub(super) fn remember_mtime(&mut self, id: Id, stat: &Stat) {
        if self.settings.touched {
            self.last_reported.set_mtime(id, stat.mtime);
        }
    }

    /// Whether a file has another mtime than the one that is remembered.
    pub(super) fn has_new_mtime(&self, id: Id, stat: &Stat) -> bool {
        let old = self.last_reported.mtime(id);
        old.is_some_and(|old| old != stat.mtime)
    }
}
