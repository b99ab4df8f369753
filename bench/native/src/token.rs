//! The caller: the subject of a bearer token, verified as Berth verifies it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::App;

/// The caller of a request; without a good token it is 401.
pub(crate) struct Caller {
    pub(crate) subject: String,
}

/// Verifies tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Verifier(Arc<(DecodingKey, Validation)>);

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Verifier {
    /// For tokens signed with `secret`, by the rules of Berth's.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["sub", "exp"]);
        validation.leeway = 0;
        validation.reject_tokens_expiring_in_less_than = 1;
        Self(Arc::new((DecodingKey::from_secret(secret), validation)))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let token = header
            .as_bytes()
            .strip_prefix(b"Bearer ")
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let (key, validation) = &*app.verifier.0;
        let decoded = jsonwebtoken::decode::<Claims>(token, key, validation);
        decoded
            .map(|decoded| Self {
                subject: decoded.claims.sub,
            })
            .map_err(|_| StatusCode::UNAUTHORIZED)
    }
}
