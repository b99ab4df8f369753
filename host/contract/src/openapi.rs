//! The parts of an operation that the contract fixes, as OpenAPI 3.1 has them: its callers and its refusals.
//!
//! Tests make the documents, which are checked in. A built component contains nothing of this module.

use serde_json::{Map, Value, json};

/// One method of one path: an Operation Object.
#[derive(Debug, Clone)]
#[must_use]
pub struct Operation(Value);

impl Operation {
    /// The operation `id` of an authenticated caller at the path `pattern`, whose `{user_id}` is the caller and whose `{id}`
    /// is an integer.
    pub fn new(id: &str, pattern: &str, summary: &str, description: &str) -> Self {
        let operation = Self(json!({
            "operationId": id,
            "summary": summary,
            "description": description,
            "security": [{ "bearer": [] }],
            "parameters": pattern.split('/').filter_map(path_parameter).collect::<Vec<_>>(),
            "responses": {},
        }));
        let operation = operation
            .refuses(
                401,
                "`Not authenticated` without a token, `Could not validate credentials` with a bad one",
            )
            .refuses(503, "Too busy, or the database is away; see `Retry-After`");
        let operation = if pattern.contains("{user_id}") {
            operation.refuses(403, "`Forbidden`: the path is another user's")
        } else {
            operation
        };
        if pattern.contains("{id}") {
            operation.validates()
        } else {
            operation
        }
    }

    /// Puts the operation under a tag.
    pub fn tagged(mut self, tag: &str) -> Self {
        self.0["tags"] = json!([tag]);
        self
    }

    /// Takes parameters of the query, as (name, description, schema). All of them are optional.
    pub fn asks(mut self, parameters: &[(&str, &str, Value)]) -> Self {
        let parameters = parameters.iter().map(|(name, description, schema)| {
            json!({ "name": name, "in": "query", "required": false, "description": description, "schema": schema })
        });
        if let Some(all) = self.0["parameters"].as_array_mut() {
            all.extend(parameters);
        }
        self.validates()
    }

    /// Takes a JSON body. `example` is a valid one. A body that is not required may be empty or `null`.
    pub fn takes(mut self, schema: &str, required: bool, example: &Value) -> Self {
        let reference = reference(schema);
        let schema = if required {
            reference
        } else {
            json!({ "anyOf": [reference, { "type": "null" }] })
        };
        let content = json!({ "application/json": { "schema": schema, "example": example } });
        self.0["requestBody"] = json!({ "required": required, "content": content });
        self.refuses(413, "`Request body too large`")
            .refuses(415, "`Send the body as application/json`")
            .validates()
    }

    /// Answers with JSON.
    pub fn answers(self, status: u16, description: &str, schema: &Value) -> Self {
        self.responds(
            status,
            json!({ "description": description, "content": json_content(schema) }),
        )
    }

    /// Answers with this Response Object.
    pub fn responds(mut self, status: u16, response: Value) -> Self {
        self.0["responses"][status.to_string()] = response;
        self
    }

    /// Refuses a request with a sentence in `detail`.
    pub fn refuses(self, status: u16, description: &str) -> Self {
        self.answers(status, description, &reference("Error"))
    }

    /// Refuses a request with an invalid field.
    fn validates(self) -> Self {
        self.answers(
            422,
            "A field is not what it must be",
            &reference("HTTPValidationError"),
        )
    }

    /// The Operation Object.
    #[must_use]
    pub fn into_json(self) -> Value {
        self.0
    }
}

fn path_parameter(segment: &str) -> Option<Value> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let (description, schema) = match name {
        "user_id" => (
            "The caller: the `sub` of the token",
            json!({ "type": "string", "minLength": 1, "maxLength": 100 }),
        ),
        _ => ("The number of the resource", id()),
    };
    Some(
        json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }),
    )
}

/// The schemas of error bodies, by FastAPI's names. The host's own document has the same schemas, so that a generated
/// client has one type for all errors.
#[must_use]
pub fn errors() -> [(&'static str, Value); 3] {
    let sentence = described(text(), "A sentence for people.");
    let violations = json!({ "type": "array", "items": reference("ValidationError") });
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
    let steps = json!({ "type": "array", "items": described(step, "One step on the way to a field.") });
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
#[must_use]
pub fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The content of a JSON body.
#[must_use]
pub fn json_content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// An object schema in which all these fields are required.
#[must_use]
pub fn object(fields: &[(&'static str, Value)]) -> Value {
    let mut schema = partial(fields);
    schema["required"] = fields.iter().map(|(name, _)| *name).collect();
    schema
}

/// An object schema in which all these fields are optional.
#[must_use]
pub fn partial(fields: &[(&'static str, Value)]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties })
}

/// The schema, extended by null.
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
#[must_use]
pub fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// The id of a stored resource.
#[must_use]
pub fn id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX })
}

/// A timestamp as the API writes it.
#[must_use]
pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A boolean, as the API writes it.
#[must_use]
pub fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// Any text, as the API writes it.
#[must_use]
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// A whole document, with a line for each path and each schema and no indentation, so that a diff shows each change.
#[must_use]
pub fn document<'a>(
    info: &Value,
    tag: &Value,
    paths: impl IntoIterator<Item = (&'a str, Value)>,
    schemas: impl IntoIterator<Item = (&'a str, Value)>,
) -> String {
    let (paths, schemas) = (lines(paths), lines(schemas));
    format!(
        "{{\"openapi\":\"3.1.0\",\"info\":{info},\"tags\":[{tag}],\n\
        \"paths\":{{\n{paths}\n}},\n\
        \"components\":{{\"schemas\":{{\n{schemas}\n}}}}}}\n"
    )
}

fn lines<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> String {
    let lines: Vec<String> = members
        .into_iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    lines.join(",\n")
}
