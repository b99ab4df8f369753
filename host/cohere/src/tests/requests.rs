//! Requests as they are sent.

use serde_json::json;

use super::*;
use crate::{AssistantMessage, Tool, ToolCall, ToolChoice, ToolResult};

/// A conversation with everything that one can hold.
fn conversation() -> Request {
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let result = |id: &str, content: &str| {
        Message::Tool(ToolResult {
            tool_call_id: id.to_owned(),
            content: content.to_owned(),
        })
    };
    let tool = |name: &str, description: Option<&str>, parameters: serde_json::Value| Tool {
        name: name.to_owned(),
        description: description.map(str::to_owned),
        parameters: parameters.to_string(),
    };
    let title =
        json!({ "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"] });
    Request {
        model: Some("command-r7b-12-2024".to_owned()),
        messages: vec![
            Message::System("You keep a list of tasks.".to_owned()),
            Message::User("Buy milk, and show me the list".to_owned()),
            Message::Assistant(AssistantMessage {
                content: None,
                tool_plan: Some("I will add a task and list them all.".to_owned()),
                tool_calls: vec![
                    call("add_1", "add_task", r#"{"title": "Buy milk"}"#),
                    call("list_2", "list_tasks", "{}"),
                ],
            }),
            result("add_1", r#"{"id": 1}"#),
            result("list_2", "[]"),
            Message::Assistant(AssistantMessage {
                content: Some("Done.".to_owned()),
                ..Default::default()
            }),
            Message::User("Thanks".to_owned()),
        ],
        tools: vec![
            tool("add_task", Some("Adds a task."), title),
            tool("list_tasks", None, json!({ "type": "object", "properties": {} })),
        ],
        tool_choice: ToolChoice::Required,
        max_tokens: Some(500),
        temperature: Some(0.5),
        seed: Some(7),
        stop_sequences: vec!["END".to_owned()],
    }
}

#[tokio::test]
async fn a_request_is_said_in_coheres_words() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let mut settings = settings(&cohere);
    settings.models = vec!["command-r7b-12-2024".to_owned()];
    let client = client(settings);
    client
        .chat(&conversation(), caller(), in_a_minute())
        .await
        .unwrap();
    let received = &cohere.requests()[0];
    insta::assert_json_snapshot!(received.body);
    assert_eq!(received.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(received.headers["x-client-name"], "berth");
}

#[tokio::test]
async fn what_is_not_said_is_not_sent() {
    let (cohere, client) = fake([]).await;
    client.say_hello().await.unwrap();
    let (_, error) = client.hear().await;
    assert_eq!(error, None);
    let bodies: Vec<_> = cohere
        .requests()
        .into_iter()
        .map(|received| received.body)
        .collect();
    let body = |stream: bool| {
        json!({
            "model": "command-a-03-2025",
            "stream": stream,
            "messages": [{ "role": "user", "content": "Hello" }],
        })
    };
    assert_eq!(bodies, [body(false), body(true)]);
}
