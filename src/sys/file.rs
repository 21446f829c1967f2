//! Opens files: with openat(2) and openat2(2), and by paths longer than PATH_MAX.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

pub(crate) use super::working_directory::here;
use super::{bits, check};

/// The bytes of the longest path that the kernel takes, its NUL included.
pub(crate) const PATH_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// Without access to its bytes, whatever it is: a FIFO's writer is not woken (O_PATH).
    Path,
    /// Like `Path`, but only a directory (O_PATH|O_DIRECTORY).
    Directory,
    /// For reading: never waits, never becomes our terminal.
    Bytes,
    /// Like `Bytes`, but without updating the access time (O_NOATIME): for the file's owner.
    Unnoticed,
    Listing,
    /// For writing, without waiting for the reader.
    Pipe,
    /// Like `Pipe`, but it never becomes our terminal.
    Terminal,
}

impl Open {
    /// The flags of open(2).
    fn flags(self) -> i32 {
        libc::O_CLOEXEC
            | match self {
                Self::Path => libc::O_PATH,
                Self::Directory => libc::O_PATH | libc::O_DIRECTORY,
                Self::Bytes => libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
                Self::Unnoticed => Self::Bytes.flags() | libc::O_NOATIME,
                Self::Pipe => libc::O_WRONLY | libc::O_NONBLOCK,
                Self::Terminal => Self::Pipe.flags() | libc::O_NOCTTY,
                Self::Listing => libc::O_RDONLY | libc::O_DIRECTORY,
            }
    }
}

/// openat(2) of a path that is followed wherever it leads.
///
/// # Errors
/// Those of the call.
pub(crate) fn open(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    with_c_str(path, |path| open_c_str(at, path, how))
}

/// [`open`] of a path that ends in NUL already.
pub(super) fn open_c_str(at: BorrowedFd<'_>, path: &CStr, how: Open) -> io::Result<OwnedFd> {
    open_with(at, path, how.flags())
}

/// openat(2) of one name; a symbolic link is not followed.
///
/// # Errors
/// Those of the call; ELOOP or ENOTDIR for a symbolic link.
pub(crate) fn open_name(at: BorrowedFd<'_>, name: &[u8], how: Open) -> io::Result<OwnedFd> {
    let flags = how.flags() | libc::O_NOFOLLOW;
    with_c_str(name, |name| open_with(at, name, flags))
}

/// openat(2).
fn open_with(at: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: `path` is NUL-terminated and outlives the call.
        match check(unsafe { libc::openat(at.as_raw_fd(), path.as_ptr(), flags) }) {
            // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// openat2(2) of a path that leads over no symbolic link and into no other mount: no other
/// file system is asked for anything.
///
/// # Errors
/// Those of the call; EXDEV where a mount begins.
pub(crate) fn open_in_mount(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    open_resolving(at, path, how, libc::RESOLVE_NO_XDEV)
}

/// openat2(2) with O_PATH of a path that is followed over symbolic links, as long as it
/// stays on the mount that it begins on: no other is asked for anything.
///
/// # Errors
/// Those of the call; EXDEV where it leaves the mount, ELOOP at a link of /proc.
pub(crate) fn open_followed_in_mount(path: &[u8]) -> io::Result<OwnedFd> {
    let resolve = libc::RESOLVE_NO_XDEV | libc::RESOLVE_NO_MAGICLINKS;
    openat2(here(), path, Open::Path.flags(), resolve)
}

/// The limit of symbolic links in a path, as in the kernel: path_resolution(7).
pub(crate) const MAX_LINKS: usize = 40;

/// Whether symbolic links on a path are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Links {
    Followed,
    Refused,
}

/// openat2(2) with O_PATH, only if all names on the path are in the kernel's cache and no
/// file system must be asked about them (RESOLVE_CACHED): so it never waits.
///
/// # Errors
/// Those of the call; EAGAIN where a file system would be asked, EINVAL before Linux 5.12.
pub(crate) fn open_cached(path: &[u8], links: Links) -> io::Result<OwnedFd> {
    let resolve = libc::RESOLVE_CACHED | libc::RESOLVE_NO_MAGICLINKS;
    let resolve = resolve
        | match links {
            Links::Followed => 0,
            Links::Refused => libc::RESOLVE_NO_SYMLINKS,
        };
    openat2(here(), path, Open::Path.flags(), resolve)
}

/// openat2(2), following no symbolic link.
fn open_resolving(at: BorrowedFd<'_>, path: &[u8], how: Open, resolve: u64) -> io::Result<OwnedFd> {
    let resolve = libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS | resolve;
    openat2(at, path, how.flags() | libc::O_NOFOLLOW, resolve)
}

fn openat2(at: BorrowedFd<'_>, path: &[u8], flags: i32, resolve: u64) -> io::Result<OwnedFd> {
    with_c_str(path, |path| openat2_c_str(at, path, flags, resolve))
}

/// openat2(2).
fn openat2_c_str(at: BorrowedFd<'_>, path: &CStr, flags: i32, resolve: u64) -> io::Result<OwnedFd> {
    // SAFETY: open_how is three integers, for which all bits zero are valid.
    let mut wanted: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    wanted.flags = u64::from(bits(flags));
    wanted.resolve = resolve;
    loop {
        // SAFETY: `path` is NUL-terminated, `wanted` an open_how of the size given, and
        // both outlive the call.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                at.as_raw_fd(),
                path.as_ptr(),
                &raw const wanted,
                size_of::<libc::open_how>(),
            )
        };
        match check(fd).map(RawFd::try_from) {
            // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
            Ok(Ok(fd)) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Ok(Err(_)) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a call failed because openat2(2) is not available, or because a mount was in the way.
pub(crate) fn is_refused_by_openat2(error: &io::Error) -> bool {
    let refused = [libc::EXDEV, libc::ENOSYS, libc::EPERM];
    error
        .raw_os_error()
        .is_some_and(|code| refused.contains(&code))
}

/// Opens a path of any length, from `at` if it is relative, following no symbolic link.
///
/// # Errors
/// Those of openat(2).
pub(crate) fn open_path(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    open_pieces(at, path, |from, path, is_last| {
        let how = if is_last { how } else { Open::Directory };
        // ENOSYS: before Linux 5.6.
        match open_resolving(from, path, how, 0) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                open_one_by_one(from, path, how)
            }
            other => other,
        }
    })
}

/// Opens with O_PATH a relative path of any length that leads over no symbolic link and
/// into no other mount.
///
/// # Errors
/// Those of openat2(2); EXDEV where a mount begins.
pub(crate) fn open_path_in_mount(at: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    open_pieces(at, path, |from, path, _| {
        open_in_mount(from, path, Open::Path)
    })
}

/// The kernel's error for a symbolic link that is not followed, or for too many of them.
pub(crate) fn not_followed() -> io::Error {
    io::Error::from_raw_os_error(libc::ELOOP)
}

/// The path under which the kernel knows what is open: a link of /proc, for which no file
/// system is asked.
///
/// # Errors
/// There is no /proc.
pub(crate) fn path_of(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    Ok(link.into_os_string().into_vec())
}

/// getcwd(3), for which no file system is asked; the path that the working directory had, if it was
/// removed.
///
/// # Errors
/// ENOENT: it is not below the root directory of the process.
pub(crate) fn path_of_working_directory() -> io::Result<PathBuf> {
    std::env::current_dir().or_else(|error| {
        // proc_pid_cwd(5): the link of one that was removed ends so.
        let link = std::fs::read_link("/proc/self/cwd")?.into_os_string();
        let former = link.as_bytes().strip_suffix(b" (deleted)");
        Ok(PathBuf::from(OsStr::from_bytes(former.ok_or(error)?)))
    })
}

/// readlinkat(2) of a symbolic link that is open with O_PATH.
///
/// # Errors
/// Those of the call.
pub(crate) fn read_link(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut target = vec![0_u8; PATH_MAX];
    let (bytes, length) = (target.as_mut_ptr().cast(), target.len());
    // SAFETY: the empty name is NUL-terminated, and `bytes` are `length` writable ones.
    let read = check(unsafe { libc::readlinkat(link.as_raw_fd(), c"".as_ptr(), bytes, length) })?;
    target.truncate(usize::try_from(read).unwrap_or(0));
    Ok(target)
}

/// Opens a path in pieces that are each shorter than PATH_MAX.
fn open_pieces(
    at: BorrowedFd<'_>,
    path: &[u8],
    open: impl Fn(BorrowedFd<'_>, &[u8], bool) -> io::Result<OwnedFd>,
) -> io::Result<OwnedFd> {
    /// Bytes of a piece at most, less than PATH_MAX; a piece ends between two names.
    const PIECE_LENGTH: usize = 3800;
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let from = held.as_ref().map_or(at, AsFd::as_fd);
        let cut = if rest.len() <= PIECE_LENGTH {
            rest.len()
        } else {
            rest[..PIECE_LENGTH]
                .iter()
                .rposition(|&byte| byte == b'/')
                .unwrap_or(rest.len())
        };
        let is_last = cut == rest.len();
        let opened = open(from, &rest[..cut], is_last)?;
        if is_last {
            return Ok(opened);
        }
        held = Some(opened);
        rest = &rest[cut + 1..];
    }
}

/// Opens a path name by name, following no symbolic link, where a kernel or sandbox has no
/// openat2(2).
fn open_one_by_one(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    let (mut held, path) = match path.strip_prefix(b"/") {
        Some(rest) => (Some(open_name(at, b"/", Open::Directory)?), rest),
        None => (None, path),
    };
    let mut names = path.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        let from = held.as_ref().map_or(at, AsFd::as_fd);
        let how = if names.peek().is_some() {
            Open::Directory
        } else {
            how
        };
        held = Some(open_name(from, name, how)?);
    }
    held.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Calls `call` with the bytes as a C string, which is on the stack if it is short.
///
/// # Errors
/// ENAMETOOLONG, as the kernel gives it, but before the bytes are copied.
pub(super) fn with_c_str<T>(
    bytes: &[u8],
    call: impl FnOnce(&CStr) -> io::Result<T>,
) -> io::Result<T> {
    /// Bytes on the stack, with the NUL.
    const STACK_BUFFER_SIZE: usize = 512;
    if bytes.len() >= PATH_MAX {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    if bytes.len() < STACK_BUFFER_SIZE {
        let mut buffer = [0; STACK_BUFFER_SIZE];
        buffer[..bytes.len()].copy_from_slice(bytes);
        let name = CStr::from_bytes_with_nul(&buffer[..=bytes.len()]);
        call(name.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?)
    } else {
        call(&std::ffi::CString::new(bytes)?)
    }
}

/// fchdir(2): changes the calling thread's working directory.
///
/// # Errors
/// EACCES: it may not be searched.
pub(crate) fn change_directory(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::fchdir(fd.as_raw_fd()) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::{Open, here, open_one_by_one};

    #[test]
    fn an_absolute_path_is_opened_name_by_name_over_no_link() {
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("/etc", dir.path().join("link")).expect("a link");
        let open = |path: &str| {
            let path = dir.path().join(path);
            open_one_by_one(here(), path.as_os_str().as_bytes(), Open::Path)
        };
        assert!(open("link").is_ok() && open("link/passwd").is_err());
    }
}
