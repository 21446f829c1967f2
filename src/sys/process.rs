//! Asks and changes what belongs to the process: its limits, scheduling, working directory,
//! clocks and memory.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use super::check;
use super::file::{self, Open};

/// Raises the soft limit on descriptors to `wanted`, or as far as the hard one goes.
pub(crate) fn raise_descriptor_limit(wanted: u64) {
    let mut limit = descriptor_limits();
    if limit.rlim_cur < wanted {
        limit.rlim_cur = wanted.min(limit.rlim_max);
        // SAFETY: `limit` is a valid rlimit. That it stays as it is, is no harm.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// The soft limit on descriptors.
pub(crate) fn descriptor_limit() -> u64 {
    descriptor_limits().rlim_cur
}

/// getrlimit(2), which fails for no limit that the kernel knows.
fn descriptor_limits() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit to fill.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit
}

/// The host name of the UTS namespace, as `uname -n` prints it.
pub(crate) fn node_name() -> String {
    // SAFETY: all fields are arrays of bytes, for which zeros are a value: empty strings.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `names` is a valid utsname to fill; it fails with no other pointer.
    unsafe { libc::uname(&raw mut names) };
    // SAFETY: the kernel ends each name with NUL within its array, and zeros were there.
    let name = unsafe { CStr::from_ptr(names.nodename.as_ptr()) };
    name.to_string_lossy().into_owned()
}

/// The user as whom files are opened, which stays the same: geteuid(2).
pub(crate) fn effective_user() -> u32 {
    static USER: OnceLock<u32> = OnceLock::new();
    // SAFETY: takes nothing and cannot fail.
    *USER.get_or_init(|| unsafe { libc::geteuid() })
}

/// The number of threads of this process.
///
/// # Errors
/// /proc is not mounted.
pub(crate) fn thread_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Grows the table of descriptors once, while no other thread shares it: later the kernel would wait
/// for a grace period each time, which is some 10 ms.
pub(crate) fn widen_descriptor_table(fd: BorrowedFd<'_>, least: i32) {
    debug_assert!(!matches!(thread_count(), Ok(2..)), "no thread shares it");
    // SAFETY: takes no pointers; the copy is closed at once, by its number.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    if copy >= 0 {
        // SAFETY: `copy` was made the line before, and nobody else knows it.
        unsafe { libc::close(copy) };
    }
}

/// Sets up malloc(3). Large pieces of memory are mapped each by itself, whatever was freed before:
/// such a piece grows in place, and goes back to the kernel when it is freed. All threads take small
/// pieces from one heap, since each further one keeps 132 KiB; a thread takes few at a time.
/// A thread that runs already keeps the heap that it has.
pub(crate) fn set_up_malloc() {
    // Others than glibc do so anyway.
    #[cfg(target_env = "gnu")]
    for (option, value) in [(libc::M_MMAP_THRESHOLD, 128 << 10), (libc::M_ARENA_MAX, 1)] {
        // SAFETY: takes no pointers; a failure is no harm.
        unsafe { libc::mallopt(option, value) };
    }
}

/// Gives the calling thread a working directory of its own: unshare(CLONE_FS).
///
/// # Errors
/// EPERM where a sandbox forbids it.
pub(crate) fn unshare_working_directory() -> io::Result<()> {
    // SAFETY: takes no pointers, and concerns this thread alone.
    check(unsafe { libc::unshare(libc::CLONE_FS) })?;
    Ok(())
}

/// Lets the calling thread preempt no other that wakes up, at a fair share of the
/// processor: SCHED_BATCH, sched(7). A lower priority would give way to everyone, and not
/// only to the loop.
pub(crate) fn schedule_as_batch() {
    // SAFETY: all bits zero are valid for a sched_param.
    let param: libc::sched_param = unsafe { std::mem::MaybeUninit::zeroed().assume_init() };
    // SAFETY: `param` is a valid sched_param for the length of the call; a failure leaves
    // the thread as it is.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const param) };
}

/// Closes the standard descriptors before the process ends. A thread in an uninterruptible wait
/// for a file system would keep the process, and with it the pipe whose end a reader waits for.
pub(crate) fn close_standard() {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    for fd in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        close_behind(fd);
    }
}

/// Closes what a descriptor leads to, and not its number, which another thread may use: read(2) and
/// write(2) fail from then on. If no descriptor is free, nothing happens.
pub(crate) fn close_behind(fd: BorrowedFd<'_>) {
    // By O_PATH, and so no device has to be there.
    let Ok(nothing) = file::open(file::here(), b"/", Open::Path) else {
        return;
    };
    // SAFETY: takes no pointers. The number stays open, as its owner and all who borrow it rely on;
    // nothing here relies on what it leads to.
    unsafe { libc::dup3(nothing.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) };
}

/// Ends the process at once: no destructors, no freeing, _exit(2).
pub(crate) fn exit_now(status: u8) -> ! {
    // SAFETY: takes no pointers. Output has been written by whoever calls this.
    unsafe { libc::_exit(libc::c_int::from(status)) }
}

/// The time by CLOCK_MONOTONIC in microseconds, which is what a service manager compares.
pub(crate) fn monotonic_micros() -> u64 {
    u64::try_from(monotonic_nanos() / 1000).expect("a clock that began at boot")
}

/// The time of day as the kernel writes it into inodes, in nanoseconds since 1970: it
/// moves on with the kernel's tick, and so may be behind the precise one.
pub(crate) fn coarse_nanos() -> i64 {
    nanos_of(libc::CLOCK_REALTIME_COARSE)
}

/// The time of day, in nanoseconds since 1970.
pub(crate) fn wall_nanos() -> i64 {
    nanos_of(libc::CLOCK_REALTIME)
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn monotonic_nanos() -> i64 {
    nanos_of(libc::CLOCK_MONOTONIC)
}

/// The CPU time that this process has taken, in nanoseconds.
pub(crate) fn cpu_nanos() -> i64 {
    nanos_of(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// clock_gettime(2) of a clock that is always there; saturated.
fn nanos_of(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to fill.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}

/// Resident memory and its peak in bytes, as the kernel counts them: VmRSS and VmHWM.
pub(crate) fn resident() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace()
            .nth(1)?
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::os::fd::AsFd as _;

    use super::close_behind;

    #[test]
    fn a_pipe_is_closed_and_its_number_is_not_free() {
        let (mut reader, mut writer) = io::pipe().expect("a pipe");
        close_behind(writer.as_fd());
        assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
        assert!(writer.write(b"x").is_err());
        writer.try_clone().expect("it is open");
    }
}
