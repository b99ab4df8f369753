//! Opening one connection: bounded in time, and patient with a server that is only just starting.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use berth_postgres::{Connection, ServerMessage, Target};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection as _};
use tokio::time::{Instant, sleep, timeout};

use crate::trouble::Trouble;

/// SQLSTATEs of a server that is there and will soon answer: starting up, shutting down to start again,
/// or short of connections.
const NOT_YET: [&str; 3] = ["57P03", "57P01", "53300"];

/// How long to wait before another attempt.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a server may be away before the log says so.
const SILENCE: Duration = Duration::from_millis(500);

/// Opens a connection within `patience`, handshake included.
///
/// Statements are not logged: some of them set passwords.
///
/// # Errors
///
/// Whatever keeps the connection from opening; being too slow is an I/O error of the kind `TimedOut`.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    let options = options.clone().disable_statement_logging();
    // Boxed, since it is large, and a part of every future that may have to connect.
    let connection = Box::pin(PgConnection::connect_with(&options));
    timeout(patience, connection).await.unwrap_or_else(|_| Err(too_slow(patience).into()))
}

/// Opens a connection to a server that may not be up yet, trying again for as long as `patience`.
///
/// A private server takes a tenth of a second to start, a managed one that slept takes several.
/// A refusal that waiting does not cure (a wrong password, an unknown database) is returned at once.
///
/// # Errors
///
/// The last attempt's error.
pub async fn connect_when_ready(
    options: &PgConnectOptions,
    patience: Duration,
) -> sqlx::Result<PgConnection> {
    let mut attempts = Attempts::within(patience);
    loop {
        match connect(options, attempts.time_left()).await {
            Err(error) => attempts.pause_after(error).await?,
            connected => return connected,
        }
    }
}

/// The same, for SQL that is not trusted.
///
/// # Errors
///
/// The last attempt's error.
pub async fn open_when_ready(
    target: &Target,
    settings: &[(&str, String)],
    patience: Duration,
) -> Result<Connection, berth_postgres::Error> {
    let mut attempts = Attempts::within(patience);
    loop {
        // Boxed, since it is large, and a part of every future that may have to connect.
        let opening = Box::pin(Connection::open(target, settings));
        match timeout(attempts.time_left(), opening).await.unwrap_or_else(|_| Err(too_slow(patience).into()))
        {
            Err(error) => attempts.pause_after(error).await?,
            opened => return opened,
        }
    }
}

/// Attempts to reach a server, within a bounded time.
struct Attempts {
    start: Instant,
    patience: Duration,
    has_warned: bool,
}

impl Attempts {
    fn within(patience: Duration) -> Self {
        Self { start: Instant::now(), patience, has_warned: false }
    }

    fn time_left(&self) -> Duration {
        self.patience.saturating_sub(self.start.elapsed())
    }

    /// Pauses before the next attempt, or returns the error if there is to be none.
    async fn pause_after<E: MayPass>(&mut self, error: E) -> Result<(), E>
    where
        for<'a> Trouble: From<&'a E>,
    {
        // The longer it took so far, the less a little more matters.
        let pause = (self.start.elapsed() / 10).clamp(SHORTEST_PAUSE, MAX_RETRY_PAUSE);
        if !error.may_pass() || self.time_left() <= pause {
            return Err(error);
        }
        // Servers that are started together with the host take a moment.
        if !self.has_warned && self.start.elapsed() > SILENCE {
            self.has_warned = true;
            tracing::warn!(%error, "PostgreSQL cannot be used yet, trying again: {}", Trouble::from(&error));
        }
        tracing::debug!(%error, "PostgreSQL is not ready yet");
        sleep(pause).await;
        Ok(())
    }
}

/// An error after which the same attempt may succeed a moment later.
trait MayPass: Display {
    fn may_pass(&self) -> bool;
}

impl MayPass for sqlx::Error {
    fn may_pass(&self) -> bool {
        match self {
            Self::Io(error) => is_passing(error),
            Self::Database(refusal) => refusal.code().is_some_and(|code| NOT_YET.contains(&code.as_ref())),
            _ => false,
        }
    }
}

impl MayPass for berth_postgres::Error {
    fn may_pass(&self) -> bool {
        match self {
            Self::Io(error) => is_passing(error),
            _ => self.code().is_some_and(|code| NOT_YET.contains(&code)),
        }
    }
}

/// An answer that makes no sense, such as the certificate of an unknown authority, will be the same next time.
fn is_passing(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

fn too_slow(patience: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no connection to PostgreSQL within {patience:?}"))
}

/// An error of sqlx's as the other client has it.
pub(crate) fn translated(error: sqlx::Error) -> berth_postgres::Error {
    match error {
        sqlx::Error::Database(refusal) => berth_postgres::Error::Server(Box::new(ServerMessage {
            severity: "FATAL".to_owned(),
            code: refusal.code().unwrap_or_default().into_owned(),
            message: refusal.message().to_owned(),
            ..ServerMessage::default()
        })),
        sqlx::Error::Io(error) => error.into(),
        sqlx::Error::Tls(error) => berth_postgres::Error::Tls(error.to_string()),
        other => io::Error::other(other.to_string()).into(),
    }
}
