//! pydantic 2.13's answers to each input, recorded from pydantic.

use serde_json::json;

use super::*;

/// 2026-11-23T09:30:00Z
const MORNING: i64 = 1_795_426_200 * SECOND;

fn read(input: &str) -> Option<i64> {
    Datetime.check(&json!(input)).ok().map(Timestamp::microseconds)
}

#[expect(clippy::needless_pass_by_value, reason = "the calls read better")]
fn refused(input: Value) -> (&'static str, String) {
    let violations = Datetime.check(&input).err();
    let first = violations.iter().flat_map(Violations::iter).next();
    first.map_or(("not refused", input.to_string()), |violation| {
        (violation.kind, violation.message.clone().into_owned())
    })
}

#[test]
fn rfc_3339_is_read_in_all_its_spellings() {
    for text in [
        "2026-11-23T09:30:00Z",
        "2026-11-23t09:30:00z",
        "2026-11-23 09:30:00Z",
        "2026-11-23_09:30:00Z",
        "2026-11-23T09:30:00+00:00",
        "2026-11-23T09:30:00.000Z",
        "2026-11-23T11:30:00+02:00",
        "2026-11-23T11:30:00+0200",
        "2026-11-22T23:30:00-10:00",
        "2026-11-23T15:15:00+05:45",
    ] {
        assert_eq!(read(text), Some(MORNING), "{text}");
    }
}

#[test]
fn without_an_offset_it_is_utc_and_a_date_alone_is_midnight() {
    assert_eq!(read("2026-11-23T09:30:00"), Some(MORNING));
    assert_eq!(read("2026-11-23T09:30"), Some(MORNING));
    assert_eq!(read("2026-11-23"), Some(MORNING - (9 * 60 + 30) * MINUTE));
}

#[test]
fn fractions_are_cut_to_microseconds() {
    assert_eq!(read("2026-11-23T09:30:00.5Z"), Some(MORNING + 500_000));
    assert_eq!(read("2026-11-23T09:30:00,5Z"), Some(MORNING + 500_000));
    assert_eq!(read("2026-11-23T09:30:00.123456Z"), Some(MORNING + 123_456));
    assert_eq!(
        read("2026-11-23T09:30:00.123456789+00:00"),
        Some(MORNING + 123_456)
    );
}

#[test]
fn the_calendar_is_right_at_its_corners() {
    assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(read("1969-12-31T23:59:59.999999Z"), Some(-1));
    assert_eq!(read("2000-02-29"), Some(951_782_400 * SECOND));
    assert_eq!(read("2000-03-01"), Some(951_868_800 * SECOND));
    assert_eq!(read("2024-12-31"), Some(1_735_603_200 * SECOND));
    assert_eq!(read("0001-01-01T00:00:00Z"), Some(-62_135_596_800 * SECOND));
    assert_eq!(
        read("9999-12-31T23:59:59.999999Z"),
        Some(253_402_300_800 * SECOND - 1)
    );
    assert_eq!(read("1900-02-29"), None);
    assert_eq!(read("2026-02-29"), None);
    assert_eq!(read("2026-04-31"), None);
}

/// Counts day by day through the calendar by the rule for leap years.
#[test]
fn every_day_of_five_centuries_follows_the_one_before() {
    let mut expected = days_from_civil(1800, 1, 1);
    for year in 1800..2300 {
        for month in 1..=12 {
            for day in 1..=days_in_month(year, month) {
                assert_eq!(
                    days_from_civil(year, month, day),
                    expected,
                    "{year}-{month}-{day}"
                );
                expected += 1;
            }
        }
    }
}

#[test]
fn numbers_are_unix_times() {
    let seconds = |input: Value| Datetime.check(&input).ok().map(Timestamp::microseconds);
    assert_eq!(seconds(json!(1_795_426_200)), Some(MORNING));
    assert_eq!(seconds(json!(1_795_426_200_000_i64)), Some(MORNING));
    assert_eq!(seconds(json!(1_795_426_200.5)), Some(MORNING + 500_000));
    assert_eq!(seconds(json!("1795426200")), Some(MORNING));
    assert_eq!(
        refused(json!(1e20)),
        (
            "datetime_parsing",
            "Input should be a valid datetime, dates after 9999 are not supported as unix timestamps".into()
        )
    );
    assert_eq!(refused(json!(-1e20)).0, "datetime_parsing");
}

#[test]
fn what_is_no_date_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", "input is too short"),
        ("tomorrow", "input is too short"),
        ("2026-1-2", "input is too short"),
        ("not a date at all", "invalid character in year"),
        (" 2026-11-23T09:30:00Z", "invalid character in year"),
        ("2026/11/23", "invalid date separator, expected `-`"),
        (
            "2026-13-23T09:30:00Z",
            "month value is outside expected range of 1-12",
        ),
        ("2026-00-10", "month value is outside expected range of 1-12"),
        ("2026-02-30", "day value is outside expected range"),
        ("2026-11-00", "day value is outside expected range"),
    ] {
        let message = format!("Input should be a valid datetime or date, {reason}");
        assert_eq!(
            refused(json!(text)),
            ("datetime_from_date_parsing", message),
            "{text}"
        );
    }
}

#[test]
fn what_follows_a_date_and_is_no_time_is_refused() {
    for text in [
        "2026-11-23T",
        "2026-11-23T09",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:61:00Z",
        "2026-11-23T09:30:60Z",
        "2026-11-23T09:30:00.Z",
        "2026-11-23T09:30:00ZZ",
        "2026-11-23T09:30:00 Z",
        "2026-11-23T09:30:00-05",
        "2026-11-23T09:30:00+24:00",
        "2026-11-23T09:30:00 02:00",
        "2026-11-23X00:00:00",
        "2026-11-23\u{e9}",
    ] {
        assert_eq!(
            refused(json!(text)),
            (
                "datetime_from_date_parsing",
                "Input should be a valid datetime or date, unexpected extra characters at the end of the input".into()
            ),
            "{text}"
        );
    }
}

#[test]
fn years_that_four_digits_cannot_write_are_refused() {
    for text in [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ] {
        assert_eq!(refused(json!(text)).0, "datetime_parsing", "{text}");
    }
}

#[test]
fn only_text_and_numbers_are_timestamps() {
    for input in [json!(null), json!(true), json!([]), json!({})] {
        assert_eq!(
            refused(input),
            ("datetime_type", "Input should be a valid datetime".into())
        );
    }
}
