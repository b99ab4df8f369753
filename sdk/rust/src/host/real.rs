//! The real host, by the bindings.

mod outgoing;
mod serve;

pub(crate) use outgoing::{Body, send};
pub use serve::serve;

use crate::Principal;
use crate::bindings::http::berth::identity::caller;
use crate::bindings::http::berth::postgres::client::{self, JsonRows, Rows, Value};
use crate::bindings::http::berth::postgres_all_rows::client as all_rows_client;
use crate::bindings::http::wasi::config::store;
use crate::bindings::http::wasi::http::types::{ErrorCode, IncomingRequest, http_error_code};
use crate::bindings::http::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::log::Level;
use crate::request::Unread;
use crate::response::Unfinished;

pub(crate) use crate::bindings::http::berth::cohere::chat::{ChatStream, chat, stream};
pub(crate) use crate::bindings::http::berth::postgres::client::{execute, query, query_json};

/// Statements with the rows of all users.
pub(crate) mod all_rows {
    use super::{Transaction, all_rows_client, client};

    pub(crate) use all_rows_client::{execute, query, query_json};

    pub(crate) fn begin() -> Result<Transaction, client::Error> {
        all_rows_client::begin().map(Transaction)
    }
}

/// The most bytes of a body that one call reads.
const CHUNK_BYTES: u64 = 64 * 1024;

pub(crate) fn caller() -> Option<Principal> {
    caller::current()
}

pub(crate) fn config(key: &str) -> Result<Option<String>, String> {
    store::get(key).map_err(|error| match error {
        store::Error::Upstream(cause) | store::Error::Io(cause) => cause,
    })
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn log(level: Level, context: &str, message: &str) {
    use crate::bindings::http::wasi::logging::logging;
    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, context, message);
}

/// Native code has no host, so lines go to standard error.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn log(level: Level, context: &str, message: &str) {
    eprintln!("{level:?} {context}: {message}");
}

/// A transaction of the host's.
#[derive(Debug)]
pub(crate) struct Transaction(client::Transaction);

pub(crate) fn begin() -> Result<Transaction, client::Error> {
    client::begin().map(Transaction)
}

impl Transaction {
    pub(crate) fn query(&self, text: &str, params: &[Value]) -> Result<Rows, client::Error> {
        self.0.query(text, params)
    }

    pub(crate) fn query_json(&self, text: &str, params: &[Value]) -> Result<JsonRows, client::Error> {
        self.0.query_json(text, params)
    }

    pub(crate) fn execute(&self, text: &str, params: &[Value]) -> Result<u64, client::Error> {
        self.0.execute(text, params)
    }

    pub(crate) fn commit(self) -> Result<(), client::Error> {
        client::Transaction::commit(self.0)
    }

    pub(crate) fn rollback(self) -> Result<(), client::Error> {
        client::Transaction::rollback(self.0)
    }
}

/// The headers and the body of a request, which stay with the host until the handler asks for them.
#[derive(Debug)]
pub(crate) struct Incoming(IncomingRequest);

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.headers().get(name).into_iter().next()
    }

    pub(crate) fn body(&self) -> Result<Vec<u8>, Unread> {
        let body = self.0.consume().map_err(|()| Unread::Twice)?;
        let stream = body.stream().map_err(|()| Unread::Twice)?;
        read_to_end(&stream, u64::MAX).map_err(|error| match error {
            ReadError::Broken(Some(ErrorCode::HttpRequestBodySize(_))) => Unread::TooLarge,
            ReadError::Broken(_) | ReadError::TooLarge => Unread::Incomplete,
        })
    }
}

/// The reason why a stream was not read to its end.
enum ReadError {
    /// The stream failed.
    Broken(Option<ErrorCode>),
    /// The stream has more bytes than were asked for.
    TooLarge,
}

/// Reads a stream of at most `max_bytes`.
fn read_to_end(stream: &InputStream, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(ReadError::Broken(http_error_code(&error)));
            }
        }
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
            return Err(ReadError::TooLarge);
        }
    }
}

/// The stream of a response's body.
pub(crate) struct Output(OutputStream);

impl Output {
    /// Sends all of `bytes`, at the client's pace.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> Result<(), Unfinished> {
        while !bytes.is_empty() {
            let permitted = usize::try_from(self.0.check_write()?).unwrap_or(usize::MAX);
            if permitted == 0 {
                self.0.subscribe().block();
                continue;
            }
            let (chunk, rest) = bytes.split_at(permitted.min(bytes.len()));
            self.0.write(chunk)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Sends the written bytes without waiting for more.
    pub(crate) fn flush(&self) -> Result<(), Unfinished> {
        Ok(self.0.blocking_flush()?)
    }
}

impl From<StreamError> for Unfinished {
    fn from(_: StreamError) -> Self {
        Self
    }
}
