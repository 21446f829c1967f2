//! Files of our own, besides what is printed: opened without following what somebody
//! may have planted, and locked, so that no second balerion writes to them.
//!
//! The lock goes with the descriptor: it is free again however its holder ends.

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use crate::error::plain;
use crate::escape::escaped;
use crate::sys::stat::{stat_fd, stat_name};
use crate::sys::{daemon, file};

/// How often it is tried: the holder may be about to end.
const TRIES: usize = 10;

/// Between two attempts: they last for a fifth of a second.
const PAUSE: Duration = Duration::from_millis(20);

/// Opens a file of ours and locks it, for as long as it stays open.
///
/// # Errors
/// A sentence that names the file, why it cannot be had, and what to do.
pub(crate) fn claim(path: &Path, mode: u32) -> Result<File, String> {
    let shown = escaped(path.as_os_str().as_bytes());
    let mut holder = None;
    for _ in 0..TRIES {
        let file = open(path, mode).map_err(|why| format!("cannot open {shown}: {why}"))?;
        match daemon::lock(&file) {
            Ok(true) if is_at(&file, path) => return Ok(file),
            // Its holder has just removed it, and another may be there by now.
            Ok(true) => continue,
            Ok(false) => holder = self::holder(&file),
            Err(error) => return Err(format!("cannot lock {shown}: {}", plain(&error))),
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

/// Opens a regular file; a sentence's end says why not.
fn open(path: &Path, mode: u32) -> Result<File, String> {
    // Devices are not even opened; what is put there after this look is seen below.
    if let Ok(found) = fs::symlink_metadata(path) {
        refuse(found.file_type())?;
    }
    let file = match daemon::open_own(path, mode) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("its directory is not there; make it first".to_owned());
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(format!("{}; run as a user who may write it", plain(&error)));
        }
        Err(error) => return Err(plain(&error)),
    };
    let found = file.metadata().map_err(|error| plain(&error))?;
    refuse(found.file_type())?;
    Ok(file)
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
    let there = file::with_c_str(path, |path| stat_name(file::here(), path));
    match (opened, there) {
        (Ok(opened), Ok(there)) => opened.inode == there.inode,
        _ => false,
    }
}

/// Who holds the lock: by the kernel's list, else as a pid file tells.
fn holder(file: &File) -> Option<u32> {
    let raw = stat_fd(file.as_fd()).ok()?;
    let place = format!(
        "{:02x}:{:02x}:{}",
        raw.inode.dev >> 32,
        raw.inode.dev & 0xffff_ffff,
        raw.inode.ino
    );
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut locks = locks
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours =
        locks.find(|words| words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&place.as_str()));
    let pid = ours.and_then(|words| words.get(4)?.parse().ok());
    pid.or_else(|| recorded(file).ok().flatten())
}

/// The number that a pid file holds.
///
/// # Errors
/// `InvalidData`: it holds something else.
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
