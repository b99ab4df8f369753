//! Tokens that were logged out before they expired: the rows of `berth.revoked_tokens`, kept at hand.
//!
//! A token is checked at every request, so the check reads memory alone. What this process revokes it knows at once;
//! what others on the same database revoke it learns by reading the table again, at most every few seconds and only
//! when a token is to be checked: an idle host leaves its database alone, so that it may go to sleep.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use berth_database::Pool;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::tokens::TokenKey;
use crate::storage::{StorageError, with_connection};

/// How long what was read from the table counts as current: the longest that a logout on another host goes unheard.
const CURRENT: Duration = Duration::from_secs(5);

/// How long a request waits for the table before it goes by what was read last.
const PATIENCE: Duration = Duration::from_secs(1);

/// The revoked tokens that have not expired yet.
pub struct Revocations {
    pool: Pool,
    current: Duration,
    known: ArcSwap<Known>,
    /// Held while `known` is replaced, so that no change is lost and the table is read once, not once per request.
    writing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    ids: HashSet<String>,
    read_at: Option<Instant>,
}

impl Revocations {
    /// The revocations in the database of `pool`, which is the host's own. Nothing is read yet.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self::read_every(CURRENT, pool)
    }

    fn read_every(current: Duration, pool: Pool) -> Self {
        Self { pool, current, known: ArcSwap::default(), writing: Mutex::default() }
    }

    /// Whether this token was logged out, here or on another host up to five seconds ago.
    ///
    /// While the database is away, what was read last goes on to count: a request that needs no database is served.
    pub async fn contains(&self, key: &TokenKey) -> bool {
        if !self.is_current() {
            self.read_again().await;
        }
        self.known.load().ids.contains(&key.id)
    }

    /// Logs a token out. The rows of those that have expired meanwhile are removed.
    pub async fn insert(&self, key: &TokenKey) -> Result<(), StorageError> {
        let statement = "WITH expired AS (DELETE FROM berth.revoked_tokens WHERE expires_at < now()) \
             INSERT INTO berth.revoked_tokens (jti, expires_at) VALUES ($1, to_timestamp($2::bigint)) \
             ON CONFLICT DO NOTHING";
        with_connection(&self.pool, async |connection| {
            let query = sqlx::query(statement).bind(&key.id).bind(key.expires_at.as_second());
            query.execute(connection).await
        })
        .await?;
        let _writing = self.writing.lock().await;
        let mut known = Known::clone(&self.known.load());
        known.ids.insert(key.id.clone());
        self.known.store(Arc::new(known));
        Ok(())
    }

    fn is_current(&self) -> bool {
        self.known.load().read_at.is_some_and(|read_at| read_at.elapsed() < self.current)
    }

    async fn read_again(&self) {
        let _writing = self.writing.lock().await;
        if self.is_current() {
            return; // Another request read it while this one waited.
        }
        let ids = match timeout(PATIENCE, self.read()).await {
            Ok(Ok(ids)) => ids,
            Ok(Err(error)) => self.keep_what_is_known(&error.to_string()),
            Err(elapsed) => self.keep_what_is_known(&elapsed.to_string()),
        };
        self.known.store(Arc::new(Known { ids, read_at: Some(Instant::now()) }));
    }

    async fn read(&self) -> Result<HashSet<String>, StorageError> {
        with_connection(&self.pool, async |connection| {
            sqlx::query_scalar("SELECT jti FROM berth.revoked_tokens WHERE expires_at >= now()")
                .fetch_all(connection)
                .await
        })
        .await
        .map(HashSet::from_iter)
    }

    fn keep_what_is_known(&self, error: &str) -> HashSet<String> {
        tracing::warn!(error, "revoked tokens cannot be read; logouts on other hosts go unheard for now");
        self.known.load().ids.clone()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::auth::test_database::{TestDatabase, nowhere};

    const NEVER: Duration = Duration::MAX;

    fn key(id: &str, expires_in: SignedDuration) -> TokenKey {
        TokenKey { id: id.to_owned(), expires_at: Timestamp::now() + expires_in }
    }

    fn token() -> TokenKey {
        key("a token", SignedDuration::from_hours(1))
    }

    #[tokio::test]
    async fn a_token_is_revoked_here_at_once_and_elsewhere_when_the_table_is_read_again() {
        let database = TestDatabase::start().await;
        let here = Revocations::read_every(NEVER, database.pool());
        let elsewhere = Revocations::read_every(Duration::ZERO, database.pool());
        assert!(!here.contains(&token()).await);
        assert!(!elsewhere.contains(&token()).await);
        here.insert(&token()).await.unwrap();
        assert!(here.contains(&token()).await);
        assert!(elsewhere.contains(&token()).await);
        assert!(!elsewhere.contains(&key("another", SignedDuration::from_hours(1))).await);
    }

    #[tokio::test]
    async fn a_token_may_be_revoked_twice() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::new(database.pool());
        revocations.insert(&token()).await.unwrap();
        revocations.insert(&token()).await.unwrap();
        let forever = TokenKey { expires_at: Timestamp::MAX, ..key("another", SignedDuration::ZERO) };
        revocations.insert(&forever).await.unwrap();
        assert!(revocations.contains(&forever).await);
    }

    #[tokio::test]
    async fn expired_tokens_are_forgotten() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::read_every(Duration::ZERO, database.pool());
        let expired = key("expired", SignedDuration::from_hours(-1));
        revocations.insert(&expired).await.unwrap();
        assert!(!revocations.contains(&expired).await);
        revocations.insert(&token()).await.unwrap();
        let rows: Vec<String> = with_connection(&database.pool(), async |connection| {
            sqlx::query_scalar("SELECT jti FROM berth.revoked_tokens").fetch_all(connection).await
        })
        .await
        .unwrap();
        assert_eq!(rows, ["a token"]);
    }

    #[tokio::test]
    async fn without_a_database_what_was_read_last_counts_and_nothing_can_be_revoked() {
        let revocations = Revocations::read_every(Duration::ZERO, nowhere());
        let known = Known { ids: HashSet::from([token().id]), read_at: None };
        revocations.known.store(Arc::new(known));
        assert!(revocations.contains(&token()).await);
        let another = key("another", SignedDuration::from_hours(1));
        assert!(revocations.insert(&another).await.unwrap_err().is_outage());
        assert!(!revocations.contains(&another).await);
    }
}
