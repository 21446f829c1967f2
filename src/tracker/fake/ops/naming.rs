//! Performs the calls that make, remove, rename and link names.
//!
//! Invariant: all notes of one call are given together, in the order in which Linux
//! queues them.

use std::collections::BTreeMap;

use super::Op;
use crate::event::{ContentEvent, NameEvent};
use crate::tracker::fake::tree::{Body, Dentry, Node};
use crate::tracker::fake::{Fake, Note};

impl Fake {
    pub(super) fn make(&mut self, path: &[u8], body: Body) -> Option<()> {
        let (dir, name) = self.tree.parent_and_name(path)?;
        if self.tree.find(dir, name).is_some() {
            return None;
        }
        let node = self.tree.make(body);
        self.tree.hash(dir, name, node);
        self.names(vec![self.name_note(dir, name, node, NameEvent::Create)]);
        Some(())
    }

    fn name_note(&self, dir: Node, name: &[u8], node: Node, event: NameEvent) -> Note {
        Note::Name {
            dir,
            name: name.to_vec(),
            is_dir: self.tree.is_dir(node),
            event,
        }
    }

    /// unlink(2) or rmdir(2).
    pub(super) fn remove(&mut self, path: &[u8], is_dir: bool) -> Option<()> {
        let dentry = self.tree.dentry_at(path)?;
        let (dir, node) = (self.tree.dentry(dentry).dir, self.tree.dentry(dentry).node);
        let name = self.tree.parent_and_name(path)?.1.to_vec();
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
                Note::Content {
                    node,
                    event: ContentEvent::Attrib,
                },
            );
        }
        self.names(notes);
        Some(())
    }

    /// Removes the first leaf of a tree, and leaves the rest for the next operation.
    pub(super) fn remove_tree(&mut self, path: &'static str) -> Option<()> {
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
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8], whiteout: bool) -> Option<()> {
        let source = self.tree.dentry_at(from)?;
        let (dir, name) = self.tree.parent_and_name(to)?;
        let (old_dir, node) = (self.tree.dentry(source).dir, self.tree.dentry(source).node);
        let found = self.tree.find(dir, name);
        if found == Some(source) && (whiteout || self.tree.dentry(source).name == name) {
            return None;
        }
        // Where only the case differs, nothing is replaced.
        let victim = found.filter(|victim| *victim != source);
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
        // The replacing name takes over the spelling of the replaced one.
        let listed = victim.map(|victim| self.tree.dentry(victim).name.clone());
        if let Some(victim) = victim {
            self.tree.unhash(victim);
        }
        let old_name = self.tree.parent_and_name(from)?.1.to_vec();
        self.tree
            .shift(source, dir, listed.as_deref().unwrap_or(name));
        if whiteout {
            let device = self.tree.make(Body::Other);
            self.tree.hash(old_dir, &old_name, device);
        }
        let cookie = self.kernel.cookie();
        let mut notes = vec![
            self.name_note(old_dir, &old_name, node, NameEvent::MovedFrom(cookie)),
            self.name_note(dir, name, node, NameEvent::MovedTo(cookie)),
            Note::MoveSelf(node),
        ];
        if let Some(other) = victim_node {
            notes.extend([
                Note::Content {
                    node: other,
                    event: ContentEvent::Attrib,
                },
                Note::Evict(other),
            ]);
        }
        self.names(notes);
        Some(())
    }

    /// Excuses the files that were written to by names which now move out of the PATHs.
    fn lose_sight(&mut self, source: Dentry, dir: Node) {
        let (old_dir, node) = (self.tree.dentry(source).dir, self.tree.dentry(source).node);
        if !self.shows_progress(old_dir) || self.shows_progress(dir) {
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

    pub(super) fn exchange(&mut self, one: &[u8], other: &[u8]) -> Option<()> {
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
            Note::MoveSelf(a.2),
            self.name_note(b.0, &b.1, b.2, NameEvent::MovedFrom(back)),
            self.name_note(a.0, &a.1, b.2, NameEvent::MovedTo(back)),
            Note::MoveSelf(b.2),
        ]);
        Some(())
    }

    /// link(2).
    pub(super) fn link(&mut self, from: &[u8], to: &[u8]) -> Option<()> {
        let node = self.tree.at(from).filter(|node| !self.tree.is_dir(*node))?;
        self.link_node(node, to)
    }

    pub(super) fn link_node(&mut self, node: Node, to: &[u8]) -> Option<()> {
        let (dir, name) = self.tree.parent_and_name(to)?;
        if self.tree.find(dir, name).is_some() {
            return None;
        }
        self.tree.hash(dir, name, node);
        let now = self.tree.time();
        self.tree.node_mut(node).ctime = now;
        let attrib = Note::Content {
            node,
            event: ContentEvent::Attrib,
        };
        self.names(vec![
            attrib,
            self.name_note(dir, name, node, NameEvent::Create),
        ]);
        Some(())
    }

    /// mount(2) of a directory, which is then in two places at once: that makes no event.
    pub(super) fn bind(&mut self, from: &[u8], to: &[u8]) -> Option<()> {
        let node = self.tree.at(from)?;
        let (dir, name) = self.tree.parent_and_name(to)?;
        self.tree.hash(dir, name, node);
        Some(())
    }
}
