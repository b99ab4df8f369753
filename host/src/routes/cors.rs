//! The web sites that may read the responses, by the Fetch standard's CORS protocol. Components have no part in it.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::config::CorsOrigins;
use crate::error::{ApiError, METHODS};

const DEFAULT_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-request-id, x-component, x-total-count, retry-after");
/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// `CORS_ORIGINS`, prepared for comparison.
#[derive(Clone, Debug)]
pub(super) struct Cors(Arc<Allowed>);

#[derive(Debug)]
enum Allowed {
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    pub(super) fn new(origins: &CorsOrigins) -> Self {
        Self(Arc::new(match origins {
            CorsOrigins::Any => Allowed::Any,
            CorsOrigins::Listed(origins) => Allowed::Listed(
                origins
                    .iter()
                    .filter_map(|origin| HeaderValue::from_str(origin).ok())
                    .collect(),
            ),
        }))
    }

    /// The headers that let a page of `origin` read the response: none if it may not. `*` never goes with credentials.
    fn grant(&self, origin: &HeaderValue) -> Option<Vec<(HeaderName, HeaderValue)>> {
        match &*self.0 {
            Allowed::Any => Some(vec![(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))]),
            Allowed::Listed(origins) if origins.contains(origin) => Some(vec![
                (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
                (ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            ]),
            Allowed::Listed(_) => None,
        }
    }

    /// The response to a preflight, whatever its path; none if the request is no preflight.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let (origin, method) = (request.headers().get(ORIGIN)?, asked_method(request)?);
        let mut response = self.allow(origin, method, request.headers());
        self.vary(response.headers_mut());
        Some(response)
    }

    fn allow(&self, origin: &HeaderValue, method: &HeaderValue, headers: &HeaderMap) -> Response {
        let Some(grant) = self.grant(origin) else {
            return ApiError::OriginNotAllowed.into_response();
        };
        if !METHODS.split(", ").any(|known| method == known) {
            return ApiError::MethodNotShared.into_response();
        }
        // `*` would not cover `authorization`, so the requested headers are repeated.
        let wanted = headers
            .get(ACCESS_CONTROL_REQUEST_HEADERS)
            .cloned()
            .unwrap_or(DEFAULT_HEADERS);
        let mut response = "OK".into_response();
        response.headers_mut().extend(grant);
        response.headers_mut().extend([
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS)),
            (ACCESS_CONTROL_ALLOW_HEADERS, wanted),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ]);
        response
    }

    /// Sets the CORS headers of a response: only listed origins may read it, and a component's own CORS headers are
    /// removed.
    pub(super) fn finish(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        if let Some(grant) = origin.and_then(|origin| self.grant(origin)) {
            headers.extend(grant);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        self.vary(headers);
    }

    /// Adds `Vary`, because caches must know that the response differs by origin, even if this request had none.
    fn vary(&self, headers: &mut HeaderMap) {
        if matches!(&*self.0, Allowed::Listed(_)) {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

/// The method that a preflight asks about. An `OPTIONS` request without such a method is no preflight.
fn asked_method(request: &Request) -> Option<&HeaderValue> {
    let is_options = request.method() == Method::OPTIONS;
    is_options
        .then(|| request.headers().get(ACCESS_CONTROL_REQUEST_METHOD))
        .flatten()
}
