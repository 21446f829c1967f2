//! Turns records into lines, as tests name them.

use crate::change::{Change, ChangeBuffer, Content, Kind};

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
