//! Turns times into text: that of records, computed once for all of one moment, and those of files.
//!
//! Reads no clock.

use std::fmt::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How the time of a record is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimeFormat {
    /// RFC 3339, UTC, microseconds.
    Utc,
    /// RFC 3339 with the offset of the local zone, microseconds.
    Local,
    /// `HH:MM:SS.mmm`, local time.
    Clock,
}

/// A second, in nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// The last time that was converted, as text.
pub(super) struct TimeText {
    format: TimeFormat,
    /// Nanoseconds since 1970.
    wall: Option<i64>,
    text: String,
    /// The range of the fraction's digits in the text.
    fraction: Range<usize>,
}

impl TimeText {
    pub(super) fn new(format: TimeFormat) -> Self {
        Self {
            format,
            wall: None,
            text: String::new(),
            fraction: 0..0,
        }
    }

    /// The text of a time in nanoseconds since 1970.
    pub(super) fn at(&mut self, wall: i64) -> &str {
        let second = |wall: i64| wall.div_euclid(SECOND);
        let is_same_second = self.wall.is_some_and(|last| second(last) == second(wall));
        if !is_same_second {
            self.text.clear();
            self.write(timestamp(wall))
                .expect("a String takes all that is written");
            let start = self.text.rfind('.').map_or(0, |point| point + 1);
            let digits = self.text[start..].bytes().take_while(u8::is_ascii_digit);
            self.fraction = start..start + digits.count();
        } else if self.wall != Some(wall) {
            self.set_fraction(wall.rem_euclid(SECOND));
        }
        self.wall = Some(wall);
        &self.text
    }

    /// Replaces the fraction, which is all that differs within a second.
    fn set_fraction(&mut self, nanoseconds: i64) {
        let digits = format!("{nanoseconds:09}");
        let kept = &digits[..self.fraction.len()];
        self.text.replace_range(self.fraction.clone(), kept);
    }

    fn write(&mut self, time: Timestamp) -> fmt::Result {
        let text = &mut self.text;
        match self.format {
            TimeFormat::Utc => write!(text, "{time:.6}"),
            TimeFormat::Local => {
                let offset = TimeZone::system().to_offset(time);
                write!(text, "{:.6}", time.display_with_offset(offset))
            }
            TimeFormat::Clock => {
                let zoned = time.to_zoned(TimeZone::system());
                write!(text, "{}", zoned.strftime("%H:%M:%S.%3f"))
            }
        }
    }
}

/// The time of a file: RFC 3339, UTC, nanoseconds.
pub(super) fn nanoseconds(time: i64) -> impl fmt::Display {
    struct Nanoseconds(Timestamp);
    impl fmt::Display for Nanoseconds {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "{:.9}", self.0)
        }
    }
    Nanoseconds(timestamp(time))
}

fn timestamp(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds))
        .expect("64 bits of nanoseconds are years 1677 to 2262, and jiff knows -9999 to 9999")
}

#[cfg(test)]
mod tests {
    use super::{TimeFormat, TimeText, nanoseconds};

    #[test]
    fn times_have_the_digits_that_they_are_said_to_have() {
        let mut time = TimeText::new(TimeFormat::Utc);
        for (wall, text) in [
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456Z"),
            (1_700_000_000_000_000_000, "2023-11-14T22:13:20.000000Z"),
            (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999Z"),
            (1_700_000_001_000_001_000, "2023-11-14T22:13:21.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-1_000_000_000, "1969-12-31T23:59:59.000000Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(time.at(wall), text);
            assert_eq!(time.at(wall), text, "the same moment again");
        }
        let texts = [
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (0, "1970-01-01T00:00:00.000000000Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ];
        for (time, text) in texts {
            assert_eq!(nanoseconds(time).to_string(), text);
        }
    }

    #[test]
    fn local_times_have_their_offset_and_clock_times_milliseconds() {
        let wall = 1_700_000_000_123_456_789;
        let mut local = TimeText::new(TimeFormat::Local);
        let text = local.at(wall).to_owned();
        let time: jiff::Timestamp = text.parse().expect("RFC 3339");
        assert_eq!(time.as_microsecond(), wall / 1000);
        assert!(!text.ends_with('Z'), "{text} has no offset");
        let mut clock = TimeText::new(TimeFormat::Clock);
        clock.at(wall - 100_000_000);
        let text = clock.at(wall);
        assert_eq!((text.len(), &text[2..3], &text[8..]), (12, ":", ".123"));
    }
}
