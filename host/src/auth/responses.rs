//! The responses about accounts and sessions.

use serde::Serialize;
use utoipa::ToSchema;

use super::Identity;
use super::accounts::Account;
use super::sessions::Session;

/// An account.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// The account's number.
    #[schema(example = 7)]
    id: i64,
    /// Where the domain has been put in lower case.
    #[schema(format = Email, example = "ann@example.com")]
    email: String,
    /// The person's name.
    #[schema(required = true, example = "Ann")]
    name: Option<String>,
    /// False once an operator has disabled the account.
    is_active: bool,
    /// RFC 3339, in UTC.
    #[schema(format = DateTime, example = "2026-11-23T12:00:00.123456Z")]
    created_at: String,
}

/// Someone who has no account here: whom another issuer's token stands for, or `ANONYMOUS_USER`.
#[derive(Serialize, ToSchema)]
pub struct Guest {
    /// The token's `sub`.
    #[schema(example = "PTkqFl0aY2rjM6cH")]
    id: String,
    /// The token's `email`.
    #[schema(required = true)]
    email: Option<String>,
    /// The token's `name`.
    #[schema(required = true)]
    name: Option<String>,
    /// Always true.
    is_active: bool,
    /// Always null.
    #[schema(required = true)]
    created_at: Option<String>,
}

/// The account of a token.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Me {
    /// It was issued here, to an account.
    Account(User),
    /// Another issuer's, for someone without an account here.
    Guest(Guest),
}

/// A new account, and a token for it.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    #[serde(flatten)]
    account: User,
    /// The account's number as a string: the token's `sub`, and the `{user_id}` of paths.
    #[schema(example = "7")]
    user_id: String,
    /// A JWT, for `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// The account once more, as a login tells it.
    user: User,
}

/// A login's token, which the cookie `access_token` has too.
#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// A JWT, for `Authorization: Bearer`.
    access_token: String,
    /// The same, by another name that clients look for.
    token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds for which the token is good.
    #[schema(example = 604_800)]
    expires_in: u64,
    /// The account's number as a string: the token's `sub`, and the `{user_id}` of paths.
    #[schema(example = "7")]
    user_id: String,
    /// The account's address.
    #[schema(format = Email, example = "ann@example.com")]
    email: String,
    /// The account's name.
    #[schema(required = true, example = "Ann")]
    name: Option<String>,
    /// The account.
    user: User,
}

/// The answer to a logout.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    /// A sentence for people.
    #[schema(example = "Logged out successfully")]
    message: &'static str,
}

/// The caller, and how long their token is good for.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    /// The caller's account.
    user: Me,
    /// The token.
    session: TokenSession,
}

/// The claims of a valid token.
#[derive(Serialize, ToSchema)]
pub struct TokenSession {
    /// The token's `sub`.
    #[schema(example = "7")]
    user_id: String,
    /// The token's `exp`: RFC 3339, in UTC.
    #[schema(format = DateTime, example = "2026-11-30T12:00:00Z")]
    expires_at: String,
}

impl LoggedOut {
    /// The only response to a logout.
    pub const SUCCESSFULLY: Self = Self {
        message: "Logged out successfully",
    };
}

impl User {
    fn from_account(account: &Account) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            name: account.name.clone(),
            is_active: account.is_active,
            created_at: account.created_at.to_string(),
        }
    }
}

impl Me {
    /// A caller, described by its account, or by its token if it has no account.
    #[must_use]
    pub fn new(caller: Identity, account: Option<&Account>) -> Self {
        match account {
            Some(account) => Self::Account(User::from_account(account)),
            None => Self::Guest(Guest {
                id: caller.principal.subject,
                email: caller.principal.email,
                name: caller.principal.name,
                is_active: true,
                created_at: None,
            }),
        }
    }
}

impl CurrentSession {
    /// The session of a caller; none for `ANONYMOUS_USER`, which has no token.
    #[must_use]
    pub fn new(caller: Identity, account: Option<&Account>) -> Option<Self> {
        let session = TokenSession {
            user_id: caller.principal.subject.clone(),
            expires_at: caller.token.as_ref()?.expires_at.to_string(),
        };
        Some(Self {
            user: Me::new(caller, account),
            session,
        })
    }
}

impl From<Session> for Registered {
    fn from(session: Session) -> Self {
        Self {
            account: User::from_account(&session.account),
            user_id: session.account.subject(),
            access_token: session.token,
            token_type: "bearer",
            user: User::from_account(&session.account),
        }
    }
}

impl From<Session> for LoggedIn {
    fn from(session: Session) -> Self {
        Self {
            access_token: session.token.clone(),
            token: session.token,
            token_type: "bearer",
            expires_in: session.lifetime.as_secs(),
            user_id: session.account.subject(),
            user: User::from_account(&session.account),
            email: session.account.email,
            name: session.account.name,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::time::Duration;

    use berth_runtime::Principal;
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::bearer::Carrier;

    fn account() -> Account {
        Account {
            id: 7,
            email: "ann@example.com".to_owned(),
            name: None,
            is_active: true,
            created_at: "2026-11-23T12:00:00.123456Z".parse().unwrap(),
        }
    }

    fn session() -> Session {
        Session {
            account: account(),
            token: "abc".to_owned(),
            lifetime: Duration::from_mins(1),
        }
    }

    fn user() -> Value {
        json!({
            "id": 7,
            "email": "ann@example.com",
            "name": null,
            "is_active": true,
            "created_at": "2026-11-23T12:00:00.123456Z",
        })
    }

    #[test]
    fn a_registration_is_answered_with_the_account_twice_and_a_token() {
        let mut expected = json!({
            "user_id": "7",
            "access_token": "abc",
            "token_type": "bearer",
            "user": user(),
        });
        expected
            .as_object_mut()
            .unwrap()
            .extend(user().as_object().unwrap().clone());
        assert_eq!(
            serde_json::to_value(Registered::from(session())).unwrap(),
            expected
        );
    }

    #[test]
    fn a_login_is_answered_with_a_token_by_both_names() {
        assert_eq!(
            serde_json::to_value(LoggedIn::from(session())).unwrap(),
            json!({
                "access_token": "abc",
                "token": "abc",
                "token_type": "bearer",
                "expires_in": 60,
                "user_id": "7",
                "email": "ann@example.com",
                "name": null,
                "user": user(),
            })
        );
    }

    #[test]
    fn a_caller_without_an_account_is_who_the_token_says() {
        let principal = Principal {
            subject: "7".to_owned(),
            email: None,
            name: Some("Bob".to_owned()),
            anonymous: false,
        };
        let caller = Identity {
            principal,
            token: None,
            carrier: Carrier::Explicit,
        };
        assert_eq!(
            serde_json::to_value(Me::new(caller.clone(), None)).unwrap(),
            json!({ "id": "7", "email": null, "name": "Bob", "is_active": true, "created_at": null })
        );
        assert_eq!(
            serde_json::to_value(Me::new(caller, Some(&account()))).unwrap(),
            user()
        );
    }
}
