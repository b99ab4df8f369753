//! Who a caller is: the host's own accounts, and everyone who holds a token signed with its secret.
//!
//! - [`tokens`]: what a token says, and whether to believe it; `verified`: those that were believed before
//! - [`bearer`]: where a request carries one
//! - [`revocation`]: which were logged out
//! - [`caller`]: all three as an extractor, so that a handler's signature says whether it needs a login
//! - [`sessions`]: register, log in, log out
//! - [`accounts`], [`email`], [`passwords`], [`throttle`]: what those stand on
//! - [`requests`], [`answers`]: their JSON

pub mod accounts;
pub mod answers;
pub mod bearer;
pub mod caller;
pub mod email;
mod error;
pub mod passwords;
pub mod requests;
pub mod revocation;
pub mod sessions;
#[cfg(test)]
pub(crate) mod test_database;
pub mod throttle;
pub mod tokens;
mod verified;

use std::time::Duration;

use berth_database::Pool;
use berth_runtime::Principal;
use http::HeaderMap;

use crate::config::Secret;
use accounts::Accounts;
pub use error::AuthError;
use passwords::Passwords;
use revocation::Revocations;
use throttle::Throttle;
use tokens::{InvalidToken, TokenKey, Tokens};

/// What an operator decides about authentication.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// `JWT_SECRET`, at least 32 bytes.
    pub secret: Secret,
    /// `JWT_EXPIRES_IN`: how long a token is good for.
    pub token_lifetime: Duration,
    /// `ANONYMOUS_USER`: whom requests without a token act as.
    pub anonymous_user: Option<String>,
    /// Whether the cookie is `Secure` when the request came by https; so in production.
    pub secure_cookies: bool,
}

/// Authentication, as all requests share it.
pub struct Auth {
    tokens: Tokens,
    revocations: Revocations,
    accounts: Accounts,
    passwords: Passwords,
    throttle: Throttle,
    anonymous_user: Option<String>,
    secure_cookies: bool,
}

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who it is, as components see it.
    pub principal: Principal,
    /// The token that says so; none for `ANONYMOUS_USER`.
    pub token: Option<TokenKey>,
}

impl Auth {
    /// Authentication on the host's own tables; asks the database nothing. Warns when requests without a token act as
    /// someone.
    #[must_use]
    pub fn new(settings: AuthSettings, pool: Pool) -> Self {
        if let Some(user) = &settings.anonymous_user {
            tracing::warn!(user, "ANONYMOUS_USER is set: whoever sends no token acts as this user");
        }
        Self {
            tokens: Tokens::new(settings.secret.expose().as_bytes(), settings.token_lifetime),
            revocations: Revocations::new(pool.clone()),
            accounts: Accounts::new(pool),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            anonymous_user: settings.anonymous_user,
            secure_cookies: settings.secure_cookies,
        }
    }

    /// Who sends a request with these headers, and, where a route takes one, this token in its query. None if the
    /// request carries no token and nobody is configured to act for it. A token that is there must be a good one.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        query_token: Option<&str>,
    ) -> Result<Option<Identity>, AuthError> {
        match bearer::token_of(headers).or(query_token.map(str::as_bytes)) {
            Some(token) => self.identity_of(token).await.map(Some),
            None => Ok(self.anonymous_user.as_deref().map(Identity::anonymous)),
        }
    }

    async fn identity_of(&self, token: &[u8]) -> Result<Identity, AuthError> {
        let claims = self.tokens.verify(token)?;
        if self.revocations.contains(&claims.key).await {
            return Err(InvalidToken.into());
        }
        let principal =
            Principal { subject: claims.subject, email: claims.email, name: claims.name, anonymous: false };
        Ok(Identity { principal, token: Some(claims.key) })
    }

    /// A token for a caller of the host's own, for requests that it makes to itself.
    pub fn token_for(&self, subject: &str) -> Result<String, AuthError> {
        Ok(self.tokens.issue(subject, None, None)?)
    }

    /// Whether a cookie for this request is to be `Secure`.
    #[must_use]
    pub fn secures_cookies_of(&self, headers: &HeaderMap) -> bool {
        self.secure_cookies && bearer::came_by_https(headers)
    }
}

impl Identity {
    fn anonymous(user: &str) -> Self {
        let principal = Principal { subject: user.to_owned(), email: None, name: None, anonymous: true };
        Self { principal, token: None }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use http::{HeaderValue, header};

    use super::*;

    fn auth(anonymous_user: Option<&str>) -> Auth {
        let settings = AuthSettings {
            secret: "a secret of thirty-two characters".to_owned().into(),
            token_lifetime: Duration::from_hours(1),
            anonymous_user: anonymous_user.map(str::to_owned),
            secure_cookies: true,
        };
        Auth::new(settings, test_database::nowhere())
    }

    fn carrying(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(token))])
    }

    #[tokio::test]
    async fn without_a_token_a_caller_is_nobody_or_the_anonymous_user() {
        assert_eq!(auth(None).authenticate(&HeaderMap::new(), None).await.unwrap(), None);
        let anonymous = auth(Some("demo")).authenticate(&HeaderMap::new(), None).await.unwrap().unwrap();
        assert_eq!((anonymous.principal.subject.as_str(), anonymous.principal.anonymous), ("demo", true));
        assert_eq!(anonymous.token, None);
    }

    #[tokio::test]
    async fn a_bad_token_is_refused_even_where_none_is_needed() {
        for token in ["Bearer", "Bearer abc", "Bearer a.b.c"] {
            let refused = auth(Some("demo")).authenticate(&carrying(token), None).await;
            assert!(matches!(refused, Err(AuthError::InvalidToken(InvalidToken))), "{token}");
        }
    }

    #[tokio::test]
    async fn a_query_token_counts_where_there_is_no_other() {
        let auth = auth(None);
        let token = auth.tokens.issue("7", Some("ann@example.com"), None).unwrap();
        let caller = auth.authenticate(&HeaderMap::new(), Some(&token)).await.unwrap().unwrap();
        assert_eq!(caller.principal.subject, "7");
        assert!(auth.authenticate(&carrying("Bearer abc"), Some(&token)).await.is_err());
    }
}
