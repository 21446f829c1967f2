//! Parses times of RFC 3339 to nanoseconds since 1970, saturated.

use std::ops::Range;

/// `None`: it is no time of RFC 3339.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    // Almost all are in UTC, for which jiff is several times slower.
    if let Some(nanos) = in_utc(text.as_bytes()) {
        return Some(nanos);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(saturated(time.as_nanosecond()))
}

/// `2026-11-26T01:23:45.123456789Z`, with any number of decimals up to nine.
fn in_utc(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = text.strip_suffix(b"Z")?.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let is_of_form = separators.iter().all(|&(at, byte)| whole[at] == byte);
    let digits = |range: Range<usize>| number(&whole[range]);
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    if !is_of_form || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = digits(11..13)? * 3600 + digits(14..16)? * 60 + digits(17..19)?;
    let nanos = match fraction.split_first() {
        None => 0,
        Some((b'.', decimals)) if (1..=9).contains(&decimals.len()) => {
            let missing = 9 - u32::try_from(decimals.len()).ok()?;
            number(decimals)? * 10_i64.pow(missing)
        }
        Some(_) => return None,
    };
    let seconds = i128::from(days(year, month, day) * 86_400 + seconds);
    Some(saturated(seconds * 1_000_000_000 + i128::from(nanos)))
}

/// Parses at most nine digits.
fn number(digits: &[u8]) -> Option<i64> {
    let mut number = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(number)
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
    use super::nanoseconds;

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
            "2026-11-26 01:23:45Z",
        ] {
            let time: jiff::Timestamp = text.parse().expect("a time");
            let expected = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MIN);
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "Z",
            "yesterday",
            "2026-11-26",
            "2026-13-26T01:23:45Z",
            "2026-11-26T01:23:45.Z",
            "2026-11-26T01:23:4éZ",
            "2026x11-26T01:23:45Z",
            "2026-1a-26T01:23:45Z",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
