//! Files by descriptor: openat2(2), statx(2), getdents64(2), and paths beyond PATH_MAX.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use super::{bits, check};
use crate::change::Kind;

/// How a name is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// As a place only, whatever it is: a FIFO's writer is not woken (O_PATH).
    Place,
    /// As a place only, and it must be a directory (O_PATH|O_DIRECTORY).
    Directory,
    /// To read its bytes: never waits, never becomes our terminal.
    Bytes,
    /// The same, and the time of its last reading stays (O_NOATIME): for its owner.
    Unnoticed,
    /// To list it.
    Listing,
    /// A pipe, to write what fits.
    Pipe,
}

impl Open {
    /// The flags of open(2).
    fn flags(self) -> i32 {
        libc::O_CLOEXEC
            | match self {
                Self::Place => libc::O_PATH,
                Self::Directory => libc::O_PATH | libc::O_DIRECTORY,
                Self::Bytes => libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
                Self::Unnoticed => Self::Bytes.flags() | libc::O_NOATIME,
                Self::Pipe => libc::O_WRONLY | libc::O_NONBLOCK,
                Self::Listing => libc::O_RDONLY | libc::O_DIRECTORY,
            }
    }
}

/// The working directory, where a relative path begins.
pub(crate) fn here() -> BorrowedFd<'static> {
    // SAFETY: AT_FDCWD stands for the working directory in every `*at` call, is never
    // closed, and is not the forbidden -1.
    unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) }
}

/// openat(2) of a path that is followed wherever it leads.
///
/// # Errors
/// Those of the call.
pub(crate) fn open(at: BorrowedFd<'_>, path: &CStr, how: Open) -> io::Result<OwnedFd> {
    open_with(at, path, how.flags())
}

/// openat(2) of one name; a symbolic link is not followed.
///
/// # Errors
/// Those of the call; ELOOP or ENOTDIR for a symbolic link.
pub(crate) fn open_name(at: BorrowedFd<'_>, name: &CStr, how: Open) -> io::Result<OwnedFd> {
    open_with(at, name, how.flags() | libc::O_NOFOLLOW)
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

/// openat2(2) of a path that leads over no symbolic link.
///
/// # Errors
/// Those of the call; ELOOP where there is one; ENOSYS before Linux 5.6.
pub(crate) fn open_straight(at: BorrowedFd<'_>, path: &CStr, how: Open) -> io::Result<OwnedFd> {
    // SAFETY: open_how is three integers, for which all bits zero are valid.
    let mut wanted: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    wanted.flags = u64::from(bits(how.flags() | libc::O_NOFOLLOW));
    wanted.resolve = libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
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

/// Opens a relative path of any length below `at`, following no symbolic link.
///
/// # Errors
/// Those of openat(2).
pub(crate) fn open_path(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    /// Less than PATH_MAX; a piece ends between two names.
    const PIECE: usize = 3800;
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let from = held.as_ref().map_or(at, AsFd::as_fd);
        let cut = if rest.len() <= PIECE {
            rest.len()
        } else {
            rest[..PIECE]
                .iter()
                .rposition(|&byte| byte == b'/')
                .unwrap_or(rest.len())
        };
        let last = cut == rest.len();
        let piece = if last { how } else { Open::Directory };
        let opened = with_c_str(&rest[..cut], |path| {
            match open_straight(from, path, piece) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    open_one_by_one(from, path.to_bytes(), piece)
                }
                other => other,
            }
        })?;
        if last {
            return Ok(opened);
        }
        held = Some(opened);
        rest = &rest[cut + 1..];
    }
}

/// The same for kernels and sandboxes without openat2(2).
fn open_one_by_one(at: BorrowedFd<'_>, path: &[u8], how: Open) -> io::Result<OwnedFd> {
    let mut held: Option<OwnedFd> = None;
    let mut names = path.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        let from = held.as_ref().map_or(at, AsFd::as_fd);
        let how = if names.peek().is_some() {
            Open::Directory
        } else {
            how
        };
        held = Some(with_c_str(name, |name| open_name(from, name, how))?);
    }
    held.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Calls with the bytes as a C string, which is on the stack where it fits.
pub(crate) fn with_c_str<T>(
    bytes: &[u8],
    call: impl FnOnce(&CStr) -> io::Result<T>,
) -> io::Result<T> {
    const SHORT: usize = 512;
    if bytes.len() < SHORT {
        let mut buffer = [0; SHORT];
        buffer[..bytes.len()].copy_from_slice(bytes);
        let name = CStr::from_bytes_with_nul(&buffer[..=bytes.len()]);
        call(name.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?)
    } else {
        call(&std::ffi::CString::new(bytes)?)
    }
}

/// `/proc/self/fd/N`, through which what a descriptor stands for is named again.
pub(crate) struct FdPath {
    /// The path and its NUL.
    bytes: [u8; 32],
    /// Where the NUL is.
    end: usize,
}

impl FdPath {
    /// The name of a descriptor.
    pub(crate) fn new(fd: BorrowedFd<'_>) -> Self {
        use std::io::Write;
        let mut bytes = [0; 32];
        let mut rest = &mut bytes[..31];
        // 14 bytes and at most 10 digits always fit.
        let _fits = write!(rest, "/proc/self/fd/{}", fd.as_raw_fd());
        let end = 31 - rest.len();
        Self { bytes, end }
    }

    /// The number alone.
    fn number(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes["/proc/self/fd/".len()..=self.end]).unwrap_or(c"")
    }

    /// As a C string.
    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.end]).unwrap_or(c"")
    }
}

/// Opens again, to read, what is open as a place. `/proc/self/fd` is opened once: to
/// find it anew each time would cost more than the file.
///
/// # Errors
/// Those of openat(2); EWOULDBLOCK when a lease is held on it.
pub(crate) fn reopen(fd: BorrowedFd<'_>, how: Open) -> io::Result<OwnedFd> {
    static DESCRIPTORS: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let open_all = || open(here(), c"/proc/self/fd", Open::Directory).ok();
    let path = FdPath::new(fd);
    match DESCRIPTORS.get_or_init(open_all) {
        Some(all) => open(all.as_fd(), path.number(), how),
        None => open(here(), path.as_c_str(), how),
    }
}

/// What statx(2) tells of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RawStat {
    /// Type and permission bits.
    pub(crate) mode: u32,
    /// The file system.
    pub(crate) dev: u64,
    /// The inode's number on it.
    pub(crate) ino: u64,
    /// How many names it has.
    pub(crate) nlink: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Last change of the bytes, in nanoseconds since 1970.
    pub(crate) mtime: i64,
    /// Last change of the inode, likewise.
    pub(crate) ctime: i64,
    /// Birth, where the file system tells it.
    pub(crate) btime: Option<i64>,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
}

impl RawStat {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        match self.mode & libc::S_IFMT {
            libc::S_IFREG => Kind::File,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Symlink,
            _ => Kind::Other,
        }
    }
}

/// statx(2) of a name in a directory; a symbolic link is not followed.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_name(at: BorrowedFd<'_>, name: &CStr) -> io::Result<RawStat> {
    statx(at, name, libc::AT_SYMLINK_NOFOLLOW)
}

/// statx(2) of a path, wherever it leads.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_path(path: &CStr) -> io::Result<RawStat> {
    statx(here(), path, 0)
}

/// statx(2) of what a descriptor stands for.
///
/// # Errors
/// Those of the call.
pub(crate) fn stat_fd(fd: BorrowedFd<'_>) -> io::Result<RawStat> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// statx(2).
fn statx(at: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<RawStat> {
    let mut buffer = MaybeUninit::<libc::statx>::uninit();
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    // SAFETY: `path` is NUL-terminated, `buffer` is memory for one statx.
    check(unsafe {
        libc::statx(
            at.as_raw_fd(),
            path.as_ptr(),
            flags,
            mask,
            buffer.as_mut_ptr(),
        )
    })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    let stat = unsafe { buffer.assume_init() };
    let nanos = |time: libc::statx_timestamp| {
        time.tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(time.tv_nsec))
    };
    Ok(RawStat {
        mode: u32::from(stat.stx_mode),
        dev: u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor),
        ino: stat.stx_ino,
        nlink: stat.stx_nlink,
        size: stat.stx_size,
        mtime: nanos(stat.stx_mtime),
        ctime: nanos(stat.stx_ctime),
        btime: (stat.stx_mask & libc::STATX_BTIME != 0).then(|| nanos(stat.stx_btime)),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
    })
}

/// fchdir(2): the calling thread's working directory.
///
/// # Errors
/// EACCES: it may not be searched.
pub(crate) fn change_directory(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::fchdir(fd.as_raw_fd()) })?;
    Ok(())
}

/// One name that getdents64(2) gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dirent<'a> {
    /// The inode's number, as the directory has it.
    pub(crate) ino: u64,
    /// What it is, where the file system says so there (not `DT_UNKNOWN`).
    pub(crate) kind: Option<Kind>,
    /// The name and its NUL.
    pub(crate) name: &'a CStr,
}

/// getdents64(2): fills `buffer` with the next entries; 0 bytes at the end.
///
/// # Errors
/// Those of the call.
pub(crate) fn read_directory(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (at, len) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: `at` points to `len` writable bytes.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, fd.as_raw_fd(), at, len) };
    Ok(usize::try_from(check(read)?).unwrap_or(0))
}

/// The entries that a read of a directory gave, without `.` and `..`.
pub(crate) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Dirent<'_>> {
    const LENGTH: usize = offset_of!(libc::dirent64, d_reclen);
    const SORT: usize = offset_of!(libc::dirent64, d_type);
    const NAME: usize = offset_of!(libc::dirent64, d_name);
    std::iter::from_fn(move || {
        loop {
            let ino = u64::from_ne_bytes(*bytes.first_chunk()?);
            let length = usize::from(u16::from_ne_bytes(*bytes.get(LENGTH..)?.first_chunk()?));
            let record = bytes.get(..length)?;
            bytes = &bytes[length..];
            let name = CStr::from_bytes_until_nul(record.get(NAME..)?).ok()?;
            if !matches!(name.to_bytes(), b"." | b"..") {
                let kind = match *record.get(SORT)? {
                    libc::DT_UNKNOWN => None,
                    libc::DT_REG => Some(Kind::File),
                    libc::DT_DIR => Some(Kind::Directory),
                    libc::DT_LNK => Some(Kind::Symlink),
                    _ => Some(Kind::Other),
                };
                return Some(Dirent { ino, kind, name });
            }
        }
    })
}
