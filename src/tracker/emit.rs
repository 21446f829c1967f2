//! Turns changes of the model into records, with the paths by which they are reported.

pub(super) mod emission;
mod in_pieces;
pub(super) mod records;

use super::Tracker;
use super::disk::Stat;
use super::model::{Flag, Id};
use crate::change::{Before, Change, Content, Digest, Kind, Span, Warning};
use emission::OldPath;

impl<D> Tracker<D> {
    /// Appends an entry's path as it is reported: from its PATH.
    pub(crate) fn write_path(&self, id: Id, path: &mut Vec<u8>) {
        let (top, shown) = self.file_root_above(id, None).unwrap_or_else(|| {
            let top = self.model.root(id);
            let root = self.roots.with_entry(top);
            (top, root.map_or(&b""[..], |root| root.shown.as_slice()))
        });
        path.extend(shown);
        if id != top || shown.is_empty() {
            path.push(b'/');
        }
        self.model.write_path_below(top, id, path);
    }

    /// The entry at or above `id`, and below `top`, that is a PATH given as a single file, and the
    /// path by which it is reported. It may be a directory by now.
    pub(super) fn file_root_above(&self, id: Id, top: Option<Id>) -> Option<(Id, &[u8])> {
        if self.roots.files().is_empty() {
            return None;
        }
        let up = |at: &Id| self.model.parent(*at);
        let mut below = std::iter::successors(Some(id), up).take_while(|at| Some(*at) != top);
        below.find_map(|at| {
            let dir = self.model.parent(at)?;
            let is_named = self.model.has(dir, Flag::HAS_FILE_ROOT);
            let file = is_named.then(|| self.roots.file(dir, self.model.name(at)))??;
            Some((at, file.shown.as_slice()))
        })
    }

    /// Appends an entry's path to the buffer.
    pub(crate) fn path(&mut self, id: Id) -> Span {
        self.path_by(None, id)
    }

    /// Appends an entry's path to the buffer; with `old`, the path that it had in a subtree.
    pub(super) fn path_by(&mut self, old: Option<&OldPath>, id: Id) -> Span {
        let mut buffer = std::mem::take(self.records.current());
        let span = buffer.path(|path| match old {
            Some(old) => self.write_old_path(old, id, path),
            None => self.write_path(id, path),
        });
        *self.records.current() = buffer;
        span
    }

    pub(crate) fn warn(&mut self, id: Id, warning: Warning) {
        let path = self.path(id);
        self.records.current().warn(path, warning);
    }

    pub(super) fn emit_created(&mut self, id: Id, content: Content) {
        if self.model.has(id, Flag::HIDDEN) {
            return;
        }
        let kind = self.model.kind(id);
        let entered = kind == Kind::Directory && !self.model.is_not_entered(id);
        let path = self.path(id);
        let attributes = self.last_reported.attributes(id);
        self.records.current().push(Change::Created {
            kind,
            path,
            content,
            entered,
            attributes,
        });
        if self.settings.attributes && attributes.is_none() {
            self.last_reported.set_unreported(id);
            self.enqueue(id);
        }
        self.note_symlink_at_path(id);
    }

    /// Emits that an entry has another name. `before`: what was reported under that.
    pub(super) fn emit_renamed(&mut self, id: Id, from: Span, before: Option<Before>) {
        let (kind, path) = (self.model.kind(id), self.path(id));
        // Unless both or neither is a directory, it was emitted as deleted.
        let is_directory = |kind| kind == Kind::Directory;
        let before = before.filter(|before| is_directory(before.kind) == is_directory(kind));
        let before = before.map(|before| {
            let renamed = self.before(id).and_then(|known| known.digest);
            Before { renamed, ..before }
        });
        let change = Change::Renamed { kind, from, path };
        self.records.current().push_over(change, before);
    }

    /// Emits a name of a snapshot.
    pub(crate) fn emit_existing(&mut self, id: Id, content: Content) {
        if self.model.has(id, Flag::HIDDEN) {
            return;
        }
        let kind = self.model.kind(id);
        let path = self.path(id);
        self.records.current().push(Change::Existing {
            kind,
            path,
            content,
            attributes: self.last_reported.attributes(id),
        });
    }

    /// Emits that a file's bytes changed. `old`: the digest last reported, where that is known.
    pub(super) fn emit_changed(&mut self, id: Id, content: Content, old: Option<Digest>) {
        let path = self.path(id);
        let before = self.before_with(id, Kind::File, old);
        let change = Change::Changed { path, content };
        self.records.current().push_over(change, Some(before));
        if let Some(dir) = self.model.parent(id)
            && self.filter.is_rule_file(self.model.name(id))
        {
            // A scan may have found it, without an event.
            self.rules_changed(dir);
        }
    }

    /// Emits that a file's mtime changed, and its bytes did not.
    pub(super) fn emit_touched(&mut self, id: Id, stat: &Stat) {
        let path = self.path(id);
        let mtime = stat.mtime;
        self.records.current().push(Change::Touched { path, mtime });
    }

    /// Emits that a writer closed a file, once it was read since, where that is asked for.
    pub(super) fn emit_closed(&mut self, id: Id, content: Content) {
        if self.settings.closed {
            let path = self.path(id);
            self.records
                .current()
                .push(Change::Closed { path, content });
        }
    }

    pub(super) fn emit_deleted_as(&mut self, id: Id, path: Span) {
        let kind = self.model.kind(id);
        let before = self.before(id);
        self.records
            .current()
            .push_over(Change::Deleted { kind, path }, before);
    }

    /// The span of the path of an entry's directory, which is the beginning of the entry's own
    /// path. `None`: it is not so in the PATH `/`, nor for a PATH that is a single file.
    pub(super) fn path_of_parent(&self, id: Id, path: &Span) -> Option<(Id, Span)> {
        let dir = self.model.parent(id)?;
        let names_files = |dir: Id| self.model.has(dir, Flag::HAS_FILE_ROOT);
        if names_files(dir) || self.model.parent(dir).is_some_and(names_files) {
            return None;
        }
        let end = path.end - path.start - self.model.name(id).len();
        let length = end.checked_sub(1).filter(|length| *length > 0)?;
        Some((dir, path.start..path.start + length))
    }

    /// What was last reported of an entry; `None`: nothing.
    pub(super) fn before(&self, id: Id) -> Option<Before> {
        let kind = self.model.kind(id);
        let is_file = kind == Kind::File;
        let is_reported = !self.model.has(id, Flag::HIDDEN);
        let digest = is_file.then(|| self.model.digest(id)).flatten();
        is_reported.then(|| self.before_with(id, kind, digest))
    }

    /// What was last reported of an entry, with this digest.
    fn before_with(&self, id: Id, kind: Kind, digest: Option<Digest>) -> Before {
        Before {
            attributes: self.last_reported.attributes(id),
            ..Before::new(kind, digest)
        }
    }
}
