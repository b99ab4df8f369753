//! `openapi.json`: the document of the component's routes, made from the route table and the rules of a question.
//!
//! A test here makes the document, which is checked in: it is the same at every start, and the component is smaller
//! without the code that makes it. If the document is outdated, the test writes it anew and fails.

use berth_sdk::Method;
use berth_sdk::contract::Rule;
use berth_sdk::openapi::{
    self, Document, Operation, body, described, id, list, nullable, object, reference, text, time,
};
use serde_json::{Value, json};

use crate::ROUTES;
use crate::question::{MESSAGE, Question, read_title};

/// The content of the response has no events: generated clients could not tell whether an answer is an object or a text.
const CHAT: &str = "Sends a message. The assistant manages the caller's tasks by its tools, and answers when all is done. With \
    `Accept: text/event-stream` the answer comes as events: `token {text}`, `tool_call {id, name, arguments}`, \
    `tool_result {id, result}`, then `done` with the answer, or `error {detail}`.";

fn document() -> Document {
    let document = Document::new("ai", env!("CARGO_PKG_VERSION"))
        .tag("chat", "Conversations about the caller's tasks")
        .parameter("id", "The number of the resource", &id());
    let document = schemas()
        .into_iter()
        .fold(document, |document, (name, schema)| document.schema(name, schema));
    openapi::of_routes(document, &ROUTES, |pattern, method| {
        operation(pattern, method).tagged("chat")
    })
}

/// Every operation has a line here: a route without a line fails the test.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn operation(pattern: &str, method: Method) -> Operation {
    let (resource, suffix) = match pattern.strip_prefix("/api/{user_id}") {
        Some(resource) => (resource, "_of_user"),
        None => (pattern.trim_start_matches("/api"), ""),
    };
    let operation = |id: &str, summary: &str, description: &str| {
        Operation::new(&format!("{id}{suffix}"), summary, description)
    };
    match (resource, method) {
        ("/chat", Method::Post) => chat(operation("chat", "Talk to the assistant", CHAT)),
        ("/conversations", Method::Get) => operation(
            "list_conversations",
            "List conversations",
            "The caller's conversations, the latest first.",
        )
        .answers(200, "The conversations", &list(&reference("Conversation"))),
        ("/conversations", Method::Post) => new_conversation(operation(
            "create_conversation",
            "Create a conversation",
            "Makes a conversation without messages. Its first message makes a title, if none is given.",
        )),
        ("/conversations/new", Method::Post) => new_conversation(operation(
            "create_new_conversation",
            "Create a conversation",
            "The same as `POST /api/conversations`.",
        )),
        ("/conversations/latest", Method::Get) => operation(
            "read_latest_conversation",
            "Get the number of the latest conversation",
            "The caller's conversation that was used last, or `null` without any.",
        )
        .answers(200, "The number", &reference("LatestConversation")),
        ("/conversations/{id}", Method::Get) => unless_missing(operation(
            "read_conversation",
            "Get a conversation with its messages",
            "One of the caller's conversations, with its messages in order.",
        ))
        .answers(200, "The conversation", &reference("WholeConversation")),
        ("/conversations/{id}", Method::Delete) => unless_missing(operation(
            "delete_conversation",
            "Delete a conversation",
            "Deletes one of the caller's conversations, and its messages. What its tools did stays.",
        ))
        .answers(200, "The conversation is deleted", &reference("Deletion")),
        ("/conversations/{id}/messages", Method::Get) => unless_missing(operation(
            "list_messages",
            "List the messages of a conversation",
            "The messages of one of the caller's conversations, in order.",
        ))
        .answers(200, "The messages", &list(&reference("Message"))),
        _ => panic!(
            "{} {pattern} is not described: add it to openapi.rs",
            method.name()
        ),
    }
}

fn unless_missing(operation: Operation) -> Operation {
    operation.refuses(404, "`Conversation not found`")
}

fn new_conversation(operation: Operation) -> Operation {
    operation
        .takes(
            "NewConversation",
            false,
            &json!({ "title": "Plans for the weekend" }),
        )
        .answers(201, "The conversation", &reference("CreatedConversation"))
}

fn chat(operation: Operation) -> Operation {
    unless_missing(operation)
        .takes("ChatMessage", true, &json!({ "message": "Add a task: buy milk" }))
        .answers(200, "The assistant's answer", &reference("ChatAnswer"))
        .refuses(400, "`Message cannot be empty`")
        .refuses(429, "The language model is rate-limited; see `Retry-After`")
        .refuses(502, "`The language model failed`")
        .refuses(
            503,
            "`The language model is not configured`, too busy, or the database is away; see `Retry-After`",
        )
        .refuses(504, "The language model did not answer in time")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let conversation = vec![
        ("id", id()),
        ("user_id", text()),
        (
            "title",
            described(text(), "Empty until the first message, if none was given"),
        ),
        ("created_at", time()),
        ("updated_at", time()),
    ];
    let with = |field, schema| object(&[&conversation[..], &[(field, schema)]].concat());
    let messages = list(&reference("Message"));
    vec![
        ("ChatMessage", question()),
        ("ChatAnswer", answer()),
        ("ToolCall", call()),
        ("NewConversation", body(read_title).into_schema()),
        ("Conversation", object(&conversation)),
        (
            "CreatedConversation",
            with("conversation_id", described(id(), "The same as `id`")),
        ),
        (
            "LatestConversation",
            object(&[("conversation_id", nullable(id()))]),
        ),
        ("WholeConversation", with("messages", messages)),
        ("Message", message()),
        ("Deletion", object(&[("success", success()), ("message", text())])),
    ]
}

fn success() -> Value {
    json!({ "type": "boolean", "const": true })
}

fn calls() -> Value {
    list(&reference("ToolCall"))
}

fn question() -> Value {
    let mut conversation = nullable(id());
    if let Some(types) = conversation["type"].as_array_mut() {
        types.push("string".into());
    }
    conversation["pattern"] = "^[0-9]{1,18}$".into();
    let conversation = described(
        conversation,
        "The conversation to go on with, also as its decimal string; a new one if it is null or left out",
    );
    body(Question::read)
        .with_schema("message", MESSAGE.schema())
        .with_schema("conversation_id", conversation)
        .into_schema()
}

fn answer() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    let usage = object(&[("input_tokens", count.clone()), ("output_tokens", count)]);
    object(&[
        ("success", success()),
        ("conversation_id", id()),
        ("response", text()),
        (
            "message_id",
            described(id(), "The number of the assistant's message"),
        ),
        ("tool_calls", calls()),
        ("usage", usage),
        ("error", json!({ "type": "null" })),
    ])
}

fn message() -> Value {
    object(&[
        ("id", id()),
        ("conversation_id", id()),
        ("role", json!({ "type": "string", "enum": ["user", "assistant"] })),
        ("content", text()),
        ("tool_calls", calls()),
        ("created_at", time()),
    ])
}

fn call() -> Value {
    let arguments = json!({ "type": "object", "additionalProperties": true });
    let mut call = object(&[
        ("id", text()),
        ("name", text()),
        ("tool_name", described(text(), "The same as `name`")),
        ("tool", described(text(), "The same as `name`")),
        ("arguments", arguments.clone()),
        (
            "result",
            json!({ "description": "What the tool gave, or `{\"error\": …}`" }),
        ),
    ]);
    // Messages that an earlier version stored have no `args`.
    call["properties"]["args"] = described(arguments, "The same as `arguments`");
    call
}

#[test]
fn the_document_is_up_to_date() -> std::io::Result<()> {
    openapi::check(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &document())
}
