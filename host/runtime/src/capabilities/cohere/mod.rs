//! `berth:cohere/chat`: Cohere's models, with the host's key and within its limits.
//!
//! The crate `berth-cohere` makes the calls; `convert` has the types of the interface as those of the client.

mod convert;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use berth_cohere::{self as client, Caller, ChatStream, Client};
use tokio::time::Instant;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};

use self::bindings::{Event, Host, HostChatStream, Reply, Request};
use super::Scope;
use crate::request::RequestContext;
use crate::request::usage::Wait;

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

/// One request's access to Cohere. Cheap to make.
pub(crate) struct Context {
    /// `None` for a component without the grant, to which none of these functions is linked.
    client: Option<Client>,
    request: Arc<RequestContext>,
    deadline: Instant,
    open_streams: usize,
}

impl Context {
    /// A twentieth of the request's time is reserved, so that the component can still handle a call that timed out.
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self {
            client: scope.services.cohere.clone(),
            request: Arc::clone(scope.request),
            deadline: Instant::now() + scope.limits.time * 19 / 20,
            open_streams: 0,
        }
    }

    /// The receiver of the host functions. The table holds the open responses.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> View<'a> {
        View { context: self, table }
    }

    fn client(&self) -> Result<Client, Error> {
        let client = self.client.as_ref().ok_or(Error::NotGranted)?;
        Ok(client.within(&self.request.span))
    }

    fn caller(&self) -> Caller {
        let principal = self.request.principal.as_ref();
        Caller {
            component: self.request.component.clone(),
            user: principal.map(|principal| principal.subject.clone()),
        }
    }
}

/// See [`Context::view`].
pub(crate) struct View<'a> {
    context: &'a mut Context,
    table: &'a mut ResourceTable,
}

impl Host for View<'_> {
    async fn chat(&mut self, request: Request) -> Result<Reply, Error> {
        let context = &*self.context;
        let usage = &context.request.usage;
        let _waiting = usage.wait(Wait::Model);
        let reply = context
            .client()?
            .chat(&request.into(), context.caller(), context.deadline)
            .await?;
        usage.add_tokens(tokens(reply.usage));
        Ok(reply.into())
    }

    async fn stream(&mut self, request: Request) -> Result<Resource<ChatStream>, Error> {
        if self.context.open_streams == MAX_OPEN {
            return Err(Error::Call(client::Error::Busy));
        }
        let context = &*self.context;
        let waiting = context.request.usage.wait(Wait::Model);
        let stream = context
            .client()?
            .stream(&request.into(), context.caller(), context.deadline)
            .await?;
        drop(waiting);
        let stream = self.table.push(stream)?;
        self.context.open_streams += 1;
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
        let usage = &self.context.request.usage;
        let _waiting = usage.wait(Wait::Model);
        let event = self.table.get_mut(&stream)?.next().await?;
        if let Some(client::Event::End(reply)) = &event {
            usage.add_tokens(tokens(reply.usage));
        }
        Ok(event.map(Event::from))
    }

    async fn drop(&mut self, stream: Resource<ChatStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        self.context.open_streams -= 1;
        Ok(())
    }
}

fn tokens(usage: client::Usage) -> u64 {
    usage.input_tokens.saturating_add(usage.output_tokens)
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
