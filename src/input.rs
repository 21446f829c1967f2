//! Reads the lists of PATHs and of globs that the command line names; `-` is stdin.
//!
//! Waits for a FIFO without a writer, a terminal and a slow pipe, but not when a signal asks for
//! the end, or when nobody reads the output any more. Invariant: no more than [`MAX_BYTES`] are
//! read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, plain};
use crate::escape::escaped;
use crate::sys::epoll::{Epoll, Interest, Readiness};
use crate::sys::file::{Open, here, open};
use crate::sys::signal::{Signal, Signals};

/// A longer list is refused: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// stdin as it was before a daemon closed it. It can be read once.
pub(crate) struct Stdin(Option<OwnedFd>);

impl Stdin {
    pub(crate) fn keep() -> Self {
        Self(io::stdin().as_fd().try_clone_to_owned().ok())
    }
}

/// The result of reading.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    /// A signal asks for the end.
    Stopped(Signal),
    /// The reader of the output is gone.
    ReaderGone,
}

/// Reads the files that options name.
pub(crate) struct ListReader<'a> {
    pub(crate) stdin: Stdin,
    pub(crate) signals: &'a Signals,
    /// Whether SIGHUP asks for the end, too; with a log, there is nothing to be opened anew yet.
    pub(crate) hang_up_ends: bool,
    /// Where records will go, if its reader may go away.
    pub(crate) output: Option<BorrowedFd<'a>>,
}

impl ListReader<'_> {
    /// Reads a file, which `option` names.
    ///
    /// # Errors
    /// It cannot be opened or read, or is too long; stdin was read before.
    pub(crate) fn read(&mut self, option: &str, path: &Path) -> Result<Input, Error> {
        let name = path.as_os_str().as_bytes();
        let failed = |error: io::Error| {
            let (shown, why) = (escaped(name), plain(&error));
            Error::Usage(format!(
                "cannot read {shown}: {why}; {option} takes a readable file, or - for stdin"
            ))
        };
        let file = if name == b"-" {
            let Some(fd) = self.stdin.0.take() else {
                return Err(Error::Usage(format!(
                    "{option} -: stdin is closed, or is read by another option"
                )));
            };
            File::from(fd)
        } else {
            File::from(open(here(), name, Open::Bytes).map_err(failed)?)
        };
        self.read_whole(&file).map_err(failed)
    }

    fn read_whole(&self, file: &File) -> io::Result<Input> {
        const FILE: u64 = 0;
        const SIGNAL: u64 = 1;
        const OUTPUT: u64 = 2;
        let epoll = Epoll::new()?;
        epoll.add(self.signals.as_fd(), SIGNAL, Interest::Readable)?;
        if let Some(output) = self.output {
            // EPERM: a regular file, which has no reader.
            let _added = epoll.add(output, OUTPUT, Interest::HangUp);
        }
        // EPERM: a regular file, which is always ready.
        let waits = epoll.add(file.as_fd(), FILE, Interest::Readable).is_ok();
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        let mut ready: Vec<Readiness> = Vec::new();
        loop {
            if waits {
                epoll.wait(None, &mut ready)?;
                let is_ready = |token| ready.iter().any(|each| each.token == token);
                if is_ready(SIGNAL)
                    && let Some(signal) = self.end()
                {
                    return Ok(Input::Stopped(signal));
                }
                if is_ready(OUTPUT) {
                    return Ok(Input::ReaderGone);
                }
                if !is_ready(FILE) {
                    continue;
                }
            }
            match (&*file).read(&mut chunk) {
                Ok(0) => return Ok(Input::Bytes(bytes)),
                Ok(length) => bytes.extend(&chunk[..length]),
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
            if bytes.len() as u64 > MAX_BYTES {
                return Err(io::Error::other("it is longer than 64 MiB"));
            }
        }
    }

    /// The first signal that asks for the end.
    fn end(&self) -> Option<Signal> {
        std::iter::from_fn(|| self.signals.next()).find(|signal| match signal {
            Signal::User1 => false,
            Signal::HangUp => self.hang_up_ends,
            Signal::Interrupt | Signal::Terminate | Signal::Other(_) => true,
        })
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}

/// The PATHs of a list: one a line, or each ended by NUL.
pub(crate) fn split_paths(bytes: &[u8], nul: bool) -> Vec<Vec<u8>> {
    let end = if nul { 0 } else { b'\n' };
    bytes
        .split(|&byte| byte == end)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::split_paths;

    #[test]
    fn a_list_has_a_path_a_line_or_one_before_each_nul() {
        let lines: [&[u8]; 2] = [b"a b", b" c\r"];
        assert_eq!(split_paths(b"a b\n\n c\r\n", false), lines);
        let raw: [&[u8]; 2] = [b"a\nb", b"\xff"];
        assert_eq!(split_paths(b"a\nb\0\xff", true), raw);
        assert_eq!(split_paths(b"", false), Vec::<Vec<u8>>::new());
        assert_eq!(split_paths(b"\n", false), Vec::<Vec<u8>>::new());
    }
}
