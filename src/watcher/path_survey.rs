//! What is on the way to a PATH: each directory and symbolic link on it is watched, and then
//! it is found where it leads.
//!
//! Turns a path into a [`Survey`], by the thread that calls it: where a file system on the
//! way may not answer, that is not the loop's. Invariant: a directory is watched before it is
//! looked in.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::event::Wd;
use crate::file_status::{FsError, Inode};
use crate::root_builder::{Resolved, resolve};
use crate::sys::file;
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::stat::stat_path;

/// Symbolic links followed on the way to a PATH, as the kernel does: path_resolution(7).
const MAX_LINKS: usize = 40;

/// Times that the way is followed anew, since a link on it was switched meanwhile.
const MOST_TRIES: usize = 4;

/// What is to be found out.
#[derive(Clone)]
pub(super) struct SurveyRequest {
    /// The absolute path, symbolic links and all.
    pub(super) path: PathBuf,
    /// The PATH by whose names the directories above it are reached.
    pub(super) named: Vec<u8>,
    /// Names above the PATHs are watched on this queue.
    pub(super) names: Option<Arc<Inotify>>,
    /// Moves of directories above the PATHs are watched on this one.
    pub(super) moves: Arc<Inotify>,
    /// Whether the PATH is waited for where it is missing.
    pub(super) awaits: bool,
}

/// What was found.
pub(super) struct Survey {
    /// What the path leads to.
    pub(super) inode: Option<Inode>,
    /// The directory in which that is, and its name there.
    pub(super) parent: Option<Inode>,
    pub(super) name: Option<Vec<u8>>,
    /// The same as a path, as a single file is watched.
    pub(super) resolved: io::Result<Resolved>,
    pub(super) has_links: bool,
    /// Directories above that are watched for moves.
    pub(super) above: Vec<Wd>,
    /// What may not be watched, if that keeps a missing PATH from being seen.
    pub(super) refused: Option<PathBuf>,
}

impl SurveyRequest {
    pub(super) fn survey(&self) -> Survey {
        let refused = self.await_path();
        let (links, target) = self.watch_links();
        let above = self.watch_moves();
        let parent = target.parent().unwrap_or(&target);
        Survey {
            inode: inode(&self.path),
            parent: inode(parent),
            name: target.file_name().map(|name| name.as_bytes().to_vec()),
            resolved: resolve(self.path.as_os_str().as_bytes()),
            has_links: !links.is_empty(),
            above,
            refused,
        }
    }

    /// Watches the nearest directory above a missing PATH for what appears in it; the
    /// directory that may not be watched, if that keeps it from being seen.
    fn await_path(&self) -> Option<PathBuf> {
        let names = self.names.as_ref().filter(|_| self.awaits)?;
        let mut refused = None;
        for above in self.path.ancestors().skip(1) {
            match with_path(above, |above| names.watch_names(above)) {
                Ok(_) => break,
                Err(error) if fs_error(&error) == FsError::PermissionDenied => {
                    refused = Some(above.to_path_buf());
                }
                Err(_) => {}
            }
        }
        refused
    }

    /// Watches the directories in which the symbolic links on the way are; these links, and
    /// where they lead.
    fn watch_links(&self) -> (Vec<PathBuf>, PathBuf) {
        let mut found = follow(&self.path);
        let Some(names) = &self.names else {
            return found;
        };
        for _ in 0..MOST_TRIES {
            for directory in found.0.iter().filter_map(|link| link.parent()) {
                // Where that may not be, a switched link goes unnoticed.
                let _watched = with_path(directory, |path| names.watch_names(path));
            }
            // Links that are new on the way are watched before it is found where they lead.
            let again = follow(&self.path);
            if again == found {
                break;
            }
            found = again;
        }
        found
    }

    /// Watches the directories by whose names the PATH is reached. Where that may not be, a
    /// PATH that is moved away with one goes unnoticed.
    fn watch_moves(&self) -> Vec<Wd> {
        let above = named_ancestors(&self.named);
        let watched = above.map(|above| with_path(above, |above| self.moves.watch_moves(above)));
        watched.filter_map(Result::ok).collect()
    }
}

fn with_path<T>(path: &Path, call: impl FnOnce(&std::ffi::CStr) -> io::Result<T>) -> io::Result<T> {
    file::with_c_str(path.as_os_str().as_bytes(), call)
}

fn inode(path: &Path) -> Option<Inode> {
    with_path(path, stat_path).ok().map(|stat| stat.inode)
}

/// Whether there is something at a path.
pub(super) fn is_there(path: &[u8]) -> bool {
    file::with_c_str(path, stat_path).is_ok()
}

/// The directories by whose names a PATH is reached.
fn named_ancestors(path: &[u8]) -> impl Iterator<Item = &Path> {
    let above = Path::new(OsStr::from_bytes(path)).ancestors().skip(1);
    above.filter(|above| matches!(above.components().next_back(), Some(Component::Normal(_))))
}

/// The symbolic links by which an absolute path is reached, each as an absolute path, and
/// where they lead, whether something is there or not.
fn follow(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let mut found = Vec::new();
    let mut at = PathBuf::from("/");
    let mut rest: Vec<_> = path
        .components()
        .map(|each| each.as_os_str().to_owned())
        .collect();
    rest.reverse();
    while let Some(name) = rest.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        match next.read_link() {
            Ok(target) if found.len() < MAX_LINKS => {
                found.push(next);
                let components = target.components().rev();
                rest.extend(components.map(|each| each.as_os_str().to_owned()));
            }
            // `/` leads back to the root, whatever came before.
            _ => at = next,
        }
    }
    (found, at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::follow;

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
}
