//! Answers the rules' questions about the disk, with programs at work before and between.

use std::rc::Rc;

use super::tree::Node;
use super::{Entered, Fake, Note, digest};
use crate::change::Kind;
use crate::event::Wd;
use crate::tracker::disk::{
    Disk, FileDigest, FsClass, FsError, Inode, PathWriter, Reading, Stat, Target, Ticket, Watched,
    WhileRead, Xattr,
};

/// A file that a thread was given.
pub(super) struct WorkerRead {
    node: Node,
    /// Its status before it was listed.
    stat: Stat,
    /// What was read, if the answer is on the way.
    read: Option<Result<FileDigest, FsError>>,
}

impl Fake {
    pub(super) fn find(&self, at: Target<'_, Rc<Entered>>) -> Result<Node, FsError> {
        match at {
            Target::Root(path) => self.tree.at(path).ok_or(FsError::NotFound),
            Target::In(dir, name) => self.step(dir.node, name),
        }
    }

    fn see(&mut self, at: &Target<'_, Rc<Entered>>) {
        if let Target::In(dir, name) = at {
            self.tree.see(dir.node, name);
        }
    }

    /// The inode that a name leads to, if the directory may be searched.
    fn step(&self, dir: Node, name: &[u8]) -> Result<Node, FsError> {
        if !self.tree.is_dir(dir) {
            return Err(FsError::NotFound);
        }
        if !self.tree.node(dir).is_readable {
            return Err(FsError::PermissionDenied);
        }
        self.tree.child(dir, name).ok_or(FsError::NotFound)
    }

    pub(crate) fn find_stale_ancestor(
        &self,
        root: &[u8],
        relative_path: &[u8],
    ) -> Result<Node, FsError> {
        let mut node = self.tree.at(root).ok_or(FsError::NotFound)?;
        for name in relative_path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            node = self.step(node, name)?;
        }
        if self.tree.is_dir(node) {
            Ok(node)
        } else {
            Err(FsError::NotFound)
        }
    }

    /// Closes the directories that nobody holds any longer.
    fn close(&mut self) {
        for entered in std::mem::take(&mut self.closing) {
            if Rc::strong_count(&entered) == 1 {
                self.unpin(entered.node);
            } else {
                self.closing.push(entered);
            }
        }
    }

    fn pin(&mut self, node: Node) {
        self.tree.node_mut(node).pins += 1;
    }

    fn unpin(&mut self, node: Node) {
        self.tree.node_mut(node).pins -= 1;
        self.note(Note::Evict(node));
    }

    /// Reads a file by one call or by several, with programs at work before it or between them.
    fn read_bytes(&mut self, node: Node, stat: Stat) -> FileDigest {
        if self.chance.happens(50) {
            return self.read_halves(node, stat);
        }
        let as_of = self.tree.wall;
        self.race();
        let bytes = self.tree.bytes(node).to_vec();
        if bytes.len() as u64 != stat.size {
            return self.read_halves(node, stat);
        }
        FileDigest {
            took: self.reading_takes,
            ..FileDigest::known(stat, digest(&bytes), as_of)
        }
    }

    /// Reads a file in two halves, with programs at work between them.
    fn read_halves(&mut self, node: Node, stat: Stat) -> FileDigest {
        let as_of = self.tree.wall;
        let mut bytes = self.tree.bytes(node).to_vec();
        let half = bytes.len() / 2;
        bytes.truncate(half);
        self.race();
        bytes.extend(self.tree.bytes(node).iter().skip(half));
        let read = digest(&bytes);
        self.race();
        let after = self.tree.stat(node);
        let is_unchanged = (stat.size, stat.mtime) == (after.size, after.mtime);
        FileDigest {
            stat: Stat {
                size: bytes.len() as u64,
                ..stat
            },
            digest: Some(read),
            while_read: WhileRead::unchanged_if(is_unchanged),
            took: self.reading_takes,
            as_of,
        }
    }

    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.worker_reads.keys().copied().collect()
    }

    /// Reads a file that a thread was given, or gives what was read of it before. `None`: not yet.
    pub(crate) fn answer(&mut self, ticket: Ticket) -> Option<Result<FileDigest, FsError>> {
        let mut job = self.worker_reads.remove(&ticket)?;
        if let Some(read) = job.read.take() {
            return Some(read);
        }
        let read = self.read_by_worker(job.node, job.stat);
        self.unpin(job.node);
        if self.chance.happens(self.odds.slow_answer) {
            job.read = Some(read);
            self.worker_reads.insert(ticket, job);
            return None;
        }
        Some(read)
    }

    fn read_by_worker(&mut self, node: Node, stat: Stat) -> Result<FileDigest, FsError> {
        self.fail(false)?;
        if !self.is_readable(node) {
            return Err(FsError::PermissionDenied);
        }
        Ok(self.read_bytes(node, stat))
    }

    /// Reads one file for the baseline: the path of its directory must lead to that inode.
    pub(crate) fn read_for_baseline(
        &mut self,
        root: &[u8],
        relative_path: &[u8],
        inode: Inode,
        name: &[u8],
        limit: u64,
    ) -> Result<FileDigest, FsError> {
        self.race();
        self.fail(false)?;
        let dir = self.find_stale_ancestor(root, relative_path)?;
        if self.tree.inode(dir) != inode {
            return Err(FsError::NotFound);
        }
        self.tree.see(dir, name);
        let node = self.step(dir, name)?;
        if self.tree.kind(node) != Kind::File {
            return Err(FsError::NotFound);
        }
        let stat = self.tree.stat(node);
        if stat.size > limit {
            return Ok(FileDigest::unread(stat, self.tree.wall));
        }
        if !self.tree.node(node).is_readable {
            return Err(FsError::PermissionDenied);
        }
        self.pin(node);
        let mut read = self.read_halves(node, stat);
        if self.tree.stat(node).ctime != stat.ctime {
            read.while_read = WhileRead::MayHaveChanged;
        }
        self.unpin(node);
        Ok(read)
    }
}

impl Disk for Fake {
    fn class(&mut self, _: &Stat) -> FsClass {
        FsClass::Local
    }

    type Directory = Rc<Entered>;

    fn enter<'a>(
        &mut self,
        inode: Inode,
        write_path: &PathWriter<'_, 'a>,
    ) -> Result<Self::Directory, FsError> {
        self.close();
        if let Some(held) = self.held.iter().find(|held| held.inode == inode) {
            return Ok(Rc::clone(held));
        }
        self.race();
        self.fail(false)?;
        let mut path = Vec::new();
        let root = write_path(&mut path).ok_or(FsError::NotFound)?;
        let node = self.find_stale_ancestor(root, &path)?;
        if self.tree.inode(node) != inode {
            return Err(FsError::NotFound);
        }
        self.pin(node);
        if self.held.len() >= self.most_held {
            self.release();
        }
        let entered = Rc::new(Entered { inode, node });
        self.held.push(Rc::clone(&entered));
        Ok(entered)
    }

    fn owner(&self, dir: &Self::Directory) -> Option<u32> {
        // Of each of three users.
        u32::try_from(dir.inode.ino % 3).ok()
    }

    fn stat(&mut self, at: Target<'_, Self::Directory>) -> Result<Stat, FsError> {
        self.race();
        self.note_down("stat", at);
        self.fail(true)?;
        self.see(&at);
        self.find(at).map(|node| self.tree.stat(node))
    }

    fn watch(&mut self, at: Target<'_, Self::Directory>) -> Result<Watched, FsError> {
        self.race();
        let node = self.find(at)?;
        if !self.tree.is_dir(node) {
            return Err(FsError::NotFound);
        }
        self.pin(node);
        self.race();
        self.note_down("watch", at);
        let opened = self.fail(false);
        if let Err(why) = opened {
            self.unpin(node);
            return Err(why);
        }
        let wd = if self.is_readable(node) {
            self.fail(false).and_then(|()| self.kernel.watch(node))
        } else {
            Err(FsError::PermissionDenied)
        };
        self.race();
        let inode = self.tree.inode(node);
        self.unpin(node);
        Ok(Watched {
            wd,
            inode,
            class: FsClass::Local,
        })
    }

    fn watch_file(&mut self, at: Target<'_, Self::Directory>) -> Result<(Wd, Stat), FsError> {
        self.race();
        let node = self.find(at)?;
        self.fail(false)?;
        if self.failing_file_watches > 0 {
            self.failing_file_watches -= 1;
            self.errors += 1;
            return Err(FsError::Io("it cannot be watched".into()));
        }
        Ok((self.kernel.watch(node)?, self.tree.stat(node)))
    }

    fn unwatch(&mut self, wd: Wd) {
        self.race();
        self.kernel.unwatch(wd);
    }

    fn list(&mut self, dir: &Self::Directory, take: &mut dyn FnMut(&[u8])) -> Result<(), FsError> {
        self.race();
        // A listing waits for the directory's lock, under which events are queued.
        self.tell_late();
        self.journal.push(format!("      list {}", dir.inode.ino));
        let dir = dir.node;
        self.fail(false)?;
        let left = self.lists_until_failure.take();
        if left == Some(0) {
            return Err(FsError::Io("it cannot be listed".into()));
        }
        self.lists_until_failure = left.map(|left| left - 1);
        if !self.is_readable(dir) {
            return Err(FsError::PermissionDenied);
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
        listed.iter().for_each(|name| take(name));
        Ok(())
    }

    fn read(
        &mut self,
        at: Target<'_, Self::Directory>,
        limit: u64,
        ticket: Ticket,
    ) -> Result<Reading, FsError> {
        self.race();
        self.note_down("read", at);
        self.fail(false)?;
        self.see(&at);
        let node = self.find(at)?;
        if self.tree.kind(node) != Kind::File {
            return Err(FsError::NotFound);
        }
        if self.is_busy {
            return Err(FsError::Busy);
        }
        let stat = self.tree.stat(node);
        if stat.size > limit {
            return Ok(Reading::Done(FileDigest::unread(stat, self.tree.wall)));
        }
        self.pin(node);
        if self.chance.happens(self.odds.by_worker) {
            self.worker_reads.insert(
                ticket,
                WorkerRead {
                    node,
                    stat,
                    read: None,
                },
            );
            return Ok(Reading::Later(ticket, Some(stat)));
        }
        if !self.is_readable(node) {
            self.unpin(node);
            return Err(FsError::PermissionDenied);
        }
        let read = self.read_bytes(node, stat);
        self.unpin(node);
        Ok(Reading::Done(read))
    }

    /// The answers come all the same.
    fn cancel(&mut self, tickets: &[Ticket]) {
        self.cancelled.extend(tickets);
    }

    fn xattrs(&mut self, at: Target<'_, Self::Directory>) -> Result<Vec<Xattr>, FsError> {
        self.find(at).and_then(|_| self.xattrs.clone())
    }

    fn is_self_output(&self, _inode: Inode) -> bool {
        false
    }

    fn release(&mut self) {
        self.closing.append(&mut self.held);
        self.close();
    }
}
