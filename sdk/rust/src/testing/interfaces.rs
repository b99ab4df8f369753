//! The functions by which the rest of this crate calls the host, for the host of a test.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::host::{Line, current};
#[cfg(not(feature = "testing-postgres"))]
pub(super) use super::no_postgres::run_migration;
#[cfg(not(feature = "testing-postgres"))]
pub(crate) use super::no_postgres::{Transaction, all_rows, begin, execute, query, query_json};
#[cfg(feature = "testing-postgres")]
pub(super) use super::postgres::run_migration;
#[cfg(feature = "testing-postgres")]
pub(crate) use super::postgres::{Transaction, all_rows, begin, execute, query, query_json};
use crate::bindings::http::wasi::http::types::{IncomingRequest, ResponseOutparam};
use crate::cohere::{self, Event, Reply};
use crate::log::Level;
use crate::outgoing::{self, Url};
use crate::request::Unread;
use crate::response::Unfinished;
use crate::{Principal, Routes};

pub(crate) fn caller() -> Option<Principal> {
    current().caller
}

#[expect(clippy::unnecessary_wraps, reason = "the real host can fail")]
pub(crate) fn config(key: &str) -> Result<Option<String>, String> {
    Ok(current().config.remove(key))
}

/// Keeps a line, and shows it: the harness shows standard error of a test that fails.
pub(crate) fn log(level: Level, context: &str, message: &str) {
    eprintln!("{level:?} {context}: {message}");
    current().log.borrow_mut().push(Line {
        level,
        context: context.to_owned(),
        message: message.to_owned(),
    });
}

pub(crate) fn chat(request: &cohere::Request) -> Result<Reply, cohere::Error> {
    match current().cohere {
        Some(reply) => reply(request),
        None => Err(cohere::Error::NotConfigured),
    }
}

pub(crate) fn stream(request: &cohere::Request) -> Result<ChatStream, cohere::Error> {
    let reply = chat(request)?;
    let mut events = VecDeque::new();
    events.extend(reply.message.tool_plan.clone().map(Event::ToolPlan));
    events.extend(reply.message.content.clone().map(Event::Text));
    events.extend(reply.message.tool_calls.iter().cloned().map(Event::ToolCall));
    events.push_back(Event::End(reply));
    Ok(ChatStream(RefCell::new(events)))
}

/// The pieces of a reply that are left.
#[derive(Debug)]
pub(crate) struct ChatStream(RefCell<VecDeque<Event>>);

impl ChatStream {
    #[expect(clippy::unnecessary_wraps, reason = "the real host can fail")]
    pub(crate) fn next(&self) -> Result<Option<Event>, cohere::Error> {
        Ok(self.0.borrow_mut().pop_front())
    }
}

pub(crate) fn send(request: &outgoing::Request, _: &Url) -> Result<outgoing::Response, outgoing::Error> {
    match current().outgoing {
        Some(reply) => reply(request),
        None => Err(outgoing::Error::Forbidden),
    }
}

/// The body of a response to an outgoing request.
pub(crate) struct Body(Vec<u8>);

impl Body {
    pub(crate) fn read(self, max_bytes: u64) -> Result<Vec<u8>, outgoing::Error> {
        if u64::try_from(self.0.len()).unwrap_or(u64::MAX) > max_bytes {
            return Err(outgoing::Error::TooLarge(max_bytes));
        }
        Ok(self.0)
    }
}

impl outgoing::Response {
    /// A response for [`Host::with_outgoing`]. Only with the feature `testing`.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Response;
    /// assert_eq!(Response::from_text(404, "No such page").status(), 404);
    /// ```
    #[must_use]
    pub fn from_text(status: u16, text: &str) -> Self {
        Self::new(status, Vec::new(), Body(text.as_bytes().to_vec()))
    }
}

/// The headers and the body of a test's request.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: RefCell<Option<Vec<u8>>>,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        Some(value.clone())
    }

    pub(crate) fn body(&self) -> Result<Vec<u8>, Unread> {
        self.body.take().ok_or(Unread::Twice)
    }
}

/// The bytes of a streamed response.
#[derive(Clone, Default)]
pub(crate) struct Output(Rc<RefCell<Vec<u8>>>);

impl Output {
    #[expect(clippy::unnecessary_wraps, reason = "the real host can fail")]
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Unfinished> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the real host can fail"
    )]
    pub(crate) fn flush(&self) -> Result<(), Unfinished> {
        Ok(())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }
}

/// Does nothing: no host calls a component's exports in a native test.
pub fn serve(_: &Routes, _: IncomingRequest, _: ResponseOutparam) {}
