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
/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// `CORS_ORIGINS`, prepared for comparison, and the response headers that pages may read.
#[derive(Clone, Debug)]
pub(super) struct Cors {
    allowed: Arc<Allowed>,
    exposed: HeaderValue,
}

#[derive(Debug)]
enum Allowed {
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// Lets `origins` read responses: the headers that the host sets, and `headers` of components.
    pub(super) fn new(origins: &CorsOrigins, headers: &[HeaderName]) -> Self {
        let allowed = match origins {
            CorsOrigins::Any => Allowed::Any,
            CorsOrigins::Listed(origins) => Allowed::Listed(
                origins
                    .iter()
                    .filter_map(|origin| HeaderValue::from_str(origin).ok())
                    .collect(),
            ),
        };
        Self {
            allowed: Arc::new(allowed),
            exposed: exposed(headers),
        }
    }

    /// The headers that let a page of `origin` read the response: none if it may not. `*` never goes with credentials.
    fn grant(&self, origin: &HeaderValue) -> Option<Vec<(HeaderName, HeaderValue)>> {
        match &*self.allowed {
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
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
        self.vary(headers);
    }

    /// Adds `Vary`, because caches must know that the response differs by origin, even if this request had none.
    fn vary(&self, headers: &mut HeaderMap) {
        if matches!(&*self.allowed, Allowed::Listed(_)) {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

/// The value of `Access-Control-Expose-Headers`: the headers that the host sets, and `headers` of components.
fn exposed(headers: &[HeaderName]) -> HeaderValue {
    let names = headers.iter().map(HeaderName::as_str);
    let all: Vec<_> = ["x-request-id", "x-component"]
        .into_iter()
        .chain(names)
        .chain(["retry-after"])
        .collect();
    HeaderValue::from_str(&all.join(", "))
        .unwrap_or(HeaderValue::from_static("x-request-id, x-component, retry-after"))
}

/// The method that a preflight asks about. An `OPTIONS` request without such a method is no preflight.
fn asked_method(request: &Request) -> Option<&HeaderValue> {
    let is_options = request.method() == Method::OPTIONS;
    is_options
        .then(|| request.headers().get(ACCESS_CONTROL_REQUEST_METHOD))
        .flatten()
}
