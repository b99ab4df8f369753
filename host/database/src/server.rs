//! A database server: how to get to it as one role, and what is in between.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use crate::connect::connect;

/// A setting without a meaning. One that arrives with a new connection shows that nobody shares its session.
const MARK: (&str, &str) = ("berth.session", "own");

/// SQLSTATE by which poolers refuse what they cannot pass on.
const PROTOCOL_VIOLATION: &str = "08P01";

/// What a connection is at the server's end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sessions {
    /// A session of its own: what is set stays set, and what is prepared stays prepared.
    Own,
    /// A pooler in between, such as PgBouncer in transaction mode, lends it a session for each transaction, and nothing
    /// may be left on one.
    Shared,
}

/// How to connect to a database, as one role. A clone is the same server, and knows what the other finds out about it.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    direct: PgConnectOptions,
    /// Said by the URL, or else found out by the first connection.
    sessions: Arc<OnceLock<Sessions>>,
}

impl Server {
    /// A server that is reached by `options`, and past any pooler by `direct`. Without `sessions`, the first connection
    /// finds them out.
    pub(crate) fn new(
        options: PgConnectOptions,
        direct: PgConnectOptions,
        sessions: Option<Sessions>,
    ) -> Self {
        Self { options, direct, sessions: Arc::new(sessions.map_or_else(OnceLock::new, OnceLock::from)) }
    }

    /// The same server, as another role.
    #[must_use]
    pub fn as_role(&self, name: &str, password: &str) -> Self {
        let role = |options: &PgConnectOptions| options.clone().username(name).password(password);
        Self {
            options: role(&self.options),
            direct: role(&self.direct),
            sessions: Arc::clone(&self.sessions),
        }
    }

    #[cfg(test)]
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    #[cfg(test)]
    pub(crate) fn sessions(&self) -> Option<Sessions> {
        self.sessions.get().copied()
    }

    /// How to connect past a pooler, as far as a way is known: for migrations and for LISTEN.
    #[must_use]
    pub fn direct(&self) -> &PgConnectOptions {
        &self.direct
    }

    /// Opens a connection within `patience`, and says what it is.
    pub(crate) async fn connect(&self, patience: Duration) -> sqlx::Result<(PgConnection, Sessions)> {
        if let Some(sessions) = self.sessions.get() {
            return Ok((connect(&self.options, patience).await?, *sessions));
        }
        let (connection, sessions) = self.find_out(patience).await?;
        if self.sessions.set(sessions).is_ok() && sessions == Sessions::Shared {
            tracing::info!("a pooler is in front of PostgreSQL: each statement runs in a transaction");
        }
        Ok((connection, sessions))
    }

    async fn find_out(&self, patience: Duration) -> sqlx::Result<(PgConnection, Sessions)> {
        let marked = self.options.clone().options([MARK]);
        match connect(&marked, patience).await {
            Ok(mut connection) => {
                let is_own = bears_mark(&mut connection).await?;
                Ok((connection, if is_own { Sessions::Own } else { Sessions::Shared }))
            }
            Err(error) if is_refused_parameter(&error) => {
                Ok((connect(&self.options, patience).await?, Sessions::Shared))
            }
            Err(error) => Err(error),
        }
    }
}

impl From<PgConnectOptions> for Server {
    /// A server with nothing in between, as a private one.
    fn from(options: PgConnectOptions) -> Self {
        Self::new(options.clone(), options, Some(Sessions::Own))
    }
}

impl fmt::Display for Server {
    /// Where it is and how it is spoken to, without any secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        if let Some(socket) = options.get_socket() {
            return write!(formatter, "{}", socket.display());
        }
        let tls = match options.get_ssl_mode() {
            PgSslMode::VerifyFull => "over verified TLS",
            PgSslMode::VerifyCa => "over TLS, by whomever its authority trusts",
            PgSslMode::Require => "over TLS, with any certificate",
            PgSslMode::Prefer | PgSslMode::Allow => "over TLS if it has it, with any certificate",
            PgSslMode::Disable => "unencrypted",
        };
        write!(formatter, "{}:{} {tls}", options.get_host(), options.get_port())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options: they hold the password.
        formatter.debug_struct("Server").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

/// Whether what was set when the connection was opened is set on the session behind it.
async fn bears_mark(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let row = sqlx::raw_sql("SELECT current_setting('berth.session', true)").fetch_one(connection).await?;
    Ok(row.try_get::<Option<String>, _>(0)?.as_deref() == Some(MARK.1))
}

fn is_refused_parameter(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|refusal| {
        refusal.code().as_deref() == Some(PROTOCOL_VIOLATION)
            && refusal.message().contains("startup parameter")
    })
}
