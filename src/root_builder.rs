//! Turns the PATHs of the command line into roots of the model, each walked.
//!
//! A directory is watched, recursively; a single file through its directory, for
//! that name alone, so that it survives an editor's atomic save.

mod resolve;

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::absolute_path::absolute_path;
use crate::change::Kind;
use crate::disk::RealTracker;
use crate::error::Error;
use crate::escape::escaped;
use crate::tracker::disk::{Disk, FsError};
use crate::tracker::model::{Flag, Id};
use crate::tracker::{FileRoot, NewRoot, without_slashes};
use crate::walk::{WalkContext, walk, walk_remote};
use resolve::{Found, Listing};
pub(crate) use resolve::{Resolved, resolve};

pub(crate) struct RootBuilder<'a> {
    tracker: &'a mut RealTracker,
    context: WalkContext<'a>,
    /// Whether to wait for a file system that does not answer. Only before the loop begins.
    pub(crate) may_wait: bool,
    /// Whether a PATH that is not there is left out.
    pub(crate) skips_missing: bool,
    /// Notes for stderr about PATHs that are reported under another one.
    pub(crate) notes: Vec<String>,
}

/// A PATH that was found.
struct Seen {
    /// The path by which it is reported: without slashes at its end.
    shown: Vec<u8>,
    /// Its position on the command line.
    position: usize,
    /// The path by which it is opened.
    open: Vec<u8>,
}

impl<'a> RootBuilder<'a> {
    pub(crate) fn new(tracker: &'a mut RealTracker, context: WalkContext<'a>) -> Self {
        Self {
            tracker,
            context,
            may_wait: false,
            skips_missing: false,
            notes: Vec::new(),
        }
    }
}

impl RootBuilder<'_> {
    /// Watches every PATH: the directories first, since the files may be in them.
    ///
    /// # Errors
    /// A PATH that cannot be watched.
    pub(crate) fn build(&mut self, paths: &[Vec<u8>]) -> Result<(), Error> {
        match self.build_all(paths) {
            // A signal came while a file system did not answer.
            Err(_) if self.context.progress.is_ended() => Ok(()),
            built => built,
        }
    }

    fn build_all(&mut self, paths: &[Vec<u8>]) -> Result<(), Error> {
        let (mut files, mut built) = (Vec::new(), Vec::new());
        for position in self.order(paths) {
            let given = &paths[position];
            let Some(found) = self.find_unless_missing(given)? else {
                continue;
            };
            let seen = Seen {
                shown: without_slashes(given).to_vec(),
                position,
                open: given.clone(),
            };
            if found.stat.kind == Kind::Directory {
                let added = self.add_directory(&seen, found);
                let added = self.unless_missing(added)?.flatten();
                built.extend(added.map(|id| (position, id)));
            } else {
                files.push(seen);
            }
        }
        for (entry, root) in self.tracker.hide_roots_not_entered() {
            self.note_nested(entry, root);
        }
        for seen in files {
            let added = self.add_file(&seen, &built);
            self.unless_missing(added)?;
        }
        Ok(())
    }

    /// The positions of the PATHs in the order in which they are added: as they were given; but if the
    /// depth is limited, one that lies in another one comes before that, since it reaches deeper.
    fn order(&self, paths: &[Vec<u8>]) -> Vec<usize> {
        if self.tracker.has_max_depth() {
            inner_first(paths)
        } else {
            (0..paths.len()).collect()
        }
    }

    /// Watches a PATH that has just appeared, by the path `open`, and puts what is in it on the work
    /// queue; not if another PATH leads there.
    ///
    /// # Errors
    /// It is gone again, or cannot be watched.
    pub(crate) fn appear(
        &mut self,
        open: &[u8],
        given: &[u8],
        resolved: Result<&Resolved, &io::Error>,
    ) -> Result<(), Error> {
        let found = self.find(open)?;
        let seen = Seen {
            shown: without_slashes(given).to_vec(),
            position: 0,
            open: open.to_vec(),
        };
        if found.stat.kind == Kind::Directory {
            return self.directory_appears(&seen, &found);
        }
        let resolved = resolved.map_err(|error| {
            let error = error.raw_os_error().map(io::Error::from_raw_os_error);
            let error = error.unwrap_or_else(|| io::ErrorKind::NotFound.into());
            Error::watch(open, error)
        })?;
        self.file_appears(&seen, resolved)
    }

    fn directory_appears(&mut self, seen: &Seen, found: &Found) -> Result<(), Error> {
        let cannot_watch = |error| Error::cannot_watch(&seen.open, error);
        let mut wd = self.watch(&seen.open, found)?.wd.map_err(cannot_watch)?;
        let tracker = &mut *self.tracker;
        if tracker.cuts_directory_at(&seen.shown, found.stat.inode) {
            // With its watch, if it has one.
            tracker.remove_earlier_at(&seen.shown);
            wd = self.watch(&seen.open, found)?.wd.map_err(cannot_watch)?;
        }
        let tracker = &mut *self.tracker;
        match tracker.model.watched(wd) {
            None if tracker.has_directory_at(&seen.shown, found.stat.inode) => {
                tracker.enqueue_path(&found.absolute());
            }
            None => {
                tracker.remove_earlier_at(&seen.shown);
                let new = self.new_root(seen, found);
                self.tracker.add_appeared(new, wd);
            }
            Some(id) if tracker.is_file_parent(id) => {
                // It may have moved: then the single files in it are lost first.
                tracker.reconcile_root(id);
                tracker.remove_earlier_at(&seen.shown);
                if tracker.model.watched(wd) == Some(id) {
                    tracker.promote_root(id, &seen.open, &seen.shown);
                }
            }
            Some(id) => tracker.mark_shared(id),
        }
        Ok(())
    }

    fn file_appears(&mut self, seen: &Seen, resolved: &Resolved) -> Result<(), Error> {
        let dir = self.ensure_parent_root(seen, resolved)?;
        let tracker = &mut *self.tracker;
        let name = &resolved.name;
        let is_part = !tracker.is_file_parent(dir) && !tracker.is_hidden(dir, name, false);
        if is_part || tracker.roots.file(dir, name).is_some() {
            tracker.mark_shared(dir);
            return Ok(()); // It is reported by another PATH.
        }
        tracker.remove_earlier_at(&seen.shown);
        if !tracker.is_in_tree(dir) {
            return Ok(()); // It went with that, and the PATH is surveyed again.
        }
        self.add_file_root(seen, dir, name);
        self.tracker.enqueue_name(dir, name);
        Ok(())
    }

    /// Adds a directory as a root and walks it, unless it is watched already.
    fn add_directory(&mut self, seen: &Seen, found: Found) -> Result<Option<Id>, Error> {
        let watched = self.watch(&seen.open, &found)?;
        if let Ok(wd) = watched.wd
            && let Some(known) = self.tracker.model.watched(wd)
        {
            self.tracker.mark_shared(known);
            self.note_reported_once(seen, known);
            return Ok(None);
        }
        if let Err(error) = &watched.wd
            && self.tracker.roots.directories().is_empty()
            && *error != FsError::WatchLimit
        {
            // Nothing is watched yet. A later PATH is one part of the watch: it is tried again, as a
            // directory that cannot be watched is.
            return Err(Error::cannot_watch(&seen.open, error.clone()));
        }
        let new = self.new_root(seen, &found);
        let id = self.tracker.add_path(new);
        self.tracker.hide_followed(&seen.shown);
        let aliases = match self.open_listing(&seen.open, found)? {
            Listing::Local(fd) => walk(self.tracker, &mut self.context, id, fd),
            Listing::Remote(path) => walk_remote(self.tracker, &mut self.context, id, path),
        };
        for (entry, other) in aliases {
            if self.tracker.model.has(other, Flag::ROOT) {
                self.note_nested(entry, other);
            } else {
                self.tracker.confirm_alias(entry, other);
            }
        }
        Ok(Some(id))
    }

    fn new_root(&self, seen: &Seen, found: &Found) -> NewRoot {
        NewRoot {
            open: seen.open.clone(),
            shown: seen.shown.clone(),
            absolute: found.absolute(),
            class: self.context.mounts.class(&found.stat),
            inode: found.stat.inode,
        }
    }

    fn add_file_root(&mut self, seen: &Seen, dir: Id, name: &[u8]) {
        self.tracker.add_file_root(FileRoot {
            dir,
            name: name.to_vec(),
            shown: seen.shown.clone(),
        });
    }

    /// Adds a single file: a name in its directory, which is watched for that.
    fn add_file(&mut self, seen: &Seen, built: &[(usize, Id)]) -> Result<(), Error> {
        let resolved = self.resolve(&seen.open)?;
        let dir = self.ensure_parent_root(seen, &resolved)?;
        let name = resolved.name;
        if self.is_reported_before(dir, &name, seen.position, built) {
            self.tracker.mark_shared(dir);
            let known = self.tracker.model.find(dir, &name).unwrap_or(dir);
            self.note_reported_once(seen, known);
            return Ok(());
        }
        self.note_file_in(seen, dir, &name, built);
        self.add_file_root(seen, dir, &name);
        self.tracker.hide_followed(&seen.shown);
        if self.tracker.model.find(dir, &name).is_none() {
            let found = self.find(&seen.open)?;
            if self.tracker.disk.is_self_output(found.stat.inode) {
                return Ok(());
            }
            self.tracker
                .add_file_entry(dir, &name, &found.stat, found.is_remote());
        }
        Ok(())
    }

    /// The entry of a single file's directory; watches that and adds it as a hidden root, if it
    /// is not watched yet.
    fn ensure_parent_root(&mut self, seen: &Seen, resolved: &Resolved) -> Result<Id, Error> {
        let parent = resolved.parent.clone();
        let found = self.find(&parent)?;
        let wd = self.watch(&seen.open, &found)?.wd;
        let wd = wd.map_err(|error| Error::cannot_watch(&seen.open, error))?;
        if let Some(dir) = self.tracker.model.watched(wd) {
            return Ok(dir);
        }
        let hidden = Seen {
            shown: without_slashes(&parent).to_vec(),
            position: seen.position,
            open: parent,
        };
        let new = self.new_root(&hidden, &found);
        Ok(self.tracker.add_file_parent(new, wd))
    }

    /// Whether the file is reported by an earlier PATH.
    fn is_reported_before(
        &self,
        dir: Id,
        name: &[u8],
        position: usize,
        built: &[(usize, Id)],
    ) -> bool {
        if self.tracker.roots.file(dir, name).is_some() {
            return true;
        }
        if self.tracker.is_hidden(dir, name, false) {
            return false; // Filters hide it in another PATH, but no PATH itself.
        }
        let root = self.tracker.model.root(dir);
        built
            .iter()
            .any(|&(before, id)| id == root && before < position)
    }

    /// Notes that a PATH is reported under another one.
    fn note_reported_once(&mut self, seen: &Seen, known: Id) {
        let root = self.tracker.model.root(known);
        let (one, other) = (escaped(&seen.shown), self.shown(known));
        // The directory of a single file is no PATH.
        let is_path = root == known || self.tracker.is_file_parent(root);
        self.notes.push(if one != other {
            format!("note: {one} is the same as {other}, and is reported once, as that")
        } else if is_path {
            format!("note: {one} is given twice, and is reported once")
        } else {
            let root = self.shown(root);
            format!("note: {one} lies in {root}, and is reported once, under that")
        });
    }

    /// Notes that a single file is in another PATH as well.
    fn note_file_in(&mut self, seen: &Seen, dir: Id, name: &[u8], built: &[(usize, Id)]) {
        let root = self.tracker.model.root(dir);
        let is_in_path = built.iter().any(|&(_, id)| id == root);
        if is_in_path && !self.tracker.is_hidden(dir, name, false) {
            let (file, path) = (escaped(&seen.shown), self.shown(root));
            self.notes.push(format!(
                "note: {file} lies in {path} as well, and is reported once, by itself"
            ));
        }
    }

    /// Notes that a directory in a PATH is reported under an earlier one, as `known`.
    fn note_nested(&mut self, entry: Id, known: Id) {
        let (one, other) = (self.shown(entry), self.shown(known));
        let path = self.shown(self.tracker.model.root(entry));
        self.notes
            .push(if self.tracker.model.parent(known).is_none() {
                format!("note: {other} lies in {path} as well, and is reported once, by itself")
            } else {
                format!(
                    "note: {one} in {path} is the same as {other}, and is reported once, as that"
                )
            });
    }

    /// An entry's path as stderr shows it.
    fn shown(&self, id: Id) -> String {
        let mut path = Vec::new();
        self.tracker.write_path(id, &mut path);
        escaped(&path)
    }
}

/// The positions of PATHs with each one before those that it lies in, by its absolute path; else in
/// their order.
fn inner_first(paths: &[Vec<u8>]) -> Vec<usize> {
    let absolute = paths.iter().map(|path| absolute_path(path));
    let absolute: Vec<PathBuf> = absolute
        .map(|path| OsString::from_vec(path).into())
        .collect();
    // What lies in a PATH follows it, since paths are compared by their components.
    let mut sorted: Vec<usize> = (0..paths.len()).collect();
    sorted.sort_by_key(|&position| &absolute[position]);
    let (mut order, mut is_taken) = (Vec::new(), vec![false; paths.len()]);
    for (position, outer) in absolute.iter().enumerate() {
        let first = sorted.partition_point(|&inner| absolute[inner] <= *outer);
        let inner = sorted[first..].iter().copied();
        let inner: Vec<_> = inner
            .take_while(|&inner| absolute[inner].starts_with(outer))
            .collect();
        for next in inner.into_iter().rev().chain([position]) {
            if !std::mem::replace(&mut is_taken[next], true) {
                order.push(next);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::inner_first;

    #[test]
    fn a_path_comes_before_those_that_it_lies_in_and_else_in_its_place() {
        let cases: [(&[&str], &[usize]); 5] = [
            (&["/b", "/a", "/c"], &[0, 1, 2]),
            (&["/a", "/b", "/a/x"], &[2, 0, 1]),
            (&["/a", "/a/x", "/a/x/y", "/ab"], &[2, 1, 0, 3]),
            (&["/a/x", "/a", "/a/x", "/a"], &[0, 2, 1, 3]),
            (&["/", "/b/", "/b"], &[2, 1, 0]),
        ];
        for (paths, expected) in cases {
            let paths: Vec<_> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
            assert_eq!(inner_first(&paths), expected, "{paths:?}");
        }
    }
}
