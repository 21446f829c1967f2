//! Turns changes into sentences, or into bare paths.

use std::io::Write;

use super::{LineTime, Style};
use crate::change::{Attributes, Change, ChangeBuffer, Kind, Span};
use crate::escape::escape;

const RESET: &[u8] = b"\x1b[0m";
const DIM: &[u8] = b"\x1b[2m";

/// The colour of a change's label: green for created, yellow for changed, blue for renamed, red for
/// deleted.
fn color(change: &Change) -> &'static [u8] {
    match change {
        Change::Created { .. } => b"\x1b[32m",
        Change::Changed { .. }
        | Change::AttributesChanged { .. }
        | Change::Closed { .. }
        | Change::Touched { .. } => b"\x1b[33m",
        Change::Renamed { .. } => b"\x1b[34m",
        Change::Deleted { .. } => b"\x1b[31m",
        Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => b"",
    }
}

/// The label before the path, and the path or both of them.
fn label(change: &Change) -> Option<(&'static str, &Span, Option<&Span>)> {
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
        Change::Start | Change::Existing { .. } | Change::Ready { .. } | Change::Overflow => {
            return None;
        }
    })
}

/// Appends a change as a sentence, without its end.
pub(super) fn write(
    style: &Style,
    buffer: &ChangeBuffer,
    change: &Change,
    time: &str,
    out: &mut Vec<u8>,
) {
    let Some((label, first, second)) = label(change) else {
        return;
    };
    write_time(style, time, out);
    if style.color {
        out.extend(color(change));
    }
    out.extend(label.as_bytes());
    out.push(b':');
    if style.color {
        out.extend(RESET);
    }
    out.push(b' ');
    match second {
        None => write_name(style, buffer.bytes(first), out),
        Some(second) => {
            write_end_of_rename(style, buffer.bytes(first), out);
            out.extend(b" -> ");
            write_end_of_rename(style, buffer.bytes(second), out);
        }
    }
    if let Change::AttributesChanged {
        new, old, xattrs, ..
    } = change
    {
        write_attributes(new, old.as_ref(), buffer.bytes(xattrs), out);
    }
}

/// Appends the path that a change is about; of a rename the new one.
pub(super) fn write_path(style: &Style, buffer: &ChangeBuffer, change: &Change, out: &mut Vec<u8>) {
    if let Some((_, first, second)) = label(change) {
        write_name(style, buffer.bytes(second.unwrap_or(first)), out);
    }
}

fn write_time(style: &Style, time: &str, out: &mut Vec<u8>) {
    if style.line_time == LineTime::None {
        return;
    }
    let dimmed = style.color && style.line_time == LineTime::Clock;
    if dimmed {
        out.extend(DIM);
    }
    out.extend(time.as_bytes());
    if dimmed {
        out.extend(RESET);
    }
    out.push(b' ');
}

/// Appends a path: raw if records end in NUL, else escaped.
fn write_name(style: &Style, path: &[u8], out: &mut Vec<u8>) {
    if style.nul {
        out.extend(path);
    } else {
        escape(path, out);
    }
}

/// Appends one of the two paths of a rename. It is quoted if it has an ` -> `, begins with `-> `, ends
/// in ` ->` or begins with a quote, so that the first ` -> ` outside quotes always separates the two.
fn write_end_of_rename(style: &Style, path: &[u8], out: &mut Vec<u8>) {
    const ARROW: &[u8] = b" -> ";
    let is_ambiguous = path.starts_with(b"\"")
        || path.starts_with(&ARROW[1..])
        || path.ends_with(&ARROW[..3])
        || path.windows(ARROW.len()).any(|part| part == ARROW);
    if style.nul || !is_ambiguous {
        return write_name(style, path, out);
    }
    out.push(b'"');
    for (index, part) in path.split(|&byte| byte == b'"').enumerate() {
        if index > 0 {
            out.extend(b"\\\"");
        }
        escape(part, out);
    }
    out.push(b'"');
}

/// Appends what changed of mode, owner and extended attributes, in parentheses. If the old ones are
/// not known, all new ones.
fn write_attributes(new: &Attributes, old: Option<&Attributes>, xattrs: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    let separate = |out: &mut Vec<u8>| {
        let separator: &[u8] = if out.len() == begin { b" (" } else { b", " };
        out.extend(separator);
    };
    let mode = old.map(|old| old.mode);
    if mode != Some(new.mode) {
        separate(out);
        out.extend(b"mode ");
        if let Some(mode) = mode {
            print(out, format_args!("{mode:04o} -> "));
        }
        print(out, format_args!("{:04o}", new.mode));
    }
    let owner = old.map(|old| (old.uid, old.gid));
    if owner != Some((new.uid, new.gid)) {
        separate(out);
        out.extend(b"owner ");
        if let Some((uid, gid)) = owner {
            print(out, format_args!("{uid}:{gid} -> "));
        }
        print(out, format_args!("{}:{}", new.uid, new.gid));
    }
    if !xattrs.is_empty() {
        separate(out);
        out.extend(b"xattrs");
        let names = xattrs.split(|&byte| byte == 0);
        for name in names.filter(|name| !name.is_empty()) {
            out.push(b' ');
            escape(name, out);
        }
    }
    if out.len() > begin {
        out.push(b')');
    }
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes every byte");
}
