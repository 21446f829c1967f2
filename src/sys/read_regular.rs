//! Reads a regular file of which nothing is known yet, such as a rule file that another user may
//! replace at any time.
//!
//! Invariant: nothing is opened for reading that was not seen, through an O_PATH descriptor, to be
//! a regular file.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::file::{Open, here, open_path};
use super::fs_error;
use super::open_for_reading::open_for_reading;
use super::stat::stat_fd;
use crate::change::Kind;
use crate::file_status::FsError;

/// The beginning of a regular file, up to a bound.
pub(crate) struct Read {
    pub(crate) bytes: Vec<u8>,
    /// Whether it has more bytes than the bound.
    pub(crate) is_cut: bool,
    /// The user ID of its owner.
    pub(crate) owner: u32,
}

/// A function that reads as [`read_regular`] does, or fails as a test demands.
pub(crate) type ReadFile = fn(&Path, u64) -> io::Result<Option<Read>>;

/// Reads at most `limit` bytes of a regular file; `None` if nothing is there, and for anything
/// else, which is not opened: no symbolic link on the path is followed, a FIFO not waited for.
///
/// # Errors
/// What is there is not known, or it cannot be read now.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Option<Read>> {
    let path = path.as_os_str().as_bytes();
    let handle = match open_path(here(), path, Open::Path) {
        Ok(handle) => handle,
        Err(error) if fs_error(&error) == FsError::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let stat = stat_fd(handle.as_fd())?;
    if stat.kind != Kind::File {
        return Ok(None);
    }
    let owner = stat.attributes.uid;
    let opened = File::from(open_for_reading(handle.as_fd(), owner)?);
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes)?;
    let is_cut = u64::try_from(bytes.len()).is_ok_and(|read| read > limit);
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Some(Read {
        bytes,
        is_cut,
        owner,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::read_regular;

    #[test]
    fn the_time_of_the_last_access_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "x").expect("written");
        // Older than the mtime: read(2) sets it, with the mount option relatime, too.
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let times = FileTimes::new().set_accessed(long_ago);
        let file = File::options().write(true).open(&path).expect("open");
        file.set_times(times).expect("set");
        read_regular(&path, 10).expect("an answer").expect("bytes");
        let accessed = file.metadata().and_then(|found| found.accessed());
        assert_eq!(accessed.expect("a time"), long_ago);
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("a link");
        // A read(2) of /dev/zero would give ten bytes.
        for path in [Path::new("/dev/zero"), dir.path(), &link] {
            let read = read_regular(path, 10).expect("an answer");
            assert!(read.is_none(), "{}", path.display());
        }
        let file = dir.path().join("file");
        std::fs::write(&file, "0123456789a").expect("written");
        let read = read_regular(&file, 10).expect("an answer").expect("bytes");
        assert_eq!(
            (read.bytes.as_slice(), read.is_cut),
            (&b"0123456789"[..], true)
        );
    }
}
