//! Prevents tests of one program from starting a process while another test writes to a file.
//!
//! A child has every open file of the tests from fork(2) until execve(2). A file that a test closes
//! between them is closed by the child of another test, and its IN_CLOSE_WRITE comes late: after a
//! watcher is ready, for example, which takes it for a write.

use std::io;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Once, PoisonError, RwLock, RwLockReadGuard};

use super::sys;

/// Locked for reading while a file is written to, and for writing while a process is started.
static FORKING: RwLock<()> = RwLock::new(());

/// No process is started until this is dropped. Not to be taken twice by a thread.
pub(crate) fn none() -> RwLockReadGuard<'static, ()> {
    FORKING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Gives signals their default effect. A test that runs in the background of a shell has SIGINT
/// ignored, and so would its children.
pub(crate) fn default_signals() {
    static DEFAULTS: Once = Once::new();
    DEFAULTS.call_once(sys::default_signals);
}

/// Starts a process; when this returns it executes its own program.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    default_signals();
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
