//! Moments as logs write them: RFC 3339, or without a zone (then UTC), or milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// A moment as the platforms write it: `2026-11-21T08:05:00Z`, or with a fraction; `None` where it is written otherwise or is none.
#[must_use]
pub(super) fn utc(text: &str) -> Option<Timestamp> {
    let (date, fraction) = text.as_bytes().strip_suffix(b"Z")?.split_at_checked(19)?;
    let number = |from: usize, digits: usize| {
        let digits = date.get(from..from + digits)?;
        digits.iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    let small = |from: usize| i8::try_from(number(from, 2)?).ok();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(place, mark)| date.get(*place) != Some(mark)) {
        return None;
    }
    let nanoseconds = match fraction.split_first() {
        None => 0,
        Some((b'.', digits)) if (1..=9).contains(&digits.len()) => {
            let value =
                digits.iter().try_fold(0_i32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))?;
            value * 10_i32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        Some(_) => return None,
    };
    let moment = DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, nanoseconds).ok()?;
    Offset::UTC.to_timestamp(moment).ok()
}

/// A moment as text; `None` where it is none.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if let Some(time) = utc(text) {
        return Some(time);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A moment as JSON: a text, or a number of milliseconds.
#[must_use]
pub(super) fn parse_json(json: &str) -> Option<Timestamp> {
    if let Some(time) = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(utc) {
        return Some(time);
    }
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return parse(&text);
    }
    json.parse::<i64>().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_moments_are_what_they_are_elsewhere() {
        for text in
            ["2024-02-29T23:59:59Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00.000000001Z", "2026-11-21T08:05:00.123456Z"]
        {
            assert_eq!(utc(text), text.parse().ok(), "{text}");
            assert!(utc(text).is_some(), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T08:05:60Z",
            "2026-11-21 08:05:00Z",
            "2026-11-21T08:05:00",
            "+026-11-21T08:05:00Z",
            "2026-11-21T08:05:00.Z",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_one_moment() {
        for text in ["2022-11-29T00:09:04.38Z", "2022-11-29 00:09:04.38", "2022-11-29T01:09:04.380000000+01:00"] {
            assert_eq!(parse(text).map(|time| time.as_millisecond()), Some(1_669_680_544_380), "{text}");
        }
        assert_eq!(parse_json("1669680544380"), parse("2022-11-29T00:09:04.38Z"));
        for text in ["", "soon", "2022-13-01T00:00:00Z", "-999999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
