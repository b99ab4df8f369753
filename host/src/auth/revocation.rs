//! Tokens that are revoked although they have not expired: those that were logged out, and those of accounts that were
//! disabled or deleted. Caches the rows of `berth.revoked_tokens` and `berth.closed_accounts` in memory.
//!
//! Every request checks its token, so the check reads only memory. Revocations by this process take effect at once.
//! Changes by other processes on the database take effect when the tables are read again: at most every few seconds,
//! and only when a token is checked, so that an idle host lets its database sleep.
//!
//! Account numbers are never reused, so an account is closed by number, and for tokens of every issuer. A `sub` that was
//! never an account's number belongs to another issuer and is not affected.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use berth_database::{Pool, StorageError, with_connection};
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::accounts::id_of;
use super::claims::TokenKey;

/// How long the cached rows count as current, from the start of the read. Together with [`READ_TIMEOUT`], a change
/// takes effect within five seconds while the database answers.
const CURRENT: Duration = Duration::from_secs(4);

/// How long a request waits for the tables before it uses the rows that were read last.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// The revoked tokens that have not expired yet, and the closed accounts.
pub struct Revocations {
    pool: Pool,
    current: Duration,
    known: ArcSwap<Known>,
    /// Held while `known` is replaced, so that no change is lost and only one request reads the tables.
    writing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    tokens: HashSet<String>,
    closed: ClosedAccounts,
    read_at: Option<Instant>,
}

#[derive(Clone, Default)]
struct ClosedAccounts {
    ids: Arc<HashSet<i64>>,
    /// PostgreSQL's number of the first transaction whose changes may be missing here.
    complete_before: i64,
}

impl Revocations {
    /// Makes the revocations in the database of `pool`, which is the host's own. Reads nothing yet.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self::read_every(CURRENT, pool)
    }

    fn read_every(current: Duration, pool: Pool) -> Self {
        Self {
            pool,
            current,
            known: ArcSwap::default(),
            writing: Mutex::default(),
        }
    }

    /// Whether this token was logged out, or its account closed: on this host, or elsewhere at least five seconds ago.
    ///
    /// While the database is not available, the cached rows count, so that requests without a need for the database are
    /// served.
    pub async fn contains(&self, key: &TokenKey, subject: &str) -> bool {
        if !self.is_younger_than(self.current) {
            self.read_again().await;
        }
        let known = self.known.load();
        known.tokens.contains(&key.id) || id_of(subject).is_some_and(|id| known.closed.ids.contains(&id))
    }

    /// Logs a token out. Deletes the rows of expired tokens.
    pub async fn insert(&self, key: &TokenKey) -> Result<(), StorageError> {
        let statement = "WITH expired AS (DELETE FROM berth.revoked_tokens WHERE expires_at < now()) \
             INSERT INTO berth.revoked_tokens (jti, expires_at) VALUES ($1, to_timestamp($2::bigint)) \
             ON CONFLICT DO NOTHING";
        with_connection(&self.pool, async |connection| {
            let query = sqlx::query(statement)
                .bind(&key.id)
                .bind(key.expires_at.as_second());
            query.execute(connection).await
        })
        .await?;
        let _writing = self.writing.lock().await;
        let mut known = Known::clone(&self.known.load());
        known.tokens.insert(key.id.clone());
        self.known.store(Arc::new(known));
        Ok(())
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        self.known
            .load()
            .read_at
            .is_some_and(|read_at| read_at.elapsed() < age)
    }

    async fn read_again(&self) {
        let _writing = match self.writing.try_lock() {
            Ok(writing) => writing,
            // Another request reads the tables. Only the first request waits for a slow database.
            Err(_) if self.is_younger_than(self.current.saturating_add(READ_TIMEOUT)) => return,
            Err(_) => self.writing.lock().await,
        };
        if self.is_younger_than(self.current) {
            return;
        }
        let began = Instant::now();
        let read = match timeout(READ_TIMEOUT, self.read()).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => self.keep_what_is_known(&error.to_string()),
            Err(elapsed) => self.keep_what_is_known(&elapsed.to_string()),
        };
        self.known.store(Arc::new(Known {
            read_at: Some(began),
            ..read
        }));
    }

    async fn read(&self) -> Result<Known, StorageError> {
        let statement = "SELECT jti FROM berth.revoked_tokens WHERE expires_at >= now()";
        let mut closed = self.known.load().closed.clone();
        let tokens: Vec<String> = with_connection(&self.pool, async |connection| {
            closed.follow(connection).await?;
            sqlx::query_scalar(statement).fetch_all(connection).await
        })
        .await?;
        Ok(Known {
            tokens: tokens.into_iter().collect(),
            closed,
            read_at: None,
        })
    }

    fn keep_what_is_known(&self, error: &str) -> Known {
        tracing::warn!(
            error,
            "revoked tokens and closed accounts cannot be read: changes on other hosts are unknown until the database answers"
        );
        Known::clone(&self.known.load())
    }
}

impl ClosedAccounts {
    /// Reads the changes since the last read. A table with many rows is read whole only once.
    async fn follow(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let mut changes = Changes::since(self.complete_before, connection).await?;
        if changes.complete_before < self.complete_before {
            // The transaction numbers have started anew, because another server was restored from a backup.
            self.ids = Arc::default();
            changes = Changes::since(0, connection).await?;
        }
        if !(changes.closed.is_empty() && changes.opened.is_empty()) {
            let ids = Arc::make_mut(&mut self.ids);
            ids.extend(changes.closed);
            for id in changes.opened {
                ids.remove(&id);
            }
        }
        self.complete_before = changes.complete_before;
        Ok(())
    }
}

/// The accounts that transactions have closed and opened.
struct Changes {
    closed: Vec<i64>,
    opened: Vec<i64>,
    complete_before: i64,
}

impl Changes {
    async fn since(transaction: i64, connection: &mut PgConnection) -> sqlx::Result<Self> {
        let statement = "SELECT coalesce(array_agg(id) FILTER (WHERE is_closed), '{}'), \
             coalesce(array_agg(id) FILTER (WHERE NOT is_closed), '{}'), \
             txid_snapshot_xmin(txid_current_snapshot()) \
             FROM berth.closed_accounts WHERE changed_in >= $1";
        let (closed, opened, complete_before) = sqlx::query_as(statement)
            .bind(transaction)
            .fetch_one(connection)
            .await?;
        Ok(Self {
            closed,
            opened,
            complete_before,
        })
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
        TokenKey {
            id: id.to_owned(),
            expires_at: Timestamp::now() + expires_in,
        }
    }

    fn token() -> TokenKey {
        key("a token", SignedDuration::from_hours(1))
    }

    #[tokio::test]
    async fn a_token_is_revoked_here_at_once_and_elsewhere_when_the_table_is_read_again() {
        let database = TestDatabase::start().await;
        let here = Revocations::read_every(NEVER, database.pool());
        let elsewhere = Revocations::read_every(Duration::ZERO, database.pool());
        assert!(!here.contains(&token(), "ann").await);
        assert!(!elsewhere.contains(&token(), "ann").await);
        here.insert(&token()).await.unwrap();
        assert!(here.contains(&token(), "ann").await);
        assert!(elsewhere.contains(&token(), "ann").await);
        assert!(
            !elsewhere
                .contains(&key("another", SignedDuration::from_hours(1)), "ann")
                .await
        );
    }

    #[tokio::test]
    async fn a_token_may_be_revoked_twice() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::new(database.pool());
        revocations.insert(&token()).await.unwrap();
        revocations.insert(&token()).await.unwrap();
        let forever = TokenKey {
            expires_at: Timestamp::MAX,
            ..key("another", SignedDuration::ZERO)
        };
        revocations.insert(&forever).await.unwrap();
        assert!(revocations.contains(&forever, "ann").await);
    }

    #[tokio::test]
    async fn an_account_is_closed_while_it_is_disabled_or_gone() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::read_every(Duration::ZERO, database.pool());
        let is_closed = async |subject: &str| revocations.contains(&token(), subject).await;
        for (statement, closed) in [
            (
                "INSERT INTO berth.accounts (email, password_hash) VALUES ('1', ''), ('2', ''), ('3', '')",
                [false; 3],
            ),
            (
                "UPDATE berth.accounts SET is_active = false WHERE id = 1",
                [true, false, false],
            ),
            ("DELETE FROM berth.accounts WHERE id = 2", [true, true, false]),
            ("UPDATE berth.accounts SET is_active = true", [false, true, false]),
            ("DELETE FROM berth.accounts WHERE id = 3", [false, true, true]),
            (
                "INSERT INTO berth.accounts OVERRIDING SYSTEM VALUE VALUES (3, '3', '')",
                [false, true, false],
            ),
            ("TRUNCATE berth.accounts", [true; 3]),
        ] {
            with_connection(&database.pool(), async |connection| {
                sqlx::query(statement).execute(connection).await
            })
            .await
            .unwrap();
            let found = [is_closed("1").await, is_closed("2").await, is_closed("3").await];
            assert_eq!(found, closed, "{statement}");
            for foreign in ["4", "01", "+1", "-1", "one"] {
                assert!(!is_closed(foreign).await, "{foreign}");
            }
        }
    }

    #[tokio::test]
    async fn a_change_is_heard_however_late_its_transaction_ends() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::read_every(Duration::ZERO, database.pool());
        let mut slow = database.pool().acquire().await.unwrap();
        for statement in [
            "INSERT INTO berth.accounts (email, password_hash) VALUES ('1', ''), ('2', '')",
            "BEGIN",
            "DELETE FROM berth.accounts WHERE id = 1",
        ] {
            sqlx::raw_sql(statement).execute(&mut *slow).await.unwrap();
        }
        with_connection(&database.pool(), async |connection| {
            sqlx::query("DELETE FROM berth.accounts WHERE id = 2")
                .execute(connection)
                .await
        })
        .await
        .unwrap();
        assert!(revocations.contains(&token(), "2").await);
        assert!(!revocations.contains(&token(), "1").await);
        sqlx::raw_sql("COMMIT").execute(&mut *slow).await.unwrap();
        assert!(revocations.contains(&token(), "1").await);
    }

    #[tokio::test]
    async fn on_a_server_that_counts_transactions_anew_everything_is_read_again() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::read_every(Duration::ZERO, database.pool());
        let ids = Arc::new(HashSet::from([7]));
        let closed = ClosedAccounts {
            ids,
            complete_before: i64::MAX,
        };
        revocations.known.store(Arc::new(Known {
            closed,
            ..Known::default()
        }));
        assert!(!revocations.contains(&token(), "7").await);
    }

    #[tokio::test]
    async fn expired_tokens_are_forgotten() {
        let database = TestDatabase::start().await;
        let revocations = Revocations::read_every(Duration::ZERO, database.pool());
        let expired = key("expired", SignedDuration::from_hours(-1));
        revocations.insert(&expired).await.unwrap();
        assert!(!revocations.contains(&expired, "ann").await);
        revocations.insert(&token()).await.unwrap();
        let rows: Vec<String> = with_connection(&database.pool(), async |connection| {
            sqlx::query_scalar("SELECT jti FROM berth.revoked_tokens")
                .fetch_all(connection)
                .await
        })
        .await
        .unwrap();
        assert_eq!(rows, ["a token"]);
    }

    #[tokio::test]
    async fn without_a_database_what_was_read_last_counts_and_nothing_can_be_revoked() {
        let revocations = Revocations::read_every(Duration::ZERO, nowhere());
        let known = Known {
            tokens: HashSet::from([token().id]),
            closed: ClosedAccounts {
                ids: Arc::new(HashSet::from([7])),
                complete_before: 0,
            },
            read_at: None,
        };
        revocations.known.store(Arc::new(known));
        assert!(revocations.contains(&token(), "ann").await);
        let another = key("another", SignedDuration::from_hours(1));
        assert!(revocations.contains(&another, "7").await);
        assert!(revocations.insert(&another).await.unwrap_err().is_outage());
        assert!(!revocations.contains(&another, "ann").await);
    }
}
