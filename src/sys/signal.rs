//! Reads signals from a signalfd(2), when the loop has time for them.
//!
//! Installs no handler. Invariant: a signal that was ignored when the program began is never
//! blocked, so that it stays ignored.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// A signal that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    HangUp,
    /// SIGUSR1.
    User1,
    /// Any other that ends a process, by its number.
    Other(i32),
}

/// Which signals are read from the descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// SIGINT, SIGTERM, SIGHUP and SIGUSR1.
    Usual,
    /// Every signal whose default action ends the process, but for SIGKILL, SIGSEGV, SIGBUS, SIGFPE
    /// and SIGILL: something has to be removed first. (SIGPIPE is ignored, SIGXFSZ blocked.)
    AllThatEnd,
}

impl Signal {
    fn of(number: i32) -> Self {
        match number {
            libc::SIGINT => Self::Interrupt,
            libc::SIGTERM => Self::Terminate,
            libc::SIGHUP => Self::HangUp,
            libc::SIGUSR1 => Self::User1,
            other => Self::Other(other),
        }
    }

    /// Its number, as signal(7) lists it.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Terminate => libc::SIGTERM,
            Self::HangUp => libc::SIGHUP,
            Self::User1 => libc::SIGUSR1,
            Self::Other(number) => number,
        }
    }

    /// Ends the process by the signal's default action. Returns where that has no
    /// effect: the first process of a container is not ended by its own signals.
    pub(crate) fn end_process(self) {
        let mut set = Set::empty();
        set.add(self.number());
        // SAFETY: SIG_DFL installs no handler.
        unsafe { libc::signal(self.number(), libc::SIG_DFL) };
        // SAFETY: takes no pointers. The signal waits until it is unblocked.
        unsafe { libc::raise(self.number()) };
        // SAFETY: the set is initialised; the old one is not asked for.
        unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set.0, std::ptr::null_mut()) };
    }
}

/// Sends SIGTERM to this process, not to this thread alone: kill(2).
pub(crate) fn ask_for_end() {
    // SAFETY: takes no pointers and cannot fail.
    let process = unsafe { libc::getpid() };
    // SAFETY: takes no pointers.
    unsafe { libc::kill(process, libc::SIGTERM) };
}

/// A set of signals.
#[derive(Clone, Copy)]
pub(crate) struct Set(libc::sigset_t);

impl Set {
    fn empty() -> Self {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `set` is memory for one sigset_t, which the call fills.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: sigemptyset(3) has initialised it; it cannot fail on a valid pointer.
        Self(unsafe { set.assume_init() })
    }

    fn add(&mut self, signal: i32) {
        // SAFETY: the set is initialised. A number that is no signal is refused.
        unsafe { libc::sigaddset(&raw mut self.0, signal) };
    }

    fn remove(&mut self, signal: i32) {
        // SAFETY: the set is initialised. A number that is no signal is refused.
        unsafe { libc::sigdelset(&raw mut self.0, signal) };
    }

    /// The signals to block: those of `held` that were not ignored when the process began.
    fn of(held: Held) -> Self {
        let mut set = Self::empty();
        let usual = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1];
        usual
            .into_iter()
            .for_each(|signal| set.add_unless_ignored(signal));
        if held == Held::AllThatEnd {
            let others = [
                libc::SIGQUIT,
                libc::SIGTRAP,
                libc::SIGABRT,
                libc::SIGUSR2,
                libc::SIGALRM,
                libc::SIGSTKFLT,
                libc::SIGXCPU,
                libc::SIGVTALRM,
                libc::SIGPROF,
                libc::SIGIO,
                libc::SIGPWR,
                libc::SIGSYS,
            ];
            let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
            others
                .into_iter()
                .chain(real_time)
                .for_each(|signal| set.add_unless_ignored(signal));
        }
        set
    }

    fn add_unless_ignored(&mut self, signal: i32) {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: nothing is set, and `action` is memory for one sigaction.
        if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
            return;
        }
        // SAFETY: sigaction(2) succeeded, so it filled the buffer.
        let action = unsafe { action.assume_init() };
        if action.sa_sigaction != libc::SIG_IGN {
            self.add(signal);
        }
    }

    /// Whether a signal of the set is pending for this process.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending().is_some()
    }

    /// A signal of the set that is pending for this process: sigpending(2).
    pub(crate) fn pending(&self) -> Option<Signal> {
        let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `pending` is memory for one sigset_t.
        if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: sigpending(2) succeeded, so it filled the set.
        let pending = unsafe { pending.assume_init() };
        let mut all = 1..=libc::SIGRTMAX();
        all.find(|&signal| has(&self.0, signal) && has(&pending, signal))
            .map(Signal::of)
    }
}

fn has(set: &libc::sigset_t, signal: i32) -> bool {
    // SAFETY: the set is initialised. A number that is no signal is in none.
    unsafe { libc::sigismember(&raw const *set, signal) == 1 }
}

/// Blocks SIGXFSZ for good, so that a write beyond RLIMIT_FSIZE fails with EFBIG and does not
/// end the process. Blocked rather than ignored, since exec(2) would hand that on.
pub(crate) fn block_file_size_signal() {
    let mut set = Set::empty();
    set.add(libc::SIGXFSZ);
    // SAFETY: the set is initialised; the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set.0, std::ptr::null_mut()) };
}

/// A descriptor from which signals are read.
pub(crate) struct Signals {
    file: File,
    set: Set,
}

impl Signals {
    /// Blocks the signals, in this thread and those it will start, so that they can be read. To
    /// be called before any thread is started, and before anybody can know our process id.
    ///
    /// # Errors
    /// EMFILE or ENFILE: no descriptor is free.
    pub(crate) fn hold(held: Held) -> io::Result<Self> {
        let set = Set::of(held);
        // SAFETY: the set is initialised; the old one is not asked for. SIGPIPE needs no
        // care: it is ignored from the start, and a write gives EPIPE.
        check(unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set.0, std::ptr::null_mut())
        })?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set is initialised.
        let fd = check(unsafe { libc::signalfd(-1, &raw const set.0, flags) })?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            file: File::from(fd),
            set,
        })
    }

    /// The next signal that came, if one did.
    pub(crate) fn next(&self) -> Option<Signal> {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        let read = (&self.file).read(&mut info).ok()?;
        // `ssi_signo`, a u32, is the record's first field.
        let (number, _) = info[..read].split_first_chunk()?;
        let number = i32::try_from(u32::from_ne_bytes(*number));
        number.ok().map(Signal::of)
    }

    /// The signals that end the watcher: among them SIGHUP, if `hang_up` (it reopens no log).
    pub(crate) fn that_end(&self, hang_up: bool) -> Set {
        let mut set = self.set;
        set.remove(libc::SIGUSR1);
        if !hang_up {
            set.remove(libc::SIGHUP);
        }
        set
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
