//! Turns one line of a JSON stream into a record.
//!
//! The stream may come from anybody: what is no record gives `None`, never a panic, and
//! fields and events that are not known are ignored.

use std::borrow::Cow;

use super::line::Line;
use super::time::nanoseconds;
use crate::change::{Attributes, Digest, InodeTimes, Kind};
use crate::file_status::COARSEST_CLOCK;

/// The file or directory at a path, as a record has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) digest: Option<Digest>,
    pub(super) times: Option<InodeTimes>,
    pub(super) attributes: Option<Attributes>,
    /// Whether the times are racily clean: a write after they were read may have left them the
    /// same.
    pub(super) is_racy: bool,
}

/// A `start` record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Start {
    pub(super) session: String,
    pub(super) resumes: Option<String>,
    /// The PATHs as given; `absolute` has the same ones as absolute paths.
    pub(super) paths: Vec<Vec<u8>>,
    pub(super) absolute: Vec<Vec<u8>>,
}

/// A path, borrowed from the line or decoded from it.
pub(super) type RecordPath<'a> = Cow<'a, [u8]>;

/// `P` is what holds a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record<P> {
    Start(Start),
    Ready {
        /// Whether it reports that nothing is there.
        is_empty: bool,
    },
    /// `existing`, `created`, `changed` or `closed`.
    State {
        event: StateEvent,
        path: P,
        state: State,
    },
    Renamed {
        from: P,
        path: P,
    },
    Deleted(P),
    /// Mode and owner changed.
    AttributesChanged {
        path: P,
        attributes: Attributes,
    },
    /// The mtime changed, and the bytes did not.
    Touched {
        path: P,
        mtime: i64,
    },
    /// An event that changes no name and no content, or one of a later version.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StateEvent {
    Existing,
    Created,
    /// `changed` or `closed`.
    Changed,
}

impl<'a> Record<RecordPath<'a>> {
    /// Reads a line. `None`: it is no record.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        if let Some(line) = Line::parse(line) {
            return Self::from_line(line);
        }
        // Fields of a later version's event may have the names of ours and other types.
        let event = Line::parse_event(line)?;
        Self::from_line(event).filter(|record| *record == Self::Other)
    }

    fn from_line(mut line: Line<'a>) -> Option<Self> {
        let event = match &*line.event {
            "existing" => StateEvent::Existing,
            "created" => StateEvent::Created,
            "changed" | "closed" => StateEvent::Changed,
            "start" => return start(line).map(Self::Start),
            "ready" => {
                let is_empty = (line.directories, line.files) == (Some(0), Some(0));
                return Some(Self::Ready { is_empty });
            }
            "renamed" => {
                let (from, from_hex) = (std::mem::take(&mut line.from), &line.from_hex);
                return Some(Self::Renamed {
                    from: bytes(from, from_hex)?,
                    path: bytes(line.path, &line.path_hex)?,
                });
            }
            "deleted" => return bytes(line.path, &line.path_hex).map(Self::Deleted),
            "attributes" => {
                return Some(Self::AttributesChanged {
                    attributes: attributes(&line)?,
                    path: bytes(line.path, &line.path_hex)?,
                });
            }
            "touched" => {
                return Some(Self::Touched {
                    mtime: nanoseconds(&line.mtime)?,
                    path: bytes(line.path, &line.path_hex)?,
                });
            }
            "" => return None,
            _ => return Some(Self::Other),
        };
        let state = state(&line)?;
        let path = bytes(line.path, &line.path_hex)?;
        Some(Self::State { event, path, state })
    }
}

impl<P> Record<P> {
    /// The record with its paths held by something else.
    pub(super) fn map<Q>(self, mut hold: impl FnMut(P) -> Q) -> Record<Q> {
        match self {
            Self::Start(start) => Record::Start(start),
            Self::Ready { is_empty } => Record::Ready { is_empty },
            Self::State { event, path, state } => Record::State {
                event,
                path: hold(path),
                state,
            },
            Self::Renamed { from, path } => Record::Renamed {
                from: hold(from),
                path: hold(path),
            },
            Self::Deleted(path) => Record::Deleted(hold(path)),
            Self::AttributesChanged { path, attributes } => Record::AttributesChanged {
                path: hold(path),
                attributes,
            },
            Self::Touched { path, mtime } => Record::Touched {
                path: hold(path),
                mtime,
            },
            Self::Other => Record::Other,
        }
    }
}

fn start(line: Line<'_>) -> Option<Start> {
    Some(Start {
        session: line.session.into_owned(),
        resumes: line.resumes,
        paths: all_bytes(line.paths, &line.paths_hex)?,
        absolute: all_bytes(line.absolute, &line.absolute_hex)?,
    })
}

fn state(line: &Line<'_>) -> Option<State> {
    let kind = match &*line.kind {
        "file" => Kind::File,
        "directory" => Kind::Directory,
        "symlink" => Kind::Symlink,
        "other" => Kind::Other,
        _ => return None,
    };
    let digest = match &*line.sha256 {
        "" => None,
        digits => Some(digest(digits.as_bytes())?),
    };
    let reported = nanoseconds(&line.time)?;
    let times = times(line);
    Some(State {
        kind,
        size: line.size,
        digest,
        times,
        attributes: attributes(line),
        is_racy: times.is_some_and(|times| is_racy(&times, reported)),
    })
}

/// Decodes hexadecimal digits.
fn digest(digits: &[u8]) -> Option<Digest> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    // Without a branch for each digit: four times as fast as a loop over them.
    let is_lower = digits.iter().fold(true, |all, byte| {
        all & (byte.is_ascii_digit() | matches!(byte, b'a'..=b'f'))
    });
    let mut digest = [0; 32];
    if !is_lower {
        hex::decode_to_slice(digits, &mut digest).ok()?;
        return Some(digest);
    }
    let values = digits.map(|byte| (byte & 15) + if byte >= b'a' { 9 } else { 0 });
    for (byte, pair) in digest.iter_mut().zip(values.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(digest)
}

/// The fields of `--stat`.
fn times(line: &Line<'_>) -> Option<InodeTimes> {
    Some(InodeTimes {
        ino: line.inode?,
        mtime: nanoseconds(&line.mtime)?,
        ctime: nanoseconds(&line.ctime)?,
        btime: nanoseconds(&line.btime),
    })
}

/// Mode and owner, if the record has them.
fn attributes(line: &Line<'_>) -> Option<Attributes> {
    Some(Attributes {
        mode: u32::from_str_radix(&line.mode, 8).ok()?,
        uid: line.uid?.try_into().ok()?,
        gid: line.gid?.try_into().ok()?,
    })
}

/// Whether times were reported so soon after the last change that they prove nothing. An mtime in the
/// future was set by a program, and a write would replace it: then only the ctime counts.
/// (`tracker/model/fingerprint.rs` counts it in any case, since a file there may go by its mtime alone.)
fn is_racy(times: &InodeTimes, reported: i64) -> bool {
    let last = if times.mtime > reported {
        times.ctime
    } else {
        times.ctime.max(times.mtime)
    };
    last >= reported.saturating_sub(COARSEST_CLOCK)
}

/// The bytes of a path: from `digits` (hexadecimal) where it is not UTF-8.
fn bytes<'a>(text: Cow<'a, str>, digits: &str) -> Option<RecordPath<'a>> {
    let path = match text {
        _ if !digits.is_empty() => Cow::<[u8]>::Owned(hex::decode(digits).ok()?),
        // In JSON, NUL is always escaped, and a text with an escape is never borrowed.
        Cow::Borrowed(text) => return (!text.is_empty()).then_some(Cow::Borrowed(text.as_bytes())),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    (!path.is_empty() && !path.contains(&0)).then_some(path)
}

fn all_bytes(texts: Vec<String>, digits: &[String]) -> Option<Vec<Vec<u8>>> {
    if digits.is_empty() {
        return Some(texts.into_iter().map(String::into_bytes).collect());
    }
    digits
        .iter()
        .map(|digits| hex::decode(digits).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Record, StateEvent, is_racy};
    use crate::change::{Attributes, InodeTimes, Kind};

    #[test]
    fn times_prove_nothing_within_two_seconds_of_a_change() {
        const SECOND: i64 = 1_000_000_000;
        let cases = [
            ("long ago", 10, 10, false),
            ("just written", 99, 99, true),
            ("just renamed", 10, 99, true),
            ("a future mtime, set long ago", 500, 10, false),
            ("a future mtime, set just now", 500, 99, true),
            ("a clock that is ahead", 500, 500, true),
            ("exactly two seconds", 98, 98, true),
            ("three seconds", 97, 97, false),
        ];
        for (case, mtime, ctime, expected) in cases {
            let times = InodeTimes {
                ino: 1,
                mtime: mtime * SECOND,
                ctime: ctime * SECOND,
                btime: None,
            };
            assert_eq!(is_racy(&times, 100 * SECOND), expected, "{case}");
        }
    }

    #[test]
    fn mode_and_owner_are_read_where_a_record_has_them() {
        let line = |event: &str, mode| {
            format!(
                r#"{{"time":"1970-01-01T00:00:01Z","event":"{event}","kind":"file","path":"a","mode":"{mode}","uid":1,"gid":2}}"#
            )
        };
        let attributes = Attributes {
            mode: 0o4755,
            uid: 1,
            gid: 2,
        };
        let changed = line("attributes", "4755");
        let path = std::borrow::Cow::Borrowed(&b"a"[..]);
        let expected = Record::AttributesChanged { path, attributes };
        assert_eq!(Record::parse(changed.as_bytes()), Some(expected));
        assert_eq!(Record::parse(line("attributes", "rw").as_bytes()), None);
        for (mode, expected) in [("4755", Some(attributes)), ("rw", None)] {
            let existing = line("existing", mode);
            let Some(Record::State { state, .. }) = Record::parse(existing.as_bytes()) else {
                panic!("not read");
            };
            assert_eq!(state.attributes, expected);
        }
    }

    #[test]
    fn an_event_of_a_later_version_may_have_fields_of_other_types() {
        let fields = r#""size":1.5,"path":["a"],"paths":"a","session":5,"inode":{}"#;
        let line = |event: &str| format!(r#"{{{fields},"event":"{event}"}}"#);
        for event in ["frobnicated", "overflow"] {
            let line = line(event);
            assert_eq!(
                Record::parse(line.as_bytes()),
                Some(Record::Other),
                "{line}"
            );
        }
        for event in [
            "attributes",
            "changed",
            "closed",
            "created",
            "deleted",
            "existing",
            "ready",
            "renamed",
            "start",
            "touched",
            "",
        ] {
            let line = line(event);
            assert_eq!(Record::parse(line.as_bytes()), None, "{line}");
        }
        for torn in [r#"{"event":"frobnicated","path":["a"#, r#"{"size":1.5}"#] {
            assert_eq!(Record::parse(torn.as_bytes()), None, "{torn}");
        }
    }

    #[test]
    fn a_touch_is_read_with_the_new_mtime() {
        let touched = |mtime| {
            format!(
                r#"{{"time":"1970-01-01T00:00:02Z","event":"touched","kind":"file","path":"a","mtime":"{mtime}"}}"#
            )
        };
        let path = std::borrow::Cow::Borrowed(&b"a"[..]);
        let expected = Record::Touched {
            path,
            mtime: 1_000_000_005,
        };
        let read = touched("1970-01-01T00:00:01.000000005Z");
        assert_eq!(Record::parse(read.as_bytes()), Some(expected));
        assert_eq!(Record::parse(touched("now").as_bytes()), None);
    }

    #[test]
    fn a_record_is_read_with_what_is_not_known_left_out() {
        let line = br#"{"time":"1970-01-01T00:00:01Z","new":[{}],"event":"created","kind":"file","path":"a\u00ff","path_hex":"61ff","size":3,"inode":7,"mtime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00.5Z"}"#;
        let Some(Record::State { event, path, state }) = Record::parse(line) else {
            panic!("not read");
        };
        assert_eq!((event, &*path), (StateEvent::Created, &b"a\xff"[..]));
        assert_eq!(
            (state.kind, state.size, state.digest),
            (Kind::File, Some(3), None)
        );
        let times = state.times.expect("times");
        assert_eq!(
            (times.ino, times.ctime, times.btime),
            (7, 500_000_000, None)
        );
        let later = br#"{"event":"frobnicated","time":"1970-01-01T00:00:01Z"}"#;
        assert_eq!(Record::parse(later), Some(Record::Other));
        for wrong in [
            &b""[..],
            b"{",
            b"null",
            b"{}",
            b"\xff",
            br#"{"event":"deleted"}"#,
            br#"{"event":"deleted","path":3}"#,
            br#"{"event":"created","path":"a","kind":"door","time":"1970-01-01T00:00:01Z"}"#,
            br#"{"event":"deleted","path":"a\u0000b"}"#,
        ] {
            assert_eq!(Record::parse(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
