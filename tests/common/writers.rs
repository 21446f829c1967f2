//! Performs random operations on a tree, in bursts and on few names, so that several writers race
//! with each other.
//!
//! They leave out what inotify does not report: a file that is written through a removed name while
//! it still has a name in another directory. So only a directory that belongs to one writer has
//! files of several names.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use super::sys;

/// Pseudo-random numbers from a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub(crate) struct Writer {
    random: Random,
    top: PathBuf,
    /// A directory outside the tree, shared too.
    outside: PathBuf,
    /// A directory that only this writer changes, with files of several names.
    own: PathBuf,
    held: Vec<File>,
}

/// A random operation, which fails if its names do not allow it.
type Act = fn(&mut Writer) -> io::Result<()>;

/// The operations, each with its weight.
const ACTS: [(u64, Act); 24] = [
    (6, Writer::make_directory),
    (3, Writer::fill),
    (2, Writer::rename_and_write),
    (6, Writer::rewrite),
    (3, Writer::create),
    (4, Writer::append),
    (2, Writer::truncate),
    (4, Writer::save),
    (8, Writer::rename),
    (3, Writer::exchange),
    (4, Writer::unlink),
    (3, Writer::remove_directory),
    (1, Writer::remove_tree),
    (1, Writer::link_symbolic),
    (1, Writer::make_fifo),
    (1, Writer::change_mode),
    (1, Writer::touch),
    (1, Writer::link_nameless),
    (2, Writer::leave),
    (2, Writer::come_back),
    (2, Writer::hold),
    (3, Writer::write_held),
    (1, Writer::release),
    (3, Writer::link_in_own),
];

impl Writer {
    /// A writer on the directory `top` of the tree and the one `outside`, both of
    /// which exist.
    pub(crate) fn new(top: &Path, outside: &Path, own: &Path, seed: u64) -> Self {
        for side in ["l/passing", "r"] {
            fs::create_dir_all(own.join(side)).unwrap();
        }
        Self {
            random: Random(seed),
            top: top.to_owned(),
            outside: outside.to_owned(),
            own: own.to_owned(),
            held: Vec::new(),
        }
    }

    /// Performs so many bursts, each of up to 40 operations, with a short rest after it.
    pub(crate) fn rage(mut self, bursts: usize) {
        let total = ACTS.iter().map(|(weight, _)| weight).sum();
        for _ in 0..bursts {
            for _ in 0..=self.random.below(40) {
                let mut place = self.random.below(total);
                let act = ACTS.iter().find(|(weight, _)| {
                    let here = place < *weight;
                    place = place.saturating_sub(*weight);
                    here
                });
                // Most errors come from races with other writers.
                let _ = act.unwrap().1(&mut self);
            }
            thread::sleep(Duration::from_millis(self.random.below(12)));
        }
    }

    fn name(&mut self) -> &'static str {
        ["a", "b", "c", "d", "e", "f"][usize::try_from(self.random.below(6)).unwrap()]
    }

    /// A path up to four names deep in the shared directory.
    fn path(&mut self) -> PathBuf {
        let mut path = self.top.clone();
        for _ in 0..=self.random.below(4) {
            path.push(self.name());
        }
        path
    }

    /// Bytes that were most likely never written before.
    fn data(&mut self) -> Vec<u8> {
        let line = format!("{}\n", self.random.below(1_000_000));
        line.repeat(usize::try_from(1 + self.random.below(200)).unwrap())
            .into_bytes()
    }

    /// Opens a file of one name to write; never waits for the reader of a FIFO.
    fn open(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
        let file = options
            .custom_flags(libc::O_NONBLOCK)
            .mode(0o644)
            .open(path)?;
        match file.metadata()?.nlink() {
            1 => Ok(file),
            _ => Err(io::Error::other("several names, or none")),
        }
    }

    /// Writes to a file of one name.
    fn put(&mut self, path: &Path, options: &mut fs::OpenOptions) -> io::Result<()> {
        let mut file = Self::open(path, options)?;
        file.write_all(&self.data())
    }

    fn make_directory(&mut self) -> io::Result<()> {
        fs::create_dir(self.path())
    }

    /// mkdir -p, with files in it at once
    fn fill(&mut self) -> io::Result<()> {
        let path = self.path();
        fs::create_dir_all(&path)?;
        for _ in 0..=self.random.below(4) {
            let file = path.join(self.name());
            self.put(&file, File::options().write(true).create(true))?;
        }
        Ok(())
    }

    /// A rename, and a write below the new name at once.
    fn rename_and_write(&mut self) -> io::Result<()> {
        let (from, to) = (self.path(), self.path());
        fs::rename(from, &to)?;
        let file = to.join(self.name());
        self.put(&file, File::options().write(true).create(true))
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let path = self.path();
        let options = &mut File::options();
        self.put(&path, options.write(true).create(true).truncate(true))
    }

    fn create(&mut self) -> io::Result<()> {
        File::create_new(self.path()).map(drop)
    }

    fn append(&mut self) -> io::Result<()> {
        let path = self.path();
        self.put(&path, File::options().append(true))
    }

    /// truncate(2), shorter or longer
    fn truncate(&mut self) -> io::Result<()> {
        let path = self.path();
        let length = i64::try_from(self.random.below(3000)).unwrap();
        sys::truncate(&path, length)
    }

    /// Writes a new file and renames it over the old one.
    fn save(&mut self) -> io::Result<()> {
        let path = self.path();
        let half = path.with_extension("half");
        fs::write(&half, self.data())?;
        fs::rename(half, path)
    }

    /// rename(2) of a random name onto another one
    fn rename(&mut self) -> io::Result<()> {
        fs::rename(self.path(), self.path())
    }

    /// renameat2(2) with RENAME_EXCHANGE
    fn exchange(&mut self) -> io::Result<()> {
        let (one, other) = (self.path(), self.path());
        sys::rename_with(&one, &other, sys::RENAME_EXCHANGE)
    }

    fn unlink(&mut self) -> io::Result<()> {
        fs::remove_file(self.path())
    }

    fn remove_directory(&mut self) -> io::Result<()> {
        fs::remove_dir(self.path())
    }

    fn remove_tree(&mut self) -> io::Result<()> {
        fs::remove_dir_all(self.path())
    }

    /// A symbolic link to a name beside it, there or not.
    fn link_symbolic(&mut self) -> io::Result<()> {
        symlink(self.name(), self.path())
    }

    fn make_fifo(&mut self) -> io::Result<()> {
        sys::fifo(&self.path())
    }

    /// chmod(2) that keeps the owner's permissions, which a watcher without privileges needs
    fn change_mode(&mut self) -> io::Result<()> {
        let mode = 0o700 | u32::try_from(self.random.below(0o100)).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode))
    }

    /// New times for the same bytes.
    fn touch(&mut self) -> io::Result<()> {
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(self.path())?;
        file.set_modified(SystemTime::now())
    }

    fn link_nameless(&mut self) -> io::Result<()> {
        let path = self.path();
        sys::write_nameless(&path, &self.data())
    }

    fn leave(&mut self) -> io::Result<()> {
        let name = self.random.below(8).to_string();
        fs::rename(self.path(), self.outside.join(name))
    }

    fn come_back(&mut self) -> io::Result<()> {
        let name = self.random.below(8).to_string();
        fs::rename(self.outside.join(name), self.path())
    }

    /// Opens a file and keeps it open.
    fn hold(&mut self) -> io::Result<()> {
        let path = self.path();
        let file = Self::open(&path, File::options().append(true).create(true))?;
        if self.held.len() > 6 {
            self.held.remove(0);
        }
        self.held.push(file);
        Ok(())
    }

    /// Writes to a file that is kept open, whatever its name is by now.
    fn write_held(&mut self) -> io::Result<()> {
        let data = self.data();
        let count = self.held.len().max(1);
        let number = usize::try_from(self.random.next()).unwrap() % count;
        match self.held.get_mut(number) {
            Some(file) => file.write_all(&data),
            None => Ok(()),
        }
    }

    fn release(&mut self) -> io::Result<()> {
        self.held.pop();
        Ok(())
    }

    /// Hard links in the writer's own directory: `r` has names that stay, `l` has some
    /// that stay and some that come and go. Only through a name that stays is anything
    /// written: from a name that is removed before it is read, the other names of its file cannot
    /// be found.
    fn link_in_own(&mut self) -> io::Result<()> {
        let (left, right) = (self.own.join("l"), self.own.join("r"));
        let stays = right.join(self.name());
        let passes = left.join("passing").join(self.name());
        let stays_left = left.join(self.name());
        match self.random.below(9) {
            0 | 1 => File::options()
                .append(true)
                .create(true)
                .open(&stays)?
                .write_all(&self.data()),
            2 => sys::truncate(&stays, 100),
            3 => fs::hard_link(&stays, &stays_left),
            4 => File::options()
                .append(true)
                .open(&stays_left)?
                .write_all(&self.data()),
            5 => sys::rename_with(&stays, &right.join(self.name()), sys::RENAME_EXCHANGE),
            6 => fs::hard_link(&stays, &passes),
            7 => fs::remove_file(&passes),
            _ => fs::rename(&passes, passes.with_file_name(self.name())),
        }
    }
}
