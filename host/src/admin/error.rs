//! The failures of an operator's request before it becomes a swap, and their responses. A refused swap has its reason
//! in its report.

use std::io;

use crate::logging::SetLevelError;
use axum::response::{IntoResponse, Response};
use berth_contract::detail;
use berth_rollout::OperatorError;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error("Could not validate credentials")]
    Unauthorized,
    #[error("Without ADMIN_TOKEN, this host only tells how things stand: set one to change them")]
    NoToken,
    #[error("Without ADMIN_TOKEN, this host only answers on its own machine: set one")]
    NotFromHere,
    #[error(
        "A page of another origin may not use the operators' listener; a proxy before it must leave Host as it is"
    )]
    CrossSite,
    #[error(
        "{0} is not a name of the operators' listener: use its address or localhost, or add the name to ADMIN_HOSTS"
    )]
    UnknownName(String),
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
    #[error("The host cannot write the component to its disk: make room in BERTH_DATA_DIR")]
    Storage(#[source] io::Error),
    #[error("{0}")]
    Invalid(String),
    #[error("Too many programs follow the log already, try again later")]
    TooManyFollowers,
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("Too many connections, try again later")]
    Closing,
    #[error(transparent)]
    Log(#[from] SetLevelError),
    #[error("Internal Server Error")]
    Internal,
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoToken | Self::NotFromHere | Self::CrossSite | Self::UnknownName(_) => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Closing | Self::Storage(_) | Self::TooManyFollowers => StatusCode::SERVICE_UNAVAILABLE,
            Self::Log(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Operator(error) => match error {
                OperatorError::UnknownComponent { .. }
                | OperatorError::UnknownVersion { .. }
                | OperatorError::NothingBefore { .. }
                | OperatorError::NotKept { .. } => StatusCode::NOT_FOUND,
                OperatorError::Busy => StatusCode::CONFLICT,
                OperatorError::Starting | OperatorError::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
                OperatorError::Statement(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::Closing
            | Self::TooManyFollowers
            | Self::Operator(OperatorError::Busy | OperatorError::Starting | OperatorError::Away(_)) => {
                Some((header::RETRY_AFTER, "1"))
            }
            _ => None,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        match &self {
            Self::Operator(OperatorError::Away(cause)) => {
                tracing::warn!(error = %cause, "an operator's request failed without the database");
            }
            Self::Operator(OperatorError::Statement(cause)) => {
                tracing::error!(error = %cause, "an operator's request failed because of a bug or a setting of the host");
            }
            Self::Storage(cause) => tracing::error!(
                error = %cause,
                "a component that was pushed cannot be written to a file beside the compiled code in BERTH_DATA_DIR"
            ),
            _ => {}
        }
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (self.status(), [json], detail(&self.to_string())).into_response();
        if let Some((name, value)) = self.header() {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_database::StorageError;

    fn answer_to(cause: sqlx::Error) -> (StatusCode, String) {
        let error = AdminError::from(OperatorError::from(StorageError::from(cause)));
        (error.status(), error.to_string())
    }

    #[test]
    fn only_a_database_that_is_away_is_worth_another_try() {
        let gone = sqlx::Error::Io(io::ErrorKind::ConnectionReset.into());
        let away = (
            StatusCode::SERVICE_UNAVAILABLE,
            "The database is not available".to_owned(),
        );
        assert_eq!(answer_to(gone), away);
        let wrong = sqlx::Error::ColumnNotFound("a_secret".to_owned());
        assert_eq!(
            answer_to(wrong),
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error".to_owned()
            )
        );
    }
}
