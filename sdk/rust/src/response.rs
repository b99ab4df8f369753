//! A response, as a handler returns it.

use serde::Serialize;

use crate::Error;
use crate::host::Output;

/// A response.
///
/// ```
/// use berth_sdk::{Error, Response};
///
/// #[derive(serde::Serialize)]
/// struct Note {
///     id: i64,
///     text: String,
/// }
///
/// fn created(note: &Note) -> Result<Response, Error> {
///     Ok(Response::json(201, note).with_header("location", format!("/notes/{}", note.id)))
/// }
/// # assert_eq!(created(&Note { id: 7, text: "Hi".into() })?.status(), 201);
/// # Ok::<(), Error>(())
/// ```
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
///
/// ```
/// use berth_sdk::{Unfinished, Writer};
///
/// fn rows(writer: &Writer) -> Result<(), Unfinished> {
///     (1..=3).try_for_each(|row: u32| writer.write(format!("{row}\n").as_bytes()))
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response's body cannot be finished")]
pub struct Unfinished;

impl Response {
    /// A response with `value` as JSON. A value that has no JSON (a map with keys that are no strings) is a bug: it is
    /// logged and answered by a 500.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// let response = Response::json(200, &serde_json::json!({ "text": "Hi" }));
    /// assert_eq!(response.status(), 200);
    /// ```
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::json_text(status, body),
            Err(error) => {
                Error::Internal(format!("a value has no JSON: {error}").into()).into_response("response")
            }
        }
    }

    /// A response with a body that is JSON already, such as rows that the host has encoded.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// let response = Response::json_text(200, r#"{"text":"Hi"}"#);
    /// assert_eq!(response.status(), 200);
    /// ```
    pub fn json_text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::bytes(status, "application/json", body)
    }

    /// A response with a text.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// assert_eq!(Response::text(200, "Hello!\n").status(), 200);
    /// ```
    pub fn text(status: u16, text: impl AsRef<str>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.as_ref())
    }

    /// A response with a body of any type.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// assert_eq!(Response::bytes(200, "text/html; charset=utf-8", "<h1>Hello!</h1>").status(), 200);
    /// ```
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Bytes(body.into())).with_header("content-type", content_type)
    }

    /// A response without a body, such as 204.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// assert_eq!(Response::empty(204).status(), 204);
    /// ```
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::new(status, Body::Bytes(Vec::new()))
    }

    /// A response whose body `produce` writes while the client reads it.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// let response = Response::stream(200, "text/csv", |writer| {
    ///     writer.write(b"id,text\n")?;
    ///     writer.write(b"7,Hi\n")
    /// });
    /// # assert_eq!(response.status(), 200);
    /// ```
    pub fn stream(
        status: u16,
        content_type: &str,
        produce: impl FnOnce(&Writer) -> Result<(), Unfinished> + 'static,
    ) -> Self {
        Self::new(status, Body::Stream(Box::new(produce))).with_header("content-type", content_type)
    }

    fn new(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// Adds a header, whose name is in lower case.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// let response = Response::empty(303).with_header("location", "/notes/7");
    /// # assert_eq!(response.status(), 303);
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.headers.push((name, value.as_ref().as_bytes().to_vec()));
        self
    }

    /// The status.
    ///
    /// ```
    /// # use berth_sdk::Response;
    /// assert_eq!(Response::empty(204).status(), 204);
    /// ```
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

/// The writer of a streamed body: see [`Response::stream`].
///
/// ```
/// use berth_sdk::Response;
///
/// let response = Response::stream(200, "text/plain", |writer| writer.write(b"Hi"));
/// # assert_eq!(response.status(), 200);
/// ```
pub struct Writer(Output);

impl Writer {
    pub(crate) fn new(output: Output) -> Self {
        Self(output)
    }

    /// Sends all of `bytes`, at the client's pace. The host may collect small pieces before it sends them.
    ///
    /// ```
    /// # use berth_sdk::{Unfinished, Writer};
    /// fn head(writer: &Writer) -> Result<(), Unfinished> {
    ///     writer.write(b"id,text\n")
    /// }
    /// ```
    pub fn write(&self, bytes: &[u8]) -> Result<(), Unfinished> {
        self.0.write(bytes)
    }

    /// Sends the written bytes without waiting for more.
    ///
    /// ```
    /// # use berth_sdk::{Unfinished, Writer};
    /// fn tick(writer: &Writer) -> Result<(), Unfinished> {
    ///     writer.write(b".")?;
    ///     writer.flush()
    /// }
    /// ```
    pub fn flush(&self) -> Result<(), Unfinished> {
        self.0.flush()
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
        assert_eq!(length(Response::json_text(200, "[]")), Some(b"2".to_vec()));
        assert_eq!(length(Response::empty(200)), Some(b"0".to_vec()));
        assert_eq!(length(Response::empty(204)), None);
        assert_eq!(
            length(Response::stream(200, "text/event-stream", |_| Ok(()))),
            None
        );
    }
}
