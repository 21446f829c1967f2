//! Applies the records to the tree that was reported, strictly: a record that repeats another, or
//! is about a name that is not there, is refused (contract, section 4).

use std::collections::{BTreeMap, BTreeSet};

use super::stream::{is_below, move_subtree};
use crate::change::{Change, Content, Digest, Kind, OwnedChange};

/// The number of an entry: that of the reported one, or a new one.
pub(super) type Number = usize;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: Number,
    pub(super) kind: Kind,
    pub(super) digest: Option<Digest>,
    pub(super) size: Option<u64>,
    /// The digest that was reported under this name before a rename put another file there.
    replaced: Option<Option<Digest>>,
    /// Whether a record has its content.
    pub(super) has_content: bool,
}

#[derive(Default)]
pub(super) struct Fold {
    pub(super) names: BTreeMap<String, Entry>,
    next: Number,
    renamed: BTreeSet<Number>,
}

impl Fold {
    /// Adds a reported name. `path`: empty for the PATH `/`.
    pub(super) fn add(
        &mut self,
        path: &str,
        kind: Kind,
        digest: Option<Digest>,
        size: Option<u64>,
    ) -> Number {
        let number = self.next;
        self.next += 1;
        let entry = Entry {
            number,
            kind,
            digest,
            size,
            replaced: None,
            has_content: false,
        };
        assert!(self.names.insert(path.to_owned(), entry).is_none());
        number
    }

    /// `is_top`: whether a path is a PATH.
    pub(super) fn apply(
        &mut self,
        change: &OwnedChange,
        is_top: &dyn Fn(&str) -> bool,
    ) -> Result<(), &'static str> {
        match &change.change {
            Change::Created {
                kind,
                path,
                content,
                ..
            } => self.created(&text(path), *kind, content, is_top),
            Change::Changed { path, content } => self.changed(&text(path), content),
            Change::Renamed { kind, from, path } => {
                self.renamed(&text(from), &text(path), *kind, is_top)
            }
            Change::Deleted { kind, path } => self.deleted(&text(path), *kind, is_top),
            _ => Err("no difference between trees"),
        }
    }

    fn has_directory(&self, path: &str, is_top: &dyn Fn(&str) -> bool) -> bool {
        let dir = path
            .rsplit_once('/')
            .and_then(|(dir, _)| self.names.get(dir));
        dir.map_or_else(|| is_top(path), |dir| dir.kind == Kind::Directory)
    }

    fn created(
        &mut self,
        path: &str,
        kind: Kind,
        content: &Content,
        is_top: &dyn Fn(&str) -> bool,
    ) -> Result<(), &'static str> {
        if !self.has_directory(path, is_top) {
            return Err("not in a directory that is there");
        }
        if self.names.contains_key(path) {
            return Err("created what is there");
        }
        if kind != Kind::File && content.bytes.is_some() {
            return Err("content of what is no file");
        }
        self.add(path, kind, content.digest(), content.size());
        let entry = self.names.get_mut(path);
        entry.ok_or("it was added")?.has_content = content.bytes.is_some();
        Ok(())
    }

    fn changed(&mut self, path: &str, content: &Content) -> Result<(), &'static str> {
        let entry = self.names.get_mut(path).ok_or("the name is not there")?;
        if entry.kind != Kind::File {
            return Err("content of what is no file");
        }
        let is_same = |before: Option<Digest>| before.is_some() && before == content.digest();
        if is_same(entry.digest) && entry.replaced.is_none_or(is_same) {
            return Err("changed to the bytes last reported");
        }
        if content.bytes.is_none() {
            return Err("changed to no content");
        }
        if std::mem::replace(&mut entry.has_content, true) {
            return Err("content twice");
        }
        (entry.digest, entry.size) = (content.digest(), content.size());
        entry.replaced = None;
        Ok(())
    }

    fn renamed(
        &mut self,
        from: &str,
        to: &str,
        kind: Kind,
        is_top: &dyn Fn(&str) -> bool,
    ) -> Result<(), &'static str> {
        let entry = self.names.get(from).ok_or("the name is not there")?;
        if entry.kind != kind {
            return Err("it is of another kind");
        }
        if from == to || is_below(to, from) || is_below(from, to) {
            return Err("renamed to itself, or up or down its own branch");
        }
        if !self.has_directory(to, is_top) {
            return Err("not in a directory that is there");
        }
        self.renamed.insert(entry.number);
        let mut replaced = None;
        if let Some(old) = self.names.get(to) {
            if (old.kind == Kind::Directory) != (kind == Kind::Directory) {
                return Err("renamed onto another kind");
            }
            if self.names.keys().any(|path| is_below(path, to)) {
                return Err("renamed onto a directory that is not empty");
            }
            if old.kind == Kind::File && kind == Kind::File {
                replaced = Some(old.replaced.unwrap_or(old.digest));
            }
        }
        move_subtree(&mut self.names, from, to);
        self.names.get_mut(to).ok_or("it was moved")?.replaced = replaced;
        Ok(())
    }

    fn deleted(
        &mut self,
        path: &str,
        kind: Kind,
        is_top: &dyn Fn(&str) -> bool,
    ) -> Result<(), &'static str> {
        let entry = self.names.remove(path).ok_or("the name is not there")?;
        if entry.kind != kind {
            return Err("it is of another kind");
        }
        // A PATH stays, even if a filter hides the directory above it.
        let is_kept = |other: &str| {
            let mut ends = other.match_indices('/').map(|(end, _)| end);
            is_top(other) || ends.any(|end| end > path.len() && is_top(&other[..end]))
        };
        let mut below = self.names.keys().filter(|other| is_below(other, path));
        if below.any(|other| !is_kept(other)) {
            return Err("deleted before what is in it");
        }
        Ok(())
    }

    /// Whether what the records have renamed is still there, and what they have replaced by a file
    /// with other bytes was changed.
    pub(super) fn finish(&self) -> Result<(), &'static str> {
        let there: BTreeSet<Number> = self.names.values().map(|entry| entry.number).collect();
        if !self.renamed.is_subset(&there) {
            return Err("renamed and deleted");
        }
        let is_owed = |entry: &Entry| {
            let replaced = entry.replaced.flatten();
            replaced.is_some() && entry.digest.is_some() && replaced != entry.digest
        };
        if self.names.values().any(is_owed) {
            return Err("replaced by other bytes, and not changed");
        }
        Ok(())
    }
}

/// A path as text; the PATH `/` is empty.
pub(super) fn text(path: &[u8]) -> String {
    let path = String::from_utf8(path.to_vec()).unwrap();
    if path == "/" { String::new() } else { path }
}
