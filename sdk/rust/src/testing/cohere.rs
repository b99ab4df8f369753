//! Replies for [`Host::with_cohere`](super::Host::with_cohere).

use crate::cohere::{AssistantMessage, FinishReason, Reply, ToolCall, Usage};

/// A reply that is a text.
///
/// ```
/// use berth_sdk::testing::cohere::says;
///
/// assert_eq!(says("Hello.").message.content.as_deref(), Some("Hello."));
/// ```
#[must_use]
pub fn says(text: &str) -> Reply {
    reply(Some(text.to_owned()), Vec::new(), FinishReason::Complete)
}

/// A reply that calls tools: each with a name, and its arguments as JSON. The calls are numbered from 1.
///
/// ```
/// use berth_sdk::testing::cohere::calls;
///
/// let reply = calls(&[("add", r#"{"a":1}"#)]);
/// assert_eq!(reply.message.tool_calls[0].id, "1");
/// ```
#[must_use]
pub fn calls(calls: &[(&str, &str)]) -> Reply {
    let calls = calls.iter().zip(1..).map(|((name, arguments), number)| ToolCall {
        id: i32::to_string(&number),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    });
    reply(None, calls.collect(), FinishReason::ToolCall)
}

fn reply(content: Option<String>, tool_calls: Vec<ToolCall>, finish_reason: FinishReason) -> Reply {
    Reply {
        message: AssistantMessage {
            content,
            tool_plan: None,
            tool_calls,
        },
        finish_reason,
        usage: Usage {
            input_tokens: 1,
            output_tokens: 1,
        },
    }
}
