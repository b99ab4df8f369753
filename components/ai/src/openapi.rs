//! `openapi.json`: what the component's routes are, made from the route table and the rules of a question.
//!
//! It is made natively and checked in, since it is the same at every start, and the component is smaller without the
//! code that makes it. The test here writes it anew when it is outdated, and fails.

use berth_guest::{Method, Route};
use serde_json::{Map, Value, json};

use crate::ROUTES;
use crate::question::MESSAGE_MAX;

/// A line for each path and each schema: a change shows in a diff, and the component carries no indentation.
fn document() -> String {
    let paths = lines(ROUTES.iter().map(|route| (route.pattern(), path(route))));
    let schemas = lines(schemas());
    let info = json!({ "title": "ai", "version": env!("CARGO_PKG_VERSION") });
    let tags = json!([{ "name": "chat", "description": "Conversations about the caller's tasks" }]);
    format!(
        "{{\"openapi\":\"3.1.0\",\"info\":{info},\"tags\":{tags},\n\
        \"paths\":{{\n{paths}\n}},\n\
        \"components\":{{\"schemas\":{{\n{schemas}\n}}}}}}\n"
    )
}

fn lines(members: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let lines: Vec<String> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    lines.join(",\n")
}

fn path(route: &Route) -> Value {
    let operations = route.methods().map(|method| {
        let operation = operation(route.pattern(), method);
        (method.name().to_lowercase(), operation)
    });
    operations.collect::<Map<String, Value>>().into()
}

/// Every operation has a line here: a route that has none fails the test.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn operation(pattern: &str, method: Method) -> Value {
    let resource = pattern.trim_start_matches("/api").trim_start_matches("/{user_id}");
    let list_of = |schema: &str| json!({ "type": "array", "items": reference(schema) });
    let (summary, answer) = match (resource, method) {
        ("/chat", Method::Post) => return chat(pattern),
        ("/conversations", Method::Get) => ("List conversations, the latest first", list_of("Conversation")),
        ("/conversations/{id}", Method::Get) => {
            ("Get a conversation with its messages", reference("WholeConversation"))
        }
        ("/conversations/{id}", Method::Delete) => ("Delete a conversation", reference("Deletion")),
        ("/conversations/{id}/messages", Method::Get) => {
            ("List the messages of a conversation, in order", list_of("Message"))
        }
        _ => panic!("{} {pattern} is not described: add it to openapi.rs", method.name()),
    };
    let mut responses = refusals(pattern);
    responses.insert("200".to_owned(), json!({ "description": "Done", "content": content(&answer) }));
    responses.insert("503".to_owned(), refusal("Too busy, or the database is away; see `Retry-After`"));
    described(pattern, summary, &responses)
}

fn chat(pattern: &str) -> Value {
    let mut answer = content(&reference("ChatAnswer"));
    let events = "Asked for by `Accept: text/event-stream`: `token {text}`, `tool_call {id, name, arguments}`, \
                  `tool_result {id, result}`, then `done` with the answer or `error {detail}`";
    answer["text/event-stream"] = json!({ "schema": { "type": "string", "description": events } });
    let mut responses = refusals(pattern);
    responses.insert("200".to_owned(), json!({ "description": "The assistant's answer", "content": answer }));
    for (status, description) in [
        ("400", "`Message cannot be empty`"),
        ("404", "`Conversation not found`"),
        ("413", "The body is too large"),
        ("415", "The body is not JSON"),
        ("422", "A field is not what it must be"),
        ("429", "The language model is rate-limited; see `Retry-After`"),
        ("502", "`The language model failed`"),
        (
            "503",
            "`The language model is not configured`, too busy, or the database is away; see `Retry-After`",
        ),
        ("504", "The language model did not answer in time"),
    ] {
        responses.insert(status.to_owned(), refusal(description));
    }
    let mut operation =
        described(pattern, "Talk to the assistant, who manages the caller's tasks", &responses);
    operation["requestBody"] = json!({ "required": true, "content": content(&reference("ChatMessage")) });
    operation
}

fn described(pattern: &str, summary: &str, responses: &Map<String, Value>) -> Value {
    let mut operation = json!({
        "tags": ["chat"],
        "summary": summary,
        "security": [{ "bearer": [] }],
        "responses": responses,
    });
    let parameters: Vec<Value> = pattern.split('/').filter_map(path_parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

fn path_parameter(segment: &str) -> Option<Value> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let schema = if name == "id" { integer() } else { json!({ "type": "string" }) };
    Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
}

/// What a route refuses by its pattern alone.
fn refusals(pattern: &str) -> Map<String, Value> {
    let unknown = "`Not authenticated` without a token, `Could not validate credentials` with a bad one";
    let all = [
        ("401", unknown, true),
        ("403", "The path is another user's", pattern.contains("{user_id}")),
        ("404", "`Conversation not found`", pattern.contains("{id}")),
        ("422", "A field is not what it must be", pattern.contains("{id}")),
    ];
    let those = all.into_iter().filter(|(.., applies)| *applies);
    those.map(|(status, description, _)| (status.to_owned(), refusal(description))).collect()
}

fn refusal(description: &str) -> Value {
    json!({ "description": description })
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn integer() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

fn schemas() -> [(&'static str, Value); 7] {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let yes = json!({ "type": "boolean", "const": true });
    let calls = json!({ "type": "array", "items": reference("ToolCall") });
    let count = json!({ "type": "integer" });
    let usage = object(&[("input_tokens", count.clone()), ("output_tokens", count)]);
    let conversation = [
        ("id", integer()),
        ("user_id", text.clone()),
        ("title", text.clone()),
        ("created_at", time.clone()),
        ("updated_at", time.clone()),
    ];
    let messages = ("messages", json!({ "type": "array", "items": reference("Message") }));
    let whole: Vec<_> = conversation.iter().cloned().chain([messages]).collect();
    let message = [
        ("id", integer()),
        ("conversation_id", integer()),
        ("role", json!({ "enum": ["user", "assistant"] })),
        ("content", text.clone()),
        ("tool_calls", calls.clone()),
        ("created_at", time),
    ];
    let call = [
        ("id", text.clone()),
        ("name", text.clone()),
        ("tool_name", text.clone()),
        ("tool", text.clone()),
        ("arguments", json!({ "type": "object" })),
        ("result", json!({})),
    ];
    let answer = [
        ("success", yes.clone()),
        ("conversation_id", integer()),
        ("response", text.clone()),
        ("tool_calls", calls),
        ("usage", usage),
        ("error", json!({ "type": "null" })),
    ];
    [
        ("ChatMessage", question()),
        ("ChatAnswer", object(&answer)),
        ("ToolCall", object(&call)),
        ("Conversation", object(&conversation)),
        ("WholeConversation", object(&whole)),
        ("Message", object(&message)),
        ("Deletion", object(&[("success", yes), ("message", text)])),
    ]
}

fn question() -> Value {
    json!({
        "type": "object",
        "properties": {
            "message": { "type": "string", "minLength": 1, "maxLength": MESSAGE_MAX },
            "conversation_id": {
                "type": ["integer", "string", "null"],
                "description": "The conversation to go on with, also as its decimal string; a new one if it is null",
            },
        },
        "required": ["message"],
    })
}

/// An object of which every field is there.
fn object(fields: &[(&'static str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

#[test]
fn the_document_is_up_to_date() -> std::io::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::fs::read_to_string(file)? != document() {
        std::fs::write(file, document())?;
        return Err(std::io::Error::other("openapi.json was outdated and is now written anew: check it in"));
    }
    Ok(())
}

#[test]
fn every_reference_leads_to_a_schema() -> serde_json::Result<()> {
    let text = document();
    let document: Value = serde_json::from_str(&text)?;
    let names = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in names {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    Ok(())
}
