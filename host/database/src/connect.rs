//! Opens one connection within a timeout, and retries while a server is starting.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use berth_postgres::{Connection, ServerMessage, Target};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection as _};
use tokio::time::{Instant, sleep, timeout};

use crate::trouble::Trouble;

/// How long a server may take to wake up.
pub(crate) const WAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLSTATEs of a server that will accept connections soon: it starts up, restarts, or is out of connections.
const NOT_YET: [&str; 3] = ["57P03", "57P01", "53300"];

/// The pause before the second attempt.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a server may be unavailable before the host logs a warning.
const SILENCE: Duration = Duration::from_millis(500);

/// Opens a connection within `patience`, including the handshake.
///
/// Statements are not logged: some of them set passwords.
///
/// # Errors
///
/// Any error that keeps the connection from opening; a timeout is an I/O error of the kind `TimedOut`.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    let options = options.clone().disable_statement_logging();
    // Boxed, because the future is large and part of every future that may have to connect.
    let connection = Box::pin(PgConnection::connect_with(&options));
    timeout(patience, connection)
        .await
        .unwrap_or_else(|_| Err(too_slow(patience).into()))
}

/// Opens a connection to a server that may not be up yet, and retries for up to `patience`.
///
/// A private server starts in a tenth of a second; a managed server that slept takes several seconds. A refusal
/// that waiting does not cure (a wrong password, an unknown database) is returned at once.
///
/// # Errors
///
/// The error of the last attempt.
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

/// Like [`connect_when_ready`], but opens a connection for untrusted SQL.
///
/// # Errors
///
/// The error of the last attempt.
pub async fn open_when_ready(
    target: &Target,
    settings: &[(&str, String)],
    patience: Duration,
) -> Result<Connection, berth_postgres::Error> {
    let mut attempts = Attempts::within(patience);
    loop {
        // Boxed, because the future is large and part of every future that may have to connect.
        let opening = Box::pin(Connection::open(target, settings));
        match timeout(attempts.time_left(), opening)
            .await
            .unwrap_or_else(|_| Err(too_slow(patience).into()))
        {
            Err(error) => attempts.pause_after(error).await?,
            opened => return opened,
        }
    }
}

/// Attempts to reach a server within a timeout.
struct Attempts {
    start: Instant,
    patience: Duration,
    has_warned: bool,
}

impl Attempts {
    fn within(patience: Duration) -> Self {
        Self {
            start: Instant::now(),
            patience,
            has_warned: false,
        }
    }

    fn time_left(&self) -> Duration {
        self.patience.saturating_sub(self.start.elapsed())
    }

    /// Pauses before the next attempt, or returns the error if the time is up.
    async fn pause_after<E: MayPass>(&mut self, error: E) -> Result<(), E>
    where
        for<'a> Trouble: From<&'a E>,
    {
        // The pause grows with the elapsed time.
        let pause = (self.start.elapsed() / 10).clamp(SHORTEST_PAUSE, MAX_RETRY_PAUSE);
        if !error.may_pass() || self.time_left() <= pause {
            return Err(error);
        }
        // No warning at first, because servers that start together with the host take a moment.
        if !self.has_warned && self.start.elapsed() > SILENCE {
            self.has_warned = true;
            tracing::warn!(%error, "PostgreSQL cannot be used yet, trying again: {}", Trouble::from(&error));
        }
        tracing::debug!(%error, "PostgreSQL is not ready yet");
        sleep(pause).await;
        Ok(())
    }
}

/// An error after which another attempt may succeed.
trait MayPass: Display {
    fn may_pass(&self) -> bool;
}

impl MayPass for sqlx::Error {
    fn may_pass(&self) -> bool {
        match self {
            Self::Io(error) => is_passing(error),
            Self::Database(refusal) => refusal
                .code()
                .is_some_and(|code| NOT_YET.contains(&code.as_ref())),
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

/// Whether an I/O error is temporary. Invalid data, such as the certificate of an unknown authority, is
/// permanent.
fn is_passing(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

fn too_slow(patience: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("no connection to PostgreSQL within {patience:?}"),
    )
}

/// Converts an error of sqlx to the error type of the other client.
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
