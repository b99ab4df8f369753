//! The filter of the log, which operators can change until the next start.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::AdminError;
use super::openapi::ErrorBody;
use crate::config::LogFilter;
use crate::logging::Level;

/// The filter of the log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLevel {
    /// The filter in force, in the syntax of `RUST_LOG`.
    #[schema(example = "info,component=debug")]
    filter: String,
    /// The filter of `RUST_LOG`, to which a restart returns.
    #[schema(example = "info")]
    at_start: String,
}

/// A change of the filter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLogLevel {
    /// A level, or `target=level` pairs separated by commas.
    #[schema(example = "info,component=debug")]
    filter: String,
}

/// The filter of the log
///
/// The filter in force, and the filter of the start.
#[utoipa::path(
    get,
    path = "/admin/log-level",
    operation_id = "showLogLevel",
    tag = "operators",
    responses(
        (status = 200, description = "The filter", body = LogLevel),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
    ),
)]
pub(super) async fn show(State(level): State<Level>) -> Json<LogLevel> {
    Json(LogLevel {
        filter: level.current().to_string(),
        at_start: level.at_start().to_string(),
    })
}

/// Change the filter of the log
///
/// The filter is in force at once, on this host only, until it is changed again or the host starts again.
#[utoipa::path(
    put,
    path = "/admin/log-level",
    operation_id = "setLogLevel",
    tag = "operators",
    request_body(content = NewLogLevel),
    responses(
        (status = 200, description = "The filter, which is in force", body = LogLevel),
        (status = 400, description = "The body broke off", body = ErrorBody),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and so allows no change", body = ErrorBody),
        (status = 422, description = "The filter cannot be parsed: the sentence names the directive and its place", body = ErrorBody),
    ),
)]
pub(super) async fn set(
    State(level): State<Level>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<LogLevel>, AdminError> {
    let body = body.map_err(|_| AdminError::Unreadable)?;
    level.set(parse(&body)?)?;
    Ok(show(State(level)).await)
}

fn parse(body: &[u8]) -> Result<LogFilter, AdminError> {
    let NewLogLevel { filter } = serde_json::from_slice(body).map_err(|error| {
        AdminError::Invalid(format!("The body is not as in {{\"filter\": \"info\"}}: {error}"))
    })?;
    filter
        .parse()
        .map_err(|error| AdminError::Invalid(format!("filter: {error}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn the_error_names_the_place() {
        assert_eq!(parse(br#"{"filter": "warn"}"#).unwrap().as_str(), "warn");
        let error = |body: &str| parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error("warn").contains("{\"filter\": \"info\"}"));
        assert!(error("{}").contains("filter"));
        assert!(error(r#"{"filter": "warn", "for": "1h"}"#).contains("for"));
        let bad = error(r#"{"filter": "warn,berth=loud"}"#);
        assert!(
            bad.contains("directive 2, \"berth=loud\" at character 6"),
            "{bad}"
        );
    }
}
