//! Changes to JSON Lines: one object a record, `time` first, the other fields of an event
//! always in the same order.
//!
//! Writes into the caller's buffer and allocates only for a path that is not UTF-8.
//! Invariant: an object holds no control character, C1 and DEL included, and no newline.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::session::{Key, Session};
use super::time::nanoseconds;
use crate::change::{Attributes, Batch, Change, Content, Digest, InodeTimes, Kind, Span};

/// What every record has.
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
    /// Left out where the key has it.
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

/// Bytes as text, with U+FFFD for what is not UTF-8.
enum Text<'a> {
    Utf8(&'a str),
    Other(&'a [u8]),
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Other(bytes), Self::Utf8)
    }

    /// The bytes where they are not UTF-8.
    fn hex(&self) -> Option<Hex<'a>> {
        match *self {
            Self::Utf8(_) => None,
            Self::Other(bytes) => Some(Hex(bytes)),
        }
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Utf8(text) => serializer.serialize_str(text),
            Self::Other(bytes) => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// Bytes in hexadecimal digits, lower case.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Texts<'a>(&'a [Vec<u8>]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Text::new(bytes)))
    }
}

struct Hexes<'a>(&'a [Vec<u8>]);

impl Serialize for Hexes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Hex(bytes)))
    }
}

/// Names that each end in NUL, as listxattr(2) gives them.
struct Names<'a>(&'a [u8]);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.split(|&byte| byte == 0);
        serializer.collect_seq(names.filter(|name| !name.is_empty()).map(Text::new))
    }
}

struct Sha256(Digest);

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(serde::ser::Error::custom)?;
        let digits = std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(digits)
    }
}

/// Permission bits, as chmod(1) takes them.
struct Octal(u32);

impl Serialize for Octal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

/// Nanoseconds since 1970 as RFC 3339.
struct Time(i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&nanoseconds(self.0))
    }
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

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Other => "other",
    }
}

fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// The text of a path, and its bytes where they are not UTF-8.
fn path_fields(path: &[u8]) -> (Text<'_>, Option<Hex<'_>>) {
    let text = Text::new(path);
    let hex = text.hex();
    (text, hex)
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

/// What the fields of an event are found in.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) batch: &'a Batch,
    pub(super) session: &'a Session,
    /// Whether inode and times are printed.
    pub(super) stat: bool,
}

impl<'a> Fields<'a> {
    fn start(self) -> Start<'a> {
        let header = self.session.header();
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
        self.batch.bytes(path)
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
            size: content.size,
            sha256: content.digest.map(Sha256),
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

/// Whether no byte is DEL or above, without a branch a byte: serde_json has escaped
/// those below U+0020.
fn is_printable_ascii(text: &str) -> bool {
    let found = text
        .bytes()
        .fold(0, |found, byte| found | byte | byte.wrapping_add(1));
    found & 0x80 == 0
}

/// JSON as compact as serde_json's own, with DEL and C1 (U+0080 to U+009F) escaped too:
/// some terminals take these as the start of a control sequence.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_printable_ascii(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (at, character) in fragment.char_indices() {
            if character.is_control() {
                writer.write_all(&fragment.as_bytes()[written..at])?;
                write!(writer, "\\u{:04x}", u32::from(character))?;
                written = at + character.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}
