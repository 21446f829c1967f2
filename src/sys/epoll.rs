//! Waits for several descriptors with epoll(7), and wakes the waiter with an eventfd(2).

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::{bits, check};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interest {
    Readable,
    /// There is room to write, or the reader is gone.
    Writable,
    /// Something exceptional: a change of `/proc/self/mountinfo`.
    Priority,
    /// Nothing but that the other end is gone.
    HangUp,
}

pub(crate) struct Epoll {
    fd: OwnedFd,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    /// The token that it was added with.
    pub(crate) token: u64,
    /// EPOLLERR or EPOLLHUP: the other end is gone.
    pub(crate) hung_up: bool,
}

impl Epoll {
    /// epoll_create1(2).
    ///
    /// # Errors
    /// EMFILE or ENFILE: no descriptor is free.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Adds a descriptor.
    ///
    /// # Errors
    /// EPERM: a file of this kind (a regular file) is always ready.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    /// Changes which readiness of a descriptor is waited for.
    ///
    /// # Errors
    /// ENOENT: it was not added.
    pub(crate) fn modify(
        &self,
        fd: BorrowedFd<'_>,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Removes a descriptor.
    ///
    /// # Errors
    /// ENOENT: it was not added.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, Interest::HangUp)
    }

    /// epoll_ctl(2).
    fn control(
        &self,
        how: i32,
        fd: BorrowedFd<'_>,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let events = match interest {
            Interest::Readable => bits(libc::EPOLLIN),
            Interest::Writable => bits(libc::EPOLLOUT),
            Interest::Priority => bits(libc::EPOLLPRI),
            Interest::HangUp => 0,
        };
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: `event` is a valid epoll_event for the length of the call.
        check(unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), how, fd.as_raw_fd(), &raw mut event)
        })?;
        Ok(())
    }

    /// epoll_wait(2): what is ready, after at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// Those of the call, but an interrupted one gives nothing.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        ready: &mut Vec<Readiness>,
    ) -> io::Result<()> {
        const MOST: usize = 8;
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST];
        let most = libc::c_int::try_from(MOST).expect("MOST is small");
        // Rounded up, so that a deadline has passed when we wake for it.
        let millis = timeout.map_or(-1, |t| {
            i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: `events` has room for MOST events, and no more are asked for.
        let count =
            unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr(), most, millis) };
        match check(count) {
            Ok(count) => {
                let count = usize::try_from(count).expect("a count that is not -1");
                let gone = bits(libc::EPOLLERR | libc::EPOLLHUP);
                ready.extend(events[..count].iter().map(|event| Readiness {
                    token: event.u64,
                    hung_up: event.events & gone != 0,
                }));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether something exceptional has happened to a descriptor (POLLPRI) since the last call, without
/// waiting: poll(2). /proc/self/mountinfo is ready once for each change.
pub(crate) fn take_exceptional(fd: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLPRI,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 }
}

/// An eventfd(2), with which other threads wake the loop.
pub(crate) struct EventFd {
    file: File,
}

impl EventFd {
    /// eventfd(2), non-blocking.
    ///
    /// # Errors
    /// EMFILE or ENFILE: no descriptor is free.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            file: File::from(fd),
        })
    }

    pub(crate) fn signal(&self) {
        // A full counter is readable already.
        let _rings = (&self.file).write(&1u64.to_ne_bytes());
    }

    pub(crate) fn clear(&self) {
        let _count = (&self.file).read(&mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
