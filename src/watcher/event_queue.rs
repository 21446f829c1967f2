//! Reads bytes from the kernel queue, and keeps them until they are applied.
//!
//! Decodes nothing. Invariant: bytes leave in the order in which they were read, and no more
//! than [`MAX_KEPT`] and one read are kept: what does not fit waits in the kernel queue, which
//! reports its overflow.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crate::sys::inotify::Inotify;

/// Size of the buffer for one read(2): 64 KiB.
const READ: usize = 64 << 10;

/// Bytes kept until they are applied, at most: 16 MiB.
const MAX_KEPT: usize = 16 << 20;

pub(super) struct EventQueue {
    inotify: Arc<Inotify>,
    arriving: Box<[u8]>,
    bytes: Vec<u8>,
    /// How many of `bytes` were applied.
    applied: usize,
}

impl EventQueue {
    pub(super) fn new(inotify: Arc<Inotify>) -> Self {
        Self {
            inotify,
            arriving: vec![0; READ].into(),
            bytes: Vec::new(),
            applied: 0,
        }
    }

    /// Whether all that was read was applied.
    pub(super) fn is_empty(&self) -> bool {
        self.applied == self.bytes.len()
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.applied >= MAX_KEPT
    }

    /// Reads what is in the kernel queue, as far as there is room; returns the number of bytes.
    ///
    /// # Errors
    /// Those of read(2).
    pub(super) fn read(&mut self) -> io::Result<usize> {
        let mut count = 0;
        while !self.is_full() {
            let read = self.inotify.read(&mut self.arriving)?;
            self.bytes.extend_from_slice(&self.arriving[..read]);
            count += read;
            if read < READ / 2 {
                break;
            }
        }
        Ok(count)
    }

    pub(super) fn inotify(&self) -> &Arc<Inotify> {
        &self.inotify
    }

    /// Reads and drops the events of another kernel queue, of which only counts that there were
    /// some. Stops after a while, since other users may keep that queue full.
    pub(super) fn discard(&mut self, other: &Inotify) {
        for _ in 0..16 {
            if !other.read(&mut self.arriving).is_ok_and(|read| read > 0) {
                break;
            }
        }
    }

    /// Takes all bytes out, with the offset of the first one that is not applied, until
    /// [`put_back`](Self::put_back).
    pub(super) fn take(&mut self) -> (Vec<u8>, usize) {
        let applied = std::mem::take(&mut self.applied);
        (std::mem::take(&mut self.bytes), applied)
    }

    /// Puts bytes back, of which `applied` are applied now, before what may have been read meanwhile.
    pub(super) fn put_back(&mut self, mut bytes: Vec<u8>, mut applied: usize) {
        if applied == bytes.len() {
            applied = 0;
            bytes.clear();
            bytes.shrink_to(READ);
        } else if applied > bytes.len() / 2 {
            bytes.drain(..applied);
            applied = 0;
        }
        bytes.append(&mut self.bytes);
        self.bytes = bytes;
        self.applied = applied;
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, EventQueue, Inotify};

    #[test]
    fn bytes_leave_in_order_whatever_part_of_them_is_applied() {
        let inotify = Inotify::new().expect("a queue can be made");
        let mut events = EventQueue::new(Arc::new(inotify));
        let mut expected = Vec::new();
        let mut applied: Vec<u8> = Vec::new();
        for round in 0..200_u8 {
            let news: Vec<u8> = (0..round % 7).map(|each| each ^ round).collect();
            expected.extend(&news);
            events.bytes.extend(&news);
            let (bytes, from) = events.take();
            let to = from + (bytes.len() - from) * usize::from(round % 4) / 3;
            applied.extend(&bytes[from..to]);
            // Read while those were applied.
            expected.push(round);
            events.bytes.push(round);
            events.put_back(bytes, to);
        }
        let (bytes, from) = events.take();
        applied.extend(&bytes[from..]);
        assert_eq!(applied, expected);
        events.put_back(Vec::new(), 0);
        assert!(events.is_empty());
    }
}
