//! Registration, login and logout.

use std::net::IpAddr;
use std::time::Duration;

use berth_database::{PoolError, StorageError};
use berth_metrics::Counters;
use http::HeaderMap;
use tokio::time::timeout;

use super::accounts::{Account, Found};
use super::email::EmailAddress;
use super::requests::{Login, Registration};
use super::throttle::Attempt;
use super::{Auth, AuthError, Identity, LoginOutcome, bearer};
use crate::client::Client;

/// How long a login may wait before it looks up its account.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// A new session of an account, with its token.
pub struct Session {
    /// The account.
    pub account: Account,
    /// A new token.
    pub token: String,
    /// How long the token is valid.
    pub lifetime: Duration,
}

impl Auth {
    /// Creates an account and logs it in.
    pub async fn register(&self, registration: Registration, client: &Client) -> Result<Session, AuthError> {
        let Registration {
            email,
            password,
            name,
        } = registration;
        let hash = self.passwords.hash(password, client.network()).await?;
        let account = self.accounts.create(&email, &hash, name.as_deref()).await?;
        self.session(account.ok_or(AuthError::EmailTaken)?)
    }

    /// Logs in with an address and a password.
    ///
    /// A login for an unknown address takes as long, and gets the same error, as a wrong password.
    pub async fn log_in(&self, login: Login, client: &Client) -> Result<Session, AuthError> {
        let result = self.try_log_in(login, client).await;
        let (outcome, refusal) = match &result {
            Ok(_) => (LoginOutcome::Ok, None),
            Err(AuthError::InvalidLogin) => {
                (LoginOutcome::Failed, Some("the address or the password is wrong"))
            }
            Err(AuthError::Throttled(_)) => (LoginOutcome::Throttled, Some("too many have failed")),
            Err(AuthError::Disabled) => (LoginOutcome::Disabled, Some("the account is disabled")),
            Err(_) => (LoginOutcome::Unavailable, None),
        };
        self.logins.increment(outcome);
        if let Some(reason) = refusal
            && let Some(left_out) = self.refusals.admit()
        {
            // The address of the account may be another person's, and is in no log.
            tracing::info!(
                client = client.address.map(tracing::field::display),
                lines = (left_out > 0).then_some(left_out),
                "a login was refused: {reason}"
            );
        }
        result
    }

    /// The logins so far, by outcome.
    #[must_use]
    pub fn logins(&self) -> &Counters<LoginOutcome> {
        &self.logins
    }

    async fn try_log_in(&self, login: Login, client: &Client) -> Result<Session, AuthError> {
        let client = client.network();
        let found = self.find(&login.address, client).await?;
        let is_known = found.as_ref().is_some_and(|found| found.knows_client);
        let turn = self
            .throttle
            .admit(Attempt {
                address: &login.address,
                client,
                is_known,
            })
            .await?;
        let hash = found.as_ref().map(|found| found.password_hash.as_str());
        let matches = self.passwords.verify(login.password, hash, client).await?;
        let Some(Found { account, .. }) = found.filter(|_| matches) else {
            turn.failed().await?;
            return Err(AuthError::InvalidLogin);
        };
        turn.succeeded();
        if !account.is_active {
            return Err(AuthError::Disabled);
        }
        self.remember(&account, client).await;
        self.session(account)
    }

    /// Revokes the first valid token that the request carries, until it expires. Without a valid token there is nothing
    /// to revoke and no error, so that a client may log out repeatedly.
    pub async fn log_out(&self, headers: &HeaderMap, client: &Client) -> Result<(), AuthError> {
        for (token, carrier) in bearer::tokens_of(headers) {
            let Ok(Identity { token: Some(key), .. }) = self.identity_of(token, carrier).await else {
                continue;
            };
            self.refuse_cross_site(carrier, headers, client)?;
            return Ok(self.revocations.insert(&key).await?);
        }
        Ok(())
    }

    /// The account of a caller; none for the subject of another issuer, or for an `ANONYMOUS_USER` that has no account.
    pub async fn account_of(&self, caller: &Identity) -> Result<Option<Account>, AuthError> {
        match self.accounts.find_by_subject(&caller.principal.subject).await? {
            // The account was disabled just now: its tokens are not revoked yet, but will be.
            Some(account) if !account.is_active => Err(AuthError::invalid(caller.carrier)),
            found => Ok(found),
        }
    }

    /// The account with this address.
    async fn find(&self, address: &str, client: Option<IpAddr>) -> Result<Option<Found>, AuthError> {
        let Ok(email) = EmailAddress::parse(address) else {
            return Ok(None);
        };
        let lookup = timeout(LOOKUP_TIMEOUT, self.lookups.acquire()).await;
        let _lookup = lookup.map_err(|_| StorageError::from(PoolError::Exhausted))?;
        Ok(self.accounts.find_by_email(&email, client).await?)
    }

    /// Stores the client of a login. The login succeeds even if this fails.
    async fn remember(&self, account: &Account, client: Option<IpAddr>) {
        let Some(client) = client else { return };
        if let Err(error) = self.accounts.remember_client(account.id, client).await {
            tracing::warn!(%error, "a client's address cannot be stored: the account does not know the address");
        }
    }

    fn session(&self, account: Account) -> Result<Session, AuthError> {
        let token = self
            .tokens
            .issue(&account.subject(), Some(&account.email), account.name.as_deref())?;
        Ok(Session {
            account,
            token,
            lifetime: self.tokens.lifetime(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use http::{Method, header};

    use super::*;
    use crate::auth::AuthSettings;
    use crate::auth::test_database::TestDatabase;
    use crate::config::CorsOrigins;
    use berth_database::with_connection;

    const ADDRESS: &str = "ann@example.com";
    const PASSWORD: &str = "correct horse";

    fn auth(database: &TestDatabase) -> Auth {
        let settings = AuthSettings {
            secret: "a secret of thirty-two characters".to_owned().into(),
            token_lifetime: Duration::from_hours(1),
            anonymous_user: None,
            secure_cookies: false,
            cors_origins: CorsOrigins::Any,
        };
        Auth::new(settings, database.pool())
    }

    async fn register(auth: &Auth) -> Result<Session, AuthError> {
        let email = EmailAddress::parse(ADDRESS).unwrap();
        let registration = Registration {
            email,
            password: PASSWORD.to_owned(),
            name: None,
        };
        auth.register(registration, &Client::default()).await
    }

    async fn log_in(auth: &Auth, address: &str, password: &str) -> Result<Session, AuthError> {
        let login = Login {
            address: address.to_owned(),
            password: password.to_owned(),
        };
        auth.log_in(login, &Client::default()).await
    }

    fn bearing(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
    }

    async fn authenticate(auth: &Auth, token: &str) -> Result<Identity, AuthError> {
        let identity = auth
            .authenticate(&Method::GET, &bearing(token), &Client::default(), None)
            .await;
        identity.map(Option::unwrap)
    }

    #[tokio::test]
    async fn whoever_registers_can_log_in_be_known_and_log_out() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        let registered = register(&auth).await.unwrap();
        let session = log_in(&auth, " ANN@example.com", PASSWORD).await.unwrap();
        assert_eq!(session.account, registered.account);

        let caller = authenticate(&auth, &session.token).await.unwrap();
        assert_eq!(caller.principal.subject, session.account.subject());
        assert_eq!(auth.account_of(&caller).await.unwrap(), Some(session.account));

        for _ in 0..2 {
            auth.log_out(&bearing(&session.token), &Client::default())
                .await
                .unwrap();
        }
        assert!(matches!(
            authenticate(&auth, &session.token).await,
            Err(AuthError::InvalidToken(_))
        ));
        assert!(authenticate(&auth, &registered.token).await.is_ok());
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_address_are_the_same_failure() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        register(&auth).await.unwrap();
        for (address, password) in [
            (ADDRESS, "battery staple"),
            ("bob@example.com", PASSWORD),
            ("nobody", PASSWORD),
        ] {
            assert!(
                matches!(
                    log_in(&auth, address, password).await,
                    Err(AuthError::InvalidLogin)
                ),
                "{address}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_is_registered_once() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        register(&auth).await.unwrap();
        assert!(matches!(register(&auth).await, Err(AuthError::EmailTaken)));
    }

    #[tokio::test]
    async fn after_many_failures_even_the_right_password_has_to_wait() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        register(&auth).await.unwrap();
        for _ in 0..8 {
            let attempt = Attempt {
                address: ADDRESS,
                client: None,
                is_known: false,
            };
            auth.throttle
                .admit(attempt)
                .await
                .unwrap()
                .failed()
                .await
                .unwrap();
        }
        assert!(matches!(
            log_in(&auth, ADDRESS, PASSWORD).await,
            Err(AuthError::Throttled(_))
        ));
    }

    #[tokio::test]
    async fn a_disabled_account_is_told_so_only_to_who_knows_its_password() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        let session = register(&auth).await.unwrap();
        with_connection(&database.pool(), async |connection| {
            sqlx::query("UPDATE berth.accounts SET is_active = false")
                .execute(connection)
                .await
        })
        .await
        .unwrap();
        assert!(matches!(
            log_in(&auth, ADDRESS, PASSWORD).await,
            Err(AuthError::Disabled)
        ));
        assert!(matches!(
            log_in(&auth, ADDRESS, "battery staple").await,
            Err(AuthError::InvalidLogin)
        ));
        assert!(matches!(
            authenticate(&auth, &session.token).await,
            Err(AuthError::InvalidToken(_))
        ));
    }
}
