//! What programs do to the file system, each with the events that Linux makes of it.

use std::collections::BTreeMap;

use super::tree::{Body, Dentry, Node};
use super::{Fake, Note};
use crate::event::{NameEvent, OwnEvent};

/// One system call, or what acts like one. Paths begin at the top; what fails does
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// open(2) with O_CREAT and O_TRUNC, into a slot.
    Open(usize, &'static str),
    /// open(2) with O_APPEND of what is there.
    Append(usize, &'static str),
    /// open(2) with O_TMPFILE in a directory.
    Unnamed(usize, &'static str),
    /// write(2) of four bytes that are all the same.
    Put(usize, u8),
    /// close(2).
    Shut(usize),
    /// linkat(2) of an open file.
    LinkOpen(usize, &'static str),
    /// truncate(2) to two bytes.
    Truncate(&'static str),
    /// utimensat(2) to now.
    Touch(&'static str),
    /// chmod(2): whether it may be read.
    Chmod(&'static str, bool),
    /// unlink(2).
    Unlink(&'static str),
    /// mkdir(2).
    MakeDir(&'static str),
    /// rmdir(2).
    RemoveDir(&'static str),
    /// Of `rm -rf`, one removal; the rest comes next.
    RemoveTree(&'static str),
    /// rename(2).
    Rename(&'static str, &'static str),
    /// renameat2(2) with RENAME_EXCHANGE.
    Exchange(&'static str, &'static str),
    /// renameat2(2) with RENAME_WHITEOUT.
    Whiteout(&'static str, &'static str),
    /// link(2).
    Link(&'static str, &'static str),
    /// symlink(2).
    Symlink(&'static str),
    /// mkfifo(3).
    Fifo(&'static str),
    /// mount(2) of a directory at another place, as far as inotify knows: no event.
    Bind(&'static str, &'static str),
}

/// An open file.
#[derive(Clone, Copy)]
pub(crate) struct Handle {
    /// The name by which it was opened.
    dentry: Dentry,
    /// Where the next bytes go; none: to the end.
    offset: Option<usize>,
}

/// How many files may be open.
pub(crate) const SLOTS: usize = 4;

impl Fake {
    /// Does it; `None` if it failed.
    pub(crate) fn perform(&mut self, op: Op) -> Option<()> {
        let at = self.journal.len();
        self.journal.push(format!("    {op:?}"));
        let done = self.attempt(op);
        if done.is_none() {
            self.journal.remove(at);
        }
        done
    }

    /// Does it, without keeping a record.
    fn attempt(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Open(slot, path) => self.open(slot, path.as_bytes()),
            Op::Append(slot, path) => {
                let dentry = self.tree.dentry_at(path.as_bytes())?;
                let node = self.tree.dentry(dentry).node;
                matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
                self.hold(slot, dentry, None);
                Some(())
            }
            Op::Unnamed(slot, path) => self.open_unnamed(slot, path.as_bytes()),
            Op::Put(slot, data) => self.put(slot, data),
            Op::Shut(slot) => self.shut(slot),
            Op::LinkOpen(slot, path) => self.link_open(slot, path.as_bytes()),
            Op::Truncate(path) => self.truncate(path.as_bytes()),
            Op::Touch(path) => self.touch(path.as_bytes()),
            Op::Chmod(path, readable) => self.chmod(path.as_bytes(), readable),
            Op::Unlink(path) => self.remove(path.as_bytes(), false),
            Op::MakeDir(path) => self.make(path.as_bytes(), Body::Directory(BTreeMap::new())),
            Op::RemoveDir(path) => self.remove(path.as_bytes(), true),
            Op::RemoveTree(path) => self.remove_tree(path),
            Op::Rename(from, to) => self.rename(from.as_bytes(), to.as_bytes(), false),
            Op::Whiteout(from, to) => self.rename(from.as_bytes(), to.as_bytes(), true),
            Op::Exchange(one, other) => self.exchange(one.as_bytes(), other.as_bytes()),
            Op::Link(from, to) => self.link(from.as_bytes(), to.as_bytes()),
            Op::Symlink(path) => self.make(path.as_bytes(), Body::Symlink),
            Op::Fifo(path) => self.make(path.as_bytes(), Body::Other),
            Op::Bind(from, to) => {
                let node = self.tree.at(from.as_bytes())?;
                let (dir, name) = self.tree.place(to.as_bytes())?;
                self.tree.hash(dir, name, node);
                Some(())
            }
        }
    }

    /// Puts an open file into a slot.
    fn hold(&mut self, slot: usize, dentry: Dentry, offset: Option<usize>) {
        self.shut(slot);
        let node = self.tree.dentry(dentry).node;
        self.tree.node_mut(node).pins += 1;
        self.handles[slot] = Some(Handle { dentry, offset });
    }

    /// O_CREAT|O_TRUNC.
    fn open(&mut self, slot: usize, path: &[u8]) -> Option<()> {
        match self.tree.dentry_at(path) {
            Some(dentry) => {
                let node = self.tree.dentry(dentry).node;
                matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
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

    /// O_TMPFILE: a file whose dentry is called `#<inode>` and is in no directory.
    fn open_unnamed(&mut self, slot: usize, path: &[u8]) -> Option<()> {
        let dir = self.tree.at(path).filter(|dir| self.tree.is_dir(*dir))?;
        let node = self.tree.make(Body::File(Vec::new()));
        let name = format!("#{}", self.tree.inode(node).ino);
        let dentry = self.tree.dead_dentry(dir, name.as_bytes(), node);
        self.hold(slot, dentry, Some(0));
        Some(())
    }

    /// write(2).
    fn put(&mut self, slot: usize, data: u8) -> Option<()> {
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
    fn shut(&mut self, slot: usize) -> Option<()> {
        let Handle { dentry, .. } = self.handles[slot].take()?;
        self.content(dentry, NameEvent::CloseWrite, OwnEvent::CloseWrite);
        let node = self.tree.dentry(dentry).node;
        self.tree.node_mut(node).pins -= 1;
        self.note(Note::Evict(node));
        Some(())
    }

    /// truncate(2).
    fn truncate(&mut self, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let node = self.tree.dentry(dentry).node;
        matches!(self.tree.node(node).body, Body::File(_)).then_some(())?;
        self.change_bytes(dentry, |bytes| bytes.resize(2, 0))
    }

    /// Whether the file has other names in the tree, of which inotify has a chance to
    /// tell; `None`: it has them, and no chance, since this name is outside.
    fn has_others(&self, dentry: Dentry) -> Option<bool> {
        let (dir, node) = (self.tree.dentry(dentry).dir, self.tree.dentry(dentry).node);
        // What has just left is known still, and may come back.
        let is_known = |dir| self.is_seen(dir) || self.kernel.is_watched(dir);
        let is_other = |other| other != dentry && is_known(self.tree.dentry(other).dir);
        let has_others = self.tree.names_of(node).any(is_other);
        let is_told = self.is_seen(dir) && self.kernel.is_watched(dir);
        (is_told || !has_others).then_some(has_others)
    }

    /// Changes a file's bytes by that name.
    fn change_bytes(&mut self, dentry: Dentry, change: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        let has_others = self.has_others(dentry)?;
        let (node, is_live) = (
            self.tree.dentry(dentry).node,
            self.tree.dentry(dentry).is_live,
        );
        let now = self.tree.time();
        let body = self.tree.node_mut(node);
        if has_others {
            body.writers.insert(dentry);
            body.is_excused |= !is_live && !self.is_strict_about_dead_names;
        }
        if let Body::File(bytes) = &mut body.body {
            change(bytes);
        }
        (body.mtime, body.ctime) = (now, now);
        self.content(dentry, NameEvent::Modify, OwnEvent::Modify);
        Some(())
    }

    /// utimensat(2).
    fn touch(&mut self, path: &[u8]) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        self.has_others(dentry)?;
        let node = self.tree.dentry(dentry).node;
        let now = self.tree.time();
        let body = self.tree.node_mut(node);
        (body.mtime, body.ctime) = (now, now);
        self.content(dentry, NameEvent::Attrib, OwnEvent::Attrib);
        Some(())
    }

    /// chmod(2).
    fn chmod(&mut self, path: &[u8], readable: bool) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let node = self.tree.dentry(dentry).node;
        self.has_others(dentry)?;
        let now = self.tree.time();
        let body = self.tree.node_mut(node);
        body.ctime = now;
        body.is_readable = readable;
        self.content(dentry, NameEvent::Attrib, OwnEvent::Attrib);
        Some(())
    }

    /// A new name of something new.
    fn make(&mut self, path: &[u8], body: Body) -> Option<()> {
        let (dir, name) = self.tree.place(path)?;
        if self.tree.find(dir, name).is_some() {
            return None;
        }
        let node = self.tree.make(body);
        self.tree.hash(dir, name, node);
        self.names(vec![self.name_note(dir, name, node, NameEvent::Create)]);
        Some(())
    }

    /// A note about a name.
    fn name_note(&self, dir: Node, name: &[u8], node: Node, what: NameEvent) -> Note {
        Note::Name {
            dir,
            name: name.to_vec(),
            is_dir: self.tree.is_dir(node),
            what,
        }
    }

    /// unlink(2) or rmdir(2).
    fn remove(&mut self, path: &[u8], is_dir: bool) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let (dir, node) = (self.tree.dentry(dentry).dir, self.tree.dentry(dentry).node);
        let name = self.tree.dentry(dentry).name.clone();
        if self.tree.is_dir(node) != is_dir
            || self.tree.names(node).is_some_and(|names| !names.is_empty())
        {
            return None;
        }
        self.tree.unhash(dentry);
        let mut notes = vec![
            self.name_note(dir, &name, node, NameEvent::Delete),
            Note::Evict(node),
        ];
        if !is_dir {
            notes.insert(
                0,
                Note::Own {
                    node,
                    what: OwnEvent::Attrib,
                },
            );
        }
        self.names(notes);
        Some(())
    }

    /// The first leaf of a tree goes; what is left goes next.
    fn remove_tree(&mut self, path: &'static str) -> Option<()> {
        let top = self
            .tree
            .at(path.as_bytes())
            .filter(|node| self.tree.is_dir(*node))?;
        let mut at = path.as_bytes().to_vec();
        let mut dir = top;
        while let Some((name, dentry)) = self.tree.names(dir).and_then(BTreeMap::first_key_value) {
            at.push(b'/');
            at.extend(name);
            dir = self.tree.dentry(*dentry).node;
        }
        self.remove(&at, self.tree.is_dir(dir))?;
        if dir != top {
            self.pending.push_front(Op::RemoveTree(path));
        }
        Some(())
    }

    /// rename(2); with a whiteout in its place.
    fn rename(&mut self, from: &[u8], to: &[u8], whiteout: bool) -> Option<()> {
        let source = self.tree.dentry_at(from)?;
        let (dir, name) = self.tree.place(to)?;
        let (old_dir, node) = (self.tree.dentry(source).dir, self.tree.dentry(source).node);
        let victim = self.tree.find(dir, name);
        let is_dir = self.tree.is_dir(node);
        if is_dir && self.tree.is_within(dir, node) {
            return None;
        }
        let victim_node = victim.map(|victim| self.tree.dentry(victim).node);
        if let Some(other) = victim_node {
            let is_full = self
                .tree
                .names(other)
                .is_some_and(|names| !names.is_empty());
            if other == node || self.tree.is_dir(other) != is_dir || is_full {
                return None;
            }
        }
        self.lose_sight(source, dir);
        if let Some(victim) = victim {
            self.tree.unhash(victim);
        }
        let old_name = self.tree.dentry(source).name.clone();
        self.tree.shift(source, dir, name);
        if whiteout {
            let device = self.tree.make(Body::Other);
            self.tree.hash(old_dir, &old_name, device);
        }
        let cookie = self.kernel.cookie();
        let mut notes = vec![
            self.name_note(old_dir, &old_name, node, NameEvent::MovedFrom(cookie)),
            self.name_note(dir, name, node, NameEvent::MovedTo(cookie)),
            Note::Own {
                node,
                what: OwnEvent::MoveSelf,
            },
        ];
        if let Some(other) = victim_node {
            notes.extend([
                Note::Own {
                    node: other,
                    what: OwnEvent::Attrib,
                },
                Note::Evict(other),
            ]);
        }
        self.names(notes);
        Some(())
    }

    /// What moves out of sight takes the names with it by which files were written to.
    fn lose_sight(&mut self, source: Dentry, dir: Node) {
        let (old_dir, node) = (self.tree.dentry(source).dir, self.tree.dentry(source).node);
        if !self.is_seen(old_dir) || self.is_seen(dir) {
            return;
        }
        if !self.tree.is_dir(node) {
            return self.tree.lose_sight(source);
        }
        for other in self.tree.all() {
            let body = self.tree.node_mut(other);
            body.is_excused |= !body.writers.is_empty();
        }
    }

    /// RENAME_EXCHANGE.
    fn exchange(&mut self, one: &[u8], other: &[u8]) -> Option<()> {
        let (one, other) = (self.tree.dentry_at(one)?, self.tree.dentry_at(other)?);
        let of = |dentry| {
            let dentry = self.tree.dentry(dentry);
            (dentry.dir, dentry.name.clone(), dentry.node)
        };
        let (a, b) = (of(one), of(other));
        if a.2 == b.2 || self.tree.is_within(a.0, b.2) || self.tree.is_within(b.0, a.2) {
            return None;
        }
        self.lose_sight(one, b.0);
        self.lose_sight(other, a.0);
        self.tree.exchange(one, other);
        let (there, back) = (self.kernel.cookie(), self.kernel.cookie());
        self.names(vec![
            self.name_note(a.0, &a.1, a.2, NameEvent::MovedFrom(there)),
            self.name_note(b.0, &b.1, a.2, NameEvent::MovedTo(there)),
            Note::Own {
                node: a.2,
                what: OwnEvent::MoveSelf,
            },
            self.name_note(b.0, &b.1, b.2, NameEvent::MovedFrom(back)),
            self.name_note(a.0, &a.1, b.2, NameEvent::MovedTo(back)),
            Note::Own {
                node: b.2,
                what: OwnEvent::MoveSelf,
            },
        ]);
        Some(())
    }

    /// link(2).
    fn link(&mut self, from: &[u8], to: &[u8]) -> Option<()> {
        let node = self.tree.at(from).filter(|node| !self.tree.is_dir(*node))?;
        self.link_node(node, to)
    }

    /// linkat(2) by a descriptor.
    fn link_open(&mut self, slot: usize, to: &[u8]) -> Option<()> {
        let node = self.tree.dentry(self.handles[slot]?.dentry).node;
        self.link_node(node, to)
    }

    /// Another name for an inode.
    fn link_node(&mut self, node: Node, to: &[u8]) -> Option<()> {
        let (dir, name) = self.tree.place(to)?;
        if self.tree.find(dir, name).is_some() {
            return None;
        }
        self.tree.hash(dir, name, node);
        let now = self.tree.time();
        self.tree.node_mut(node).ctime = now;
        let own = Note::Own {
            node,
            what: OwnEvent::Attrib,
        };
        self.names(vec![
            own,
            self.name_note(dir, name, node, NameEvent::Create),
        ]);
        Some(())
    }
}
