//! Mounts a FUSE file system in a user and a mount namespace, which a process holds.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Starts a process in namespaces of its own that mounts the file system and then waits;
/// returns it and the descriptor of /dev/fuse.
pub(super) fn hold_mount(point: &Path) -> io::Result<(libc::pid_t, OwnedFd)> {
    let point = CString::new(point.as_os_str().as_bytes())?;
    // SAFETY: takes nothing and cannot fail.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: takes nothing and cannot fail.
    let gid = unsafe { libc::getegid() };
    let uid_map = format!("0 {uid} 1");
    let gid_map = format!("0 {gid} 1");
    let (mut read, write) = io::pipe()?;
    let report = write.as_raw_fd();
    let hold = || -> Option<()> {
        let put = |path: &std::ffi::CStr, text: &str| {
            // SAFETY: the path is NUL-terminated.
            let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
            // SAFETY: `text` is readable for its length.
            let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
            (written > 0).then_some(())
        };
        // SAFETY: takes no pointers.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } != 0 {
            return None;
        }
        put(c"/proc/self/setgroups", "deny")?;
        put(c"/proc/self/uid_map", &uid_map)?;
        put(c"/proc/self/gid_map", &gid_map)?;
        // SAFETY: the path is NUL-terminated.
        let device = unsafe { libc::open(c"/dev/fuse".as_ptr(), libc::O_RDWR) };
        if device < 0 {
            return None;
        }
        let mut options = [0_u8; 96];
        let mut rest = &mut options[..95];
        let text = "rootmode=40000,user_id=0,group_id=0,allow_other,fd=";
        write!(rest, "{text}{device}").ok()?;
        // SAFETY: all are NUL-terminated strings that outlive the call.
        let mounted = unsafe {
            libc::mount(
                c"balerion-test".as_ptr(),
                point.as_ptr(),
                c"fuse.balerion".as_ptr(),
                libc::MS_NOSUID | libc::MS_NODEV,
                options.as_ptr().cast(),
            )
        };
        if mounted != 0 {
            return None;
        }
        let answer = device.to_ne_bytes();
        // SAFETY: `answer` is readable for its length.
        unsafe { libc::write(report, answer.as_ptr().cast(), answer.len()) };
        Some(())
    };
    // SAFETY: the child of a process with threads calls the kernel only, and allocates
    // nothing: what `hold` uses was made before.
    let child = unsafe { libc::fork() };
    if child == 0 {
        if hold().is_none() {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            let answer = (-errno).to_ne_bytes();
            // SAFETY: `answer` is readable for its length.
            unsafe { libc::write(report, answer.as_ptr().cast(), answer.len()) };
        }
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    drop(write);
    let taken = (|| {
        let mut answer = [0; 4];
        read.read_exact(&mut answer)?;
        let device = i32::from_ne_bytes(answer);
        if device < 0 {
            return Err(io::Error::from_raw_os_error(-device));
        }
        // SAFETY: takes no pointers.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child, 0) };
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd, device, 0) };
        if pidfd < 0 || fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
        drop(unsafe { OwnedFd::from_raw_fd(i32::try_from(pidfd).unwrap()) });
        // SAFETY: the same.
        Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) })
    })();
    if taken.is_err() {
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(child, libc::SIGKILL) };
        // SAFETY: waits for our own child; no status is wanted.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    taken.map(|device| (child, device))
}
