//! Questions to file systems that may not answer, each put by a thread of its mount.
//!
//! Whoever asks waits for some milliseconds at most. A late answer is kept for the one who
//! asks the same again; until it comes, the mount is stalled and the rest goes on.
//! Invariant: no lock is held while a file system is asked.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::path::RemotePath;
use crate::change::Kind;
use crate::event::Wd;
use crate::file_status::{FsClass, FsError, Inode, Stat};
use crate::hash::{RegularFile, Workers};
use crate::mounts::MountTable;
use crate::sys::file::{self, FdPath, Open};
use crate::sys::inotify::Inotify;
use crate::sys::stat::{stat_fd, stat_name};
use crate::sys::{fs_error, listing};
use crate::tracker::disk::{FileDigest, Ticket, Watched, append_name};

/// How long the loop waits for the answer of a mount that has been prompt: 10 ms.
const PATIENCE: Duration = Duration::from_millis(10);

/// A mount that has not answered for this long is reported, and asked less often: 1 s.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Questions that wait for one mount. With more, the next ones are asked again later.
const MOST_QUESTIONS: usize = 256;

/// Late answers that nobody has asked for again are kept for 60 s.
const KEEP: Duration = Duration::from_secs(60);

/// Mounts that have threads of their own; more share them.
const MOST_THREADS: usize = 32;

/// A directory is held open by its thread for this long after the last question.
const HOLD: Duration = Duration::from_millis(200);

/// Directories that one thread holds open.
const MOST_HELD: usize = 16;

/// What is asked about.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Place {
    Path(RemotePath),
    /// A name in a directory, which must be that inode.
    In(RemotePath, Inode, Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    Stat,
    /// Watch it, a directory.
    Watch,
    /// Watch it, a regular file.
    WatchFile,
    /// The names in it.
    List,
    /// Watch it, and tell all that is in it.
    Walk,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Question {
    pub(crate) ask: Ask,
    pub(crate) place: Place,
}

/// A directory that was watched and then listed.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) watched: Watched,
    pub(crate) entries: Vec<(Kind, u64, Vec<u8>)>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Stat(Stat),
    Watched(Watched),
    Wd(Wd),
    Names(Vec<u8>),
    Walked(Walked),
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoAnswer {
    Failed(FsError),
    /// The directory that was to be looked in is not where it was.
    DirectoryMoved,
}

impl From<FsError> for NoAnswer {
    fn from(error: FsError) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for NoAnswer {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(fs_error(&error))
    }
}

pub(crate) type Answered = Result<Answer, NoAnswer>;

/// A file to be read.
struct Read {
    place: Place,
    limit: u64,
    ticket: Ticket,
}

/// What the loop and the threads of a mount share.
#[derive(Default)]
struct Desk {
    questions: VecDeque<Question>,
    /// The question that is being put, and since when.
    current: Option<(Question, Instant)>,
    answers: Vec<(Question, Answered, Instant)>,
    reads: VecDeque<Read>,
    /// Whether the last answer came late.
    is_slow: bool,
    is_closed: bool,
    /// Whether threads were started: one for questions, one that reads.
    has_threads: bool,
    has_reader: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    /// Rung at each question and each answer.
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, desk: MutexGuard<'a, Desk>, time: Duration) -> (MutexGuard<'a, Desk>, bool) {
        let waited = self.changed.wait_timeout(desk, time);
        let (desk, result) = waited.unwrap_or_else(PoisonError::into_inner);
        (desk, result.timed_out())
    }
}

struct Proxy {
    mounts: Vec<u64>,
    shared: Arc<Shared>,
    /// Whether it was reported that it does not answer.
    is_reported: bool,
}

/// The mounts that may not answer.
pub(crate) struct Remotes {
    answerer: Answerer,
    workers: Workers,
    proxies: Vec<Proxy>,
    /// Mounts that do not answer, to be reported: each once.
    stalled: Vec<u64>,
    /// Whether one that did not answer has, set by its thread.
    has_recovered: Arc<AtomicBool>,
}

impl Remotes {
    pub(crate) fn new(inotify: Arc<Inotify>, mounts: Arc<MountTable>, workers: Workers) -> Self {
        Self {
            answerer: Answerer::new(inotify, mounts),
            workers,
            proxies: Vec::new(),
            stalled: Vec::new(),
            has_recovered: Arc::default(),
        }
    }

    /// Mounts that have stopped answering since this was last asked.
    pub(crate) fn take_stalled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.stalled)
    }

    /// Whether one of them has begun to answer again since this was last asked.
    pub(crate) fn take_recovered(&self) -> bool {
        self.has_recovered.swap(false, Ordering::Relaxed)
    }

    /// Asks, and waits for as long as the loop may.
    pub(crate) fn ask(&mut self, question: Question) -> Answered {
        self.ask_until(question, Some(PATIENCE), || false)
    }

    /// Asks, and waits for as long as it takes, or for `most`; `is_over` is asked now and
    /// then.
    pub(crate) fn ask_patiently(
        &mut self,
        question: Question,
        most: Option<Duration>,
        is_over: impl Fn() -> bool,
    ) -> Answered {
        const STRIDE: Duration = Duration::from_millis(50);
        let began = Instant::now();
        loop {
            let answer = self.ask_until(question.clone(), Some(STRIDE), &is_over);
            let is_late = matches!(
                answer,
                Err(NoAnswer::Failed(FsError::Stalled | FsError::Busy))
            );
            if !is_late || is_over() || most.is_some_and(|most| began.elapsed() > most) {
                return answer;
            }
            // A file system that answers EAGAIN, say, is not asked in a circle.
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn ask_until(
        &mut self,
        question: Question,
        patience: Option<Duration>,
        is_over: impl Fn() -> bool,
    ) -> Answered {
        let index = self.proxy(question.mount());
        let shared = Arc::clone(&self.proxies[index].shared);
        let mut desk = shared.lock();
        if let Some(answer) = desk.take(&question) {
            drop(desk);
            self.proxies[index].is_reported = false;
            return answer;
        }
        let is_asked = desk.is_asked(&question);
        let is_idle = desk.current.is_none() && desk.questions.is_empty();
        if !is_asked && desk.questions.len() < MOST_QUESTIONS {
            desk.questions.push_back(question.clone());
            shared.changed.notify_all();
        }
        if !desk.has_threads && !self.start(&shared, &mut desk) {
            // Without a thread it cannot be asked; the next one who asks tries again.
            desk.questions.clear();
            return Err(FsError::Stalled.into());
        }
        let is_loop = patience == Some(PATIENCE);
        let waits = !is_loop || is_idle && !desk.is_slow;
        let until = Instant::now() + patience.filter(|_| waits).unwrap_or_default();
        loop {
            if let Some(answer) = desk.take(&question) {
                drop(desk);
                self.proxies[index].is_reported = false;
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || is_over() {
                break;
            }
            desk = shared.wait(desk, left).0;
        }
        let since = desk.current.as_ref().map(|(_, since)| since.elapsed());
        drop(desk);
        if since.is_none_or(|since| since < STALLED_AFTER) {
            return Err(FsError::Busy.into());
        }
        let proxy = &mut self.proxies[index];
        if !proxy.is_reported {
            proxy.is_reported = true;
            self.stalled.push(question.mount());
        }
        Err(FsError::Stalled.into())
    }

    /// Has a file read by the second thread of its mount; the answer goes where those of
    /// the workers go.
    pub(crate) fn read(&mut self, place: Place, limit: u64, ticket: Ticket) {
        let index = self.proxy(place.mount());
        let shared = Arc::clone(&self.proxies[index].shared);
        let mut desk = shared.lock();
        desk.reads.push_back(Read {
            place,
            limit,
            ticket,
        });
        shared.changed.notify_all();
        if !desk.has_reader {
            let (shared, answerer) = (Arc::clone(&shared), self.answerer.fresh());
            let workers = self.workers.clone();
            desk.has_reader = spawn(move || read_all(&shared, answerer, &workers));
            if !desk.has_reader {
                for read in desk.reads.drain(..) {
                    self.workers.deliver(read.ticket, Err(FsError::Stalled));
                }
            }
        }
    }

    /// The one that asks that mount.
    fn proxy(&mut self, mount: u64) -> usize {
        let found = self
            .proxies
            .iter()
            .position(|proxy| proxy.mounts.contains(&mount));
        if let Some(index) = found {
            return index;
        }
        if self.proxies.len() < MOST_THREADS {
            let shared = Shared {
                desk: Mutex::default(),
                changed: Condvar::new(),
            };
            self.proxies.push(Proxy {
                mounts: vec![mount],
                shared: Arc::new(shared),
                is_reported: false,
            });
            return self.proxies.len() - 1;
        }
        let index = usize::try_from(mount).unwrap_or(0) % MOST_THREADS;
        self.proxies[index].mounts.push(mount);
        index
    }

    /// Mounts that are gone need no thread.
    pub(crate) fn retain(&mut self, is_mounted: impl Fn(u64) -> bool) {
        self.proxies.retain_mut(|proxy| {
            proxy.mounts.retain(|mount| is_mounted(*mount));
            let is_needed = !proxy.mounts.is_empty();
            if !is_needed {
                proxy.shared.lock().is_closed = true;
                proxy.shared.changed.notify_all();
            }
            is_needed
        });
    }

    fn start(&self, shared: &Arc<Shared>, desk: &mut Desk) -> bool {
        let (shared, answerer) = (Arc::clone(shared), self.answerer.fresh());
        let (workers, has_recovered) = (self.workers.clone(), Arc::clone(&self.has_recovered));
        let recovered = move || {
            has_recovered.store(true, Ordering::Relaxed);
            workers.wake();
        };
        desk.has_threads = spawn(move || answer_all(&shared, answerer, &recovered));
        desk.has_threads
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> bool {
    let builder = thread::Builder::new().name("remote".into());
    builder.stack_size(256 << 10).spawn(work).is_ok()
}

impl Question {
    fn mount(&self) -> u64 {
        self.place.mount()
    }
}

impl Place {
    fn mount(&self) -> u64 {
        match self {
            Self::Path(path) | Self::In(path, ..) => path.mount,
        }
    }
}

impl Desk {
    fn take(&mut self, question: &Question) -> Option<Answered> {
        let index = self
            .answers
            .iter()
            .position(|(asked, ..)| asked == question)?;
        Some(self.answers.swap_remove(index).1)
    }

    fn is_asked(&self, question: &Question) -> bool {
        let is_current = self
            .current
            .as_ref()
            .is_some_and(|(asked, _)| asked == question);
        is_current || self.questions.contains(question)
    }
}

/// A thread's life: it puts questions, one after the other, until its mount is gone.
fn answer_all(shared: &Shared, mut answerer: Answerer, recovered: &dyn Fn()) {
    let mut desk = shared.lock();
    loop {
        let Some(question) = desk.questions.pop_front() else {
            if desk.is_closed {
                return;
            }
            let (next, is_over) = if answerer.held.is_empty() {
                let next = shared.changed.wait(desk);
                (next.unwrap_or_else(PoisonError::into_inner), false)
            } else {
                shared.wait(desk, HOLD)
            };
            desk = next;
            if is_over {
                drop(desk);
                answerer.held.clear();
                desk = shared.lock();
            }
            continue;
        };
        let began = Instant::now();
        desk.current = Some((question.clone(), began));
        drop(desk);
        let answer = answerer.answer(&question);
        let now = Instant::now();
        let mut question = question;
        match &mut question.place {
            Place::Path(path) | Place::In(path, ..) => path.release(),
        }
        desk = shared.lock();
        desk.current = None;
        desk.is_slow = now - began > PATIENCE;
        desk.answers.retain(|(_, _, when)| now - *when < KEEP);
        desk.answers.push((question, answer, now));
        shared.changed.notify_all();
        if now - began > STALLED_AFTER {
            recovered();
        }
    }
}

/// The other thread's life: it reads files.
fn read_all(shared: &Shared, mut answerer: Answerer, workers: &Workers) {
    let mut buffer = Vec::new();
    let mut desk = shared.lock();
    loop {
        let Some(read) = desk.reads.pop_front() else {
            if desk.is_closed {
                return;
            }
            drop(desk);
            answerer.held.clear();
            buffer = Vec::new();
            desk = shared.lock();
            if desk.reads.is_empty() && !desk.is_closed {
                let next = shared.changed.wait(desk);
                desk = next.unwrap_or_else(PoisonError::into_inner);
            }
            continue;
        };
        drop(desk);
        let digest = answerer.read(&read.place, read.limit, &mut buffer);
        let digest = digest.map_err(|why| match why {
            NoAnswer::Failed(error) => error,
            NoAnswer::DirectoryMoved => FsError::NotFound,
        });
        workers.deliver(read.ticket, digest);
        desk = shared.lock();
    }
}

/// Answers by asking the file system, however long that takes.
struct Answerer {
    inotify: Arc<Inotify>,
    mounts: Arc<MountTable>,
    /// Directories that were looked in just now.
    held: Vec<(RemotePath, Inode, OwnedFd)>,
}

impl Answerer {
    fn new(inotify: Arc<Inotify>, mounts: Arc<MountTable>) -> Self {
        Self {
            inotify,
            mounts,
            held: Vec::new(),
        }
    }

    /// For another thread.
    fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.inotify), Arc::clone(&self.mounts))
    }

    fn answer(&mut self, question: &Question) -> Answered {
        let place = &question.place;
        Ok(match question.ask {
            Ask::Stat => Answer::Stat(self.stat(place)?),
            Ask::Watch => {
                let opened = self.open(place)?;
                Answer::Watched(self.watch(&opened)?)
            }
            Ask::WatchFile => {
                let opened = self.open(place)?;
                let path = FdPath::new(opened.as_fd());
                Answer::Wd(self.inotify.watch_file(path.as_c_str())?)
            }
            Ask::List => {
                let mut names = Vec::new();
                let opened = self.open(place)?;
                list(opened.as_fd(), |entry| {
                    append_name(&mut names, entry.name.to_bytes())
                })?;
                Answer::Names(names)
            }
            Ask::Walk => {
                let opened = self.open(place)?;
                // Watched before it is listed: what changes in between has an event.
                let watched = self.watch(&opened)?;
                let mut entries = Vec::new();
                list(opened.as_fd(), |entry| {
                    let stat = || stat_name(opened.as_fd(), entry.name).ok();
                    let kind = entry.kind.or_else(|| stat().map(|stat| stat.kind));
                    if let Some(kind) = kind {
                        entries.push((kind, entry.ino, entry.name.to_bytes().to_vec()));
                    }
                })?;
                Answer::Walked(Walked { watched, entries })
            }
        })
    }

    fn stat(&mut self, place: &Place) -> Result<Stat, NoAnswer> {
        match place {
            Place::Path(path) => Ok(stat_fd(path.open()?.as_fd())?),
            Place::In(path, inode, name) => {
                let dir = self.enter(path, *inode)?;
                let stat = file::with_c_str(name, |name| stat_name(dir.as_fd(), name));
                Ok(stat?)
            }
        }
    }

    /// Opens with O_PATH; a symbolic link is not followed in a directory of the tree.
    fn open(&mut self, place: &Place) -> Result<OwnedFd, NoAnswer> {
        match place {
            Place::Path(path) => Ok(path.open()?),
            Place::In(path, inode, name) => {
                let dir = self.enter(path, *inode)?;
                let opened =
                    file::with_c_str(name, |name| file::open_name(dir.as_fd(), name, Open::Path));
                Ok(opened?)
            }
        }
    }

    /// Sets a watch on an open directory.
    fn watch(&self, dir: &OwnedFd) -> Result<Watched, NoAnswer> {
        let stat = stat_fd(dir.as_fd())?;
        if stat.kind != Kind::Directory {
            return Err(FsError::NotFound.into());
        }
        let path = FdPath::new(dir.as_fd());
        let wd = self.inotify.watch_directory(path.as_c_str());
        Ok(Watched {
            wd: wd.map_err(|error| fs_error(&error)),
            inode: stat.inode,
            class: self.mounts.class(&stat),
        })
    }

    /// Opens a directory, which must be that inode, or takes it from those that are held.
    fn enter(&mut self, path: &RemotePath, inode: Inode) -> Result<&OwnedFd, NoAnswer> {
        let is_it = |held: &(RemotePath, Inode, OwnedFd)| held.0 == *path && held.1 == inode;
        let index = match self.held.iter().position(is_it) {
            Some(index) => index,
            None => {
                let moved = |error: std::io::Error| match fs_error(&error) {
                    FsError::NotFound => NoAnswer::DirectoryMoved,
                    other => NoAnswer::Failed(other),
                };
                let opened = path.open().map_err(moved)?;
                if stat_fd(opened.as_fd()).map_err(moved)?.inode != inode {
                    return Err(NoAnswer::DirectoryMoved);
                }
                if self.held.len() == MOST_HELD {
                    self.held.remove(0);
                }
                self.held.push((path.clone(), inode, opened));
                self.held.len() - 1
            }
        };
        Ok(&self.held[index].2)
    }

    fn read(
        &mut self,
        place: &Place,
        limit: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<FileDigest, NoAnswer> {
        let opened = self.open(place)?;
        let stat = stat_fd(opened.as_fd())?;
        let is_pseudo =
            stat.is_mount_root && matches!(self.mounts.class(&stat), FsClass::Pseudo(_));
        if stat.size > limit || is_pseudo {
            return Ok(FileDigest::unread(stat));
        }
        Ok(RegularFile::new(opened, stat)?.digest(limit, buffer)?)
    }
}

/// All that is in a directory that is open with O_PATH.
pub(super) fn list(
    dir: BorrowedFd<'_>,
    mut each: impl FnMut(listing::Dirent<'_>),
) -> std::io::Result<()> {
    let opened = file::open_name(dir, c".", Open::Listing)?;
    let mut buffer = vec![0; listing::AT_ONCE];
    loop {
        let count = listing::read(opened.as_fd(), &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        listing::entries(&buffer[..count]).for_each(&mut each);
    }
}
