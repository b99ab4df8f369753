//! Accounts: the rows of `berth.accounts`.
//!
//! An account's id, written in decimal, is the `sub` of its tokens and the `user_id` of all that it owns.

use berth_database::Pool;
use jiff::Timestamp;

use super::email::EmailAddress;
use crate::storage::{StorageError, with_connection};

/// Reads and writes accounts.
pub struct Accounts(Pool);

/// Someone who registered here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The primary key.
    pub id: i64,
    /// The address, as it was registered.
    pub email: String,
    /// What they want to be called.
    pub name: Option<String>,
    /// False once an operator has disabled the account.
    pub is_active: bool,
    /// When they registered.
    pub created_at: Timestamp,
}

impl Account {
    /// The `sub` of this account's tokens.
    #[must_use]
    pub fn subject(&self) -> String {
        self.id.to_string()
    }
}

/// The columns of an account: id, email, name, `is_active`, and `created_at` in microseconds since 1970.
type Columns = (i64, String, Option<String>, bool, i64);

impl From<Columns> for Account {
    fn from((id, email, name, is_active, created_at): Columns) -> Self {
        // PostgreSQL's calendar ends later than ours; no account will have been made there.
        let created_at = Timestamp::from_microsecond(created_at).unwrap_or(Timestamp::MAX);
        Self { id, email, name, is_active, created_at }
    }
}

impl Accounts {
    /// Accounts in the database of `pool`, which is the host's own.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(pool)
    }

    /// A new account; `None` if the address has one already, in whatever case. Of two requests at once one wins.
    pub async fn create(
        &self,
        email: &EmailAddress,
        password_hash: &str,
        name: Option<&str>,
    ) -> Result<Option<Account>, StorageError> {
        let statement = "INSERT INTO berth.accounts (email, password_hash, name) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING \
             RETURNING id, email, name, is_active, (extract(epoch FROM created_at) * 1000000)::bigint";
        let row = with_connection(&self.0, async |connection| {
            sqlx::query_as::<_, Columns>(statement)
                .bind(email.as_str())
                .bind(password_hash)
                .bind(name)
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.map(Account::from))
    }

    /// The account with this address, in whatever case, and the hash of its password.
    pub async fn find_by_email(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<(Account, String)>, StorageError> {
        let statement = "SELECT id, email, name, is_active, (extract(epoch FROM created_at) * 1000000)::bigint, \
             password_hash FROM berth.accounts WHERE lower(email) = lower($1)";
        let row = with_connection(&self.0, async |connection| {
            sqlx::query_as::<_, (i64, String, Option<String>, bool, i64, String)>(statement)
                .bind(email.as_str())
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.map(|(id, email, name, is_active, created_at, password_hash)| {
            (Account::from((id, email, name, is_active, created_at)), password_hash)
        }))
    }

    /// The account whose tokens have this `sub`. Another issuer's subjects have none.
    pub async fn find_by_subject(&self, subject: &str) -> Result<Option<Account>, StorageError> {
        // Strictly as we write it: `+7` and `007` are someone else's.
        let id = subject.parse::<i64>().ok().filter(|id| id.to_string() == subject);
        let Some(id) = id else { return Ok(None) };
        let statement = "SELECT id, email, name, is_active, (extract(epoch FROM created_at) * 1000000)::bigint \
             FROM berth.accounts WHERE id = $1";
        let row = with_connection(&self.0, async |connection| {
            sqlx::query_as::<_, Columns>(statement).bind(id).fetch_optional(connection).await
        });
        Ok(row.await?.map(Account::from))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;
    use crate::auth::test_database::TestDatabase;

    fn email(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    #[tokio::test]
    async fn of_two_registrations_at_once_one_wins() {
        let database = TestDatabase::start().await;
        let accounts = Accounts::new(database.pool());
        let (ann, also_ann) = (email("ann@example.com"), email("ANN@example.com"));
        let (one, other) =
            tokio::join!(accounts.create(&ann, "hash", None), accounts.create(&also_ann, "hash", None));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.is_some() != other.is_some(), "{one:?} and {other:?}");
    }

    #[tokio::test]
    async fn an_account_is_found_by_its_address_in_any_case_and_by_its_subject() {
        let database = TestDatabase::start().await;
        let accounts = Accounts::new(database.pool());
        let created =
            accounts.create(&email("Ann@example.com"), "the hash", Some("Ann")).await.unwrap().unwrap();
        assert_eq!((created.email.as_str(), created.name.as_deref()), ("Ann@example.com", Some("Ann")));
        assert!(created.is_active);

        let (found, hash) = accounts.find_by_email(&email("aNN@example.COM")).await.unwrap().unwrap();
        assert_eq!((&found, hash.as_str()), (&created, "the hash"));
        assert_eq!(accounts.find_by_email(&email("bob@example.com")).await.unwrap(), None);

        let subject = created.subject();
        assert_eq!(accounts.find_by_subject(&subject).await.unwrap(), Some(created));
        for other in [format!("+{subject}"), format!("0{subject}"), "ann".to_owned(), i64::MAX.to_string()] {
            assert_eq!(accounts.find_by_subject(&other).await.unwrap(), None, "{other}");
        }
    }
}
