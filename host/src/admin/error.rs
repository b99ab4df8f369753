//! Every way in which an operator's request can fail before it becomes a swap, and what is answered. Why a swap was refused
//! is in its report.

use axum::response::{IntoResponse, Response};
use berth_contract::detail;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::delivery::OperatorError;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error("Could not validate credentials")]
    Unauthorized,
    #[error("Without ADMIN_TOKEN, this host only tells how things stand: set one to change them")]
    NoToken,
    #[error("Without ADMIN_TOKEN, this host only answers on its own machine: set one")]
    NotFromHere,
    #[error("Not Found")]
    NotFound,
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    #[error("A component has the content type application/wasm")]
    UnsupportedMediaType,
    #[error("The body is larger than any component may be")]
    TooLarge,
    #[error("The body broke off")]
    Unreadable,
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Operator(OperatorError),
    #[error("The database is not available")]
    DatabaseAway,
    #[error("Internal Server Error")]
    Internal,
}

impl From<OperatorError> for AdminError {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Storage(cause) if cause.is_outage() => {
                tracing::warn!(error = %cause, "an operator's request failed because the database is away");
                Self::DatabaseAway
            }
            OperatorError::Storage(cause) => {
                tracing::error!(error = %cause, "an operator's request failed by our fault");
                Self::Internal
            }
            other => Self::Operator(other),
        }
    }
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoToken | Self::NotFromHere => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::DatabaseAway => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Operator(error) => match error {
                OperatorError::UnknownComponent { .. }
                | OperatorError::UnknownVersion { .. }
                | OperatorError::NothingBefore { .. }
                | OperatorError::NotKept { .. } => StatusCode::NOT_FOUND,
                OperatorError::Busy => StatusCode::CONFLICT,
                OperatorError::Starting => StatusCode::SERVICE_UNAVAILABLE,
                OperatorError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::DatabaseAway | Self::Operator(OperatorError::Busy | OperatorError::Starting) => {
                Some((header::RETRY_AFTER, "1"))
            }
            _ => None,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (self.status(), [json], detail(&self.to_string())).into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::storage::StorageError;

    fn answer_to(cause: sqlx::Error) -> (StatusCode, String) {
        let error = AdminError::from(OperatorError::Storage(StorageError::Statement(cause)));
        (error.status(), error.to_string())
    }

    #[test]
    fn only_a_database_that_is_away_is_worth_another_try() {
        let gone = sqlx::Error::Io(io::ErrorKind::ConnectionReset.into());
        let away = (StatusCode::SERVICE_UNAVAILABLE, "The database is not available".to_owned());
        assert_eq!(answer_to(gone), away);
        let wrong = sqlx::Error::ColumnNotFound("a_secret".to_owned());
        assert_eq!(answer_to(wrong), (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".to_owned()));
    }
}
