//! The fields that a function reads from a request, as a schema: the document follows from the code that reads.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{described, flag, nullable, partial};
use crate::rules::Boolean;
use crate::source::Source;
use crate::{Fields, Rule};

/// The fields that a function reads, in the order in which it reads them.
///
/// ```
/// use berth_contract::Text;
/// use berth_contract::openapi::{Reading, body};
///
/// let reading: Reading = body(|mut fields| fields.required("text", &Text::of(1, 500)));
/// assert_eq!(reading.into_schema()["required"][0], "text");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Reading(Vec<Field>);

#[derive(Debug, Clone)]
struct Field {
    name: &'static str,
    schema: Value,
    is_required: bool,
}

/// The fields that `read` reads from a body of JSON.
///
/// ```
/// use berth_contract::openapi::body;
/// use berth_contract::{Fields, Integer, Text, Violations};
///
/// fn read(mut fields: Fields) -> Result<(String, Option<i64>), Violations> {
///     let text = fields.required("text", &Text::of(1, 500));
///     let stars = fields.optional("stars", &Integer::between(1, 5));
///     fields.finish((text, stars))
/// }
///
/// let schema = body(read).describe("stars", "From 1 to 5").into_schema();
/// assert_eq!(schema["required"], serde_json::json!(["text"]));
/// assert_eq!(schema["properties"]["text"]["maxLength"], 500);
/// ```
pub fn body<T>(read: impl FnOnce(Fields) -> T) -> Reading {
    record(Source::Json, read)
}

/// The fields that `read` reads from a query.
///
/// ```
/// use berth_contract::Integer;
/// use berth_contract::openapi::{Operation, query};
///
/// let page = query(|mut fields| fields.optional("limit", &Integer::between(1, 200)));
/// let list = Operation::new("list_notes", "List notes", "A page of them.")
///     .asks(page.describe("limit", "How many at most").with_default("limit", 20));
/// ```
pub fn query<T>(read: impl FnOnce(Fields) -> T) -> Reading {
    record(Source::Query, read)
}

fn record<T>(source: Source, read: impl FnOnce(Fields) -> T) -> Reading {
    let recorder = Recorder::default();
    // The value is made of defaults, and of no use.
    drop(read(Fields::recording(source, recorder.clone())));
    Reading(recorder.0.take())
}

/// The record of the fields that were read, shared by the reader and the record's owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Rc<RefCell<Vec<Field>>>);

impl Recorder {
    pub(crate) fn note(&self, name: &'static str, schema: Value, is_required: bool) {
        self.0.borrow_mut().push(Field {
            name,
            schema,
            is_required,
        });
    }
}

/// The schema of a value that `rule` accepts, where it may be `null`.
pub(crate) fn schema_or_null(source: Source, rule: &impl Rule) -> Value {
    match source {
        Source::Json => nullable(rule.schema()),
        Source::Form | Source::Query | Source::Path => schema(source, rule),
    }
}

/// The schema of a value that `rule` accepts. A boolean of a query is no number, so that generated clients send a word.
pub(crate) fn schema(source: Source, rule: &impl Rule) -> Value {
    let schema = rule.schema();
    if source != Source::Json && schema == Boolean.schema() {
        return flag();
    }
    schema
}

impl Reading {
    /// Describes a field.
    ///
    /// ```
    /// # use berth_contract::Text;
    /// # use berth_contract::openapi::body;
    /// let schema = body(|mut fields| fields.required("text", &Text::ANY)).describe("text", "Markdown").into_schema();
    /// assert_eq!(schema["properties"]["text"]["description"], "Markdown");
    /// ```
    pub fn describe(self, name: &str, description: &str) -> Self {
        self.change(name, |schema| described(schema, description))
    }

    /// Describes several fields.
    ///
    /// ```
    /// # use berth_contract::Text;
    /// # use berth_contract::openapi::query;
    /// let filters = query(|mut fields| (fields.optional("tag", &Text::ANY), fields.optional("search", &Text::ANY)))
    ///     .describe_all(&[("tag", "Only those with this tag"), ("search", "Only those with this text")]);
    /// ```
    pub fn describe_all(self, descriptions: &[(&str, &str)]) -> Self {
        descriptions.iter().fold(self, |reading, (name, description)| {
            reading.describe(name, description)
        })
    }

    /// Adds the value that an absent field stands for. Generated clients send such a value, so this is for a query.
    ///
    /// ```
    /// # use berth_contract::Text;
    /// # use berth_contract::openapi::query;
    /// let filters = query(|mut fields| fields.optional("status", &Text::ANY)).with_default("status", "all");
    /// ```
    pub fn with_default(self, name: &str, default: impl Into<Value>) -> Self {
        let default = default.into();
        self.change(name, |mut schema| {
            schema["default"] = default;
            schema
        })
    }

    /// Gives a field another schema than that of its rule.
    ///
    /// ```
    /// # use berth_contract::Text;
    /// # use berth_contract::openapi::{body, text};
    /// let schema = body(|mut fields| fields.required("kind", &Text::ANY)).with_schema("kind", text()).into_schema();
    /// assert_eq!(schema["properties"]["kind"], text());
    /// ```
    pub fn with_schema(self, name: &str, schema: Value) -> Self {
        self.change(name, |_| schema)
    }

    /// Changes a field's schema.
    ///
    /// # Panics
    ///
    /// Panics if no field of this name is read: the document would describe a field that does not exist.
    #[expect(clippy::panic, reason = "the test that makes the document fails by panicking")]
    fn change(mut self, name: &str, change: impl FnOnce(Value) -> Value) -> Self {
        match self.0.iter_mut().find(|field| field.name == name) {
            Some(field) => field.schema = change(field.schema.take()),
            None => panic!("no field `{name}` is read: remove its description"),
        }
        self
    }

    /// An object schema.
    ///
    /// ```
    /// # use berth_contract::Text;
    /// # use berth_contract::openapi::body;
    /// let schema = body(|mut fields| fields.optional("note", &Text::ANY)).into_schema();
    /// assert_eq!(schema["properties"]["note"]["type"], serde_json::json!(["string", "null"]));
    /// ```
    #[must_use]
    pub fn into_schema(self) -> Value {
        let fields: Vec<_> = self
            .0
            .iter()
            .map(|field| (field.name, field.schema.clone()))
            .collect();
        let mut schema = partial(&fields);
        let required: Vec<&str> = self
            .0
            .iter()
            .filter(|field| field.is_required)
            .map(|field| field.name)
            .collect();
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }

    /// The parameters of an operation. The description of a field becomes that of its parameter.
    pub(super) fn into_parameters(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().map(|mut field| {
            let description = field
                .schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            json!({
                "name": field.name,
                "in": "query",
                "required": field.is_required,
                "description": description.unwrap_or_else(|| field.name.into()),
                "schema": field.schema,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Datetime, Text, Violations};

    #[test]
    fn each_way_of_reading_has_its_schema() {
        let schema = body(|mut fields| {
            fields.required("title", &Text::of(1, 9));
            fields.present("done", &Boolean);
            let due: Change<_> = fields.change("due", &Datetime);
            let note = fields.optional("note", &Text::ANY);
            assert_eq!((due, note), (Change::Keep, None));
            fields.finish(())
        })
        .into_schema();
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": Text::of(1, 9).schema(),
                    "done": Boolean.schema(),
                    "due": nullable(Datetime.schema()),
                    "note": nullable(Text::ANY.schema()),
                },
            })
        );
    }

    #[test]
    fn a_query_has_parameters_that_are_never_null() {
        let read = |mut fields: Fields| -> Result<(), Violations> {
            fields.optional("done", &Boolean);
            fields.finish(())
        };
        let parameters: Vec<Value> = query(read)
            .describe("done", "Only those done")
            .into_parameters()
            .collect();
        assert_eq!(
            parameters,
            [json!({
                "name": "done", "in": "query", "required": false, "description": "Only those done", "schema": flag(),
            })]
        );
    }
}
