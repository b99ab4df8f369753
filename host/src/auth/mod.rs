//! Identifies callers: the host's own accounts, and every holder of a token signed with its secret.
//!
//! - [`tokens`]: issues and verifies tokens; [`claims`]: the claims of a verified token; `token_cache`: tokens that were verified before
//! - [`bearer`]: where a request carries its token
//! - [`revocation`]: tokens that were logged out, and tokens of accounts that were closed
//! - [`caller`]: all three as an extractor, so that a handler's signature says whether it needs a login
//! - [`sessions`]: register, log in, log out
//! - [`accounts`], [`email`], [`passwords`], [`throttle`]: the parts of registration and login
//! - [`requests`], [`responses`]: their JSON

pub mod accounts;
pub mod bearer;
pub mod caller;
pub mod claims;
pub mod email;
mod error;
pub mod passwords;
pub mod requests;
pub mod responses;
pub mod revocation;
pub mod sessions;
#[cfg(test)]
pub(crate) mod test_database;
pub mod throttle;
mod token_cache;
pub mod tokens;

use std::time::Duration;

use berth_database::Pool;
use berth_runtime::Principal;
use http::{HeaderMap, Method, header};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::config::{CorsOrigins, Secret};
use crate::cross_site;
use crate::logging::Sparse;
use accounts::Accounts;
use bearer::Carrier;
use berth_metrics::{Counters, labels};
use claims::TokenKey;
pub use error::AuthError;
use passwords::Passwords;
use revocation::Revocations;
use throttle::Throttle;
use tokens::Tokens;

/// How many logins may look up an account at once: few, so that a flood of logins leaves connections for the host's
/// other work.
const MAX_LOOKUPS: usize = 2;

/// The operator's settings of authentication.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// `JWT_SECRET`, at least 32 bytes.
    pub secret: Secret,
    /// `JWT_EXPIRES_IN`: how long a token is valid.
    pub token_lifetime: Duration,
    /// `ANONYMOUS_USER`: the user of requests without a token.
    pub anonymous_user: Option<String>,
    /// Whether the cookie is `Secure` if the request came by https; true in production.
    pub secure_cookies: bool,
    /// `CORS_ORIGINS`: the sites whose pages may change something with the cookie.
    pub cors_origins: CorsOrigins,
}

/// Authentication, shared by all requests.
pub struct Auth {
    tokens: Tokens,
    revocations: Revocations,
    accounts: Accounts,
    passwords: Passwords,
    throttle: Throttle,
    lookups: Semaphore,
    cors_origins: CorsOrigins,
    anonymous_user: Option<String>,
    secure_cookies: bool,
    logins: Counters<LoginOutcome>,
    /// The lines about refused logins.
    refusals: Sparse,
}

labels! {
    /// The outcome of a login.
    LoginOutcome {
        /// The client has a token.
        Ok = "ok",
        /// The address or the password is wrong.
        Failed = "failed",
        /// Too many logins had failed before.
        Throttled = "throttled",
        /// An operator has disabled the account.
        Disabled = "disabled",
        /// The host was busy, or its database was not available.
        Unavailable = "unavailable",
    }
}

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The caller, as components see it.
    pub principal: Principal,
    /// The verified token; none for `ANONYMOUS_USER`.
    pub token: Option<TokenKey>,
    /// How the request carried the token.
    pub carrier: Carrier,
}

impl Auth {
    /// Makes authentication on the host's own tables, without a query. Warns if requests without a token act as a user.
    #[must_use]
    pub fn new(settings: AuthSettings, pool: Pool) -> Self {
        if let Some(user) = &settings.anonymous_user {
            tracing::warn!(
                user,
                "ANONYMOUS_USER is set: requests without a token act as this user"
            );
        }
        Self {
            tokens: Tokens::new(settings.secret.expose().as_bytes(), settings.token_lifetime),
            revocations: Revocations::new(pool.clone()),
            accounts: Accounts::new(pool),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            lookups: Semaphore::new(MAX_LOOKUPS),
            cors_origins: settings.cors_origins,
            anonymous_user: settings.anonymous_user,
            secure_cookies: settings.secure_cookies,
            logins: Counters::default(),
            refusals: Sparse::default(),
        }
    }

    /// Identifies the caller of a request. `token` is a token from the query, where a route takes it. None if the
    /// request has no token and `ANONYMOUS_USER` is not set. A token must be valid, and a cookie does not suffice for a
    /// page of another site to change something.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        client: &Client,
        query_token: Option<&str>,
    ) -> Result<Option<Identity>, AuthError> {
        let in_query = || query_token.map(|token| (token.as_bytes(), Carrier::Explicit));
        let Some((token, carrier)) = bearer::token_of(headers).or_else(in_query) else {
            return Ok(self.anonymous_user.as_deref().map(Identity::anonymous));
        };
        let identity = self.identity_of(token, carrier).await?;
        if !method.is_safe() {
            self.refuse_cross_site(carrier, headers, client)?;
        }
        Ok(Some(identity))
    }

    /// Refuses a change that a page of another site requests with the cookie.
    fn refuse_cross_site(
        &self,
        carrier: Carrier,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<(), AuthError> {
        if carrier == Carrier::Cookie && cross_site::is_cross_site(headers, client, &self.cors_origins) {
            let origin = headers.get(header::ORIGIN);
            tracing::info!(
                ?origin,
                "a cross-site request is refused: send the token in Authorization, or, for a page of the same site, name its \
                 origin in CORS_ORIGINS"
            );
            return Err(AuthError::CrossSite);
        }
        Ok(())
    }

    async fn identity_of(&self, token: &[u8], carrier: Carrier) -> Result<Identity, AuthError> {
        let claims = self
            .tokens
            .verify(token)
            .map_err(|_| AuthError::invalid(carrier))?;
        if self.revocations.contains(&claims.key, &claims.subject).await {
            return Err(AuthError::invalid(carrier));
        }
        let principal = Principal {
            subject: claims.subject,
            email: claims.email,
            name: claims.name,
            anonymous: false,
        };
        Ok(Identity {
            principal,
            token: Some(claims.key),
            carrier,
        })
    }

    /// Whether `Authorization` has a token that is signed with the host's secret, in any scheme, valid or not.
    #[must_use]
    pub fn has_own_token(&self, headers: &HeaderMap) -> bool {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'"' | b'=' | b':');
        let values = headers.get_all(header::AUTHORIZATION).iter();
        values
            .flat_map(|value| value.as_bytes().split(is_between))
            .any(|word| self.tokens.is_signed(word))
    }

    /// A token for the host's own requests to itself, with `subject` as its `sub`.
    pub fn token_for(&self, subject: &str) -> Result<String, AuthError> {
        Ok(self.tokens.issue(subject, None, None)?)
    }

    /// Whether a cookie for this client must be `Secure`.
    #[must_use]
    pub fn secures_cookies_of(&self, client: &Client) -> bool {
        self.secure_cookies && client.https
    }
}

impl Identity {
    fn anonymous(user: &str) -> Self {
        let principal = Principal {
            subject: user.to_owned(),
            email: None,
            name: None,
            anonymous: true,
        };
        Self {
            principal,
            token: None,
            carrier: Carrier::Explicit,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use http::HeaderValue;

    use super::tokens::InvalidToken;
    use super::*;

    fn auth(anonymous_user: Option<&str>) -> Auth {
        let settings = AuthSettings {
            secret: "a secret of thirty-two characters".to_owned().into(),
            token_lifetime: Duration::from_hours(1),
            anonymous_user: anonymous_user.map(str::to_owned),
            secure_cookies: true,
            cors_origins: CorsOrigins::Any,
        };
        Auth::new(settings, test_database::nowhere())
    }

    async fn authenticate(
        auth: &Auth,
        headers: &HeaderMap,
        query_token: Option<&str>,
    ) -> Result<Option<Identity>, AuthError> {
        auth.authenticate(&Method::GET, headers, &Client::default(), query_token)
            .await
    }

    fn carrying(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(token))])
    }

    #[tokio::test]
    async fn without_a_token_a_caller_is_nobody_or_the_anonymous_user() {
        assert_eq!(
            authenticate(&auth(None), &HeaderMap::new(), None).await.unwrap(),
            None
        );
        let anonymous = authenticate(&auth(Some("demo")), &HeaderMap::new(), None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                anonymous.principal.subject.as_str(),
                anonymous.principal.anonymous
            ),
            ("demo", true)
        );
        assert_eq!(anonymous.token, None);
    }

    #[tokio::test]
    async fn a_bad_token_is_refused_even_where_none_is_needed() {
        for token in ["Bearer", "Bearer abc", "Bearer a.b.c"] {
            let refused = authenticate(&auth(Some("demo")), &carrying(token), None).await;
            assert!(
                matches!(refused, Err(AuthError::InvalidToken(InvalidToken))),
                "{token}"
            );
        }
    }

    #[tokio::test]
    async fn a_query_token_counts_where_there_is_no_other() {
        let auth = auth(None);
        let token = auth.tokens.issue("7", Some("ann@example.com"), None).unwrap();
        let caller = authenticate(&auth, &HeaderMap::new(), Some(&token))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(caller.principal.subject, "7");
        assert!(
            authenticate(&auth, &carrying("Bearer abc"), Some(&token))
                .await
                .is_err()
        );
    }
}
