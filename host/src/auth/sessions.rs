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
        let token = self.tokens.issue(&account.subject(), &account.email, account.name.as_deref())?;
        Ok(Session { account, token, lifetime: self.tokens.lifetime() })
    }
}
