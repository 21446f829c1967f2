//! Turns changes into JSON Lines: one object a record, `time` first, the other fields of an event
//! always in the same order.
//!
//! Writes into the caller's buffer and allocates only for a path that is not UTF-8.
//! Invariant: an object is one line.

mod values;

use serde::Serialize;

use super::session::{Key, Session};
use crate::change::{Attributes, Change, ChangeBuffer, Content, InodeTimes, Kind, Span};
use values::{
    Escaping, Hex, Hexes, Names, Octal, Sha256, Text, Texts, Time, is_utf8, kind_name, path_fields,
};

/// The fields that every record has.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) time: &'a str,
    pub(super) key: Option<Key<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    time: &'a str,
    #[serde(flatten)]
    key: Option<Key<'a>>,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Start(Start<'a>),
    Existing(Entry<'a>),
    Ready { directories: u64, files: u64 },
    Created(Entry<'a>),
    Changed(Entry<'a>),
    Renamed(Move<'a>),
    Deleted(Name<'a>),
    Attributes(NewAttributes<'a>),
    Closed(Entry<'a>),
    Touched(Touched<'a>),
    Overflow,
}

#[derive(Serialize)]
struct Start<'a> {
    version: &'a str,
    paths: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths_hex: Option<Hexes<'a>>,
    absolute: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_hex: Option<Hexes<'a>>,
    /// Left out if the key has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes: Option<&'a str>,
}

#[derive(Serialize)]
struct Name<'a> {
    kind: &'static str,
    path: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<Hex<'a>>,
}

#[derive(Serialize)]
struct Move<'a> {
    kind: &'static str,
    from: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_hex: Option<Hex<'a>>,
    path: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<Hex<'a>>,
}

/// A path and the kind of what is there.
#[derive(Serialize)]
struct Entry<'a> {
    kind: &'static str,
    path: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(flatten)]
    stat: Option<Stat>,
    #[serde(flatten)]
    owner: Option<Owner>,
}

#[derive(Serialize)]
struct Stat {
    inode: u64,
    mtime: Time,
    ctime: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    btime: Option<Time>,
}

#[derive(Serialize)]
struct Owner {
    mode: Octal,
    uid: u32,
    gid: u32,
}

#[derive(Serialize)]
struct NewAttributes<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    #[serde(flatten)]
    owner: Owner,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_mode: Option<Octal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_gid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xattrs: Option<Names<'a>>,
}

#[derive(Serialize)]
struct Touched<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    mtime: Time,
}

impl From<&InodeTimes> for Stat {
    fn from(stat: &InodeTimes) -> Self {
        Self {
            inode: stat.ino,
            mtime: Time(stat.mtime),
            ctime: Time(stat.ctime),
            btime: stat.btime.map(Time),
        }
    }
}

impl From<&Attributes> for Owner {
    fn from(attributes: &Attributes) -> Self {
        Self {
            mode: Octal(attributes.mode),
            uid: attributes.uid,
            gid: attributes.gid,
        }
    }
}

impl Envelope<'_> {
    /// Appends a change as an object, without its end.
    pub(super) fn write(self, fields: Fields<'_>, change: &Change, out: &mut Vec<u8>) {
        let record = Record {
            time: self.time,
            key: self.key,
            event: fields.event(change),
        };
        let mut serializer = serde_json::Serializer::with_formatter(out, Escaping);
        record
            .serialize(&mut serializer)
            .expect("a Vec takes every byte, and every field can be serialised");
    }
}

/// Where the values of the fields are found.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) buffer: &'a ChangeBuffer,
    pub(super) session: &'a Session,
    /// Whether inode number and times are printed.
    pub(super) stat: bool,
}

impl<'a> Fields<'a> {
    fn start(self) -> Start<'a> {
        let header = &self.session.header;
        let all_text = |paths: &[Vec<u8>]| paths.iter().all(|path| is_utf8(path));
        let (paths, absolute) = (&header.paths, &header.absolute);
        Start {
            version: header.version,
            paths: Texts(paths),
            paths_hex: (!all_text(paths)).then_some(Hexes(paths)),
            absolute: Texts(absolute),
            absolute_hex: (!all_text(absolute)).then_some(Hexes(absolute)),
            session: self.session.key().is_none().then(|| self.session.id()),
            hash: header.hash,
            resumes: header.resumes.as_deref(),
        }
    }

    fn bytes(self, path: &Span) -> &'a [u8] {
        self.buffer.bytes(path)
    }

    fn name(self, kind: Kind, path: &Span) -> Name<'a> {
        let (path, path_hex) = path_fields(self.bytes(path));
        Name {
            kind: kind_name(kind),
            path,
            path_hex,
        }
    }

    fn entry(
        self,
        kind: Kind,
        path: &Span,
        content: &Content,
        attributes: Option<&Attributes>,
    ) -> Entry<'a> {
        let stat = content.stat.as_ref().filter(|_| self.stat);
        let (path, path_hex) = path_fields(self.bytes(path));
        Entry {
            kind: kind_name(kind),
            path,
            path_hex,
            size: content.size(),
            sha256: content.digest().map(Sha256),
            stat: stat.map(Stat::from),
            owner: attributes.map(Owner::from),
        }
    }

    fn event(self, change: &Change) -> Event<'a> {
        match change {
            Change::Start => Event::Start(self.start()),
            Change::Existing {
                kind,
                path,
                content,
                attributes,
            } => Event::Existing(self.entry(*kind, path, content, attributes.as_ref())),
            Change::Ready { directories, files } => Event::Ready {
                directories: *directories,
                files: *files,
            },
            Change::Created {
                kind,
                path,
                content,
                attributes,
                entered: _,
            } => Event::Created(self.entry(*kind, path, content, attributes.as_ref())),
            Change::Changed { path, content } => {
                Event::Changed(self.entry(Kind::File, path, content, None))
            }
            Change::Renamed { kind, from, path } => {
                let (from, from_hex) = path_fields(self.bytes(from));
                let (path, path_hex) = path_fields(self.bytes(path));
                Event::Renamed(Move {
                    kind: kind_name(*kind),
                    from,
                    from_hex,
                    path,
                    path_hex,
                })
            }
            Change::Deleted { kind, path } => Event::Deleted(self.name(*kind, path)),
            Change::AttributesChanged {
                kind,
                path,
                new,
                old,
                xattrs,
            } => Event::Attributes(NewAttributes {
                name: self.name(*kind, path),
                owner: new.into(),
                old_mode: old.map(|old| Octal(old.mode)),
                old_uid: old.map(|old| old.uid),
                old_gid: old.map(|old| old.gid),
                xattrs: (!xattrs.is_empty()).then(|| Names(self.bytes(xattrs))),
            }),
            Change::Closed { path, content } => {
                Event::Closed(self.entry(Kind::File, path, content, None))
            }
            Change::Touched { path, mtime } => Event::Touched(Touched {
                name: self.name(Kind::File, path),
                mtime: Time(*mtime),
            }),
            Change::Overflow => Event::Overflow,
        }
    }
}
