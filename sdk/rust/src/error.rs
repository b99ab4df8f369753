//! Every way in which a request can fail in a component, and the response to each.

use std::borrow::Cow;

use berth_contract::{Violations, detail};

use crate::bindings::http::berth::postgres::client;
use crate::postgres::{describe, is_temporary};
use crate::{Response, log, outgoing};

/// A failed request. The message is the sentence in the response.
///
/// ```
/// use berth_sdk::postgres::Statement;
/// use berth_sdk::{Error, Principal, Request, Response};
///
/// fn delete(caller: &Principal, request: &Request) -> Result<Response, Error> {
///     let slug = request.parameter("slug").ok_or(Error::NotFound)?;
///     let delete = Statement::new("DELETE FROM notes WHERE owner = ")
///         .value(&caller.subject)
///         .and(" AND slug = ")
///         .value(&*slug);
///     match delete.execute()? {
///         0 => Err(Error::refused(404, "Note not found")),
///         _ => Ok(Response::empty(204)),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No route has this path.
    #[error("Not Found")]
    NotFound,
    /// The path exists, but not with this method.
    #[error("Method Not Allowed")]
    MethodNotAllowed {
        /// The methods that the path has: `GET, HEAD`.
        allow: String,
    },
    /// The request has no caller.
    #[error("Not authenticated")]
    NotAuthenticated,
    /// The caller may not make this request.
    #[error("Forbidden")]
    Forbidden,
    /// The `Content-Type` is not JSON, and the route reads JSON.
    #[error("Send the body as application/json")]
    UnsupportedMediaType,
    /// The body is longer than the component's limit.
    #[error("Request body too large")]
    BodyTooLarge,
    /// The body ended early, most likely because the client disconnected.
    #[error("The request body could not be read")]
    BodyIncomplete,
    /// Fields violate their rules.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// Any other reason to refuse a request.
    #[error("{sentence}")]
    Refused {
        /// The HTTP status, 400 to 499.
        status: u16,
        /// The sentence of the body.
        sentence: Cow<'static, str>,
    },
    /// The database did not run a statement.
    #[error("{}", describe(.0))]
    Postgres(client::Error),
    /// A service on which the component depends failed.
    #[error("{sentence}")]
    Upstream {
        /// The HTTP status: 429, or 502 to 504.
        status: u16,
        /// The sentence of the body.
        sentence: &'static str,
        /// The time after which to try again, in seconds, if it is known.
        retry_after: Option<u32>,
    },
    /// A bug in the component. The text goes to the log and not to the client.
    #[error("Internal Server Error")]
    Internal(Cow<'static, str>),
}

/// The sentence in the response to a failure that is not the caller's.
const INTERNAL: &str = "Internal Server Error";

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::Postgres(error)
    }
}

/// The server's failure is an upstream's; a fault of the component or of its manifest is the component's own.
impl From<outgoing::Error> for Error {
    fn from(error: outgoing::Error) -> Self {
        let upstream = |status, sentence| {
            log::warn("outgoing", &error.to_string());
            Self::Upstream {
                status,
                sentence,
                retry_after: None,
            }
        };
        match error {
            outgoing::Error::Invalid(_) | outgoing::Error::Forbidden => {
                Self::Internal(error.to_string().into())
            }
            outgoing::Error::Timeout => upstream(504, "Another service did not answer in time"),
            outgoing::Error::Unreachable(_)
            | outgoing::Error::Broken(_)
            | outgoing::Error::TooLarge(_)
            | outgoing::Error::Status(_)
            | outgoing::Error::NotJson(_) => upstream(502, "Another service failed"),
        }
    }
}

impl Error {
    /// A refusal with this status and sentence.
    ///
    /// ```
    /// # use berth_sdk::Error;
    /// assert_eq!(Error::refused(409, "The name is taken").to_string(), "The name is taken");
    /// ```
    pub fn refused(status: u16, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused {
            status,
            sentence: sentence.into(),
        }
    }

    /// The response to the error. `request` names the request in the log, where the component's own failures are
    /// written.
    pub(crate) fn into_response(self, request: &str) -> Response {
        match self {
            Self::Postgres(error) => postgres_failed(&error, request),
            Self::Internal(cause) => internal(&cause, request),
            Self::Invalid(violations) => Response::json_text(422, violations.body()),
            Self::MethodNotAllowed { ref allow } => self.response(405).with_header("allow", allow),
            Self::NotAuthenticated => self.response(401).with_header("www-authenticate", "Bearer"),
            Self::NotFound => self.response(404),
            Self::Forbidden => self.response(403),
            Self::UnsupportedMediaType => self.response(415),
            Self::BodyTooLarge => self.response(413),
            Self::BodyIncomplete => self.response(400),
            Self::Refused { status, .. }
            | Self::Upstream {
                status,
                retry_after: None,
                ..
            } => self.response(status),
            Self::Upstream {
                status,
                retry_after: Some(seconds),
                ..
            } => self
                .response(status)
                .with_header("retry-after", seconds.to_string()),
        }
    }

    /// The body of the error's response.
    pub(crate) fn into_body(self, request: &str) -> Vec<u8> {
        self.into_response(request).into_bytes()
    }

    fn response(&self, status: u16) -> Response {
        Response::json_text(status, detail(&self.to_string()))
    }
}

/// Answers a failure that ends by itself so that the client can try again; any other failure is the component's fault.
fn postgres_failed(error: &client::Error, request: &str) -> Response {
    let sentence = match error {
        client::Error::Away => "The database is not available",
        client::Error::PoolExhausted => "The database is busy, try again later",
        client::Error::Timeout => "The database did not answer in time",
        client::Error::Database(refusal) if is_temporary(refusal) => {
            log::error(request, &describe(error));
            "The database is not available"
        }
        client::Error::Database(_)
        | client::Error::TooManyRows(_)
        | client::Error::TooManyBytes(_)
        | client::Error::Unsupported(_) => return internal(&describe(error), request),
    };
    Response::json_text(503, detail(sentence)).with_header("retry-after", "1")
}

fn internal(cause: &str, request: &str) -> Response {
    log::error(request, cause);
    Response::json_text(500, detail(INTERNAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: Error) -> (u16, String) {
        let response = error.into_response("GET /");
        (
            response.status(),
            String::from_utf8_lossy(&response.into_bytes()).into_owned(),
        )
    }

    #[test]
    fn each_error_has_a_status_and_a_sentence() {
        for (error, status, sentence) in [
            (Error::NotFound, 404, "Not Found"),
            (
                Error::MethodNotAllowed {
                    allow: "GET, HEAD".to_owned(),
                },
                405,
                "Method Not Allowed",
            ),
            (Error::NotAuthenticated, 401, "Not authenticated"),
            (Error::Forbidden, 403, "Forbidden"),
            (
                Error::UnsupportedMediaType,
                415,
                "Send the body as application/json",
            ),
            (Error::BodyTooLarge, 413, "Request body too large"),
            (Error::refused(404, "Task not found"), 404, "Task not found"),
            (upstream(None), 429, "Not so fast"),
            (client::Error::Away.into(), 503, "The database is not available"),
            (
                client::Error::PoolExhausted.into(),
                503,
                "The database is busy, try again later",
            ),
            (
                client::Error::Timeout.into(),
                503,
                "The database did not answer in time",
            ),
        ] {
            assert_eq!(shown(error), (status, format!(r#"{{"detail":"{sentence}"}}"#)));
        }
    }

    #[test]
    fn errors_carry_the_headers_that_belong_to_them() {
        let header = |error: Error, name| error.into_response("GET /").header_value(name).map(str::to_owned);
        assert_eq!(
            header(Error::NotAuthenticated, "www-authenticate").as_deref(),
            Some("Bearer")
        );
        assert_eq!(
            header(Error::MethodNotAllowed { allow: "PUT".into() }, "allow").as_deref(),
            Some("PUT")
        );
        assert_eq!(
            header(client::Error::Away.into(), "retry-after").as_deref(),
            Some("1")
        );
        assert_eq!(header(upstream(Some(7)), "retry-after").as_deref(), Some("7"));
        assert_eq!(header(upstream(None), "retry-after"), None);
    }

    fn upstream(retry_after: Option<u32>) -> Error {
        Error::Upstream {
            status: 429,
            sentence: "Not so fast",
            retry_after,
        }
    }

    #[test]
    fn another_service_is_blamed_for_its_own_failures_only() {
        for (error, status) in [
            (outgoing::Error::Timeout, 504),
            (outgoing::Error::Unreachable("secret".into()), 502),
            (outgoing::Error::Broken("secret".into()), 502),
            (outgoing::Error::Status(401), 502),
            (outgoing::Error::Invalid("secret".into()), 500),
            (outgoing::Error::Forbidden, 500),
        ] {
            let (answered, body) = shown(error.into());
            assert!(answered == status && !body.contains("secret"), "{status}: {body}");
        }
    }

    #[test]
    fn a_fault_of_ours_is_not_shown_to_the_caller() {
        let refusal = client::DatabaseError {
            sqlstate: "42P01".into(),
            message: "relation \"secret\" does not exist".into(),
            detail: None,
            constraint: None,
        };
        for error in [
            client::Error::Database(refusal).into(),
            client::Error::TooManyRows(10_000).into(),
            client::Error::Unsupported("column 3".into()).into(),
            Error::Internal("secret".into()),
        ] {
            assert_eq!(
                shown(error),
                (500, r#"{"detail":"Internal Server Error"}"#.to_owned())
            );
        }
    }

    #[test]
    fn a_database_that_is_out_of_something_is_worth_another_try() {
        for sqlstate in ["53100", "53200", "53300", "57P01", "57P03"] {
            let refusal = client::DatabaseError {
                sqlstate: sqlstate.into(),
                message: "could not extend file: No space left on device".into(),
                detail: None,
                constraint: None,
            };
            let response = Error::from(client::Error::Database(refusal)).into_response("GET /");
            assert_eq!(
                (response.status(), response.header_value("retry-after")),
                (503, Some("1"))
            );
        }
    }

    #[test]
    fn invalid_fields_are_listed() {
        let violations = Violations::one("missing", "Field required", "".into());
        assert_eq!(
            shown(violations.into()),
            (
                422,
                r#"{"detail":[{"input":"","loc":[],"msg":"Field required","type":"missing"}]}"#.to_owned()
            )
        );
    }
}
