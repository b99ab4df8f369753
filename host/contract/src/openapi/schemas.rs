//! Schemas.

use serde_json::{Map, Value, json};

/// The schemas of error bodies, by FastAPI's names. The host and all components have the same, so that a generated client
/// has one type for all errors.
///
/// ```
/// # use berth_contract::openapi::errors;
/// assert_eq!(errors().map(|(name, _)| name), ["Error", "HTTPValidationError", "ValidationError"]);
/// ```
#[must_use]
pub fn errors() -> [(&'static str, Value); 3] {
    let sentence = described(text(), "A sentence for people.");
    let violations = list(&reference("ValidationError"));
    [
        (
            "Error",
            described(
                object(&[("detail", with_example(sentence, "Not Found"))]),
                "An error.",
            ),
        ),
        (
            "HTTPValidationError",
            described(
                object(&[("detail", violations)]),
                "A request whose fields are not valid, with every fault of it.",
            ),
        ),
        (
            "ValidationError",
            described(violation(), "One fault of a request, in pydantic's words."),
        ),
    ]
}

fn violation() -> Value {
    let position = json!({ "type": "integer", "format": "int64", "minimum": 0 });
    let step = json!({ "oneOf": [
        described(text(), "The name of a field."),
        described(position, "The index of an element, or the byte at which JSON breaks."),
    ] });
    let steps = list(&described(step, "One step on the way to a field."));
    let steps = described(
        steps,
        "The place of the fault, from `body`, `query` or `path` on.",
    );
    let mut violation = object(&[
        (
            "type",
            with_example(described(text(), "The machine's name of the fault."), "missing"),
        ),
        ("loc", with_example(steps, json!(["body", "email"]))),
        (
            "msg",
            with_example(described(text(), "A sentence for people."), "Field required"),
        ),
    ]);
    violation["properties"]["input"] = described(
        json!({}),
        "The value that was sent. Left out where it is or may hold a secret.",
    );
    violation
}

fn with_example(mut schema: Value, example: impl Into<Value>) -> Value {
    schema["example"] = example.into();
    schema
}

/// The schema with this name.
///
/// ```
/// # use berth_contract::openapi::reference;
/// assert_eq!(reference("Note")["$ref"], "#/components/schemas/Note");
/// ```
#[must_use]
pub fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The content of a JSON body.
///
/// ```
/// # use berth_contract::openapi::{json_content, text};
/// assert_eq!(json_content(&text())["application/json"]["schema"], text());
/// ```
#[must_use]
pub fn json_content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// An object schema in which all these fields are required.
///
/// ```
/// # use berth_contract::openapi::{object, text};
/// assert_eq!(object(&[("name", text())])["required"][0], "name");
/// ```
#[must_use]
pub fn object(fields: &[(&'static str, Value)]) -> Value {
    let mut schema = partial(fields);
    schema["required"] = fields.iter().map(|(name, _)| *name).collect();
    schema
}

/// An object schema in which all these fields are optional.
///
/// ```
/// # use berth_contract::openapi::{partial, text};
/// assert!(partial(&[("name", text())]).get("required").is_none());
/// ```
#[must_use]
pub fn partial(fields: &[(&'static str, Value)]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties })
}

/// An array of elements.
///
/// ```
/// # use berth_contract::openapi::{list, text};
/// assert_eq!(list(&text())["items"], text());
/// ```
#[must_use]
pub fn list(element: &Value) -> Value {
    json!({ "type": "array", "items": element })
}

/// The schema, extended by null.
///
/// ```
/// # use berth_contract::openapi::{nullable, text};
/// assert_eq!(nullable(text())["type"], serde_json::json!(["string", "null"]));
/// ```
#[must_use]
pub fn nullable(mut schema: Value) -> Value {
    let mut types = match schema["type"].take() {
        Value::Array(types) => types,
        one => vec![one],
    };
    types.push("null".into());
    schema["type"] = types.into();
    schema
}

/// The schema with a description.
///
/// ```
/// # use berth_contract::openapi::{described, text};
/// assert_eq!(described(text(), "A name")["description"], "A name");
/// ```
#[must_use]
pub fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// The id of a stored resource: 1 or more.
///
/// ```
/// # use berth_contract::openapi::id;
/// assert_eq!(id()["minimum"], 1);
/// ```
#[must_use]
pub fn id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX })
}

/// A timestamp of a response.
///
/// ```
/// # use berth_contract::openapi::time;
/// assert_eq!(time()["format"], "date-time");
/// ```
#[must_use]
pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A boolean of a response.
///
/// ```
/// # use berth_contract::openapi::flag;
/// assert_eq!(flag()["type"], "boolean");
/// ```
#[must_use]
pub fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// Any text of a response.
///
/// ```
/// # use berth_contract::openapi::text;
/// assert_eq!(text()["type"], "string");
/// ```
#[must_use]
pub fn text() -> Value {
    json!({ "type": "string" })
}
