//! Reads extended attributes: llistxattr(2), lgetxattr(2). Follows no symbolic link and opens
//! nothing.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// The kernel's limit on a list of names: XATTR_LIST_MAX. It has room for some 8,000 names.
const LONGEST_LIST: usize = 64 << 10;

/// Bytes of values that are read of one name: 1 MiB. Each value may have 64 KiB (XATTR_SIZE_MAX).
const MOST_BYTES: usize = 1 << 20;

/// What is known of the value of an extended attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value<'a> {
    Bytes(&'a [u8]),
    /// It was not read, since there are too many bytes in all.
    Length(usize),
}

/// Calls `each` with the name and the value of every extended attribute of a name in a
/// directory, in the order of their names. Once a value does not fit into [`MOST_BYTES`], only
/// lengths are found out. The value of one that may not be read, or is gone by now, is empty. A
/// file system without extended attributes has none.
///
/// # Errors
/// Those of llistxattr(2), but for EOPNOTSUPP.
pub(crate) fn each(
    at: BorrowedFd<'_>,
    name: &[u8],
    mut each: impl FnMut(&CStr, Value<'_>),
) -> io::Result<()> {
    let mut path = format!("/proc/self/fd/{}/", at.as_raw_fd()).into_bytes();
    path.extend(name);
    let path = CString::new(path)?;
    let mut names = vec![0_u8; 256];
    let length = loop {
        match list(&path, &mut names) {
            Err(error)
                if error.raw_os_error() == Some(libc::ERANGE) && names.len() < LONGEST_LIST =>
            {
                names.resize(LONGEST_LIST, 0);
            }
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(()),
            other => break other?,
        }
    };
    // In another order, others would fit after each change.
    let mut sorted: Vec<_> = names[..length]
        .split_inclusive(|&byte| byte == 0)
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
        .collect();
    sorted.sort_unstable();
    let mut left = MOST_BYTES;
    let mut buffer = Vec::new();
    for name in sorted {
        // With no room given, the call returns the length.
        let length = get(&path, name, &mut []).unwrap_or(0);
        left = left.saturating_sub(length);
        if length > 0 && left == 0 {
            each(name, Value::Length(length));
            continue;
        }
        buffer.resize(length, 0);
        let read = match length {
            0 => 0,
            _ => get(&path, name, &mut buffer).unwrap_or(0),
        };
        each(name, Value::Bytes(&buffer[..read]));
    }
    Ok(())
}

/// llistxattr(2): the length of the list of names.
fn list(path: &CStr, names: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `path` is NUL-terminated; the kernel writes no more than the length given
    // into `names`, which is that long. c_char and u8 have one layout.
    let length =
        check(unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) })?;
    Ok(usize::try_from(length).expect("a length is not negative"))
}

/// lgetxattr(2): the length of the value, which is read if `value` has room for any.
fn get(path: &CStr, name: &CStr, value: &mut [u8]) -> io::Result<usize> {
    // SAFETY: both are NUL-terminated; the kernel writes no more than the length given into
    // `value`, which is that long.
    let length = check(unsafe {
        libc::lgetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    })?;
    Ok(usize::try_from(length).expect("a length is not negative"))
}
