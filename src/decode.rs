//! Turns the bytes of a read(2) on an inotify descriptor into events.
//!
//! Makes no system call, and never panics or reads past its buffer: any bytes give events or an
//! error. Invariant: a name is within the `len` bytes of its header.

#![allow(unsafe_code)]

use std::mem::size_of;

use libc::inotify_event;

use crate::event::{ContentEvent, Cookie, Event, NameEvent, SelfEvent, Wd};

/// The bytes of an `inotify_event` before its name.
const HEADER: usize = size_of::<inotify_event>();

/// The buffer does not hold whole events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The number of bytes that are no event.
    pub(crate) left: usize,
}

/// The events in a buffer, one after the other.
#[derive(Clone)]
pub(crate) struct Events<'a> {
    rest: &'a [u8],
}

impl<'a> Events<'a> {
    /// `bytes`: those of one or more reads.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The number of bytes that are not decoded yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = header(self.rest).and_then(|header| {
            let len = usize::try_from(header.len).ok()?;
            let end = HEADER.checked_add(len)?;
            Some((header, self.rest.get(HEADER..end)?, self.rest.get(end..)?))
        });
        let Some((header, name, rest)) = split else {
            let left = self.rest.len();
            self.rest = &[];
            return Some(Err(Malformed { left }));
        };
        self.rest = rest;
        Some(Ok(typed(&header, unpadded(name))))
    }
}

/// The header at the beginning of the bytes, if they have one.
fn header(bytes: &[u8]) -> Option<inotify_event> {
    let header = bytes.get(..HEADER)?;
    // SAFETY: `header` is HEADER readable bytes; `read_unaligned` asks for no
    // alignment; and every bit pattern is a valid `inotify_event`, which is four
    // integers (its flexible name is not part of the type).
    Some(unsafe { header.as_ptr().cast::<inotify_event>().read_unaligned() })
}

/// The name without the NUL bytes that pad it.
fn unpadded(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|&byte| byte == 0);
    &name[..end.unwrap_or(name.len())]
}

/// The event of a header and a name.
fn typed<'a>(header: &inotify_event, name: &'a [u8]) -> Event<'a> {
    let (wd, mask) = (Wd(header.wd), header.mask);
    if mask & libc::IN_Q_OVERFLOW != 0 {
        return Event::QueueOverflow;
    }
    let self_event = |event| Event::Inode { wd, event };
    if mask & libc::IN_IGNORED != 0 {
        return self_event(SelfEvent::Ignored);
    }
    if mask & libc::IN_UNMOUNT != 0 {
        return self_event(SelfEvent::Unmount);
    }
    let what = mask & libc::IN_ALL_EVENTS;
    let content = match what {
        libc::IN_MODIFY => Some(ContentEvent::Modify),
        libc::IN_CLOSE_WRITE => Some(ContentEvent::CloseWrite),
        libc::IN_ATTRIB => Some(ContentEvent::Attrib),
        _ => None,
    };
    if name.is_empty() {
        return match (what, content) {
            (_, Some(event)) => Event::InodeContent { wd, event },
            (libc::IN_DELETE_SELF, None) => self_event(SelfEvent::DeleteSelf),
            (libc::IN_MOVE_SELF, None) => self_event(SelfEvent::MoveSelf),
            _ => Event::Unknown { wd, mask },
        };
    }
    let cookie = Cookie(header.cookie);
    let event = match (what, content) {
        (_, Some(event)) => NameEvent::Content(event),
        (libc::IN_CREATE, None) => NameEvent::Create,
        (libc::IN_DELETE, None) => NameEvent::Delete,
        (libc::IN_MOVED_FROM, None) => NameEvent::MovedFrom(cookie),
        (libc::IN_MOVED_TO, None) => NameEvent::MovedTo(cookie),
        _ => return Event::Unknown { wd, mask },
    };
    let is_dir = mask & libc::IN_ISDIR != 0;
    Event::Name {
        wd,
        name,
        is_dir,
        event,
    }
}

#[cfg(test)]
mod tests;
