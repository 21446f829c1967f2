//! What the disk answers the rules, with programs at work before and between.

use super::tree::Node;
use super::{Aside, Fake, Note, digest};
use crate::change::{Digest, Kind};
use crate::event::Wd;
use crate::tracker::content::Answer;
use crate::tracker::port::{
    At, Disk, Fault, Inode, Reading, Stat, Ticket, Watched, Way, append_name,
};

impl Fake {
    /// The directory that was entered as that inode.
    pub(super) fn entered(&self, inode: Inode) -> Result<Node, Fault> {
        let held = self.held.iter().find(|(held, _)| *held == inode);
        held.map(|(_, node)| *node).ok_or(Fault::Absent)
    }

    /// What is at a place.
    pub(super) fn find(&self, at: At<'_>) -> Result<Node, Fault> {
        match at {
            At::Root(path) => self.tree.at(path).ok_or(Fault::Absent),
            At::In(inode, name) => {
                let dir = self.entered(inode)?;
                self.step(dir, name)
            }
        }
    }

    /// What a name leads to, as far as the directory may be looked into.
    fn step(&self, dir: Node, name: &[u8]) -> Result<Node, Fault> {
        if !self.tree.is_dir(dir) {
            return Err(Fault::Absent);
        }
        if !self.tree.node(dir).is_readable {
            return Err(Fault::Denied);
        }
        self.tree.child(dir, name).ok_or(Fault::Absent)
    }

    /// The way to a directory.
    pub(crate) fn climb(&self, root: &[u8], route: &[u8]) -> Result<Node, Fault> {
        let mut node = self.tree.at(root).ok_or(Fault::Absent)?;
        for name in route
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            node = self.step(node, name)?;
        }
        if self.tree.is_dir(node) {
            Ok(node)
        } else {
            Err(Fault::Absent)
        }
    }

    /// One more descriptor holds an inode.
    fn pin(&mut self, node: Node) {
        self.tree.node_mut(node).pins += 1;
    }

    /// One less.
    fn unpin(&mut self, node: Node) {
        self.tree.node_mut(node).pins -= 1;
        self.note(Note::Evict(node));
    }

    /// Reads a file in two halves, with programs at work between them.
    fn read_halves(&mut self, node: Node, stat: Stat) -> (Stat, Digest, bool) {
        let mut bytes = self.tree.bytes(node).to_vec();
        let half = bytes.len() / 2;
        bytes.truncate(half);
        self.race();
        bytes.extend(self.tree.bytes(node).iter().skip(half));
        let read = digest(&bytes);
        self.race();
        let after = self.tree.stat(node);
        let is_stable = (stat.size, stat.mtime) == (after.size, after.mtime);
        (
            Stat {
                size: bytes.len() as u64,
                ..stat
            },
            read,
            is_stable,
        )
    }

    /// The files that are read aside.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.aside.keys().copied().collect()
    }

    /// A file that was read aside.
    pub(crate) fn answer(&mut self, ticket: Ticket) -> Option<Answer> {
        let Aside { node, stat } = self.aside.remove(&ticket)?;
        let (stat, digest, stable) = self.read_halves(node, stat);
        self.unpin(node);
        Some(Answer::Read {
            stat,
            digest,
            stable,
        })
    }

    /// What the baseline reads of a name: the way there must lead to that inode.
    pub(crate) fn errand(
        &mut self,
        root: &[u8],
        route: &[u8],
        inode: Inode,
        name: &[u8],
        limit: u64,
    ) -> Result<(Stat, Option<Digest>, bool), Fault> {
        self.race();
        let dir = self.climb(root, route)?;
        if self.tree.inode(dir) != inode {
            return Err(Fault::Absent);
        }
        let node = self.step(dir, name)?;
        if self.tree.kind(node) != Kind::File {
            return Err(Fault::Absent);
        }
        let stat = self.tree.stat(node);
        if stat.size > limit {
            return Ok((stat, None, true));
        }
        if !self.tree.node(node).is_readable {
            return Err(Fault::Denied);
        }
        self.pin(node);
        let (stat, digest, stable) = self.read_halves(node, stat);
        self.unpin(node);
        Ok((stat, Some(digest), stable))
    }
}

impl Disk for Fake {
    fn enter<'a>(&mut self, inode: Inode, way: &Way<'_, 'a>) -> Result<(), Fault> {
        if self.entered(inode).is_ok() {
            return Ok(());
        }
        self.race();
        let mut path = Vec::new();
        let root = way(&mut path).ok_or(Fault::Absent)?;
        let node = self.climb(root, &path)?;
        if self.tree.inode(node) != inode {
            return Err(Fault::Absent);
        }
        self.pin(node);
        self.held.push((inode, node));
        Ok(())
    }

    fn stat(&mut self, at: At<'_>) -> Result<Stat, Fault> {
        self.race();
        self.note_down("stat", at);
        self.find(at).map(|node| self.tree.stat(node))
    }

    fn watch(&mut self, at: At<'_>) -> Result<Watched, Fault> {
        self.race();
        let node = self.find(at)?;
        if !self.tree.is_dir(node) {
            return Err(Fault::Absent);
        }
        self.pin(node);
        self.race();
        self.note_down("watch", at);
        let wd = if self.is_readable(node) {
            self.kernel.watch(node)
        } else {
            Err(Fault::Denied)
        };
        self.race();
        let inode = self.tree.inode(node);
        self.unpin(node);
        Ok(Watched {
            wd,
            inode,
            blind: false,
        })
    }

    fn watch_file(&mut self, at: At<'_>) -> Result<Wd, Fault> {
        self.race();
        let node = self.find(at)?;
        self.kernel.watch(node)
    }

    fn unwatch(&mut self, wd: Wd) {
        self.race();
        self.kernel.unwatch(wd);
    }

    fn list(&mut self, inode: Inode, names: &mut Vec<u8>) -> Result<(), Fault> {
        self.race();
        // It waits for the directory's lock, under which names are told.
        self.tell_late();
        let dir = self.entered(inode)?;
        self.journal.push(format!("      list {}", inode.ino));
        if !self.is_readable(dir) {
            return Err(Fault::Denied);
        }
        let all = |disk: &Self| -> Vec<Vec<u8>> {
            disk.tree
                .names(dir)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect()
        };
        // What is renamed meanwhile may be absent, or there twice.
        let mut listed = all(self);
        let half = listed.len() / 2;
        listed.truncate(half);
        self.race();
        self.tell_late();
        let last = listed.last().cloned();
        listed.extend(
            all(self)
                .into_iter()
                .filter(|name| last.as_ref().is_none_or(|last| name > last)),
        );
        for name in listed {
            append_name(names, &name);
        }
        Ok(())
    }

    fn read(&mut self, at: At<'_>, limit: u64, ticket: Ticket) -> Result<Reading, Fault> {
        self.race();
        self.note_down("read", at);
        let node = self.find(at)?;
        if self.tree.kind(node) != Kind::File {
            return Err(Fault::Absent);
        }
        let stat = self.tree.stat(node);
        if stat.size > limit {
            return Ok(Reading::OverLimit);
        }
        self.pin(node);
        if self.chance.happens(self.odds.aside) {
            self.aside.insert(ticket, Aside { node, stat });
            return Ok(Reading::Later);
        }
        if !self.is_readable(node) {
            self.unpin(node);
            return Err(Fault::Denied);
        }
        let (stat, digest, stable) = self.read_halves(node, stat);
        self.unpin(node);
        Ok(Reading::Done {
            stat,
            digest,
            stable,
        })
    }

    fn is_own(&self, _inode: Inode) -> bool {
        false
    }

    fn release(&mut self) {
        for (_, node) in std::mem::take(&mut self.held) {
            self.unpin(node);
        }
    }
}
