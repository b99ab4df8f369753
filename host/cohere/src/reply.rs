//! What comes of a request, at once or in pieces.

use crate::request::{AssistantMessage, ToolCall};

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the model said.
    pub message: AssistantMessage,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What it cost.
    pub usage: Usage,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It had no more to say.
    Complete,
    /// It came to a stop sequence.
    StopSequence,
    /// It reached the limit on tokens.
    MaxTokens,
    /// It wants the results of tool calls.
    ToolCall,
    /// It failed on the way.
    Error,
    /// It took too long for Cohere.
    Timeout,
    /// Something new.
    Other,
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
