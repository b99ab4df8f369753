//! Words, times and sizes, as a terminal shows them.

use std::num::NonZeroU32;

use bytesize::ByteSize;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The text of an empty cell.
pub(super) const NONE: &str = "-";

/// The admin API's word for a value of an enumeration.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => NONE.to_owned(),
    }
}

/// A duration from milliseconds, with about three digits: `0.4 ms`, `812 ms`, `1.24 s`.
pub(super) fn time(milliseconds: f64) -> String {
    if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

/// A size in bytes: `366.0 KiB`.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// A time, to the second. Text that is not RFC 3339 stays unchanged.
pub(super) fn moment(written: &str) -> String {
    let moment = written.parse::<Timestamp>();
    moment.map_or_else(
        |_| written.to_owned(),
        |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

/// The beginning of a digest, long enough to tell versions apart.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Joins the lines of a reason.
pub(super) fn joined(reason: &str) -> String {
    reason.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The number of a version, or [`NONE`].
pub(super) fn number(number: Option<NonZeroU32>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use berth_rollout::report::{Origin, Step};

    use super::*;

    #[test]
    fn words_are_those_of_the_api() {
        assert_eq!(word(&Step::Migrations), "migrations");
        assert_eq!(word(&Origin::Push), "push");
    }

    #[test]
    fn times_have_three_digits_or_so() {
        let times = [0.0, 0.44, 9.94, 9.96, 812.4, 999.4, 999.6, 61_234.0].map(time);
        assert_eq!(
            times,
            [
                "0.0 ms", "0.4 ms", "9.9 ms", "10 ms", "812 ms", "999 ms", "1.00 s", "61.23 s"
            ]
        );
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        assert_eq!(moment("2026-11-25T09:36:28.918273Z"), "2026-11-25 09:36:28Z");
        assert_eq!(moment("2026-11-25T10:36:28+01:00"), "2026-11-25 09:36:28Z");
        assert_eq!(moment("yesterday"), "yesterday");
    }
}
