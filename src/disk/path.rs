//! Turns a path into an open directory or file, or into the remote mount that it leads to.
//!
//! Invariants: no file system is asked that may not answer: each mount on the path is looked up
//! in the mount table before a name below its root is; everything is opened with O_PATH, which
//! triggers no automount and wakes no FIFO.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::sync::Arc;

use crate::change::Kind;
use crate::file_status::{FsClass, Stat};
use crate::mounts::MountTable;
use crate::sys::file::{self, Links, MAX_LINKS, Open};
use crate::sys::listing::check_not_removed;
use crate::sys::stat::{stat_fd_cached, stat_name_cached};

/// Where a path led.
pub(crate) enum Opened {
    /// To a file or directory, open with O_PATH.
    Here(OwnedFd, Stat),
    /// Into a file system that may not answer.
    Remote(RemotePath),
}

/// A path on a remote file system, which is followed by a thread that may wait.
#[derive(Clone, Debug)]
pub(crate) struct RemotePath {
    /// The mount ID, as in /proc/self/mountinfo.
    pub(super) mount: u64,
    /// Whether it begins at the working directory, not at the root of the mount.
    from_here: bool,
    /// The root of the mount (O_PATH). It keeps the mount busy, so that it is closed with the
    /// answer.
    start: Option<Arc<OwnedFd>>,
    /// The path from there as the user gave it: symbolic links are followed.
    root: Vec<u8>,
    /// The path from `root` in the model: symbolic links are not followed.
    relative: Vec<u8>,
}

impl PartialEq for RemotePath {
    /// Compares the mount and the names, since each path has another descriptor.
    fn eq(&self, other: &Self) -> bool {
        (self.mount, &self.root, &self.relative) == (other.mount, &other.root, &other.relative)
            && self.from_here == other.from_here
    }
}

impl RemotePath {
    /// The root of a mount, which is open as `fd`.
    pub(crate) fn at(fd: OwnedFd, stat: &Stat) -> Self {
        Self {
            mount: stat.mount,
            from_here: false,
            start: Some(Arc::new(fd)),
            root: Vec::new(),
            relative: Vec::new(),
        }
    }

    /// Closes the descriptor, so that it does not keep the mount busy.
    pub(super) fn release(&mut self) {
        self.start = None;
    }

    /// Its absolute path: that of the start from /proc, and the names after it.
    pub(crate) fn absolute(&self) -> Vec<u8> {
        let start = match &self.start {
            Some(fd) => file::path_of(fd.as_fd()),
            None => file::path_of_working_directory().map(|path| path.into_os_string().into_vec()),
        };
        let mut path = start.unwrap_or_default();
        let names = self.root.split(|&byte| byte == b'/');
        let names = names.chain(self.relative.split(|&byte| byte == b'/'));
        for name in names.filter(|name| !matches!(*name, b"" | b".")) {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend(name);
        }
        path
    }

    /// The path of what is below it.
    pub(crate) fn join(&self, relative: &[u8]) -> Self {
        let mut joined = self.clone();
        if !joined.relative.is_empty() && !relative.is_empty() {
            joined.relative.push(b'/');
        }
        joined.relative.extend(relative);
        joined
    }

    /// Opens it with O_PATH, however long that takes.
    pub(super) fn open(&self) -> io::Result<OwnedFd> {
        let start = match &self.start {
            Some(fd) => fd.as_fd(),
            None if self.from_here => file::here(),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let root: &[u8] = if self.root.is_empty() {
            b"."
        } else {
            &self.root
        };
        let open_root = || file::open(start, root, Open::Path);
        if self.relative.is_empty() {
            return match &self.start {
                // "." would fail for a file that is a mount point.
                Some(fd) if self.root.is_empty() => fd.try_clone(),
                _ => open_root(),
            };
        }
        if self.root.is_empty() {
            return file::open_path(start, &self.relative, Open::Path);
        }
        file::open_path(open_root()?.as_fd(), &self.relative, Open::Path)
    }
}

/// Opens a path by one call that asks no file system (openat2(2), RESOLVE_CACHED), whatever mounts
/// it crosses. `None`: a file system must be asked, or what is there may not answer.
pub(crate) fn open_cached(
    mounts: &MountTable,
    path: &[u8],
    links: Links,
) -> Option<(OwnedFd, Stat)> {
    let fd = file::open_cached(path, links).ok()?;
    let stat = stat_fd_cached(fd.as_fd()).ok()?;
    (!mounts.class(&stat).may_stall()).then_some((fd, stat))
}

/// Opens a path that the user gave, following symbolic links.
///
/// # Errors
/// Those of openat(2); ENOENT for a directory that was removed, though a process may stand in it.
pub(crate) fn open(mounts: &MountTable, path: &[u8]) -> io::Result<Opened> {
    let opened = open_anything(mounts, path)?;
    if let Opened::Here(fd, stat) = &opened {
        check_not_removed(fd.as_fd(), b".", stat)?;
    }
    Ok(opened)
}

fn open_anything(mounts: &MountTable, path: &[u8]) -> io::Result<Opened> {
    if let Some((fd, stat)) = open_cached(mounts, path, Links::Followed) {
        return Ok(Opened::Here(fd, stat));
    }
    let start = if path.starts_with(b"/") { b"/" } else { b"." };
    let on = if path.starts_with(b"/") {
        stat_name_cached(file::here(), start)?
    } else {
        stat_fd_cached(file::here())?
    };
    if mounts.class(&on).may_stall() {
        return Ok(Opened::Remote(RemotePath {
            mount: on.mount,
            from_here: true,
            start: None,
            root: path.to_vec(),
            relative: Vec::new(),
        }));
    }
    // By one call, if all of it is on the mount that it begins on.
    let direct = file::open_followed_in_mount(path);
    if let Ok(fd) = direct {
        let stat = stat_fd_cached(fd.as_fd())?;
        return Ok(Opened::Here(fd, stat));
    }
    let fd = file::open(file::here(), start, Open::Path)?;
    Steps::new(mounts, fd, on, path).follow()
}

/// Opens a path from an open directory, following no symbolic link.
pub(crate) fn open_below(
    mounts: &MountTable,
    dir: BorrowedFd<'_>,
    on: &Stat,
    relative: &[u8],
) -> io::Result<Opened> {
    let direct = file::open_path_in_mount(dir, relative);
    match direct {
        Ok(fd) => {
            let stat = stat_fd_cached(fd.as_fd())?;
            Ok(Opened::Here(fd, stat))
        }
        Err(error) if file::is_refused_by_openat2(&error) => {
            let mut steps = Steps::new(mounts, dir.try_clone_to_owned()?, *on, relative);
            steps.links_left = None;
            steps.follow()
        }
        Err(error) => Err(error),
    }
}

/// A path that is followed one name at a time.
struct Steps<'a> {
    mounts: &'a MountTable,
    /// The file or directory that the names so far lead to.
    fd: OwnedFd,
    /// The status of `fd`.
    on: Stat,
    /// The names left, the next one last.
    names: Vec<Vec<u8>>,
    /// How many more symbolic links may be followed; `None`: links are an error.
    links_left: Option<usize>,
}

impl<'a> Steps<'a> {
    fn new(mounts: &'a MountTable, fd: OwnedFd, on: Stat, path: &[u8]) -> Self {
        let mut steps = Self {
            mounts,
            fd,
            on,
            names: Vec::new(),
            links_left: Some(MAX_LINKS),
        };
        steps.add(path);
        steps
    }

    /// Puts the names of a path, without empty ones, before those that are left. A `.` stays, since
    /// it demands that what is before it is a directory.
    fn add(&mut self, path: &[u8]) {
        let names = path.split(|&byte| byte == b'/').rev();
        let names = names.filter(|name| !name.is_empty());
        self.names.extend(names.map(<[u8]>::to_vec));
    }

    fn follow(mut self) -> io::Result<Opened> {
        while let Some(name) = self.names.pop() {
            if self.on.kind != Kind::Directory {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let dir = self.fd.as_fd();
            let mut fd = file::open_name(dir, &name, Open::Path)?;
            let mut stat = stat_fd_cached(fd.as_fd())?;
            if stat.kind == Kind::Symlink {
                let left = self.links_left.ok_or_else(file::not_followed)?;
                self.links_left = Some(left.checked_sub(1).ok_or_else(file::not_followed)?);
                if !matches!(self.mounts.class(&stat), FsClass::Pseudo(_)) {
                    self.follow_link(fd.as_fd())?;
                    continue;
                }
                // The target of a link in /proc is not what its text names.
                fd = file::open(dir, &name, Open::Path)?;
                stat = stat_fd_cached(fd.as_fd())?;
            }
            let is_crossing = stat.is_mount_root || stat.mount != self.on.mount;
            if is_crossing && self.mounts.class(&stat).may_stall() {
                self.names.reverse();
                let root = self.names.join(&b'/');
                return Ok(Opened::Remote(match self.links_left {
                    Some(_) => RemotePath {
                        root,
                        ..RemotePath::at(fd, &stat)
                    },
                    None => RemotePath::at(fd, &stat).join(&root),
                }));
            }
            (self.fd, self.on) = (fd, stat);
        }
        Ok(Opened::Here(self.fd, self.on))
    }

    fn follow_link(&mut self, link: BorrowedFd<'_>) -> io::Result<()> {
        let target = file::read_link(link)?;
        if target.starts_with(b"/") {
            self.fd = file::open(file::here(), b"/", Open::Path)?;
            self.on = stat_fd_cached(self.fd.as_fd())?;
        }
        self.add(&target);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::{Opened, Steps, open, open_below};
    use crate::mounts::MountTable;
    use crate::sys::file::{self, Open};
    use crate::sys::stat::stat_fd_cached;

    fn inode(opened: std::io::Result<Opened>) -> Option<u64> {
        match opened {
            Ok(Opened::Here(_, stat)) => Some(stat.inode.ino),
            Ok(Opened::Remote(_)) => panic!("no remote mount is here"),
            Err(_) => None,
        }
    }

    #[test]
    fn step_by_step_a_path_leads_where_the_kernel_goes() {
        use std::os::fd::AsFd;
        use std::os::unix::fs::MetadataExt;
        let temporary = tempfile::tempdir().expect("a directory");
        let top = temporary.path();
        std::fs::create_dir_all(top.join("a/b")).expect("made");
        std::fs::write(top.join("a/b/f"), "x").expect("written");
        symlink("a/b", top.join("relative")).expect("linked");
        symlink(top.join("a"), top.join("absolute")).expect("linked");
        symlink("loop", top.join("loop")).expect("linked");
        let mounts = MountTable::new();
        for path in [
            "a",
            "a/b/f",
            "a/../a/b",
            "relative/f",
            "absolute/b/f",
            "loop",
            "none",
            "a/b/f/x",
            "a/./b/.",
            "a/b/f/.",
            "relative/f/.",
        ] {
            let whole = top.join(path);
            let expected = std::fs::metadata(&whole).ok().map(|found| found.ino());
            let bytes = whole.as_os_str().as_bytes();
            assert_eq!(inode(open(&mounts, bytes)), expected, "{path}");
            let root = file::open(file::here(), b"/", Open::Path).expect("the root");
            let on = stat_fd_cached(root.as_fd()).expect("the root");
            let steps = Steps::new(&mounts, root, on, bytes);
            assert_eq!(inode(steps.follow()), expected, "{path}, step by step");
        }
        let Ok(Opened::Here(dir, on)) = open(&mounts, top.as_os_str().as_bytes()) else {
            panic!("it is there");
        };
        assert!(inode(open_below(&mounts, dir.as_fd(), &on, b"a/b/f")).is_some());
        assert_eq!(
            inode(open_below(&mounts, dir.as_fd(), &on, b"relative/f")),
            None
        );
    }
}
