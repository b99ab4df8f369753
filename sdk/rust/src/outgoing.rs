//! Requests to other servers: `wasi:http/outgoing-handler`. A component reaches only the origins that `outgoing` of the
//! manifest names:
//!
//! ```toml
//! [components.hooks]
//! outgoing = ["https://example.com"]
//! ```
//!
//! The host opens the connections, keeps them for later requests, and checks certificates.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Method, host};

/// The most bytes that [`Response::bytes`] reads.
pub const MAX_RESPONSE_BYTES: u64 = 8 * 1024 * 1024;

/// A request to another server.
///
/// ```
/// use berth_sdk::outgoing::Request;
/// # use berth_sdk::outgoing::{Error, Response};
/// # use berth_sdk::testing::Host;
/// # Host::new().with_outgoing(|_| Ok(Response::from_text(200, r#"{"number":7}"#))).run(|| {
/// #[derive(serde::Deserialize)]
/// struct Opened {
///     number: u64,
/// }
///
/// let response = Request::post("https://example.com/issues")
///     .with_header("authorization", "Bearer …")
///     .with_json(&serde_json::json!({ "title": "It is broken" }))
///     .send()?
///     .successful()?;
/// let opened: Opened = response.json()?;
/// assert_eq!(opened.number, 7);
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// The reason why a request has no response, or an incomplete one.
///
/// In a handler, `?` turns the error into a response: 504 for [`Error::Timeout`], 500 for faults of the component or its
/// manifest, and 502 for everything else. The cause is logged.
///
/// ```
/// use berth_sdk::outgoing::{Error, Request};
/// use berth_sdk::log;
///
/// fn status() -> Result<String, Error> {
///     match Request::get("https://example.com/status").send() {
///         Ok(response) => response.successful()?.text(),
///         Err(Error::Timeout) => Ok("unknown".to_owned()),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL, the method or a header is not valid; the text says which.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// The manifest's `outgoing` does not name the origin, or the name leads to an address that the host refuses.
    #[error("the host refuses this destination: name its origin in `outgoing` of the manifest")]
    Forbidden,
    /// No connection was made.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The connection, the head of the response or a piece of its body took too long.
    #[error("the server did not answer in time")]
    Timeout,
    /// The response is incomplete or not HTTP.
    #[error("the exchange failed: {0}")]
    Broken(String),
    /// The body of the response is longer than the given bytes.
    #[error("the response has more than {0} bytes")]
    TooLarge(u64),
    /// The status is not one of success.
    #[error("the server answered {0}")]
    Status(u16),
    /// The body is not the JSON that was expected.
    #[error("the response is not the expected JSON: {0}")]
    NotJson(String),
}

impl Request {
    /// A GET of `url`: `https://example.com/path?query`.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::get("https://example.com/status");
    /// assert_eq!(request.url(), "https://example.com/status");
    /// ```
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// A POST to `url`, as [`Request::get`].
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::post("https://example.com/issues");
    /// assert_eq!(request.method().name(), "POST");
    /// ```
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// A request of any method.
    ///
    /// ```
    /// # use berth_sdk::Method;
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::new(Method::Delete, "https://example.com/issues/7");
    /// assert_eq!(request.method(), Method::Delete);
    /// ```
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
        }
    }

    /// Adds a header.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::get("https://example.com/").with_header("accept", "text/plain");
    /// assert_eq!(request.header("accept"), Some(&b"text/plain"[..]));
    /// ```
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body, with a header `content-length`.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::post("https://example.com/").with_body("text/plain", "Hi");
    /// assert_eq!(request.body(), b"Hi");
    /// ```
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.with_header("content-type", content_type)
            .with_header("content-length", length)
    }

    /// Sets a body of JSON. A value that has no JSON gives an empty body.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::post("https://example.com/").with_json(&serde_json::json!({ "text": "Hi" }));
    /// assert_eq!(request.body(), br#"{"text":"Hi"}"#);
    /// ```
    pub fn with_json(self, value: &impl Serialize) -> Self {
        self.with_body("application/json", serde_json::to_vec(value).unwrap_or_default())
    }

    /// Limits the time for the connection, for the head of the response, and for each piece of its body. The host has
    /// limits of its own, and the whole request of the component has one too.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::get("https://example.com/").with_timeout(Duration::from_secs(2));
    /// # assert_eq!(request.url(), "https://example.com/");
    /// ```
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The method.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// assert_eq!(Request::get("https://example.com/").method().name(), "GET");
    /// ```
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The URL.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// assert_eq!(Request::get("https://example.com/a").url(), "https://example.com/a");
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first value of a header.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// let request = Request::get("https://example.com/").with_header("accept", "text/plain");
    /// assert_eq!(request.header("Accept"), Some(&b"text/plain"[..]));
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    /// The body.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Request;
    /// assert_eq!(Request::get("https://example.com/").body(), b"");
    /// ```
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Sends the request, and waits for the head of its response. Every status is a response: see
    /// [`Response::successful`].
    ///
    /// ```
    /// use berth_sdk::outgoing::{Error, Request};
    /// # use berth_sdk::testing::Host;
    /// # Host::new().run(|| {
    /// assert_eq!(Request::get("https://example.com/").send().err(), Some(Error::Forbidden));
    /// # });
    /// ```
    pub fn send(self) -> Result<Response, Error> {
        let url = Url::parse(&self.url)?;
        host::send(&self, &url)
    }
}

/// The response of another server. Its body stays with the host until it is read.
///
/// ```
/// use berth_sdk::outgoing::{Error, Request};
/// # use berth_sdk::outgoing::Response;
/// # use berth_sdk::testing::Host;
/// # Host::new().with_outgoing(|_| Ok(Response::from_text(404, "No such page"))).run(|| {
/// let response = Request::get("https://example.com/absent").send()?;
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.text()?, "No such page");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: host::Body,
}

impl Response {
    pub(crate) fn new(status: u16, headers: Vec<(String, Vec<u8>)>, body: host::Body) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }

    /// The status.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Response;
    /// assert_eq!(Response::from_text(404, "").status(), 404);
    /// ```
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header.
    ///
    /// ```
    /// # use berth_sdk::outgoing::Response;
    /// assert_eq!(Response::from_text(200, "").header("etag"), None);
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    /// The response, if its status is 200 to 299; otherwise [`Error::Status`].
    ///
    /// ```
    /// # use berth_sdk::outgoing::{Error, Response};
    /// assert!(Response::from_text(204, "").successful().is_ok());
    /// assert_eq!(Response::from_text(404, "").successful().err(), Some(Error::Status(404)));
    /// ```
    pub fn successful(self) -> Result<Self, Error> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(Error::Status(status)),
        }
    }

    /// Reads the body, which may have [`MAX_RESPONSE_BYTES`].
    ///
    /// ```
    /// # use berth_sdk::outgoing::{Error, Response};
    /// assert_eq!(Response::from_text(200, "Hi").bytes()?, b"Hi");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        self.body.read(MAX_RESPONSE_BYTES)
    }

    /// Reads the body as text. Bytes that are not UTF-8 become `U+FFFD`.
    ///
    /// ```
    /// # use berth_sdk::outgoing::{Error, Response};
    /// assert_eq!(Response::from_text(200, "Hi").text()?, "Hi");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    /// Reads the body as JSON.
    ///
    /// ```
    /// # use berth_sdk::outgoing::{Error, Response};
    /// let numbers: Vec<u32> = Response::from_text(200, "[1,2]").json()?;
    /// assert_eq!(numbers, [1, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes()?).map_err(|error| Error::NotJson(error.to_string()))
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

fn find<'h>(headers: &'h [(String, Vec<u8>)], name: &str) -> Option<&'h [u8]> {
    let (_, value) = headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))?;
    Some(value)
}

/// The parts of a URL. The path is sent as it is written, since a normalised path would break signed URLs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'u> {
    pub(crate) is_https: bool,
    pub(crate) authority: &'u str,
    /// Path and query.
    pub(crate) target: Cow<'u, str>,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Result<Self, Error> {
        let invalid = || {
            Error::Invalid(format!(
                "the URL `{url}`, which must begin with https:// or http://"
            ))
        };
        let (is_https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(invalid()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(invalid());
        }
        let target = match target.as_bytes().first() {
            Some(b'/') => Cow::Borrowed(target),
            _ => Cow::Owned(format!("/{target}")),
        };
        Ok(Self {
            is_https,
            authority,
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_an_origin_and_a_target_that_is_sent_as_it_is() {
        for (url, expected) in [
            ("https://example.com", (true, "example.com", "/")),
            (
                "http://[::1]:8080/a/../b?c=%2e",
                (false, "[::1]:8080", "/a/../b?c=%2e"),
            ),
            ("https://example.com?a=/", (true, "example.com", "/?a=/")),
            ("https://example.com/a#part", (true, "example.com", "/a")),
        ] {
            let (is_https, authority, target) = expected;
            let target = Cow::Borrowed(target);
            assert_eq!(
                Url::parse(url),
                Ok(Url {
                    is_https,
                    authority,
                    target
                }),
                "{url}"
            );
        }
        for url in [
            "",
            "example.com/",
            "ftp://example.com/",
            "https://",
            "https:///path",
        ] {
            assert!(matches!(Url::parse(url), Err(Error::Invalid(_))), "{url}");
        }
    }
}
