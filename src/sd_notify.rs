//! Sends messages to a service manager: sd_notify(3), without its library.
//!
//! Nothing fails or waits, since mostly there is no manager. Of the messages that it must not miss
//! and has not taken, the latest of each kind is kept and sent again.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys::process;

/// The time between two attempts to send a message: 100 ms, in nanoseconds.
const RETRY: u64 = 100_000_000;

/// The service manager that has started the process, if one has.
pub(crate) struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The interval of watchdog messages, in nanoseconds.
    every: Option<u64>,
    /// When the next watchdog message is due.
    next: u64,
    /// Messages that were not taken, in order.
    unsent: Vec<(Kind, String)>,
    retry: u64,
    /// Whether READY=1 was sent for the start. Before that nothing is sent about a reload, whose end
    /// is READY=1, too.
    is_ready: bool,
}

/// What a message is about. A new message replaces one of the same kind that was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    State,
    Status,
}

impl Service {
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub(crate) fn from_environment() -> Self {
        let socket = std::env::var("NOTIFY_SOCKET")
            .ok()
            .and_then(|name| connect(&name));
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // The watchdog may be for the process that has started this one.
        let is_ours = std::env::var_os("WATCHDOG_PID").is_none()
            || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
        let wanted =
            number("WATCHDOG_USEC").filter(|&micros| micros > 0 && is_ours && socket.is_some());
        // Half the timeout, as sd_watchdog_enabled(3) advises.
        let every = wanted.map(|micros| micros.saturating_mul(1000) / 2);
        Self {
            socket,
            every,
            next: 0,
            unsent: Vec::new(),
            retry: 0,
            is_ready: false,
        }
    }

    /// Sends a message. `false`: the manager is busy, and may take it later.
    fn send(&self, text: &str) -> bool {
        let Some((socket, manager)) = &self.socket else {
            return true;
        };
        match socket.send_to_addr(text.as_bytes(), manager) {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }

    /// Sends a message; if it is not taken, keeps it to be sent again.
    fn send_surely(&mut self, kind: Kind, text: String) {
        self.unsent.retain(|(unsent, _)| *unsent != kind);
        if !self.unsent.is_empty() || !self.send(&text) {
            self.unsent.push((kind, text));
        }
    }

    /// Reports that every watch is set, with the process ID, since a daemon is not the process that
    /// was started.
    pub(crate) fn ready(&mut self, status: &str) {
        let pid = std::process::id();
        let text = format!("READY=1\nMAINPID={pid}\nSTATUS={status}");
        self.send_surely(Kind::State, text);
        self.is_ready = true;
    }

    /// Sends a status text.
    pub(crate) fn status(&mut self, status: &str) {
        self.send_surely(Kind::Status, format!("STATUS={status}"));
    }

    /// Reports that the log is being opened anew, unless that is during the start.
    pub(crate) fn reloading(&mut self) {
        if !self.is_ready {
            return;
        }
        let micros = process::monotonic_micros();
        let text = format!("RELOADING=1\nMONOTONIC_USEC={micros}");
        self.send_surely(Kind::State, text);
    }

    /// Reports that the log was opened anew.
    pub(crate) fn reloaded(&mut self) {
        if self.is_ready {
            self.send_surely(Kind::State, "READY=1".to_owned());
        }
    }

    /// Reports that the end has begun.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Stopping");
    }

    /// Sends a watchdog message, if one is due, and messages that were not taken before.
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

    /// When [`alive`](Self::alive) is to be called.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let retry = (!self.unsent.is_empty()).then_some(self.retry);
        let alive = self.every.map(|_| self.next);
        [retry, alive].into_iter().flatten().min()
    }
}

/// The socket of a name: a path, or an abstract name after `@`.
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::{Service, connect};

    #[test]
    fn a_log_that_is_opened_anew_before_the_start_is_over_is_no_readiness() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let mut service = Service {
            socket: connect(path.to_str().expect("UTF-8")),
            every: None,
            next: 0,
            unsent: Vec::new(),
            retry: 0,
            is_ready: false,
        };
        let reload = |service: &mut Service| {
            service.reloading();
            service.reloaded();
        };
        reload(&mut service);
        service.ready("");
        reload(&mut service);
        let next = || {
            let mut message = [0; 256];
            let length = manager.recv(&mut message).expect("a message");
            String::from_utf8_lossy(&message[..length]).into_owned()
        };
        assert!(next().starts_with("READY=1\nMAINPID="));
        assert!(next().starts_with("RELOADING=1\n"));
        assert_eq!(next(), "READY=1");
    }
}
