//! Turns a PATH into a [`Survey`]: watches the directories and symbolic links that lead to it, and
//! finds where it leads.
//!
//! May wait for a file system: where one may not answer, the loop calls it on a thread of its own.
//! Invariant: a directory is watched before a name in it is looked up.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::change::Kind;
use crate::event::Wd;
use crate::file_status::{FsError, Inode, Stat};
use crate::root_builder::{Resolved, resolve};
use crate::sys::file::{MAX_LINKS, here};
use crate::sys::inotify::Inotify;
use crate::sys::listing::check_not_removed;
use crate::sys::stat::stat_path;
use crate::sys::watch_error;
use crate::tracker::RootTarget;

/// How often a path is followed again at most, if a link in it was switched meanwhile.
const MOST_TRIES: usize = 4;

/// What counts as being there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Anything,
    /// The PATH ends in `/`, `.` or `..`.
    Directory,
}

#[derive(Clone)]
pub(super) struct SurveyRequest {
    /// The absolute path, with its symbolic links.
    pub(super) path: PathBuf,
    /// The path whose [`named_ancestors`] are watched for moves.
    pub(super) moved_path: Vec<u8>,
    /// The kernel queue for names in directories above.
    pub(super) name_queue: Option<Arc<Inotify>>,
    /// The kernel queue for moves of directories above.
    pub(super) move_queue: Arc<Inotify>,
    /// Whether the PATH is waited for, if it is missing.
    pub(super) waits_for_missing: bool,
    pub(super) expected: Expected,
}

/// Where a PATH leads. `None`: there is nothing.
pub(super) struct Survey {
    pub(super) inode: Option<Inode>,
    pub(super) is_directory: bool,
    /// The directory that it is in.
    pub(super) parent: Option<Inode>,
    /// Its name in that directory.
    pub(super) name: Option<Vec<u8>>,
    /// Its directory and name as paths, as a single file is watched.
    pub(super) resolved: io::Result<Resolved>,
    pub(super) has_links: bool,
    /// The watches on directories above for moves, and for names.
    pub(super) move_watches: Vec<Wd>,
    pub(super) name_watches: Vec<Wd>,
    /// Whether a watch for names could not be set, for want of watches or memory.
    pub(super) lacks_watches: bool,
    /// A directory above that may not be read, if a missing PATH goes unnoticed for that.
    pub(super) refused: Option<PathBuf>,
}

/// Watches on directories, for names.
#[derive(Default)]
struct NameWatches {
    all: Vec<Wd>,
    are_lacking: bool,
}

impl NameWatches {
    fn add(&mut self, watched: io::Result<Wd>) -> Result<(), FsError> {
        let added = watched.map(|wd| self.all.push(wd));
        added.map_err(|error| {
            let why = watch_error(&error);
            self.are_lacking |= !matches!(why, FsError::NotFound | FsError::PermissionDenied);
            why
        })
    }
}

impl Survey {
    pub(super) fn target(&self) -> Option<RootTarget> {
        let inode = self.inode?;
        if self.is_directory {
            return Some(RootTarget::Directory(inode));
        }
        Some(RootTarget::File(self.parent?, self.name.clone()?))
    }
}

impl SurveyRequest {
    pub(super) fn survey(&self) -> Survey {
        let mut refused = None;
        let mut name_watches = NameWatches::default();
        if self.waits_for_missing {
            refused = self.await_name(&self.path, &mut name_watches);
        }
        let (links, target) = self.watch_links(&mut name_watches);
        if !links.is_empty() && self.find().is_none() {
            refused = self.await_name(&target, &mut name_watches).or(refused);
        }
        let mut move_watches = self.watch_moves(&self.moved_path);
        if !links.is_empty() {
            move_watches.extend(self.watch_moves(target.as_os_str().as_bytes()));
        }
        let parent = target.parent().unwrap_or(&target);
        let found = self.find();
        Survey {
            inode: found.as_ref().map(|found| found.inode),
            is_directory: found.is_some_and(|found| found.kind == Kind::Directory),
            parent: stat(parent).map(|parent| parent.inode),
            name: target.file_name().map(|name| name.as_bytes().to_vec()),
            resolved: resolve(self.path.as_os_str().as_bytes()),
            has_links: !links.is_empty(),
            move_watches,
            name_watches: name_watches.all,
            lacks_watches: name_watches.are_lacking,
            refused,
        }
    }

    /// What is there, as far as it counts.
    fn find(&self) -> Option<Stat> {
        let counts = |found: &Stat| match self.expected {
            Expected::Anything => true,
            Expected::Directory => found.kind == Kind::Directory,
        };
        stat(&self.path).filter(counts)
    }

    /// Watches, for new names, the nearest existing directory above a path that does not exist.
    /// Returns a directory that may not be read, if what appears goes unnoticed for that.
    fn await_name(&self, path: &Path, watches: &mut NameWatches) -> Option<PathBuf> {
        let names = self.name_queue.as_ref()?;
        let mut refused = None;
        for _ in 0..MOST_TRIES {
            let mut below = path;
            for above in path.ancestors().skip(1) {
                match watches.add(names.watch_names(above)) {
                    Ok(()) => break,
                    Err(FsError::PermissionDenied) => refused = Some(above.to_path_buf()),
                    Err(_) => {}
                }
                below = above;
            }
            // It may have appeared before the directory above was watched.
            if below == path || stat(below).is_none() {
                break;
            }
        }
        refused
    }

    /// Watches the directories of the symbolic links in the path. Returns the links, and the path
    /// without them.
    fn watch_links(&self, watches: &mut NameWatches) -> (Vec<PathBuf>, PathBuf) {
        let mut found = follow(&self.path);
        let Some(names) = &self.name_queue else {
            return found;
        };
        for _ in 0..MOST_TRIES {
            for directory in found.0.iter().filter_map(|link| link.parent()) {
                // If that is denied, a switched link goes unnoticed.
                let _denied = watches.add(names.watch_names(directory));
            }
            // A link may have been switched before its directory was watched.
            let again = follow(&self.path);
            if again == found {
                break;
            }
            found = again;
        }
        found
    }

    /// Watches the [`named_ancestors`] of a path for moves. If that fails for one, it goes unnoticed
    /// that the PATH is moved away with it.
    fn watch_moves(&self, path: &[u8]) -> Vec<Wd> {
        let above = named_ancestors(path);
        let watched = above.map(|above| self.move_queue.watch_moves(above));
        watched.filter_map(Result::ok).collect()
    }
}

fn stat(path: &Path) -> Option<Stat> {
    stat_if_there(path.as_os_str().as_bytes())
}

/// Whether there is something at a path.
pub(super) fn is_there(path: &[u8]) -> bool {
    stat_if_there(path).is_some()
}

/// What is at a path; nothing, if that leads to a directory that was removed.
fn stat_if_there(path: &[u8]) -> Option<Stat> {
    let stat = stat_path(path).ok()?;
    check_not_removed(here(), path, &stat).ok()?;
    Some(stat)
}

/// The directories above a path whose names are in it: `a` and `a/b` of `a/b/c`, but none whose
/// last component is `..` or `/`. If one of these is renamed, the path leads nowhere.
fn named_ancestors(path: &[u8]) -> impl Iterator<Item = &Path> {
    let above = Path::new(OsStr::from_bytes(path)).ancestors().skip(1);
    above.filter(|above| matches!(above.components().next_back(), Some(Component::Normal(_))))
}

/// The symbolic links in an absolute path, each as an absolute path, and the path without them,
/// whether something is there or not.
fn follow(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let mut found = Vec::new();
    let mut at = PathBuf::from("/");
    let mut rest: Vec<_> = path
        .components()
        .map(|each| each.as_os_str().to_owned())
        .collect();
    rest.reverse();
    let mut may_have_links = true;
    while let Some(name) = rest.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        // `push` of `/`, the first component of an absolute target, gives `/`.
        at.push(&name);
        if !may_have_links {
            continue;
        }
        match at.read_link() {
            Ok(target) if found.len() < MAX_LINKS => {
                let components = target.components().rev();
                rest.extend(components.map(|each| each.as_os_str().to_owned()));
                found.push(at.clone());
                at.pop();
            }
            // EINVAL: it is no link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            // The kernel follows it no further. Links can make the rest 80,000 components long.
            _ => may_have_links = false,
        }
    }
    (found, at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::{Expected, SurveyRequest, follow};
    use crate::sys::inotify::Inotify;

    #[test]
    fn the_links_on_a_path_are_those_that_the_kernel_follows() {
        let top = tempfile::tempdir().expect("a directory");
        let top = top.path().canonicalize().expect("its path");
        std::fs::create_dir_all(top.join("releases/42/app")).expect("directories");
        symlink("releases/42", top.join("current")).expect("a link");
        symlink("../current", top.join("releases/latest")).expect("a link");
        symlink(top.join("releases/latest"), top.join("absolute")).expect("a link");
        symlink("loop", top.join("loop")).expect("a link");
        let found = |path: &str| -> Vec<PathBuf> { follow(&top.join(path)).0 };
        assert_eq!(found("releases/42/app"), Vec::<PathBuf>::new());
        assert_eq!(found("current/app"), [top.join("current")]);
        let way = ["absolute", "releases/latest", "current"].map(|name| top.join(name));
        assert_eq!(found("absolute/app"), way);
        assert_eq!(found("loop/x").len(), super::MAX_LINKS);
        assert_eq!(found("missing/x"), Vec::<PathBuf>::new());
        let (_, target) = follow(&top.join("absolute/app/new"));
        assert_eq!(target, top.join("releases/42/app/new"));
    }

    #[test]
    fn whoever_owns_a_link_cannot_make_its_survey_long() {
        let top = tempfile::tempdir().expect("a directory");
        let top = top.path().canonicalize().expect("its path");
        // 80,000 components, none of which is there.
        for link in 1..super::MAX_LINKS {
            let target = format!("{}{}", link - 1, "/a".repeat(2040));
            symlink(target, top.join(link.to_string())).expect("a link");
        }
        let queue = || Arc::new(Inotify::new().expect("an inotify instance"));
        let path = top.join((super::MAX_LINKS - 1).to_string());
        let request = SurveyRequest {
            moved_path: path.as_os_str().as_encoded_bytes().to_vec(),
            path,
            name_queue: Some(queue()),
            move_queue: queue(),
            waits_for_missing: true,
            expected: Expected::Anything,
        };
        let (sender, made) = mpsc::channel();
        std::thread::spawn(move || sender.send(request.survey()).is_ok());
        let survey = made.recv_timeout(Duration::from_secs(3));
        let survey = survey.expect("a survey in time");
        assert!(survey.has_links && survey.inode.is_none());
    }
}
