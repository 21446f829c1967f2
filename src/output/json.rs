//! Changes as JSON objects.

use serde::Serialize;

use crate::change::{Attributes, Batch, Change, Content, Kind, Span};

/// A record; fields without a meaning for the event are left out.
#[derive(Serialize, Default)]
struct Record<'a> {
    /// RFC 3339, UTC, microseconds.
    time: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Text<'a>>,
    /// The bytes of an old path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    /// Its bytes, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    /// Bytes of content.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    /// RFC 3339, UTC, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    /// Permission bits before.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_mode: Option<String>,
    /// Owner before.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_uid: Option<u32>,
    /// Group before.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_gid: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    xattrs: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directories: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
}

/// Text with U+FFFD for what is not UTF-8.
type Text<'a> = std::borrow::Cow<'a, str>;

/// A path, and its bytes where they are not UTF-8.
fn path<'a>(batch: &'a Batch, span: &Span) -> (Option<Text<'a>>, Option<String>) {
    let bytes = batch.bytes(span);
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.into()), None),
        Err(_) => (
            Some(String::from_utf8_lossy(bytes)),
            Some(hex::encode(bytes)),
        ),
    }
}

fn kind(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Other => "other",
    })
}

/// Permission bits as an octal string.
fn octal(attributes: &Attributes) -> Option<String> {
    Some(format!("{:04o}", attributes.mode))
}

/// Appends a change as an object, without its end.
pub(super) fn write(batch: &Batch, change: &Change, time: &str, out: &mut Vec<u8>) {
    let mut hex = [0; 64];
    let mut record = Record {
        time,
        ..Record::default()
    };
    let mut named = |record: &mut Record<'_>, event, what, content: Option<&Content>| {
        record.event = event;
        record.kind = kind(what);
        record.size = content.and_then(|content| content.size);
        content
            .and_then(|content| content.digest)
            .map(|digest| hex::encode_to_slice(digest, &mut hex))
    };
    let mut span = None;
    let digest = match change {
        Change::Ready { directories, files } => {
            record.event = "ready";
            (record.directories, record.files) = (Some(*directories), Some(*files));
            None
        }
        Change::Overflow => {
            record.event = "overflow";
            None
        }
        Change::Existing {
            kind,
            path,
            content,
            attributes,
        } => {
            span = Some(path);
            record.mode = attributes.as_ref().and_then(octal);
            record.uid = attributes.map(|now| now.uid);
            record.gid = attributes.map(|now| now.gid);
            named(&mut record, "existing", *kind, Some(content))
        }
        Change::Created {
            kind,
            path,
            content,
            attributes,
            ..
        } => {
            span = Some(path);
            record.mode = attributes.as_ref().and_then(octal);
            record.uid = attributes.map(|now| now.uid);
            record.gid = attributes.map(|now| now.gid);
            named(&mut record, "created", *kind, Some(content))
        }
        Change::Changed { path, content } => {
            span = Some(path);
            named(&mut record, "changed", Kind::File, Some(content))
        }
        Change::Closed { path, content } => {
            span = Some(path);
            named(&mut record, "closed", Kind::File, Some(content))
        }
        Change::Touched { path, mtime } => {
            span = Some(path);
            record.mtime = jiff::Timestamp::from_nanosecond(i128::from(*mtime))
                .ok()
                .map(|time| format!("{time:.9}"));
            named(&mut record, "touched", Kind::File, None)
        }
        Change::Renamed {
            kind,
            from,
            path: to,
        } => {
            span = Some(to);
            (record.from, record.from_hex) = path(batch, from);
            named(&mut record, "renamed", *kind, None)
        }
        Change::Deleted { kind, path } => {
            span = Some(path);
            named(&mut record, "deleted", *kind, None)
        }
        Change::AttributesChanged {
            kind,
            path,
            new,
            old,
            xattrs,
        } => {
            span = Some(path);
            record.xattrs = batch
                .bytes(xattrs)
                .split(|&byte| byte == 0)
                .filter(|name| !name.is_empty())
                .map(String::from_utf8_lossy)
                .collect();
            (record.mode, record.uid, record.gid) = (octal(new), Some(new.uid), Some(new.gid));
            record.old_mode = old.as_ref().and_then(octal);
            record.old_uid = old.map(|old| old.uid);
            record.old_gid = old.map(|old| old.gid);
            named(&mut record, "attributes", *kind, None)
        }
    };
    if let Some(span) = span {
        (record.path, record.path_hex) = path(batch, span);
    }
    if digest.is_some() {
        record.sha256 = std::str::from_utf8(&hex).ok();
    }
    // A Vec takes every byte, and every field can be serialised.
    let _written = serde_json::to_writer(&mut *out, &record);
}
