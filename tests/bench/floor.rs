//! Runs the floors: programs that do the least that a recursive watcher can do, which the
//! benchmark starts by executing itself again. None handles renames, races or overflows.
use crate::sys;
use sha2::{Digest, Sha256};
use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::{process, thread};

/// Opens every directory, reads it and puts a watch on it.
pub(crate) const WALK: &str = "floor-walk";
/// Walks like [`WALK`], keeps the path of every watch, and then prints a line for every event.
pub(crate) const ECHO: &str = "floor-echo";
/// Like [`ECHO`], but first reads and digests the files that were closed, as [`HASH_REGULAR`]
/// does.
pub(crate) const ECHO_DIGESTS: &str = "floor-echo-digests";
/// Like [`ECHO`], but first asks for the status of the files that were closed, as a watcher must
/// that reports their sizes.
pub(crate) const ECHO_STATS: &str = "floor-echo-stats";
/// Opens every directory, and reads and digests every file; no watches.
pub(crate) const HASH: &str = "floor-hash";
/// Like [`HASH`], but opens only what is known to be a regular file, as a watcher must, lest
/// another user make it open a FIFO.
pub(crate) const HASH_REGULAR: &str = "floor-hash-regular";
pub(crate) const ALL: [&str; 6] = [WALK, ECHO, ECHO_DIGESTS, ECHO_STATS, HASH, HASH_REGULAR];
/// The line on stderr when a floor has done all of that.
pub(crate) const READY: &str = "floor: ready";

const THREADS: usize = 2;
/// Bytes read at a time, from directories, files and the event queue.
const CHUNK: usize = 1 << 16;
/// The mask of a directory's watch: that which inotifywait uses here.
const MASK: u32 = libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_CLOSE_WRITE
    | libc::IN_ONLYDIR;
/// The words of inotifywait for the bits of [`MASK`].
const WORDS: [(u32, &str); 6] = [
    (libc::IN_Q_OVERFLOW, "OVERFLOW"),
    (libc::IN_CREATE, "CREATE"),
    (libc::IN_CLOSE_WRITE, "CLOSE_WRITE"),
    (libc::IN_MOVED_FROM, "MOVED_FROM"),
    (libc::IN_MOVED_TO, "MOVED_TO"),
    (libc::IN_DELETE, "DELETE"),
];

/// Runs the floor of that name on a tree, until a signal ends it.
pub(crate) fn run(kind: &str, tree: &OsStr) -> io::Result<()> {
    let name = CString::new(tree.as_bytes())?;
    let hash = match kind {
        HASH => Some(Opening::ByName),
        HASH_REGULAR => Some(Opening::RegularOnly),
        _ => None,
    };
    let closed = Closed::of(kind);
    let inotify = hash.is_none().then(sys::inotify).transpose()?;
    let walk = Walk {
        inotify,
        hash,
        paths: closed.map(|_| Mutex::default()),
        queue: Mutex::default(),
        wake: Condvar::new(),
        hungry: AtomicUsize::new(0),
    };
    sys::reserve_descriptors(io::stdin().as_fd());
    walk.queue().given.push(Directory {
        parent: None,
        name,
        path: tree.as_bytes().to_vec(),
    });
    thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(|| walk.work());
        }
        walk.work();
    });
    eprintln!("{READY}");
    if let (Some(inotify), Some(paths), Some(closed)) = (&walk.inotify, &walk.paths, closed) {
        let paths = paths.lock().expect("no thread panicked");
        return echo(inotify, &paths, closed);
    }
    // The watches stay for as long as the program does: `walk` still owns their queue.
    loop {
        thread::park();
    }
}

/// A directory to be walked. Its parent stays open for as long as it has such children,
/// so that a deep tree costs no long paths, and a broad one few descriptors.
struct Directory {
    /// What the name is relative to: the working directory, if nothing.
    parent: Option<Arc<OwnedFd>>,
    name: CString,
    /// Its path, for the floor that prints.
    path: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    /// Directories that a thread has given away.
    given: Vec<Directory>,
    /// Threads without work; when all are, the walk is over.
    idle: usize,
}

#[derive(Clone, Copy)]
enum Opening {
    ByName,
    RegularOnly,
}

/// One walk of a tree, shared by its threads.
struct Walk {
    /// Where watches go, if any are wanted.
    inotify: Option<File>,
    /// How files are opened, if they are read.
    hash: Option<Opening>,
    /// Paths by watch descriptor, if they are kept.
    paths: Option<Mutex<Vec<Vec<u8>>>>,
    queue: Mutex<Queue>,
    /// Notified when the queue has a directory, or the walk is over.
    wake: Condvar,
    /// `queue.idle`, to be read without its lock.
    hungry: AtomicUsize,
}

impl Walk {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no thread panicked")
    }

    /// Runs one thread: it visits its own directories depth first, then those that others give
    /// away.
    fn work(&self) {
        let mut buffer = vec![0; CHUNK];
        let mut content = vec![0; CHUNK];
        let mut own = Vec::new();
        while let Some(directory) = own.pop().or_else(|| self.take()) {
            if let Err(error) = self.visit(&directory, &mut own, &mut buffer, &mut content) {
                eprintln!("floor: {}: {error}", directory.name.to_string_lossy());
                process::exit(1);
            }
            // The oldest are the nearest to the root, and have the most below them.
            if own.len() > 1 && self.hungry.load(Ordering::Relaxed) > 0 {
                let half = own.len() / 2;
                self.queue().given.extend(own.drain(..half));
                self.wake.notify_one();
            }
        }
    }

    /// Waits for a directory that was given away; nothing once every thread waits.
    fn take(&self) -> Option<Directory> {
        let mut queue = self.queue();
        queue.idle += 1;
        self.hungry.store(queue.idle, Ordering::Relaxed);
        loop {
            if let Some(directory) = queue.given.pop() {
                queue.idle -= 1;
                self.hungry.store(queue.idle, Ordering::Relaxed);
                return Some(directory);
            }
            if queue.idle == THREADS {
                self.wake.notify_all();
                return None;
            }
            queue = self.wake.wait(queue).expect("no thread panicked");
        }
    }

    /// Opens, watches and reads one directory; its directories are added to `own`.
    fn visit(
        &self,
        directory: &Directory,
        own: &mut Vec<Directory>,
        buffer: &mut [u8],
        content: &mut [u8],
    ) -> io::Result<()> {
        let parent = directory.parent.as_ref().map(|fd| fd.as_fd());
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let fd = Arc::new(sys::open_at(parent, &directory.name, flags)?);
        self.watch(fd.as_fd(), &directory.path)?;
        loop {
            let length = sys::entries(fd.as_fd(), buffer)?;
            if length == 0 {
                return Ok(());
            }
            for (kind, name) in sys::Entries(&buffer[..length]) {
                match (kind, name.to_bytes()) {
                    (libc::DT_DIR, b"." | b"..") => {}
                    (libc::DT_DIR, bytes) => own.push(Directory {
                        parent: Some(Arc::clone(&fd)),
                        name: name.to_owned(),
                        path: match self.paths {
                            Some(_) => [&directory.path, bytes].join(&b'/'),
                            None => Vec::new(),
                        },
                    }),
                    (libc::DT_REG, _) => {
                        if let Some(opening) = self.hash {
                            digest(Some(fd.as_fd()), name, opening, content)?;
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Puts a watch on an open directory, by way of /proc: no path is walked again.
    fn watch(&self, fd: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
        let Some(inotify) = &self.inotify else {
            return Ok(());
        };
        let itself = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
        let wd = sys::watch(inotify, &itself, MASK)?;
        if let Some(paths) = &self.paths {
            let index = usize::try_from(wd).expect("watch descriptors are positive");
            let mut paths = paths.lock().expect("no thread panicked");
            if paths.len() <= index {
                paths.resize(index + 1, Vec::new());
            }
            paths[index] = path.to_vec();
        }
        Ok(())
    }
}

/// Reads a file to its end and digests it.
fn digest(
    directory: Option<BorrowedFd<'_>>,
    name: &CStr,
    opening: Opening,
    content: &mut [u8],
) -> io::Result<[u8; 32]> {
    let mut file = match opening {
        Opening::ByName => {
            let flags = libc::O_RDONLY | libc::O_NOFOLLOW;
            File::from(sys::open_at(directory, name, flags)?)
        }
        Opening::RegularOnly => open_regular(directory, name)?,
    };
    let mut sha256 = Sha256::new();
    loop {
        let length = file.read(content)?;
        sha256.update(&content[..length]);
        if length < content.len() {
            return Ok(std::hint::black_box(sha256.finalize().into()));
        }
    }
}

/// Opens a file by a descriptor that has shown it to be a regular one.
fn open_regular(directory: Option<BorrowedFd<'_>>, name: &CStr) -> io::Result<File> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let found = File::from(sys::open_at(directory, name, flags)?);
    if !found.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let itself = CString::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    sys::open_at(None, &itself, libc::O_RDONLY).map(File::from)
}

/// What is done with a file that was closed, before its line is printed.
#[derive(Clone, Copy)]
enum Closed {
    Printed,
    Stated,
    Digested,
}

impl Closed {
    fn of(kind: &str) -> Option<Self> {
        match kind {
            ECHO => Some(Self::Printed),
            ECHO_STATS => Some(Self::Stated),
            ECHO_DIGESTS => Some(Self::Digested),
            _ => None,
        }
    }
}

/// Prints a line for every event, all that one read(2) gave with one write(2).
fn echo(mut inotify: &File, paths: &[Vec<u8>], closed: Closed) -> io::Result<()> {
    let mut events = vec![0; CHUNK];
    let mut content = vec![0; CHUNK];
    let mut lines = Vec::with_capacity(CHUNK);
    // Without std's line buffer, so that each write is one write(2).
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    loop {
        let length = inotify.read(&mut events)?;
        for (wd, mask, name) in sys::Events(&events[..length]) {
            let Some((_, word)) = WORDS.iter().find(|(bit, _)| mask & bit != 0) else {
                continue;
            };
            let path = usize::try_from(wd).ok().and_then(|wd| paths.get(wd));
            lines.extend_from_slice(word.as_bytes());
            lines.push(b' ');
            let start = lines.len();
            lines.extend_from_slice(path.map_or(b"", |path| path.as_slice()));
            lines.push(b'/');
            lines.extend(name.iter().take_while(|byte| **byte != 0));
            if mask & libc::IN_CLOSE_WRITE != 0 {
                let path = &lines[start..];
                // A file that is gone has neither size nor digest.
                match closed {
                    Closed::Printed => {}
                    Closed::Stated => {
                        let found = fs::symlink_metadata(OsStr::from_bytes(path));
                        let _size = std::hint::black_box(found.map(|found| found.len()));
                    }
                    Closed::Digested => {
                        let path = CString::new(path)?;
                        let _digest = digest(None, &path, Opening::RegularOnly, &mut content);
                    }
                }
            }
            lines.push(b'\n');
        }
        stdout.write_all(&lines)?;
        lines.clear();
    }
}
