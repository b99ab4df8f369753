//! Accounts: the rows of `berth.accounts`.
//!
//! An account's id, written in decimal, is the `sub` of its tokens and the `user_id` of all that it owns.

use std::net::IpAddr;

use berth_database::{Pool, StorageError, with_connection};
use jiff::Timestamp;

use super::email::EmailAddress;

/// How many clients are stored for each account: the clients of its latest logins.
const REMEMBERED_CLIENTS: i64 = 20;

/// Reads and writes accounts.
pub struct Accounts(Pool);

/// A registered account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The primary key.
    pub id: i64,
    /// The address, as it was registered.
    pub email: String,
    /// The display name.
    pub name: Option<String>,
    /// False once an operator has disabled the account.
    pub is_active: bool,
    /// The time of the registration.
    pub created_at: Timestamp,
}

/// An account, as a login needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The account.
    pub account: Account,
    /// The hash of its password.
    pub password_hash: String,
    /// Whether the account has logged in from the client in the last 90 days.
    pub knows_client: bool,
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
        // PostgreSQL's calendar ends later than `Timestamp`; no account is created beyond it.
        let created_at = Timestamp::from_microsecond(created_at).unwrap_or(Timestamp::MAX);
        Self {
            id,
            email,
            name,
            is_active,
            created_at,
        }
    }
}

impl Accounts {
    /// Makes the accounts in the database of `pool`, which is the host's own.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(pool)
    }

    /// Creates an account; `None` if the address has an account already, in any case. Of two requests at once, one
    /// succeeds.
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

    /// The account with this address, in any case, for a login from `client`.
    pub async fn find_by_email(
        &self,
        email: &EmailAddress,
        client: Option<IpAddr>,
    ) -> Result<Option<Found>, StorageError> {
        let statement = "SELECT id, email, name, is_active, (extract(epoch FROM created_at) * 1000000)::bigint, \
             password_hash, EXISTS (SELECT FROM berth.login_addresses WHERE account_id = id \
             AND client = $2::inet AND last_login_at > now() - interval '90 days') \
             FROM berth.accounts WHERE lower(email) = lower($1)";
        let row = with_connection(&self.0, async |connection| {
            sqlx::query_as::<_, (i64, String, Option<String>, bool, i64, String, bool)>(statement)
                .bind(email.as_str())
                .bind(client.map(|client| client.to_string()))
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.map(
            |(id, email, name, is_active, created_at, password_hash, knows_client)| {
                let account = Account::from((id, email, name, is_active, created_at));
                Found {
                    account,
                    password_hash,
                    knows_client,
                }
            },
        ))
    }

    /// Stores that an account has logged in from `client`, at most once a day.
    pub async fn remember_client(&self, account: i64, client: IpAddr) -> Result<(), StorageError> {
        let statement = "WITH others AS (SELECT client FROM berth.login_addresses \
             WHERE account_id = $1 AND client <> $2::inet ORDER BY last_login_at DESC OFFSET $3), \
             forgotten AS (DELETE FROM berth.login_addresses WHERE account_id = $1 \
             AND client IN (SELECT client FROM others)) \
             INSERT INTO berth.login_addresses AS known (account_id, client) VALUES ($1, $2::inet) \
             ON CONFLICT (account_id, client) DO UPDATE SET last_login_at = now() \
             WHERE known.last_login_at < now() - interval '1 day'";
        with_connection(&self.0, async |connection| {
            let query = sqlx::query(statement).bind(account).bind(client.to_string());
            query.bind(REMEMBERED_CLIENTS - 1).execute(connection).await
        })
        .await
        .map(drop)
    }

    /// The account whose tokens have this `sub`; none for another issuer's subjects.
    pub async fn find_by_subject(&self, subject: &str) -> Result<Option<Account>, StorageError> {
        let Some(id) = id_of(subject) else { return Ok(None) };
        let statement = "SELECT id, email, name, is_active, (extract(epoch FROM created_at) * 1000000)::bigint \
             FROM berth.accounts WHERE id = $1";
        let row = with_connection(&self.0, async |connection| {
            sqlx::query_as::<_, Columns>(statement)
                .bind(id)
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.map(Account::from))
    }
}

/// The id of the account whose tokens have this `sub`. Only the canonical form counts: `+7` and `007` are other
/// subjects.
pub(super) fn id_of(subject: &str) -> Option<i64> {
    subject
        .starts_with(|first: char| matches!(first, '1'..='9'))
        .then(|| subject.parse().ok())
        .flatten()
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
        let (one, other) = tokio::join!(
            accounts.create(&ann, "hash", None),
            accounts.create(&also_ann, "hash", None)
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.is_some() != other.is_some(), "{one:?} and {other:?}");
    }

    #[tokio::test]
    async fn an_account_is_found_by_its_address_in_any_case_and_by_its_subject() {
        let database = TestDatabase::start().await;
        let accounts = Accounts::new(database.pool());
        let created = accounts
            .create(&email("Ann@example.com"), "the hash", Some("Ann"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (created.email.as_str(), created.name.as_deref()),
            ("Ann@example.com", Some("Ann"))
        );
        assert!(created.is_active);

        let found = accounts
            .find_by_email(&email("aNN@example.COM"), None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&found.account, found.password_hash.as_str()),
            (&created, "the hash")
        );
        assert_eq!(
            accounts
                .find_by_email(&email("bob@example.com"), None)
                .await
                .unwrap(),
            None
        );

        let subject = created.subject();
        assert_eq!(accounts.find_by_subject(&subject).await.unwrap(), Some(created));
        for other in [
            format!("+{subject}"),
            format!("0{subject}"),
            "ann".to_owned(),
            i64::MAX.to_string(),
        ] {
            assert_eq!(accounts.find_by_subject(&other).await.unwrap(), None, "{other}");
        }
    }
    #[tokio::test]
    async fn the_clients_of_the_latest_logins_are_known() {
        let database = TestDatabase::start().await;
        let accounts = Accounts::new(database.pool());
        let ann = accounts
            .create(&email("ann@example.com"), "hash", None)
            .await
            .unwrap()
            .unwrap();
        let bob = accounts
            .create(&email("bob@example.com"), "hash", None)
            .await
            .unwrap()
            .unwrap();
        let knows = async |address: &str, client: &str| {
            let client = Some(client.parse().unwrap());
            accounts
                .find_by_email(&email(address), client)
                .await
                .unwrap()
                .unwrap()
                .knows_client
        };
        let clients: Vec<String> = (0..21).map(|number| format!("192.0.2.{number}")).collect();
        for client in clients.iter().chain(&clients[20..]) {
            accounts
                .remember_client(ann.id, client.parse().unwrap())
                .await
                .unwrap();
        }
        accounts
            .remember_client(bob.id, "2001:db8::".parse().unwrap())
            .await
            .unwrap();
        assert!(
            !knows("ann@example.com", "192.0.2.0").await,
            "there were 20 since"
        );
        assert!(knows("ann@example.com", "192.0.2.1").await && knows("ann@example.com", "192.0.2.20").await);
        assert!(!knows("bob@example.com", "192.0.2.1").await && knows("bob@example.com", "2001:db8::").await);

        let long_ago = "UPDATE berth.login_addresses SET last_login_at = now() - interval '91 days'";
        with_connection(&database.pool(), async |connection| {
            sqlx::query(long_ago).execute(connection).await
        })
        .await
        .unwrap();
        assert!(!knows("ann@example.com", "192.0.2.1").await);
        accounts
            .remember_client(ann.id, "192.0.2.1".parse().unwrap())
            .await
            .unwrap();
        assert!(knows("ann@example.com", "192.0.2.1").await);
    }
}
