//! What is mounted where: turns `/proc/self/mountinfo` into the places that changed.
//!
//! A mount over a directory makes no event; the kernel tells of it here. Keeps only
//! mount numbers and places, and holds no descriptor of any mount.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mount {
    /// Where: an absolute path.
    pub(crate) place: Vec<u8>,
    number: u64,
    pub(crate) file_system: String,
}

/// The mounts of this process, and how to learn of others.
pub(crate) struct Mounts {
    /// `/proc/self/mountinfo`, which is exceptional when it has changed.
    file: File,
    pub(crate) mounts: BTreeSet<Mount>,
}

impl Mounts {
    /// What is mounted now.
    ///
    /// # Errors
    /// There is no /proc.
    pub(crate) fn new() -> io::Result<Self> {
        let mut file = File::open("/proc/self/mountinfo")?;
        let mounts = read(&mut file)?;
        Ok(Self { file, mounts })
    }

    /// Reads it again: the places where something was mounted or unmounted.
    pub(crate) fn changed(&mut self) -> Vec<Vec<u8>> {
        // Without an answer nothing is known to have changed; the next change tells.
        let Ok(new) = read(&mut self.file) else {
            return Vec::new();
        };
        let places = new
            .symmetric_difference(&self.mounts)
            .map(|mount| mount.place.clone())
            .collect();
        self.mounts = new;
        places
    }
}

impl AsFd for Mounts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn read(file: &mut File) -> io::Result<BTreeSet<Mount>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok(text
        .split(|&byte| byte == b'\n')
        .filter_map(parse)
        .collect())
}

/// A line: number, parent, device, root, place, options, any more, "-", file system.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let number = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let place = unescaped(fields.nth(3)?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let file_system = String::from_utf8_lossy(fields.next()?).into_owned();
    Some(Mount {
        place,
        number,
        file_system,
    })
}

/// A path in which space, tab, newline and backslash stand as `\ooo`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(octal) if byte == b'\\' => {
                out.push(octal);
                rest = &after[3..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_gives_number_place_and_file_system() {
        let line = br"36 35 98:0 /mnt1 /mnt\040two/a\134b rw,noatime master:1 shared:2 - ext3 /dev/root rw";
        let mount = parse(line).expect("a mount");
        assert_eq!(mount.number, 36);
        assert_eq!(mount.place, br"/mnt two/a\b");
        assert_eq!(mount.file_system, "ext3");
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"36 35 98:0 / /x rw"), None);
    }
}
