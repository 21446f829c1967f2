//! Applies records to a tree, strictly: a record that repeats another, or is about a name that is
//! not there, is refused (contract, section 4). For the unit tests of all that emits records.

use std::collections::BTreeMap;

use super::{Attributes, Change, Content, Digest, Kind};

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// It stays the same when the entry is renamed.
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) digest: Option<Digest>,
    pub(crate) size: Option<u64>,
    /// Mode and owner, where they are reported.
    pub(crate) attributes: Option<Attributes>,
    /// Whether the bytes were reported, or read before anything happened to them.
    is_sure: bool,
    /// The bytes reported under this name before a rename put another file there.
    replaced: Option<Last>,
}

/// The bytes last reported under a name.
#[derive(Clone, Copy, Debug)]
struct Last {
    digest: Option<Digest>,
    is_sure: bool,
}

impl Entry {
    /// Whether a rename replaced bytes by others, and no record has reported that yet.
    pub(crate) fn is_owed(&self) -> bool {
        self.replaced.is_some_and(|last| {
            last.digest.is_some() && self.digest.is_some() && last.digest != self.digest
        })
    }
}

/// The tree that records fold to, by path. The PATH `/` has the empty path, since paths in it begin
/// with a slash.
#[derive(Default, Debug)]
pub(crate) struct Fold {
    pub(crate) names: BTreeMap<Vec<u8>, Entry>,
    next: usize,
}

/// Whether a path is below another one.
fn is_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

impl Fold {
    /// Adds a name that was there before. `is_sure`: whether the content was reported. Returns its
    /// number.
    pub(crate) fn add(
        &mut self,
        path: &[u8],
        kind: Kind,
        content: Content,
        is_sure: bool,
    ) -> usize {
        let number = self.next;
        self.next += 1;
        let entry = Entry {
            number,
            kind,
            digest: content.digest(),
            size: content.size(),
            attributes: None,
            is_sure,
            replaced: None,
        };
        let old = self.names.insert(path.to_vec(), entry);
        assert!(old.is_none(), "the name is there");
        number
    }

    /// `is_top`: whether a path is a PATH.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn apply(
        &mut self,
        change: &Change<Vec<u8>>,
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        match change {
            Change::Created {
                kind,
                path,
                content,
                attributes,
                ..
            } => self.created(key(path), *kind, *content, *attributes, is_top),
            Change::Changed { path, content } => self.changed(key(path), *content),
            Change::Renamed { kind, from, path } => {
                self.renamed(key(from), key(path), *kind, is_top)
            }
            Change::Deleted { kind, path } => self.deleted(key(path), *kind, is_top),
            Change::AttributesChanged {
                kind,
                path,
                new,
                old,
                ..
            } => {
                let entry = self.known(key(path), *kind)?;
                let known = entry.attributes.replace(*new);
                if old.is_some() && known.is_some() && *old != known {
                    return Err("other attributes before than were last reported");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn created(
        &mut self,
        path: &[u8],
        kind: Kind,
        content: Content,
        attributes: Option<Attributes>,
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        self.has_directory(path, is_top)?;
        if self.names.contains_key(path) {
            return Err("created what is there");
        }
        if kind != Kind::File && content.bytes.is_some() {
            return Err("content of what is no file");
        }
        self.add(path, kind, content, true);
        self.known(path, kind)?.attributes = attributes;
        Ok(())
    }

    /// Whether a path is a PATH, or in a directory that is there.
    fn has_directory(
        &self,
        path: &[u8],
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        let cut = path.iter().rposition(|byte| *byte == b'/');
        let dir = cut.and_then(|cut| self.names.get(&path[..cut]));
        let is_directory = dir.map_or_else(|| is_top(path), |dir| dir.kind == Kind::Directory);
        is_directory
            .then_some(())
            .ok_or("not in a directory that is there")
    }

    /// The entry of a path, which must have this kind.
    fn known(&mut self, path: &[u8], kind: Kind) -> Result<&mut Entry, &'static str> {
        let entry = self.names.get_mut(path).ok_or("the name is not there")?;
        if entry.kind == kind {
            Ok(entry)
        } else {
            Err("it is of another kind")
        }
    }

    /// The bytes must differ from those last reported.
    fn changed(&mut self, path: &[u8], content: Content) -> Result<(), &'static str> {
        let entry = self.known(path, Kind::File)?;
        if content.bytes.is_none() {
            return Err("changed to no content");
        }
        let digest = content.digest();
        let is_same = |last: Last| last.is_sure && last.digest.is_some() && last.digest == digest;
        let now = Last {
            digest: entry.digest,
            is_sure: entry.is_sure,
        };
        if is_same(now) && entry.replaced.is_none_or(is_same) {
            return Err("changed to the bytes last reported");
        }
        (entry.digest, entry.size) = (digest, content.size());
        (entry.is_sure, entry.replaced) = (true, None);
        Ok(())
    }

    /// Moves a name, and all below it.
    fn renamed(
        &mut self,
        from: &[u8],
        to: &[u8],
        kind: Kind,
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        self.known(from, kind)?;
        self.has_directory(to, is_top)?;
        if from == to || is_below(to, from) || is_below(from, to) {
            return Err("renamed to itself, or up or down its own branch");
        }
        let mut replaced = None;
        if let Some(old) = self.names.remove(to) {
            if (old.kind == Kind::Directory) != (kind == Kind::Directory) {
                return Err("renamed onto another kind");
            }
            if self.names.keys().any(|path| is_below(path, to)) {
                return Err("renamed onto a directory that is not empty");
            }
            if old.kind == Kind::File && kind == Kind::File {
                replaced = Some(old.replaced.unwrap_or(Last {
                    digest: old.digest,
                    is_sure: old.is_sure,
                }));
            }
        }
        let is_moved = |path: &Vec<u8>| path == from || is_below(path, from);
        let moved: Vec<_> = self
            .names
            .extract_if(.., |path, _| is_moved(path))
            .collect();
        for (path, entry) in moved {
            self.names.insert([to, &path[from.len()..]].concat(), entry);
        }
        self.known(to, kind)?.replaced = replaced;
        Ok(())
    }

    fn deleted(
        &mut self,
        path: &[u8],
        kind: Kind,
        is_top: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), &'static str> {
        self.known(path, kind)?;
        self.names.remove(path);
        // A PATH stays, even if a filter hides the directory above it.
        let is_kept = |other: &[u8]| {
            let ends = (path.len() + 1..other.len()).filter(|&end| other[end] == b'/');
            is_top(other) || ends.into_iter().any(|end| is_top(&other[..end]))
        };
        let mut below = self.names.keys().filter(|other| is_below(other, path));
        if below.any(|other| !is_kept(other)) {
            return Err("deleted before what is in it");
        }
        Ok(())
    }
}

/// A path as [`Fold::names`] has it.
pub(crate) fn key(path: &[u8]) -> &[u8] {
    if path == b"/" { b"" } else { path }
}
