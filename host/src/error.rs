//! The failures of a request, and their responses: a status, a body and headers.
//!
//! The texts are those of the HTTP contract, or else those of a FastAPI service. A body never contains a cause: causes
//! are for the operator, and are logged here, once, when the response is made.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use berth_contract::{Violations, detail};
use http::{HeaderValue, StatusCode, header};

use crate::auth::bearer;

/// When a client should retry on a host that is busy, draining or without its database.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// The methods that routes have.
pub(crate) const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No route has this path.
    #[error("Not Found")]
    NotFound,
    /// The path exists, but not with this method. The router adds `Allow` with the valid methods.
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    /// No route has this method, because it would show a component secret headers (`TRACE`) or is for proxies
    /// (`CONNECT`).
    #[error("Method Not Allowed")]
    MethodNotServed,
    /// The route needs a login and the request carries no token.
    #[error("Not authenticated")]
    NotAuthenticated,
    /// The request's token is malformed, forged, expired or revoked. The response does not say which.
    #[error("Could not validate credentials")]
    InvalidCredentials,
    /// The token in the cookie is not valid. The response clears the cookie, so that the browser's next request has
    /// none.
    #[error("Could not validate credentials")]
    InvalidCookie,
    /// A page of another site makes a request that changes something, with its visitor's cookie.
    #[error("Cross-site request refused")]
    CrossSite,
    /// The caller is known and may not do this.
    #[error("Forbidden")]
    Forbidden,
    /// The body broke off or was framed wrongly.
    #[error("There was an error parsing the body")]
    UnreadableBody,
    /// The body did not arrive in time. The connection is closed, because the rest of the body is on it.
    #[error("The request's body took too long")]
    BodyTooSlow,
    /// There is an account with this address already.
    #[error("Email already registered")]
    EmailTaken,
    /// No account has this address and this password.
    #[error("Invalid email or password")]
    InvalidLogin,
    /// An operator has disabled the account.
    #[error("Account is disabled")]
    AccountDisabled,
    /// The request's fields are not valid. The response lists all faults.
    #[error(transparent)]
    Validation(#[from] Violations),
    /// The route does not accept the body's content type.
    #[error("Send the body as {wanted}")]
    UnsupportedMediaType {
        /// The content types that the route accepts.
        wanted: &'static str,
    },
    /// The body is longer than the route accepts.
    #[error("Request body too large")]
    PayloadTooLarge,
    /// The caller has failed to log in too often.
    #[error("Too many failed attempts, try again later")]
    TooManyRequests {
        /// The time until the next attempt is allowed.
        retry_after: Duration,
    },
    /// The component trapped, exited or returned no valid HTTP response.
    #[error("The component failed")]
    ComponentFailed,
    /// The component exceeded its time limit.
    #[error("The component did not answer in time")]
    ComponentTimedOut,
    /// Too many requests are in flight, or the wait in the queue timed out.
    #[error("Too many requests in flight, try again later")]
    Busy,
    /// The host is starting, and does not know yet which component has the path.
    #[error("The server is starting, try again later")]
    Starting,
    /// A preflight's origin is not in `CORS_ORIGINS`.
    #[error("Disallowed CORS origin")]
    OriginNotAllowed,
    /// A preflight asks for a method that no route has.
    #[error("Disallowed CORS method")]
    MethodNotShared,
    /// No byte of the file is in the request's range. The response has the file's length in `Content-Range`.
    #[error("Range Not Satisfiable")]
    RangeNotSatisfiable,
    /// The request's line and headers exceed the host's limit.
    #[error("Request header fields too large")]
    HeadersTooLarge,
    /// The request's address is longer than that of any route.
    #[error("Request address too long")]
    AddressTooLong,
    /// The bytes are not HTTP.
    #[error("Malformed request")]
    Malformed,
    /// PostgreSQL does not answer. The cause is logged.
    #[error("The database is not available")]
    DatabaseAway(#[source] anyhow::Error),
    /// An internal fault. The cause is logged.
    #[error("Internal Server Error")]
    Internal(#[source] anyhow::Error),
}

impl ApiError {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed | Self::MethodNotServed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAuthenticated | Self::InvalidCredentials | Self::InvalidCookie | Self::InvalidLogin => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden | Self::AccountDisabled | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::EmailTaken
            | Self::UnreadableBody
            | Self::OriginNotAllowed
            | Self::MethodNotShared
            | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::Validation(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ComponentFailed => StatusCode::BAD_GATEWAY,
            Self::ComponentTimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy | Self::Starting | Self::DatabaseAway(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The JSON body of the response.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Validation(violations) => violations.body(),
            other => detail(&other.to_string()),
        }
    }

    /// The additional header of some failures.
    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::NotAuthenticated | Self::InvalidCredentials | Self::InvalidCookie | Self::InvalidLogin => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::MethodNotServed => Some((header::ALLOW, HeaderValue::from_static(METHODS))),
            Self::BodyTooSlow => Some((header::CONNECTION, HeaderValue::from_static("close"))),
            Self::TooManyRequests { retry_after } => Some((header::RETRY_AFTER, whole_seconds(*retry_after))),
            Self::Busy | Self::Starting | Self::DatabaseAway(_) => {
                Some((header::RETRY_AFTER, whole_seconds(RETRY_SOON)))
            }
            _ => None,
        }
    }

    /// The cookie header of failures that clear the cookie.
    fn cookie(&self) -> Option<HeaderValue> {
        // A cookie without `Secure` also clears one with it, unless the request came without TLS: then there is none to
        // clear.
        matches!(self, Self::InvalidCookie)
            .then(|| bearer::no_cookie(false))
            .flatten()
    }

    fn log(&self) {
        match self {
            Self::Internal(cause) => {
                tracing::error!(
                    error = format!("{cause:#}"),
                    "a request failed because of a bug or a setting of the host"
                );
            }
            Self::DatabaseAway(cause) => {
                tracing::warn!(
                    error = format!("{cause:#}"),
                    "a request failed because the database is away"
                );
            }
            _ => {}
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status(), json, self.body()).into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if let Some(cookie) = self.cookie() {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// `Retry-After` counts whole seconds (RFC 9110, 10.2.3). The wait is rounded up, so that clients do not return too
/// early.
fn whole_seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(
        wait.as_nanos()
            .div_ceil(1_000_000_000)
            .max(1)
            .try_into()
            .unwrap_or(u64::MAX),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::Value;

    use super::*;

    fn every_failure() -> Vec<ApiError> {
        vec![
            ApiError::NotFound,
            ApiError::MethodNotAllowed,
            ApiError::MethodNotServed,
            ApiError::NotAuthenticated,
            ApiError::InvalidCredentials,
            ApiError::InvalidCookie,
            ApiError::CrossSite,
            ApiError::Forbidden,
            ApiError::UnreadableBody,
            ApiError::BodyTooSlow,
            ApiError::EmailTaken,
            ApiError::InvalidLogin,
            ApiError::AccountDisabled,
            ApiError::Validation(Violations::one("missing", "Field required", Value::Null)),
            ApiError::UnsupportedMediaType {
                wanted: "application/json",
            },
            ApiError::PayloadTooLarge,
            ApiError::TooManyRequests {
                retry_after: Duration::from_millis(41_001),
            },
            ApiError::ComponentFailed,
            ApiError::ComponentTimedOut,
            ApiError::Busy,
            ApiError::Starting,
            ApiError::OriginNotAllowed,
            ApiError::MethodNotShared,
            ApiError::RangeNotSatisfiable,
            ApiError::HeadersTooLarge,
            ApiError::AddressTooLong,
            ApiError::Malformed,
            ApiError::DatabaseAway(anyhow::anyhow!("a secret cause")),
            ApiError::Internal(anyhow::anyhow!("a secret cause")),
        ]
    }

    async fn seen_by_the_client(error: ApiError) -> String {
        let response = error.into_response();
        let status = response.status().as_u16();
        let headers: Vec<String> = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH)
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let line = format!(
            "{status} {} {}",
            std::str::from_utf8(&body).unwrap(),
            headers.join("; ")
        );
        line.trim_end().to_owned()
    }

    #[tokio::test]
    async fn every_failure_has_its_status_body_and_headers() {
        let mut lines = Vec::new();
        for error in every_failure() {
            lines.push(seen_by_the_client(error).await);
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
        404 {"detail":"Not Found"}
        405 {"detail":"Method Not Allowed"}
        405 {"detail":"Method Not Allowed"} allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT
        401 {"detail":"Not authenticated"} www-authenticate: Bearer
        401 {"detail":"Could not validate credentials"} www-authenticate: Bearer
        401 {"detail":"Could not validate credentials"} www-authenticate: Bearer; set-cookie: access_token=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0
        403 {"detail":"Cross-site request refused"}
        403 {"detail":"Forbidden"}
        400 {"detail":"There was an error parsing the body"}
        408 {"detail":"The request's body took too long"} connection: close
        400 {"detail":"Email already registered"}
        401 {"detail":"Invalid email or password"} www-authenticate: Bearer
        403 {"detail":"Account is disabled"}
        422 {"detail":[{"input":null,"loc":[],"msg":"Field required","type":"missing"}]}
        415 {"detail":"Send the body as application/json"}
        413 {"detail":"Request body too large"}
        429 {"detail":"Too many failed attempts, try again later"} retry-after: 42
        502 {"detail":"The component failed"}
        504 {"detail":"The component did not answer in time"}
        503 {"detail":"Too many requests in flight, try again later"} retry-after: 1
        503 {"detail":"The server is starting, try again later"} retry-after: 1
        400 {"detail":"Disallowed CORS origin"}
        400 {"detail":"Disallowed CORS method"}
        416 {"detail":"Range Not Satisfiable"}
        431 {"detail":"Request header fields too large"}
        414 {"detail":"Request address too long"}
        400 {"detail":"Malformed request"}
        503 {"detail":"The database is not available"} retry-after: 1
        500 {"detail":"Internal Server Error"}
        "#);
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds_and_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), "1");
        assert_eq!(whole_seconds(Duration::from_secs(7)), "7");
        assert_eq!(whole_seconds(Duration::from_nanos(1)), "1");
    }
}
