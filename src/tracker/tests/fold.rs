//! Applies the emitted records to the tree at `ready`, strictly: a record that repeats another,
//! or is about a name that is not there, is refused (contract, section 4).

use std::collections::BTreeMap;

use crate::change::{Change, ChangeBuffer, Content, Digest, Kind};

#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) kind: Kind,
    pub(super) digest: Option<Digest>,
    pub(super) size: Option<u64>,
    /// Whether the bytes were emitted, or read before anything happened to them.
    is_sure: bool,
    /// The bytes emitted under this name before a rename put another file there.
    replaced: Option<Last>,
}

/// The bytes last emitted under a name.
#[derive(Clone, Copy, Debug)]
struct Last {
    digest: Option<Digest>,
    /// Whether they were emitted, or read before anything happened to them.
    is_sure: bool,
}

impl Recorded {
    fn new(kind: Kind, content: Content) -> Self {
        Self {
            kind,
            digest: content.digest(),
            size: content.size(),
            is_sure: true,
            replaced: None,
        }
    }

    /// Whether a rename replaced bytes by others, and no record was emitted for that yet.
    pub(super) fn is_owed(&self) -> bool {
        self.replaced.is_some_and(|last| {
            last.digest.is_some() && self.digest.is_some() && last.digest != self.digest
        })
    }
}

/// The tree that the records add up to, by path.
#[derive(Default, Debug)]
pub(super) struct Fold {
    pub(super) names: BTreeMap<Vec<u8>, Recorded>,
}

fn above(path: &[u8]) -> Option<&[u8]> {
    path.iter()
        .rposition(|byte| *byte == b'/')
        .map(|cut| &path[..cut])
}

fn is_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

impl Fold {
    /// Adds a name that was there at `ready`.
    pub(super) fn start(&mut self, path: &[u8], kind: Kind, content: Content) {
        let emitted = Recorded {
            is_sure: false,
            ..Recorded::new(kind, content)
        };
        self.names.insert(path.to_vec(), emitted);
    }

    pub(super) fn apply(
        &mut self,
        buffer: &ChangeBuffer,
        change: &Change,
    ) -> Result<(), &'static str> {
        match change {
            Change::Created {
                kind,
                path,
                content,
                ..
            } => self.created(buffer.bytes(path), *kind, *content),
            Change::Changed { path, content } => self.changed(buffer.bytes(path), *content),
            Change::Renamed { kind, from, path } => {
                self.renamed(buffer.bytes(from), buffer.bytes(path), *kind)
            }
            Change::Deleted { kind, path } => self.deleted(buffer.bytes(path), *kind),
            _ => Ok(()),
        }
    }

    fn created(&mut self, path: &[u8], kind: Kind, content: Content) -> Result<(), &'static str> {
        self.has_directory(path)?;
        match self
            .names
            .insert(path.to_vec(), Recorded::new(kind, content))
        {
            None => Ok(()),
            Some(_) => Err("created what is there"),
        }
    }

    /// Whether a path is in a directory that was emitted.
    fn has_directory(&self, path: &[u8]) -> Result<(), &'static str> {
        match above(path) {
            Some(dir)
                if self
                    .names
                    .get(dir)
                    .is_some_and(|dir| dir.kind == Kind::Directory) =>
            {
                Ok(())
            }
            _ => Err("not in a directory that is there"),
        }
    }

    /// The entry of a path, which must have this kind.
    fn known(&mut self, path: &[u8], kind: Kind) -> Result<&mut Recorded, &'static str> {
        let emitted = self.names.get_mut(path).ok_or("the name is not there")?;
        if emitted.kind == kind {
            Ok(emitted)
        } else {
            Err("it is of another kind")
        }
    }

    /// Applies `modified`: the bytes must differ.
    fn changed(&mut self, path: &[u8], content: Content) -> Result<(), &'static str> {
        let emitted = self.known(path, Kind::File)?;
        let is_same = content.digest().is_some() && content.digest() == emitted.digest;
        let is_due = emitted.replaced.is_some_and(|last| {
            last.digest != content.digest() || last.digest.is_none() || !last.is_sure
        });
        let is_twice = is_same && emitted.is_sure && !is_due;
        *emitted = Recorded::new(Kind::File, content);
        if is_twice {
            Err("changed to the bytes last emitted")
        } else {
            Ok(())
        }
    }

    /// Applies `renamed`: moves a name, and all below it.
    fn renamed(&mut self, from: &[u8], to: &[u8], kind: Kind) -> Result<(), &'static str> {
        self.known(from, kind)?;
        self.has_directory(to)?;
        if from == to || is_below(to, from) || is_below(from, to) {
            return Err("renamed to itself, or up or down its own branch");
        }
        let mut replaced = None;
        if let Some(old) = self.names.get(to) {
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
        let moved: Vec<_> = self
            .names
            .keys()
            .filter(|path| *path == from || is_below(path, from))
            .cloned()
            .collect();
        for path in moved {
            let emitted = self.names.remove(&path).ok_or("it is there")?;
            self.names
                .insert([to, &path[from.len()..]].concat(), emitted);
        }
        if let Some(emitted) = self.names.get_mut(to) {
            emitted.replaced = replaced;
        }
        Ok(())
    }

    fn deleted(&mut self, path: &[u8], kind: Kind) -> Result<(), &'static str> {
        self.known(path, kind)?;
        self.names.remove(path);
        if self.names.keys().any(|other| is_below(other, path)) {
            return Err("deleted before what is in it");
        }
        Ok(())
    }
}

/// A record as a test reads it: `created t/a 5`, with the size where it was emitted.
pub(super) fn line(buffer: &ChangeBuffer, change: &Change) -> String {
    let show = |path| String::from_utf8_lossy(buffer.bytes(path)).into_owned();
    let name = |path, kind: &Kind| show(path) + if *kind == Kind::Directory { "/" } else { "" };
    let size = |content: &Content| {
        content
            .size()
            .map_or(String::new(), |size| format!(" {size}"))
    };
    match change {
        Change::Created {
            kind,
            path,
            content,
            ..
        } => format!("created {}{}", name(path, kind), size(content)),
        Change::Changed { path, content } => format!("changed {}{}", show(path), size(content)),
        Change::Renamed { kind, from, path } => {
            format!("renamed {} -> {}", name(from, kind), name(path, kind))
        }
        Change::Deleted { kind, path } => format!("deleted {}", name(path, kind)),
        Change::AttributesChanged { path, new, .. } => {
            format!("attributes {} {:o}", show(path), new.mode)
        }
        Change::Closed { path, content } => format!("closed {}{}", show(path), size(content)),
        Change::Touched { path, .. } => format!("touched {}", show(path)),
        Change::Overflow => "overflow".to_owned(),
        other => format!("{other:?}"),
    }
}
