//! signalfd(2): signals as bytes to read, in the loop's own time.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// SIGINT, SIGTERM or SIGQUIT-like requests to end.
    Stop,
    HangUp,
    /// SIGUSR1.
    User1,
}

/// A descriptor from which signals are read.
pub(crate) struct Signals {
    file: File,
}

/// The set of signals that are read and no longer delivered.
fn set() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is memory for one sigset_t, which the call fills.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: sigemptyset(3) has initialised it, and it cannot fail on a valid pointer.
    let mut set = unsafe { set.assume_init() };
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1] {
        // SAFETY: `set` is an initialised sigset_t, and the signal a valid one.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

/// Lets the signals wait, in this thread and those it will start, until they are read.
/// To be called before any thread is, and before anybody can know our number.
///
/// # Errors
/// None that is known.
pub(crate) fn hold() -> io::Result<()> {
    let set = set();
    // SAFETY: `set` is initialised; the old set is not asked for. SIGPIPE needs
    // no care: Rust ignores it, and a write gives EPIPE.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
    Ok(())
}

/// Whether a signal that asks to end waits to be read; `hang_up`: whether SIGHUP is one.
pub(crate) fn end_is_waiting(hang_up: bool) -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is memory for one sigset_t.
    if unsafe { libc::sigpending(set.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: sigpending(2) succeeded, so it filled the set.
    let set = unsafe { set.assume_init() };
    let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    let ends = &signals[..if hang_up { 3 } else { 2 }];
    // SAFETY: `set` is an initialised sigset_t, and the signals are valid ones.
    let waits = |&signal: &i32| unsafe { libc::sigismember(&raw const set, signal) } == 1;
    ends.iter().any(waits)
}

impl Signals {
    /// Opens the descriptor, from which the signals that are held are read.
    ///
    /// # Errors
    /// EMFILE or ENFILE: no descriptor is free.
    pub(crate) fn new() -> io::Result<Self> {
        hold()?;
        let set = set();
        // SAFETY: `set` is initialised.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        let fd = check(fd)?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            file: File::from(fd),
        })
    }

    /// The next signal that came, if one did.
    pub(crate) fn next(&self) -> Option<Signal> {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        let read = (&self.file).read(&mut info).ok()?;
        // `ssi_signo`, a u32, is the record's first field.
        let (number, _) = info[..read].split_first_chunk()?;
        match i32::try_from(u32::from_ne_bytes(*number)).ok()? {
            libc::SIGHUP => Some(Signal::HangUp),
            libc::SIGUSR1 => Some(Signal::User1),
            _ => Some(Signal::Stop),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
