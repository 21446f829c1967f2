//! Changes as sentences, or as bare paths.

use super::Style;
use crate::change::{Batch, Change, Kind, Span};
use crate::escape::escape;

/// The colour of a change's words: green comes, yellow differs, blue moves, red goes.
fn color(change: &Change) -> &'static [u8] {
    match change {
        Change::Created { .. } => b"\x1b[32m",
        Change::Changed { .. }
        | Change::AttributesChanged { .. }
        | Change::Closed { .. }
        | Change::Touched { .. } => b"\x1b[33m",
        Change::Renamed { .. } => b"\x1b[34m",
        Change::Deleted { .. } => b"\x1b[31m",
        Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => b"",
    }
}

/// The words before the path, and the path or both of them.
fn words(change: &Change) -> Option<(&'static str, &Span, Option<&Span>)> {
    let is_dir = |kind: &Kind| *kind == Kind::Directory;
    Some(match change {
        Change::Created {
            kind,
            path,
            entered: true,
            ..
        } if is_dir(kind) => ("Watching new directory", path, None),
        Change::Created { kind, path, .. } if is_dir(kind) => ("New directory", path, None),
        Change::Created { path, .. } => ("New file", path, None),
        Change::Changed { path, .. } => ("Content changed", path, None),
        Change::Renamed { kind, from, path } if is_dir(kind) => {
            ("Renamed directory", from, Some(path))
        }
        Change::Renamed { from, path, .. } => ("Renamed", from, Some(path)),
        Change::Deleted { kind, path } if is_dir(kind) => ("Deleted directory", path, None),
        Change::Deleted { path, .. } => ("Deleted", path, None),
        Change::AttributesChanged { path, .. } => ("Attributes changed", path, None),
        Change::Closed { path, .. } => ("Closed", path, None),
        Change::Touched { path, .. } => ("Touched", path, None),
        Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => return None,
    })
}

/// Appends a change as a sentence, without its end.
pub(super) fn write(style: &Style, batch: &Batch, change: &Change, stamp: &str, out: &mut Vec<u8>) {
    let Some((words, first, second)) = words(change) else {
        return;
    };
    if style.timestamps {
        out.extend(stamp.as_bytes());
        out.push(b' ');
    }
    if style.color {
        out.extend(color(change));
    }
    out.extend(words.as_bytes());
    out.push(b':');
    if style.color {
        out.extend(b"\x1b[0m");
    }
    out.push(b' ');
    put(style, batch.bytes(first), out);
    if let Some(second) = second {
        out.extend(b" -> ");
        put(style, batch.bytes(second), out);
    }
}

/// Appends the path that a change is about, as it is now.
pub(super) fn write_path(style: &Style, batch: &Batch, change: &Change, out: &mut Vec<u8>) {
    if let Some((_, first, second)) = words(change) {
        put(style, batch.bytes(second.unwrap_or(first)), out);
    }
}

/// A path: raw where records end in NUL, else escaped.
fn put(style: &Style, path: &[u8], out: &mut Vec<u8>) {
    if style.nul {
        out.extend(path);
    } else {
        escape(path, out);
    }
}
