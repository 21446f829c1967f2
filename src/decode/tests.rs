//! The decoder against valid buffers, their prefixes, and arbitrary bytes.

use proptest::prelude::*;

use super::{Events, HEADER, Malformed};
use crate::event::{ContentEvent, Cookie, Event, NameEvent, SelfEvent, Wd};

/// The bytes of one event; the name is padded to `len` bytes.
fn raw(wd: i32, mask: u32, cookie: u32, name: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(wd.to_ne_bytes());
    bytes.extend(mask.to_ne_bytes());
    bytes.extend(cookie.to_ne_bytes());
    bytes.extend(u32::try_from(len).expect("a short name").to_ne_bytes());
    bytes.extend(name);
    bytes.resize(HEADER + len, 0);
    bytes
}

#[test]
fn every_mask_bit_in_use_becomes_its_event() {
    let cookie = Cookie(7);
    let names = [
        (libc::IN_CREATE, NameEvent::Create),
        (libc::IN_DELETE, NameEvent::Delete),
        (libc::IN_MOVED_FROM, NameEvent::MovedFrom(cookie)),
        (libc::IN_MOVED_TO, NameEvent::MovedTo(cookie)),
        (libc::IN_MODIFY, NameEvent::Content(ContentEvent::Modify)),
        (
            libc::IN_CLOSE_WRITE,
            NameEvent::Content(ContentEvent::CloseWrite),
        ),
        (libc::IN_ATTRIB, NameEvent::Content(ContentEvent::Attrib)),
    ];
    for (mask, event) in names {
        for (flag, is_dir) in [(0, false), (libc::IN_ISDIR, true)] {
            let bytes = raw(3, mask | flag, 7, b"a.txt", 16);
            let event = Event::Name {
                wd: Wd(3),
                name: b"a.txt",
                is_dir,
                event,
            };
            assert_eq!(Events::new(&bytes).collect::<Vec<_>>(), [Ok(event)]);
        }
    }
    let self_events = [
        (libc::IN_DELETE_SELF, SelfEvent::DeleteSelf),
        (libc::IN_MOVE_SELF | libc::IN_ISDIR, SelfEvent::MoveSelf),
        (libc::IN_UNMOUNT | libc::IN_ISDIR, SelfEvent::Unmount),
        (libc::IN_IGNORED, SelfEvent::Ignored),
    ];
    let wd = Wd(4);
    let self_events = self_events.map(|(mask, event)| (mask, Event::Inode { wd, event }));
    let content_events = [
        (libc::IN_MODIFY, ContentEvent::Modify),
        (libc::IN_CLOSE_WRITE, ContentEvent::CloseWrite),
        (libc::IN_ATTRIB | libc::IN_ISDIR, ContentEvent::Attrib),
    ];
    let content_events =
        content_events.map(|(mask, event)| (mask, Event::InodeContent { wd, event }));
    for (mask, event) in self_events.into_iter().chain(content_events) {
        let bytes = raw(4, mask, 0, b"", 0);
        assert_eq!(Events::new(&bytes).collect::<Vec<_>>(), [Ok(event)]);
    }
    let bytes = raw(-1, libc::IN_Q_OVERFLOW, 0, b"", 0);
    assert_eq!(
        Events::new(&bytes).collect::<Vec<_>>(),
        [Ok(Event::QueueOverflow)]
    );
    let bytes = raw(5, libc::IN_OPEN, 0, b"x", 16);
    let unknown = Event::Unknown {
        wd: Wd(5),
        mask: libc::IN_OPEN,
    };
    assert_eq!(Events::new(&bytes).collect::<Vec<_>>(), [Ok(unknown)]);
}

#[test]
fn a_name_ends_at_its_padding_or_at_its_length_and_never_takes_the_next_record() {
    for (name, len) in [
        (&b"a"[..], 16),
        (b"a", 1),
        (b"0123456789abcde", 16),
        (b"0123456789abcdef", 16),
    ] {
        let mut bytes = raw(1, libc::IN_CREATE, 0, name, len);
        bytes.extend(raw(2, libc::IN_DELETE, 0, b"next", 16));
        let events: Vec<_> = Events::new(&bytes).collect();
        let first = Event::Name {
            wd: Wd(1),
            name,
            is_dir: false,
            event: NameEvent::Create,
        };
        let next = Event::Name {
            wd: Wd(2),
            name: b"next",
            is_dir: false,
            event: NameEvent::Delete,
        };
        assert_eq!(events, [Ok(first), Ok(next)]);
    }
}

#[test]
fn every_prefix_gives_the_whole_events_and_then_one_error() {
    let pieces = [
        raw(1, libc::IN_CREATE, 0, b"one", 16),
        raw(1, libc::IN_DELETE_SELF, 0, b"", 0),
        raw(2, libc::IN_MOVED_TO, 9, b"a longer name", 32),
    ];
    let whole: Vec<u8> = pieces.concat();
    for end in 0..=whole.len() {
        let mut complete = 0;
        let mut used = 0;
        for piece in &pieces {
            if used + piece.len() > end {
                break;
            }
            complete += 1;
            used += piece.len();
        }
        let found: Vec<_> = Events::new(&whole[..end]).collect();
        assert_eq!(
            found.iter().filter(|event| event.is_ok()).count(),
            complete,
            "prefix of {end}"
        );
        let error = (used < end).then_some(Err(Malformed { left: end - used }));
        assert_eq!(
            found.into_iter().find(Result::is_err),
            error,
            "prefix of {end}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_give_events_or_an_error_and_names_lie_within(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let range = bytes.as_ptr_range();
        let mut errors = 0;
        for event in Events::new(&bytes) {
            prop_assert_eq!(errors, 0, "nothing follows an error");
            match event {
                Ok(Event::Name { name, .. }) => {
                    prop_assert!(!name.is_empty() && !name.contains(&0));
                    prop_assert!(range.start <= name.as_ptr() && name.as_ptr_range().end <= range.end);
                }
                Ok(_) => {}
                Err(Malformed { left }) => {
                    prop_assert!(left > 0 && left <= bytes.len());
                    errors += 1;
                }
            }
        }
    }

    #[test]
    fn plausible_headers_with_any_length_never_reach_past_the_end(
        wd in any::<i32>(), mask in any::<u32>(), len in 0u32..80, have in 0usize..80,
    ) {
        let mut bytes = raw(wd, mask, 0, b"", 0);
        bytes[12..16].copy_from_slice(&len.to_ne_bytes());
        bytes.resize(HEADER + have, b'n');
        let first = Events::new(&bytes).next().expect("not empty");
        prop_assert_eq!(first.is_ok(), usize::try_from(len).expect("small") <= have);
    }
}
