//! Wraps the few system calls that std lacks, each as a safe function, and takes apart what they
//! have written. Every unsafe block of the benchmark is here, and each is one call.
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Turns the -1 of a system call into its errno.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// openat(2), close-on-exec; without a directory, relative to the working directory.
pub(crate) fn open_at(
    directory: Option<BorrowedFd<'_>>,
    name: &CStr,
    flags: libc::c_int,
) -> io::Result<OwnedFd> {
    let at = directory.map_or(libc::AT_FDCWD, |fd| fd.as_raw_fd());
    // SAFETY: `name` ends with NUL and outlives the call; no O_CREAT, so no mode is read.
    let fd = check(unsafe { libc::openat(at, name.as_ptr(), flags | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just made this descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// getdents64(2): the bytes of as many directory entries as fit, 0 at the end.
pub(crate) fn entries(directory: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to a buffer that is that long.
    let read = unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// inotify_init1(2), as a file: reading events needs no unsafe then.
pub(crate) fn inotify() -> io::Result<File> {
    // SAFETY: takes a flag and no pointer.
    let fd = check(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) })?;
    // SAFETY: the kernel has just made this descriptor, so nothing else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// inotify_add_watch(2): the watch descriptor of what is at `path`.
pub(crate) fn watch(inotify: &File, path: &CStr, mask: u32) -> io::Result<i32> {
    // SAFETY: `path` ends with NUL and outlives the call.
    check(unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), path.as_ptr(), mask) })
}

/// Makes room for a thousand descriptors at once. A table that grows while threads
/// share it waits for RCU each time, which would be measured as the walk's.
pub(crate) fn reserve_descriptors(any: BorrowedFd<'_>) {
    // SAFETY: F_DUPFD_CLOEXEC takes a number and no pointer.
    let fd = unsafe { libc::fcntl(any.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 1000) };
    if fd >= 0 {
        // SAFETY: the descriptor was made one line above, and nothing else owns it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// The CPU time that a process has used, all threads, those that ended too.
pub(crate) fn cpu_time(pid: libc::pid_t) -> io::Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is a place for the one clockid_t that is written.
    let error = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a place for the one timespec that is written.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Ok(Duration::new(
        seconds,
        u32::try_from(time.tv_nsec).unwrap_or(0),
    ))
}

/// getrusage(2): CPU time of all children that were waited for.
pub(crate) fn children_time() -> io::Result<Duration> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a place for the one rusage that is written.
    check(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) })?;
    // SAFETY: it is integers alone, for which all bits zero are valid, and was written.
    let usage = unsafe { usage.assume_init() };
    let time = |value: libc::timeval| {
        Duration::from_secs(u64::try_from(value.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or(0))
    };
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}

/// kill(2) with SIGTERM.
pub(crate) fn terminate(pid: libc::pid_t) -> io::Result<()> {
    // SAFETY: takes two numbers; the caller has not reaped the child, so the id is its own.
    check(unsafe { libc::kill(pid, libc::SIGTERM) }).map(drop)
}

/// A set of processors, as the kernel has it: a bit for each.
#[derive(Clone, Copy)]
pub(crate) struct Cpus([libc::c_ulong; 16]);

impl Cpus {
    /// Those on which this thread may run.
    pub(crate) fn allowed() -> io::Result<Self> {
        let mut cpus = Self([0; 16]);
        let size = size_of_val(&cpus.0);
        // SAFETY: the kernel writes at most `size` bytes to an array of that size.
        check(unsafe { libc::sched_getaffinity(0, size, cpus.0.as_mut_ptr().cast()) })?;
        Ok(cpus)
    }

    /// The set of one of them, counted from 0.
    pub(crate) fn nth(&self, n: usize) -> Option<Self> {
        let bits = (0..self.0.len()).flat_map(|word| {
            let bits = (0..libc::c_ulong::BITS).map(|bit| 1 << bit);
            bits.map(move |bit: libc::c_ulong| (word, bit))
        });
        let (word, bit) = bits.filter(|(word, bit)| self.0[*word] & bit != 0).nth(n)?;
        let mut one = Self([0; 16]);
        one.0[word] = bit;
        Some(one)
    }

    /// Binds this thread, and what it starts, to these processors.
    pub(crate) fn occupy(&self) -> io::Result<()> {
        let size = size_of_val(&self.0);
        // SAFETY: the kernel reads at most `size` bytes of an array of that size.
        check(unsafe { libc::sched_setaffinity(0, size, self.0.as_ptr().cast()) }).map(drop)
    }
}

/// Notes the first Ctrl-C, so that the trees are removed; the second one kills.
pub(crate) fn notice_interrupts() {
    /// Async-signal-safe: it stores one atomic.
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    // SAFETY: all zeroes is a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = note as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
    // SAFETY: `action` is whole, its handler is async-signal-safe, and the old one is not asked for.
    unsafe { libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut()) };
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The entries in what getdents64(2) wrote, as (kind, name).
pub(crate) struct Entries<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (u8, &'a CStr);

    fn next(&mut self) -> Option<Self::Item> {
        // struct linux_dirent64: inode and offset, 8 bytes each; length, 2; kind, 1; name.
        let length = usize::from(u16::from_ne_bytes(self.0.get(16..18)?.try_into().ok()?));
        let (entry, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((entry[18], CStr::from_bytes_until_nul(&entry[19..]).ok()?))
    }
}

/// The events in what was read from an inotify descriptor, as (wd, mask, padded name).
pub(crate) struct Events<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Events<'a> {
    type Item = (i32, u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // struct inotify_event: wd, mask, cookie and the name's length, 4 bytes each; name.
        let word = |at| Some(self.0.get(at..at + 4)?.try_into().ok()).flatten();
        let (wd, mask) = (i32::from_ne_bytes(word(0)?), u32::from_ne_bytes(word(4)?));
        let length = usize::try_from(u32::from_ne_bytes(word(12)?)).ok()?;
        let (name, rest) = self.0[16..].split_at_checked(length)?;
        self.0 = rest;
        Some((wd, mask, name))
    }
}
