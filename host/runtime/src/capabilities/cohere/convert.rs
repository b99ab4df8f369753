//! Converts between the types of the interface and those of the client.

use std::time::Duration;

use berth_cohere as client;

use super::bindings::{self, Event, Reply, Request};

impl From<client::Error> for bindings::Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::NotConfigured => Self::NotConfigured,
            client::Error::Unauthorized => Self::Unauthorized,
            client::Error::InvalidRequest(reason) => Self::InvalidRequest(reason),
            client::Error::ModelUnavailable(model) => Self::ModelUnavailable(model),
            client::Error::RequestTooLarge(limit) => Self::RequestTooLarge(limit),
            client::Error::ReplyTooLarge(limit) => Self::ReplyTooLarge(limit),
            client::Error::ContentRefused => Self::ContentRefused,
            client::Error::RateLimited(pause) => Self::RateLimited(pause.map(whole_seconds)),
            client::Error::Busy => Self::Busy,
            client::Error::Timeout => Self::Timeout,
            client::Error::Unavailable => Self::Unavailable,
            client::Error::Broken => Self::Broken,
        }
    }
}

/// Rounds up, because a client that returns too early is refused again.
fn whole_seconds(pause: Duration) -> u32 {
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl From<Request> for client::Request {
    fn from(request: Request) -> Self {
        Self {
            model: request.model,
            messages: request.messages.into_iter().map(client::Message::from).collect(),
            tools: request.tools.into_iter().map(client::Tool::from).collect(),
            tool_choice: match request.tool_choice {
                bindings::ToolChoice::Auto => client::ToolChoice::Auto,
                bindings::ToolChoice::Required => client::ToolChoice::Required,
                bindings::ToolChoice::None => client::ToolChoice::None,
            },
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
            stop_sequences: request.stop_sequences,
        }
    }
}

impl From<bindings::Message> for client::Message {
    fn from(message: bindings::Message) -> Self {
        match message {
            bindings::Message::System(content) => Self::System(content),
            bindings::Message::User(content) => Self::User(content),
            bindings::Message::Assistant(message) => Self::Assistant(client::AssistantMessage {
                content: message.content,
                tool_plan: message.tool_plan,
                tool_calls: message
                    .tool_calls
                    .into_iter()
                    .map(|bindings::ToolCall { id, name, arguments }| client::ToolCall {
                        id,
                        name,
                        arguments,
                    })
                    .collect(),
            }),
            bindings::Message::Tool(result) => Self::Tool(client::ToolResult {
                tool_call_id: result.tool_call_id,
                content: result.content,
            }),
        }
    }
}

impl From<bindings::Tool> for client::Tool {
    fn from(tool: bindings::Tool) -> Self {
        Self {
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters,
        }
    }
}

impl From<client::Reply> for Reply {
    fn from(reply: client::Reply) -> Self {
        Self {
            message: bindings::AssistantMessage {
                content: reply.message.content,
                tool_plan: reply.message.tool_plan,
                tool_calls: reply
                    .message
                    .tool_calls
                    .into_iter()
                    .map(bindings::ToolCall::from)
                    .collect(),
            },
            finish_reason: match reply.finish_reason {
                client::FinishReason::Complete => bindings::FinishReason::Complete,
                client::FinishReason::StopSequence => bindings::FinishReason::StopSequence,
                client::FinishReason::MaxTokens => bindings::FinishReason::MaxTokens,
                client::FinishReason::ToolCall => bindings::FinishReason::ToolCall,
                client::FinishReason::Error => bindings::FinishReason::Error,
                client::FinishReason::Timeout => bindings::FinishReason::Timeout,
                client::FinishReason::Other => bindings::FinishReason::Other,
            },
            usage: bindings::Usage {
                input_tokens: reply.usage.input_tokens,
                output_tokens: reply.usage.output_tokens,
            },
        }
    }
}

impl From<client::ToolCall> for bindings::ToolCall {
    fn from(call: client::ToolCall) -> Self {
        Self {
            id: call.id,
            name: call.name,
            arguments: call.arguments,
        }
    }
}

impl From<client::Event> for Event {
    fn from(event: client::Event) -> Self {
        match event {
            client::Event::Text(text) => Self::Text(text),
            client::Event::ToolPlan(text) => Self::ToolPlan(text),
            client::Event::ToolCall(call) => Self::ToolCall(call.into()),
            client::Event::End(reply) => Self::End(reply.into()),
        }
    }
}
