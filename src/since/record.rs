//! One line of a JSON stream to a record.
//!
//! The stream may come from anybody: what is no record is an error, never a panic, and
//! fields and events that are not known are left out.

use std::borrow::Cow;

use serde::Deserialize;

use crate::change::{Digest, InodeTimes, Kind};

/// The fields that a fold needs.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    path_hex: Cow<'a, str>,
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    from_hex: Cow<'a, str>,
    #[serde(borrow)]
    sha256: Cow<'a, str>,
    size: Option<u64>,
    inode: Option<u64>,
    #[serde(borrow)]
    mtime: Cow<'a, str>,
    #[serde(borrow)]
    ctime: Cow<'a, str>,
    #[serde(borrow)]
    btime: Cow<'a, str>,
    #[serde(borrow)]
    session: Cow<'a, str>,
    resumes: Option<String>,
    paths: Vec<String>,
    paths_hex: Vec<String>,
    absolute: Vec<String>,
    absolute_hex: Vec<String>,
}

/// The state of a name in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) digest: Option<Digest>,
    pub(super) times: Option<InodeTimes>,
    /// When it was reported, in nanoseconds since 1970.
    pub(super) time: i64,
}

/// The beginning of a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Start {
    pub(super) session: String,
    pub(super) resumes: Option<String>,
    /// The PATHs as given, and the same as absolute paths.
    pub(super) paths: Vec<Vec<u8>>,
    pub(super) absolute: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record {
    Start(Start),
    Existing(Vec<u8>, State),
    Ready,
    Created(Vec<u8>, State),
    /// Of `changed` and `closed`: what a file holds.
    Changed(Vec<u8>, State),
    Renamed {
        from: Vec<u8>,
        path: Vec<u8>,
    },
    Deleted(Vec<u8>),
    /// What changes no name and no content, or is of a later version.
    Other,
}

impl Record {
    /// Reads a line. `None`: it is no record.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        Some(match &*line.event {
            "start" => Self::Start(line.start()?),
            "ready" => Self::Ready,
            "existing" => Self::Existing(line.path()?, line.state()?),
            "created" => Self::Created(line.path()?, line.state()?),
            "changed" | "closed" => Self::Changed(line.path()?, line.state()?),
            "renamed" => Self::Renamed {
                from: bytes(&line.from, &line.from_hex)?,
                path: line.path()?,
            },
            "deleted" => Self::Deleted(line.path()?),
            "" => return None,
            _ => Self::Other,
        })
    }
}

impl Line<'_> {
    fn path(&self) -> Option<Vec<u8>> {
        bytes(&self.path, &self.path_hex)
    }

    fn start(self) -> Option<Start> {
        Some(Start {
            session: self.session.into_owned(),
            resumes: self.resumes,
            paths: all_bytes(self.paths, &self.paths_hex)?,
            absolute: all_bytes(self.absolute, &self.absolute_hex)?,
        })
    }

    fn state(&self) -> Option<State> {
        let kind = match &*self.kind {
            "file" => Kind::File,
            "directory" => Kind::Directory,
            "symlink" => Kind::Symlink,
            "other" => Kind::Other,
            _ => return None,
        };
        let mut digest = [0; 32];
        let digest = match &*self.sha256 {
            "" => None,
            digits => {
                hex::decode_to_slice(digits, &mut digest).ok()?;
                Some(digest)
            }
        };
        Some(State {
            kind,
            size: self.size,
            digest,
            times: self.times(),
            time: nanoseconds(&self.time)?,
        })
    }

    /// The fields of `--stat`.
    fn times(&self) -> Option<InodeTimes> {
        Some(InodeTimes {
            ino: self.inode?,
            mtime: nanoseconds(&self.mtime)?,
            ctime: nanoseconds(&self.ctime)?,
            btime: nanoseconds(&self.btime),
        })
    }
}

/// The bytes of a path: those in hexadecimal digits where it is not UTF-8.
fn bytes(text: &str, digits: &str) -> Option<Vec<u8>> {
    let path = if digits.is_empty() {
        text.as_bytes().to_vec()
    } else {
        hex::decode(digits).ok()?
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

/// A time as RFC 3339 in nanoseconds since 1970, saturated.
fn nanoseconds(text: &str) -> Option<i64> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    // Almost all are of this form, and a library is several times slower.
    if text.len() >= 20 && text.is_ascii() && text.ends_with('Z') && &text[10..11] == "T" {
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let seconds = digits(11..13)? * 3600 + digits(14..16)? * 60 + digits(17..19)?;
        let fraction = text[19..text.len() - 1].strip_prefix('.').unwrap_or("");
        if fraction.len() <= 9 && (1..=12).contains(&month) {
            let mut nanos = 0;
            if !fraction.is_empty() {
                nanos = digits(20..text.len() - 1)?;
                nanos *= 10_i64.pow(u32::try_from(9 - fraction.len()).ok()?);
            }
            let seconds = days(year, month, day) * 86_400 + seconds;
            return Some(saturated(
                i128::from(seconds) * 1_000_000_000 + i128::from(nanos),
            ));
        }
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(saturated(time.as_nanosecond()))
}

fn saturated(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Days since 1970 of a date of the Gregorian calendar (Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Record, nanoseconds};
    use crate::change::Kind;

    #[test]
    fn times_are_read_as_a_library_reads_them() {
        for text in [
            "2026-11-26T01:23:45.123456Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2000-02-29T12:00:00.5Z",
            "1601-03-01T00:00:00.000000001Z",
            "1677-09-21T00:12:43.145224192Z",
            "2026-11-26T01:23:45+01:00",
        ] {
            let time: jiff::Timestamp = text.parse().expect("a time");
            let expected = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MIN);
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2026-11-26", "2026-13-26T01:23:45Z", "Z"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_is_read_with_what_is_not_known_left_out() {
        let line = br#"{"time":"1970-01-01T00:00:01Z","new":[{}],"event":"created","kind":"file","path":"a\u00ff","path_hex":"61ff","size":3,"inode":7,"mtime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00.5Z"}"#;
        let Some(Record::Created(path, state)) = Record::parse(line) else {
            panic!("not read");
        };
        assert_eq!(path, b"a\xff");
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
