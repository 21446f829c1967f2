//! Turns changes into JSON Lines: one object a record, `time` first, the other fields of an event
//! always in the same order.
//!
//! Writes into the caller's buffer and allocates only for a path that is not UTF-8.
//! Invariant: an object is one line.

mod object;
mod values;

use super::session::{Key, Session};
use crate::change::{Attributes, Change, ChangeBuffer, Content, InodeTimes, Kind, Span};
use object::Object;
use values::{Hexes, Names, Octal, Texts, Time, is_utf8, kind_name};

/// The fields that every record has.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) time: &'a str,
    pub(super) key: Option<Key<'a>>,
}

/// Where the values of the fields are found.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) buffer: &'a ChangeBuffer,
    pub(super) session: &'a Session,
    /// Whether inode number and times are printed.
    pub(super) stat: bool,
}

impl Envelope<'_> {
    /// Appends a change as an object, without the end of its line.
    pub(super) fn write(self, fields: Fields<'_>, change: &Change, out: &mut Vec<u8>) {
        let mut object = Object::begin(out, "time", self.time);
        if let Some(key) = self.key {
            object.value("host", key.host);
            object.word("session", key.session);
            object.value("seq", &key.seq);
        }
        fields.write(change, &mut object);
        object.end();
    }
}

impl Fields<'_> {
    fn write(self, change: &Change, object: &mut Object<'_>) {
        match change {
            Change::Start => self.start(object),
            Change::Existing {
                kind,
                path,
                content,
                attributes,
            } => {
                object.word("event", "existing");
                self.entry(object, *kind, path, content, attributes.as_ref());
            }
            Change::Ready { directories, files } => {
                object.word("event", "ready");
                object.value("directories", directories);
                object.value("files", files);
            }
            Change::Created {
                kind,
                path,
                content,
                attributes,
                entered: _,
            } => {
                object.word("event", "created");
                self.entry(object, *kind, path, content, attributes.as_ref());
            }
            Change::Changed { path, content } => {
                object.word("event", "changed");
                self.entry(object, Kind::File, path, content, None);
            }
            Change::Renamed { kind, from, path } => {
                object.word("event", "renamed");
                object.word("kind", kind_name(*kind));
                object.path("from", "from_hex", self.buffer.bytes(from));
                object.path("path", "path_hex", self.buffer.bytes(path));
            }
            Change::Deleted { kind, path } => {
                object.word("event", "deleted");
                self.name(object, *kind, path);
            }
            Change::AttributesChanged {
                kind,
                path,
                new,
                old,
                xattrs,
            } => {
                object.word("event", "attributes");
                self.name(object, *kind, path);
                owner(object, new);
                if let Some(old) = old {
                    object.value("old_mode", &Octal(old.mode));
                    object.value("old_uid", &old.uid);
                    object.value("old_gid", &old.gid);
                }
                if !xattrs.is_empty() {
                    object.value("xattrs", &Names(self.buffer.bytes(xattrs)));
                }
            }
            Change::Closed { path, content } => {
                object.word("event", "closed");
                self.entry(object, Kind::File, path, content, None);
            }
            Change::Touched { path, mtime } => {
                object.word("event", "touched");
                self.name(object, Kind::File, path);
                object.value("mtime", &Time(*mtime));
            }
            Change::Overflow => object.word("event", "overflow"),
        }
    }

    fn start(self, object: &mut Object<'_>) {
        let header = &self.session.header;
        object.word("event", "start");
        object.value("version", header.version);
        for (name, hex_name, paths) in [
            ("paths", "paths_hex", &header.paths),
            ("absolute", "absolute_hex", &header.absolute),
        ] {
            object.value(name, &Texts(paths));
            if !paths.iter().all(|path| is_utf8(path)) {
                object.value(hex_name, &Hexes(paths));
            }
        }
        if self.session.key().is_none() {
            object.word("session", self.session.id());
        }
        object.word("hash", header.hash);
        if let Some(resumes) = &header.resumes {
            object.value("resumes", resumes);
        }
    }

    fn name(self, object: &mut Object<'_>, kind: Kind, path: &Span) {
        object.word("kind", kind_name(kind));
        object.path("path", "path_hex", self.buffer.bytes(path));
    }

    fn entry(
        self,
        object: &mut Object<'_>,
        kind: Kind,
        path: &Span,
        content: &Content,
        attributes: Option<&Attributes>,
    ) {
        self.name(object, kind, path);
        if let Some(size) = content.size() {
            object.value("size", &size);
        }
        if let Some(digest) = content.digest() {
            object.digest("sha256", &digest);
        }
        if let Some(times) = content.stat.as_ref().filter(|_| self.stat) {
            stat(object, times);
        }
        if let Some(attributes) = attributes {
            owner(object, attributes);
        }
    }
}

fn stat(object: &mut Object<'_>, times: &InodeTimes) {
    object.value("inode", &times.ino);
    object.value("mtime", &Time(times.mtime));
    object.value("ctime", &Time(times.ctime));
    if let Some(btime) = times.btime {
        object.value("btime", &Time(btime));
    }
}

fn owner(object: &mut Object<'_>, attributes: &Attributes) {
    object.value("mode", &Octal(attributes.mode));
    object.value("uid", &attributes.uid);
    object.value("gid", &attributes.gid);
}
