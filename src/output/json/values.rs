//! Writes single values as JSON: bytes as text and in hexadecimal digits, permission bits, times,
//! and the escapes within a string.
//!
//! Knows no record. Invariant: a string has nothing in it that [`is_unsafe`].

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::change::Kind;
use crate::escape::is_unsafe;
use crate::output::time::nanoseconds;

/// Bytes as text, with U+FFFD for what is not UTF-8.
pub(super) enum Text<'a> {
    Utf8(&'a str),
    Other(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Other(bytes), Self::Utf8)
    }

    pub(super) fn is_utf8(&self) -> bool {
        matches!(self, Self::Utf8(_))
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
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

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

pub(super) struct Texts<'a>(pub(super) &'a [Vec<u8>]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Text::new(bytes)))
    }
}

pub(super) struct Hexes<'a>(pub(super) &'a [Vec<u8>]);

impl Serialize for Hexes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Hex(bytes)))
    }
}

/// Names that each end in NUL, as listxattr(2) gives them.
pub(super) struct Names<'a>(pub(super) &'a [u8]);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.split(|&byte| byte == 0);
        serializer.collect_seq(names.filter(|name| !name.is_empty()).map(Text::new))
    }
}

/// Permission bits, as chmod(1) takes them.
pub(super) struct Octal(pub(super) u32);

impl Serialize for Octal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

/// Nanoseconds since 1970 as RFC 3339.
pub(super) struct Time(pub(super) i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&nanoseconds(self.0))
    }
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Other => "other",
    }
}

pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// Whether a string is ASCII without a control character, a quotation mark or a backslash: nothing
/// in it is escaped. Without a branch for each byte.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |is_plain, &byte| {
        is_plain & (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\')
    })
}

/// As serde_json's compact formatter, but escapes all that [`is_unsafe`]: some terminals take C1 for
/// the beginning of a control sequence, and some programs U+2028 for the end of a line.
pub(super) struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_plain(fragment.as_bytes()) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (at, character) in fragment.char_indices() {
            if is_unsafe(character) {
                writer.write_all(&fragment.as_bytes()[written..at])?;
                write!(writer, "\\u{:04x}", u32::from(character))?;
                written = at + character.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}
