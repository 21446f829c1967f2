//! Defines the C entry point, `main`, and prepares the process for the program.
//!
//! The standard library's entry opens /dev/null in the place of a standard descriptor that is
//! closed, and after that it cannot be distinguished from one that was asked for. This one
//! checks first, and then does the three things that the program relies on: it fills closed
//! descriptors, so that no file of ours becomes stdout, ignores SIGPIPE, so that a reader that is
//! gone is EPIPE, and no longer ignores SIGCHLD, so that the exit status of a child is known.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString};
use std::fs::OpenOptions;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;

/// What the program is started with.
pub(crate) struct Start {
    /// The command line, the program's name first.
    pub(crate) args: Vec<OsString>,
    /// Whether there is a stdout to write to.
    pub(crate) has_stdout: bool,
}

/// Makes a function of one [`Start`] the program. Unit tests have an entry of their own.
macro_rules! main {
    ($program:path) => {
        #[cfg(not(test))]
        #[allow(unsafe_code)]
        // SAFETY: the program is linked with no other `main`, and this one has C's signature.
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: std::ffi::c_int,
            args: *const *const std::ffi::c_char,
        ) -> std::ffi::c_int {
            // SAFETY: these are the arguments of C's `main`.
            $program(unsafe { $crate::sys::start::start(count, args) })
        }
    };
}
pub(crate) use main;

/// Copies the arguments, fills closed standard descriptors, ignores SIGPIPE, and gives SIGCHLD its
/// default effect.
///
/// # Safety
/// `args` points to `count` pointers to strings that end in NUL and are never changed: what
/// `main` is called with. No other thread runs.
#[cfg_attr(test, allow(dead_code))] // Only `main` may call it, and unit tests have another.
pub(crate) unsafe fn start(count: std::ffi::c_int, args: *const *const std::ffi::c_char) -> Start {
    let count = usize::try_from(count).expect("a count of arguments");
    let arg = |number| {
        // SAFETY: `number` is less than `count`.
        let pointer = unsafe { args.add(number) };
        // SAFETY: the caller promises a valid pointer there.
        let arg = unsafe { *pointer };
        // SAFETY: the caller promises a string that ends in NUL and stays.
        let arg = unsafe { CStr::from_ptr(arg) };
        OsStr::from_bytes(arg.to_bytes()).to_owned()
    };
    let args = (0..count).map(arg).collect();
    let has_stdout = is_open(libc::STDOUT_FILENO);
    for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        if !is_open(number) {
            fill();
        }
    }
    // SAFETY: SIG_IGN installs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    // SAFETY: SIG_DFL installs no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    Start { args, has_stdout }
}

fn is_open(number: i32) -> bool {
    // SAFETY: takes no pointers, and asks for nothing but the descriptor's flags.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

/// Opens /dev/null as the lowest descriptor that is free, for good.
fn fill() {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    // Without one there is nothing to be done about it.
    let _number = null.map(IntoRawFd::into_raw_fd);
}
