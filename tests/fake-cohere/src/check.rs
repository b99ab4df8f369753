//! What Cohere refuses, and with what status: enough to notice a client that sends nonsense.

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
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if bearer.and_then(|value| value.strip_prefix("Bearer ")).is_none_or(str::is_empty) {
        return Err(Refusal::new(401, "no api key supplied"));
    }
    let model = body["model"].as_str().ok_or_else(|| invalid("model is required"))?;
    if !MODELS.contains(&model) {
        let message = format!("model '{model}' not found, make sure the correct model ID was used");
        return Err(Refusal::new(404, message));
    }
    check_tools(&body["tools"])?;
    check_tool_choice(body)?;
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
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
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
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
                let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
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
