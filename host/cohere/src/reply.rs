//! The reply to a request, as a whole or in pieces.

use crate::request::{AssistantMessage, ToolCall};

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The model's message.
    pub message: AssistantMessage,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// The used tokens.
    pub usage: Usage,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The reply is complete.
    Complete,
    /// The model generated a stop sequence.
    StopSequence,
    /// The reply reached the limit on tokens.
    MaxTokens,
    /// The model needs the results of tool calls.
    ToolCall,
    /// The model failed.
    Error,
    /// Cohere's own timeout.
    Timeout,
    /// A reason that this client does not know.
    Other,
}

impl FinishReason {
    /// The reason in lower case.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::StopSequence => "stop_sequence",
            Self::MaxTokens => "max_tokens",
            Self::ToolCall => "tool_call",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Other => "other",
        }
    }
}

/// The tokens of one request. Zero where Cohere gave no figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of everything that was sent.
    pub input_tokens: u64,
    /// Of everything that was answered.
    pub output_tokens: u64,
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The next piece of the answer. Never empty.
    Text(String),
    /// The next piece of the plan. Never empty.
    ToolPlan(String),
    /// A tool call, once it is complete.
    ToolCall(ToolCall),
    /// The last event: the whole reply.
    End(Reply),
}
