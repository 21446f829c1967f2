//! Performs the calls that change a file's bytes, times and mode, by its name or while it is open.
//!
//! The events carry the name by which the file was opened, even if it has been removed since.

use crate::event::ContentEvent;
use crate::tracker::fake::tree::{Body, Dentry};
use crate::tracker::fake::{Fake, Note};

/// How many bytes of storage are beyond the end of a file that is being truncated, or has more
/// than it needs: 1 MiB.
const BEYOND_END: u64 = 1 << 20;

/// A truncation takes less, in nanoseconds: 50 ms.
const LONGEST_TRUNCATION: i64 = 50_000_000;

/// A file that is being truncated.
#[derive(Clone, Copy)]
pub(in crate::tracker::fake) struct Truncation {
    /// The name by which it is.
    dentry: Dentry,
    began: i64,
}

#[derive(Clone, Copy)]
pub(in crate::tracker::fake) struct Handle {
    /// The name by which it was opened.
    dentry: Dentry,
    /// The offset of the next write; `None`: the end of the file.
    offset: Option<usize>,
}

impl Fake {
    /// Puts an open file into a slot.
    fn hold(&mut self, slot: usize, dentry: Dentry, offset: Option<usize>) {
        self.shut(slot);
        let node = self.tree.dentry(dentry).node;
        self.tree.node_mut(node).pins += 1;
        self.handles[slot] = Some(Handle { dentry, offset });
    }

    /// The dentry as it was spelled in a path, which its events carry.
    fn spelled(&mut self, dentry: Dentry, path: &[u8]) -> Dentry {
        let name = self.tree.parent_and_name(path).map(|(_, name)| name);
        match name {
            Some(name) => self.tree.respelled(dentry, name),
            None => dentry,
        }
    }

    pub(super) fn open(&mut self, slot: usize, path: &[u8]) -> Option<()> {
        match self.tree.dentry_at(path) {
            Some(dentry) => {
                let node = self.tree.dentry(dentry).node;
                matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
                let dentry = self.spelled(dentry, path);
                self.change_bytes(dentry, Vec::clear)?;
                self.hold(slot, dentry, Some(0));
            }
            None => {
                self.make(path, Body::File(Vec::new()))?;
                let dentry = self.tree.dentry_at(path)?;
                self.hold(slot, dentry, Some(0));
            }
        }
        Some(())
    }

    pub(super) fn append(&mut self, slot: usize, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let node = self.tree.dentry(dentry).node;
        matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
        let dentry = self.spelled(dentry, path);
        self.hold(slot, dentry, None);
        Some(())
    }

    /// O_TMPFILE: a file whose dentry is called `#<inode>` and is in no directory.
    pub(super) fn open_unnamed(&mut self, slot: usize, path: &[u8]) -> Option<()> {
        let dir = self.tree.at(path).filter(|dir| self.tree.is_dir(*dir))?;
        let node = self.tree.make(Body::File(Vec::new()));
        let name = format!("#{}", self.tree.inode(node).ino);
        let dentry = self.tree.unlinked_dentry(dir, name.as_bytes(), node);
        self.hold(slot, dentry, Some(0));
        Some(())
    }

    /// write(2).
    pub(super) fn put(&mut self, slot: usize, data: u8) -> Option<()> {
        let Handle { dentry, offset } = self.handles[slot]?;
        let data = [b'0' + data; 4];
        self.change_bytes(dentry, |bytes| {
            let at = offset.unwrap_or(bytes.len());
            bytes.resize(bytes.len().max(at + data.len()), 0);
            bytes[at..at + data.len()].copy_from_slice(&data);
        })?;
        self.handles[slot] = Some(Handle {
            dentry,
            offset: offset.map(|at| at + data.len()),
        });
        Some(())
    }

    /// close(2).
    pub(super) fn shut(&mut self, slot: usize) -> Option<()> {
        let Handle { dentry, .. } = self.handles[slot].take()?;
        self.content(dentry, ContentEvent::CloseWrite);
        let node = self.tree.dentry(dentry).node;
        self.tree.node_mut(node).pins -= 1;
        self.note(Note::Evict(node));
        Some(())
    }

    /// The first part of truncate(2): the file has its new size, and its old times.
    pub(super) fn begin_truncate(&mut self, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let node = self.tree.dentry(dentry).node;
        matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
        let dentry = self.spelled(dentry, path);
        self.note_writer(dentry)?;
        let body = self.tree.node_mut(node);
        if let Body::File(bytes) = &mut body.body {
            bytes.resize(2, 0);
        }
        body.beyond_end = BEYOND_END;
        let began = self.tree.wall;
        self.truncation = Some(Truncation { dentry, began });
        Some(())
    }

    /// Ends a truncation that would take too long, if the time is `wall`.
    pub(in crate::tracker::fake) fn end_long_truncation(&mut self, wall: i64) {
        let truncation = self.truncation;
        if truncation.is_some_and(|truncation| wall - truncation.began >= LONGEST_TRUNCATION) {
            self.end_truncate();
        }
    }

    /// fallocate(2) with FALLOC_FL_KEEP_SIZE.
    pub(super) fn allocate(&mut self, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let dentry = self.spelled(dentry, path);
        let node = self.tree.dentry(dentry).node;
        matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
        self.change_bytes(dentry, |_| {})?;
        self.tree.node_mut(node).beyond_end = BEYOND_END;
        Some(())
    }

    /// The last part of truncate(2), which sets the times.
    pub(super) fn end_truncate(&mut self) -> Option<()> {
        let Truncation { dentry, .. } = self.truncation.take()?;
        let (node, now) = (self.tree.dentry(dentry).node, self.tree.time());
        let body = self.tree.node_mut(node);
        body.beyond_end = 0;
        (body.mtime, body.ctime) = (now, now);
        self.content(dentry, ContentEvent::Modify);
        Some(())
    }

    /// Whether the file has other names in watched directories. `None`: it has, but this name is
    /// outside, so that inotify reports the write for none of them.
    fn has_others(&self, dentry: Dentry) -> Option<bool> {
        let (dir, node) = (self.tree.dentry(dentry).dir, self.tree.dentry(dentry).node);
        // A directory that has just left is watched still, and may come back.
        let is_known = |dir| self.shows_progress(dir) || self.kernel.is_watched(dir);
        let is_other = |other| other != dentry && is_known(self.tree.dentry(other).dir);
        let has_others = self.tree.names_of(node).any(is_other);
        let is_reported = self.shows_progress(dir) && self.kernel.is_watched(dir);
        (is_reported || !has_others).then_some(has_others)
    }

    /// Notes that a file's bytes are changed by that name, unless inotify could not show it.
    fn note_writer(&mut self, dentry: Dentry) -> Option<()> {
        let has_others = self.has_others(dentry)?;
        let (node, is_live) = (
            self.tree.dentry(dentry).node,
            self.tree.dentry(dentry).is_live,
        );
        let body = self.tree.node_mut(node);
        if has_others {
            body.writers.insert(dentry);
            body.is_excused |= !is_live && !self.expects_writes_by_unlinked_names;
        }
        Some(())
    }

    /// Changes a file's bytes by that name, unless inotify could not show it.
    fn change_bytes(&mut self, dentry: Dentry, change: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        self.note_writer(dentry)?;
        let (node, now) = (self.tree.dentry(dentry).node, self.tree.time());
        let body = self.tree.node_mut(node);
        if let Body::File(bytes) = &mut body.body {
            change(bytes);
        }
        (body.mtime, body.ctime) = (now, now);
        self.content(dentry, ContentEvent::Modify);
        Some(())
    }

    /// utimensat(2).
    pub(super) fn touch(&mut self, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        self.has_others(dentry)?;
        let node = self.tree.dentry(dentry).node;
        let now = self.tree.time();
        let body = self.tree.node_mut(node);
        (body.mtime, body.ctime) = (now, now);
        self.content(dentry, ContentEvent::Attrib);
        Some(())
    }

    /// chmod(2).
    pub(super) fn chmod(&mut self, path: &[u8], readable: bool) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let node = self.tree.dentry(dentry).node;
        let has_others = self.has_others(dentry)?;
        let now = self.tree.time();
        let body = self.tree.node_mut(node);
        body.ctime = now;
        body.has_mode_of_one |= has_others;
        if has_others {
            body.writers.insert(dentry);
        }
        body.chmods += u32::from(body.is_readable != readable);
        body.is_readable = readable;
        self.content(dentry, ContentEvent::Attrib);
        Some(())
    }

    /// linkat(2) by a descriptor.
    pub(super) fn link_open(&mut self, slot: usize, to: &[u8]) -> Option<()> {
        let node = self.tree.dentry(self.handles[slot]?.dentry).node;
        self.link_node(node, to)
    }
}
