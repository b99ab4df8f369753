//! pydantic 2.13's answers to each input, recorded from pydantic.

use serde_json::json;

use super::*;

/// The violation's type and sentence.
#[expect(clippy::needless_pass_by_value, reason = "the calls read better")]
fn refused<R: Rule<Output: std::fmt::Debug>>(rule: &R, input: Value) -> (&'static str, String) {
    match rule.check(&input) {
        Ok(value) => ("not refused", format!("{value:?}")),
        Err(violations) => violations
            .iter()
            .map(|violation| {
                assert_eq!(violation.input.as_ref(), Some(&input));
                (violation.kind, violation.message.clone().into_owned())
            })
            .next()
            .unwrap_or(("nothing", String::new())),
    }
}

#[test]
fn text_is_counted_in_characters() {
    let text = Text::of(1, 3);
    assert_eq!(text.check(&json!("äöü")), Ok("äöü".to_owned()));
    assert_eq!(text.check(&json!("👩🏽🚀")), Ok("👩🏽🚀".to_owned()));
    assert_eq!(
        refused(&text, json!("äöüx")),
        (
            "string_too_long",
            "String should have at most 3 characters".into()
        )
    );
    assert_eq!(
        refused(&text, json!("")),
        (
            "string_too_short",
            "String should have at least 1 character".into()
        )
    );
    assert_eq!(
        refused(&Text::of(2, 8), json!("x")),
        (
            "string_too_short",
            "String should have at least 2 characters".into()
        )
    );
    assert_eq!(
        refused(&Text::of(0, 1), json!("xy")),
        ("string_too_long", "String should have at most 1 character".into())
    );
}

#[test]
fn text_is_trimmed_before_it_is_counted() {
    let text = Text::of(1, 3).trimmed();
    assert_eq!(text.check(&json!(" \t abc\u{a0}\n")), Ok("abc".to_owned()));
    assert_eq!(refused(&text, json!("   ")).0, "string_too_short");
    assert_eq!(Text::of(1, 3).check(&json!(" x ")), Ok(" x ".to_owned()));
}

#[test]
fn text_is_a_string_and_nothing_else() {
    for input in [json!(null), json!(1), json!(true), json!([]), json!({})] {
        assert_eq!(
            refused(&Text::of(0, 9), input),
            ("string_type", "Input should be a valid string".into())
        );
    }
}

#[test]
fn text_with_nul_is_refused_since_postgresql_cannot_store_it() {
    assert_eq!(
        refused(&Text::of(0, 9), json!("a\0b")),
        (
            "value_error",
            "Value error, a string cannot hold NUL characters".into()
        )
    );
}

#[test]
fn a_boolean_has_many_spellings() {
    for input in [
        json!(true),
        json!(1),
        json!(1.0),
        json!("1"),
        json!("TRUE"),
        json!("yes"),
        json!("On"),
    ] {
        assert_eq!(Boolean.check(&input), Ok(true), "{input}");
    }
    for input in [
        json!(false),
        json!(0),
        json!(0.0),
        json!("0"),
        json!("False"),
        json!("n"),
        json!("off"),
    ] {
        assert_eq!(Boolean.check(&input), Ok(false), "{input}");
    }
    for input in [json!("maybe"), json!(""), json!(" true"), json!(2), json!(-1)] {
        assert_eq!(
            refused(&Boolean, input),
            (
                "bool_parsing",
                "Input should be a valid boolean, unable to interpret input".into()
            )
        );
    }
    for input in [json!(null), json!([]), json!({}), json!(0.5)] {
        assert_eq!(
            refused(&Boolean, input),
            ("bool_type", "Input should be a valid boolean".into())
        );
    }
}

#[test]
fn an_integer_may_be_a_string_or_a_whole_float() {
    for (input, integer) in [
        (json!(1), 1),
        (json!(1.0), 1),
        (json!(true), 1),
        (json!(" 1 "), 1),
        (json!("1.00"), 1),
        (json!("1_000"), 1000),
        (json!("+1"), 1),
        (json!("-0"), 0),
        (json!(i64::MIN), i64::MIN),
        (json!("9223372036854775807"), i64::MAX),
    ] {
        assert_eq!(Integer::ANY.check(&input), Ok(integer), "{input}");
    }
}

#[test]
fn what_is_no_integer_is_refused() {
    for input in [
        json!("abc"),
        json!(""),
        json!("1e3"),
        json!("1.5"),
        json!("--1"),
        json!("1__0"),
        json!(".0"),
    ] {
        assert_eq!(
            refused(&Integer::ANY, input),
            (
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer".into()
            )
        );
    }
    for input in [json!(null), json!([]), json!({})] {
        assert_eq!(
            refused(&Integer::ANY, input),
            ("int_type", "Input should be a valid integer".into())
        );
    }
    assert_eq!(
        refused(&Integer::ANY, json!(1.5)),
        (
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part".into()
        )
    );
    for input in [json!("99999999999999999999"), json!(u64::MAX), json!(1e300)] {
        assert_eq!(
            refused(&Integer::ANY, input),
            (
                "int_parsing_size",
                "Unable to parse input string as an integer, exceeded maximum size".into()
            )
        );
    }
}

#[test]
fn an_integer_stays_within_its_bounds() {
    let limit = Integer::between(1, 200);
    assert_eq!(limit.check(&json!("1")), Ok(1));
    assert_eq!(limit.check(&json!("200")), Ok(200));
    assert_eq!(
        refused(&limit, json!("0")),
        (
            "greater_than_equal",
            "Input should be greater than or equal to 1".into()
        )
    );
    assert_eq!(
        refused(&limit, json!("201")),
        (
            "less_than_equal",
            "Input should be less than or equal to 200".into()
        )
    );
}

#[test]
fn a_choice_names_what_there_is_to_choose_from() {
    let order = Choice(&[("asc", 1), ("desc", 2)]);
    assert_eq!(order.check(&json!("desc")), Ok(2));
    assert_eq!(
        refused(&order, json!("up")),
        ("enum", "Input should be 'asc' or 'desc'".into())
    );
    assert_eq!(refused(&order, json!(1)).0, "enum");
    let status = Choice(&[("all", ()), ("pending", ()), ("completed", ())]);
    assert_eq!(
        refused(&status, json!("")),
        ("enum", "Input should be 'all', 'pending' or 'completed'".into())
    );
}

#[test]
fn a_list_of_texts_is_checked_element_by_element() {
    let tags = TextList::of(Text::of(1, 5), 3);
    assert_eq!(tags.check(&json!([])), Ok(vec![]));
    assert_eq!(
        tags.check(&json!(["a", "b"])),
        Ok(vec!["a".to_owned(), "b".to_owned()])
    );
    for input in [json!("a"), json!(null), json!({})] {
        assert_eq!(
            refused(&tags, input),
            ("list_type", "Input should be a valid list".into())
        );
    }
    assert_eq!(
        refused(&tags, json!(["a", "b", "c", "d"])),
        (
            "too_long",
            "List should have at most 3 items after validation, not 4".into()
        )
    );
    let found = tags.check(&json!(["a", 1, "toolong"])).map_err(|violations| {
        violations
            .iter()
            .map(|violation| (violation.kind, violation.location.clone()))
            .collect::<Vec<_>>()
    });
    assert_eq!(
        found,
        Err(vec![
            ("string_type", vec![Segment::Position(1)]),
            ("string_too_long", vec![Segment::Position(2)])
        ])
    );
}
