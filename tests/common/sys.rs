//! The system calls that the standard library does not offer, each as one safe
//! function that a test can use; the only unsafe code of the tests.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(crate) use libc::{RENAME_EXCHANGE, RENAME_WHITEOUT};
pub(crate) use libc::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2,
};

/// A path as a C string.
fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Turns the -1 of a C call into errno's error.
fn checked(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        other => Ok(other),
    }
}

/// kill(2) of a child that has not been waited for, or of a process known to run.
pub(crate) fn kill(pid: u32, signal: c_int) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).unwrap();
    // SAFETY: kill takes two numbers and touches no memory of ours; the caller
    // holds the child unreaped, or has just looked, so the number is still its own.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Gives the signals that a shell may have ignored their default effect, for this process
/// and those it starts.
pub(crate) fn default_signals() {
    for signal in [SIGINT, SIGQUIT, SIGHUP, SIGTERM] {
        // SAFETY: SIG_DFL installs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// A lock on the whole of an open file that belongs to the open file description; `shared`
/// needs the right to read alone. False: another lock is in the way.
pub(crate) fn lock(file: &File, shared: bool) -> bool {
    let kind = if shared { libc::F_RDLCK } else { libc::F_WRLCK };
    let lock = libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open while `file` is borrowed, and `lock` outlives the call.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) != -1 }
}

/// flock(2), exclusive, without waiting. False: somebody else holds it.
pub(crate) fn flock(file: &File) -> bool {
    // SAFETY: the descriptor is open while `file` is borrowed; the rest are numbers.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) != -1 }
}

/// How many bytes wait in a pipe to be read.
pub(crate) fn waiting(pipe: &OwnedFd) -> usize {
    let mut count: c_int = 0;
    // SAFETY: `count` is one int to fill.
    checked(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) }).unwrap();
    usize::try_from(count).unwrap()
}

/// The CPU time that a process has taken, in hundredths of a second.
pub(crate) fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit(") ").next().unwrap();
    let fields: Vec<u64> = after
        .split(' ')
        .map(|word| word.parse().unwrap_or(0))
        .collect();
    fields[11] + fields[12]
}

/// Whether a process takes no CPU time: none of its hundredths of a second in 100 looks.
pub(crate) fn becomes_idle(pid: u32) -> bool {
    let (mut before, mut looks) = (0, 0);
    super::eventually(|| {
        let now = cpu_ticks(pid);
        looks = if now == before { looks + 1 } else { 0 };
        before = now;
        looks == 100
    })
}

/// Whether the tests run as the superuser, to whom permissions do not apply.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// mkfifo(3)
pub(crate) fn fifo(path: &Path) -> io::Result<()> {
    let path = c_path(path);
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    checked(unsafe { libc::mkfifo(path.as_ptr(), 0o644) }).map(drop)
}

/// renameat2(2), both paths relative to the working directory.
pub(crate) fn rename_with(from: &Path, to: &Path, flags: libc::c_uint) -> io::Result<()> {
    let (from, to) = (c_path(from), c_path(to));
    // SAFETY: both paths are NUL-terminated strings that outlive the call.
    let result = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            flags,
        )
    };
    checked(result).map(drop)
}

/// truncate(2) by name: no descriptor is opened, so none is closed.
pub(crate) fn truncate(path: &Path, length: i64) -> io::Result<()> {
    let path = c_path(path);
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    checked(unsafe { libc::truncate(path.as_ptr(), length) }).map(drop)
}

/// A file without a name in `directory` (O_TMPFILE), open for writing.
pub(crate) fn nameless(directory: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .mode(0o644)
        .custom_flags(libc::O_TMPFILE)
        .open(directory)
}

/// linkat(2) of an open file: gives a name to what has none.
pub(crate) fn link_open(file: &File, path: &Path) -> io::Result<()> {
    let from = c_path(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())));
    let to = c_path(path);
    // SAFETY: both paths are NUL-terminated strings that outlive the call.
    let result = unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    };
    checked(result).map(drop)
}

/// Writes a nameless file, then gives it a name.
pub(crate) fn write_nameless(path: &Path, data: &[u8]) -> io::Result<()> {
    let mut file = nameless(path.parent().unwrap())?;
    file.write_all(data)?;
    link_open(&file, path)
}

/// fallocate(2) that punches a hole over the first `length` bytes.
pub(crate) fn punch(file: &File, length: i64) -> io::Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: the descriptor is open while `file` is borrowed; the rest are numbers.
    checked(unsafe { libc::fallocate(file.as_raw_fd(), mode, 0, length) }).map(drop)
}

/// Stores one byte at the start of a file through a shared mapping.
pub(crate) fn store_mapped(file: &File, byte: u8) -> io::Result<()> {
    // SAFETY: a new mapping at an address of the kernel's choice, of one byte of an
    // open file; it aliases nothing that Rust knows of.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            1,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping holds at least this byte, may be written to, and the test
    // made sure that the file is not empty.
    unsafe { address.cast::<u8>().write_volatile(byte) };
    // SAFETY: the mapping made above, of that length, and used no more.
    checked(unsafe { libc::munmap(address, 1) }).map(drop)
}

/// Takes (true) or gives up (false) a write lease on a file that nobody else has
/// open. The kernel reports a breaker by SIGIO, which is ignored from here on.
pub(crate) fn lease(file: &File, take: bool) -> io::Result<()> {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    let sort = if take { libc::F_WRLCK } else { libc::F_UNLCK };
    // SAFETY: the descriptor is open while `file` is borrowed; the rest are numbers.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, sort) }).map(drop)
}

/// A pipe: the end to read from, the end to write to; both close-on-exec.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: pipe2 fills the two numbers of an array that outlives the call.
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just opened it, and nobody else owns it.
    let read = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: the kernel has just opened it, and nobody else owns it.
    let write = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    Ok((read, write))
}

/// setxattr(2).
pub(crate) fn set_xattr(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    let (path, name) = (c_path(path), CString::new(name).unwrap());
    // SAFETY: both strings are NUL-terminated, `value` is as long as it says.
    checked(unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    })
    .map(drop)
}

/// Has a system call refused with an error in a command that is to be started, as sandboxes do
/// that are older than the call: seccomp(2).
pub(crate) fn refuse(command: &mut std::process::Command, call: libc::c_long, error: i32) {
    use std::os::unix::process::CommandExt as _;
    let statement = |code: u32, value: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k: value,
    };
    let call = u32::try_from(call).unwrap();
    let refusal = libc::SECCOMP_RET_ERRNO | u32::try_from(error).unwrap();
    // The number of the call is the first word of what the filter sees.
    let mut filter = vec![
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, refusal, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let install = move || {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(0),
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: takes numbers alone.
        checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        let mode = libc::SECCOMP_MODE_FILTER;
        // SAFETY: `program` is a filter of as many statements as it says.
        checked(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) }).map(drop)
    };
    // SAFETY: in the child it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
}
