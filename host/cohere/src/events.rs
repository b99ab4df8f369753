//! Decodes an event stream to the pieces of a response.
//!
//! The crate `sse-stream` does the framing (server-sent events,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>); this module decodes Cohere's events, and
//! limits their size.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sse_stream::{Sse, SseByteStream};

use crate::failure::Failure;
use crate::reply::{FinishReason, Usage};
use crate::request::ToolCall;
use crate::wire::{AnswerCall, AnswerUsage, Block, finish_reason};

/// A piece of an answer, as Cohere sends it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    ToolPlan(String),
    /// The call of this index begins, its arguments empty as a rule.
    CallStart(u64, ToolCall),
    /// More of the arguments of the call of this index.
    CallArguments(u64, String),
    CallEnd(u64),
}

/// The end of the stream, after the last piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) finish_reason: FinishReason,
    pub(crate) usage: Usage,
    /// Cohere's message if the reason is an error.
    pub(crate) error: Option<String>,
}

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The events of one answer.
pub(crate) struct Events(SseByteStream<Limited>);

impl Events {
    /// Decodes a response of at most `limit` bytes, which also limits each line and event.
    pub(crate) fn new(
        chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        limit: u64,
    ) -> Self {
        Self(SseByteStream::new(Limited {
            chunks: Box::pin(chunks),
            limit,
            left: limit,
        }))
    }

    /// Waits for the next piece, or for the end. A stream that ends without an [`End`] has broken off.
    pub(crate) async fn next(&mut self) -> Result<ControlFlow<End, Piece>, Failure> {
        while let Some(event) = self.0.next().await {
            let event = event.map_err(explain)?;
            if event.data.as_deref() == Some("[DONE]") {
                break;
            }
            if let Some(next) = decode(event)? {
                return Ok(next);
            }
        }
        Err(Failure::broken("the stream ended before its `message-end`"))
    }

    /// Reads the rest of the stream after the `End`, so that the connection can serve another call.
    pub(crate) async fn drain(mut self) {
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

/// One event → a piece or the end; nothing if it is of a type that has neither, or of an unknown one.
fn decode(event: Sse) -> Result<Option<ControlFlow<End, Piece>>, Failure> {
    let Some(data) = event.data else { return Ok(None) };
    let name = match event.event {
        Some(name) => name,
        None => read::<Named>(&data)?.r#type,
    };
    let piece = match name.as_str() {
        "content-start" | "content-delta" => {
            let text = read::<Delta<Content>>(&data)?
                .delta
                .message
                .content
                .and_then(|block| block.text);
            text.filter(|text| !text.is_empty()).map(Piece::Text)
        }
        "tool-plan-delta" => {
            let plan = read::<Delta<ToolPlan>>(&data)?.delta.message.tool_plan;
            plan.filter(|plan| !plan.is_empty()).map(Piece::ToolPlan)
        }
        "tool-call-start" => {
            let start: Delta<Calls<AnswerCall>> = read(&data)?;
            Some(Piece::CallStart(
                start.index,
                start.delta.message.tool_calls.into(),
            ))
        }
        "tool-call-delta" => {
            let more: Delta<Calls<More>> = read(&data)?;
            Some(Piece::CallArguments(
                more.index,
                more.delta.message.tool_calls.function.arguments,
            ))
        }
        "tool-call-end" => Some(Piece::CallEnd(read::<Index>(&data)?.index)),
        "message-end" => return Ok(Some(ControlFlow::Break(read::<MessageEnd>(&data)?.delta.into()))),
        _ => None,
    };
    Ok(piece.map(ControlFlow::Continue))
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Failure> {
    serde_json::from_str(data)
        .map_err(|error| Failure::broken(format_args!("an event cannot be understood: {error}")))
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    r#type: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    index: u64,
}

#[derive(Deserialize)]
struct Delta<T> {
    #[serde(default)]
    index: u64,
    delta: InMessage<T>,
}

#[derive(Deserialize)]
struct InMessage<T> {
    message: T,
}

#[derive(Deserialize)]
struct Content {
    content: Option<Block>,
}

#[derive(Deserialize)]
struct ToolPlan {
    tool_plan: Option<String>,
}

/// One call, in spite of its name.
#[derive(Deserialize)]
struct Calls<T> {
    tool_calls: T,
}

#[derive(Deserialize)]
struct More {
    function: MoreArguments,
}

#[derive(Deserialize)]
struct MoreArguments {
    #[serde(default)]
    arguments: String,
}

#[derive(Deserialize)]
struct MessageEnd {
    delta: EndDelta,
}

#[derive(Deserialize)]
struct EndDelta {
    finish_reason: Option<String>,
    usage: Option<AnswerUsage>,
    error: Option<String>,
}

impl From<EndDelta> for End {
    fn from(delta: EndDelta) -> Self {
        Self {
            finish_reason: delta
                .finish_reason
                .as_deref()
                .map_or(FinishReason::Other, finish_reason),
            usage: delta.usage.map(Usage::from).unwrap_or_default(),
            error: delta.error,
        }
    }
}

/// A stream of bytes that fails when it exceeds its limit.
struct Limited {
    chunks: Chunks,
    limit: u64,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
enum ChunkError {
    #[error("the connection broke off")]
    Broken(#[source] reqwest::Error),
    #[error("the answer is too large")]
    TooLarge(u64),
}

impl Stream for Limited {
    type Item = Result<Bytes, ChunkError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(context).map(|chunk| {
            Some(chunk?.map_err(ChunkError::Broken).and_then(|bytes| {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left = left.ok_or(ChunkError::TooLarge(self.limit))?;
                Ok(bytes)
            }))
        })
    }
}

fn explain(error: sse_stream::Error) -> Failure {
    if let sse_stream::Error::Body(cause) = &error
        && let Some(ChunkError::TooLarge(limit)) = cause.downcast_ref()
    {
        return Failure::too_large(*limit);
    }
    Failure::broken(error)
}
