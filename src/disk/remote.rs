//! Asks file systems that may not answer, each by a thread of its mount.
//!
//! The caller waits for some milliseconds at most. A late answer is kept until the same is
//! asked again; until it comes, the mount is stalled and the rest goes on.
//! Invariant: no lock is held while a file system is asked.

mod mailbox;
mod question;
mod threads;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::Wd;
use crate::file_status::FsError;
use crate::hash::Workers;
use crate::mounts::MountTable;
use crate::sys::inotify::Inotify;
use crate::tracker::disk::Ticket;
use mailbox::{Mailbox, Read, Shared};
pub(crate) use question::{Answer, Answered, Ask, NoAnswer, Question, RemoteTarget, Walked};
pub(super) use threads::list;
pub(crate) use threads::watch;
use threads::{Answerer, answer_all, read_all};

/// How long the loop waits for the answer of a mount whose last answer was not late: 10 ms.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long the start waits for an answer before it asks whether it is over: 50 ms.
const STRIDE: Duration = Duration::from_millis(50);

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Caller {
    /// It does not wait for a mount whose last answer was late, or that has a question already.
    Loop,
    /// It asks again and again.
    Start,
}

/// A mount that has not answered for this long is reported, and asked less often: 1 s.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Most questions that wait for one mount; more are to be asked again later.
const MOST_QUESTIONS: usize = 256;

/// Most files of one mount that wait to be read; more are to be tried again later.
const MOST_READS: usize = 4096;

/// Most mounts with threads of their own; more share these.
const MOST_THREADS: usize = 32;

/// The threads of one mount; beyond [`MOST_THREADS`] mounts, of several.
struct Server {
    mounts: Vec<u64>,
    shared: Arc<Shared>,
    /// Whether it is in `stalled`, or was, and has not answered since.
    is_reported: bool,
}

/// The mounts that may not answer.
pub(crate) struct Remotes {
    answerer: Answerer,
    workers: Workers,
    servers: Vec<Server>,
    /// Those of mounts that are gone. A thread that waits for an answer of one may never end.
    closed: Vec<Weak<Shared>>,
    /// Mounts that have stopped answering, to be reported.
    stalled: Vec<u64>,
    /// Whether a mount answers again; set by its thread.
    has_recovered: Arc<AtomicBool>,
}

impl Remotes {
    pub(crate) fn new(inotify: Arc<Inotify>, mounts: Arc<MountTable>, workers: Workers) -> Self {
        Self {
            answerer: Answerer::new(inotify, mounts),
            workers,
            servers: Vec::new(),
            closed: Vec::new(),
            stalled: Vec::new(),
            has_recovered: Arc::default(),
        }
    }

    /// The mounts that have stopped answering since the last call.
    pub(crate) fn take_stalled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.stalled)
    }

    /// Whether a mount answers again since the last call.
    pub(crate) fn take_recovered(&self) -> bool {
        self.has_recovered.swap(false, Ordering::Relaxed)
    }

    /// Removes and returns the watches that were set for answers which nobody has taken, once no
    /// thread may be setting one on the same inode.
    pub(crate) fn take_unclaimed_watches(&mut self) -> Vec<Wd> {
        let mailboxes = || self.servers.iter().map(|server| server.shared.lock());
        if !mailboxes().any(|mailbox| mailbox.has_unclaimed())
            || mailboxes().any(|mailbox| mailbox.may_watch())
        {
            return Vec::new();
        }
        // Without a question, nothing is added before the loop asks again.
        let kept: Vec<Wd> = mailboxes()
            .flat_map(|mailbox| mailbox.watches().collect::<Vec<_>>())
            .collect();
        let taken = mailboxes().flat_map(|mut mailbox| mailbox.take_unclaimed());
        taken.filter(|wd| !kept.contains(wd)).collect()
    }

    /// Asks, and waits for [`PATIENCE`] at most.
    pub(crate) fn ask(&mut self, question: Question) -> Answered {
        self.ask_until(question, Caller::Loop, || false)
    }

    /// Asks, and waits for `most` (`None`: without limit), and until `is_over`.
    pub(crate) fn ask_patiently(
        &mut self,
        question: Question,
        most: Option<Duration>,
        is_over: impl Fn() -> bool,
    ) -> Answered {
        let began = Instant::now();
        loop {
            let answer = self.ask_until(question.clone(), Caller::Start, &is_over);
            let is_late = answer.as_ref().is_err_and(NoAnswer::is_late);
            if !is_late || is_over() || most.is_some_and(|most| began.elapsed() > most) {
                return answer;
            }
            // A file system may answer EAGAIN at once.
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn ask_until(
        &mut self,
        question: Question,
        caller: Caller,
        is_over: impl Fn() -> bool,
    ) -> Answered {
        let index = self.server(question.mount());
        let shared = Arc::clone(&self.servers[index].shared);
        let mut mailbox = shared.lock();
        if let Some(answer) = mailbox.take(&question) {
            drop(mailbox);
            self.servers[index].is_reported = false;
            return answer;
        }
        let is_asked = mailbox.is_asked(&question);
        let is_idle = mailbox.current.is_none() && mailbox.questions.is_empty();
        if !is_asked && mailbox.questions.len() < MOST_QUESTIONS {
            mailbox.questions.push_back(question.clone());
            shared.changed.notify_all();
        }
        if !mailbox.has_thread && !self.start(&shared, &mut mailbox) {
            // The next question tries again to make a thread.
            mailbox.questions.clear();
            return Err(FsError::Stalled.into());
        }
        let patience = match caller {
            Caller::Loop if is_idle && !mailbox.is_slow => PATIENCE,
            Caller::Loop => Duration::ZERO,
            Caller::Start => STRIDE,
        };
        let until = Instant::now() + patience;
        loop {
            if let Some(answer) = mailbox.take(&question) {
                drop(mailbox);
                self.servers[index].is_reported = false;
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || is_over() {
                break;
            }
            mailbox = shared.wait(mailbox, left).0;
        }
        let since = mailbox.current.as_ref().map(|(_, since)| since.elapsed());
        drop(mailbox);
        if since.is_none_or(|since| since < STALLED_AFTER) {
            return Err(FsError::Unanswered.into());
        }
        let server = &mut self.servers[index];
        if !server.is_reported {
            server.is_reported = true;
            self.stalled.push(question.mount());
        }
        Err(FsError::Stalled.into())
    }

    /// Has a file read by the reading thread of its mount, whose answer is added to those of the
    /// workers.
    pub(crate) fn read(&mut self, target: RemoteTarget, limit: u64, ticket: Ticket) {
        let index = self.server(target.mount());
        let shared = Arc::clone(&self.servers[index].shared);
        let mut mailbox = shared.lock();
        if mailbox.reads.len() >= MOST_READS {
            return self.workers.deliver(ticket, Err(FsError::Unanswered));
        }
        mailbox.reads.push_back(Read {
            target,
            limit,
            ticket,
        });
        shared.changed.notify_all();
        if !mailbox.has_reader {
            let (shared, answerer) = (Arc::clone(&shared), self.answerer.for_another_thread());
            let workers = self.workers.clone();
            mailbox.has_reader =
                self.may_start() && spawn(move || read_all(&shared, answerer, &workers));
            if !mailbox.has_reader {
                for read in mailbox.reads.drain(..) {
                    self.workers.deliver(read.ticket, Err(FsError::Stalled));
                }
            }
        }
    }

    /// The index of the server for a mount, which is added if it is new.
    fn server(&mut self, mount: u64) -> usize {
        let found = self
            .servers
            .iter()
            .position(|server| server.mounts.contains(&mount));
        if let Some(index) = found {
            return index;
        }
        if self.servers.len() < MOST_THREADS {
            let shared = Shared {
                mailbox: Mutex::default(),
                changed: Condvar::new(),
            };
            self.servers.push(Server {
                mounts: vec![mount],
                shared: Arc::new(shared),
                is_reported: false,
            });
            return self.servers.len() - 1;
        }
        let index = usize::try_from(mount).unwrap_or(0) % MOST_THREADS;
        self.servers[index].mounts.push(mount);
        index
    }

    /// Ends the threads of mounts that are gone.
    pub(crate) fn retain(&mut self, is_mounted: impl Fn(u64) -> bool) {
        let closed = &mut self.closed;
        self.servers.retain_mut(|server| {
            server.mounts.retain(|mount| is_mounted(*mount));
            let is_needed = !server.mounts.is_empty();
            if !is_needed {
                server.shared.lock().is_closed = true;
                server.shared.changed.notify_all();
                closed.push(Arc::downgrade(&server.shared));
            }
            is_needed
        });
    }

    /// Whether threads may be made: others may mount file systems that never answer, and unmount
    /// them again, as often as they like.
    fn may_start(&mut self) -> bool {
        self.closed.retain(|shared| shared.strong_count() > 0);
        self.closed.len() + self.servers.len() <= MOST_THREADS
    }

    fn start(&mut self, shared: &Arc<Shared>, mailbox: &mut Mailbox) -> bool {
        if !self.may_start() {
            return false;
        }
        let (shared, answerer) = (Arc::clone(shared), self.answerer.for_another_thread());
        let (workers, has_recovered) = (self.workers.clone(), Arc::clone(&self.has_recovered));
        let recovered = move || {
            has_recovered.store(true, Ordering::Relaxed);
            workers.wake();
        };
        mailbox.has_thread = spawn(move || answer_all(&shared, answerer, &recovered));
        mailbox.has_thread
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> bool {
    let builder = thread::Builder::new().name("remote".into());
    builder.stack_size(256 << 10).spawn(work).is_ok()
}

#[cfg(test)]
mod tests;
