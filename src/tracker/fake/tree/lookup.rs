//! Looks up inodes by path and name, and an inode's names.
//!
//! Changes nothing.

use std::collections::BTreeMap;

use super::{Body, Dentry, DentryBody, Node, Tree};

impl Tree {
    pub(crate) fn names(&self, dir: Node) -> Option<&BTreeMap<Vec<u8>, Dentry>> {
        match &self.node(dir).body {
            Body::Directory(names) => Some(names),
            _ => None,
        }
    }

    pub(crate) fn is_dir(&self, node: Node) -> bool {
        matches!(self.node(node).body, Body::Directory(_))
    }

    pub(crate) fn find(&self, dir: Node, name: &[u8]) -> Option<Dentry> {
        let names = self.names(dir)?;
        let exact = names.get(name);
        let is_it = |(other, _): &(&Vec<u8>, &Dentry)| other.eq_ignore_ascii_case(name);
        let folded = || names.iter().find(is_it).map(|(_, dentry)| dentry);
        let found = exact.or_else(|| self.ignores_case.then(folded).flatten());
        found.copied()
    }

    pub(crate) fn child(&self, dir: Node, name: &[u8]) -> Option<Node> {
        self.find(dir, name).map(|dentry| self.dentry(dentry).node)
    }

    /// The inode that a path from the root leads to, following no symbolic link.
    pub(crate) fn at(&self, path: &[u8]) -> Option<Node> {
        let mut names = path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty());
        names.try_fold(self.top(), |dir, name| self.child(dir, name))
    }

    /// The dentry at the end of a path.
    pub(crate) fn dentry_at(&self, path: &[u8]) -> Option<Dentry> {
        let (dir, name) = self.parent_and_name(path)?;
        self.find(dir, name)
    }

    /// The directory of a path's last name, and that name.
    pub(crate) fn parent_and_name<'p>(&self, path: &'p [u8]) -> Option<(Node, &'p [u8])> {
        let cut = path.iter().rposition(|byte| *byte == b'/');
        let (dir, name) = cut.map_or((&b""[..], path), |cut| (&path[..cut], &path[cut + 1..]));
        let dir = self.at(dir)?;
        (self.is_dir(dir) && self.node(dir).nlink > 0).then_some((dir, name))
    }

    /// The dentry by which a directory is reached.
    fn dentry_of(&self, dir: Node) -> Option<Dentry> {
        let is_it = |dentry: &&DentryBody| dentry.is_live && dentry.node == dir;
        let at = self.dentries.iter().position(|dentry| is_it(&dentry))?;
        Some(Dentry(at))
    }

    /// Whether a directory is `above` or lies below it.
    pub(crate) fn is_within(&self, mut dir: Node, above: Node) -> bool {
        while dir != above {
            match self.dentry_of(dir) {
                Some(dentry) => dir = self.dentry(dentry).dir,
                None => return false,
            }
        }
        true
    }

    pub(crate) fn names_of(&self, node: Node) -> impl Iterator<Item = Dentry> {
        let all = self.dentries.iter().enumerate();
        all.filter(move |(_, dentry)| dentry.is_live && dentry.node == node)
            .map(|(at, _)| Dentry(at))
    }
}
