//! The errors of authentication, and their HTTP responses.

use berth_database::{PoolError, StorageError};

use super::bearer::Carrier;
use super::passwords::PasswordError;
use super::throttle::Throttled;
use super::tokens::InvalidToken;
use crate::error::ApiError;

/// Why a login, a registration, a logout or the authentication of a request failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request has no token, and `ANONYMOUS_USER` is not set.
    #[error("the request carries no token")]
    NoToken,
    /// The token is not valid.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// The token in the cookie is not valid.
    #[error("the cookie's token is not valid")]
    InvalidCookie,
    /// The cookie's token is valid, but a page of another site makes the request.
    #[error("a page of another site makes the request with the cookie")]
    CrossSite,
    /// The address has an account already.
    #[error("the address has an account already")]
    EmailTaken,
    /// No account has this address and this password.
    #[error("no account has this address and this password")]
    InvalidLogin,
    /// The account was disabled.
    #[error("the account is disabled")]
    Disabled,
    /// Too many logins have failed.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// A password could be neither hashed nor checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A row could be neither read nor written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A token could not be signed.
    #[error("a token could not be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl AuthError {
    /// The error for a token that is not valid, by its carrier.
    pub(super) fn invalid(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Explicit => InvalidToken.into(),
            Carrier::Cookie => Self::InvalidCookie,
        }
    }

    /// Whether the token that the request carries is malformed, forged, expired or revoked.
    #[must_use]
    pub fn is_bad_token(&self) -> bool {
        matches!(self, Self::InvalidToken(_) | Self::InvalidCookie)
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NoToken => Self::NotAuthenticated,
            AuthError::InvalidToken(InvalidToken) => Self::InvalidCredentials,
            AuthError::InvalidCookie => Self::InvalidCookie,
            AuthError::CrossSite => Self::CrossSite,
            AuthError::EmailTaken => Self::EmailTaken,
            AuthError::InvalidLogin => Self::InvalidLogin,
            AuthError::Disabled => Self::AccountDisabled,
            AuthError::Throttled(Throttled(retry_after)) => Self::TooManyRequests { retry_after },
            AuthError::Password(PasswordError::Busy)
            | AuthError::Storage(StorageError::Pool(PoolError::Exhausted)) => Self::Busy,
            AuthError::Storage(error) if error.is_outage() => Self::DatabaseAway(error.into()),
            other => Self::Internal(other.into()),
        }
    }
}
