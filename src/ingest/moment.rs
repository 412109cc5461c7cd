//! Moments as logs write them: RFC 3339, or without a zone (then UTC), or milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A moment as text; `None` where it is none.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A moment as JSON: a text, or a number of milliseconds.
#[must_use]
pub(super) fn parse_json(json: &str) -> Option<Timestamp> {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return parse(&text);
    }
    json.parse::<i64>().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

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
