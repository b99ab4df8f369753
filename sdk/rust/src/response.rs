//! A response, as a handler returns it.

use crate::bindings::http::wasi::io::streams::{OutputStream, StreamError};

/// A response.
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Body,
}

/// A response's body.
pub(crate) enum Body {
    /// The whole body, whose length is known.
    Bytes(Vec<u8>),
    /// A body that is written piece by piece.
    Stream(Produce),
}

/// The function that writes a streamed body.
type Produce = Box<dyn FnOnce(&Writer) -> Result<(), Unfinished>>;

/// A body cannot be written to its end, most likely because the client has disconnected.
///
/// The connection breaks, so that the client does not take a part of the body for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response's body cannot be finished")]
pub struct Unfinished;

impl From<StreamError> for Unfinished {
    fn from(_: StreamError) -> Self {
        Self
    }
}

impl Response {
    /// A response with a body of JSON, which is sent as it is.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Bytes(body.into())).header("content-type", "application/json")
    }

    /// A response without a body, such as 204.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::new(status, Body::Bytes(Vec::new()))
    }

    /// A response whose body `produce` writes while the client reads it, such as server-sent events.
    pub fn stream(
        status: u16,
        content_type: &str,
        produce: impl FnOnce(&Writer) -> Result<(), Unfinished> + 'static,
    ) -> Self {
        Self::new(status, Body::Stream(Box::new(produce))).header("content-type", content_type)
    }

    fn new(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// Adds a header, whose name is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.headers.push((name, value.as_ref().as_bytes().to_vec()));
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body; empty if it is streamed.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.body {
            Body::Bytes(bytes) => bytes,
            Body::Stream(_) => Vec::new(),
        }
    }

    /// The status, the headers (with `content-length` if the body may have one), and the body.
    pub(crate) fn into_parts(self) -> (u16, Vec<(String, Vec<u8>)>, Body) {
        let mut headers: Vec<(String, Vec<u8>)> = self
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        // RFC 9110, 8.6: a 204 has no `content-length`.
        if let Body::Bytes(bytes) = &self.body
            && self.status != 204
        {
            headers.push(("content-length".to_owned(), bytes.len().to_string().into_bytes()));
        }
        (self.status, headers, self.body)
    }
}

/// The writer of a streamed body.
pub struct Writer(OutputStream);

impl Writer {
    pub(crate) fn new(stream: OutputStream) -> Self {
        Self(stream)
    }

    /// Sends all of `bytes`, at the client's pace.
    pub fn write(&self, mut bytes: &[u8]) -> Result<(), Unfinished> {
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
    pub fn flush(&self) -> Result<(), Unfinished> {
        Ok(self.0.blocking_flush()?)
    }
}

#[cfg(test)]
impl Response {
    pub(crate) fn header_value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| *header == name)?;
        std::str::from_utf8(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(response: Response) -> Option<Vec<u8>> {
        let (_, headers, _) = response.into_parts();
        headers
            .into_iter()
            .find(|(name, _)| name == "content-length")
            .map(|(_, value)| value)
    }

    #[test]
    fn a_body_that_is_known_as_a_whole_tells_its_length() {
        assert_eq!(length(Response::json(200, "[]")), Some(b"2".to_vec()));
        assert_eq!(length(Response::empty(200)), Some(b"0".to_vec()));
        assert_eq!(length(Response::empty(204)), None);
        assert_eq!(
            length(Response::stream(200, "text/event-stream", |_| Ok(()))),
            None
        );
    }
}
