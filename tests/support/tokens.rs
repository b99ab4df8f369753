//! Tokens as other issuers sign them, valid and invalid.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// The secret of every host in these tests.
pub(crate) const SECRET: &str = "a secret for tests that is long enough";

/// A valid token with only the required claims.
pub(crate) fn for_subject(subject: &str) -> String {
    signed(&json!({ "sub": subject, "exp": in_seconds(3600) }))
}

/// A token with these claims, signed with the host's algorithm and secret.
pub(crate) fn signed(claims: &Value) -> String {
    signed_with(Algorithm::HS256, SECRET, claims)
}

/// A token with these claims, signed with another algorithm or secret.
pub(crate) fn signed_with(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// The Unix time `seconds` from now.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// The header and the claims of a token, without a check of its signature.
pub(crate) fn read(token: &str) -> (Value, Value) {
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap())
        .collect();
    let [header, claims] = <[Value; 2]>::try_from(parts).unwrap();
    (header, claims)
}

/// A token with any header, any claims and any signature.
pub(crate) fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| BASE64URL.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}
