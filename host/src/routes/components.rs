//! The fallback for paths that are not the host's own: a component answers, in a fresh instance, as the caller.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use berth_runtime::metrics::Failure;
use berth_runtime::{Authentication, HandleError, Principal, RequestDetails, Version};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::app::App;
use crate::auth::bearer;
use crate::client::Client;
use crate::error::ApiError;
use crate::metrics::RouteTag;
use crate::request_record::RequestRecord;
use crate::routes::request_id::RequestId;
use crate::routes::response_headers::{self, RESERVED_PREFIX};

/// The component that answered, and its version: `orders@3`.
pub(crate) const X_COMPONENT: HeaderName = HeaderName::from_static("x-component");

/// The caller's `sub`, for components that cannot import `berth:identity`; percent-encoded where a header needs it.
const X_BERTH_USER: HeaderName = HeaderName::from_static("x-berth-user");

/// The IP address of the request's client, as far as trusted proxies report it.
const X_BERTH_CLIENT: HeaderName = HeaderName::from_static("x-berth-client");

/// Passes the request to the component whose route matches its path.
pub(crate) async fn dispatch(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Err(ApiError::MethodNotServed);
    }
    let deployment = app.registry().current();
    let Some(route) = deployment.find(request.uri().path()) else {
        return Err(if deployment.is_complete() {
            ApiError::NotFound
        } else {
            ApiError::Starting
        });
    };
    let (version, pattern) = (Arc::clone(&route.version), route.pattern.shared());
    RouteTag::set(request.extensions(), &route.metrics);
    // Only this version is still needed; the rest of the deployment may be freed when it is replaced.
    drop(deployment);
    let record = RequestRecord::of(request.extensions());
    record.set_component(Arc::clone(&pattern), &version);
    let authentication = version.spec().authentication;
    let identity = if authentication == Authentication::None {
        None
    } else {
        let client = request.extensions().get::<Client>().cloned().unwrap_or_default();
        app.auth()
            .authenticate(request.method(), request.headers(), &client, None)
            .await?
    };
    if identity.is_none() && authentication == Authentication::Required {
        return Err(ApiError::NotAuthenticated);
    }
    let principal = identity.map(|identity| identity.principal);
    if let Some(principal) = &principal {
        record.set_user(principal);
    }
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map(RequestId::to_string)
        .unwrap_or_default();
    let details = RequestDetails {
        request_id,
        route: Some(pattern),
        principal,
        usage: Arc::clone(record.usage()),
        span: request.extensions().get().cloned().unwrap_or_default(),
    };
    run(&app, &version, request, details).await
}

async fn run(
    app: &App,
    version: &Arc<Version>,
    mut request: Request,
    details: RequestDetails,
) -> Result<Response, ApiError> {
    if version.spec().authentication != Authentication::None || app.auth().has_own_token(request.headers()) {
        request.headers_mut().remove(header::AUTHORIZATION);
    }
    withhold_secrets(request.headers_mut(), details.principal.as_ref());
    tell_client(&mut request);
    let request_id = details.request_id.clone();
    let mut response = match version.handle(request, details, app.registry()).await {
        Ok(response) => check(response.map(Body::new), version, &request_id),
        Err(error) => ApiError::from(error).into_response(),
    };
    if let Ok(label) = HeaderValue::try_from(version.label()) {
        response.headers_mut().insert(X_COMPONENT, label);
    }
    Ok(response)
}

/// Removes reserved headers from a component's response, or returns a 502 in place of an invalid response.
fn check(mut response: Response, version: &Version, request_id: &str) -> Response {
    let status = response.status().as_u16();
    // A status of 1xx is no final response, and HTTP has no status from 600 on (RFC 9110, 15).
    if !(200..600).contains(&status) {
        let metrics = version.resources().metrics();
        metrics.failures.increment(Failure::InvalidStatus);
        version.warn(
            request_id,
            format_args!("the component answered with the status {status}"),
        );
        return ApiError::ComponentFailed.into_response();
    }
    // Neither status has a body (RFC 9110, 15.3.5 and 15.4.5), and the runtime sends none.
    if matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let withheld = response_headers::withhold(response.headers_mut());
    if !withheld.is_empty() {
        let headers: Vec<_> = withheld.iter().map(HeaderName::as_str).collect();
        let headers = headers.join(", ");
        version.warn(
            request_id,
            format_args!("headers were taken off the component's response: {headers}"),
        );
    }
    response
}

/// Removes the cookie with the token, which a component must not see, and the host's own headers, which a client must
/// not send.
fn withhold_secrets(headers: &mut HeaderMap, principal: Option<&Principal>) {
    withhold_token_cookie(headers);
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(RESERVED_PREFIX))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    if let Some(principal) = principal {
        let subject = utf8_percent_encode(&principal.subject, NON_ALPHANUMERIC).to_string();
        if let Ok(value) = HeaderValue::try_from(subject) {
            headers.insert(X_BERTH_USER, value);
        }
    }
}

/// Adds the header with the client's address. The headers of the client and its proxies are removed already: see
/// [`Client`].
fn tell_client(request: &mut Request) {
    let address = request
        .extensions()
        .get::<Client>()
        .and_then(|client| client.address);
    if let Some(Ok(address)) = address.map(|address| HeaderValue::try_from(address.to_string())) {
        request.headers_mut().insert(X_BERTH_CLIENT, address);
    }
}

fn withhold_token_cookie(headers: &mut HeaderMap) {
    let others: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty() && cookie.split('=').next() != Some(bearer::COOKIE))
        .map(str::to_owned)
        .collect();
    headers.remove(header::COOKIE);
    if let Some(value) = HeaderValue::try_from(others.join("; "))
        .ok()
        .filter(|_| !others.is_empty())
    {
        headers.insert(header::COOKIE, value);
    }
}

impl From<HandleError> for ApiError {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Failed => Self::ComponentFailed,
            HandleError::TimedOut => Self::ComponentTimedOut,
            HandleError::Busy => Self::Busy,
            HandleError::BodyTooLarge(_) => Self::PayloadTooLarge,
            HandleError::BodyBroken => Self::UnreadableBody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_cookie_with_the_token_never_reaches_a_component() {
        let mut seen = headers(&[
            ("cookie", "theme=dark; access_token=secret; lang=de"),
            ("cookie", "access_token=secret"),
            ("accept", "text/html"),
        ]);
        withhold_secrets(&mut seen, None);
        assert_eq!(
            seen,
            headers(&[("cookie", "theme=dark; lang=de"), ("accept", "text/html")])
        );
    }

    #[test]
    fn what_a_client_sends_is_never_identity() {
        let mut seen = headers(&[("x-berth-user", "root"), ("x-berth-anything", "1")]);
        withhold_secrets(&mut seen, None);
        assert!(seen.is_empty());

        let principal = Principal {
            subject: "jörg 1".to_owned(),
            email: None,
            name: None,
            anonymous: false,
        };
        withhold_secrets(&mut seen, Some(&principal));
        assert_eq!(seen, headers(&[("x-berth-user", "j%C3%B6rg%201")]));
    }
}
