//! The JSON Schema of each rule, for OpenAPI documents. The rule accepts every value that its schema allows.
//!
//! The rules accept more strings than the schemas allow, because pydantic does (`"yes"` for a boolean, `"7"` for an
//! integer): with these strings in a document, generated clients could not tell a boolean from a text.

use serde_json::{Value, json};

use super::{Choice, Integer, Text, TextList};

/// The bounds of Unix times in milliseconds. Every number between them is read as a timestamp.
const UNIX_MIN: i64 = -62_135_596_800_000;
const UNIX_MAX: i64 = 253_402_300_799_000;

/// Matches texts without a NUL character. Every dialect of regular expressions reads `\x00`.
const WITHOUT_NUL: &str = r"^[^\x00]*$";

/// Matches texts without a NUL character that hold more than white space.
const NOT_BLANK: &str = r"^[^\x00]*[^\s\x00][^\x00]*$";

/// A string. The schema's bounds count white space that the rule removes.
pub(crate) fn text(rule: &Text) -> Value {
    let pattern = if rule.trim && rule.min > 0 {
        NOT_BLANK
    } else {
        WITHOUT_NUL
    };
    let mut schema = json!({ "type": "string", "pattern": pattern });
    if rule.min > 0 {
        schema["minLength"] = rule.min.into();
    }
    if rule.max < usize::MAX {
        schema["maxLength"] = rule.max.into();
    }
    schema
}

/// `true` or `false`, or 1 or 0.
pub(crate) fn boolean() -> Value {
    json!({ "type": ["boolean", "integer"], "minimum": 0, "maximum": 1 })
}

/// A number without a fraction.
pub(crate) fn integer(rule: Integer) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": rule.min, "maximum": rule.max })
}

/// One of the words.
pub(crate) fn choice<T>(rule: &Choice<'_, T>) -> Value {
    let words: Vec<&str> = rule.0.iter().map(|(word, _)| *word).collect();
    json!({ "type": "string", "enum": words })
}

/// An array of strings.
pub(crate) fn text_list(rule: &TextList) -> Value {
    json!({ "type": "array", "items": text(&rule.element), "maxItems": rule.max })
}

/// A timestamp, or a Unix time in seconds or milliseconds.
pub(crate) fn datetime() -> Value {
    json!({ "type": ["string", "number"], "format": "date-time", "minimum": UNIX_MIN, "maximum": UNIX_MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Datetime;
    use crate::rules::Rule;

    #[test]
    fn a_schema_says_what_its_rule_takes() {
        assert_eq!(
            Text::of(1, 255).trimmed().schema(),
            json!({ "type": "string", "pattern": NOT_BLANK, "minLength": 1, "maxLength": 255 })
        );
        assert_eq!(
            Text::ANY.schema(),
            json!({ "type": "string", "pattern": WITHOUT_NUL })
        );
        assert_eq!(
            Integer::between(1, 200).schema(),
            json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 200 })
        );
        assert_eq!(
            Choice(&[("asc", 1), ("desc", 2)]).schema(),
            json!({ "type": "string", "enum": ["asc", "desc"] })
        );
        assert_eq!(
            TextList::of(Text::of(1, 50), 20).schema(),
            json!({ "type": "array", "items": Text::of(1, 50).schema(), "maxItems": 20 })
        );
    }

    #[test]
    fn numbers_at_the_bounds_of_a_timestamp_are_timestamps() {
        for bound in [UNIX_MIN, UNIX_MAX] {
            assert!(Datetime.check(&json!(bound)).is_ok(), "{bound}");
        }
        assert!(Datetime.check(&json!(UNIX_MIN - 1)).is_err());
        assert!(Datetime.check(&json!(UNIX_MAX + 1)).is_err());
    }
}
