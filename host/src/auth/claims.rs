//! The claims of a token that the host has verified.

use jiff::Timestamp;

/// The claims of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`, 1 to 100 characters.
    pub subject: String,
    /// `email`, if it is a string.
    pub email: Option<String>,
    /// `name`, if it is a string.
    pub name: Option<String>,
    /// The key for revocation.
    pub key: TokenKey,
}

/// The key by which a token is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// Its `jti`, or a digest of the whole token if it has none.
    pub id: String,
    /// Its `exp`, after which the revocation may be deleted.
    pub expires_at: Timestamp,
}
