//! A turn in Cohere's words: as the JSON of a plain answer, or as server-sent events.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::reply::{Raw, Turn};

/// The identifier of every answer. Clients have no use for it.
const ID: &str = "c14c80c3-18eb-4519-9460-6c92edd8cfb4";

/// The answer to a request without `stream`.
pub(crate) fn plain(turn: &Turn) -> Raw {
    let mut message = json!({ "role": "assistant" });
    let content: Vec<Value> = [("thinking", &turn.thinking), ("text", &turn.text)]
        .into_iter()
        .filter_map(|(kind, text)| text.as_ref().map(|text| json!({ "type": kind, kind: text })))
        .collect();
    if !content.is_empty() {
        message["content"] = content.into();
    }
    if let Some(plan) = &turn.tool_plan {
        message["tool_plan"] = plan.as_str().into();
    }
    if !turn.tool_calls.is_empty() {
        message["tool_calls"] = turn
            .tool_calls
            .iter()
            .map(|(id, name, arguments)| call(id, name, arguments))
            .collect();
    }
    let answer =
        json!({ "id": ID, "finish_reason": turn.finish_reason, "message": message, "usage": turn.usage });
    Raw::json(answer.to_string())
}

/// The answer to a request with `stream`.
pub(crate) fn streamed(turn: &Turn) -> Raw {
    let mut script = Script {
        raw: Raw::events(),
        gate: turn.gate.as_ref(),
        pieces: 0,
    };
    script.event(
        &json!({ "type": "message-start", "id": ID, "delta": { "message": { "role": "assistant", "content": [],
            "tool_plan": "", "tool_calls": [], "citations": [] } } }),
    );
    if let Some(plan) = &turn.tool_plan {
        for piece in words(plan) {
            script
                .piece(&json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": piece } } }));
        }
    }
    let content = [("thinking", &turn.thinking), ("text", &turn.text)];
    let content = content
        .into_iter()
        .filter_map(|(kind, text)| Some((kind, text.as_ref()?)));
    for (index, (kind, text)) in content.enumerate() {
        let delta = |text: &str| json!({ "message": { "content": { "type": kind, kind: text } } });
        script.event(&json!({ "type": "content-start", "index": index, "delta": delta("") }));
        for piece in words(text) {
            script.piece(&json!({ "type": "content-delta", "index": index, "delta": delta(piece) }));
        }
        script.event(&json!({ "type": "content-end", "index": index }));
    }
    for (index, (id, name, arguments)) in turn.tool_calls.iter().enumerate() {
        let delta = |call: Value| json!({ "message": { "tool_calls": call } });
        script
            .event(&json!({ "type": "tool-call-start", "index": index, "delta": delta(call(id, name, "")) }));
        for piece in words(arguments) {
            let delta = delta(json!({ "function": { "arguments": piece } }));
            script.piece(&json!({ "type": "tool-call-delta", "index": index, "delta": delta }));
        }
        script.event(&json!({ "type": "tool-call-end", "index": index }));
    }
    let end = json!({ "finish_reason": turn.finish_reason, "usage": turn.usage });
    script.event(&json!({ "type": "message-end", "id": ID, "delta": end }));
    script.raw.then("data: [DONE]\n\n")
}

/// One server-sent event, named by the `type` of its data.
pub(crate) fn event(data: &Value) -> Bytes {
    let kind = data["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {data}\n\n").into()
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

/// As a model's tokens come: words, each with the space after it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

struct Script<'a> {
    raw: Raw,
    gate: Option<&'a Gate>,
    pieces: usize,
}

impl Script<'_> {
    fn event(&mut self, data: &Value) {
        self.raw.steps.push(crate::reply::Step::Send(event(data)));
    }

    /// An event that, but for the first, waits for the gate.
    fn piece(&mut self, data: &Value) {
        if let Some(gate) = self.gate.filter(|_| self.pieces > 0) {
            self.raw.steps.push(crate::reply::Step::Wait(gate.clone()));
        }
        self.pieces += 1;
        self.event(data);
    }
}
