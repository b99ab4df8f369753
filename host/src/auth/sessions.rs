//! Registering, logging in and logging out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use berth_runtime::Principal;

use super::accounts::Account;
use super::email::EmailAddress;
use super::requests::{Login, Registration};
use super::throttle::Attempt;
use super::{Auth, AuthError, Identity};

/// Someone who has just shown who they are, and the token that says so from now on.
pub struct Session {
    /// Whose it is.
    pub account: Account,
    /// A new token.
    pub token: String,
    /// How long it is good for.
    pub lifetime: Duration,
}

impl Auth {
    /// A new account, logged in.
    pub async fn register(&self, registration: Registration) -> Result<Session, AuthError> {
        let Registration { email, password, name } = registration;
        let hash = self.passwords.hash(password).await?;
        let account = self.accounts.create(&email, &hash, name.as_deref()).await?;
        self.session(account.ok_or(AuthError::EmailTaken)?)
    }

    /// Logs in who knows the address and the password. `client` is the other end of the connection.
    ///
    /// An address without an account takes as long as one that has one, to be refused in the same words.
    pub async fn log_in(&self, login: Login, client: Option<IpAddr>) -> Result<Session, AuthError> {
        let attempt = Attempt { address: &login.address, client };
        self.throttle.admit(attempt, Instant::now())?;
        let Some(account) = self.account_with(&login.address, login.password).await? else {
            tokio::time::sleep(self.throttle.failed(attempt, Instant::now())).await;
            return Err(AuthError::InvalidLogin);
        };
        self.throttle.succeeded(attempt);
        if account.is_active { self.session(account) } else { Err(AuthError::Disabled) }
    }

    /// Revokes the caller's token until it expires. Who has none, `ANONYMOUS_USER` included, cannot log out.
    pub async fn log_out(&self, caller: &Identity) -> Result<(), AuthError> {
        let token = caller.token.as_ref().ok_or(AuthError::NoToken)?;
        Ok(self.revocations.insert(token).await?)
    }

    /// The account of a caller; none for whom another issuer's token stands, or for one that is made up, as
    /// `ANONYMOUS_USER` may be.
    pub async fn account_of(&self, caller: &Principal) -> Result<Option<Account>, AuthError> {
        match self.accounts.find_by_subject(&caller.subject).await? {
            Some(account) if !account.is_active => Err(AuthError::Disabled),
            found => Ok(found),
        }
    }

    /// The account with this address and this password.
    async fn account_with(&self, address: &str, password: String) -> Result<Option<Account>, AuthError> {
        let found = match EmailAddress::parse(address) {
            Ok(email) => self.accounts.find_by_email(&email).await?,
            Err(_) => None,
        };
        let hash = found.as_ref().map(|(_, hash)| hash.as_str());
        let matches = self.passwords.verify(password, hash).await?;
        Ok(found.filter(|_| matches).map(|(account, _)| account))
    }

    fn session(&self, account: Account) -> Result<Session, AuthError> {
        let token = self.tokens.issue(&account.subject(), Some(&account.email), account.name.as_deref())?;
        Ok(Session { account, token, lifetime: self.tokens.lifetime() })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use http::{HeaderMap, header};

    use super::*;
    use crate::auth::AuthSettings;
    use crate::auth::test_database::TestDatabase;
    use crate::storage::with_connection;

    const ADDRESS: &str = "ann@example.com";
    const PASSWORD: &str = "correct horse";

    fn auth(database: &TestDatabase) -> Auth {
        let settings = AuthSettings {
            secret: "a secret of thirty-two characters".to_owned().into(),
            token_lifetime: Duration::from_hours(1),
            anonymous_user: None,
            secure_cookies: false,
        };
        Auth::new(settings, database.pool())
    }

    async fn register(auth: &Auth) -> Result<Session, AuthError> {
        let email = EmailAddress::parse(ADDRESS).unwrap();
        auth.register(Registration { email, password: PASSWORD.to_owned(), name: None }).await
    }

    async fn log_in(auth: &Auth, address: &str, password: &str) -> Result<Session, AuthError> {
        auth.log_in(Login { address: address.to_owned(), password: password.to_owned() }, None).await
    }

    async fn authenticate(auth: &Auth, token: &str) -> Result<Identity, AuthError> {
        let bearer = (header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        auth.authenticate(&HeaderMap::from_iter([bearer]), None).await.map(Option::unwrap)
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
        assert_eq!(auth.account_of(&caller.principal).await.unwrap(), Some(session.account));

        auth.log_out(&caller).await.unwrap();
        assert!(matches!(authenticate(&auth, &session.token).await, Err(AuthError::InvalidToken(_))));
        assert!(authenticate(&auth, &registered.token).await.is_ok());
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_address_are_the_same_failure() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        register(&auth).await.unwrap();
        for (address, password) in
            [(ADDRESS, "battery staple"), ("bob@example.com", PASSWORD), ("nobody", PASSWORD)]
        {
            assert!(
                matches!(log_in(&auth, address, password).await, Err(AuthError::InvalidLogin)),
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
            auth.throttle.failed(Attempt { address: ADDRESS, client: None }, Instant::now());
        }
        assert!(matches!(log_in(&auth, ADDRESS, PASSWORD).await, Err(AuthError::Throttled(_))));
    }

    #[tokio::test]
    async fn a_disabled_account_is_told_so_only_to_who_knows_its_password() {
        let database = TestDatabase::start().await;
        let auth = auth(&database);
        let session = register(&auth).await.unwrap();
        with_connection(&database.pool(), async |connection| {
            sqlx::query("UPDATE berth.accounts SET is_active = false").execute(connection).await
        })
        .await
        .unwrap();
        assert!(matches!(log_in(&auth, ADDRESS, PASSWORD).await, Err(AuthError::Disabled)));
        assert!(matches!(log_in(&auth, ADDRESS, "battery staple").await, Err(AuthError::InvalidLogin)));
        let caller = authenticate(&auth, &session.token).await.unwrap();
        assert!(matches!(auth.account_of(&caller.principal).await, Err(AuthError::Disabled)));
    }
}
