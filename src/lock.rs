//! Opens the log and the pid file, without taking a link or a file that another user may have put
//! there, and locks them, so that no second balerion writes to them.
//!
//! The lock belongs to the descriptor: it is released however its holder ends.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use crate::error::{plain, remedy_for_any_path};
use crate::escape::escaped;
use crate::file_status::Inode;
use crate::sys::file;
use crate::sys::lock::{self, Lock};
use crate::sys::process;
use crate::sys::stat::{stat_fd, stat_name, stat_path};

/// Attempts to lock, since the holder may be about to end.
const TRIES: usize = 10;

/// The time between two attempts: 20 ms, 0.2 s in all.
const PAUSE: Duration = Duration::from_millis(20);

/// What is done with a file that has a lock for reading. balerion does not set one, but any user who
/// may read the file can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LockedByReader {
    /// It is removed, and a new one is made.
    Replace,
    /// It is written to without a lock.
    Share,
}

pub(crate) struct LockedFile {
    pub(crate) file: File,
    /// Whether we have the lock.
    pub(crate) is_locked: bool,
}

/// Opens the log or the pid file and locks it, for as long as it stays open.
///
/// # Errors
/// A message with the file, why it cannot be opened, and what to do.
pub(crate) fn open_locked(
    path: &Path,
    mode: u32,
    locked_by_reader: LockedByReader,
) -> Result<LockedFile, String> {
    let shown = escaped(path.as_os_str().as_bytes());
    let mut holder = None;
    for _ in 0..TRIES {
        let file = open(path, mode).map_err(|why| format!("cannot open {shown}: {why}"))?;
        let lock = lock::lock(&file);
        match lock.map_err(|error| format!("cannot lock {shown}: {}", plain(&error)))? {
            Lock::Taken if is_at(&file, path) => {
                let is_locked = true;
                return Ok(LockedFile { file, is_locked });
            }
            // Its holder may have removed it, so that another file is there by now.
            Lock::Taken => continue,
            Lock::HeldByReader if locked_by_reader == LockedByReader::Share => {
                let is_locked = false;
                return Ok(LockedFile { file, is_locked });
            }
            Lock::HeldByReader => {
                if is_at(&file, path) {
                    let removed = fs::remove_file(path);
                    removed.map_err(|error| format!("cannot remove {shown}: {}", plain(&error)))?;
                }
                continue;
            }
            Lock::HeldByWriter => holder = self::holder(&file),
        }
        if holder == Some(std::process::id()) {
            return Err(format!(
                "{shown} is both the log and the pid file; give two files"
            ));
        }
        std::thread::sleep(PAUSE);
    }
    let holder = holder.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    Err(format!(
        "{shown} is in use by another balerion{holder}; stop that one first, or give another file"
    ))
}

/// Opens a regular file. The error is the end of a message.
fn open(path: &Path, mode: u32) -> Result<File, String> {
    // A device is not even opened. The file that was opened is checked again below.
    if let Ok(found) = fs::symlink_metadata(path) {
        refuse(found.file_type())?;
    }
    let file = match lock::open_appending(path, mode) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("its directory is not there; make it first".to_owned());
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(format!("{}; run as a user who may write it", plain(&error)));
        }
        Err(error) => {
            return Err(plain(&error) + remedy_for_any_path(&error).unwrap_or_default());
        }
    };
    let found = file.metadata().map_err(|error| plain(&error))?;
    refuse(found.file_type())?;
    refuse_planted(path, &found)?;
    Ok(file)
}

/// Refuses a file of another user in a sticky directory where others may make files, such as `/tmp`:
/// that user could read and change what is written. As `fs.protected_regular` does, proc(5), which
/// may be off; that lets the owner of the directory, too.
fn refuse_planted(path: &Path, found: &Metadata) -> Result<(), String> {
    // Bits of the mode, chmod(2).
    const STICKY: u32 = 0o1000;
    const OTHERS_MAY_WRITE: u32 = 0o022;
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let dir = fs::metadata(dir).map_err(|error| plain(&error))?;
    let is_shared = dir.mode() & STICKY != 0 && dir.mode() & OTHERS_MAY_WRITE != 0;
    let owner = found.uid();
    if is_shared && owner != process::effective_user() && owner != dir.uid() {
        return Err(format!(
            "it belongs to another user (ID {owner}), in a directory where anyone may put files; \
             remove it, or give another path"
        ));
    }
    Ok(())
}

fn refuse(kind: FileType) -> Result<(), String> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        return Err("it is a symbolic link, and those are not followed here; give the path of the file itself".to_owned());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(format!(
        "it is {what}; give a regular file, or a path where nothing is"
    ))
}

/// Whether a path still leads to an open file.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let opened = stat_fd(file.as_fd());
    let path = path.as_os_str().as_bytes();
    let there = stat_name(file::here(), path);
    match (opened, there) {
        (Ok(opened), Ok(there)) => opened.inode == there.inode,
        _ => false,
    }
}

/// The process that holds the lock: from /proc/PID/fdinfo, else the pid in the file.
fn holder(file: &File) -> Option<u32> {
    let inode = stat_fd(file.as_fd()).ok()?.inode;
    let this = std::process::id();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut pids = std::iter::once(this).chain(all);
    let by_kernel = pids.find(|&pid| has_locked(pid, inode));
    by_kernel.or_else(|| recorded(file).ok().flatten())
}

/// Whether a process has a lock of an open file description on an inode: a line
/// `lock: 1: OFDLCK ADVISORY WRITE -1 00:1b:4711 0 EOF` in its /proc/PID/fdinfo (proc(5)). The device
/// there is not that of stat(2) on all file systems; where /proc/PID/fd may not be read, that of
/// another one may have the number, too.
fn has_locked(pid: u32, inode: Inode) -> bool {
    let ends_with_number = format!(":{}", inode.ino);
    let is_lock = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.first() == Some(&"lock:")
            && words.get(2) == Some(&"OFDLCK")
            && words.get(4) == Some(&"WRITE")
            && words
                .get(6)
                .is_some_and(|word| word.ends_with(&ends_with_number))
    };
    let open = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let mut infos = open.into_iter().flatten().flatten();
    infos.any(|info| {
        let has_lock = fs::read_to_string(info.path()).is_ok_and(|text| text.lines().any(is_lock));
        has_lock && {
            let path = format!("/proc/{pid}/fd/{}", info.file_name().display());
            stat_path(path.as_bytes()).map_or(true, |found| found.inode == inode)
        }
    })
}

/// The process ID in a pid file.
///
/// # Errors
/// `InvalidData`: it has another content.
pub(crate) fn recorded(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 32];
    let read = file.read_at(&mut bytes, 0)?;
    let text = str::from_utf8(&bytes[..read]).unwrap_or("?").trim();
    match text.parse() {
        Ok(pid) if read < bytes.len() => Ok(Some(pid)),
        _ if text.is_empty() && read < bytes.len() => Ok(None),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}
