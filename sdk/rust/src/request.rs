//! A request, as a handler gets it.

use std::borrow::Cow;

use berth_contract::Fields;

use crate::Error;
use crate::bindings::http::wasi::http::types::{ErrorCode, IncomingBody, IncomingRequest, http_error_code};
use crate::bindings::http::wasi::io::streams::StreamError;
use crate::routes::parameter;

/// A request. The headers and the body stay with the host until the handler asks for them.
#[derive(Debug)]
pub struct Request {
    incoming: IncomingRequest,
    pattern: &'static str,
    target: String,
}

/// The most bytes of a body that one call reads.
const CHUNK: u64 = 64 * 1024;

impl Request {
    /// `target` is the path with an optional query; `pattern` is the route's, and matches the path.
    pub(crate) fn new(incoming: IncomingRequest, pattern: &'static str, target: String) -> Self {
        Self {
            incoming,
            pattern,
            target,
        }
    }

    /// The pattern of the request's route.
    #[must_use]
    pub fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// A parameter of the path, percent-decoded; `None` if the pattern has no parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter(self.pattern, path_of(&self.target), name)
    }

    /// A parameter of the path, to be read by a rule.
    pub fn path(&self, name: &'static str) -> Fields {
        let parameter = self.parameter(name);
        Fields::path(parameter.as_deref().map(|value| (name, value)))
    }

    /// The parameters of the query.
    pub fn query(&self) -> Fields {
        Fields::query(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The first value of a header, whose name is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.incoming.headers().get(name).into_iter().next()
    }

    /// The fields of the JSON body. Fails with 415, 413 or 422.
    pub fn json(&self) -> Result<Fields, Error> {
        self.require_json()?;
        Ok(Fields::json(&self.body()?)?)
    }

    /// The fields of the JSON body, if there is one.
    pub fn optional_json(&self) -> Result<Fields, Error> {
        let body = self.body()?;
        if !body.is_empty() {
            self.require_json()?;
        }
        Ok(Fields::optional_json(&body)?)
    }

    fn require_json(&self) -> Result<(), Error> {
        let content_type = self.header("content-type");
        if is_json(content_type.as_deref()) {
            Ok(())
        } else {
            Err(Error::UnsupportedMediaType)
        }
    }

    /// The whole body, whose size the host limits. It can be read once.
    pub fn body(&self) -> Result<Vec<u8>, Error> {
        let body: IncomingBody = self
            .incoming
            .consume()
            .map_err(|()| Error::Internal("the body was read before".into()))?;
        let stream = body
            .stream()
            .map_err(|()| Error::Internal("the body was read before".into()))?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(CHUNK) {
                Ok(chunk) if bytes.is_empty() => bytes = chunk,
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match http_error_code(&error) {
                        Some(ErrorCode::HttpRequestBodySize(_)) => Error::BodyTooLarge,
                        _ => Error::BodyIncomplete,
                    });
                }
            }
        }
    }
}

/// The part of a request's target before its query.
pub(crate) fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// Whether the type is `application/json` or `application/…+json`, with any parameters. No type at all counts as JSON.
fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(content_type) = content_type else {
        return true;
    };
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase();
    let subtype = essence.strip_prefix(b"application/");
    subtype.is_some_and(|subtype| subtype == b"json" || subtype.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_content_type() {
        for content_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
            " application/json ",
        ] {
            assert!(is_json(Some(content_type.as_bytes())), "{content_type}");
        }
        for content_type in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "text/json",
            "json",
        ] {
            assert!(!is_json(Some(content_type.as_bytes())), "{content_type}");
        }
        assert!(is_json(None));
    }

    #[test]
    fn the_path_ends_where_the_query_begins() {
        assert_eq!(path_of("/api/tasks?search=a?b"), "/api/tasks");
        assert_eq!(path_of("/api/tasks"), "/api/tasks");
    }
}
