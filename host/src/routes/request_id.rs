//! `x-request-id`: the identifier of a request, in its response, in the log and in the component's request.

use std::fmt;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use uuid::Uuid;

/// The header.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest identifier that is accepted from the caller, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The identifier of a request, among its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's identifier, if it is valid: 1 to 128 of `A-Z a-z 0-9 . _ -`. Else a new UUID v7.
    fn from_headers(headers: &HeaderMap) -> Self {
        let sane = |value: &HeaderValue| {
            let bytes = value.as_bytes();
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
            (1..=MAX_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(plain)
        };
        headers
            .get(X_REQUEST_ID)
            .filter(|value| sane(value))
            .cloned()
            .map_or_else(Self::new, Self)
    }

    /// Gives a request its identifier, in its headers and its extensions.
    pub(crate) fn name(request: &mut Request) -> Self {
        let id = Self::from_headers(request.headers());
        request.headers_mut().insert(X_REQUEST_ID, id.0.clone());
        request.extensions_mut().insert(id.clone());
        id
    }

    /// The span of the log whose lines carry the identifiers of the request and of its trace, and the mark of a probe.
    pub(crate) fn span(&self, is_probe: bool, trace: &berth_traces::Span) -> Span {
        let trace_id = trace.trace_id().map(tracing::field::display);
        // At this level no filter drops the span, and with it the identifier of a logged line.
        tracing::error_span!("request", request_id = %self, trace_id, probe = is_probe.then_some(true))
    }

    /// Writes the identifier to the response.
    pub(crate) fn write_on(self, response: &mut Response) {
        response.headers_mut().insert(X_REQUEST_ID, self.0);
    }

    /// Makes a new identifier.
    #[must_use]
    pub fn new() -> Self {
        let mut text = Uuid::encode_buffer();
        let value = HeaderValue::from_str(Uuid::now_v7().as_hyphenated().encode_lower(&mut text));
        Self(value.unwrap_or_else(|_| HeaderValue::from_static("unnamed")))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn id_of(value: &[u8]) -> String {
        RequestId::from_headers(&HeaderMap::from_iter([(
            X_REQUEST_ID,
            HeaderValue::from_bytes(value).unwrap(),
        )]))
        .to_string()
    }

    #[test]
    fn a_sane_name_is_kept() {
        let longest = "a".repeat(128);
        for name in ["1", "order-66_v1.2", &longest] {
            assert_eq!(id_of(name.as_bytes()), name);
        }
    }

    #[test]
    fn anything_else_is_replaced_by_a_new_uuid() {
        for name in [
            &b""[..],
            b"a b",
            b"a\tb",
            b"{}",
            b"caf\xc3\xa9",
            "a".repeat(129).as_bytes(),
        ] {
            let id: Uuid = id_of(name).parse().unwrap();
            assert_eq!(id.get_version_num(), 7);
        }
        assert_ne!(
            RequestId::from_headers(&HeaderMap::new()).to_string(),
            RequestId::from_headers(&HeaderMap::new()).to_string()
        );
    }
}
