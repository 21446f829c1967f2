//! Makes a temporary tree to watch and a directory outside it on the same file system, with the
//! operations that tests do there. All names are relative to the tree.

use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::builder::Builder;
use super::{fork, sys};

/// The tree; it is removed when dropped.
pub(crate) struct Tree {
    /// Contains the tree and the directory outside it.
    place: TempDir,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    pub(crate) fn new() -> Self {
        fork::default_signals();
        let place = tempfile::Builder::new()
            .prefix("balerion-test-")
            .tempdir()
            .unwrap();
        // A watcher that runs as another user must be able to search it.
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(place.path().join("tree")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        Self { place }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("tree")
    }

    /// A path in the tree; an absolute one stays unchanged.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// A path beside the tree, on the same file system.
    pub(crate) fn outside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.place.path().join("outside").join(name)
    }

    /// A watcher whose working directory is the tree.
    pub(crate) fn watch(&self) -> Builder {
        Builder::new(self.root())
    }

    /// Creates or truncates a file and writes to it once.
    pub(crate) fn write(&self, name: impl AsRef<Path>, data: impl AsRef<[u8]>) {
        let _apart = fork::none();
        fs::write(self.path(name), data).unwrap();
    }

    /// Opens a file to append, and creates it if it is missing; the caller keeps it open.
    pub(crate) fn open(&self, name: impl AsRef<Path>) -> File {
        File::options()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap()
    }

    /// Appends to a file, and closes it.
    pub(crate) fn append(&self, name: impl AsRef<Path>, data: impl AsRef<[u8]>) {
        let _apart = fork::none();
        self.open(name).write_all(data.as_ref()).unwrap();
    }

    /// Writes over the first bytes of a file without truncating it.
    pub(crate) fn overwrite(&self, name: impl AsRef<Path>, data: impl AsRef<[u8]>) {
        let _apart = fork::none();
        let mut file = File::options().write(true).open(self.path(name)).unwrap();
        file.write_all(data.as_ref()).unwrap();
    }

    /// Creates an empty file, or opens and closes one that is there; sets its times to an hour ago.
    pub(crate) fn touch(&self, name: impl AsRef<Path>) {
        let then = SystemTime::now() - Duration::from_secs(3600);
        // Both times at once are an IN_ATTRIB, as by touch(1); one alone is an
        // IN_MODIFY.
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        let _apart = fork::none();
        self.open(name).set_times(times).unwrap();
    }

    /// Gives a file or directory another time of modification, and no other of access.
    pub(crate) fn redate(&self, name: impl AsRef<Path>) {
        let then = SystemTime::now() - Duration::from_secs(7200);
        let file = File::open(self.path(name)).unwrap();
        file.set_modified(then).unwrap();
    }

    pub(crate) fn mkdir(&self, name: impl AsRef<Path>) {
        fs::create_dir(self.path(name)).unwrap();
    }

    pub(crate) fn mkdirs(&self, name: impl AsRef<Path>) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    /// rename(2)
    pub(crate) fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// renameat2(2) with RENAME_EXCHANGE
    pub(crate) fn exchange(&self, one: impl AsRef<Path>, other: impl AsRef<Path>) {
        sys::rename_with(&self.path(one), &self.path(other), sys::RENAME_EXCHANGE).unwrap();
    }

    /// unlink(2)
    pub(crate) fn remove(&self, name: impl AsRef<Path>) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// rmdir(2)
    pub(crate) fn rmdir(&self, name: impl AsRef<Path>) {
        fs::remove_dir(self.path(name)).unwrap();
    }

    pub(crate) fn remove_all(&self, name: impl AsRef<Path>) {
        fs::remove_dir_all(self.path(name)).unwrap();
    }

    /// link(2)
    pub(crate) fn link(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::hard_link(self.path(from), self.path(to)).unwrap();
    }

    /// Makes a file of 10,000 names with paths of 2 KiB: records of them take long.
    pub(crate) fn fill_with_long_paths(&self) {
        let dir: PathBuf = std::iter::repeat_n("d".repeat(250), 8).collect();
        self.mkdirs(&dir);
        self.touch(dir.join("0"));
        for number in 1..10_000 {
            self.link(dir.join("0"), dir.join(number.to_string()));
        }
    }

    /// symlink(2); the target is not relative to the tree.
    pub(crate) fn symlink(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) {
        symlink(target, self.path(name)).unwrap();
    }

    /// mkfifo(3)
    pub(crate) fn fifo(&self, name: impl AsRef<Path>) {
        sys::fifo(&self.path(name)).unwrap();
    }

    /// chmod(2)
    pub(crate) fn chmod(&self, name: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// truncate(2)
    pub(crate) fn truncate(&self, name: impl AsRef<Path>, length: i64) {
        sys::truncate(&self.path(name), length).unwrap();
    }
}
