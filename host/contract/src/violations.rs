//! The violations of a request's fields: the body of a 422, with pydantic 2's names.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Value, json};

/// All violations of one request.
///
/// ```
/// use berth_contract::{Segment, Violations};
///
/// let violations = Violations::one("value_error", "Value error, taken", "ann".into())
///     .under(&Segment::Name("name"))
///     .under(&Segment::Name("body"));
/// assert_eq!(
///     violations.body(),
///     r#"{"detail":[{"input":"ann","loc":["body","name"],"msg":"Value error, taken","type":"value_error"}]}"#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the request has {} invalid fields", .0.len())]
pub struct Violations(Vec<Violation>);

/// The violation of one field.
///
/// ```
/// # use berth_contract::{Violations};
/// # use serde_json::json;
/// let violations = Violations::one("missing", "Field required", json!(null));
/// assert_eq!(violations.iter().next().map(|violation| violation.kind), Some("missing"));
/// ```
#[derive(Clone, PartialEq)]
pub struct Violation {
    /// The identifier of the violation, for programs: `missing`, `string_too_long`, …
    pub kind: &'static str,
    /// The path to the field: `["body", "tags", 3]`.
    pub location: Vec<Segment>,
    /// The sentence for people.
    pub message: Cow<'static, str>,
    /// The client's input; `None` if it may be a secret. Must not be logged.
    pub input: Option<Value>,
}

/// One step of the path to a field.
///
/// ```
/// use berth_contract::Segment;
///
/// let location = [Segment::Name("body"), Segment::Name("tags"), Segment::Position(3)];
/// assert_eq!(location.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The name of a field, or `body`, `query` or `path`.
    Name(&'static str),
    /// The index of a list's element, or the byte at which JSON is invalid.
    Position(usize),
}

impl Violations {
    /// Returns an empty list of violations.
    #[must_use]
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Returns one violation, without a location: [`Violations::under`] adds it.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// assert_eq!(Violations::one("missing", "Field required", json!(null)).iter().count(), 1);
    /// ```
    #[must_use]
    pub fn one(kind: &'static str, message: impl Into<Cow<'static, str>>, input: Value) -> Self {
        Self(vec![Violation {
            kind,
            location: Vec::new(),
            message: message.into(),
            input: Some(input),
        }])
    }

    /// Removes the client's input, because it may be or hold a secret.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// let violations = Violations::one("string_too_short", "Too short", json!("hunter2")).without_input();
    /// assert!(!violations.body().contains("hunter2"));
    /// ```
    #[must_use]
    pub fn without_input(mut self) -> Self {
        for violation in &mut self.0 {
            violation.input = None;
        }
        self
    }

    /// Removes the inputs that hold a value. A body that is not JSON, or is absent, has an empty input.
    pub(crate) fn without_values(mut self) -> Self {
        for violation in &mut self.0 {
            violation
                .input
                .take_if(|input| *input != Value::Null && *input != json!({}));
        }
        self
    }

    /// Puts `segment` before each location.
    ///
    /// ```
    /// # use berth_contract::{Segment, Violations};
    /// # use serde_json::json;
    /// let violations = Violations::one("missing", "Field required", json!(null)).under(&Segment::Name("name"));
    /// assert!(violations.body().contains(r#""loc":["name"]"#));
    /// ```
    #[must_use]
    pub fn under(mut self, segment: &Segment) -> Self {
        for violation in &mut self.0 {
            violation.location.insert(0, segment.clone());
        }
        self
    }

    /// Appends the violations of `others`.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// let mut violations = Violations::one("missing", "Field required", json!(null));
    /// violations.extend(violations.clone());
    /// assert_eq!(violations.iter().count(), 2);
    /// ```
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether there is no violation.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// assert!(!Violations::one("missing", "Field required", json!(null)).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The violations, in the order in which the fields were read.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// let violations = Violations::one("missing", "Field required", json!(null));
    /// let sentences: Vec<_> = violations.iter().map(|violation| &*violation.message).collect();
    /// assert_eq!(sentences, ["Field required"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// The body of the 422: `{"detail": [{"type", "loc", "msg", "input"}]}`, without `input` where it may be a secret.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// let violations = Violations::one("missing", "Field required", json!(null));
    /// assert!(violations.body().starts_with(r#"{"detail":["#));
    /// ```
    #[must_use]
    pub fn body(&self) -> String {
        json!({ "detail": self.detail() }).to_string()
    }

    /// The value of `detail` in the body of the 422.
    ///
    /// ```
    /// # use berth_contract::{Violations};
    /// # use serde_json::json;
    /// let violations = Violations::one("missing", "Field required", json!(null));
    /// assert_eq!(violations.detail()[0]["type"], "missing");
    /// ```
    #[must_use]
    pub fn detail(&self) -> Vec<Value> {
        self.iter().map(Violation::to_json).collect()
    }
}

impl Violation {
    fn to_json(&self) -> Value {
        let location: Vec<Value> = self.location.iter().map(Segment::to_json).collect();
        let mut violation = json!({ "type": self.kind, "loc": location, "msg": self.message });
        if let Some(input) = &self.input {
            violation["input"] = input.clone();
        }
        violation
    }
}

/// Omits the input, which may be a secret.
impl fmt::Debug for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Violation")
            .field("kind", &self.kind)
            .field("location", &self.location)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Segment {
    fn to_json(&self) -> Value {
        match self {
            Self::Name(name) => Value::from(*name),
            Self::Position(position) => Value::from(*position),
        }
    }
}

/// Returns both values, or the violations of both: path, query and body of a request are each read to their end, so
/// that a response reports all violations at once.
///
/// ```
/// use berth_contract::{Fields, Integer, Text, Violations, both};
///
/// let mut path = Fields::path([("id", "seven")]);
/// let id = path.required("id", &Integer::ANY);
/// let mut body = Fields::json(b"{}")?;
/// let text = body.required("text", &Text::ANY);
/// assert_eq!(both(path.finish(id), body.finish(text)).unwrap_err().iter().count(), 2);
/// # Ok::<(), Violations>(())
/// ```
pub fn both<A, B>(first: Result<A, Violations>, second: Result<B, Violations>) -> Result<(A, B), Violations> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut first), Err(second)) => {
            first.extend(second);
            Err(first)
        }
        (Err(violations), Ok(_)) | (Ok(_), Err(violations)) => Err(violations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_short(field: &'static str) -> Violations {
        Violations::one(
            "string_too_short",
            "String should have at least 1 character",
            json!(""),
        )
        .under(&Segment::Name(field))
        .under(&Segment::Name("body"))
    }

    #[test]
    fn the_body_has_pydantics_shape() {
        assert_eq!(
            too_short("title").body(),
            json!({"detail": [{
                "type": "string_too_short",
                "loc": ["body", "title"],
                "msg": "String should have at least 1 character",
                "input": "",
            }]})
            .to_string()
        );
    }

    #[test]
    fn an_input_that_may_be_a_secret_is_left_out() {
        let detail = too_short("password").without_input().detail();
        assert_eq!(
            detail,
            [json!({
                "type": "string_too_short",
                "loc": ["body", "password"],
                "msg": "String should have at least 1 character",
            })]
        );
    }

    #[test]
    fn both_collects_the_violations_of_both() {
        assert_eq!(both(Ok(1), Ok(2)), Ok((1, 2)));
        assert_eq!(both::<(), _>(Err(too_short("a")), Ok(2)), Err(too_short("a")));
        let all = both::<(), ()>(Err(too_short("a")), Err(too_short("b")));
        assert_eq!(all.map_err(|violations| violations.iter().count()), Err(2));
    }

    #[test]
    fn debug_does_not_show_what_the_client_sent() {
        let violations = Violations::one("string_too_short", "Too short", json!("hunter2"));
        assert!(!format!("{violations:?}").contains("hunter2"));
    }
}
