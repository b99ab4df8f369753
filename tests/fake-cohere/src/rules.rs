//! The replies when the script has none: simple rules, which are enough of an assistant to chat with.
//!
//! It knows a handful of orders, several of them separated by `;`. Each becomes a tool call, if the request brings
//! the tool; when the results are there, it tells them.

use serde_json::{Value, json};

use crate::reply::Turn;

/// Answers a request.
pub(crate) fn answer(body: &Value) -> Turn {
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let turn = match messages.last() {
        Some(message) if message["role"] == "tool" => Turn::text(summary(messages)),
        Some(message) => obey(text(&message["content"]), body),
        None => Turn::text(HELP),
    };
    let output = [&turn.text, &turn.tool_plan]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum();
    turn.costing(tokens(body["messages"].to_string().len()), tokens(output))
}

const HELP: &str = "I am a fake, so I only know a few orders: `add buy milk`, `list`, `list pending`, \
                    `complete 3`, `rename 3 buy bread`, `delete 3`, or several of them with `;` between.";

fn obey(order: &str, body: &Value) -> Turn {
    let calls: Option<Vec<_>> = order.split(';').map(parse).collect();
    let offered = |name: &str| {
        let tools = body["tools"].as_array();
        tools
            .into_iter()
            .flatten()
            .any(|tool| tool["function"]["name"] == name)
    };
    match calls {
        Some(calls) if body["tool_choice"] != "NONE" && calls.iter().all(|(name, _)| offered(name)) => {
            let names: Vec<_> = calls.iter().map(|(name, _)| *name).collect();
            let plan = format!("I will use {}.", names.join(", then "));
            Turn::calls(calls).planning(plan)
        }
        _ => Turn::text(HELP),
    }
}

/// One order → the tool and its arguments.
fn parse(order: &str) -> Option<(&'static str, Value)> {
    let order = order.trim();
    let (verb, rest) = order.split_once(char::is_whitespace).unwrap_or((order, ""));
    let rest = rest.trim();
    let task = || rest.trim_start_matches('#').parse::<i64>().ok();
    match verb.to_ascii_lowercase().as_str() {
        "add" if !rest.is_empty() => Some(("add_task", json!({ "title": rest }))),
        "list" if rest.is_empty() => Some(("list_tasks", json!({}))),
        "list" => Some(("list_tasks", json!({ "status": rest }))),
        "complete" => Some(("complete_task", json!({ "task_id": task()? }))),
        "delete" => Some(("delete_task", json!({ "task_id": task()? }))),
        "rename" => {
            let (id, title) = rest.split_once(char::is_whitespace)?;
            let id: i64 = id.trim_start_matches('#').parse().ok()?;
            Some(("update_task", json!({ "task_id": id, "title": title.trim() })))
        }
        _ => None,
    }
}

/// The results of the tools, a line each, in the order of their calls.
fn summary(messages: &[Value]) -> String {
    let Some(asked) = messages
        .iter()
        .rposition(|message| message["role"] == "assistant")
    else {
        return HELP.to_owned();
    };
    let (assistant, results) = (&messages[asked], &messages[asked + 1..]);
    let line = |call: &Value| {
        let result = results
            .iter()
            .find(|result| result["tool_call_id"] == call["id"])?;
        Some(format!(
            "{}: {}",
            call["function"]["name"].as_str()?,
            text(&result["content"])
        ))
    };
    let lines: Vec<_> = assistant["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(line)
        .collect();
    lines.join("\n")
}

/// Content is a string, or blocks of which the first is taken: of text, or of a document.
fn text(content: &Value) -> &str {
    let block = &content[0];
    let texts = [content, &block["text"], &block["document"]["data"]];
    texts.into_iter().find_map(Value::as_str).unwrap_or_default()
}

/// Four letters are a token, more or less.
fn tokens(letters: usize) -> u32 {
    u32::try_from(letters.div_ceil(4)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(order: &str) -> Value {
        let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": {} } });
        let tools = [
            "add_task",
            "list_tasks",
            "complete_task",
            "update_task",
            "delete_task",
        ]
        .map(tool);
        json!({ "messages": [{ "role": "user", "content": order }], "tools": tools })
    }

    fn calls(order: &str) -> Vec<(String, String)> {
        answer(&asked(order))
            .tool_calls
            .into_iter()
            .map(|(_, name, arguments)| (name, arguments))
            .collect()
    }

    #[test]
    fn orders_become_tool_calls() {
        let call = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        assert_eq!(
            calls("add buy milk"),
            [call("add_task", r#"{"title":"buy milk"}"#)]
        );
        assert_eq!(
            calls("List; list pending ; complete #3"),
            [
                call("list_tasks", "{}"),
                call("list_tasks", r#"{"status":"pending"}"#),
                call("complete_task", r#"{"task_id":3}"#)
            ]
        );
        assert_eq!(calls("delete 3"), [call("delete_task", r#"{"task_id":3}"#)]);
        assert_eq!(
            calls("rename 3 buy bread"),
            [call("update_task", r#"{"task_id":3,"title":"buy bread"}"#)]
        );
    }

    #[test]
    fn anything_else_is_answered_with_help() {
        for order in ["hello", "", "complete", "delete milk", "add a; hello"] {
            assert_eq!(answer(&asked(order)).text.as_deref(), Some(HELP), "{order}");
        }
        let without_tools = json!({ "messages": [{ "role": "user", "content": "list" }] });
        assert_eq!(answer(&without_tools).text.as_deref(), Some(HELP));
    }

    #[test]
    fn results_are_told_in_the_order_of_their_calls() {
        let call = |id: &str, name: &str| json!({ "id": id, "function": { "name": name } });
        let messages = json!([
            { "role": "assistant", "tool_calls": [call("1", "add_task"), call("2", "list_tasks")] },
            { "role": "tool", "tool_call_id": "2", "content": "[]" },
            { "role": "tool", "tool_call_id": "1",
              "content": [{ "type": "document", "document": { "data": "{\"id\":7}" } }] },
        ]);
        let turn = answer(&json!({ "messages": messages }));
        assert_eq!(turn.text.as_deref(), Some("add_task: {\"id\":7}\nlist_tasks: []"));
    }
}
