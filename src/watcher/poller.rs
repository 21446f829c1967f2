//! Waits for the descriptors of the loop, and turns their readiness into [`Wake`]s.
//!
//! Reads nothing from any of them but the workers' eventfd. Invariant: a descriptor is waited for
//! only while it will be served, so that the loop never wakes without work.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::stderr;
use crate::sys::epoll::{Epoll, EventFd, Interest, Readiness};

/// What wakes the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wake {
    Events,
    Signal,
    /// A worker has an answer.
    Workers,
    /// Something was mounted or unmounted.
    Mounts,
    /// There are events about directories above the PATHs.
    Ancestors,
    /// There is room in the output.
    Output,
    /// The reader of the output is gone.
    ReaderGone,
    /// There is room in stderr, or its reader is gone.
    Stderr,
}

impl Wake {
    /// The bit in [`Wakes`], and the token by which epoll(7) knows the descriptor.
    fn token(self) -> u64 {
        1 << self as u8
    }
}

/// A set of [`Wake`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Wakes(u64);

impl Wakes {
    fn of(ready: &[Readiness]) -> Self {
        let output = Wake::Output.token();
        let tokens = ready.iter().map(|ready| match ready.token {
            token if token == output && ready.hung_up => Wake::ReaderGone.token(),
            token => token,
        });
        Self(tokens.fold(0, |all, token| all | token))
    }

    pub(super) fn has(self, wake: Wake) -> bool {
        self.0 & wake.token() != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Whether what is in the kernel queue wakes the loop, or is left there until there is room for its
/// records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EventReading {
    On,
    Paused,
}

impl EventReading {
    pub(super) fn paused_if(is_full: bool) -> Self {
        if is_full { Self::Paused } else { Self::On }
    }
}

pub(super) struct Poller {
    epoll: Epoll,
    /// Signalled by the workers.
    worker_event: Arc<EventFd>,
    /// Whether it was signalled since [`Poller::take_worker_event`].
    has_worker_event: bool,
    ready: Vec<Readiness>,
    event_reading: EventReading,
    /// A duplicate of stderr, while room in it is waited for. epoll(7) keeps an entry until every
    /// descriptor of its file is closed, and stderr may close its own meanwhile: with none left, the
    /// entry could not be removed.
    awaited_stderr: Option<OwnedFd>,
}

impl Poller {
    /// # Errors
    /// EMFILE or ENFILE: no descriptor is free.
    pub(super) fn new() -> Result<Self, Error> {
        let epoll = Epoll::new().map_err(cannot_wait())?;
        let worker_event = Arc::new(EventFd::new().map_err(cannot_wait())?);
        let poller = Self {
            epoll,
            worker_event,
            has_worker_event: false,
            ready: Vec::new(),
            event_reading: EventReading::On,
            awaited_stderr: None,
        };
        poller.listen(
            poller.worker_event.as_fd(),
            Wake::Workers,
            Interest::Readable,
        )?;
        Ok(poller)
    }

    /// The eventfd that a worker signals when it has an answer.
    pub(super) fn worker_event(&self) -> Arc<EventFd> {
        Arc::clone(&self.worker_event)
    }

    /// Whether a worker has signalled since the last call.
    pub(super) fn take_worker_event(&mut self) -> bool {
        std::mem::take(&mut self.has_worker_event)
    }

    /// Whether a worker has answered since [`Poller::take_worker_event`]; it does not wake the loop
    /// again.
    pub(super) fn has_worker_event(&self) -> bool {
        self.has_worker_event
    }

    /// Waits for a descriptor from now on.
    ///
    /// # Errors
    /// ENOSPC: the limit of `/proc/sys/fs/epoll/max_user_watches` is reached.
    pub(super) fn listen(
        &self,
        fd: BorrowedFd<'_>,
        wake: Wake,
        interest: Interest,
    ) -> Result<(), Error> {
        let added = self.epoll.add(fd, wake.token(), interest);
        added.map_err(cannot_wait())
    }

    /// Waits until the reader of the output goes away. `false`: that is never known, as for a
    /// regular file.
    pub(super) fn listen_to_output(&self, fd: BorrowedFd<'_>) -> bool {
        let token = Wake::Output.token();
        self.epoll.add(fd, token, Interest::HangUp).is_ok()
    }

    /// Pauses the reading of events, or goes on with it. If the kernel queue overflows meanwhile, the
    /// rescan makes up for it.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(super) fn set_event_reading(
        &mut self,
        queue: BorrowedFd<'_>,
        new: EventReading,
    ) -> Result<(), Error> {
        if self.event_reading == new {
            return Ok(());
        }
        self.event_reading = new;
        let interest = match new {
            EventReading::On => Interest::Readable,
            EventReading::Paused => Interest::HangUp,
        };
        self.set_interest(queue, Wake::Events, interest)
    }

    /// Waits for something else of a descriptor that is listened to.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(super) fn set_interest(
        &self,
        fd: BorrowedFd<'_>,
        wake: Wake,
        interest: Interest,
    ) -> Result<(), Error> {
        let modified = self.epoll.modify(fd, wake.token(), interest);
        modified.map_err(cannot_wait())
    }

    /// Waits for room in stderr as long as there are lines to be written.
    fn follow_stderr(&mut self) {
        if stderr::is_waiting() == self.awaited_stderr.is_some() {
            return;
        }
        if let Some(awaited) = self.awaited_stderr.take() {
            // It was added, and is open.
            let _removed = self.epoll.remove(awaited.as_fd());
            return;
        }
        let awaited = stderr::with_stream(|fd| {
            let fd = fd.try_clone_to_owned()?;
            self.epoll
                .add(fd.as_fd(), Wake::Stderr.token(), Interest::Writable)?;
            Ok(fd)
        });
        // A regular file cannot be added: it is always ready, and has taken everything.
        self.awaited_stderr = awaited.ok();
    }

    /// Waits for at most `timeout` (`None`: for ever), and returns what came.
    ///
    /// # Errors
    /// Those of epoll_wait(2).
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakes, Error> {
        self.follow_stderr();
        let waited = self.epoll.wait(timeout, &mut self.ready);
        waited.map_err(cannot_wait())?;
        let wakes = Wakes::of(&self.ready);
        if wakes.has(Wake::Workers) {
            self.worker_event.clear();
            self.has_worker_event = true;
        }
        if wakes.has(Wake::Stderr) {
            stderr::flush();
        }
        Ok(wakes)
    }
}

fn cannot_wait() -> impl FnOnce(std::io::Error) -> Error {
    Error::system("wait for events")
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::{EventReading, Poller, Wake};
    use crate::sys::epoll::Interest;

    /// EPOLLERR is reported at once by each wait, whether it is asked for or not: if the loop did
    /// not take it for the end, it would never wait again.
    #[test]
    fn a_reader_that_is_gone_is_no_room_in_the_output() {
        for interest in [Interest::HangUp, Interest::Writable] {
            let (reader, mut writer) = pipe().expect("a pipe");
            let mut poller = Poller::new().expect("a poller");
            assert!(poller.listen_to_output(writer.as_fd()));
            poller
                .set_interest(writer.as_fd(), Wake::Output, interest)
                .expect("the output is listened to");
            let wakes = poller.wait(Some(Duration::ZERO)).expect("a wait");
            assert_eq!(wakes.has(Wake::Output), interest == Interest::Writable);
            assert!(!wakes.has(Wake::ReaderGone));
            writer.write_all(b"left").expect("there is room");
            drop(reader);
            let wakes = poller.wait(Some(Duration::ZERO)).expect("a wait");
            assert!(wakes.has(Wake::ReaderGone) && !wakes.has(Wake::Output));
        }
    }

    #[test]
    fn what_is_paused_wakes_nobody() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let mut poller = Poller::new().expect("a poller");
        poller
            .listen(reader.as_fd(), Wake::Events, Interest::Readable)
            .expect("room for it");
        writer.write_all(b"events").expect("there is room");
        for reading in [EventReading::On, EventReading::Paused, EventReading::On] {
            poller
                .set_event_reading(reader.as_fd(), reading)
                .expect("it is listened to");
            let wakes = poller.wait(Some(Duration::ZERO)).expect("a wait");
            assert_eq!(wakes.has(Wake::Events), reading == EventReading::On);
        }
    }
}
