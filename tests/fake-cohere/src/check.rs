//! The requests that Cohere refuses, with the status of each: enough to notice a client that sends invalid requests.

use std::collections::HashSet;

use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::reply::Refusal;

/// The models that live. <https://docs.cohere.com/docs/models>
const MODELS: [&str; 6] = [
    "command-a-plus-05-2026",
    "command-a-03-2025",
    "command-a-reasoning-08-2025",
    "command-r7b-12-2024",
    "command-r-08-2024",
    "command-r-plus-08-2024",
];

/// Whether Cohere would take the request.
pub(crate) fn check(headers: &HeaderMap, body: &Value) -> Result<(), Refusal> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if bearer
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_none_or(str::is_empty)
    {
        return Err(Refusal::new(401, "no api key supplied"));
    }
    let model = body["model"]
        .as_str()
        .ok_or_else(|| invalid("model is required"))?;
    if !MODELS.contains(&model) {
        let message = format!("model '{model}' not found, make sure the correct model ID was used");
        return Err(Refusal::new(404, message));
    }
    check_tools(&body["tools"])?;
    check_tool_choice(body)?;
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty());
    check_messages(messages.ok_or_else(|| invalid("messages must hold at least one message"))?)
}

fn invalid(message: impl std::fmt::Display) -> Refusal {
    Refusal::new(422, format!("invalid request: {message}"))
}

fn check_tools(tools: &Value) -> Result<(), Refusal> {
    for tool in tools.as_array().into_iter().flatten() {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default();
        let first = name.bytes().next();
        let letters = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if tool["type"] != "function" || first.is_none_or(|byte| byte.is_ascii_digit()) || !letters {
            return Err(invalid(format_args!("tool name {name:?} is not valid")));
        }
        if !function["parameters"].is_object() {
            return Err(invalid(format_args!("tool {name:?} has no parameters")));
        }
    }
    Ok(())
}

fn check_tool_choice(body: &Value) -> Result<(), Refusal> {
    match &body["tool_choice"] {
        Value::Null => Ok(()),
        _ if body["tools"].is_null() => Err(invalid("tool_choice needs tools")),
        choice if choice == "REQUIRED" || choice == "NONE" => Ok(()),
        choice => Err(invalid(format_args!("tool_choice {choice} is not valid"))),
    }
}

/// Every tool call has its result before the conversation goes on, and every result a call.
fn check_messages(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: HashSet<&str> = HashSet::new();
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !open.remove(id) {
                return Err(invalid(format_args!("tool_call_id {id:?} belongs to no call")));
            }
        } else if let Some(id) = open.iter().next() {
            return Err(invalid(format_args!("the tool call {id:?} has no result")));
        }
        match role {
            "system" | "user" | "tool" if message["content"].is_null() => {
                return Err(invalid(format_args!("a {role} message has no content")));
            }
            "system" | "user" | "tool" => {}
            "assistant" => {
                let calls = message["tool_calls"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                if message["content"].is_null() && calls.is_empty() {
                    return Err(invalid("an assistant message has neither content nor tool_calls"));
                }
                open.extend(calls.iter().filter_map(|call| call["id"].as_str()));
            }
            _ => return Err(invalid(format_args!("role {role:?} is not valid"))),
        }
    }
    match open.iter().next() {
        Some(id) => Err(invalid(format_args!("the tool call {id:?} has no result"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn status(key: &'static str, body: &Value) -> u16 {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(key))]);
        check(&headers, body).map_or_else(|refusal| refusal.status, |()| 200)
    }

    /// A request with this in it.
    fn with(key: &str, value: Value) -> Value {
        let mut body = json!({
            "model": "command-a-03-2025",
            "messages": [{ "role": "user", "content": "Hello" }],
        });
        body[key] = value;
        body
    }

    #[test]
    fn what_cohere_takes_is_taken() {
        let tool = json!({ "type": "function", "function": { "name": "list_tasks", "parameters": {} } });
        let call =
            json!({ "id": "a", "type": "function", "function": { "name": "list_tasks", "arguments": "{}" } });
        let rounds = json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "List" },
            { "role": "assistant", "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "a", "content": "[]" },
            { "role": "assistant", "content": "None." },
        ]);
        for body in [with("tools", json!([tool])), with("messages", rounds)] {
            assert_eq!(status("Bearer key", &body), 200, "{body}");
        }
    }

    #[test]
    fn what_cohere_refuses_is_refused() {
        let hello = with("stream", Value::Bool(true));
        assert_eq!(
            [status("Bearer ", &hello), status("Basic key", &hello)],
            [401, 401]
        );
        assert_eq!(status("Bearer key", &with("model", json!("command-r"))), 404);
        let tool = |name: &str, parameters: Value| json!([{ "type": "function", "function": { "name": name, "parameters": parameters } }]);
        let call = json!({ "id": "a", "function": { "name": "list_tasks", "arguments": "{}" } });
        let invalid = [
            with("model", Value::Null),
            with("tools", tool("list-tasks", json!({}))),
            with("tools", tool("2do", json!({}))),
            with("tools", tool("list_tasks", Value::Null)),
            with("tool_choice", json!("REQUIRED")),
            with("messages", json!([])),
            with("messages", json!([{ "role": "robot", "content": "Hello" }])),
            with("messages", json!([{ "role": "user" }])),
            with("messages", json!([{ "role": "assistant" }])),
            with("messages", json!([{ "role": "assistant", "tool_calls": [call] }])),
            with(
                "messages",
                json!([
                    { "role": "assistant", "tool_calls": [call] },
                    { "role": "user", "content": "Hello" },
                ]),
            ),
            with(
                "messages",
                json!([{ "role": "tool", "tool_call_id": "a", "content": "[]" }]),
            ),
        ];
        for body in invalid {
            assert_eq!(status("Bearer key", &body), 422, "{body}");
        }
    }
}
