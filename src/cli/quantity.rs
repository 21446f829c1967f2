//! Parses TIME, SIZE and numbers of the command line to durations, bytes and integers, or gives a
//! message about what is wrong with one.
//!
//! Invariant: a duration is no more than [`MAX_TIME`], so that the sum of a few of them and of a
//! clock cannot overflow 64 bits of nanoseconds.

use std::time::Duration;

/// 100 years of 365.25 days.
const MAX_TIME: Duration = Duration::from_secs(100 * 31_557_600);

const TIME_SYNTAX: &str = "not a time, such as 10, 0.5, 500ms, 2s, 5m or 1h";
const TOO_LARGE: &str = "it is too large";
const SIZE_SYNTAX: &str = "not a size, such as 4096, 64K, 1.5G, 5MB or 10MiB";

/// Parses a decimal integer that must be more than 0.
pub(crate) fn positive_number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("not a whole number, such as 1 or 100".to_owned());
    }
    match text.parse() {
        Ok(0) => Err("it must be more than 0".to_owned()),
        Ok(number) => T::try_from(number).map_err(|_| TOO_LARGE.to_owned()),
        Err(_) => Err(TOO_LARGE.to_owned()),
    }
}

/// Parses a TIME that must be more than 0, such as an interval.
pub(crate) fn positive_time(text: &str) -> Result<Duration, String> {
    let duration = time(text)?;
    if duration.is_zero() {
        return Err("it must be more than 0".to_owned());
    }
    Ok(duration)
}

/// Parses a TIME: a decimal number of seconds, or with one of the units ms, s, m, h.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (number, seconds) = split_time_unit(text);
    let number: f64 = number
        .parse()
        .ok()
        // f64 parses `inf` and `nan`, too.
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| TIME_SYNTAX.to_owned())?;
    if number.is_sign_negative() && number != 0.0 {
        return Err("it must be 0 or more".to_owned());
    }
    match Duration::try_from_secs_f64(number.abs() * seconds) {
        Ok(duration) if duration <= MAX_TIME => Ok(duration),
        _ => Err("it must be no more than 100 years".to_owned()),
    }
}

/// The number in a TIME, and the seconds of its unit.
fn split_time_unit(text: &str) -> (&str, f64) {
    // `ms` before `s`: the first that fits is the unit.
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    units
        .iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|number| (number, *seconds)))
        .unwrap_or((text, 1.0))
}

/// Parses a SIZE: a decimal number of bytes, or with a unit. K, M, G, T and KiB, MiB, GiB,
/// TiB are powers of 1,024; KB, MB, GB, TB are powers of 1,000. Case is ignored.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let syntax = || SIZE_SYNTAX.to_owned();
    let end = text
        .find(|each: char| !(each.is_ascii_digit() || each == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = size_unit(unit).ok_or_else(syntax)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let has_point = number.contains('.');
    if whole.is_empty() || (has_point && fraction.is_empty()) {
        return Err(syntax());
    }
    if has_point && unit == 1 {
        return Err("a fraction needs a unit, as in 1.5G".to_owned());
    }
    let too_large = || "it must be less than 16 EiB".to_owned();
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let bytes = whole.checked_mul(unit).ok_or_else(too_large)?;
    bytes
        .checked_add(fraction_of(fraction, unit).ok_or_else(syntax)?)
        .ok_or_else(too_large)
}

/// The bytes of a decimal fraction of a unit, rounded down. Digits after the 18th are less
/// than a byte of the largest unit. `None`: it has other characters than digits.
fn fraction_of(digits: &str, unit: u64) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = &digits[..digits.len().min(18)];
    let mut part = 0u128;
    let mut scale = 1u128;
    for digit in digits.bytes() {
        part = part * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(part * u128::from(unit) / scale).ok()
}

/// The number of bytes of a unit of SIZE.
fn size_unit(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let (prefix, base) = match unit.as_str() {
        "" | "b" => return Some(1),
        unit => match (unit.strip_suffix("ib"), unit.strip_suffix('b')) {
            (Some(prefix), _) => (prefix, 1024),
            (None, Some(prefix)) => (prefix, 1000),
            (None, None) => (unit, 1024),
        },
    };
    let power = match prefix {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(u64::pow(base, power))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{positive_number, positive_time, size, time};

    #[test]
    fn a_number_that_is_refused_has_a_reason() {
        assert_eq!(positive_number::<u32>("4294967295"), Ok(u32::MAX));
        assert_eq!(positive_number::<u64>("007"), Ok(7));
        for (text, why) in [
            ("0", "more than 0"),
            ("-1", "whole"),
            ("+1", "whole"),
            ("1.5", "whole"),
            ("", "whole"),
            ("4294967296", "too large"),
            ("99999999999999999999", "too large"),
        ] {
            let refused = positive_number::<u32>(text).expect_err("it is refused");
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        for (text, millis) in [
            ("0", 0),
            ("-0", 0),
            ("10", 10_000),
            ("0.25", 250),
            (".5", 500),
            ("1e1", 10_000),
            ("500ms", 500),
            ("0.5ms", 0),
            ("2s", 2_000),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
            ("876600h", 3_155_760_000_000),
        ] {
            let parsed = time(text).map(|time| time.as_millis());
            assert_eq!(parsed, Ok(millis), "{text}");
        }
        assert_eq!(time("0.5ms"), Ok(Duration::from_micros(500)));
    }

    #[test]
    fn a_time_that_is_none_is_refused_with_the_reason() {
        for text in [
            "", "s", "ms", "inf", "infinity", "nan", "soon", "1 s", " 1", "1d", "1S", "1ms5",
        ] {
            let why = time(text).expect_err(text);
            assert!(why.starts_with("not a time"), "{text}: {why}");
        }
        for text in ["-1", "-0.001", "-5m", "-1e300"] {
            let why = time(text).expect_err(text);
            assert_eq!(why, "it must be 0 or more", "{text}");
        }
        for text in ["3155760001", "876601h", "1e12", "1e300", "1e308h"] {
            let why = time(text).expect_err(text);
            assert_eq!(why, "it must be no more than 100 years", "{text}");
        }
        for text in ["0", "0ms", "0.0h"] {
            let why = positive_time(text).expect_err(text);
            assert_eq!(why, "it must be more than 0", "{text}");
        }
        assert_eq!(positive_time("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn a_size_is_bytes_or_has_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("64K", 65_536),
            ("64k", 65_536),
            ("10KiB", 10_240),
            ("10kb", 10_000),
            ("1M", 1 << 20),
            ("5MB", 5_000_000),
            ("10MiB", 10 << 20),
            ("2G", 2 << 30),
            ("1.5G", 3 << 29),
            ("0.1K", 102),
            ("1.25GB", 1_250_000_000),
            ("1t", 1 << 40),
            ("0.0000000000000000001T", 0),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_size_that_is_none_is_refused_with_the_reason() {
        for text in [
            "", "K", "-1", "+1", "1.K", ".5K", "1.2.3K", "M1", "1KK", "1i", "1 K", "1e3", "1P",
        ] {
            let why = size(text).expect_err(text);
            assert!(why.starts_with("not a size"), "{text}: {why}");
        }
        for text in ["99999999999T", "16777216T", "18446744073709551616"] {
            let why = size(text).expect_err(text);
            assert_eq!(why, "it must be less than 16 EiB", "{text}");
        }
        let why = size("1.5").expect_err("a fraction of a byte");
        assert_eq!(why, "a fraction needs a unit, as in 1.5G");
    }
}
