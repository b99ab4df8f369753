//! A database server: how to connect to it as one role, and whether a pooler is in between.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use berth_postgres::target::Pem;
use berth_postgres::{Address, Target, TlsMode};
use percent_encoding::percent_decode_str;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Row};

use crate::connect::{connect, translated};

/// A setting without a meaning. If a session has the value from a new connection, the connection does not share
/// the session.
const MARK: (&str, &str) = ("berth.session", "own");

/// SQLSTATE of poolers for messages that they do not support.
const PROTOCOL_VIOLATION: &str = "08P01";

/// The kind of a connection's session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sessions {
    /// The connection has a session of its own: settings and prepared statements persist.
    Own,
    /// A pooler in between, such as PgBouncer in transaction mode, assigns a session to each transaction, and a
    /// transaction may leave nothing on its session.
    Shared,
}

/// How to connect to a database as one role. Clones share the detected kind of session.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    direct: PgConnectOptions,
    /// Set by the URL, or detected by the first connection.
    sessions: Arc<OnceLock<Sessions>>,
    /// Whether `direct` bypasses the pooler, if there is a pooler.
    has_way_past: bool,
    /// Whether the server is the host's own.
    is_private: bool,
}

impl Server {
    /// A server with the address `options`, and the address `direct` that bypasses any pooler. Without `sessions`, the
    /// first connection detects them.
    pub(crate) fn new(
        options: PgConnectOptions,
        direct: PgConnectOptions,
        sessions: Option<Sessions>,
    ) -> Self {
        let sessions = Arc::new(sessions.map_or_else(OnceLock::new, OnceLock::from));
        let has_way_past = options.get_host() != direct.get_host();
        Self {
            options,
            direct,
            sessions,
            has_way_past,
            is_private: false,
        }
    }

    /// The server with another role.
    #[must_use]
    pub fn as_role(&self, name: &str, password: &str) -> Self {
        let role = |options: &PgConnectOptions| options.clone().username(name).password(password);
        Self {
            options: role(&self.options),
            direct: role(&self.direct),
            sessions: Arc::clone(&self.sessions),
            has_way_past: self.has_way_past,
            is_private: self.is_private,
        }
    }

    /// Whether the server is the host's own, so that the host may change privileges for all roles.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    #[cfg(test)]
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    #[cfg(test)]
    pub(crate) fn known_sessions(&self) -> Option<Sessions> {
        self.sessions.get().copied()
    }

    /// How to connect without the pooler, if a direct address is known: for migrations.
    #[must_use]
    pub fn direct(&self) -> &PgConnectOptions {
        &self.direct
    }

    /// How components connect.
    #[must_use]
    pub fn target(&self) -> Target {
        target(&self.options)
    }

    /// How components connect without the pooler, if a direct address is known: for their migrations.
    #[must_use]
    pub fn direct_target(&self) -> Target {
        target(&self.direct)
    }

    /// The kind of the server's sessions. The first call detects it, within `time_limit`.
    pub(crate) async fn sessions(&self, time_limit: Duration) -> Result<Sessions, berth_postgres::Error> {
        self.known_or_found(time_limit).await.map_err(translated)
    }

    async fn known_or_found(&self, time_limit: Duration) -> sqlx::Result<Sessions> {
        match self.sessions.get() {
            Some(sessions) => Ok(*sessions),
            None => self.connect(time_limit).await.map(|(_, sessions)| sessions),
        }
    }

    /// How to connect for LISTEN. `None` behind a pooler without a direct address: LISTEN would stay on a session that
    /// other clients get next, and they would receive unexpected notifications.
    pub(crate) async fn listening(&self, time_limit: Duration) -> sqlx::Result<Option<&PgConnectOptions>> {
        let sessions = self.known_or_found(time_limit).await?;
        Ok((sessions == Sessions::Own || self.has_way_past).then_some(&self.direct))
    }

    /// Opens a connection within `time_limit`, and returns the kind of its session.
    pub(crate) async fn connect(&self, time_limit: Duration) -> sqlx::Result<(PgConnection, Sessions)> {
        if let Some(sessions) = self.sessions.get() {
            return Ok((connect(&self.options, time_limit).await?, *sessions));
        }
        let (connection, sessions) = self.find_out(time_limit).await?;
        if self.sessions.set(sessions).is_ok() && sessions == Sessions::Shared {
            tracing::info!("a pooler is in front of PostgreSQL: each statement runs in a transaction");
        }
        Ok((connection, sessions))
    }

    async fn find_out(&self, time_limit: Duration) -> sqlx::Result<(PgConnection, Sessions)> {
        let marked = self.options.clone().options([MARK]);
        match connect(&marked, time_limit).await {
            Ok(mut connection) => {
                let is_own = bears_mark(&mut connection).await?;
                Ok((connection, if is_own { Sessions::Own } else { Sessions::Shared }))
            }
            Err(error) if is_refused_parameter(&error) => {
                Ok((connect(&self.options, time_limit).await?, Sessions::Shared))
            }
            Err(error) => Err(error),
        }
    }
}

impl From<PgConnectOptions> for Server {
    /// A server without a pooler, such as a private server.
    fn from(options: PgConnectOptions) -> Self {
        Self {
            is_private: true,
            ..Self::new(options.clone(), options, Some(Sessions::Own))
        }
    }
}

impl fmt::Display for Server {
    /// Shows address and TLS mode, without any secret.
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
        // Without the connect options, because they contain the password.
        formatter
            .debug_struct("Server")
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

/// Converts sqlx's options for the other client. Some have no getter; the rest is read from the URL that sqlx makes of
/// the options. That URL is built without user and host, because sqlx does not escape them.
#[must_use]
pub fn target(options: &PgConnectOptions) -> Target {
    let url = options.clone().username("user").host("localhost").to_url_lossy();
    let parameter = |wanted: &str| {
        let (_, value) = url.query_pairs().find(|(name, _)| name == wanted)?;
        // sqlx marks a path with `file: `.
        Some(Pem::from(value.strip_prefix("file: ").unwrap_or(&value)))
    };
    let password = url
        .password()
        .map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned());
    let mut target = Target::new(address(options), options.get_username());
    target.password = password;
    target.database = options.get_database().map(str::to_owned);
    target.application_name = options.get_application_name().map(str::to_owned);
    target.options = options.get_options().map(str::to_owned);
    target.tls = match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow => TlsMode::Disable,
        PgSslMode::Prefer => TlsMode::Prefer,
        PgSslMode::Require => TlsMode::Require,
        PgSslMode::VerifyCa => TlsMode::VerifyCa,
        PgSslMode::VerifyFull => TlsMode::VerifyFull,
    };
    target.authorities = parameter("sslrootcert");
    target.client_certificate = parameter("sslcert").zip(parameter("sslkey"));
    target
}

/// A host that begins with a slash is the folder of a socket.
fn address(options: &PgConnectOptions) -> Address {
    let host = options.get_host();
    let folder = options
        .get_socket()
        .map(PathBuf::as_path)
        .or_else(|| host.starts_with('/').then(|| Path::new(host)));
    match folder {
        Some(folder) => Address::Unix(folder.join(format!(".s.PGSQL.{}", options.get_port()))),
        None => Address::Tcp(host.to_owned(), options.get_port()),
    }
}

/// Whether the session has the setting from the connection's start.
async fn bears_mark(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let row = sqlx::raw_sql("SELECT current_setting('berth.session', true)")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<Option<String>, _>(0)?.as_deref() == Some(MARK.1))
}

fn is_refused_parameter(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|refusal| {
        refusal.code().as_deref() == Some(PROTOCOL_VIOLATION)
            && refusal.message().contains("startup parameter")
    })
}
