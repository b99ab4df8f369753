//! The response to a client: the body of an answer, the events before it, and the text that replaces an answer without
//! words.

use berth_sdk::cohere::Usage;
use serde_json::{Value, json};

use crate::store::Stored;
use crate::tools;

/// An event of a turn.
#[derive(Debug)]
pub(crate) enum Step {
    /// A piece of the assistant's text.
    Token(String),
    /// The assistant calls a tool.
    Call {
        id: String,
        name: String,
        arguments: Value,
    },
    /// The tool has returned.
    Result { id: String, result: Value },
    /// The turn is done. This is the last step.
    Done(Answer),
}

/// The end of a turn.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The assistant's text.
    pub(crate) text: String,
    /// The tools that were run, in order.
    pub(crate) calls: Vec<Call>,
    /// The tokens of all rounds.
    pub(crate) usage: Usage,
}

/// A tool that was run.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
    /// `{"error": …}` if it failed.
    pub(crate) result: Value,
}

impl Answer {
    /// The tool calls, as responses and the database have them. Clients of three kinds read the name from three fields, and
    /// the arguments from two.
    pub(crate) fn tool_calls(&self) -> Value {
        let call = |call: &Call| {
            json!({
                "id": call.id,
                "name": call.name,
                "tool_name": call.name,
                "tool": call.name,
                "arguments": call.arguments,
                "args": call.arguments,
                "result": call.result,
            })
        };
        self.calls.iter().map(call).collect()
    }

    /// The body of the answer, which has been stored as `stored`.
    pub(crate) fn body(&self, stored: Stored) -> Value {
        json!({
            "success": true,
            "conversation_id": stored.conversation,
            "response": self.text,
            "message_id": stored.message,
            "tool_calls": self.tool_calls(),
            "usage": { "input_tokens": self.usage.input_tokens, "output_tokens": self.usage.output_tokens },
            "error": null,
        })
    }
}

/// Name and data of the event for a step. `store` stores the answer before the client gets the event.
pub(crate) fn event<E>(
    step: &Step,
    store: impl FnOnce(&Answer) -> Result<Stored, E>,
) -> Result<(&'static str, Value), E> {
    Ok(match step {
        Step::Token(text) => ("token", json!({ "text": text })),
        Step::Call { id, name, arguments } => (
            "tool_call",
            json!({ "id": id, "name": name, "arguments": arguments }),
        ),
        Step::Result { id, result } => ("tool_result", json!({ "id": id, "result": result })),
        Step::Done(answer) => ("done", answer.body(store(answer)?)),
    })
}

/// The text of an answer when the model says nothing: a list of the tools' results. `exhausted` says that the model had
/// no rounds left.
pub(crate) fn in_place_of_words(calls: &[Call], exhausted: bool) -> String {
    let mut lines: Vec<String> = calls.iter().map(sentence).collect();
    if exhausted {
        lines.insert(
            0,
            "This takes more steps than I can make at once. So far:".to_owned(),
        );
    } else if lines.is_empty() {
        lines
            .push("I have no answer to that. I can add, list, complete, change and delete tasks.".to_owned());
    }
    lines.join("\n")
}

fn sentence(call: &Call) -> String {
    if let Some(error) = call.result["error"].as_str() {
        return format!("{} did not work: {error}.", call.name);
    }
    let done = match &*call.name {
        tools::LIST => {
            return listed(
                call.result["tasks"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default(),
            );
        }
        tools::ADD => "Added",
        tools::COMPLETE => "Completed",
        tools::UPDATE => "Changed",
        _ => "Deleted",
    };
    format!("{done} task {}.", titled(&call.result))
}

fn listed(tasks: &[Value]) -> String {
    let titles: Vec<String> = tasks.iter().map(titled).collect();
    match &*titles {
        [] => "Found no tasks.".to_owned(),
        [only] => format!("Found task {only}."),
        _ => format!("Found {} tasks: {}.", titles.len(), titles.join("; ")),
    }
}

/// `3: Buy milk`
fn titled(task: &Value) -> String {
    let id = &task["id"];
    task["title"]
        .as_str()
        .map_or_else(|| id.to_string(), |title| format!("{id}: {title}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, result: Value) -> Call {
        Call {
            id: "call_1".to_owned(),
            name: name.to_owned(),
            arguments: json!({}),
            result,
        }
    }

    #[test]
    fn the_body_is_what_the_contract_says() {
        let answer = Answer {
            text: "Done.".to_owned(),
            calls: vec![Call {
                arguments: json!({ "task_id": 3 }),
                ..call("delete_task", json!({ "id": 3 }))
            }],
            usage: Usage {
                input_tokens: 40,
                output_tokens: 10,
            },
        };
        assert_eq!(
            answer.body(Stored {
                conversation: 7,
                message: 41
            }),
            json!({
                "success": true,
                "conversation_id": 7,
                "response": "Done.",
                "message_id": 41,
                "tool_calls": [{
                    "id": "call_1",
                    "name": "delete_task",
                    "tool_name": "delete_task",
                    "tool": "delete_task",
                    "arguments": { "task_id": 3 },
                    "args": { "task_id": 3 },
                    "result": { "id": 3 },
                }],
                "usage": { "input_tokens": 40, "output_tokens": 10 },
                "error": null,
            })
        );
    }

    #[test]
    fn what_tools_did_is_told_in_place_of_words() {
        let milk = json!({ "id": 3, "title": "Buy milk" });
        let calls = [
            call("add_task", milk.clone()),
            call("list_tasks", json!({ "tasks": [] })),
            call("list_tasks", json!({ "tasks": [milk] })),
            call(
                "list_tasks",
                json!({ "tasks": [milk, { "id": 4, "title": "Call Ann" }] }),
            ),
            call("complete_task", milk.clone()),
            call("update_task", milk.clone()),
            call("delete_task", json!({ "id": 3, "deleted": true })),
            call("frobnicate", json!({ "error": "there is no such tool" })),
        ];
        let lines = [
            "Added task 3: Buy milk.",
            "Found no tasks.",
            "Found task 3: Buy milk.",
            "Found 2 tasks: 3: Buy milk; 4: Call Ann.",
            "Completed task 3: Buy milk.",
            "Changed task 3: Buy milk.",
            "Deleted task 3.",
            "frobnicate did not work: there is no such tool.",
        ];
        assert_eq!(in_place_of_words(&calls, false), lines.join("\n"));
    }

    #[test]
    fn silence_without_tools_gets_an_answer_too() {
        assert!(in_place_of_words(&[], false).starts_with("I have no answer to that."));
        assert!(in_place_of_words(&[], true).starts_with("This takes more steps"));
    }
}
