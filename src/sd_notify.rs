//! Messages to a service manager: sd_notify(3), without its library.
//!
//! Nothing here fails or waits: that there is no manager is the usual case. A message that it
//! must not miss and does not take is kept, the latest of its kind, and tried again.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys::process;

/// Between two attempts to give a manager what it did not take, in nanoseconds: 100 ms.
const RETRY: u64 = 100_000_000;

/// The manager that has started us, if one has.
pub(crate) struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to know that the loop runs, in nanoseconds.
    every: Option<u64>,
    /// When the next such message is due.
    next: u64,
    /// Messages that were not taken, in the order in which they became due.
    unsent: Vec<(Kind, String)>,
    retry: u64,
}

/// What a message is about; a new one replaces the one about the same that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    State,
    Status,
}

impl Service {
    /// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub(crate) fn from_environment() -> Self {
        let socket = std::env::var("NOTIFY_SOCKET")
            .ok()
            .and_then(|name| connect(&name));
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // The watchdog may be meant for the process that has started us.
        let is_ours = std::env::var_os("WATCHDOG_PID").is_none()
            || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
        let wanted =
            number("WATCHDOG_USEC").filter(|&micros| micros > 0 && is_ours && socket.is_some());
        // Twice as often as it must be, as sd_watchdog_enabled(3) advises.
        let every = wanted.map(|micros| micros.saturating_mul(1000) / 2);
        Self {
            socket,
            every,
            next: 0,
            unsent: Vec::new(),
            retry: 0,
        }
    }

    /// One message; false where the manager is busy and may take it later.
    fn send(&self, text: &str) -> bool {
        let Some((socket, manager)) = &self.socket else {
            return true;
        };
        match socket.send_to_addr(text.as_bytes(), manager) {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }

    /// A message that is tried again until it is taken or another replaces it.
    fn send_surely(&mut self, kind: Kind, text: String) {
        self.unsent.retain(|(unsent, _)| *unsent != kind);
        if !self.unsent.is_empty() || !self.send(&text) {
            self.unsent.push((kind, text));
        }
    }

    /// Every watch is in place. The number is given for the sake of a daemon, which is not the
    /// process that was started.
    pub(crate) fn ready(&mut self, status: &str) {
        let pid = std::process::id();
        let text = format!("READY=1\nMAINPID={pid}\nSTATUS={status}");
        self.send_surely(Kind::State, text);
    }

    /// How it goes, for a person to read.
    pub(crate) fn status(&mut self, status: &str) {
        self.send_surely(Kind::Status, format!("STATUS={status}"));
    }

    /// The log is being reopened.
    pub(crate) fn reloading(&mut self) {
        let micros = process::monotonic_micros();
        let text = format!("RELOADING=1\nMONOTONIC_USEC={micros}");
        self.send_surely(Kind::State, text);
    }

    /// It has been.
    pub(crate) fn reloaded(&mut self) {
        self.send_surely(Kind::State, "READY=1".to_owned());
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Stopping");
    }

    /// Reports that the loop runs, where that is due, and what was not taken before.
    pub(crate) fn alive(&mut self, now: u64) {
        if !self.unsent.is_empty() && now >= self.retry {
            while let Some((_, text)) = self.unsent.first()
                && self.send(text)
            {
                self.unsent.remove(0);
            }
            self.retry = now.saturating_add(RETRY);
        }
        if let Some(every) = self.every
            && now >= self.next
        {
            self.next = now.saturating_add(every);
            self.send("WATCHDOG=1");
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let retry = (!self.unsent.is_empty()).then_some(self.retry);
        let alive = self.every.map(|_| self.next);
        [retry, alive].into_iter().flatten().min()
    }
}

/// The socket of a name: a path, or after `@` a name without a file.
fn connect(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let manager = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None if name.starts_with('/') => SocketAddr::from_pathname(name).ok()?,
        None => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, manager))
}
