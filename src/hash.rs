//! Turns files into digests: here, or on worker threads that give way.
//!
//! Never decides what is read or whether it is news. Invariant: a digest comes with
//! what the file looked like before it was read, and whether that was still so after.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::change::{Attributes, Digest, Kind};
use crate::sys::epoll::Bell;
use crate::sys::file::{self, Open, RawStat};
use crate::sys::{self, Class, bytes, process};
use crate::tracker::model::Id;
use crate::tracker::port::{Fault, Inode, Stat, Ticket};

/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// What was read of one file.
pub(crate) struct Read1 {
    /// As it was before.
    pub(crate) stat: Stat,
    /// Of its bytes; none if only its times were wanted.
    pub(crate) digest: Option<Digest>,
    /// Whether it was the same afterwards.
    pub(crate) stable: bool,
}

impl Read1 {
    /// Of a file that was only looked at.
    fn unread(raw: &RawStat) -> Self {
        Self {
            stat: stat(raw),
            digest: None,
            stable: true,
        }
    }
}

/// An error of a system call, in the tracker's words.
pub(crate) fn fault(error: &io::Error) -> Fault {
    match sys::class(error) {
        Class::Absent => Fault::Absent,
        Class::Denied => Fault::Denied,
        Class::NoSpace => Fault::Full,
        Class::Other => Fault::Failed(error.to_string()),
    }
}

/// What statx(2) told, in the tracker's words.
pub(crate) fn stat(raw: &RawStat) -> Stat {
    Stat {
        kind: raw.kind(),
        inode: Inode {
            dev: raw.dev,
            ino: raw.ino,
        },
        nlink: raw.nlink,
        size: raw.size,
        mtime: raw.mtime,
        ctime: raw.ctime,
        btime: raw.btime,
        attributes: Attributes {
            mode: raw.mode & 0o7777,
            uid: raw.uid,
            gid: raw.gid,
        },
    }
}

/// Opens a name as a place, and again to read if it is a regular file: a FIFO's
/// writer must not notice us.
pub(crate) fn open_regular(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(RawStat, OwnedFd), Fault> {
    let place = file::with_c_str(name, |name| file::open_name(dir, name, Open::Place));
    let place = place.map_err(|error| fault(&error))?;
    let raw = file::stat_fd(place.as_fd()).map_err(|error| fault(&error))?;
    if raw.kind() != Kind::File {
        return Err(Fault::Absent);
    }
    Ok((raw, place))
}

/// Opens a name to read it, in a directory in which no name has changed since the walk
/// saw a regular file there. `owner`: the directory's.
fn open_settled(dir: BorrowedFd<'_>, name: &[u8], owner: u32) -> Result<(RawStat, OwnedFd), Fault> {
    let opened = file::with_c_str(name, |name| bytes::open(dir, name, owner));
    let opened = opened.map_err(|error| fault(&error))?;
    let raw = file::stat_fd(opened.as_fd()).map_err(|error| fault(&error))?;
    if raw.kind() != Kind::File {
        return Err(Fault::Absent);
    }
    Ok((raw, opened))
}

/// Reads what is open as a place.
pub(crate) fn digest_place(
    place: &OwnedFd,
    before: &RawStat,
    buffer: &mut Vec<u8>,
) -> Result<Read1, Fault> {
    let opened = bytes::reopen(place.as_fd(), before.uid).map_err(|error| fault(&error))?;
    digest_file(&File::from(opened), before, buffer).map_err(|error| fault(&error))
}

/// Bytes that were read, of everything.
static READ: AtomicU64 = AtomicU64::new(0);

/// How many bytes were read until now, also of files that are not done.
pub(crate) fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// Reads an open file from its start.
fn digest_file(mut opened: &File, before: &RawStat, buffer: &mut Vec<u8>) -> io::Result<Read1> {
    if buffer.len() < CHUNK {
        buffer.resize(CHUNK, 0);
    }
    // A byte more than there should be, so that a short read tells the end.
    let want = usize::try_from(before.size)
        .unwrap_or(CHUNK)
        .saturating_add(1)
        .min(CHUNK);
    let buffer = &mut buffer[..want];
    let mut hasher = Sha256::new();
    let mut size = 0;
    loop {
        match opened.read(buffer) {
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
                READ.fetch_add(count as u64, Ordering::Relaxed);
                // A short read of a regular file is its last.
                if count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What one read gave in full was read at once, and a write since then has an event;
    // what took many reads is compared with what it was.
    let at_once = size == before.size && size < CHUNK as u64;
    let stable = at_once || {
        let after = file::stat_fd(opened.as_fd())?;
        (after.size, after.mtime) == (before.size, before.mtime)
    };
    // The size that belongs to the digest is that of the bytes.
    let stat = Stat {
        size,
        ..stat(before)
    };
    Ok(Read1 {
        stat,
        digest: Some(hasher.finalize().into()),
        stable,
    })
}

/// Some files of one directory, to be read behind the running watch.
pub(crate) struct Errand {
    /// The PATH that it is under.
    pub(crate) root: Vec<u8>,
    /// The way from there.
    pub(crate) route: Vec<u8>,
    /// Which directory must be found there.
    pub(crate) inode: Inode,
    /// The entries, and where their names end among the bytes.
    pub(crate) files: Vec<(Id, usize)>,
    /// Their names.
    pub(crate) names: Vec<u8>,
    /// Larger files are not read; in bytes. 0: none is.
    pub(crate) limit: u64,
    /// When the watch began, in nanoseconds since 1970.
    pub(crate) began: i64,
    /// Whether a write has an event.
    pub(crate) is_watched: bool,
}

/// A piece of work.
enum Work {
    /// A large file that something happened to.
    File(Ticket, OwnedFd, RawStat),
    /// A part of the baseline.
    Errands(Vec<Errand>),
}

/// What a worker has done.
pub(crate) enum Done {
    /// A large file was read.
    File(Ticket, Result<Read1, Fault>),
    /// A part of the baseline was read.
    Errands(Vec<(Id, Result<Read1, Fault>)>),
}

/// What workers and loop share.
#[derive(Default)]
struct Shared {
    /// Work, the urgent in front.
    work: VecDeque<Work>,
    /// What is done.
    done: Vec<Done>,
    /// How many threads there are.
    threads: usize,
    /// How many of them wait.
    waiting: usize,
}

/// The worker threads, started when there is work.
#[derive(Clone)]
pub(crate) struct Workers {
    /// The work, and a bell for it.
    shared: Arc<(Mutex<Shared>, Condvar)>,
    /// Wakes the loop.
    bell: Arc<Bell>,
    /// How many threads there may be.
    most: usize,
}

impl Workers {
    /// None yet.
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        let most = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            shared: Arc::default(),
            bell,
            most: most.clamp(1, 8),
        }
    }

    /// How many threads there may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// What is shared.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A large file is read before any baseline.
    pub(crate) fn read(&self, ticket: Ticket, place: OwnedFd, stat: RawStat) {
        let mut shared = self.lock();
        shared.work.push_front(Work::File(ticket, place, stat));
        self.start(shared);
    }

    /// A part of the baseline is read in its turn.
    pub(crate) fn run(&self, errands: Vec<Errand>) {
        let mut shared = self.lock();
        shared.work.push_back(Work::Errands(errands));
        self.start(shared);
    }

    /// Wakes a thread, or starts one.
    fn start(&self, mut shared: MutexGuard<'_, Shared>) {
        if shared.waiting > 0 || shared.threads >= self.most {
            drop(shared);
            self.shared.1.notify_one();
            return;
        }
        shared.threads += 1;
        drop(shared);
        let worker = self.clone();
        let started = thread::Builder::new()
            .name("hash".into())
            .stack_size(256 << 10);
        if started.spawn(move || worker.work()).is_err() {
            // Without a thread, the work is done here.
            self.lock().threads -= 1;
            if let Some(work) = self.lock().work.pop_front() {
                let done = perform(work, &mut Vec::new());
                self.finish(done);
            }
        }
    }

    /// What is done by now.
    pub(crate) fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    /// Tells the loop.
    fn finish(&self, done: Done) {
        let mut shared = self.lock();
        shared.done.push(done);
        let first = shared.done.len() == 1;
        drop(shared);
        if first {
            self.bell.ring();
        }
    }

    /// A thread's life: it ends when there has been nothing to do.
    fn work(&self) {
        process::give_way();
        let mut buffer = Vec::new();
        loop {
            let mut shared = self.lock();
            while shared.work.is_empty() {
                shared.waiting += 1;
                // A buffer is little to keep, and nothing to those who never hash again.
                buffer = Vec::new();
                shared = self
                    .shared
                    .1
                    .wait(shared)
                    .unwrap_or_else(PoisonError::into_inner);
                shared.waiting -= 1;
            }
            let Some(work) = shared.work.pop_front() else {
                continue;
            };
            drop(shared);
            let done = perform(work, &mut buffer);
            self.finish(done);
        }
    }
}

/// Does a piece of work.
fn perform(work: Work, buffer: &mut Vec<u8>) -> Done {
    match work {
        Work::File(ticket, place, stat) => Done::File(ticket, digest_place(&place, &stat, buffer)),
        Work::Errands(errands) => {
            let mut read =
                Vec::with_capacity(errands.iter().map(|errand| errand.files.len()).sum());
            let mut root = None;
            for errand in &errands {
                let dir = open_directory(errand, &mut root);
                run_errand(errand, dir, buffer, &mut read);
            }
            Done::Errands(read)
        }
    }
}

/// Reads the files of one directory.
fn run_errand(
    errand: &Errand,
    dir: Result<(OwnedFd, RawStat), Fault>,
    buffer: &mut Vec<u8>,
    read: &mut Vec<(Id, Result<Read1, Fault>)>,
) {
    let dir = dir.map(|(dir, raw)| (dir, is_settled(&raw, errand.began).then_some(raw.uid)));
    let mut start = 0;
    for &(id, end) in &errand.files {
        let name = &errand.names[start..end];
        start = end;
        let result = match &dir {
            Ok((dir, owner)) => {
                let read = read_one(dir.as_fd(), name, errand.limit, *owner, buffer);
                if errand.is_watched {
                    read
                } else {
                    read.map(|read| doubt(dir.as_fd(), name, read))
                }
            }
            Err(fault) => Err(fault.clone()),
        };
        read.push((id, result));
    }
}

/// Where no event tells of a write, what was read is stable only if nothing at all has
/// happened to the file since the look before it.
fn doubt(dir: BorrowedFd<'_>, name: &[u8], read: Read1) -> Read1 {
    let after = file::with_c_str(name, |name| file::stat_name(dir, name));
    let is_same = after.is_ok_and(|after| {
        (after.ino, after.ctime, after.mtime)
            == (read.stat.inode.ino, read.stat.ctime, read.stat.mtime)
    });
    Read1 {
        stable: read.stable && is_same,
        ..read
    }
}

/// Opens the directory of an errand by its way from a PATH, which is kept open for the
/// next one; what is found must be the one meant.
fn open_directory<'e>(
    errand: &'e Errand,
    held: &mut Option<(&'e [u8], OwnedFd)>,
) -> Result<(OwnedFd, RawStat), Fault> {
    let mut open = || {
        let root = match held {
            Some((path, root)) if *path == errand.root => root,
            _ => {
                let opened = file::with_c_str(&errand.root, |path| {
                    file::open(file::here(), path, Open::Directory)
                })?;
                &held.insert((&errand.root, opened)).1
            }
        };
        let way: &[u8] = if errand.route.is_empty() {
            b"."
        } else {
            &errand.route
        };
        let dir = file::open_path(root.as_fd(), way, Open::Directory)?;
        let found = file::stat_fd(dir.as_fd())?;
        Ok((dir, found))
    };
    let (dir, found) = open().map_err(|error: io::Error| fault(&error))?;
    if (found.dev, found.ino) == (errand.inode.dev, errand.inode.ino) {
        Ok((dir, found))
    } else {
        Err(Fault::Absent)
    }
}

/// Whether no name in a directory has changed since before the watch began, nor for two
/// seconds, which is the coarsest clock of a file system.
fn is_settled(dir: &RawStat, began: i64) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    now.min(began) - dir.mtime.max(dir.ctime) > 2_000_000_000
}

/// One file of the baseline. `owner`: of its directory, where that is settled.
fn read_one(
    dir: BorrowedFd<'_>,
    name: &[u8],
    limit: u64,
    owner: Option<u32>,
    buffer: &mut Vec<u8>,
) -> Result<Read1, Fault> {
    if limit == 0 {
        let raw = file::with_c_str(name, |name| file::stat_name(dir, name))
            .map_err(|error| fault(&error))?;
        return Ok(Read1::unread(&raw));
    }
    let (raw, opened) = match owner {
        Some(owner) => open_settled(dir, name, owner)?,
        None => open_regular(dir, name)?,
    };
    if raw.size > limit {
        return Ok(Read1::unread(&raw));
    }
    if owner.is_some() {
        return digest_file(&File::from(opened), &raw, buffer).map_err(|error| fault(&error));
    }
    digest_place(&opened, &raw, buffer)
}
