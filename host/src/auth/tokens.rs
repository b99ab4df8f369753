//! Bearer tokens: JWTs (RFC 7519) signed with HS256 by the host or by any other holder of the secret.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, get_current_timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::claims::{Claims, TokenKey};
use super::token_cache::TokenCache;

/// The most characters of a `sub`, and the most that are kept of a `jti`.
const MAX_NAME_CHARACTERS: usize = 100;

/// Issues tokens and verifies them.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    verified: TokenCache,
    lifetime: Duration,
}

/// The token is malformed, forged, expired, not valid yet, or lacks what is required of it.
#[derive(Debug, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

impl Tokens {
    /// Makes tokens signed with `secret`, each valid for `lifetime`.
    #[must_use]
    pub fn new(secret: &[u8], lifetime: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_nbf = true;
        // Other issuers with the secret may write any audience.
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["sub", "exp"]);
        // There is no leeway, and a token has expired at `exp` itself ("on or after", RFC 7519, 4.1.4).
        validation.leeway = 0;
        validation.reject_tokens_expiring_in_less_than = 1;
        Self {
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
            validation,
            verified: TokenCache::none(),
            lifetime,
        }
    }

    /// How long an issued token is valid.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Issues a token for an account, or for a caller without an account.
    pub fn issue(
        &self,
        subject: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = get_current_timestamp();
        let claims = json!({
            "sub": subject,
            "email": email,
            "name": name,
            "iat": now,
            "exp": now.saturating_add(self.lifetime.as_secs()),
            "jti": Uuid::new_v4().to_string(),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
    }

    /// Verifies a token that a client sent. Unknown claims are ignored, and so are `aud` and `iss`.
    pub fn verify(&self, token: &[u8]) -> Result<Claims, InvalidToken> {
        if let Some(claims) = self.verified.get(token) {
            return Ok(claims);
        }
        let claims = self.read(token)?;
        self.verified.insert(token, &claims);
        Ok(claims)
    }

    /// Whether a token is signed with the secret, even if it has expired or lacks required claims.
    #[must_use]
    pub fn is_signed(&self, token: &[u8]) -> bool {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims::<&str>(&[]);
        jsonwebtoken::decode::<Value>(token, &self.verifying, &validation).is_ok()
    }

    fn read(&self, token: &[u8]) -> Result<Claims, InvalidToken> {
        let decoded = jsonwebtoken::decode::<ForeignClaims>(token, &self.verifying, &self.validation)
            .map_err(|_| InvalidToken)?;
        let ForeignClaims {
            sub,
            exp,
            email,
            name,
            jti,
        } = decoded.claims;
        if !is_storable_name(&sub) {
            return Err(InvalidToken);
        }
        let id = string(jti)
            .filter(|jti| is_storable_name(jti))
            .unwrap_or_else(|| digest(token));
        let key = TokenKey {
            id,
            expires_at: timestamp(exp),
        };
        Ok(Claims {
            subject: sub,
            email: string(email),
            name: string(name),
            key,
        })
    }
}

/// The claims that the host reads. Claims that another issuer may fill freely have any type, so that a number in place
/// of a string does not make the token invalid.
#[derive(Deserialize)]
struct ForeignClaims {
    sub: String,
    exp: f64,
    email: Option<Value>,
    name: Option<Value>,
    jti: Option<Value>,
}

/// A `NumericDate` (RFC 7519, 2) without its fraction, or the last instant of the calendar.
fn timestamp(seconds: f64) -> Timestamp {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|since_1970| i64::try_from(since_1970.as_secs()).ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

fn string(claim: Option<Value>) -> Option<String> {
    match claim {
        Some(Value::String(string)) => Some(string),
        _ => None,
    }
}

/// Whether PostgreSQL can store the name: its texts have no NUL, so a name with NUL could neither own a row nor be
/// found.
fn is_storable_name(name: &str) -> bool {
    (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) && !name.contains('\0')
}

fn digest(token: &[u8]) -> String {
    use std::fmt::Write as _;

    Sha256::digest(token)
        .iter()
        .fold(String::from("sha256:"), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    const SECRET: &[u8] = b"a secret of thirty-two characters";
    const HOUR: u64 = 3600;

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_secs(HOUR))
    }

    fn signed(algorithm: Algorithm, secret: &[u8], claims: &Value) -> Vec<u8> {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key)
            .unwrap()
            .into_bytes()
    }

    /// A token of another issuer with the host's secret and these claims, otherwise valid.
    #[expect(clippy::needless_pass_by_value, reason = "the calls read better")]
    fn foreign(claims: Value) -> Vec<u8> {
        let mut all = json!({ "sub": "someone", "exp": get_current_timestamp() + HOUR });
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        signed(Algorithm::HS256, SECRET, &all)
    }

    fn is_valid(token: &[u8]) -> bool {
        tokens().verify(token).is_ok()
    }

    #[test]
    fn an_issued_token_says_who_it_is_for() {
        let token = tokens().issue("7", Some("a@b.example"), Some("Ann")).unwrap();
        let claims = tokens().verify(token.as_bytes()).unwrap();
        assert_eq!(claims.subject, "7");
        assert_eq!(claims.email.as_deref(), Some("a@b.example"));
        assert_eq!(claims.name.as_deref(), Some("Ann"));
        assert!(claims.key.expires_at > Timestamp::now());
        assert!(Uuid::parse_str(&claims.key.id).is_ok());
    }

    #[test]
    fn two_tokens_for_one_account_are_revoked_apart() {
        let key = || {
            tokens()
                .verify(tokens().issue("7", Some("a@b.example"), None).unwrap().as_bytes())
                .unwrap()
                .key
        };
        assert_ne!(key(), key());
    }

    #[test]
    fn a_foreign_token_needs_a_subject_and_an_expiry_alone() {
        let token = foreign(json!({ "aud": "elsewhere", "iss": ["x"], "role": { "admin": true } }));
        let claims = tokens().verify(&token).unwrap();
        assert_eq!(claims.subject, "someone");
        assert_eq!((claims.email, claims.name), (None, None));
        assert!(claims.key.id.starts_with("sha256:"));
        assert!(!is_valid(&signed(
            Algorithm::HS256,
            SECRET,
            &json!({ "sub": "someone" })
        )));
        let expiry = get_current_timestamp() + HOUR;
        assert!(!is_valid(&signed(
            Algorithm::HS256,
            SECRET,
            &json!({ "exp": expiry })
        )));
    }

    #[test]
    fn claims_of_another_type_than_ours_are_left_out() {
        let claims = tokens()
            .verify(&foreign(json!({ "email": 1, "name": {}, "jti": null })))
            .unwrap();
        assert_eq!((claims.email, claims.name), (None, None));
        assert!(claims.key.id.starts_with("sha256:"));
    }

    #[test]
    fn a_subject_is_a_string_of_1_to_100_characters() {
        assert!(is_valid(&foreign(json!({ "sub": "ä".repeat(100) }))));
        for sub in [
            json!(""),
            json!("a".repeat(101)),
            json!("a\0"),
            json!(7),
            json!(null),
            json!(["a"]),
        ] {
            assert!(!is_valid(&foreign(json!({ "sub": sub }))), "{sub}");
        }
    }

    #[test]
    fn a_token_is_good_from_nbf_until_exp() {
        let now = get_current_timestamp();
        assert!(!is_valid(&foreign(json!({ "exp": now }))));
        assert!(!is_valid(&foreign(json!({ "exp": now - 1 }))));
        assert!(!is_valid(&foreign(json!({ "exp": 0 }))));
        assert!(!is_valid(&foreign(json!({ "exp": "tomorrow" }))));
        assert!(is_valid(&foreign(json!({ "nbf": now }))));
        assert!(!is_valid(&foreign(json!({ "nbf": now + HOUR }))));
    }

    #[test]
    fn an_expiry_may_be_a_fraction_or_beyond_every_calendar() {
        let expiry = |exp: Value| {
            tokens()
                .verify(&foreign(json!({ "exp": exp })))
                .unwrap()
                .key
                .expires_at
        };
        assert_eq!(expiry(json!(4_000_000_000.5)).as_second(), 4_000_000_000);
        assert_eq!(expiry(json!(1_000_000_000_000_000_u64)), Timestamp::MAX);
    }

    #[test]
    fn only_our_secret_and_algorithm_count() {
        let claims = json!({ "sub": "someone", "exp": get_current_timestamp() + HOUR });
        assert!(is_valid(&signed(Algorithm::HS256, SECRET, &claims)));
        assert!(!is_valid(&signed(Algorithm::HS512, SECRET, &claims)));
        assert!(!is_valid(&signed(
            Algorithm::HS256,
            b"another secret of 32 characters..",
            &claims
        )));
        // {"alg":"none","typ":"JWT"} and {"sub":"1","exp":9999999999}, without a signature.
        assert!(!is_valid(
            b"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIiwiZXhwIjo5OTk5OTk5OTk5fQ."
        ));
        for malformed in ["", "a", "a.b.c", "..", "\u{fffd}"] {
            assert!(!is_valid(malformed.as_bytes()), "{malformed}");
        }
    }
}
