//! The range of bytes that a request asks for (RFC 9110, 14).

use std::ops::Range;

/// The part of a content that a request gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole content: the request has no range, or one that the host ignores.
    Whole,
    /// These bytes, at least one.
    Bytes(Range<u64>),
    /// No byte of the content is in the range.
    Unsatisfiable,
}

/// Reads the value of `Range` for a content of `length` bytes. The host ignores other units, several ranges at once, and
/// values that cannot be read, as the standard allows and demands.
pub(super) fn part(value: &str, length: u64) -> Part {
    let Some((unit, range)) = value.split_once('=') else {
        return Part::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Part::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let (first, last) = (first.trim(), last.trim());
    let bytes = match (first, last) {
        ("", suffix) => number(suffix).map(|suffix| length.saturating_sub(suffix)..length),
        (first, "") => number(first).map(|first| first..length),
        (first, last) => match (number(first), number(last)) {
            // The last position is a part of the range, and may be beyond the content.
            (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(length)),
            _ => None,
        },
    };
    match bytes {
        None => Part::Whole,
        Some(bytes) if bytes.is_empty() => Part::Unsatisfiable,
        Some(bytes) => Part::Bytes(bytes),
    }
}

/// A position. One with more digits than a number can have is beyond every content.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_within_the_content() {
        for (value, bytes) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-9", 0..10),
            ("bytes=0-99", 0..10),
            ("bytes=3-5", 3..6),
            ("bytes=3-", 3..10),
            ("bytes=9-", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-10", 0..10),
            ("bytes=-99", 0..10),
            ("Bytes = 3 - 5 ", 3..6),
            ("bytes=0-99999999999999999999999", 0..10),
        ] {
            assert_eq!(part(value, 10), Part::Bytes(bytes), "{value}");
        }
    }

    #[test]
    fn a_range_without_a_byte_is_unsatisfiable() {
        for value in [
            "bytes=10-",
            "bytes=10-20",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(part(value, 10), Part::Unsatisfiable, "{value}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(part("bytes=-5", 0), Part::Unsatisfiable);
    }

    #[test]
    fn a_range_that_the_host_does_not_know_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-3",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=--1",
        ] {
            assert_eq!(part(value, 10), Part::Whole, "{value}");
        }
    }
}
