//! Keeps tests that run side by side from starting a process while another writes to a file.
//!
//! A child has every open file of the test, from fork(2) until it executes its
//! program. A file that one test writes and closes just then is closed in truth by
//! the child of another test, and IN_CLOSE_WRITE comes when nobody expects it: after
//! a watcher is ready, say, which has to take it for a write.

use std::io;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Once, PoisonError, RwLock, RwLockReadGuard};

use super::sys;

/// Held shared while a file is written to, and alone while a process is started.
static FORKING: RwLock<()> = RwLock::new(());

/// No process is started until this is dropped. Not to be taken twice by a thread.
pub(crate) fn none() -> RwLockReadGuard<'static, ()> {
    FORKING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process; when this returns it executes its own program.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    static DEFAULTS: Once = Once::new();
    // A test that runs in the background of a shell has SIGINT ignored, and so would its
    // children.
    DEFAULTS.call_once(sys::default_signals);
    let _alone = FORKING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Runs a process to its end, and returns what it has printed.
pub(crate) fn output(command: &mut Command) -> io::Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    spawn(command)?.wait_with_output()
}
