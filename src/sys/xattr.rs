//! Reads extended attributes: llistxattr(2), lgetxattr(2). Follows no symbolic link and opens
//! nothing.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// The kernel's limit on a list of names and on a value: XATTR_LIST_MAX, XATTR_SIZE_MAX.
const MOST: usize = 64 << 10;

/// Calls `each` with the name and the value of every extended attribute of a name in a
/// directory. The value of one that may not be read, or is gone by now, is empty. A file system
/// without extended attributes has none.
///
/// # Errors
/// Those of llistxattr(2), but for EOPNOTSUPP.
pub(crate) fn each(
    at: BorrowedFd<'_>,
    name: &[u8],
    mut each: impl FnMut(&CStr, &[u8]),
) -> io::Result<()> {
    let mut path = format!("/proc/self/fd/{}/", at.as_raw_fd()).into_bytes();
    path.extend(name);
    let path = CString::new(path)?;
    let mut names = vec![0_u8; 256];
    let length = loop {
        match list(&path, &mut names) {
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && names.len() < MOST => {
                names.resize(MOST, 0);
            }
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(()),
            other => break other?,
        }
    };
    let mut value = Vec::new();
    for name in names[..length].split_inclusive(|&byte| byte == 0) {
        if let Ok(name) = CStr::from_bytes_with_nul(name) {
            value.resize(MOST, 0);
            let length = get(&path, name, &mut value).unwrap_or(0);
            each(name, &value[..length]);
        }
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

/// lgetxattr(2): the length of the value.
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
