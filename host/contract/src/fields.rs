//! The reader of a request's fields.

use std::borrow::Cow;

use serde_json::{Map, Value};

#[cfg(feature = "openapi")]
use crate::openapi::{Recorder, schema, schema_or_null};
use crate::rules::Rule;
use crate::source::{self, Source};
use crate::violations::{Segment, Violations};

/// The fields of a body, a query or a path, which a caller reads one after the other.
///
/// A field that violates its rule is recorded and read as the default of its type or as absent, so that reading goes
/// on: [`Fields::finish`] returns the value only if no violation was recorded. Fields that nothing reads are ignored.
///
/// ```
/// use berth_contract::{Fields, Integer, Text, Violations};
///
/// let mut fields = Fields::json(br#"{"text": "Hi", "stars": 9}"#)?;
/// let text = fields.required("text", &Text::of(1, 500));
/// let stars = fields.optional("stars", &Integer::between(1, 5));
/// let violations = fields.finish((text, stars)).unwrap_err();
/// assert_eq!(violations.iter().count(), 1);
/// # Ok::<(), Violations>(())
/// ```
#[derive(Debug)]
#[must_use = "violations are lost unless `finish` is called"]
pub struct Fields {
    source: Source,
    map: Map<String, Value>,
    /// The fields whose input a violation may repeat; `None` if it may repeat all of them.
    shown: Option<&'static [&'static str]>,
    violations: Violations,
    /// The record of what is read, for a document: nothing is checked then.
    #[cfg(feature = "openapi")]
    recorder: Option<Recorder>,
}

/// A request's change of one field of a stored resource.
///
/// ```
/// use berth_contract::{Change, Fields, Text, Violations};
///
/// let mut fields = Fields::json(br#"{"note": null}"#)?;
/// assert_eq!(fields.change("note", &Text::ANY), Change::Clear);
/// assert_eq!(fields.change("title", &Text::ANY), Change::Keep);
/// fields.finish(())?;
/// # Ok::<(), Violations>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// The field was not sent: it keeps its value.
    #[default]
    Keep,
    /// `null` was sent: clear it.
    Clear,
    /// A value was sent.
    Set(T),
}

impl Fields {
    /// The fields of a JSON body, which must be an object.
    ///
    /// ```
    /// # use berth_contract::Fields;
    /// assert!(Fields::json(br#"{"text": "Hi"}"#).is_ok());
    /// assert!(Fields::json(b"[1]").is_err());
    /// ```
    pub fn json(bytes: &[u8]) -> Result<Self, Violations> {
        Ok(Self::new(Source::Json, source::json_object(bytes)?))
    }

    /// The fields of a JSON body that holds secrets. No violation repeats the client's input, except strings, numbers
    /// and booleans in the fields `shown`. An unknown field is not shown: it may be a secret whose name is misspelt.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json_with_secrets(br#"{"email": "ann", "password": "hunter2"}"#, &["email"])?;
    /// fields.required("password", &Text::of(10, 100));
    /// assert!(!fields.finish(()).unwrap_err().body().contains("hunter2"));
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn json_with_secrets(bytes: &[u8], shown: &'static [&'static str]) -> Result<Self, Violations> {
        let map = source::json_object(bytes).map_err(Violations::without_values)?;
        Ok(Self {
            shown: Some(shown),
            ..Self::new(Source::Json, map)
        })
    }

    /// The fields of an optional JSON body: an empty body and `null` have no fields.
    ///
    /// ```
    /// # use berth_contract::Fields;
    /// assert!(Fields::optional_json(b"").is_ok());
    /// ```
    pub fn optional_json(bytes: &[u8]) -> Result<Self, Violations> {
        Ok(Self::new(Source::Json, source::optional_json_object(bytes)?))
    }

    /// The fields of an `application/x-www-form-urlencoded` body. An empty field counts as absent, as in FastAPI.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut form = Fields::form(b"name=Ann+B.");
    /// assert_eq!(form.required("name", &Text::of(1, 50)), "Ann B.");
    /// form.finish(())?;
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn form(bytes: &[u8]) -> Self {
        let mut map = source::pairs(bytes);
        map.retain(|_, value| value != "");
        Self::new(Source::Form, map)
    }

    /// The fields of an `application/x-www-form-urlencoded` body that holds secrets, which no violation repeats: see
    /// [`Fields::json_with_secrets`].
    ///
    /// ```
    /// # use berth_contract::{Fields, Text};
    /// let mut form = Fields::form_with_secrets(b"password=hunter2", &[]);
    /// form.required("password", &Text::of(10, 100));
    /// assert!(!form.finish(()).unwrap_err().body().contains("hunter2"));
    /// ```
    pub fn form_with_secrets(bytes: &[u8], shown: &'static [&'static str]) -> Self {
        Self {
            shown: Some(shown),
            ..Self::form(bytes)
        }
    }

    /// The parameters of a query string, without its `?`.
    ///
    /// ```
    /// # use berth_contract::{Fields, Integer, Violations};
    /// let mut query = Fields::query("limit=20");
    /// assert_eq!(query.optional("limit", &Integer::between(1, 200)), Some(20));
    /// query.finish(())?;
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn query(query: &str) -> Self {
        Self::new(Source::Query, source::pairs(query.as_bytes()))
    }

    /// The parameters of a path, already percent-decoded.
    ///
    /// ```
    /// # use berth_contract::{Fields, Integer, Violations};
    /// let mut path = Fields::path([("id", "7")]);
    /// assert_eq!(path.required("id", &Integer::ANY), 7);
    /// path.finish(())?;
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn path<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut map = Map::new();
        for (name, value) in parameters {
            map.insert(name.to_owned(), value.into());
        }
        Self::new(Source::Path, map)
    }

    fn new(source: Source, map: Map<String, Value>) -> Self {
        Self {
            source,
            map,
            shown: None,
            violations: Violations::none(),
            #[cfg(feature = "openapi")]
            recorder: None,
        }
    }

    /// Fields that record what is read from them, and have no values.
    #[cfg(feature = "openapi")]
    pub(crate) fn recording(source: Source, recorder: Recorder) -> Self {
        Self {
            recorder: Some(recorder),
            ..Self::new(source, Map::new())
        }
    }

    /// A field that must be there.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(b"{}")?;
    /// fields.required("text", &Text::ANY);
    /// assert_eq!(fields.finish(()).unwrap_err().iter().next().map(|violation| violation.kind), Some("missing"));
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn required<R: Rule<Output: Default>>(&mut self, name: &'static str, rule: &R) -> R::Output {
        #[cfg(feature = "openapi")]
        if let Some(recorder) = &self.recorder {
            recorder.note(name, schema(self.source, rule), true);
            return R::Output::default();
        }
        if !self.map.contains_key(name) {
            let missing = source::missing(self.enclosing());
            self.add(name, missing);
        }
        self.present(name, rule).unwrap_or_default()
    }

    /// An optional field. `null` means the same as no field.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(br#"{"note": null}"#)?;
    /// assert_eq!(fields.optional("note", &Text::ANY), None);
    /// fields.finish(())?;
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn optional<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Output> {
        match self.change(name, rule) {
            Change::Set(value) => Some(value),
            Change::Keep | Change::Clear => None,
        }
    }

    /// An optional field that must not be `null`.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(br#"{"note": null}"#)?;
    /// fields.present("note", &Text::ANY);
    /// assert!(fields.finish(()).is_err());
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn present<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Output> {
        #[cfg(feature = "openapi")]
        if let Some(recorder) = &self.recorder {
            recorder.note(name, schema(self.source, rule), false);
            return None;
        }
        match rule.check(self.map.get(name)?) {
            Ok(value) => Some(value),
            Err(violations) => {
                self.note(name, violations);
                None
            }
        }
    }

    /// An optional field for which `null` and absence have different meanings.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(br#"{"note": "Hi"}"#)?;
    /// assert_eq!(fields.change("note", &Text::ANY), berth_contract::Change::Set("Hi".to_owned()));
    /// fields.finish(())?;
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn change<R: Rule>(&mut self, name: &'static str, rule: &R) -> Change<R::Output> {
        #[cfg(feature = "openapi")]
        if let Some(recorder) = &self.recorder {
            recorder.note(name, schema_or_null(self.source, rule), false);
            return Change::Keep;
        }
        if self.map.get(name).is_some_and(Value::is_null) {
            return Change::Clear;
        }
        self.present(name, rule).map_or(Change::Keep, Change::Set)
    }

    /// Records a violation that no rule of this crate can find, for instance that two fields do not fit together.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(br#"{"from": "b", "to": "a"}"#)?;
    /// let (from, to) = (fields.required("from", &Text::ANY), fields.required("to", &Text::ANY));
    /// if from > to {
    ///     fields.refuse("to", "value_error", "Value error, `to` is before `from`");
    /// }
    /// assert!(fields.finish(()).is_err());
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn refuse(&mut self, name: &'static str, kind: &'static str, message: impl Into<Cow<'static, str>>) {
        let input = self.map.get(name).cloned().unwrap_or_default();
        self.note(name, Violations::one(kind, message, input));
    }

    /// `value`, unless a field violated its rule.
    ///
    /// ```
    /// # use berth_contract::{Fields, Text, Violations};
    /// let mut fields = Fields::json(br#"{"text": "Hi"}"#)?;
    /// let text = fields.required("text", &Text::of(1, 500));
    /// assert_eq!(fields.finish(text)?, "Hi");
    /// # Ok::<(), Violations>(())
    /// ```
    pub fn finish<T>(self, value: T) -> Result<T, Violations> {
        if self.violations.is_empty() {
            Ok(value)
        } else {
            Err(self.violations)
        }
    }

    /// The object that lacks a required field, as far as a violation may repeat the object.
    fn enclosing(&self) -> Value {
        if self.source != Source::Json {
            return Value::Null;
        }
        let shown = self.map.iter().filter(|(name, value)| self.shows(name, value));
        shown
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Whether a violation may repeat this field. A list or an object may hold a secret of any name.
    fn shows(&self, name: &str, value: &Value) -> bool {
        self.shown
            .is_none_or(|shown| shown.contains(&name) && !value.is_object() && !value.is_array())
    }

    /// Records the violations of a field that was sent.
    fn note(&mut self, name: &'static str, violations: Violations) {
        let is_shown = self.map.get(name).is_none_or(|value| self.shows(name, value));
        self.add(
            name,
            if is_shown {
                violations
            } else {
                violations.without_input()
            },
        );
    }

    fn add(&mut self, name: &'static str, violations: Violations) {
        self.violations.extend(
            violations
                .under(&Segment::Name(name))
                .under(&self.source.segment()),
        );
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::rules::{Boolean, Integer, Text};

    fn violation(kind: &str, location: &[&str], message: &str, input: &Value) -> Value {
        json!({"type": kind, "loc": location, "msg": message, "input": input})
    }

    #[test]
    fn every_violation_is_collected_in_the_order_of_reading() {
        let sent = json!({"title": "", "done": "maybe", "extra": 1});
        let mut fields = Fields::json(sent.to_string().as_bytes()).unwrap();
        fields.required("title", &Text::of(1, 255));
        fields.required("owner", &Text::of(1, 10));
        fields.present("done", &Boolean);
        let violations = fields.finish(()).unwrap_err();
        let too_short = "String should have at least 1 character";
        let unclear = "Input should be a valid boolean, unable to interpret input";
        assert_eq!(
            violations.detail(),
            [
                violation("string_too_short", &["body", "title"], too_short, &json!("")),
                violation("missing", &["body", "owner"], "Field required", &sent),
                violation("bool_parsing", &["body", "done"], unclear, &json!("maybe")),
            ]
        );
    }

    #[test]
    fn null_and_absent_are_told_apart() {
        let mut fields = Fields::json(br#"{"note": null, "title": null, "set": "x"}"#).unwrap();
        let text = Text::of(1, 10);
        assert_eq!(fields.change("note", &text), Change::Clear);
        assert_eq!(fields.change("absent", &text), Change::Keep);
        assert_eq!(fields.change("set", &text), Change::Set("x".to_owned()));
        assert_eq!(fields.optional("note", &text), None);
        assert_eq!(fields.present("absent", &text), None);
        assert_eq!(fields.present("title", &text), None);
        let violations = fields.finish(()).unwrap_err();
        let message = "Input should be a valid string";
        assert_eq!(
            violations.detail(),
            [violation(
                "string_type",
                &["body", "title"],
                message,
                &Value::Null
            )]
        );
    }

    #[test]
    fn a_query_and_a_path_are_read_from_strings() {
        let mut query = Fields::query("limit=20&done=on");
        assert_eq!(query.optional("limit", &Integer::between(1, 200)), Some(20));
        assert_eq!(query.optional("done", &Boolean), Some(true));
        assert_eq!(query.optional("offset", &Integer::at_least(0)), None);
        query.finish(()).unwrap();

        let mut path = Fields::path([("id", "seven")]);
        path.required("id", &Integer::ANY);
        let violations = path.finish(()).unwrap_err();
        let message = "Input should be a valid integer, unable to parse string as an integer";
        assert_eq!(
            violations.detail(),
            [violation(
                "int_parsing",
                &["path", "id"],
                message,
                &json!("seven")
            )]
        );
    }

    #[test]
    fn an_empty_field_of_a_form_is_missing() {
        let mut form = Fields::form(b"username=a%40b.c&password=");
        assert_eq!(form.required("username", &Text::of(1, 100)), "a@b.c");
        form.required("password", &Text::of(1, 100));
        let violations = form.finish(()).unwrap_err();
        let expected = violation("missing", &["body", "password"], "Field required", &Value::Null);
        assert_eq!(violations.detail(), [expected]);
    }

    #[test]
    fn no_violation_of_a_body_with_secrets_repeats_one() {
        const SECRET: &str = "hunter2";
        let shown = &["email", "name"];
        for body in [
            json!({"email": "ann", "name": "Ann", "password": SECRET}),
            json!({"email": {"password": SECRET}, "name": [SECRET], "password": [SECRET]}),
            json!({"email": "ann", "passwrd": SECRET, "Password": SECRET}),
            json!([SECRET]),
            json!(SECRET),
        ] {
            let read = Fields::json_with_secrets(body.to_string().as_bytes(), shown);
            let violations = read.and_then(|mut fields| {
                fields.required("email", &Text::of(5, 9));
                fields.present("name", &Text::of(5, 9));
                fields.required("password", &Text::of(10, 20));
                fields.required("absent", &Text::ANY);
                fields.refuse("password", "value_error", "too common");
                fields.finish(())
            });
            let told = violations.unwrap_err().body();
            assert!(!told.contains(SECRET), "{told}");
        }
        let mut form = Fields::form_with_secrets(b"email=ann&password=hunter2", shown);
        form.required("email", &Text::of(5, 9));
        form.required("password", &Text::of(10, 20));
        let told = form.finish(()).unwrap_err().body();
        assert!(told.contains("\"ann\"") && !told.contains(SECRET), "{told}");
    }

    #[test]
    fn a_body_with_secrets_is_repeated_as_far_as_it_has_none() {
        let sent = json!({"email": "ann", "password": "hunter2", "extra": 1});
        let mut fields = Fields::json_with_secrets(sent.to_string().as_bytes(), &["email"]).unwrap();
        fields.required("name", &Text::ANY);
        fields.required("email", &Text::of(5, 9));
        let violations = fields.finish(()).unwrap_err();
        let too_short = "String should have at least 5 characters";
        assert_eq!(
            violations.detail(),
            [
                violation(
                    "missing",
                    &["body", "name"],
                    "Field required",
                    &json!({"email": "ann"})
                ),
                violation("string_too_short", &["body", "email"], too_short, &json!("ann")),
            ]
        );
    }

    #[test]
    fn what_no_rule_sees_can_be_refused() {
        let mut fields = Fields::json(br#"{"email": "nobody"}"#).unwrap();
        let message = "value is not a valid email address";
        fields.refuse("email", "value_error", message);
        let violations = fields.finish(()).unwrap_err();
        let expected = violation("value_error", &["body", "email"], message, &json!("nobody"));
        assert_eq!(violations.detail(), [expected]);
    }
}
