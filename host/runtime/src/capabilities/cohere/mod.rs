//! `berth:cohere/chat`: Cohere's models, with the host's key and within its limits.
//!
//! This file has the host functions, and converts between the types of the interface and of the client; the crate
//! `berth-cohere` makes the calls.

use std::time::Duration;

use berth_cohere::{self as client, Caller, ChatStream, Client};
use tokio::time::Instant;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};

use self::bindings::{Event, Host, HostChatStream, Reply, Request};
use crate::run::instance::RequestContext;

#[cfg(test)]
mod tests;

pub(crate) mod bindings {
    //! The types and traits of the WIT interface.
    pub(crate) use self::berth::cohere::chat::*;
    wasmtime::component::bindgen!({
        path: "../../wit/deps/cohere",
        inline: "package berth:host; world cohere { import berth:cohere/chat@0.1.0; }",
        world: "berth:host/cohere",
        imports: { default: async | trappable },
        with: { "berth:cohere/chat.chat-stream": berth_cohere::ChatStream },
        trappable_error_type: { "berth:cohere/chat.error" => crate::capabilities::cohere::Error },
    });
}

/// The most responses that one request may have open.
const MAX_OPEN: usize = 4;

/// One request's access to Cohere. Cheap to create.
pub(crate) struct Cohere {
    /// `None` for a component without the grant, to which none of these functions is linked.
    client: Option<Client>,
    caller: Caller,
    deadline: Instant,
    open_streams: usize,
}

impl Cohere {
    /// For a request that may take `time` from now on. A twentieth of the time is reserved, so that the component can
    /// still handle a call that timed out.
    pub(crate) fn new(client: Option<Client>, request: &RequestContext, time: Duration) -> Self {
        let user = request
            .principal
            .as_ref()
            .map(|principal| principal.subject.clone());
        let caller = Caller {
            component: request.component.clone(),
            user,
        };
        Self {
            client,
            caller,
            deadline: Instant::now() + time * 19 / 20,
            open_streams: 0,
        }
    }

    /// The receiver of the host functions. The table holds the open responses.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> View<'a> {
        View { cohere: self, table }
    }

    fn client(&self) -> Result<&Client, Error> {
        self.client.as_ref().ok_or(Error::NotGranted)
    }
}

/// See [`Cohere::view`].
pub(crate) struct View<'a> {
    cohere: &'a mut Cohere,
    table: &'a mut ResourceTable,
}

impl Host for View<'_> {
    async fn chat(&mut self, request: Request) -> Result<Reply, Error> {
        let Cohere { caller, deadline, .. } = &*self.cohere;
        let reply = self
            .cohere
            .client()?
            .chat(&request.into(), caller.clone(), *deadline)
            .await?;
        Ok(reply.into())
    }

    async fn stream(&mut self, request: Request) -> Result<Resource<ChatStream>, Error> {
        if self.cohere.open_streams == MAX_OPEN {
            return Err(Error::Call(client::Error::Busy));
        }
        let Cohere { caller, deadline, .. } = &*self.cohere;
        let stream = self
            .cohere
            .client()?
            .stream(&request.into(), caller.clone(), *deadline)
            .await?;
        let stream = self.table.push(stream)?;
        self.cohere.open_streams += 1;
        Ok(stream)
    }

    fn convert_error(&mut self, error: Error) -> wasmtime::Result<bindings::Error> {
        match error {
            Error::Call(error) => Ok(error.into()),
            Error::NotGranted | Error::Table(_) => Err(wasmtime::Error::new(error)),
        }
    }
}

impl HostChatStream for View<'_> {
    async fn next(&mut self, stream: Resource<ChatStream>) -> Result<Option<Event>, Error> {
        let event = self.table.get_mut(&stream)?.next().await?;
        Ok(event.map(Event::from))
    }

    async fn drop(&mut self, stream: Resource<ChatStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        self.cohere.open_streams -= 1;
        Ok(())
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

/// Why a host function fails. The guest handles the first case; the others are faults of the host, and trap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Call(#[from] client::Error),
    #[error("the component uses berth:cohere without the grant, though the host linked it")]
    NotGranted,
    #[error("an answer is not in the resource table: {0}")]
    Table(#[from] ResourceTableError),
}

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
