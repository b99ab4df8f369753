//! Callers as extractors: a handler that takes one needs a login.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use super::{Auth, AuthError, Identity};
use crate::client::Client;
use crate::error::ApiError;

/// Whoever makes the request, by header or cookie, or as `ANONYMOUS_USER`.
pub struct Caller(pub Identity);

/// The same, by the query's `token` too: for links and event sources, which cannot send a header.
pub struct CallerByLink(pub Identity);

impl<S> FromRequestParts<S> for Caller
where
    Arc<Auth>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        identity(parts, state, None).await.map(Self)
    }
}

impl<S> FromRequestParts<S> for CallerByLink
where
    Arc<Auth>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let token = token_in(parts.uri.query().unwrap_or_default());
        identity(parts, state, token.as_deref()).await.map(Self)
    }
}

async fn identity<S>(parts: &mut Parts, state: &S, token: Option<&str>) -> Result<Identity, ApiError>
where
    Arc<Auth>: FromRef<S>,
    S: Sync,
{
    let Ok(client) = Client::from_request_parts(parts, state).await;
    let auth = Arc::<Auth>::from_ref(state);
    let identity = auth.authenticate(&parts.method, &parts.headers, &client, token).await?;
    Ok(identity.ok_or(AuthError::NoToken)?)
}

fn token_in(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, token)| name == "token" && !token.is_empty())
        .map(|(_, token)| token.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_carry_a_token() {
        assert_eq!(token_in("a=b&token=abc.d%2De").as_deref(), Some("abc.d-e"));
        for query in ["", "token", "token=", "tokens=abc", "Token=abc"] {
            assert_eq!(token_in(query), None, "{query}");
        }
    }
}
