//! What happens above the PATHs: a directory on the way to one is renamed, which makes no
//! event below; a symbolic link on the way is switched; a PATH that is missing appears
//! (`--wait-for-path`).
//!
//! Turns such events into questions to the tracker, and PATHs that appear into roots. Watches
//! no name inside a PATH.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use super::Watcher;
use super::poller::Wake;
use crate::error::Error;
use crate::escape::escaped;
use crate::roots::RootBuilder;
use crate::sys::epoll::Interest;
use crate::sys::file;
use crate::sys::fs_error;
use crate::sys::inotify::Inotify;
use crate::sys::stat::stat_path;
use crate::tracker::RootPlace;
use crate::tracker::disk::FsError;
use crate::walk::{WalkContext, WalkProgress};

/// Symbolic links followed on the way to a PATH, as the kernel does: path_resolution(7).
const MAX_LINKS: usize = 40;

/// Directories above PATHs in which names count, on a queue of their own: what is reported
/// there is no change of the tree.
pub(super) struct AncestorWatches {
    inotify: Inotify,
    paths: Vec<AwaitedPath>,
    /// Whether PATHs that are missing are waited for.
    waits: bool,
    /// Whether one was missing when last looked.
    is_missing: bool,
}

/// A PATH as it was given, and where that was when the watch began.
struct AwaitedPath {
    given: Vec<u8>,
    /// The absolute path, symbolic links and all: the working directory may be left.
    absolute: Vec<u8>,
    has_links: bool,
    /// Whether it was warned that it cannot be watched.
    is_warned: bool,
}

impl AwaitedPath {
    fn new(given: &[u8]) -> Self {
        let path = Path::new(OsStr::from_bytes(given));
        let absolute = std::env::current_dir().map(|here| here.join(path));
        let absolute = absolute.unwrap_or_else(|_| path.to_path_buf());
        // `.` at the end is no name; it would be one of a file, too.
        let absolute: PathBuf = absolute.components().collect();
        Self {
            given: given.to_vec(),
            has_links: !follow(&absolute).0.is_empty(),
            absolute: absolute.into_os_string().into_vec(),
            is_warned: false,
        }
    }
}

impl AncestorWatches {
    /// Watches the nearest directory above a missing PATH for what appears in it; the
    /// directory that may not be watched, if that keeps it from being seen.
    fn await_in(&self, path: &[u8]) -> Result<(), PathBuf> {
        let mut refused = None;
        for above in Path::new(OsStr::from_bytes(path)).ancestors().skip(1) {
            let bytes = above.as_os_str().as_bytes();
            match file::with_c_str(bytes, |above| self.inotify.watch_names(above)) {
                Ok(_) => break,
                Err(error) if fs_error(&error) == FsError::PermissionDenied => {
                    refused = Some(above.to_path_buf());
                }
                Err(_) => {}
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Watches the directories in which the symbolic links on the way to a PATH are.
    fn watch_links(&self, path: &[u8]) {
        for link in follow(Path::new(OsStr::from_bytes(path))).0 {
            if let Some(directory) = link.parent() {
                let bytes = directory.as_os_str().as_bytes();
                // Where that may not be, a switched link goes unnoticed.
                let _watched = file::with_c_str(bytes, |path| self.inotify.watch_names(path));
            }
        }
    }
}

impl AsFd for AncestorWatches {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
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

/// Whether there is something at a path.
pub(super) fn is_there(path: &[u8]) -> bool {
    file::with_c_str(path, stat_path).is_ok()
}

impl Watcher {
    /// From now on the way to each PATH is watched; `waits`: and what is missing.
    pub(super) fn watch_ancestors(&mut self, paths: &[Vec<u8>], waits: bool) -> Result<(), Error> {
        for path in paths {
            self.watch_ancestors_of(path);
        }
        let paths: Vec<_> = paths.iter().map(|path| AwaitedPath::new(path)).collect();
        if !waits && !paths.iter().any(|path| path.has_links) {
            return Ok(());
        }
        let inotify = Inotify::new().map_err(Error::system("wait for a PATH"))?;
        self.poller
            .listen(inotify.as_fd(), Wake::Ancestors, Interest::Readable)?;
        let above = AncestorWatches {
            inotify,
            paths,
            waits,
            is_missing: false,
        };
        for path in &above.paths {
            above.watch_links(&path.absolute);
        }
        self.above = Some(above);
        self.find_paths();
        Ok(())
    }

    /// Watches the directories by whose names a PATH is reached. Where that may not be, a
    /// PATH that is moved away with one goes unnoticed.
    fn watch_ancestors_of(&mut self, path: &[u8]) {
        for above in named_ancestors(path) {
            let bytes = above.as_os_str().as_bytes();
            if let Ok(wd) = file::with_c_str(bytes, |above| self.inotify.watch_moves(above))
                && !self.tracker.above.contains(&wd)
            {
                self.tracker.above.push(wd);
            }
        }
    }

    /// Something happened above a PATH.
    pub(super) fn ancestors_changed(&mut self) {
        if let Some(above) = &self.above {
            self.events.discard(&above.inotify);
        }
        self.find_paths();
    }

    /// Looks where the PATHs lead now.
    pub(super) fn find_paths(&mut self) {
        // A snapshot lists the tree as it is; this is called again at its end.
        if !self.session.is_listing() {
            self.follow_links();
            self.find_missing_paths();
        }
    }

    /// Whether a PATH leads to something else than what is watched for it.
    fn leads_elsewhere(&self, path: &AwaitedPath) -> bool {
        let inode = |path: &[u8]| {
            file::with_c_str(path, stat_path)
                .ok()
                .map(|stat| stat.inode)
        };
        match self.tracker.place_of_root(&path.given) {
            None => is_there(&path.absolute),
            Some(RootPlace::Directory(watched)) => inode(&path.absolute) != Some(watched),
            Some(RootPlace::File(directory, name)) => {
                let (_, target) = follow(Path::new(OsStr::from_bytes(&path.absolute)));
                let parent = target.parent().unwrap_or(&target);
                target.file_name().map(OsStr::as_bytes) != Some(name)
                    || inode(parent.as_os_str().as_bytes()) != Some(directory)
            }
        }
    }

    /// A PATH may lead elsewhere now: what it has left is gone, what it names now appears.
    fn follow_links(&mut self) {
        let Some(mut above) = self.above.take() else {
            return;
        };
        for number in 0..above.paths.len() {
            let path = &above.paths[number];
            if !path.has_links {
                continue;
            }
            // Links that are new on the way are watched before it is looked where they lead.
            above.watch_links(&path.absolute);
            if self.leads_elsewhere(path) {
                let now = self.clock.now();
                self.tracker.at(now).lose_root(&path.given);
                let is_watched = !is_there(&path.absolute) || self.appear(path);
                above.paths[number].is_warned = !is_watched;
            }
        }
        self.above = Some(above);
    }

    /// A PATH that is missing may have appeared: then it is watched from now on.
    fn find_missing_paths(&mut self) {
        let Some(mut above) = self.above.take() else {
            return;
        };
        if above.waits {
            for number in 0..above.paths.len() {
                let path = &above.paths[number];
                if self.tracker.is_rooted(&path.given) {
                    continue;
                }
                // The watch comes before the look, so that nothing is missed between them.
                let awaited = above.await_in(&path.absolute);
                let is_refused = if is_there(&path.absolute) {
                    self.watch_ancestors_of(&path.absolute);
                    !self.appear(path)
                } else if let Err(refused) = awaited {
                    self.warn_of_refusal(path, &refused);
                    true
                } else {
                    false
                };
                above.paths[number].is_warned = is_refused;
            }
        }
        self.above = Some(above);
    }

    fn warn_of_refusal(&self, path: &AwaitedPath, refused: &Path) {
        if !path.is_warned {
            let refused = escaped(refused.as_os_str().as_bytes());
            let path = escaped(&path.given);
            self.stderr.warn(&format!(
                "warning: {path} cannot be seen to appear: {refused} may not be read"
            ));
        }
    }

    /// A PATH is there: it is reported, and all that is in it. False: it cannot be watched,
    /// of which one warning is written.
    fn appear(&mut self, path: &AwaitedPath) -> bool {
        let progress = WalkProgress::new(None);
        let context = WalkContext::new(&self.tracker.disk, &progress);
        let mut builder = RootBuilder::new(&mut self.tracker, context);
        match builder.appear(&path.absolute, &path.given) {
            Ok(()) => true,
            Err(Error::Path { source, .. }) if fs_error(&source) == FsError::NotFound => true,
            Err(error) => {
                if !path.is_warned {
                    let error = error.with_path(&path.given);
                    self.stderr.warn(&format!("warning: {error}"));
                }
                false
            }
        }
    }

    /// Whether a PATH may yet come.
    pub(super) fn awaits(&self) -> bool {
        self.above.as_ref().is_some_and(|above| above.waits)
    }

    /// A PATH that has just gone may be back already.
    pub(super) fn check_missing_paths(&mut self) {
        let Some(above) = self.above.as_mut() else {
            return;
        };
        let mut paths = above.paths.iter();
        let is_missing = paths.any(|path| !self.tracker.is_rooted(&path.given));
        let is_new = is_missing && !above.is_missing;
        above.is_missing = is_missing;
        if is_new {
            self.find_paths();
        }
    }

    /// The PATHs that are waited for.
    pub(super) fn missing_paths(&self) -> Vec<&[u8]> {
        let paths = self.above.iter().filter(|above| above.waits);
        let paths = paths.flat_map(|above| &above.paths);
        let missing = paths.filter(|path| !self.tracker.is_rooted(&path.given));
        missing.map(|path| path.given.as_slice()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::follow;

    #[test]
    fn the_links_on_the_way_are_those_that_the_kernel_follows() {
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
