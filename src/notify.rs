//! What a service manager is told: sd_notify(3), without its library.
//!
//! Nothing here fails: that nobody listens is the usual case, and a manager that does
//! not take a message must not hold the watch up.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::sys::process;

/// How long a message may wait for a manager that is busy.
const FIRST_PROGRESS: Duration = Duration::from_secs(1);

/// The manager that has started us, if one has.
pub(crate) struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that the loop runs, in nanoseconds.
    every: Option<u64>,
    next: u64,
}

impl Service {
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
        }
    }

    fn tell(&self, text: &str) {
        if let Some((socket, manager)) = &self.socket {
            let _heard = socket.send_to_addr(text.as_bytes(), manager);
        }
    }

    /// Every watch is in place. The number is told for the sake of a daemon, which is
    /// not the process that was started.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!(
            "READY=1\nMAINPID={}\nSTATUS={status}",
            std::process::id()
        ));
    }

    /// How it goes, for a person to read.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    pub(crate) fn reloading(&self) {
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={}",
            process::monotonic_micros()
        ));
    }

    pub(crate) fn reloaded(&self) {
        self.tell("READY=1");
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Stopping");
    }

    /// Tells that the loop runs, when that is due.
    pub(crate) fn alive(&mut self, now: u64) {
        if let Some(every) = self.every
            && now >= self.next
        {
            self.next = now.saturating_add(every);
            self.tell("WATCHDOG=1");
        }
    }

    /// When the next such message is due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.every.map(|_| self.next)
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
    socket.set_write_timeout(Some(FIRST_PROGRESS)).ok()?;
    Some((socket, manager))
}
