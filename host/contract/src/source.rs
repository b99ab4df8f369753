//! From the bytes of a request to its named fields.

use serde_json::{Map, Value};

use crate::violations::{Segment, Violations};

/// The part of a request that holds the fields, which is the first step of their locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Json,
    Form,
    Query,
    Path,
}

impl Source {
    pub(crate) fn segment(self) -> Segment {
        Segment::Name(match self {
            Self::Json | Self::Form => "body",
            Self::Query => "query",
            Self::Path => "path",
        })
    }
}

const MISSING: &str = "Field required";

/// The violation for an absent field. FastAPI shows the enclosing object if there is one.
pub(crate) fn missing(enclosing: Value) -> Violations {
    Violations::one("missing", MISSING, enclosing)
}

/// Reads the object of a JSON body.
pub(crate) fn json_object(bytes: &[u8]) -> Result<Map<String, Value>, Violations> {
    // FastAPI treats a body of `null` as an absent body.
    let fields = match json_value(bytes)? {
        None | Some(Value::Null) => Err(missing(Value::Null)),
        Some(value) => object(value),
    };
    fields.map_err(|violations| violations.under(&Source::Json.segment()))
}

/// Reads the object of an optional JSON body: `None` when the body is empty or `null`.
pub(crate) fn optional_json_object(bytes: &[u8]) -> Result<Map<String, Value>, Violations> {
    match json_value(bytes)? {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(value) => object(value).map_err(|violations| violations.under(&Source::Json.segment())),
    }
}

/// The pairs of a query string or of a form. The last value of a repeated name counts.
pub(crate) fn pairs(encoded: &[u8]) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        map.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    map
}

fn object(value: Value) -> Result<Map<String, Value>, Violations> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Violations::one(
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
            other,
        )),
    }
}

/// The value of a body; `None` when the body is empty. A byte order mark is skipped, as in Python.
fn json_value(bytes: &[u8]) -> Result<Option<Value>, Violations> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| invalid_json(error.valid_up_to()))?;
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let marked = text.len() - unmarked.len();
    serde_json::from_str(unmarked)
        .map(Some)
        .map_err(|error| invalid_json(marked + position(unmarked, &error)))
}

fn invalid_json(position: usize) -> Violations {
    Violations::one("json_invalid", "JSON decode error", Value::Object(Map::new()))
        .under(&Segment::Position(position))
        .under(&Source::Json.segment())
}

/// The position of a `serde_json` error in bytes. `serde_json` reports line and column, both counted from 1.
fn position(text: &str, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    (before + error.column().saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn refused(bytes: &[u8]) -> Value {
        let violations = json_object(bytes).unwrap_err();
        let body: Value = serde_json::from_str(&violations.body()).unwrap();
        body["detail"][0].clone()
    }

    #[test]
    fn malformed_json_is_told_with_its_place() {
        let place = |bytes: &[u8]| {
            let error = refused(bytes);
            assert_eq!(error["type"], "json_invalid");
            assert_eq!(error["msg"], "JSON decode error");
            assert_eq!(error["input"], json!({}));
            assert_eq!(error["loc"][0], "body");
            error["loc"][1].as_u64().unwrap()
        };
        assert_eq!(place(br#"{"title":"x""#), 12);
        assert_eq!(place(b"  "), 2);
        assert_eq!(place(b"{a:1}"), 1);
        assert_eq!(place(b"{\n  \"a\": 1,\n  b\n}"), 14);
        assert_eq!(place(br#"{"title":"x"} y"#), 14);
        assert_eq!(place(b"{\"title\":\"\xff\"}"), 10);
        assert_eq!(place(b"\xef\xbb\xbf{a:1}"), 4);
    }

    #[test]
    fn json_that_python_reads_and_this_does_not_is_refused_rather_than_failed_on() {
        for body in [
            r#"{"title":NaN}"#,
            r#"{"title":"\ud800"}"#,
            r#"{"title":1e999}"#,
            &"[".repeat(100_000),
        ] {
            assert_eq!(refused(body.as_bytes())["type"], "json_invalid");
        }
    }

    #[test]
    fn an_empty_body_and_null_are_missing() {
        for body in [&b""[..], b"null"] {
            assert_eq!(
                refused(body),
                json!({"type": "missing", "loc": ["body"], "msg": "Field required", "input": null})
            );
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for (body, input) in [
            ("false", json!(false)),
            ("[1]", json!([1])),
            ("\"x\"", json!("x")),
            ("3", json!(3)),
        ] {
            assert_eq!(
                refused(body.as_bytes()),
                json!({
                    "type": "model_attributes_type",
                    "loc": ["body"],
                    "msg": "Input should be a valid dictionary or object to extract fields from",
                    "input": input,
                })
            );
        }
    }

    #[test]
    fn an_optional_body_may_be_empty_or_null_but_not_a_list() {
        assert_eq!(optional_json_object(b"").unwrap(), Map::new());
        assert_eq!(optional_json_object(b"null").unwrap(), Map::new());
        assert!(optional_json_object(b"[]").is_err());
        assert!(optional_json_object(b" ").is_err());
    }

    #[test]
    fn pairs_are_decoded_and_the_last_of_a_name_counts() {
        let map = pairs(b"search=buy+milk%21&limit=1&limit=2&tag=caf%C3%A9&bare");
        assert_eq!(
            Value::Object(map),
            json!({"search": "buy milk!", "limit": "2", "tag": "caf\u{e9}", "bare": ""})
        );
    }
}
