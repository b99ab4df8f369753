//! Tokens that were verified: a client sends the same token with every request, and its signature is checked once.
//!
//! The cache holds only facts that cannot change: the token's claims and the validity of its signature. Expiry is
//! checked at each lookup, and revocation by the caller.

use jiff::Timestamp;
use quick_cache::sync::Cache;

use super::claims::Claims;

/// The approximate capacity, in tokens. The least recently used are evicted.
const MAX_TOKENS: usize = 1000;

/// The longest token that is cached, in bytes. All tokens with their claims take at most about 4 MiB.
const MAX_TOKEN_BYTES: usize = 2048;

/// The claims of tokens that were valid when they were verified.
pub(super) struct TokenCache(Cache<Box<[u8]>, Claims>);

impl TokenCache {
    /// Makes an empty cache.
    pub(super) fn none() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }

    /// The claims of `token`, if it is cached and has not expired.
    pub(super) fn get(&self, token: &[u8]) -> Option<Claims> {
        self.0
            .get(token)
            .filter(|claims| claims.key.expires_at > Timestamp::now())
    }

    /// Caches the claims of `token`, which must be valid.
    pub(super) fn insert(&self, token: &[u8], claims: &Claims) {
        if token.len() <= MAX_TOKEN_BYTES {
            self.0.insert(token.into(), claims.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use jiff::SignedDuration;

    use super::*;
    use crate::auth::claims::TokenKey;

    fn expiring(seconds_from_now: i64) -> Claims {
        let expires_at = Timestamp::now() + SignedDuration::from_secs(seconds_from_now);
        let key = TokenKey {
            id: "1".to_owned(),
            expires_at,
        };
        Claims {
            subject: "ann".to_owned(),
            email: None,
            name: None,
            key,
        }
    }

    #[test]
    fn a_token_is_remembered_until_it_expires() {
        let verified = TokenCache::none();
        verified.insert(b"good", &expiring(3600));
        verified.insert(b"over", &expiring(0));
        assert_eq!(verified.get(b"good").unwrap().subject, "ann");
        assert_eq!(verified.get(b"over"), None);
        assert_eq!(verified.get(b"other"), None);
    }

    #[test]
    fn neither_many_tokens_nor_long_ones_fill_the_memory() {
        let verified = TokenCache::none();
        verified.insert(&[b'a'; MAX_TOKEN_BYTES + 1], &expiring(3600));
        assert_eq!(verified.0.len(), 0);
        for number in 0..10 * MAX_TOKENS {
            verified.insert(number.to_string().as_bytes(), &expiring(3600));
        }
        // The cache's capacity is split over shards, whose number depends on the machine.
        assert!(verified.0.len() < 2 * MAX_TOKENS, "{}", verified.0.len());
    }
}
