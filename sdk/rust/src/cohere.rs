//! Cohere's models, through the host: `berth:cohere/chat`.

pub use crate::bindings::http::berth::cohere::chat::{
    AssistantMessage, ChatStream, Error, Event, FinishReason, Message, Reply, Request, Tool, ToolCall,
    ToolChoice, ToolResult, Usage, chat, stream,
};
