//! Callers as extractors: the signature of a handler says whether it needs a login.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use super::{Auth, AuthError, Identity};
use crate::client::Client;
use crate::error::ApiError;
use crate::request_record::RequestRecord;

/// The caller, by header, cookie or the query's `token`, or as `ANONYMOUS_USER`. Links and event sources, which cannot send a
/// header, use the query.
pub struct CallerByLink(pub Identity);

/// The caller, by header or cookie, if there is a valid token.
pub struct KnownCaller(pub Option<Identity>);

impl<S> FromRequestParts<S> for CallerByLink
where
    Arc<Auth>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let token = token_in(parts.uri.query().unwrap_or_default());
        let identity = identity(parts, state, token.as_deref()).await?;
        Ok(Self(identity.ok_or(AuthError::NoToken)?))
    }
}

impl<S> FromRequestParts<S> for KnownCaller
where
    Arc<Auth>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match identity(parts, state, None).await {
            Ok(identity) => Ok(Self(identity.filter(|identity| identity.token.is_some()))),
            Err(error) if error.is_bad_token() => Ok(Self(None)),
            Err(error) => Err(error.into()),
        }
    }
}

async fn identity<S>(parts: &mut Parts, state: &S, token: Option<&str>) -> Result<Option<Identity>, AuthError>
where
    Arc<Auth>: FromRef<S>,
    S: Sync,
{
    let Ok(client) = Client::from_request_parts(parts, state).await;
    let auth = Arc::<Auth>::from_ref(state);
    let identity = auth
        .authenticate(&parts.method, &parts.headers, &client, token)
        .await?;
    if let Some(identity) = &identity {
        RequestRecord::of(&parts.extensions).set_user(&identity.principal);
    }
    Ok(identity)
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
